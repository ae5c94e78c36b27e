/* SPDX-License-Identifier: MPL-2.0 */
/* session_results_test.c - values, failures and losses of the items of tasks. */
#include "tests/unit/session_fixture.h"

#include "core/memory.h"

#include <string.h>

static const job_spec_t chunked = { .chunk_size = 10, .max_retries = 2 };
static const job_spec_t once = { .chunk_size = 10, .max_retries = 2, .is_at_most_once = true };

static void a_failed_item_fails_alone (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 0, 4);
    dpool_error_t error = { .message = "not today", .host = "far", .user_code = 5 };
    outcome_put_error (&row, OUTCOME_FAILED, &error);
    fixture_put_values (&row, &task, 5, 5);
    fixture_result (f, &task, OUTCOME_VALUE, true, 0, 10, &row);
    dp_buffer_fini (&row);
    fixture_assert_error (job, 4, DPOOL_EFAILED);
    assert_string_equal (job_item (job, 4)->error->message, "not today");
    assert_string_equal (job_item (job, 4)->error->host, "far");
    assert_int_equal (job_item (job, 4)->error->user_code, 5);
    assert_int_equal (job_item (job, 4)->error->attempts, 1);
    fixture_assert_value (job, 9);
    assert_true (job_is_finished (job));
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void items_are_finished_as_they_come_in_parts (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    for (size_t i = 0; i < 10; i += 5) {
        dp_buffer_t row = DP_BUFFER_INIT;
        fixture_put_values (&row, &task, i, 5);
        fixture_result (f, &task, OUTCOME_VALUE, i == 5, i, 5, &row);
        dp_buffer_fini (&row);
        fixture_assert_value (job, i);
        assert_int_equal (job->n_finished, i + 5);
    }
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_finished_job_whose_task_goes_on_may_be_released (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 0, 10);
    fixture_result (f, &task, OUTCOME_VALUE, false, 0, 10, &row);
    dp_buffer_fini (&row);
    assert_true (job_is_finished (job));
    session_release (f->session, f->now_ms, job);
    fixture_end (f, &task, OUTCOME_VALUE);
    assert_true (dp_list_is_empty (&f->session->jobs));
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_long_row_comes_in_a_frame_of_its_own_and_is_not_copied (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1, chunked);
    fixture_turn (f);
    uint8_t *bytes = dp_must_alloc (100005);
    bytes[0] = 0xc6; /* bin 32 */
    bytes[2] = 1, bytes[3] = 0x86, bytes[4] = 0xa0;
    dp_buffer_t row = DP_BUFFER_INIT;
    outcome_put_value (&row, bytes, 100005);
    fixture_result (f, &f->tasks[0], OUTCOME_VALUE, true, 0, 1, &row);
    dp_buffer_fini (&row);
    dp_free (bytes);
    const job_item_t *item = job_item (job, 0);
    assert_int_equal (item->value.len, 100005);
    assert_ptr_equal (item->value.data, dp_blob_data (item->value.blob) + 1);
    fixture_free (&f);
}

static void what_a_task_ends_as_holds_for_all_its_items (void **state)
{
    (void) state;
    static const outcome_status_t statuses[] = { OUTCOME_LOST,       OUTCOME_NO_FUNCTION, OUTCOME_INITIALIZER,
                                                 OUTCOME_TOO_LARGE,  OUTCOME_CANCELLED,   OUTCOME_KILLED,
                                                 OUTCOME_TERMINATED, OUTCOME_REFUSED,     OUTCOME_BROKER_LOST,
                                                 OUTCOME_BAD_VALUE };
    for (size_t s = 0; s < sizeof statuses / sizeof statuses[0]; s++) {
        fixture_t *f;
        job_t *job = fixture_one_task (&f, chunked);
        fixture_task_t task = fixture_take (f);
        fixture_end (f, &task, statuses[s]);
        for (size_t i = 0; i < 10; i++)
            fixture_assert_error (job, i, outcome_code (statuses[s]));
        fixture_turn (f);
        assert_int_equal (f->n_tasks, 0);
        fixture_assert_clean (f);
        fixture_free (&f);
    }
}

static void the_reason_that_is_told_of_one_item_is_told_of_all (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    dpool_error_t error = { .message = "no worker offers f; offered are g, h" };
    outcome_put_error (&row, OUTCOME_NO_FUNCTION, &error);
    fixture_result (f, &task, OUTCOME_NO_FUNCTION, true, 0, 1, &row);
    dp_buffer_fini (&row);
    fixture_assert_error (job, 9, DPOOL_ENOFUNCTION);
    assert_string_equal (job_item (job, 9)->error->message, "no worker offers f; offered are g, h");
    fixture_free (&f);
}

static void items_that_never_started_survive_a_lost_worker (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, once);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    outcome_put_error (&row, OUTCOME_LOST, NULL);
    for (int i = 1; i < 10; i++)
        outcome_put_not_started (&row);
    fixture_result (f, &task, OUTCOME_LOST, true, 0, 10, &row);
    dp_buffer_fini (&row);
    fixture_assert_error (job, 0, DPOOL_ELOST);
    fixture_work_off (f);
    fixture_assert_value (job, 1);
    assert_int_equal (job->n_failed, 1);
    fixture_free (&f);
}

