/* SPDX-License-Identifier: MPL-2.0 */
/* session_retries_test.c - what crashed or was lost is tried again, as often as it may be. */
#include "tests/unit/session_fixture.h"

#include "core/memory.h"

static const job_spec_t chunked = { .chunk_size = 10, .max_retries = 2 };
static const job_spec_t once = { .chunk_size = 10, .max_retries = 2, .is_at_most_once = true };

static void a_crash_is_tried_again_alone_and_its_siblings_as_another_task (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_list (f, 1, (job_spec_t) { .priority = 100 });
    fixture_task_t task = fixture_take (f);
    fixture_crash (f, &task, 3);
    for (size_t i = 0; i < 3; i++)
        fixture_assert_value (job, i); /* kept */
    assert_int_equal (job->n_finished, 3);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 3);
    assert_int_equal (f->tasks[0].first, 3);
    assert_int_equal (f->tasks[0].n, 1);
    assert_int_equal (f->tasks[0].base, 1); /* the function sees attempt 2 */
    assert_int_equal (f->tasks[1].first, 4);
    assert_int_equal (f->tasks[1].n, 6);
    assert_int_equal (f->tasks[1].base, 0); /* they never started */
    assert_true (f->tasks[0].id > task.id && f->tasks[1].id > task.id);
    assert_int_equal (f->tasks[2].priority, 100); /* new work comes behind them */
    fixture_work_off (f);
    for (size_t i = 0; i < 10; i++)
        fixture_assert_value (job, i);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void the_third_crash_is_the_last (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    fixture_crash (f, &task, 9);
    for (int i = 0; i < 2; i++) {
        fixture_turn (f);
        task = fixture_take (f);
        assert_int_equal (task.first, 9);
        assert_int_equal (task.base, i + 1);
        assert_false (job_is_finished (job));
        fixture_crash (f, &task, 0);
    }
    fixture_assert_error (job, 9, DPOOL_ECRASHED);
    const dpool_error_t *error = job_item (job, 9)->error;
    assert_int_equal (error->attempts, 3);
    assert_int_equal (error->signal, 11);
    assert_string_equal (error->stderr_tail, "boom");
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void without_retries_the_first_crash_is_the_last (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, (job_spec_t) { .chunk_size = 10 });
    fixture_task_t task = fixture_take (f);
    fixture_crash (f, &task, 0);
    fixture_assert_error (job, 0, DPOOL_ECRASHED);
    fixture_work_off (f);
    assert_int_equal (job->n_failed, 1);
    fixture_assert_value (job, 1);
    fixture_free (&f);
}

static void attempts_do_not_count_the_steps_between_submissions (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, (job_spec_t) { .chunk_size = 10 });
    for (int i = 0; i < 2; i++) {
        fixture_reconnect (f, false);
        fixture_forget (f);
        fixture_missing (f, 1, 1);
        fixture_turn (f);
    }
    fixture_task_t task = fixture_take (f);
    assert_int_equal (task.base, 2000);
    fixture_crash (f, &task, 0);
    assert_int_equal (job_item (job, 0)->error->attempts, 1);
    fixture_turn (f);
    assert_int_equal (f->tasks[0].base, 2000); /* the rest may have run before: its numbers only rise */
    fixture_crash (f, &f->tasks[0], 0);
    assert_int_equal (job_item (job, 1)->error->attempts, 1);
    fixture_free (&f);
}

static void numbers_of_attempts_rise_whatever_they_end_by (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, (job_spec_t) { .chunk_size = 10, .max_retries = 2 });
    fixture_task_t task = fixture_take (f);
    for (uint64_t i = 1; i <= 2; i++) {
        fixture_reconnect (f, false);
        fixture_forget (f);
        fixture_missing (f, task.id, task.id);
        fixture_turn (f);
        task = fixture_take (f);
        assert_int_equal (task.base, 1001 * i - 1);
        fixture_crash (f, &task, 0);
        fixture_turn (f);
        task = fixture_take (f);
        assert_int_equal (task.base, 1001 * i);
    }
    fixture_crash (f, &task, 0);
    assert_int_equal (job_item (job, 0)->error->attempts, 3); /* that are known to have started */
    fixture_free (&f);
}

