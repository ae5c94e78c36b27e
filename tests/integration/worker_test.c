/* SPDX-License-Identifier: MPL-2.0 */
/* Workers as processes: how they end, what becomes of their tasks, and what they refuse to start with. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/wait.h"

enum { N_QUEUED = 20 };

/* A broker and one worker of one process, which runs a gated task and has N_QUEUED more behind it. */
typedef struct scene_s {
    cluster_t *cluster;
    folder_t *folder;
    const char *started, *gate, *queued;
    dpool_t *pool;
    dpool_async_result_t *running, *rest;
} scene_t;

static scene_t *scene_new (const dpool_call_options_t *options)
{
    scene_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->folder = folder_new ();
    self->started = folder_path (self->folder, "started");
    self->gate = folder_path (self->folder, "gate");
    self->queued = folder_path (self->folder, "queued");
    self->cluster = cluster_new (NULL);
    cluster_add_worker (self->cluster, 1, NULL, "first");
    self->pool = assert_opens (cluster_endpoint (self->cluster));
    self->running = assert_made (
        dpool_apply_async_with (self->pool, options, "touch_then_wait", DPOOL_V (self->started, self->gate)));
    wait_for_size (self->started, 1);
    dpool_items_t *items = assert_made (dpool_items_new ());
    dpool_call_options_t one = DPOOL_CALL_OPTIONS_INIT;
    one.chunk_size = 1;
    for (int i = 0; i < N_QUEUED; i++)
        assert_ok (dpool_items_add (items, "s", self->queued));
    self->rest = assert_made (dpool_map_async (self->pool, "touch_file", items, &one));
    dpool_items_destroy (&items);
    return self;
}

static void scene_destroy (scene_t **self_p)
{
    scene_t *self = *self_p;
    dpool_async_result_destroy (&self->running);
    dpool_async_result_destroy (&self->rest);
    dpool_destroy (&self->pool);
    cluster_destroy (&self->cluster);
    folder_destroy (&self->folder);
    free (self);
    *self_p = NULL;
}

static const dpool_call_options_t usual = DPOOL_CALL_OPTIONS_INIT;

static int exit_status_of (process_t *process)
{
    int status = process_wait (process);
    return WIFEXITED (status) ? WEXITSTATUS (status) : -WTERMSIG (status);
}

/* All that it has started is gone too: they share its stdout. */
static void wait_for_orphans (process_t *worker)
{
    char text[256];
    process_read_all (worker, text, sizeof text);
}

/* The unstarted goes to another worker while the running task still runs; then that finishes too. */
static void drains_on_sigterm (void **state)
{
    (void) state;
    scene_t *scene = scene_new (&usual);
    process_t *first = cluster_worker (scene->cluster, 0);
    process_signal (first, SIGTERM);
    cluster_add_worker (scene->cluster, 1, NULL, "second");
    assert_ok (dpool_async_result_get (scene->rest, PATIENCE_MS));
    assert_int_equal (size_of (scene->queued), N_QUEUED);
    assert_false (dpool_async_result_ready (scene->running));
    make_file (scene->gate);
    assert_ok (dpool_async_result_get (scene->running, PATIENCE_MS));
    assert_int_equal (size_of (scene->started), 1);
    assert_int_equal (exit_status_of (first), 0);
    scene_destroy (&scene);
}

/* One worker after the other is replaced while a map goes on whose items may run at most once. */
static void loses_nothing_in_a_rolling_restart (void **state)
{
    (void) state;
    enum { N = 6000, N_WORKERS = 6 };
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.at_most_once = true;
    folder_t *folder = folder_new ();
    const char *runs = folder_path (folder, "runs");
    cluster_t *cluster = cluster_new (NULL);
    cluster_add_worker (cluster, 2, NULL, NULL);
    cluster_add_worker (cluster, 2, NULL, NULL);
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int i = 0; i < N; i++)
        assert_ok (dpool_items_add (items, "s", runs));
    dpool_imap_t *imap
        = assert_made (dpool_imap (pool, "touch_file", dpool_source_from_items (items), &options));
    size_t n_drained = 0;
    for (int i = 0; i < N; i++) {
        if (dpool_imap_next (imap, NULL, PATIENCE_MS) != 1)
            fail_msg ("item %d: %s", i, dpool_last_error ()->message);
        if (i % (N / N_WORKERS) == 0 && n_drained < N_WORKERS - 2) {
            cluster_add_worker (cluster, 2, NULL, NULL);
            assert_ok (dpool_wait_workers (pool, 6, PATIENCE_MS));
            process_signal (cluster_worker (cluster, n_drained++), SIGTERM);
        }
    }
    assert_int_equal (size_of (runs), N);
    for (size_t i = 0; i < n_drained; i++)
        assert_int_equal (exit_status_of (cluster_worker (cluster, i)), 0);
    dpool_imap_destroy (&imap);
    dpool_items_destroy (&items);
    dpool_destroy (&pool);
    cluster_destroy (&cluster);
    folder_destroy (&folder);
}

