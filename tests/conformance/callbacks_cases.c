/* SPDX-License-Identifier: MPL-2.0 */
/* Callbacks: which one, how often, and with what. */
#include "tests/conformance/conformance.h"

#include "tests/conformance/journal.h"

/* test_map_async_callbacks: called once, with the whole list, before the wait returns. */
static void calls_back_once_with_all_results (void **state)
{
    fixture_t *f = *state;
    static journal_t journal; /* not on the stack: a case that failed may still be called back */
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (journal_success, journal_failure, &journal);
    dpool_items_t *items = numbers_from (1, 10);
    dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "square", items, &options));
    assert_ok (dpool_async_result_wait (result, PATIENCE_MS));
    assert_int_equal (journal.n_success, 1);
    assert_int_equal (journal.n_failure, 0);
    assert_int_equal (journal.sum, 385);
    assert_true (journal.was_ready);
    assert_false (pthread_equal (journal.thread, pthread_self ()));
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
    assert_int_equal (journal.n_success, 1);
}

/* test_async_error_callback: it gets the same error as get does. */
static void calls_back_once_with_the_error (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (journal_success, journal_failure, &journal);
    dpool_items_t *items = numbers_from (0, 10);
    dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "fail_at_three", items, &options));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_EFAILED);
    assert_int_equal (journal.n_success, 0);
    assert_int_equal (journal.n_failure, 1);
    assert_int_equal (journal.error.code, DPOOL_EFAILED);
    assert_int_equal (journal.error.user_code, 33);
    assert_int_equal (journal.error.index, 3);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);

    result = assert_made (dpool_apply_async_with (f->pool, &options, "crash", DPOOL_V (SIGKILL)));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ECRASHED);
    assert_int_equal (journal.n_failure, 2);
    assert_int_equal (journal.error.signal, SIGKILL);
    dpool_async_result_destroy (&result);
}

static void calls_back_also_when_cancelled_or_terminated (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (journal_success, journal_failure, &journal);
    dpool_async_result_t *first
        = assert_made (dpool_apply_async_with (f->pool, &options, "wait_for_file", DPOOL_V (f->gate)));
    assert_ok (dpool_async_result_cancel (first));
    assert_ok (dpool_async_result_wait (first, PATIENCE_MS));
    assert_int_equal (journal.n_failure, 1);
    dpool_async_result_t *second
        = assert_made (dpool_apply_async_with (f->pool, &options, "wait_for_file", DPOOL_V (f->gate)));
    assert_ok (dpool_terminate (f->pool));
    assert_ok (dpool_async_result_wait (second, PATIENCE_MS));
    assert_int_equal (journal.n_failure, 2);
    assert_int_equal (journal.error.code, DPOOL_ETERMINATED);
    dpool_async_result_destroy (&first);
    dpool_async_result_destroy (&second);
}

/* test_empty_iterable */
static void calls_nothing_back_for_an_empty_list (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (journal_success, journal_failure, &journal);
    dpool_items_t *items = assert_made (dpool_items_new ());
    dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "square", items, &options));
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_int_equal (journal.n_success + journal.n_failure, 0);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static const struct CMUnitTest cases[] = {
    CASE (calls_back_once_with_all_results),
    CASE (calls_back_once_with_the_error),
    CASE (calls_back_also_when_cancelled_or_terminated),
    CASE (calls_nothing_back_for_an_empty_list),
};

THEME (callbacks, cases);
