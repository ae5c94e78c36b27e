/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "worker/worker_options.h"

#include "service/settings_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"

static int read_options (worker_options_t *options, int argc, char **argv)
{
    return worker_options_read (options, argc, argv, settings_file_read);
}

static void write_file (const char *path, const char *text)
{
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
}

static void takes_endpoints_from_arguments_options_and_lists (void **state)
{
    (void) state;
    char *argv[] = { "worker", "tcp://a:1,ipc://b", "--broker", "tcp://c:3", "tcp://d:4", NULL };
    worker_options_t options;
    assert_ok (read_options (&options, 5, argv));
    assert_int_equal (options.endpoints.count, 4);
    worker_options_fini (&options);
}

static void takes_the_same_endpoint_once (void **state)
{
    (void) state;
    char *argv[] = { "worker", "-b", "tcp://a:1,tcp://b:2,tcp://a:1", "tcp://b:2", NULL };
    worker_options_t options;
    assert_ok (read_options (&options, 4, argv));
    assert_int_equal (options.endpoints.count, 2);
    assert_string_equal (options.endpoints.texts[0], "tcp://a:1");
    assert_string_equal (options.endpoints.texts[1], "tcp://b:2");
    worker_options_fini (&options);
}

static void options_win_over_the_environment_and_that_over_the_file (void **state)
{
    (void) state;
    folder_t *folder = folder_new ();
    char *path = strdup (folder_path (folder, "worker.conf"));
    write_file (path, "broker = tcp://file:1\nmodule = ./file.so\nname = filed\nprocesses = 1\n"
                      "label = gpu\nlabel = big\ntask_memory = 2M\ntask_cpu = 9\nlog = errors\n"
                      "shared_memory = 64\n");
    setenv ("DPOOL_WORKER_CONFIG", path, 1);
    setenv ("DPOOL_WORKER_MODULE", "/a/one.so, /a/two words.so", 1);
    setenv ("DPOOL_WORKER_PROCESSES", "2", 1);
    setenv ("DPOOL_WORKER_LOG", "", 1); /* as if it were not there */
    char *argv[] = { "worker", "--processes", "3", NULL };
    worker_options_t options;
    assert_ok (read_options (&options, 3, argv));
    assert_int_equal (options.processes, 3);
    assert_int_equal (options.modules.count, 2);
    assert_string_equal (options.modules.texts[1], "/a/two words.so");
    assert_string_equal (options.endpoints.texts[0], "tcp://file:1");
    assert_int_equal (options.labels.count, 2);
    assert_string_equal (options.name, "filed");
    assert_true (options.task_memory_bytes == 2 << 20);
    assert_true (options.task_cpu_s == 9);
    assert_true (options.is_quiet);
    assert_int_equal (options.shared_memory_mib, 64);
    worker_options_fini (&options);
    setenv ("DPOOL_SHARED_MEMORY", "8", 1);
    char *talkative[] = { "worker", "--no-quiet", NULL };
    assert_ok (read_options (&options, 2, talkative));
    assert_false (options.is_quiet);
    assert_int_equal (options.shared_memory_mib, 8);
    worker_options_fini (&options);
    unsetenv ("DPOOL_SHARED_MEMORY");
    unsetenv ("DPOOL_WORKER_CONFIG");
    unsetenv ("DPOOL_WORKER_MODULE");
    unsetenv ("DPOOL_WORKER_PROCESSES");
    unsetenv ("DPOOL_WORKER_LOG");
    free (path);
    folder_destroy (&folder);
}

/* A client on the same host has these, too; what the worker alone is told wins. Of a broker's it takes none.
 */
