/* SPDX-License-Identifier: MPL-2.0 */
/* What dpool_async_result_explain says of a cluster in trouble. What a healthy one says is in the conformance
 * cases. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/wait.h"

typedef struct fixture_s {
    cluster_t *cluster;
    folder_t *folder;
    const char *started, *gate;
    dpool_t *pool;
} fixture_t;

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->folder = folder_new ();
    self->started = folder_path (self->folder, "started");
    self->gate = folder_path (self->folder, "gate");
    self->cluster = cluster_new (NULL);
    self->pool = assert_opens (cluster_endpoint (self->cluster));
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    dpool_destroy (&self->pool);
    cluster_destroy (&self->cluster);
    folder_destroy (&self->folder);
    free (self);
    return 0;
}

typedef struct hope_s {
    dpool_async_result_t *result;
    dpool_reason_t reason;
    dpool_explanation_t why;
} hope_t;

static bool has_reason (void *argument)
{
    hope_t *hope = argument;
    return dpool_async_result_explain (hope->result, &hope->why) == 0 && hope->why.reason == hope->reason;
}

static dpool_explanation_t assert_explained (dpool_async_result_t *result, dpool_reason_t reason,
                                             const char *words)
{
    hope_t hope = { result, reason, DPOOL_EXPLANATION_INIT };
    if (!wait_until (has_reason, &hope))
        fail_msg ("reason %d instead of %d: %s", (int) hope.why.reason, (int) reason, hope.why.sentence);
    print_message ("           %s\n", hope.why.sentence);
    assert_contains (hope.why.sentence, words);
    assert_true (hope.why.since_ms >= 0);
    return hope.why;
}

static dpool_async_result_t *start_one (fixture_t *f)
{
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (f->pool, "touch_then_wait", DPOOL_V (f->started, f->gate)));
    wait_for_size (f->started, 1);
    return result;
}

static void there_is_no_worker_at_all (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (1)));
    assert_explained (result, DPOOL_REASON_NO_WORKER, "no worker is connected to the broker");
    dpool_async_result_destroy (&result);
}

/* One that offers it was there, so it is waited for. */
static void no_worker_offers_the_function_now (void **state)
{
    fixture_t *f = *state;
    const char *argv[] = {
        DPOOL_BIN_DIR "/dpool-worker", "--processes", "1", "--module", DPOOL_MODULE_DIR "/libtestprocess.so",
        cluster_endpoint (f->cluster), NULL
    };
    process_t *first = cluster_add_worker (f->cluster, 1, NULL, "first");
    process_t *second = process_new (argv, NULL);
    assert_ok (dpool_wait_workers (f->pool, 2, PATIENCE_MS));
    process_signal (first, SIGTERM);
    process_wait (first);
    dpool_async_result_t *result = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (5)));
    assert_explained (result, DPOOL_REASON_NO_FUNCTION, "none offers 'square'");
    cluster_add_worker (f->cluster, 1, NULL, "third");
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    dpool_async_result_destroy (&result);
    process_destroy (&second);
}

static void all_workers_are_draining (void **state)
{
    fixture_t *f = *state;
    process_t *worker = cluster_add_worker (f->cluster, 1, NULL, "first");
    dpool_async_result_t *running = start_one (f);
    process_signal (worker, SIGTERM);
    dpool_async_result_t *result = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (5)));
    assert_explained (result, DPOOL_REASON_DRAINING, "all workers that offer 'square' are draining");
    assert_explained (running, DPOOL_REASON_RUNNING, " on worker 'first'");
    cluster_add_worker (f->cluster, 1, NULL, "second");
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    make_file (f->gate);
    assert_ok (dpool_async_result_get (running, PATIENCE_MS));
    dpool_async_result_destroy (&running);
    dpool_async_result_destroy (&result);
}

static void a_worker_was_lost_and_it_is_tried_again (void **state)
{
    fixture_t *f = *state;
    process_t *worker = cluster_add_worker (f->cluster, 1, NULL, "first");
    dpool_async_result_t *result = start_one (f);
    process_signal (worker, SIGKILL);
    cluster_add_worker (f->cluster, 1, NULL, "second");
    wait_for_size (f->started, 2);
    dpool_explanation_t why = assert_explained (result, DPOOL_REASON_RETRYING, "on worker 'second'");
    assert_contains (why.sentence, "a worker that had it before was lost");
    assert_string_equal (why.worker, "second");
    assert_int_equal (why.attempt, 2);
    make_file (f->gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    dpool_async_result_destroy (&result);
}

static void the_broker_is_gone_and_returns (void **state)
{
    fixture_t *f = *state;
    cluster_add_worker (f->cluster, 1, NULL, "first");
    dpool_async_result_t *result = start_one (f);
    process_signal (cluster_broker (f->cluster), SIGKILL);
    assert_explained (result, DPOOL_REASON_UNREACHABLE, "the broker is not reachable");
    cluster_restart_broker (f->cluster);
    dpool_explanation_t why = assert_explained (result, DPOOL_REASON_RUNNING, "on worker 'first'");
    assert_int_equal (why.attempt, 1); /* adopted */
    make_file (f->gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_int_equal (size_of (f->started), 1);
    dpool_async_result_destroy (&result);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST (there_is_no_worker_at_all),      TEST (no_worker_offers_the_function_now),
        TEST (all_workers_are_draining),       TEST (a_worker_was_lost_and_it_is_tried_again),
        TEST (the_broker_is_gone_and_returns),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
