/* SPDX-License-Identifier: MPL-2.0 */
/* session_break_test.c - what is claimed, sent again and acknowledged after a connection broke. */
#include "core/acks.h"
#include "tests/unit/session_fixture.h"

static const job_spec_t plain = { .max_retries = 2 };

/* ---- A broker that ends as planned ------------------------------------------------------------ */

static void submits_nothing_more_to_a_broker_that_drains (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1, (job_spec_t) { .is_at_most_once = true });
    fixture_turn (f);
    fixture_task_t task = fixture_take (f);
    fixture_bare (f, WIRE_DRAIN);
    fixture_turn (f);
    assert_int_equal (f->n_drains, 1);
    job_t *next = fixture_list (f, 1, (job_spec_t) { .is_at_most_once = true });
    fixture_give_back (f, &task, true, 0);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    fixture_reconnect (f, false);
    fixture_turn (f);
    assert_int_equal (f->n_claims, 0); /* nothing was left there */
    assert_int_equal (f->n_tasks, 2);
    fixture_work_off (f);
    fixture_assert_value (job, 0);
    fixture_assert_value (next, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

/* ---- After a break --------------------------------------------------------------------------- */

static void claims_what_is_unfinished_in_ranges (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    fixture_list (f, 8, plain);
    fixture_list (f, 2, (job_spec_t) { .is_at_most_once = true });
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 10);
    fixture_task_t third = f->tasks[2];
    fixture_forget (f);
    fixture_values (f, &third);
    fixture_turn (f);
    fixture_reconnect (f, true);
    assert_int_equal (f->n_claim_ends, 1);
    assert_int_equal (f->n_claims, 3);
    assert_int_equal (f->claims[0].first, 1);
    assert_int_equal (f->claims[0].last, 2);
    assert_int_equal (f->claims[1].first, 4);
    assert_int_equal (f->claims[1].last, 8);
    assert_false (f->claims[1].is_at_most_once);
    assert_int_equal (f->claims[2].first, 9);
    assert_int_equal (f->claims[2].last, 10);
    assert_true (f->claims[2].is_at_most_once);
    assert_int_equal (f->n_tasks, 0); /* nothing is sent again unasked */
    fixture_free (&f);
}

static void missing_tasks_are_submitted_again_a_thousand_attempts_on (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 3, plain);
    fixture_turn (f);
    for (uint64_t times = 1; times <= 3; times++) {
        fixture_reconnect (f, times == 2);
        fixture_forget (f);
        fixture_missing (f, 0, UINT64_MAX); /* wide, and mostly not ours */
        fixture_turn (f);
        assert_int_equal (f->n_tasks, 3);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal (f->tasks[i].id, i + 1);
            assert_int_equal (f->tasks[i].base, 1000 * times);
        }
    }
    fixture_work_off (f);
    for (size_t i = 0; i < 3; i++)
        fixture_assert_value (job, i);
    fixture_assert_clean (f);
    fixture_free (&f);
}

/* The broker that it went to says that it lacks it, and nothing was heard of it: it has not been anywhere. */
static void what_was_not_taken_is_submitted_as_if_for_the_first_time (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1, (job_spec_t) { .is_at_most_once = true });
    fixture_turn (f);
    for (int i = 0; i < 3; i++) {
        fixture_forget (f);
        fixture_missing (f, 1, 1);
        fixture_turn (f);
        assert_int_equal (f->n_tasks, 1);
        assert_int_equal (f->tasks[0].id, 1);
        assert_int_equal (f->tasks[0].base, 0);
    }
    fixture_missing (f, 1, 1);
    fixture_forget (f);
    fixture_reconnect (f, false); /* it goes to another session, and that does not take it either */
    fixture_turn (f);
    assert_int_equal (f->n_claims, 0);
    assert_int_equal (f->n_tasks, 1);
    fixture_forget (f);
    fixture_missing (f, 1, 1);
    assert_int_equal (fixture_work_off (f), 1);
    fixture_assert_value (job, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_task_named_missing_twice_is_sent_once (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    fixture_list (f, 5, plain);
    fixture_turn (f);
    fixture_reconnect (f, false);
    fixture_forget (f);
    fixture_missing (f, 2, 3);
    fixture_missing (f, 3, 3);
    fixture_missing (f, 0, UINT64_MAX);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 5);
    assert_int_equal (f->session->tasks.count, 5);
    fixture_free (&f);
}

