/* SPDX-License-Identifier: MPL-2.0 */
/* The thread of the callbacks: what they hold up, what waits for them, and what they may call. */
#include "tests/conformance/conformance.h"

#include "tests/conformance/journal.h"

#include <time.h>

static void block (dpool_async_result_t *result, void *user_data)
{
    journal_t *journal = user_data;
    journal_success (result, user_data);
    sem_post (&journal->entered);
    while (sem_wait (&journal->leave) < 0)
        continue;
}

/* Better than the reference, where one slow callback holds up all results. */
static void lets_other_results_pass_a_slow_callback (void **state)
{
    fixture_t *f = *state;
    static journal_t journal; /* not on the stack: a case that failed may still be called back */
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (block, NULL, &journal);
    dpool_async_result_t *slow
        = assert_made (dpool_apply_async_with (f->pool, &options, "square", DPOOL_V (2)));
    journal_wait (&journal);
    assert_false (dpool_async_result_ready (slow)); /* not before its callback has returned */
    assert_fails (dpool_async_result_wait (slow, 0), ETIMEDOUT);
    assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (3)));
    dpool_async_result_t *other = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (4)));
    assert_ok (dpool_async_result_get (other, PATIENCE_MS));
    sem_post (&journal.leave);
    assert_ok (dpool_async_result_get (slow, PATIENCE_MS));
    assert_true (journal.was_ready);
    dpool_async_result_destroy (&slow);
    dpool_async_result_destroy (&other);
}

static void *destroy_result (void *result)
{
    dpool_async_result_t *self = result;
    dpool_async_result_destroy (&self);
    return NULL;
}

static void waits_for_a_running_callback_when_it_is_destroyed (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    pthread_t thread;
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (block, NULL, &journal);
    dpool_async_result_t *result
        = assert_made (dpool_apply_async_with (f->pool, &options, "square", DPOOL_V (2)));
    journal_wait (&journal);
    assert_int_equal (pthread_create (&thread, NULL, destroy_result, result), 0);
    struct timespec soon;
    clock_gettime (CLOCK_REALTIME, &soon);
    soon.tv_nsec += 50000000;
    soon.tv_sec += soon.tv_nsec / 1000000000;
    soon.tv_nsec %= 1000000000;
    assert_int_equal (pthread_timedjoin_np (thread, NULL, &soon), ETIMEDOUT);
    sem_post (&journal.leave);
    assert_int_equal (pthread_join (thread, NULL), 0);
}

static void destroy_itself (dpool_async_result_t *result, void *user_data)
{
    journal_t *journal = user_data;
    journal->n_success++;
    dpool_async_result_destroy (&result);
    sem_post (&journal->entered);
}

static void may_destroy_its_result_in_the_callback (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (destroy_itself, destroy_itself, &journal);
    for (int i = 0; i < 20; i++) {
        assert_made (dpool_apply_async_with (f->pool, &options, "square", DPOOL_V (i)));
        journal_wait (&journal);
    }
    assert_int_equal (journal.n_success, 20);
}

/* What would wait for itself is refused; what need not wait works. */
static void try_everything (dpool_async_result_t *result, void *user_data)
{
    journal_t *journal = user_data;
    dpool_t *pool = journal->pool;
    dpool_value_t *value = NULL;
    dpool_close (journal->pool);
    journal->rc = dpool_join (journal->pool, 0);
    journal->code = errno;
    dpool_destroy (&pool);
    if (errno == EDEADLK && pool == journal->pool)
        journal->n_failure++; /* as it must be */
    if (dpool_async_result_get (result, -1) == 0 && dpool_async_result_wait (journal->other, -1) == 0)
        journal->n_success++;
    dpool_value_destroy (&value);
}

static void refuses_to_wait_for_itself_in_a_callback (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    journal_init (&journal, f->pool);
    journal.other = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (1)));
    dpool_call_options_t options = journal_options (try_everything, NULL, &journal);
    dpool_async_result_t *result
        = assert_made (dpool_apply_async_with (f->pool, &options, "square", DPOOL_V (2)));
    assert_ok (dpool_async_result_wait (result, PATIENCE_MS));
    assert_int_equal (journal.rc, -1);
    assert_int_equal (journal.code, EDEADLK);
    assert_int_equal (journal.n_failure, 1);
    assert_int_equal (journal.n_success, 1);
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    dpool_async_result_destroy (&result);
    dpool_async_result_destroy (&journal.other);
}

static void call_on (dpool_async_result_t *result, void *user_data)
{
    journal_t *journal = user_data;
    dpool_value_t *value = NULL;
    journal_success (result, user_data);
    if (journal->n_success == 1) {
        dpool_call_options_t options = journal_options (call_on, NULL, journal);
        journal->rc = dpool_apply (journal->pool, &value, "square", DPOOL_V (9));
        dpool_value_destroy (&value);
        dpool_async_result_t *next = dpool_apply_async_with (journal->pool, &options, "square", DPOOL_V (10));
        dpool_async_result_detach (&next);
    } else {
        sem_post (&journal->entered);
    }
}

