/* SPDX-License-Identifier: MPL-2.0 */
/* How long processes and handles live: max_tasks_per_child, the number of workers, results beyond the pool.
 */
#include "tests/conformance/conformance.h"

#include <sys/resource.h>

static dpool_t *pool_with_children_of (const fixture_t *f, int max_tasks_per_child)
{
    dpool_options_t options = pool_options ();
    options.processes = 3;
    options.max_tasks_per_child = max_tasks_per_child;
    return another_pool (f, &options);
}

/* test_pool_worker_lifetime. Better than the reference, which counts chunks: no process runs more than ten
   items, whatever the chunk. */
static void replaces_children_after_so_many_items (void **state)
{
    fixture_t *f = *state;
    static const size_t sizes[] = { 0, 1, 25 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        dpool_t *pool = pool_with_children_of (f, 10);
        dpool_call_options_t options = chunks_of (sizes[i]);
        dpool_items_t *items = assert_made (dpool_items_new ());
        for (int j = 0; j < 100; j++)
            assert_ok (dpool_items_add (items, ""));
        dpool_async_result_t *result = assert_made (dpool_map (pool, "count_calls", items, &options));
        assert_ok (dpool_async_result_get (result, PATIENCE_MS));
        int n_first = 0;
        for (size_t j = 0; j < 100; j++) {
            int n_calls, pid;
            assert_ok (dpool_value_get (dpool_async_result_value (result, j), "ii", &n_calls, &pid));
            assert_in_range (n_calls, 1, 10);
            n_first += n_calls == 1;
        }
        assert_in_range (n_first, 10, 100); /* so many processes there were */
        dpool_async_result_destroy (&result);
        dpool_items_destroy (&items);
        dpool_destroy (&pool);
    }
}

/* test_pool_worker_lifetime_early_close */
static void closes_early_with_children_of_one_task (void **state)
{
    fixture_t *f = *state;
    dpool_t *pool = pool_with_children_of (f, 1);
    dpool_async_result_t *results[6];
    for (int i = 0; i < 6; i++)
        results[i] = assert_made (dpool_apply_async (pool, "wait_for_file", DPOOL_V (f->gate)));
    assert_ok (dpool_close (pool));
    open_gate (f);
    assert_ok (dpool_join (pool, PATIENCE_MS));
    int pids[6];
    for (int i = 0; i < 6; i++) {
        assert_ok (dpool_async_result_get (results[i], 0));
        assert_ok (dpool_value_get (dpool_async_result_value (results[i], 0), "i", &pids[i]));
        for (int j = 0; j < i; j++)
            assert_int_not_equal (pids[i], pids[j]);
        dpool_async_result_destroy (&results[i]);
    }
    dpool_destroy (&pool);
}

/* test_pool_maxtasksperchild_invalid */
static void refuses_a_negative_number_of_tasks (void **state)
{
    fixture_t *f = *state;
    dpool_options_t options = pool_options ();
    options.max_tasks_per_child = -1;
    assert_not_made (dpool_open (f->endpoint, &options), EINVAL);
    assert_says ("max_tasks_per_child");
}

static void counts_its_workers (void **state)
{
    fixture_t *f = *state;
    assert_int_equal (dpool_workers (f->pool), N_PROCESSES);
    assert_ok (dpool_wait_workers (f->pool, 0, 0));
    assert_ok (dpool_wait_workers (f->pool, N_PROCESSES, 0));
    assert_fails (dpool_wait_workers (f->pool, N_PROCESSES + 1, 0), ETIMEDOUT);
    assert_fails (dpool_wait_workers (f->pool, N_PROCESSES + 1, 50), ETIMEDOUT);
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
}

static void runs_as_many_tasks_at_once_as_it_has_workers (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = occupy (f, N_PROCESSES); /* returns when all have started */
    open_gate (f);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    for (size_t i = 0; i < N_PROCESSES; i++) {
        for (size_t j = 0; j < i; j++) {
            int a, b;
            assert_ok (dpool_value_get (dpool_async_result_value (result, i), "i", &a));
            assert_ok (dpool_value_get (dpool_async_result_value (result, j), "i", &b));
            assert_int_not_equal (a, b);
        }
    }
    dpool_async_result_destroy (&result);
}

