/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A path that swallows what goes over it, and a broker that stands still: for less than the silence that is
 * allowed, and for more. By a proxy, and by dropped packets where network namespaces can be made.
 */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/netns.h"
#include "tests/chaos/proxy.h"
#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/wait.h"

typedef struct fixture_s {
    cluster_t *cluster;
    proxy_t *proxy;
    netns_t *netns; /* or NULL */
    char far[64];   /* the broker's endpoint through the proxy */
    folder_t *folder;
    const char *started, *gate;
} fixture_t;

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    int port = 0;
    assert_non_null (self);
    self->folder = folder_new ();
    self->started = folder_path (self->folder, "started");
    self->gate = folder_path (self->folder, "gate");
    self->cluster = cluster_new (NULL);
    assert_int_equal (sscanf (cluster_endpoint (self->cluster), "tcp://127.0.0.1:%d", &port), 1);
    self->proxy = proxy_new ((uint16_t) port);
    snprintf (self->far, sizeof self->far, "tcp://127.0.0.1:%u", proxy_port (self->proxy));
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    cluster_destroy (&self->cluster);
    proxy_destroy (&self->proxy);
    netns_destroy (&self->netns);
    folder_destroy (&self->folder);
    free (self);
    return 0;
}

static void swallow (fixture_t *f, bool forth, bool back)
{
    proxy_weather_t weather = { .is_swallowing = { forth, back } };
    proxy_set (f->proxy, &weather);
}

static dpool_async_result_t *start_one (fixture_t *f, dpool_t *pool)
{
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (pool, "touch_then_wait", DPOOL_V (f->started, f->gate)));
    wait_for_size (f->started, 1);
    return result;
}

/* ---- Between worker and broker ----------------------------------------------------------------- */

static bool is_silent_for_long (void *result)
{
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    long long silent_ms = 0;
    if (dpool_async_result_explain (result, &why) < 0)
        return false;
    const char *words = strstr (why.sentence, "last heard of ");
    return words && sscanf (words, "last heard of %lld ms", &silent_ms) == 1 && silent_ms > 3000;
}

