/* SPDX-License-Identifier: MPL-2.0 */
/* What only a cluster has: a broker with two workers, "red" and "blue". */
#include "tests/conformance/conformance.h"

static int count_pids (dpool_async_result_t *result, int *pids)
{
    int n = 0;
    for (size_t i = 0; i < dpool_async_result_count (result); i++) {
        int pid, at = 0;
        assert_ok (dpool_value_get (dpool_async_result_value (result, i), "i", &pid));
        while (at < n && pids[at] != pid)
            at++;
        if (at == n)
            pids[n++] = pid;
    }
    return n;
}

/* Each label is one worker's, so each runs on its two processes at most, and no process serves both. */
static void runs_only_where_the_label_is (void **state)
{
    fixture_t *f = *state;
    static const char *const labels[] = { "red", "blue" };
    int pids[2][100], n[2];
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int i = 0; i < 100; i++)
        assert_ok (dpool_items_add (items, ""));
    for (int i = 0; i < 2; i++) {
        dpool_call_options_t options = chunks_of (1);
        options.require = labels[i];
        dpool_async_result_t *result = assert_made (dpool_map (f->pool, "pid", items, &options));
        assert_ok (dpool_async_result_get (result, 0));
        n[i] = count_pids (result, pids[i]);
        assert_in_range (n[i], 1, 2);
        dpool_async_result_destroy (&result);
    }
    for (int i = 0; i < n[0]; i++) {
        for (int j = 0; j < n[1]; j++)
            assert_int_not_equal (pids[0][i], pids[1][j]);
    }
    dpool_items_destroy (&items);
}

static void uses_the_processes_of_both_workers (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = occupy (f, N_PROCESSES);
    int pids[N_PROCESSES];
    open_gate (f);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_int_equal (count_pids (result, pids), N_PROCESSES);
    dpool_async_result_destroy (&result);
}

/* Two programs on one cluster: a map of the one does not delay a call of the other. */
static void shares_the_cluster_fairly_between_pools (void **state)
{
    fixture_t *f = *state;
    dpool_t *other = another_pool (f, NULL);
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int i = 0; i < 200; i++)
        assert_ok (dpool_items_add (items, "d", 0.05));
    dpool_call_options_t options = chunks_of (1);
    dpool_async_result_t *map = assert_made (dpool_map_async (f->pool, "sleep", items, &options));
    dpool_value_t *value;
    assert_ok (dpool_apply (other, &value, "square", DPOOL_V (12)));
    assert_number (value, 144);
    assert_false (dpool_async_result_ready (map));
    dpool_value_destroy (&value);
    dpool_async_result_destroy (&map);
    dpool_items_destroy (&items);
    dpool_destroy (&other);
}

static void takes_the_first_broker_of_a_list_that_answers (void **state)
{
    fixture_t *f = *state;
    char list[256];
    snprintf (list, sizeof list, "tcp://127.0.0.1:1,%s", f->endpoint); /* nothing listens at port 1 */
    dpool_options_t options = pool_options ();
    options.connect_timeout_ms = PATIENCE_MS;
    dpool_t *pool = assert_made (dpool_open (list, &options));
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (1)));
    dpool_destroy (&pool);
}

static const struct CMUnitTest cases[] = {
    CASE (runs_only_where_the_label_is),
    CASE (uses_the_processes_of_both_workers),
    CASE (shares_the_cluster_fairly_between_pools),
    CASE (takes_the_first_broker_of_a_list_that_answers),
};

THEME (cluster, cases);
