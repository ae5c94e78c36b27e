/* SPDX-License-Identifier: MPL-2.0 */
/* The program dpool against a real broker and real workers. */
#include "tests/support/test.h"

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { MOST_ARGUMENTS = 16, MOST_TEXT = 16384 };

static cluster_t *cluster;
static folder_t *folder;
static char output[MOST_TEXT], *complaint;

static int setup (void **state)
{
    (void) state;
    cluster = cluster_new (NULL);
    folder = folder_new ();
    setenv ("DPOOL_ENDPOINT", cluster_endpoint (cluster), 1);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    free (complaint);
    complaint = NULL;
    unsetenv ("DPOOL_ENDPOINT");
    folder_destroy (&folder);
    cluster_destroy (&cluster);
    return 0;
}

/* Start a program with these words of a line behind its name. */
static process_t *start (const char *words)
{
    static char copy[512];
    char *argv[MOST_ARGUMENTS + 2] = { DPOOL_BIN_DIR "/dpool" }, *rest = NULL;
    size_t n = 1;
    snprintf (copy, sizeof copy, "%s", words);
    for (char *word = strtok_r (copy, " ", &rest); word != NULL && n <= MOST_ARGUMENTS;
         word = strtok_r (NULL, " ", &rest))
        argv[n++] = word;
    return process_new ((const char *const *) argv, folder_path (folder, "stderr"));
}

/* Read what it says to its end, into output and complaint. Returns its exit status. */
static int finish (process_t *process)
{
    process_read_all (process, output, sizeof output);
    int status = process_wait (process);
    process_destroy (&process);
    free (complaint);
    complaint = read_text (folder_path (folder, "stderr"));
    assert_true (WIFEXITED (status));
    return WEXITSTATUS (status);
}

static int run_once (const char *words)
{
    return finish (start (words));
}

/* A broker that others keep off the CPUs may not answer in time. What is asked here may be asked again. */
static int run (const char *words)
{
    enum { UNREACHED = 3, MOST_TRIES = 10 };
    int status = run_once (words);
    for (int n = 1; status == UNREACHED && n < MOST_TRIES; n++)
        status = run_once (words);
    return status;
}

static void assert_done (const char *words)
{
    int status = run (words);
    if (status != 0)
        fail_msg ("dpool %s ended with %d: %s", words, status, complaint);
}

static void status_shows_workers_and_clients (void **state)
{
    (void) state;
    cluster_add_worker (cluster, 2, NULL, "anna");
    assert_done ("wait --workers 1 --timeout 30");
    assert_done ("status");
    assert_contains (output, "workers: 1 (1 ready), processes: 2, clients: 0");
    assert_contains (output, "WORKER");
    assert_contains (output, "anna");
    assert_contains (output, "square");
    assert_done ("status --json");
    assert_contains (output, "\"name\": \"anna\"");
    assert_contains (output, "\"n_clients\": 0"); /* who only asks is none */
    char *log = cluster_log (cluster, -1);
    assert_null (strstr (log, "client"));
    free (log);
}

static void nobody_listens_and_it_says_so_soon (void **state)
{
    (void) state;
    int64_t start_ms = now_ms ();
    assert_int_equal (run_once ("status --endpoint tcp://127.0.0.1:1"), 3);
    assert_contains (complaint, "nothing listens at tcp://127.0.0.1:1: start dpool-broker there");
    assert_in_range (now_ms () - start_ms, 0, 5000); /* 1 s, on a machine that does nothing else */
}

static void wait_gives_up_in_time_and_says_how_many_there_are (void **state)
{
    (void) state;
    cluster_add_worker (cluster, 1, NULL, "anna");
    assert_done ("wait");
    assert_int_equal (run ("wait --workers 2 --timeout 1"), 4);
    assert_contains (complaint, "1 of 2 workers are there");
}

