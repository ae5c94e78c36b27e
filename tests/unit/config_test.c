/* SPDX-License-Identifier: MPL-2.0 */
/* The broker's settings: single ones, files, and which of two wins. */
#include "tests/support/test.h"

#include "broker/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"

/* A file of settings in this folder, whose path is the folder's. */
static const char *write_settings (folder_t *folder, const char *text)
{
    const char *path = folder_path (folder, "broker.conf");
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fputs (text, file);
    assert_int_equal (fclose (file), 0);
    return path;
}

/* Settings as a file with this text makes them; NULL when it is refused. */
static config_t *load (const char *text)
{
    folder_t *folder = folder_new ();
    const char *path = write_settings (folder, text);
    config_t *config = assert_made (config_new ());
    if (dp_settings_take_file (config->settings, path) < 0) {
        assert_says (path);
        config_destroy (&config);
    }
    folder_destroy (&folder);
    return config;
}

static void reads_a_file (void **state)
{
    (void) state;
    config_t *config = load ("# a broker\n"
                             "bind = tcp://*:5555      # all of the network\n"
                             "bind = \"ipc:///run/dpool/broker\"\n"
                             "name = \"the big one\"\n"
                             "max_payload = 256M\n"
                             "memory_limit = 2G\n"
                             "no_worker_timeout = never\n"
                             "log = errors\n");
    assert_non_null (config);
    assert_int_equal (config->n_endpoints, 2);
    assert_string_equal (config->endpoints[0], "tcp://*:5555");
    assert_string_equal (config->endpoints[1], "ipc:///run/dpool/broker");
    assert_string_equal (config->name, "the big one");
    assert_true (config->max_payload_bytes == 256 << 20);
    assert_true (config->memory_limit_bytes == UINT64_C (2) << 30);
    assert_int_equal (config->no_worker_ms, -1);
    assert_int_equal (config->log, CONFIG_LOG_ERRORS);
    config_destroy (&config);
    assert_null (config);
    config_destroy (&config);
}

static void reads_an_empty_file (void **state)
{
    (void) state;
    config_t *config = load ("");
    assert_non_null (config);
    assert_int_equal (config->n_endpoints, 0);
    assert_null (config->name);
    config_destroy (&config);
    config = load ("# nothing\n\n   \n");
    assert_non_null (config);
    config_destroy (&config);
}

static void names_key_and_line_of_what_it_refuses (void **state)
{
    (void) state;
    assert_null (load ("# first\nbind = tcp://*:1\nprot = 5\n"));
    assert_says (":3: unknown key 'prot'");
    assert_says ("max_payload"); /* and what there is instead */
    assert_null (load ("max_payload = 1M\nmax_payloads = 1M\nmax_payload = lots\n"));
    assert_says (":2: unknown key 'max_payloads': did you mean max_payload?");
    assert_null (load ("max_payload = 1M\n\nmax_payload = lots\n"));
    assert_says (":3: max_payload 'lots'");
    assert_null (load ("bind\n    tcp = 5555\n"));
    assert_says (":1: 'bind' is a section");
    assert_null (load ("bind = tcp://*:1\nbind = nowhere\n"));
    assert_says (":2: 'nowhere' is no endpoint");
    assert_null (load ("name =\n"));
    assert_says (":1: ");
}

static void refuses_what_is_not_zpl (void **state)
{
    (void) state;
    static const char *const texts[] = { "bind = \"tcp://*:1\n", "  bind = tcp://*:1\n",
                                         "    bind = tcp://*:1\n", "= 3\n", "{ \"bind\": 1 }\n" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[256];
        snprintf (text, sizeof text, "# first\nlog = errors\n%s", texts[i]);
        assert_null (load (texts[i]));
        assert_says (":1: not in ZPL's form");
        assert_null (load (text));
        assert_says (i == 2 ? ":2: 'log' is a section" : ":3: not in ZPL's form");
    }
}

static void refuses_a_line_that_is_too_long (void **state)
{
    (void) state;
    enum { MOST = 4096 };
    char text[MOST + 2];
    memset (text, ' ', sizeof text);
    memcpy (text, "log = errors", strlen ("log = errors"));
    text[MOST] = '\0';
    config_t *config = load (text);
    assert_non_null (config);
    config_destroy (&config);
    text[MOST] = ' ';
    text[MOST + 1] = '\0';
    assert_null (load (text));
    assert_says (":1: the line is longer than 4096 bytes");
    assert_says ("shorten it");
}

static void refuses_a_list_that_is_too_long (void **state)
{
    (void) state;
    enum { MOST = 1024 };
    static const char line[] = "bind = ipc://x\n";
    char text[(MOST + 1) * sizeof line], *end = text;
    for (size_t i = 0; i <= MOST; i++)
        end = stpcpy (end, line);
    assert_null (load (text));
    assert_says (":1025: bind is given more than 1024 times");
}

