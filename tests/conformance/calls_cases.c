/* SPDX-License-Identifier: MPL-2.0 */
/* Many calls of one function, which travel together when they are short: each is on its own all the same. */
#include "tests/conformance/conformance.h"

enum { N_WARM = 3000, N_CALLS = 600, N_SLOW = N_PROCESSES - 1, FIRST_SLOW = 50, SLOW_EVERY = 100 };

/* A call of a function that ends at once if the file is there. */
static dpool_async_result_t *call (const fixture_t *f, const char *path)
{
    return assert_made (dpool_apply_async (f->pool, "wait_for_file", DPOOL_V (path)));
}

static bool is_slow (size_t i)
{
    return i % SLOW_EVERY == FIRST_SLOW && i / SLOW_EVERY < N_SLOW;
}

/* The pool learns that the function is quick; then, among many calls, some are not: they wait for the gate.
 */
static void burst (fixture_t *f, dpool_async_result_t *results[N_CALLS])
{
    static dpool_async_result_t *warm[N_WARM];
    make_file (f->started);
    for (size_t i = 0; i < N_WARM; i++)
        warm[i] = call (f, f->started);
    for (size_t i = 0; i < N_WARM; i++) {
        assert_ok (dpool_async_result_get (warm[i], PATIENCE_MS));
        dpool_async_result_destroy (&warm[i]);
    }
    for (size_t i = 0; i < N_CALLS; i++)
        results[i] = call (f, is_slow (i) ? f->gate : f->started);
}

static void assert_quick_ones_finish (dpool_async_result_t *results[N_CALLS])
{
    for (size_t i = 0; i < N_CALLS; i++)
        if (!is_slow (i))
            assert_ok (dpool_async_result_get (results[i], PATIENCE_MS));
}

static void destroy_all (dpool_async_result_t *results[N_CALLS])
{
    for (size_t i = 0; i < N_CALLS; i++)
        dpool_async_result_destroy (&results[i]);
}

static void slow_ones_hold_back_no_others (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *results[N_CALLS];
    burst (f, results);
    assert_quick_ones_finish (results);
    for (size_t i = 0; i < N_CALLS; i++)
        if (is_slow (i))
            assert_false (dpool_async_result_ready (results[i]));
    open_gate (f);
    for (size_t i = 0; i < N_CALLS; i++)
        assert_ok (dpool_async_result_get (results[i], PATIENCE_MS));
    destroy_all (results);
}

static void one_is_cancelled_without_harm_to_the_others (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *results[N_CALLS];
    burst (f, results);
    for (size_t i = 0; i < N_CALLS; i++)
        if (is_slow (i))
            assert_ok (dpool_async_result_cancel (results[i]));
    assert_quick_ones_finish (results);
    for (size_t i = 0; i < N_CALLS; i++)
        if (is_slow (i)) {
            assert_int_equal (dpool_async_result_get (results[i], PATIENCE_MS), -1);
            assert_true (errno == DPOOL_ECANCELLED || errno == DPOOL_EKILLED);
            assert_int_equal (dpool_async_result_error (results[i], 0)->index, 0);
        }
    destroy_all (results);
}

static void what_is_destroyed_unfinished_is_stopped_alone (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *results[N_CALLS];
    burst (f, results);
    for (size_t i = 0; i < N_CALLS; i++)
        if (is_slow (i))
            dpool_async_result_destroy (&results[i]);
    assert_quick_ones_finish (results);
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    destroy_all (results);
}

static void each_tells_its_own_progress (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *results[N_CALLS];
    burst (f, results);
    assert_quick_ones_finish (results);
    for (size_t i = 0; i < N_CALLS; i++) {
        dpool_progress_t progress = DPOOL_PROGRESS_INIT;
        assert_ok (dpool_async_result_progress (results[i], &progress));
        assert_int_equal (progress.total, 1);
        assert_int_equal (progress.finished, is_slow (i) ? 0 : 1);
        assert_int_equal (progress.running + progress.waiting, is_slow (i) ? 1 : 0);
    }
    open_gate (f);
    destroy_all (results);
}

static const struct CMUnitTest cases[] = {
    CASE (slow_ones_hold_back_no_others),
    CASE (one_is_cancelled_without_harm_to_the_others),
    CASE (what_is_destroyed_unfinished_is_stopped_alone),
    CASE (each_tells_its_own_progress),
};

THEME (calls, cases);