static void ends_at_once_on_a_second_sigterm (void **state)
{
    (void) state;
    scene_t *scene = scene_new (&usual);
    process_t *first = cluster_worker (scene->cluster, 0);
    process_signal (first, SIGTERM);
    cluster_add_worker (scene->cluster, 1, NULL, "second");
    assert_ok (dpool_async_result_get (scene->rest, PATIENCE_MS)); /* so the first signal was taken */
    process_signal (first, SIGTERM);
    process_wait (first);
    wait_for_orphans (first);
    wait_for_size (scene->started, 2); /* what ran there runs again */
    make_file (scene->gate);
    assert_ok (dpool_async_result_get (scene->running, PATIENCE_MS));
    scene_destroy (&scene);
}

static void hands_over_all_tasks_of_a_killed_worker (void **state)
{
    (void) state;
    scene_t *scene = scene_new (&usual);
    process_t *first = cluster_worker (scene->cluster, 0);
    cluster_add_worker (scene->cluster, 1, NULL, "second");
    process_signal (first, SIGKILL);
    process_wait (first);
    wait_for_orphans (first);
    wait_for_size (scene->started, 2);
    make_file (scene->gate);
    assert_ok (dpool_async_result_get (scene->running, PATIENCE_MS));
    assert_ok (dpool_async_result_get (scene->rest, PATIENCE_MS));
    assert_int_equal (size_of (scene->started), 2);
    scene_destroy (&scene);
}

static void never_hands_over_what_may_run_at_most_once (void **state)
{
    (void) state;
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.at_most_once = true;
    scene_t *scene = scene_new (&options);
    cluster_add_worker (scene->cluster, 1, NULL, "second");
    process_signal (cluster_worker (scene->cluster, 0), SIGKILL);
    assert_fails (dpool_async_result_get (scene->running, PATIENCE_MS), DPOOL_ELOST);
    assert_ok (dpool_async_result_get (scene->rest, PATIENCE_MS));
    assert_int_equal (size_of (scene->started), 1);
    scene_destroy (&scene);
}

/* It is silent for so long that it counts as lost; when it goes on, its late result does no harm. */
static void hands_over_the_tasks_of_a_stopped_worker (void **state)
{
    (void) state;
    scene_t *scene = scene_new (&usual);
    process_t *first = cluster_worker (scene->cluster, 0);
    cluster_add_worker (scene->cluster, 1, NULL, "second");
    process_signal (first, SIGSTOP);
    wait_for_size (scene->started, 2);
    make_file (scene->gate);
    assert_ok (dpool_async_result_get (scene->running, PATIENCE_MS));
    assert_ok (dpool_async_result_get (scene->rest, PATIENCE_MS));
    process_signal (first, SIGCONT);
    assert_ok (dpool_wait_workers (scene->pool, 2, PATIENCE_MS)); /* it is back */
    assert_ok (dpool_apply (scene->pool, NULL, "square", DPOOL_V (3)));
    scene_destroy (&scene);
}

/* The broker forgets all when it is killed; worker and client know the rest between them. */
static void survives_the_kill_of_the_broker (void **state)
{
    (void) state;
    scene_t *scene = scene_new (&usual);
    cluster_restart_broker (scene->cluster);
    make_file (scene->gate);
    assert_ok (dpool_async_result_get (scene->running, PATIENCE_MS));
    assert_ok (dpool_async_result_get (scene->rest, PATIENCE_MS));
    assert_int_equal (size_of (scene->started), 1); /* adopted, not run again */
    assert_int_equal (size_of (scene->queued), N_QUEUED);
    scene_destroy (&scene);
}

/* It says goodbye to all, who take that for a break like any other. */
static void survives_the_orderly_end_of_the_broker (void **state)
{
    (void) state;
    scene_t *scene = scene_new (&usual);
    process_signal (cluster_broker (scene->cluster), SIGTERM);
    assert_int_equal (exit_status_of (cluster_broker (scene->cluster)), 0);
    cluster_restart_broker (scene->cluster);
    make_file (scene->gate);
    assert_ok (dpool_async_result_get (scene->running, PATIENCE_MS));
    assert_ok (dpool_async_result_get (scene->rest, PATIENCE_MS));
    assert_int_equal (size_of (scene->started), 1);
    assert_int_equal (size_of (scene->queued), N_QUEUED);
    scene_destroy (&scene);
}

static void waits_for_a_broker_that_is_not_there_yet (void **state)
{
    (void) state;
    cluster_t *cluster = cluster_new (NULL);
    process_t *worker = cluster_add_worker (cluster, 1, NULL, NULL);
    process_signal (cluster_broker (cluster), SIGKILL);
    cluster_restart_broker (cluster);
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    assert_ok (dpool_wait_workers (pool, 1, PATIENCE_MS));
    dpool_destroy (&pool);
    process_signal (worker, SIGTERM);
    assert_int_equal (exit_status_of (worker), 0);
    cluster_destroy (&cluster);
}