static void keeps_results_readable_after_the_pool (void **state)
{
    fixture_t *f = *state;
    dpool_t *pool = another_pool (f, NULL);
    dpool_items_t *items = numbers_from (0, 10);
    dpool_async_result_t *good = assert_made (dpool_map (pool, "square", items, NULL));
    dpool_async_result_t *bad
        = assert_made (dpool_apply_async (pool, "fail_with", DPOOL_V (5, "still here")));
    dpool_imap_t *imap = assert_made (dpool_imap (pool, "square", dpool_source_from_items (items), NULL));
    assert_ok (dpool_async_result_wait (good, PATIENCE_MS));
    assert_ok (dpool_async_result_wait (bad, PATIENCE_MS));
    assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 1);
    dpool_destroy (&pool);
    dpool_items_destroy (&items);

    assert_ok (dpool_async_result_get (good, -1));
    assert_squares (good, 0, 10);
    assert_fails (dpool_async_result_get (bad, -1), DPOOL_EFAILED);
    assert_says ("still here");
    dpool_value_t *value = assert_made (dpool_async_result_take (good, 9));
    dpool_progress_t progress = DPOOL_PROGRESS_INIT;
    assert_ok (dpool_async_result_progress (good, &progress));
    assert_int_equal (progress.finished, 10);
    assert_ok (dpool_async_result_cancel (good));
    dpool_imap_destroy (&imap);
    dpool_async_result_destroy (&bad);
    dpool_async_result_destroy (&good);
    assert_number (value, 81);
    dpool_value_destroy (&value);
}

static void destroys_handles_in_any_order (void **state)
{
    fixture_t *f = *state;
    for (int order = 0; order < 2; order++) {
        dpool_t *pool = another_pool (f, NULL);
        dpool_async_result_t *results[20];
        for (int i = 0; i < 20; i++)
            results[i] = assert_made (dpool_apply_async (pool, "sleep", DPOOL_V (0.001)));
        if (order == 1)
            dpool_destroy (&pool);
        for (int i = 0; i < 20; i++)
            dpool_async_result_destroy (&results[order == 0 ? 19 - i : i]);
        dpool_destroy (&pool);
    }
}

static void destroys_nothing_without_harm (void **state)
{
    (void) state;
    dpool_t *pool = NULL;
    dpool_async_result_t *result = NULL;
    dpool_imap_t *imap = NULL;
    dpool_value_t *value = NULL;
    dpool_items_t *items = NULL;
    dpool_destroy (&pool);
    dpool_async_result_destroy (&result);
    dpool_async_result_detach (&result);
    dpool_imap_destroy (&imap);
    dpool_value_destroy (&value);
    dpool_items_destroy (&items);
    dpool_destroy (NULL);
    dpool_async_result_destroy (NULL);
    dpool_async_result_detach (NULL);
    dpool_imap_destroy (NULL);
    dpool_value_destroy (NULL);
    dpool_items_destroy (NULL);
}

static void opens_and_destroys_pools_again_and_again (void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 20; i++) {
        dpool_t *pool = another_pool (f, NULL);
        if (i % 2)
            assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (i)));
        dpool_destroy (&pool);
    }
}

/* However few are left, it is told and the program lives. */
static void opens_nothing_without_file_descriptors (void **state)
{
    fixture_t *f = *state;
    struct rlimit usual, low;
    dpool_options_t options = pool_options ();
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &usual), 0);
    low = usual;
    int next = dup (STDIN_FILENO), n_refused = 0;
    close (next);
    for (int n = 1; n < 24; n++) {
        low.rlim_cur = (rlim_t) next + (rlim_t) n;
        assert_int_equal (setrlimit (RLIMIT_NOFILE, &low), 0);
        dpool_t *pool = dpool_open (f->endpoint, &options);
        int code = errno;
        dpool_destroy (&pool);
        assert_int_equal (setrlimit (RLIMIT_NOFILE, &usual), 0);
        n_refused += code == EMFILE;
    }
    assert_int_equal (n_refused, 23);
    dpool_t *pool = another_pool (f, NULL);
    dpool_destroy (&pool);
}

/* Needs a process that is free: a task that waits for others of the same crew keeps its own. */
static void lets_a_task_use_a_pool (void **state)
{
    fixture_t *f = *state;
    dpool_options_t options = pool_options ();
    const char *endpoint = f->endpoint ? f->endpoint : "";
    const char *key_file = options.key_file ? options.key_file : "";
    const char *server_key = options.server_key ? options.server_key : "";
    for (int i = 0; i < 3; i++) {
        dpool_value_t *value;
        assert_ok (dpool_apply (f->pool, &value, "sum_squares_by_a_pool", "sssi", endpoint, key_file,
                                server_key, 10));
        assert_number (value, 385);
        dpool_value_destroy (&value);
    }
}

static const struct CMUnitTest cases[] = {
    CASE (replaces_children_after_so_many_items),
    CASE (closes_early_with_children_of_one_task),
    CASE (refuses_a_negative_number_of_tasks),
    CASE (counts_its_workers),
    CASE (runs_as_many_tasks_at_once_as_it_has_workers),
    CASE (keeps_results_readable_after_the_pool),
    CASE (destroys_handles_in_any_order),
    CASE (destroys_nothing_without_harm),
    CASE (opens_and_destroys_pools_again_and_again),
    CASE (opens_nothing_without_file_descriptors),
    CASE (lets_a_task_use_a_pool),
};

THEME (lifetime, cases);
