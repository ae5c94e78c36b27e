/* SPDX-License-Identifier: MPL-2.0 */
/* The broker as a process: how it starts, what it says, how it ends. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/wait.h"

static void assert_exited (process_t *process, int exit_status)
{
    int status = process_wait (process);
    assert_true (WIFEXITED (status));
    assert_int_equal (WEXITSTATUS (status), exit_status);
}

static void ends_cleanly_on_sigterm_and_sigint (void **state)
{
    (void) state;
    static const int numbers[] = { SIGTERM, SIGINT };
    for (size_t i = 0; i < 2; i++) {
        cluster_t *cluster = cluster_new (NULL);
        process_signal (cluster_broker (cluster), numbers[i]);
        assert_exited (cluster_broker (cluster), 0);
        char *text = cluster_log (cluster, -1);
        assert_contains (text, "the broker ends");
        free (text);
        cluster_destroy (&cluster);
    }
}

static void ends_cleanly_with_peers_connected_and_tasks_running (void **state)
{
    (void) state;
    folder_t *folder = folder_new ();
    const char *started = folder_path (folder, "started");
    cluster_t *cluster = cluster_new (NULL);
    cluster_add_worker (cluster, 2, NULL, NULL);
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    dpool_async_result_t *result = assert_made (
        dpool_apply_async (pool, "touch_then_wait", DPOOL_V (started, folder_path (folder, "gate"))));
    wait_for_size (started, 1);
    process_signal (cluster_broker (cluster), SIGTERM);
    assert_exited (cluster_broker (cluster), 0);
    make_file (folder_path (folder, "gate"));
    dpool_async_result_destroy (&result); /* and the client does not hang without it */
    dpool_destroy (&pool);
    cluster_destroy (&cluster);
    folder_destroy (&folder);
}

static bool names_the_worker (void *cluster)
{
    char *text = cluster_log (cluster, -1);
    bool is_named = strstr (text, "quite-a-name") != NULL;
    free (text);
    return is_named;
}

static void logs_the_workers_that_come (void **state)
{
    (void) state;
    cluster_t *cluster = cluster_new (NULL);
    cluster_add_worker (cluster, 1, NULL, "quite-a-name");
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    assert_ok (dpool_wait_workers (pool, 1, PATIENCE_MS));
    assert_true (wait_until (names_the_worker, cluster));
    dpool_destroy (&pool);
    cluster_destroy (&cluster);
}

static void tells_each_address_that_it_listens_at (void **state)
{
    (void) state;
    folder_t *folder = folder_new ();
    char second[4200], line[4400];
    snprintf (second, sizeof second, "ipc://%s", folder_path (folder, "socket"));
    const char *argv[]
        = { DPOOL_BIN_DIR "/dpool-broker", "--bind", "tcp://127.0.0.1:*", "--bind", second, NULL };
    process_t *broker = process_new (argv, folder_path (folder, "log"));
    for (int i = 0; i < 2; i++) {
        assert_true (process_read_line (broker, line, sizeof line));
        assert_contains (line, i == 0 ? "dpool-broker: listening on tcp://127.0.0.1:" : second);
    }
    dpool_t *pool = assert_opens (second);
    assert_int_equal (dpool_workers (pool), 0);
    dpool_destroy (&pool);
    process_destroy (&broker);
    folder_destroy (&folder);
}

static bool says_what_is_open (void *path)
{
    char *text = read_text (path);
    bool is_said = strstr (text, "there are no keys: whoever reaches ipc://@") != NULL;
    free (text);
    return is_said;
}

static void says_at_its_start_what_is_open_to_others (void **state)
{
    (void) state;
    folder_t *folder = folder_new ();
    char endpoint[64], line[256], log[256];
    snprintf (endpoint, sizeof endpoint, "ipc://@dpool-test-%ld", (long) getpid ());
    snprintf (log, sizeof log, "%s", folder_path (folder, "log"));
    const char *argv[] = { DPOOL_BIN_DIR "/dpool-broker", "--insecure", "--bind", endpoint, NULL };
    process_t *broker = process_new (argv, log);
    assert_true (process_read_line (broker, line, sizeof line));
    assert_true (wait_until (says_what_is_open, log));
    process_destroy (&broker);
    folder_destroy (&folder);
}

/* Ends by itself with this status and says these words. */
static void assert_complains (const char *const argv[], int exit_status, const char *words)
{
    folder_t *folder = folder_new ();
    process_t *broker = process_new (argv, folder_path (folder, "log"));
    assert_exited (broker, exit_status);
    char *text = read_text (folder_path (folder, "log"));
    assert_contains (text, words);
    free (text);
    process_destroy (&broker);
    folder_destroy (&folder);
}

static void refuses_an_address_in_use_and_wrong_arguments (void **state)
{
    (void) state;
    cluster_t *cluster = cluster_new (NULL);
    const char *program = DPOOL_BIN_DIR "/dpool-broker";
    const char *in_use[] = { program, "--bind", cluster_endpoint (cluster), NULL };
    const char *unknown[] = { program, "--bnid", "tcp://127.0.0.1:*", NULL };
    const char *no_endpoint[] = { program, "--bind", "nowhere", NULL };
    assert_complains (in_use, 1, cluster_endpoint (cluster));
    assert_complains (unknown, 2, "--bnid");
    assert_complains (no_endpoint, 2, "nowhere");
    cluster_destroy (&cluster);
}

static void tells_about_itself (void **state)
{
    (void) state;
    static const char *const programs[] = { DPOOL_BIN_DIR "/dpool-broker", DPOOL_BIN_DIR "/dpool-worker" };
    char text[8192];
    for (size_t i = 0; i < 4; i++) {
        const char *version[] = { programs[i % 2], i < 2 ? "--version" : "-V", NULL };
        const char *help[] = { programs[i % 2], i < 2 ? "--help" : "-?", NULL };
        process_t *process = process_new (version, NULL);
        process_read_all (process, text, sizeof text);
        assert_contains (text, dpool_version ());
        assert_exited (process, 0);
        process_destroy (&process);
        process = process_new (help, NULL);
        process_read_all (process, text, sizeof text);
        assert_contains (text, i % 2 == 0 ? "--bind" : "--module");
        assert_exited (process, 0);
        process_destroy (&process);
    }
}

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (ends_cleanly_on_sigterm_and_sigint),
        cmocka_unit_test (ends_cleanly_with_peers_connected_and_tasks_running),
        cmocka_unit_test (logs_the_workers_that_come),
        cmocka_unit_test (tells_each_address_that_it_listens_at),
        cmocka_unit_test (says_at_its_start_what_is_open_to_others),
        cmocka_unit_test (refuses_an_address_in_use_and_wrong_arguments),
        cmocka_unit_test (tells_about_itself),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