static void wait_ends_when_the_worker_comes (void **state)
{
    (void) state;
    process_t *waiting = start ("wait --workers 2 --timeout 60");
    cluster_add_worker (cluster, 1, NULL, "anna");
    cluster_add_worker (cluster, 1, NULL, "bert");
    assert_int_equal (finish (waiting), 0);
}

static void wait_says_how_many_there_are (void **state)
{
    (void) state;
    cluster_add_worker (cluster, 2, NULL, "anna");
    assert_done ("wait");
    assert_string_equal (output, "workers: 1 (1 ready), processes: 2\n");
    assert_done ("wait --json");
    assert_contains (output, "\"ok\": true");
    assert_contains (output, "\"n_wanted\": 1");
    assert_contains (output, "\"n_ready\": 1");
    assert_contains (output, "\"n_workers\": 1");
    assert_contains (output, "\"processes\": 2");
    assert_contains (output, cluster_endpoint (cluster));
    assert_null (strstr (output, "\"error\""));
    assert_int_equal (run ("wait --json --workers 2 --timeout 1"), 4);
    assert_contains (output, "\"ok\": false");
    assert_contains (output, "\"error\": \"1 of 2 workers are there");
    assert_contains (output, "\"n_ready\": 1");
    assert_contains (complaint, "1 of 2 workers are there");
    assert_int_equal (run_once ("wait --json --timeout 0.2 tcp://127.0.0.1:1"), 3);
    assert_contains (output, "\"error\": \"");
    assert_contains (output, "tcp://127.0.0.1:1"); /* in so short a time it need not be known why */
    assert_null (strstr (output, "n_ready"));      /* nobody has told */
}

static void apply_prints_the_value_as_json (void **state)
{
    (void) state;
    cluster_add_worker (cluster, 1, NULL, "anna");
    assert_done ("wait");
    assert_done ("apply square 12");
    assert_string_equal (output, "144\n");
    assert_done ("apply add2 -- -1 3");
    assert_string_equal (output, "2\n");
    assert_done ("apply --json square 3");
    assert_string_equal (output, "9\n");
}

static void apply_says_what_is_wrong (void **state)
{
    (void) state;
    assert_int_equal (run ("apply square 12"), 1);
    assert_contains (complaint, "no worker is connected");
    cluster_add_worker (cluster, 1, NULL, "anna");
    assert_done ("wait");
    assert_int_equal (run ("apply sqare 12"), 1);
    assert_contains (complaint, "did you mean 'square'?");
    assert_int_equal (run ("apply square word"), 2);
    assert_contains (complaint, "argument 1, word, is no JSON value");
    assert_int_equal (run ("aply square 12"), 2);
    assert_contains (complaint, "did you mean 'apply'?");
}

static void a_line_of_input_is_a_line_of_output (void **state)
{
    (void) state;
    cluster_add_worker (cluster, 2, NULL, "anna");
    assert_done ("wait");
    const char *const argv[]
        = { "/bin/sh", "-c", "printf '1\\n2\\n\\n3\\n' | '" DPOOL_BIN_DIR "/dpool' map --json square", NULL };
    assert_int_equal (finish (process_new (argv, folder_path (folder, "stderr"))), 0);
    assert_string_equal (output, "1\n4\n9\n");
    const char *const bad[]
        = { "/bin/sh", "-c", "printf '1\\nword\\n3\\n' | '" DPOOL_BIN_DIR "/dpool' map square", NULL };
    assert_int_equal (finish (process_new (bad, folder_path (folder, "stderr"))), 2);
    assert_string_equal (output, "1\n");
    assert_contains (complaint, "word, is no JSON value");
}

