/* SPDX-License-Identifier: MPL-2.0 */
/* What the programs print with --print-config: where each setting comes from, and a file that says the same.
 */
#include "tests/support/test.h"

#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_TEXT = 16384 };

#define BROKER DPOOL_BIN_DIR "/dpool-broker"
#define WORKER DPOOL_BIN_DIR "/dpool-worker"

static folder_t *folder;
static char path[4200], output[MOST_TEXT];

static int setup (void **state)
{
    (void) state;
    folder = folder_new ();
    snprintf (path, sizeof path, "%s", folder_path (folder, "settings"));
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    folder_destroy (&folder);
    return 0;
}

static void write_settings (const char *text)
{
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fputs (text, file);
    assert_int_equal (fclose (file), 0);
}

/* Run a program to its end; what it prints is in output. */
static void print (const char *const argv[])
{
    process_t *process = process_new (argv, NULL);
    process_read_all (process, output, sizeof output);
    int status = process_wait (process);
    process_destroy (&process);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

/* Cut off where each setting comes from. */
static void cut_origins (char *text)
{
    for (char *comment; (comment = strstr (text, "  # ")) != NULL;)
        memmove (comment, strchr (comment, '\n'), strlen (strchr (comment, '\n')) + 1);
}

/* What is in output, given to the program as its file, is printed again. */
static void assert_reads_back (const char *program)
{
    static char before[MOST_TEXT];
    const char *const again[] = { program, "--config", path, "--print-config", NULL };
    write_settings (output);
    cut_origins (output);
    memcpy (before, output, sizeof output);
    print (again);
    assert_non_null (strstr (output, path)); /* where the settings come from now */
    assert_null (strstr (output, "an option"));
    assert_null (strstr (output, "the default"));
    cut_origins (output);
    assert_string_equal (output, before);
}

/* The line of a setting that comes from the file. */
static void assert_filed (const char *line)
{
    char text[4400];
    snprintf (text, sizeof text, "%s  # %s\n", line, path);
    assert_contains (output, text);
}

/* The host's name, as the default of both. */
static void assert_named_by_host (void)
{
    char host[256] = "", line[400];
    assert_int_equal (gethostname (host, sizeof host - 1), 0);
    snprintf (line, sizeof line, "name = \"%s\"  # the default\n", host);
    assert_contains (output, line);
}

static void the_broker_says_where_its_settings_come_from (void **state)
{
    (void) state;
    write_settings ("name = filed\nmax_payload = 1M\nmemory_limit = 20M\nlog = errors\n"
                    "insecure = yes\nshared_memory = 64\nbind = \"ipc:///it's #1\"\n");
    setenv ("DPOOL_BROKER_MAX_PAYLOAD", "2M", 1);
    setenv ("DPOOL_BROKER_MEMORY_LIMIT", "30M", 1);
    setenv ("DPOOL_MALLOC_TRIM", "off", 1);
    const char *const argv[]
        = { BROKER, "-c", path, "--print-config", "--memory-limit", "40M", "--no-quiet", NULL };
    print (argv);
    unsetenv ("DPOOL_BROKER_MAX_PAYLOAD");
    unsetenv ("DPOOL_BROKER_MEMORY_LIMIT");
    unsetenv ("DPOOL_MALLOC_TRIM");
    assert_contains (output, "memory_limit = \"40M\"  # an option\n");
    assert_contains (output, "log = \"events\"  # an option\n");
    assert_contains (output, "max_payload = \"2M\"  # DPOOL_BROKER_MAX_PAYLOAD in the environment\n");
    assert_contains (output, "malloc_trim = \"off\"  # DPOOL_MALLOC_TRIM in the environment\n");
    assert_contains (output, "no_worker_timeout = \"30\"  # the default\n");
    assert_filed ("bind = \"ipc:///it's #1\"");
    assert_filed ("name = \"filed\"");
    assert_filed ("insecure = \"yes\"");
    assert_filed ("shared_memory = \"64\"");
    assert_reads_back (BROKER);
}

static void the_worker_says_where_its_settings_come_from (void **state)
{
    (void) state;
    write_settings ("broker = tcp://file:1\nname = filed\nprocesses = 1\ntask_cpu = 9\nlog = errors\n"
                    "label = gpu\nlabel = big\nmodule = \"./it's #1.so\"\n");
    setenv ("DPOOL_WORKER_PROCESSES", "2", 1);
    setenv ("DPOOL_WORKER_TASK_CPU", "8", 1);
    setenv ("DPOOL_ENDPOINT", "tcp://all:1,tcp://all:2", 1);
    setenv ("DPOOL_SHARED_MEMORY", "off", 1);
    const char *const argv[]
        = { WORKER, "--config", path, "--print-config", "--task-cpu", "7", "--no-quiet", NULL };
    print (argv);
    unsetenv ("DPOOL_WORKER_PROCESSES");
    unsetenv ("DPOOL_WORKER_TASK_CPU");
    unsetenv ("DPOOL_ENDPOINT");
    unsetenv ("DPOOL_SHARED_MEMORY");
    assert_contains (output, "task_cpu = \"7\"  # an option\n");
    assert_contains (output, "log = \"events\"  # an option\n");
    assert_contains (output, "processes = \"2\"  # DPOOL_WORKER_PROCESSES in the environment\n");
    assert_contains (output, "broker = \"tcp://all:1\"  # DPOOL_ENDPOINT in the environment\n"
                             "broker = \"tcp://all:2\"  # DPOOL_ENDPOINT in the environment\n");
    assert_contains (output, "shared_memory = \"off\"  # DPOOL_SHARED_MEMORY in the environment\n");
    assert_filed ("module = \"./it's #1.so\"");
    assert_filed ("label = \"gpu\"");
    assert_filed ("label = \"big\"");
    assert_filed ("name = \"filed\"");
    assert_reads_back (WORKER);
}

static void what_nobody_said_is_printed_too (void **state)
{
    (void) state;
    const char *const broker[] = { BROKER, "--print-config", NULL };
    const char *const worker[] = { WORKER, "--print-config", NULL };
    print (broker);
    assert_named_by_host ();
    assert_contains (output, "bind = \"tcp://127.0.0.1:5555\"  # the default\n");
    assert_contains (output, "shared_memory = \"1024\"  # the default\n");
    assert_contains (output, "malloc_trim = \"on\"  # the default\n");
    assert_reads_back (BROKER);
    print (worker);
    assert_named_by_host ();
    assert_contains (output, "shared_memory = \"1024\"  # the default\n");
    assert_contains (output, "log = \"events\"  # the default\n");
    assert_reads_back (WORKER);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
        TEST (the_broker_says_where_its_settings_come_from),
        TEST (the_worker_says_where_its_settings_come_from),
        TEST (what_nobody_said_is_printed_too),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