static void says_why_a_file_cannot_be_read (void **state)
{
    (void) state;
    folder_t *folder = folder_new ();
    config_t *config = assert_made (config_new ());
    assert_fails (dp_settings_take_file (config->settings, folder_path (folder, "missing")), ENOENT);
    assert_says ("missing");
    assert_fails (dp_settings_take_file (config->settings, folder_path (folder, ".")), EISDIR);
    config_destroy (&config);
    folder_destroy (&folder);
}

/* What it does not say is as usual. */
static void reads_a_quota (void **state)
{
    (void) state;
    config_t *config = load ("quota = \"tasks=5 hellos=none\"\n");
    assert_non_null (config);
    assert_int_equal (config->quota.tasks, 5);
    assert_true (config->quota.hellos == QUOTA_NONE);
    assert_int_equal (config->quota.queries, 1200);
    assert_int_equal (config->quota.bytes, 0);
    config_destroy (&config);
    assert_null (load ("quota = \"tasks=lots\"\n"));
    assert_says (":1: quota 'tasks=lots'");
}

static void reads_sizes (void **state)
{
    (void) state;
    static const struct {
        const char *text;
        uint64_t bytes; /* 0 = refused */
    } cases[] = {
        { "1024", 1024 },
        { "1K", 1024 },
        { "1k", 1024 },
        { "64M", 64 << 20 },
        { "1G", 1 << 30 },
        { "1073741824", 1 << 30 },
        { "1023", 0 },
        { "0", 0 },
        { "2G", 0 },
        { "1073741825", 0 },
        { "1T", 0 },
        { "1MB", 0 },
        { "-1", 0 },
        { "+5M", 0 },
        { "", 0 },
        { " 5M", 0 },
        { "5 M", 0 },
        { "M", 0 },
        { "0x400", 0 },
        { "1.5M", 0 },
        { "99999999999999999999", 0 },
        { "18446744073709551615G", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        config_t *config = assert_made (config_new ());
        if (cases[i].bytes > 0)
            assert_ok (dp_settings_set (config->settings, DP_FROM_OPTION, "max_payload", cases[i].text));
        else
            assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "max_payload", cases[i].text),
                          EINVAL);
        assert_true (config->max_payload_bytes == cases[i].bytes);
        config_destroy (&config);
    }
}

static void reads_times (void **state)
{
    (void) state;
    static const struct {
        const char *text;
        int64_t ms; /* 0 = refused */
    } cases[] = {
        { "30", 30000 }, { "0.25", 250 }, { ".5", 500 },
        { "never", -1 }, { "0", 1 },      { "1000000000", 1000000000000 },
        { "", 0 },       { "soon", 0 },   { "-1", 0 },
        { "30s", 0 },    { "nan", 0 },    { "inf", 0 },
        { "1e99", 0 },   { " 3", 0 },     { "Never", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        config_t *config = assert_made (config_new ());
        if (cases[i].ms != 0)
            assert_ok (
                dp_settings_set (config->settings, DP_FROM_OPTION, "no_worker_timeout", cases[i].text));
        else
            assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "no_worker_timeout",
                                           cases[i].text),
                          EINVAL);
        assert_true (config->no_worker_ms == cases[i].ms);
        config_destroy (&config);
    }
}

static void refuses_names_that_spoil_a_log (void **state)
{
    (void) state;
    char name[300];
    config_t *config = assert_made (config_new ());
    assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "name", ""), EINVAL);
    assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "name", "two\nlines"), EINVAL);
    assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "name", "\"it's\""), EINVAL);
    memset (name, 'x', sizeof name);
    name[256] = '\0';
    assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "name", name), EINVAL);
    assert_null (config->name);
    name[255] = '\0';
    assert_ok (dp_settings_set (config->settings, DP_FROM_OPTION, "name", name));
    assert_ok (dp_settings_set (config->settings, DP_FROM_OPTION, "name", "Käfer"));
    assert_string_equal (config->name, "Käfer");
    assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "log", "everything"), EINVAL);
    assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "bind", ""), EINVAL);
    assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "bind", "inproc://here"), EINVAL);
    assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "bind", "tcp://alpha:65536"), EINVAL);
    assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "", ""), EINVAL);
    assert_fails (dp_settings_set (config->settings, DP_FROM_OPTION, "memory_limit", "15M"), EINVAL);
    assert_says ("16M to 1024G");
    config_destroy (&config);
}

static int set (config_t *config, dp_settings_source_t source, const char *key, const char *value)
{
    return dp_settings_set (config->settings, source, key, value);
}