static void a_crash_without_a_name_is_charged_to_the_first_unfinished_item (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 0, 2);
    fixture_result (f, &task, OUTCOME_VALUE, false, 0, 2, &row);
    dp_buffer_fini (&row);
    int rounds = 0;
    for (fixture_end (f, &task, OUTCOME_CRASHED); !job_is_finished (job); rounds++) {
        assert_true (rounds < 100); /* it comes to an end whatever a worker says */
        fixture_turn (f);
        task = fixture_take (f);
        fixture_end (f, &task, OUTCOME_CRASHED);
        fixture_reconnect (f, true);
        for (size_t i = 0; i < f->n_claims; i++)
            for (uint64_t id = f->claims[i].first; id <= f->claims[i].last; id++)
                fixture_missing (f, id, id);
    }
    fixture_assert_error (job, 2, DPOOL_ECRASHED);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_time_out_is_not_tried_again_but_its_siblings_are (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 0, 1);
    outcome_put_error (&row, OUTCOME_TIMED_OUT, NULL);
    for (int i = 2; i < 10; i++)
        outcome_put_not_started (&row);
    fixture_result (f, &task, OUTCOME_TIMED_OUT, true, 0, 10, &row);
    dp_buffer_fini (&row);
    fixture_assert_error (job, 1, DPOOL_ETIMELIMIT);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 1);
    assert_int_equal (f->tasks[0].first, 2);
    assert_int_equal (f->tasks[0].n, 8);
    fixture_work_off (f);
    assert_int_equal (job->n_failed, 1);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_time_out_without_a_name_hits_the_first_unfinished_item (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    fixture_end (f, &task, OUTCOME_TIMED_OUT);
    fixture_assert_error (job, 0, DPOOL_ETIMELIMIT);
    fixture_work_off (f);
    assert_int_equal (job->n_failed, 1);
    fixture_free (&f);
}

static void at_most_once_a_crash_is_not_tried_again (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, once);
    fixture_task_t task = fixture_take (f);
    fixture_crash (f, &task, 3);
    fixture_assert_error (job, 3, DPOOL_ECRASHED);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 1);
    assert_int_equal (f->tasks[0].first, 4); /* was told not to have started: this is its first run */
    assert_int_equal (f->tasks[0].n, 6);
    assert_true (f->tasks[0].is_at_most_once);
    fixture_work_off (f);
    assert_int_equal (job->n_failed, 1);
    fixture_free (&f);
}

static void at_most_once_an_item_without_a_word_is_lost (void **state)
{
    (void) state;
    static const outcome_status_t statuses[] = { OUTCOME_CRASHED, OUTCOME_TIMED_OUT, OUTCOME_VALUE };
    for (size_t s = 0; s < 3; s++) {
        fixture_t *f;
        job_t *job = fixture_one_task (&f, once);
        fixture_task_t task = fixture_take (f);
        dp_buffer_t row = DP_BUFFER_INIT;
        fixture_put_values (&row, &task, 0, 2);
        fixture_result (f, &task, statuses[s], true, 0, 2, &row);
        dp_buffer_fini (&row);
        assert_true (job_is_finished (job));
        fixture_assert_value (job, 1);
        fixture_assert_error (job, 9, DPOOL_ELOST);
        fixture_turn (f);
        assert_int_equal (f->n_tasks, 0);
        fixture_assert_clean (f);
        fixture_free (&f);
    }
}

static void a_part_that_was_lost_with_a_broker_is_run_again (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 7, 3);
    fixture_result (f, &task, OUTCOME_VALUE, true, 7, 3, &row);
    dp_buffer_fini (&row);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 1);
    assert_int_equal (f->tasks[0].first, 0);
    assert_int_equal (f->tasks[0].n, 7);
    fixture_work_off (f);
    assert_int_equal (job->n_failed, 0);
    fixture_free (&f);
}

static void a_worker_that_never_says_a_word_does_not_keep_a_job_for_ever (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    for (int i = 0; i < 11; i++) {
        assert_false (job_is_finished (job));
        fixture_task_t task = fixture_take (f);
        fixture_end (f, &task, OUTCOME_VALUE);
        fixture_turn (f);
    }
    fixture_assert_error (job, 0, DPOOL_ELOST);
    fixture_assert_clean (f);
    fixture_free (&f);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_crash_is_tried_again_alone_and_its_siblings_as_another_task),
        cmocka_unit_test (the_third_crash_is_the_last),
        cmocka_unit_test (without_retries_the_first_crash_is_the_last),
        cmocka_unit_test (attempts_do_not_count_the_steps_between_submissions),
        cmocka_unit_test (numbers_of_attempts_rise_whatever_they_end_by),
        cmocka_unit_test (a_crash_without_a_name_is_charged_to_the_first_unfinished_item),
        cmocka_unit_test (a_time_out_is_not_tried_again_but_its_siblings_are),
        cmocka_unit_test (a_time_out_without_a_name_hits_the_first_unfinished_item),
        cmocka_unit_test (at_most_once_a_crash_is_not_tried_again),
        cmocka_unit_test (at_most_once_an_item_without_a_word_is_lost),
        cmocka_unit_test (a_part_that_was_lost_with_a_broker_is_run_again),
        cmocka_unit_test (a_worker_that_never_says_a_word_does_not_keep_a_job_for_ever),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