static void takes_what_all_that_connect_are_told (void **state)
{
    (void) state;
    setenv ("DPOOL_ENDPOINT", "tcp://all:1,tcp://all:2", 1);
    setenv ("DPOOL_KEY_FILE", "all.key", 1);
    setenv ("DPOOL_SERVER_KEY", "broker.pub", 1);
    setenv ("DPOOL_BROKER_NAME", "a broker", 1);
    setenv ("DPOOL_NAME", "nobody's", 1);
    char *argv[] = { "worker", NULL };
    worker_options_t options;
    assert_ok (read_options (&options, 1, argv));
    assert_int_equal (options.endpoints.count, 2);
    assert_string_equal (options.key_file, "all.key");
    assert_string_equal (options.server_key, "broker.pub");
    assert_true (strcmp (options.name, "a broker") != 0 && strcmp (options.name, "nobody's") != 0);
    worker_options_fini (&options);

    setenv ("DPOOL_WORKER_KEY_FILE", "worker.key", 1);
    setenv ("DPOOL_WORKER_BROKER", "tcp://mine:1", 1);
    assert_ok (read_options (&options, 1, argv));
    assert_int_equal (options.endpoints.count, 1);
    assert_string_equal (options.endpoints.texts[0], "tcp://mine:1");
    assert_string_equal (options.key_file, "worker.key");
    worker_options_fini (&options);
    static const char *const variables[]
        = { "DPOOL_ENDPOINT", "DPOOL_KEY_FILE",        "DPOOL_SERVER_KEY",   "DPOOL_BROKER_NAME",
            "DPOOL_NAME",     "DPOOL_WORKER_KEY_FILE", "DPOOL_WORKER_BROKER" };
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv (variables[i]);
}

static void names_the_source_of_what_it_refuses (void **state)
{
    (void) state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "broker = tcp://a:1\nprocesess = 4\n", ":2: unknown key 'procesess': did you mean processes?" },
        { "task_memory = 5T\n", ":1: task_memory '5T' is no size" },
        { "task_cpu = 5m\n", ":1: task_cpu '5m' is no number" },
        { "\nprocesses = 2000\n", ":2: processes '2000' is no number from 1 to 1024" },
        { "name = a b\n", ":1: name 'a b'" },
        { "broker = alpha\n", ":1: 'alpha' is no endpoint" },
        { "module =\n", ":1: " },
        { "worker\n    name = a\n", ":1: 'worker' is a section" },
        { "processes = 4\n", "no broker is named" },
    };
    folder_t *folder = folder_new ();
    char *path = strdup (folder_path (folder, "worker.conf"));
    char *argv[] = { "worker", "--config", path, NULL };
    worker_options_t options;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file (path, cases[i].text);
        assert_fails (read_options (&options, 3, argv), EINVAL);
        assert_says (cases[i].words);
        worker_options_fini (&options);
    }
    setenv ("DPOOL_WORKER_TASK_CPU", "long", 1);
    assert_fails (read_options (&options, 1, argv), EINVAL);
    assert_says ("DPOOL_WORKER_TASK_CPU in the environment: task_cpu 'long'");
    worker_options_fini (&options);
    unsetenv ("DPOOL_WORKER_TASK_CPU");
    setenv ("DPOOL_WORKER_CONFIG", "/nowhere/worker.conf", 1);
    assert_fails (read_options (&options, 1, argv), ENOENT);
    assert_says ("DPOOL_WORKER_CONFIG in the environment: cannot read /nowhere/worker.conf");
    worker_options_fini (&options);
    assert_fails (worker_options_read (&options, 1, argv, NULL), EINVAL);
    assert_says ("has no files of settings");
    worker_options_fini (&options);
    unsetenv ("DPOOL_WORKER_CONFIG");
    free (path);
    folder_destroy (&folder);
}

static void what_is_printed_can_be_read_again (void **state)
{
    (void) state;
    folder_t *folder = folder_new ();
    char *path = strdup (folder_path (folder, "worker.conf"));
    char *argv[]
        = { "worker", "-b", "tcp://a:1,tcp://b:2", "-m", "./it's #1.so", "-q", "--task-cpu", "7", NULL };
    worker_options_t options;
    assert_ok (read_options (&options, 8, argv));
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    dp_settings_print (options.settings, file);
    fclose (file);
    worker_options_fini (&options);
    char *again[] = { "worker", "-c", path, NULL };
    assert_ok (read_options (&options, 3, again));
    assert_int_equal (options.endpoints.count, 2);
    assert_string_equal (options.modules.texts[0], "./it's #1.so");
    assert_true (options.task_cpu_s == 7);
    assert_true (options.is_quiet);
    worker_options_fini (&options);
    free (path);
    folder_destroy (&folder);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (takes_endpoints_from_arguments_options_and_lists),
        cmocka_unit_test (takes_the_same_endpoint_once),
        cmocka_unit_test (options_win_over_the_environment_and_that_over_the_file),
        cmocka_unit_test (takes_what_all_that_connect_are_told),
        cmocka_unit_test (names_the_source_of_what_it_refuses),
        cmocka_unit_test (what_is_printed_can_be_read_again),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