static void a_weaker_source_sets_only_what_is_not_set (void **state)
{
    (void) state;
    config_t *config = config_new ();
    assert_ok (set (config, DP_FROM_OPTION, "max_payload", "1M"));
    assert_ok (set (config, DP_FROM_OPTION, "bind", "tcp://*:1"));
    assert_ok (set (config, DP_FROM_FILE, "max_payload", "2M"));
    assert_ok (set (config, DP_FROM_FILE, "bind", "tcp://*:2"));
    assert_ok (set (config, DP_FROM_FILE, "name", "filed"));
    assert_ok (set (config, DP_FROM_FILE, "name", "filed again"));
    assert_ok (set (config, DP_FROM_FILE, "log", "errors"));
    assert_fails (set (config, DP_FROM_FILE, "max_payload", "lots"), EINVAL); /* wrong, even if unused */
    assert_ok (dp_settings_take_defaults (config->settings));
    assert_int_equal (config->n_endpoints, 1);
    assert_string_equal (config->endpoints[0], "tcp://*:1");
    assert_true (config->max_payload_bytes == 1 << 20);
    assert_true (config->memory_limit_bytes == 1 << 30);
    assert_string_equal (config->name, "filed again");
    assert_int_equal (config->log, CONFIG_LOG_ERRORS);
    config_destroy (&config);
}

static void lets_options_win_over_the_file (void **state)
{
    (void) state;
    folder_t *folder = folder_new ();
    char path[4200];
    snprintf (path, sizeof path, "%s",
              write_settings (folder,
                              "bind = tcp://*:1\nname = filed\ninsecure = yes\nno_worker_timeout = 7\n"));
    char *argv[] = { "dpool-broker", "--bind", "tcp://*:2", "-b", "tcp://*:3", "--config",
                     path,           "-m",     "8M",        "-q", NULL };
    config_t *config = assert_made (config_new ());
    assert_ok (config_read (config, 10, argv));
    assert_true (config->insecure > 0);
    assert_int_equal (config->n_endpoints, 2);
    assert_string_equal (config->endpoints[1], "tcp://*:3");
    assert_string_equal (config->name, "filed");
    assert_int_equal (config->no_worker_ms, 7000);
    assert_true (config->max_payload_bytes == 8 << 20);
    assert_int_equal (config->log, CONFIG_LOG_ERRORS);
    config_destroy (&config);
    folder_destroy (&folder);
}

static void a_flag_in_the_file_can_be_undone (void **state)
{
    (void) state;
    folder_t *folder = folder_new ();
    char path[4200];
    snprintf (path, sizeof path, "%s", write_settings (folder, "insecure = yes\nlog = errors\n"));
    char *argv[] = { "dpool-broker", "-c", path, "-iq", "--no-insecure", "--no-quiet", NULL };
    config_t *config = assert_made (config_new ());
    assert_ok (config_read (config, 6, argv)); /* of two options the last holds */
    assert_true (config->insecure < 0);
    assert_int_equal (config->log, CONFIG_LOG_EVENTS);
    config_destroy (&config);
    folder_destroy (&folder);
}

/* Their variables without the program's name are those of the library. */
static void what_the_library_is_told_by_variables_is_set_as_all_else (void **state)
{
    (void) state;
    char *argv[] = { "dpool-broker", "--shared-memory", "off", NULL };
    setenv ("DPOOL_SHARED_MEMORY", "8", 1);
    setenv ("DPOOL_MALLOC_TRIM", "off", 1);
    config_t *config = assert_made (config_new ());
    assert_ok (config_read (config, 1, argv));
    assert_int_equal (config->shared_memory_mib, 8);
    assert_int_equal (config->malloc_trim, -1);
    config_destroy (&config);
    setenv ("DPOOL_BROKER_MALLOC_TRIM", "on", 1);
    config = assert_made (config_new ());
    assert_ok (config_read (config, 3, argv));
    assert_int_equal (config->shared_memory_mib, 0);
    assert_int_equal (config->malloc_trim, 1);
    config_destroy (&config);
    unsetenv ("DPOOL_SHARED_MEMORY");
    unsetenv ("DPOOL_MALLOC_TRIM");
    unsetenv ("DPOOL_BROKER_MALLOC_TRIM");
    assert_null (load ("shared_memory = 1G\n"));
    assert_says (":1: shared_memory '1G' is unknown: write a number of MiB, or off");
    assert_null (load ("malloc_trim = maybe\n"));
    assert_says (":1: malloc_trim 'maybe' is unknown");
}

static void has_defaults (void **state)
{
    (void) state;
    char *argv[] = { "dpool-broker", NULL };
    config_t *config = assert_made (config_new ());
    assert_ok (config_read (config, 1, argv));
    assert_int_equal (config->n_endpoints, 1);
    assert_string_equal (config->endpoints[0], "tcp://127.0.0.1:5555");
    assert_true (config->name[0] != '\0');
    assert_int_equal (config->no_worker_ms, 30000);
    assert_true (config->max_payload_bytes == 64 << 20);
    assert_true (config->memory_limit_bytes == 1 << 30);
    assert_int_equal (config->log, CONFIG_LOG_EVENTS);
    assert_int_equal (config->shared_memory_mib, 1024);
    assert_int_equal (config->malloc_trim, 1);
    config_destroy (&config);
}