static void drain_ends_a_worker_when_it_has_finished (void **state)
{
    (void) state;
    char words[400], started[200];
    cluster_add_worker (cluster, 1, NULL, "anna");
    assert_done ("wait");
    assert_int_equal (run ("drain bert"), 1);
    assert_contains (complaint, "there is no worker 'bert'; there are: anna");

    snprintf (started, sizeof started, "%s", folder_path (folder, "started"));
    snprintf (words, sizeof words, "apply touch_then_wait \"%s\" \"%s\"", started,
              folder_path (folder, "gate"));
    process_t *call = start (words);
    wait_for_path (started); /* what has not begun is handed back, and the worker would leave at once */
    assert_done ("status");
    assert_contains (output, " 1        0  ready");
    assert_int_equal (run ("drain anna --timeout 0.1"), 4);
    assert_contains (complaint, "it drains still: 1 of 1 workers");
    assert_done ("status");
    assert_contains (output, "draining");
    process_t *drain = start ("drain anna");
    assert_true (process_read_line (drain, output, sizeof output));
    assert_string_equal (output, "worker 'anna' was asked to drain");
    make_file (folder_path (folder, "gate"));
    assert_int_equal (finish (call), 0);
    assert_int_equal (finish (drain), 0);
    assert_string_equal (output, "worker 'anna' has drained and left\n");
    int status = process_wait (cluster_worker (cluster, 0));
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

static bool is_draining (void *unused)
{
    (void) unused;
    assert_done ("status");
    return strstr (output, "draining") != NULL;
}

static void drain_tells_as_json_what_became_of_each_worker (void **state)
{
    (void) state;
    char words[400], started[200];
    cluster_add_worker (cluster, 1, NULL, "anna");
    assert_done ("wait");
    assert_int_equal (run ("drain --json bert"), 1);
    assert_contains (output, "\"ok\": false");
    assert_contains (output, "\"error\": \"there is no worker 'bert'; there are: anna\"");
    assert_contains (output, "\"workers\": []");

    snprintf (started, sizeof started, "%s", folder_path (folder, "started"));
    snprintf (words, sizeof words, "apply touch_then_wait \"%s\" \"%s\"", started,
              folder_path (folder, "gate"));
    process_t *call = start (words);
    wait_for_path (started);
    process_t *drain = start ("drain --json anna");
    assert_true (wait_until (is_draining, NULL)); /* it has asked */
    assert_int_equal (run ("drain --json anna --timeout 0.1"), 4);
    assert_contains (output, "\"error\": \"it drains still");
    assert_contains (output, "\"name\": \"anna\"");
    assert_contains (output, "\"state\": \"draining\"");
    assert_done ("drain --json anna --timeout 0");
    assert_contains (output, "\"ok\": true");
    assert_contains (output, "\"state\": \"draining\"");
    make_file (folder_path (folder, "gate"));
    assert_int_equal (finish (call), 0);
    assert_int_equal (finish (drain), 0);
    assert_contains (output, "\"ok\": true");
    assert_contains (output, "\"state\": \"left\"");
    assert_null (strstr (output, "worker 'anna'")); /* nothing but JSON */
}

static void the_command_line_is_checked (void **state)
{
    (void) state;
    assert_int_equal (run (""), 2);
    assert_int_equal (run ("wait --workers many"), 2);
    assert_int_equal (run ("status nowhere"), 2);
    assert_contains (complaint, "'nowhere' is no endpoint");
    unsetenv ("DPOOL_ENDPOINT");
    assert_int_equal (run ("status"), 2);
    assert_contains (complaint, "set DPOOL_ENDPOINT");
    assert_done ("--help");
    assert_contains (output, "status");
    assert_done ("--version");
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
        TEST (status_shows_workers_and_clients),
        TEST (nobody_listens_and_it_says_so_soon),
        TEST (wait_gives_up_in_time_and_says_how_many_there_are),
        TEST (wait_ends_when_the_worker_comes),
        TEST (wait_says_how_many_there_are),
        TEST (apply_prints_the_value_as_json),
        TEST (apply_says_what_is_wrong),
        TEST (a_line_of_input_is_a_line_of_output),
        TEST (drain_ends_a_worker_when_it_has_finished),
        TEST (drain_tells_as_json_what_became_of_each_worker),
        TEST (the_command_line_is_checked),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