static void missing_tasks_go_before_new_ones_and_beyond_the_window (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (4, 1 << 20);
    fixture_turn (f);
    fixture_welcome (f, false, 4);
    fixture_list (f, 10, plain);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 4);
    fixture_reconnect (f, false);
    fixture_forget (f);
    fixture_list (f, 1, (job_spec_t) { .priority = 9 });
    fixture_missing (f, 1, 4);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 4);
    assert_int_equal (f->tasks[0].id, 1);
    fixture_work_off (f);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_missing_task_of_a_kept_session_is_sent_again_though_at_most_once (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1, (job_spec_t) { .is_at_most_once = true });
    fixture_turn (f);
    fixture_reconnect (f, true);
    fixture_forget (f);
    fixture_missing (f, 1, 1);
    assert_int_equal (fixture_work_off (f), 1);
    fixture_assert_value (job, 0);
    fixture_free (&f);
}

static void a_missing_task_of_a_lost_session_is_lost_if_at_most_once (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 2, (job_spec_t) { .is_at_most_once = true });
    fixture_turn (f);
    fixture_reconnect (f, false);
    fixture_forget (f);
    fixture_missing (f, 1, 2);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    fixture_assert_error (job, 0, DPOOL_ELOST);
    fixture_assert_error (job, 1, DPOOL_ELOST);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void another_brokers_kept_session_is_not_this_one (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1, (job_spec_t) { .is_at_most_once = true });
    fixture_turn (f);
    f->epoch = 8;
    fixture_reconnect (f, true);
    fixture_missing (f, 1, 1);
    fixture_assert_error (job, 0, DPOOL_ELOST);
    fixture_free (&f);
}

static void a_session_kept_since_an_unanswered_hello_is_not_trusted (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1, (job_spec_t) { .is_at_most_once = true });
    fixture_turn (f);
    /* The lease ran out; the HELLO that made a new session got its WELCOME lost. */
    session_broken (f->session, f->now_ms);
    fixture_turn (f);
    session_broken (f->session, f->now_ms);
    fixture_pass (f, 2000);
    fixture_welcome (f, true, 4);
    fixture_turn (f);
    fixture_missing (f, 1, 1);
    fixture_assert_error (job, 0, DPOOL_ELOST);
    fixture_free (&f);
}

static void a_task_that_was_seen_to_run_is_not_sent_again_if_at_most_once (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1, (job_spec_t) { .is_at_most_once = true });
    fixture_turn (f);
    fixture_running (f, &f->tasks[0]);
    assert_int_equal (job->n_running, 1);
    fixture_reconnect (f, true);
    fixture_missing (f, 1, 1);
    fixture_assert_error (job, 0, DPOOL_ELOST);
    assert_int_equal (job->n_running, 0);
    fixture_free (&f);
}

static void of_a_missing_task_only_the_items_without_outcome_are_sent_again (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_stream (f, (job_spec_t) { .chunk_size = 6 });
    fixture_append (f, job, 6);
    fixture_turn (f);
    fixture_task_t task = f->tasks[0];
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 2, 2);
    fixture_result (f, &task, OUTCOME_VALUE, false, 2, 2, &row);
    dp_buffer_fini (&row);
    fixture_reconnect (f, false);
    fixture_forget (f);
    fixture_missing (f, 1, 1);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2);
    assert_true (f->tasks[0].id > 1);
    assert_int_equal (f->tasks[0].first, 0);
    assert_int_equal (f->tasks[0].n, 2);
    assert_int_equal (f->tasks[1].first, 4);
    assert_int_equal (f->tasks[1].n, 2);
    fixture_work_off (f);
    for (size_t i = 0; i < 6; i++)
        fixture_assert_value (job, i);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_missing_chunk_is_cut_for_a_broker_that_takes_less (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 3, (job_spec_t) { .chunk_size = 3 });
    fixture_turn (f);
    fixture_forget (f);
    session_broken (f->session, f->now_ms);
    fixture_turn (f);
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_welcome_t welcome
        = { .version = 1, .epoch = 9, .max_payload = 2, .processes = 4, .name = { "b", 1 } };
    wire_put_welcome (&out, 0, &welcome);
    fixture_say (f, &out);
    fixture_missing (f, 1, 1);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 3);
    fixture_work_off (f);
    for (size_t i = 0; i < 3; i++)
        fixture_assert_value (job, i);
    fixture_assert_clean (f);
    fixture_free (&f);
}

/* ---- A broker that does not return ------------------------------------------------------------- */