static void of_a_cancelled_chunk_the_crashed_is_killed_and_the_rest_cancelled (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    session_cancel (f->session, f->now_ms, job);
    fixture_crash (f, &task, 5);
    fixture_assert_value (job, 4);
    fixture_assert_error (job, 5, DPOOL_EKILLED);
    fixture_assert_error (job, 6, DPOOL_ECANCELLED);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_retry_that_is_cancelled_before_it_is_sent_is_not_said_never_to_have_run (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    fixture_crash (f, &task, 0);
    session_cancel (f->session, f->now_ms, job);
    fixture_assert_error (job, 0, DPOOL_EKILLED);
    fixture_assert_error (job, 1, DPOOL_ECANCELLED);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    assert_int_equal (f->n_cancels, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_malformed_row_fails_the_items_that_it_cannot_tell_of (void **state)
{
    (void) state;
    static const uint8_t tails[][2] = { { 0xc1, 0xc1 }, { 0x00, 0xc1 }, { 0x92, 0x00 }, { 0x01, 0xd9 } };
    for (size_t t = 0; t < sizeof tails / sizeof tails[0]; t++) {
        fixture_t *f;
        job_t *job = fixture_one_task (&f, chunked);
        fixture_task_t task = fixture_take (f);
        dp_buffer_t row = DP_BUFFER_INIT;
        fixture_put_values (&row, &task, 0, 4);
        dp_buffer_append (&row, tails[t], 2);
        fixture_result (f, &task, OUTCOME_VALUE, true, 0, 10, &row);
        dp_buffer_fini (&row);
        fixture_assert_value (job, 3);
        for (size_t i = 4; i < 10; i++)
            fixture_assert_error (job, i, DPOOL_EREFUSED);
        fixture_turn (f);
        assert_int_equal (f->n_tasks, 0);
        fixture_assert_clean (f);
        fixture_free (&f);
    }
}

static void a_malformed_error_fails_its_item_alone (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 0, 4);
    static const uint8_t strange[] = { OUTCOME_CRASHED, 0x91, 0x01 }; /* an array where a map is due */
    dp_buffer_append (&row, strange, sizeof strange);
    fixture_put_values (&row, &task, 5, 5);
    fixture_result (f, &task, OUTCOME_VALUE, true, 0, 10, &row);
    dp_buffer_fini (&row);
    fixture_assert_error (job, 4, DPOOL_EREFUSED);
    fixture_assert_value (job, 9);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_row_beyond_the_task_touches_no_other_item (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 20, chunked);
    fixture_turn (f);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 0, 20);
    fixture_result (f, &task, OUTCOME_VALUE, false, 10, 10, &row);
    fixture_result (f, &task, OUTCOME_VALUE, false, SIZE_MAX - 20, 20, &row);
    assert_int_equal (job->n_finished, 0);
    fixture_result (f, &task, OUTCOME_VALUE, true, 0, 20, &row);
    assert_int_equal (job->n_finished, 10);
    dp_buffer_fini (&row);
    fixture_free (&f);
}

static void an_item_gets_its_first_outcome_and_no_other (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 0, 10);
    fixture_result (f, &task, OUTCOME_VALUE, false, 0, 10, &row);
    dp_buffer_fini (&row);
    fixture_crash (f, &task, 0);
    assert_int_equal (job->n_finished, 10);
    assert_int_equal (job->n_failed, 0);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void without_memory_for_its_result_a_task_fails (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = fixture_one_task (&f, chunked);
    wire_batch_t batch = { 0 };
    dp_outbox_t out = { NULL, NULL, 0 };
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &f->tasks[0], 0, 10);
    wire_result_t result
        = { .id = 1, .attempt = 1, .is_final = true, .n_items = 10, .payload = { row.data, row.len, 0 } };
    wire_add_result (&batch, &out, 0, &result, NULL);
    wire_flush (&batch, &out, 0, 0, 0);
    dp_memory_fail_nth (1);
    fixture_say (f, &out);
    dp_memory_fail_nth (0);
    dp_buffer_fini (&row);
    fixture_assert_error (job, 9, DPOOL_EREFUSED);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_stream_frees_its_arguments_as_its_items_finish (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_stream (f, (job_spec_t) { .chunk_size = 4, .is_unordered = true });
    fixture_append (f, job, 8);
    fixture_turn (f);
    assert_int_equal (job->argument_bytes, 40);
    fixture_task_t second = f->tasks[1];
    fixture_values (f, &second);
    assert_int_equal (job->argument_bytes, 20);
    for (size_t i = 4; i < 8; i++) {
        assert_int_equal (job_next_finished (job), i);
        job_forget (job, i);
    }
    fixture_values (f, &f->tasks[0]);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal (job_next_finished (job), i);
        fixture_assert_value (job, i);
        job_forget (job, i);
    }
    assert_int_equal (job->base, 8);
    assert_int_equal (job->argument_bytes, 0);
    fixture_free (&f);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_failed_item_fails_alone),
        cmocka_unit_test (items_are_finished_as_they_come_in_parts),
        cmocka_unit_test (a_finished_job_whose_task_goes_on_may_be_released),
        cmocka_unit_test (a_long_row_comes_in_a_frame_of_its_own_and_is_not_copied),
        cmocka_unit_test (what_a_task_ends_as_holds_for_all_its_items),
        cmocka_unit_test (the_reason_that_is_told_of_one_item_is_told_of_all),
        cmocka_unit_test (items_that_never_started_survive_a_lost_worker),
        cmocka_unit_test (of_a_cancelled_chunk_the_crashed_is_killed_and_the_rest_cancelled),
        cmocka_unit_test (a_retry_that_is_cancelled_before_it_is_sent_is_not_said_never_to_have_run),
        cmocka_unit_test (a_malformed_row_fails_the_items_that_it_cannot_tell_of),
        cmocka_unit_test (a_malformed_error_fails_its_item_alone),
        cmocka_unit_test (a_row_beyond_the_task_touches_no_other_item),
        cmocka_unit_test (an_item_gets_its_first_outcome_and_no_other),
        cmocka_unit_test (without_memory_for_its_result_a_task_fails),
        cmocka_unit_test (a_stream_frees_its_arguments_as_its_items_finish),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