static void submits_and_waits_in_a_callback (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (call_on, NULL, &journal);
    dpool_async_result_t *result
        = assert_made (dpool_apply_async_with (f->pool, &options, "square", DPOOL_V (5)));
    dpool_async_result_detach (&result);
    journal_wait (&journal);
    assert_int_equal (journal.rc, 0);
    assert_int_equal (journal.n_success, 2);
    assert_int_equal (journal.sum, 125);
}

/* Waits for a result whose own callback can only come later, then lets it go. */
static void wait_for_one_with_a_callback (dpool_async_result_t *result, void *user_data)
{
    journal_t *journal = user_data;
    (void) result;
    dpool_call_options_t options = journal_options (journal_success, journal_failure, journal);
    dpool_async_result_t *other = dpool_apply_async_with (journal->pool, &options, "sleep",
                                                          DPOOL_V (0.02)); /* the wait comes first */
    journal->rc = dpool_async_result_get (other, PATIENCE_MS);
    journal->code = errno;
    dpool_async_result_detach (&other);
}

static void waits_in_a_callback_for_a_result_with_a_callback (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (wait_for_one_with_a_callback, NULL, &journal);
    dpool_async_result_t *result
        = assert_made (dpool_apply_async_with (f->pool, &options, "square", DPOOL_V (5)));
    assert_ok (dpool_async_result_wait (result, PATIENCE_MS));
    assert_int_equal (journal.rc, 0);
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_int_equal (journal.n_success, 1);
    dpool_async_result_destroy (&result);
}

/* Its result's own callback is in the queue behind this one. */
static void destroy_another (dpool_async_result_t *result, void *user_data)
{
    journal_t *journal = user_data;
    (void) result;
    sem_post (&journal->entered);
    while (sem_wait (&journal->leave) < 0)
        continue;
    dpool_async_result_destroy (&journal->other);
}

static void calls_nothing_back_for_a_result_that_a_callback_destroyed (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    journal_init (&journal, f->pool);
    dpool_call_options_t destroying = journal_options (destroy_another, NULL, &journal);
    dpool_call_options_t counting = journal_options (journal_success, journal_failure, &journal);
    dpool_async_result_t *result
        = assert_made (dpool_apply_async_with (f->pool, &destroying, "square", DPOOL_V (2)));
    journal_wait (&journal);
    journal.other = assert_made (dpool_apply_async_with (f->pool, &counting, "square", DPOOL_V (3)));
    while (!dpool_async_result_value (journal.other, 0)) /* not ready before its callback */
        assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (4)));
    sem_post (&journal.leave);
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_null (journal.other);
    assert_int_equal (journal.n_success + journal.n_failure, 0);
    dpool_async_result_destroy (&result);
}

/* It runs while dpool_destroy waits for it. */
static void try_everything_at_the_end (dpool_async_result_t *result, void *user_data)
{
    journal_t *journal = user_data;
    journal_failure (result, user_data);
    journal->rc = dpool_join (journal->pool, PATIENCE_MS);
    journal->code = errno;
    dpool_async_result_destroy (&result);
}

static void calls_back_what_the_end_of_the_pool_has_ended (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (NULL, try_everything_at_the_end, &journal);
    for (int i = 0; i < 3; i++)
        assert_made (dpool_apply_async_with (f->pool, &options, "wait_for_file", DPOOL_V (f->gate)));
    dpool_destroy (&f->pool);
    assert_int_equal (journal.n_failure, 3);
    assert_int_equal (journal.error.code, DPOOL_ETERMINATED);
    assert_int_equal (journal.rc, -1);
    assert_int_equal (journal.code, EDEADLK);
}

static void joins_after_all_callbacks_of_detached_calls (void **state)
{
    fixture_t *f = *state;
    static journal_t journal;
    journal_init (&journal, f->pool);
    dpool_call_options_t options = journal_options (journal_success, journal_failure, &journal);
    for (int i = 0; i < 100; i++) {
        dpool_async_result_t *result
            = assert_made (dpool_apply_async_with (f->pool, &options, "square", DPOOL_V (1)));
        dpool_async_result_detach (&result);
    }
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_int_equal (journal.n_success, 100);
    assert_int_equal (journal.sum, 100);
}

static const struct CMUnitTest cases[] = {
    CASE (lets_other_results_pass_a_slow_callback),
    CASE (waits_for_a_running_callback_when_it_is_destroyed),
    CASE (may_destroy_its_result_in_the_callback),
    CASE (refuses_to_wait_for_itself_in_a_callback),
    CASE (submits_and_waits_in_a_callback),
    CASE (waits_in_a_callback_for_a_result_with_a_callback),
    CASE (calls_nothing_back_for_a_result_that_a_callback_destroyed),
    CASE (calls_back_what_the_end_of_the_pool_has_ended),
    CASE (joins_after_all_callbacks_of_detached_calls),
};

THEME (callback_thread, cases);