/* ---- What it refuses to start with ----------------------------------------------------------- */

/* Start it with these arguments: it ends by itself with this status. What it said; free it. */
static char *complaint_about (const char *const arguments[], int exit_status)
{
    const char *argv[12] = { DPOOL_BIN_DIR "/dpool-worker" };
    folder_t *folder = folder_new ();
    const char *log = folder_path (folder, "log");
    size_t n = 1;
    while (*arguments)
        argv[n++] = *arguments++;
    int64_t start = now_ms ();
    process_t *worker = process_new (argv, log);
    assert_int_equal (exit_status_of (worker), exit_status);
    assert_true (now_ms () - start < 10000); /* before it tries to reach a broker */
    char *text = read_text (log);
    process_destroy (&worker);
    folder_destroy (&folder);
    return text;
}

static void names_what_is_wrong_with_its_modules (void **state)
{
    (void) state;
    static const char *const endpoint = "tcp://127.0.0.1:1";
    static const struct {
        const char *arguments[6], *words[3];
    } rows[] = {
        { { "--module", DPOOL_MODULE_DIR "/libtestwrok.so", endpoint }, { "libtestwrok.so" } },
        { { "--module", "/dev/null", endpoint }, { "/dev/null" } },
        { { "--module", DPOOL_MODULE_DIR "/libtestempty.so", endpoint }, { "libtestempty" } },
        { { "--module", DPOOL_MODULE_DIR "/libtestwork.so", "--module", DPOOL_MODULE_DIR "/libtesttwin.so",
            endpoint },
          { "square", "testwork", "testtwin" } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = complaint_about (rows[i].arguments, 1);
        for (size_t j = 0; j < 3 && rows[i].words[j]; j++)
            assert_contains (text, rows[i].words[j]);
        free (text);
    }
}

static void names_what_is_wrong_with_its_arguments (void **state)
{
    (void) state;
    static const struct {
        const char *arguments[6], *words;
    } rows[] = {
        { { "--nodule", "x", "tcp://127.0.0.1:1" }, "--nodule" },
        { { "--module", DPOOL_MODULE_DIR "/libtestwork.so", "--processes", "many", "tcp://127.0.0.1:1" },
          "many" },
        { { "--module", DPOOL_MODULE_DIR "/libtestwork.so" }, "broker" },
        { { "--module", DPOOL_MODULE_DIR "/libtestwork.so", "nowhere" }, "nowhere" },
        { { "--module", DPOOL_MODULE_DIR "/libtestwork.so", "tcp://127.0.0.1:65536" }, "1 to 65535" },
        { { "--module", DPOOL_MODULE_DIR "/libtestwork.so", "inproc://broker" }, "inproc://broker" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = complaint_about (rows[i].arguments, 2);
        assert_contains (text, rows[i].words);
        free (text);
    }
}

/* A result beyond it would break the worker's connection, again and again. */
static void keeps_results_to_the_limit_of_its_broker (void **state)
{
    (void) state;
    static const struct {
        const char *max_payload;
        uint64_t fits, too_large[2]; /* bytes of a result, which has a head of 3 or 5 */
    } rows[] = { { "--max-payload=1K", 1021, { 1022, 5000000 } },
                 { "--max-payload=66M", (66 << 20) - 5, { (66 << 20) - 4, 70 << 20 } } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *arguments[] = { rows[i].max_payload, NULL };
        cluster_t *cluster = cluster_new (arguments);
        cluster_add_worker (cluster, 1, NULL, NULL);
        dpool_t *pool = assert_opens (cluster_endpoint (cluster));
        assert_ok (dpool_apply (pool, NULL, "big_result", "u", rows[i].fits));
        for (int k = 0; k < 2; k++) {
            assert_fails (dpool_apply (pool, NULL, "big_result", "u", rows[i].too_large[k]), DPOOL_ETOOLARGE);
            assert_says ("the limit is");
        }
        char *log = cluster_log (cluster, 0);
        assert_null (strstr (log, "broke\n"));
        free (log);
        dpool_destroy (&pool);
        cluster_destroy (&cluster);
    }
}

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (drains_on_sigterm),
        cmocka_unit_test (loses_nothing_in_a_rolling_restart),
        cmocka_unit_test (ends_at_once_on_a_second_sigterm),
        cmocka_unit_test (hands_over_all_tasks_of_a_killed_worker),
        cmocka_unit_test (never_hands_over_what_may_run_at_most_once),
        cmocka_unit_test (hands_over_the_tasks_of_a_stopped_worker),
        cmocka_unit_test (survives_the_kill_of_the_broker),
        cmocka_unit_test (survives_the_orderly_end_of_the_broker),
        cmocka_unit_test (waits_for_a_broker_that_is_not_there_yet),
        cmocka_unit_test (names_what_is_wrong_with_its_modules),
        cmocka_unit_test (names_what_is_wrong_with_its_arguments),
        cmocka_unit_test (keeps_results_to_the_limit_of_its_broker),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