static void work_waits_for_a_broker_unless_its_user_gives_up (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 3, plain);
    fixture_turn (f);
    session_broken (f->session, f->now_ms);
    fixture_pass (f, 3600 * 1000);
    assert_int_equal (job->n_finished, 0);

    f->session->broker_timeout_ms = 3600 * 1000 + 5000;
    fixture_pass (f, 4900);
    assert_int_equal (job->n_finished, 0);
    fixture_pass (f, 200);
    for (size_t i = 0; i < 3; i++)
        fixture_assert_error (job, i, DPOOL_EBROKERLOST);

    job_t *late = fixture_list (f, 1, plain); /* still nobody is there */
    fixture_pass (f, 200);
    fixture_assert_error (late, 0, DPOOL_EBROKERLOST);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void what_was_given_up_is_not_claimed_from_a_broker_that_returns (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    f->session->broker_timeout_ms = 1000;
    fixture_list (f, 3, plain);
    fixture_turn (f);
    session_broken (f->session, f->now_ms);
    fixture_pass (f, 1100);
    fixture_welcome (f, true, 4);
    fixture_forget (f);
    fixture_turn (f);
    assert_int_equal (f->n_claims, 0);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    assert_int_equal (fixture_work_off (f), 1);
    fixture_assert_value (job, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

/* ---- The broker's room (R9) ------------------------------------------------------------------ */

static void give_room_for (fixture_t *f, uint64_t bytes, uint64_t most_tasks)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_room (&out, 0, 0, bytes, most_tasks, NULL, 0);
    fixture_say (f, &out);
    fixture_turn (f);
}

static void give_room (fixture_t *f, uint64_t bytes)
{
    give_room_for (f, bytes, 0);
}

static void sends_no_more_than_the_broker_has_room_for (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    give_room (f, 3 * (WIRE_RECORD_BYTES + 1));
    fixture_list (f, 10, (job_spec_t) { .chunk_size = 1 });
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 3);
    fixture_values (f, &f->tasks[0]);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 4);
    give_room (f, 4 * (WIRE_RECORD_BYTES + 1));
    assert_int_equal (f->n_tasks, 5);
    give_room (f, 0); /* no limit */
    assert_int_equal (f->n_tasks, 10);
    for (size_t i = 1; i < 10; i++)
        fixture_values (f, &f->tasks[i]);
    fixture_turn (f);
    fixture_assert_clean (f);
    fixture_free (&f);
}

/* Of its key's quota. */
static void sends_no_more_tasks_than_the_broker_takes (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    give_room_for (f, 0, 3);
    fixture_list (f, 10, (job_spec_t) { .chunk_size = 1 });
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 3);
    give_room_for (f, 0, 5);
    assert_int_equal (f->n_tasks, 5);
    give_room_for (f, 0, 1);
    fixture_values (f, &f->tasks[0]);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 5);
    assert_int_equal (fixture_work_off (f), 10);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void what_a_broker_lacks_waits_for_its_quota_too (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    fixture_list (f, 6, (job_spec_t) { .chunk_size = 1 });
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 6);
    fixture_reconnect (f, false);
    fixture_forget (f);
    give_room_for (f, 0, 2);
    fixture_missing (f, 1, 6);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2);
    assert_int_equal (fixture_work_off (f), 6);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void one_task_is_sent_however_little_room_there_is (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    give_room (f, 1);
    fixture_list (f, 3, (job_spec_t) { .chunk_size = 1 });
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 1);
    assert_int_equal (fixture_work_off (f), 3);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void what_a_broker_lacks_waits_for_its_room_too (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 6, (job_spec_t) { .chunk_size = 1 });
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 6);
    fixture_reconnect (f, false);
    fixture_forget (f);
    give_room (f, 2 * (WIRE_RECORD_BYTES + 1));
    fixture_missing (f, 1, 6);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2);
    session_cancel (f->session, f->now_ms, job); /* those that wait end at once */
    fixture_assert_error (job, 5, DPOOL_EKILLED);
    for (size_t i = 0; i < 2; i++)
        fixture_end (f, &f->tasks[i], OUTCOME_KILLED);
    fixture_turn (f);
    fixture_assert_clean (f);
    fixture_free (&f);
}

/* ---- Acks ------------------------------------------------------------------------------------ */

static void results_are_acknowledged_by_a_bare_ack_in_a_while (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    fixture_list (f, 3, plain);
    fixture_turn (f);
    for (size_t i = 0; i < 3; i++)
        fixture_values (f, &f->tasks[i]);
    int64_t deadline_ms = fixture_turn (f);
    assert_int_equal (f->n_acks, 0);
    assert_int_equal (deadline_ms, f->now_ms + ACKS_AFTER_MS);
    f->now_ms = deadline_ms;
    fixture_turn (f);
    assert_int_equal (f->n_acks, 1);
    assert_int_equal (f->last_ack, 3);
    fixture_turn (f);
    assert_int_equal (f->n_acks, 1);
    fixture_free (&f);
}