static void a_short_silence_costs_nothing (void **state)
{
    fixture_t *f = *state;
    dpool_t *pool = assert_opens (cluster_endpoint (f->cluster));
    cluster_add_worker_at (f->cluster, f->far, 1, "far");
    dpool_async_result_t *result = start_one (f, pool);
    cluster_add_worker (f->cluster, 1, NULL, "near");
    swallow (f, true, true);
    assert_true (wait_until (is_silent_for_long, result));
    swallow (f, false, false);
    make_file (f->gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_int_equal (size_of (f->started), 1);
    char *log = cluster_log (f->cluster, -1);
    assert_null (strstr (log, "lost"));
    free (log);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
}

/* Which directions are cut: from the worker to the broker, and back. */
static const struct {
    const char *name;
    bool forth, back;
} cuts[]
    = { { "both ways", true, true }, { "to the broker", true, false }, { "from the broker", false, true } };

typedef void (cut_t) (void *who, bool forth, bool back);

/* What the far worker runs is run elsewhere after 5 s; then that worker returns and is as good as before. */
static void assert_run_elsewhere (fixture_t *f, cut_t *cut, void *who, size_t row, const char *gate)
{
    dpool_t *pool = assert_opens (cluster_endpoint (f->cluster));
    int64_t n_before = size_of (f->started);
    assert_ok (dpool_wait_workers (pool, 1, PATIENCE_MS));
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (pool, "touch_then_wait", DPOOL_V (f->started, gate)));
    wait_for_size (f->started, n_before + 1);
    cluster_add_worker (f->cluster, 1, NULL, "near");
    assert_ok (dpool_wait_workers (pool, 2, PATIENCE_MS));
    cut (who, cuts[row].forth, cuts[row].back);
    int64_t start = now_ms ();
    wait_for_size (f->started, n_before + 2);
    print_message ("           cut %s: run elsewhere after %lld ms\n", cuts[row].name,
                   (long long) (now_ms () - start));
    cut (who, false, false);
    assert_ok (dpool_wait_workers (pool, 2, PATIENCE_MS));
    make_file (gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_int_equal (size_of (f->started), n_before + 2);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
}

static void cut_proxy (void *f, bool forth, bool back)
{
    swallow (f, forth, back);
}

static void what_a_worker_runs_that_is_cut_off_is_run_elsewhere (fixture_t *f, size_t row)
{
    cluster_add_worker_at (f->cluster, f->far, 1, "far");
    assert_run_elsewhere (f, cut_proxy, f, row, f->gate);
}

static void a_worker_is_cut_off (void **state)
{
    what_a_worker_runs_that_is_cut_off_is_run_elsewhere (*state, 0);
}

static void a_worker_is_not_heard (void **state)
{
    what_a_worker_runs_that_is_cut_off_is_run_elsewhere (*state, 1);
}

static void a_worker_hears_nothing (void **state)
{
    what_a_worker_runs_that_is_cut_off_is_run_elsewhere (*state, 2);
}

/* ---- Packets that are dropped ------------------------------------------------------------------- */

static void drop_packets (void *netns, bool forth, bool back)
{
    netns_drop (netns, back, forth);
}

/* A worker on a host of its own, whose packets vanish without a word to anybody. */
static void packets_of_a_worker_s_host_are_dropped (void **state)
{
    fixture_t *f = *state;
    const char *reason, *arguments[] = { "--insecure", "--bind", NULL, NULL };
    char bind[64], path[32];
    netns_t *netns = f->netns = netns_new (200, &reason);
    if (!netns) {
        print_message ("           left out: %s\n", reason);
        skip ();
    }
    snprintf (bind, sizeof bind, "tcp://%s:5999", netns_host (netns));
    arguments[2] = bind;
    cluster_destroy (&f->cluster);
    f->cluster = cluster_new (arguments);
    for (size_t row = 0; row < sizeof cuts / sizeof cuts[0]; row++) {
        const char *argv[] = {
            "/usr/bin/env", "ip", "netns",  "exec", netns_name (netns), DPOOL_BIN_DIR "/dpool-worker",
            "--processes",  "1",  "--name", "far",  "--module",         DPOOL_MODULE_DIR "/libtestwork.so",
            bind,           NULL
        };
        process_t *far = process_new (argv, NULL);
        snprintf (path, sizeof path, "gate-%zu", row);
        assert_run_elsewhere (f, drop_packets, netns, row, folder_path (f->folder, path));
        process_signal (far, SIGTERM);
        process_wait (far);
        process_destroy (&far);
        process_signal (cluster_worker (f->cluster, row), SIGTERM);
        process_wait (cluster_worker (f->cluster, row));
    }
}

/* ---- Between client and broker ----------------------------------------------------------------- */

static bool is_unreachable (void *result)
{
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    return dpool_async_result_explain (result, &why) == 0 && why.reason == DPOOL_REASON_UNREACHABLE
           && strstr (why.sentence, "is not reachable") != NULL;
}

static bool is_running (void *result)
{
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    return dpool_async_result_explain (result, &why) == 0 && why.reason == DPOOL_REASON_RUNNING;
}

/* The broker keeps what it has for a client that is away. */
static void a_client_is_cut_off_and_returns (void **state)
{
    fixture_t *f = *state;
    dpool_t *pool = assert_opens (f->far);
    cluster_add_worker (f->cluster, 1, NULL, NULL);
    dpool_async_result_t *result = start_one (f, pool);
    dpool_async_result_t *rest = assert_made (dpool_apply_async (pool, "square", DPOOL_V (7)));
    swallow (f, true, true);
    assert_true (wait_until (is_unreachable, result));
    swallow (f, false, false);
    assert_true (wait_until (is_running, result));
    make_file (f->gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_ok (dpool_async_result_get (rest, PATIENCE_MS));
    assert_number (dpool_async_result_value (rest, 0), 49);
    assert_int_equal (size_of (f->started), 1);
    dpool_async_result_destroy (&result);
    dpool_async_result_destroy (&rest);
    dpool_destroy (&pool);
}

/* Results that were on their way when a connection broke are sent again, and each counts once. */
static void many_breaks_cost_no_result (void **state)
{
    enum { N = 20000, N_BREAKS = 10 };
    fixture_t *f = *state;
    dpool_t *pool = assert_opens (f->far);
    cluster_add_worker_at (f->cluster, f->far, 2, NULL);
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int64_t i = 0; i < N; i++)
        assert_ok (dpool_items_add (items, "l", i));
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.chunk_size = 4;
    dpool_imap_t *imap = assert_made (dpool_imap (pool, "square", dpool_source_from_items (items), &options));
    const dpool_value_t *value;
    for (int64_t i = 0; i < N; i++) {
        assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
        assert_number (value, i * i);
        if (i % (N / N_BREAKS) == N / N_BREAKS / 2)
            proxy_cut (f->proxy);
    }
    assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 0);
    dpool_imap_destroy (&imap);
    dpool_items_destroy (&items);
    dpool_destroy (&pool);
}

/* ---- The broker -------------------------------------------------------------------------------- */

/* It comes back to peers that gave it up long ago, and that its clock says nothing of. */
static void the_broker_stands_still (void **state)
{
    fixture_t *f = *state;
    dpool_t *pool = assert_opens (cluster_endpoint (f->cluster));
    cluster_add_worker (f->cluster, 1, NULL, NULL);
    dpool_async_result_t *result = start_one (f, pool);
    process_signal (cluster_broker (f->cluster), SIGSTOP);
    assert_true (wait_until (is_unreachable, result));
    process_signal (cluster_broker (f->cluster), SIGCONT);
    assert_true (wait_until (is_running, result));
    make_file (f->gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_int_equal (size_of (f->started), 1);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST (a_short_silence_costs_nothing),
        TEST (a_worker_is_cut_off),
        TEST (a_worker_is_not_heard),
        TEST (a_worker_hears_nothing),
        TEST (packets_of_a_worker_s_host_are_dropped),
        TEST (a_client_is_cut_off_and_returns),
        TEST (many_breaks_cost_no_result),
        TEST (the_broker_stands_still),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