static void the_environment_wins_over_the_file_and_options_over_both (void **state)
{
    (void) state;
    folder_t *folder = folder_new ();
    char path[4200];
    snprintf (path, sizeof path, "%s",
              write_settings (folder, "name = file\nmax_payload = 1M\nmemory_limit = 20M\nlog = errors\n"));
    setenv ("DPOOL_BROKER_CONFIG", path, 1);
    setenv ("DPOOL_BROKER_NAME", "environment", 1);
    setenv ("DPOOL_BROKER_MAX_PAYLOAD", "2M", 1);
    setenv ("DPOOL_BROKER_BIND", "tcp://127.0.0.1:1, tcp://127.0.0.1:2", 1);
    setenv ("DPOOL_BROKER_LOG", "", 1); /* as if it were not there */
    char *argv[] = { "dpool-broker", "--name", "option", NULL };
    config_t *config = assert_made (config_new ());
    assert_ok (config_read (config, 3, argv));
    assert_string_equal (config->name, "option");
    assert_true (config->max_payload_bytes == 2 << 20);
    assert_true (config->memory_limit_bytes == 20 << 20);
    assert_int_equal (config->n_endpoints, 2);
    assert_int_equal (config->log, CONFIG_LOG_ERRORS);
    config_destroy (&config);

    setenv ("DPOOL_BROKER_MAX_PAYLOAD", "lots", 1);
    config = assert_made (config_new ());
    assert_fails (config_read (config, 3, argv), EINVAL);
    assert_says ("DPOOL_BROKER_MAX_PAYLOAD in the environment: max_payload 'lots' is no size");
    config_destroy (&config);
    static const char *const variables[]
        = { "DPOOL_BROKER_CONFIG", "DPOOL_BROKER_NAME", "DPOOL_BROKER_MAX_PAYLOAD", "DPOOL_BROKER_BIND",
            "DPOOL_BROKER_LOG" };
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv (variables[i]);
    folder_destroy (&folder);
}

/* What is printed, without where each setting comes from. */
static char *printed (const config_t *config)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream (&text, &size);
    dp_settings_print (config->settings, stream);
    fclose (stream);
    for (char *comment; (comment = strstr (text, "  # ")) != NULL;)
        memmove (comment, strchr (comment, '\n'), strlen (strchr (comment, '\n')) + 1);
    return text;
}

static void what_is_printed_can_be_loaded_again (void **state)
{
    (void) state;
    config_t *config
        = load ("bind = tcp://*:5555\nbind = \"ipc:///run/dpool/broker\"\nname = \"the #1\"\n"
                "max_payload = 1025\nmemory_limit = 2G\nno_worker_timeout = 0.25\nlog = errors\n");
    assert_non_null (config);
    char *first = printed (config);
    assert_contains (first, "bind = \"tcp://*:5555\"");
    assert_contains (first, "max_payload = \"1025\"");
    assert_contains (first, "memory_limit = \"2G\"");
    config_t *again = load (first);
    assert_non_null (again);
    char *second = printed (again);
    assert_string_equal (first, second);
    assert_string_equal (again->name, "the #1");
    assert_int_equal (again->no_worker_ms, 250);
    free (first);
    free (second);
    config_destroy (&config);
    config_destroy (&again);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (reads_a_file),
        cmocka_unit_test (reads_an_empty_file),
        cmocka_unit_test (names_key_and_line_of_what_it_refuses),
        cmocka_unit_test (refuses_what_is_not_zpl),
        cmocka_unit_test (refuses_a_line_that_is_too_long),
        cmocka_unit_test (refuses_a_list_that_is_too_long),
        cmocka_unit_test (says_why_a_file_cannot_be_read),
        cmocka_unit_test (reads_a_quota),
        cmocka_unit_test (reads_sizes),
        cmocka_unit_test (reads_times),
        cmocka_unit_test (refuses_names_that_spoil_a_log),
        cmocka_unit_test (a_weaker_source_sets_only_what_is_not_set),
        cmocka_unit_test (lets_options_win_over_the_file),
        cmocka_unit_test (a_flag_in_the_file_can_be_undone),
        cmocka_unit_test (what_the_library_is_told_by_variables_is_set_as_all_else),
        cmocka_unit_test (has_defaults),
        cmocka_unit_test (the_environment_wins_over_the_file_and_options_over_both),
        cmocka_unit_test (what_is_printed_can_be_loaded_again),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