static void an_ack_rides_along_with_tasks (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    fixture_list (f, 100, plain);
    fixture_turn (f);
    fixture_values (f, &f->tasks[0]);
    fixture_turn (f);
    assert_int_equal (f->n_acks, 0);
    assert_int_equal (f->last_ack, 1);
    fixture_free (&f);
}

static void an_ack_is_not_lost_when_the_batch_that_would_carry_it_left_early (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *first = fixture_list (f, 1, plain);
    fixture_turn (f);
    fixture_values (f, &f->tasks[0]);
    for (int i = 0; i < 1024; i++) /* exactly one full SUBMIT, flushed before the ack is known */
        fixture_list (f, 1, plain);
    fixture_pass (f, ACKS_AFTER_MS);
    assert_int_equal (f->last_ack, 1);
    assert_true (job_is_finished (first));
    fixture_free (&f);
}

static void acks_start_anew_on_a_new_connection (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    fixture_list (f, 3, plain);
    fixture_turn (f);
    fixture_values (f, &f->tasks[0]);
    fixture_values (f, &f->tasks[1]);
    fixture_reconnect (f, true);
    assert_int_equal (f->last_ack, 0);
    fixture_values (f, &f->tasks[0]); /* sent again, since it was not acknowledged */
    fixture_pass (f, ACKS_AFTER_MS);
    assert_int_equal (f->last_ack, 1);
    fixture_free (&f);
}

static void late_and_repeated_results_count_for_the_ack_and_for_nothing_else (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    fixture_values (f, &f->tasks[0]);
    fixture_crash (f, &f->tasks[0], 0);
    fixture_task_t unknown = { .id = 777, .n = 1 };
    fixture_values (f, &unknown);
    fixture_pass (f, ACKS_AFTER_MS);
    fixture_assert_value (job, 0);
    assert_int_equal (f->last_ack, 3);
    assert_int_equal (f->session->n_late, 2);
    fixture_free (&f);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (submits_nothing_more_to_a_broker_that_drains),
        cmocka_unit_test (claims_what_is_unfinished_in_ranges),
        cmocka_unit_test (missing_tasks_are_submitted_again_a_thousand_attempts_on),
        cmocka_unit_test (what_was_not_taken_is_submitted_as_if_for_the_first_time),
        cmocka_unit_test (a_task_named_missing_twice_is_sent_once),
        cmocka_unit_test (missing_tasks_go_before_new_ones_and_beyond_the_window),
        cmocka_unit_test (a_missing_task_of_a_kept_session_is_sent_again_though_at_most_once),
        cmocka_unit_test (a_missing_task_of_a_lost_session_is_lost_if_at_most_once),
        cmocka_unit_test (another_brokers_kept_session_is_not_this_one),
        cmocka_unit_test (a_session_kept_since_an_unanswered_hello_is_not_trusted),
        cmocka_unit_test (a_task_that_was_seen_to_run_is_not_sent_again_if_at_most_once),
        cmocka_unit_test (of_a_missing_task_only_the_items_without_outcome_are_sent_again),
        cmocka_unit_test (a_missing_chunk_is_cut_for_a_broker_that_takes_less),
        cmocka_unit_test (work_waits_for_a_broker_unless_its_user_gives_up),
        cmocka_unit_test (what_was_given_up_is_not_claimed_from_a_broker_that_returns),
        cmocka_unit_test (sends_no_more_than_the_broker_has_room_for),
        cmocka_unit_test (sends_no_more_tasks_than_the_broker_takes),
        cmocka_unit_test (what_a_broker_lacks_waits_for_its_quota_too),
        cmocka_unit_test (one_task_is_sent_however_little_room_there_is),
        cmocka_unit_test (what_a_broker_lacks_waits_for_its_room_too),
        cmocka_unit_test (results_are_acknowledged_by_a_bare_ack_in_a_while),
        cmocka_unit_test (an_ack_rides_along_with_tasks),
        cmocka_unit_test (an_ack_is_not_lost_when_the_batch_that_would_carry_it_left_early),
        cmocka_unit_test (acks_start_anew_on_a_new_connection),
        cmocka_unit_test (late_and_repeated_results_count_for_the_ack_and_for_nothing_else),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
