/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_results_test.c - results, acknowledgements, cancel, progress, questions. */
#include "core/acks.h"
#include "tests/unit/scheduler_rig.h"

#include <dpool/dpool.h>

#include <stdio.h>
#include <string.h>

static srig_t *t;

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
    srig_client (t, 1);
    srig_worker (t, 1, 10);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

/* ---- Results ----------------------------------------------------------------------------------- */

static void passes_results_on_and_holds_them_until_the_ack (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 3);
    srig_turn (t);
    assert_int_equal (srig_work (t), 3);
    srig_expect_results (t, 1, "1 2 3");
    assert_int_equal (srig_stats (t).n_finished, 3);
    srig_ack (t, 1);
    assert_int_equal (srig_stats (t).n_finished, 0);
    assert_int_equal (srig_stats (t).payload_bytes, 0);
}

static void acknowledges_results_to_the_worker_in_a_while (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 3);
    srig_turn (t);
    srig_work (t);
    assert_int_equal (t->workers[1].ack, 0);
    assert_int_equal (t->deadline_ms, t->now_ms + ACKS_AFTER_MS);
    srig_jump (t, ACKS_AFTER_MS);
    assert_int_equal (t->workers[1].ack, 3);
    assert_int_equal (t->workers[1].n_kinds[WIRE_ACK], 1);
    srig_jump (t, ACKS_AFTER_MS);
    assert_int_equal (t->workers[1].n_kinds[WIRE_ACK], 1);
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE); /* duplicates count */
    srig_jump (t, ACKS_AFTER_MS);
    assert_int_equal (t->workers[1].ack, 4);
}

static void an_ack_to_the_worker_rides_along_with_tasks (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_work (t);
    srig_submit (t, 1, 2, 2);
    srig_turn (t);
    assert_int_equal (t->workers[1].ack, 1);
    srig_jump (t, ACKS_AFTER_MS);
    assert_int_equal (t->workers[1].n_kinds[WIRE_ACK], 0);
}

static void an_ack_frees_the_oldest_and_never_what_was_not_sent (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 3);
    srig_turn (t);
    srig_result (t, 1, 1, 2, 1, OUTCOME_VALUE);
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE);
    srig_turn (t);
    wire_put_bare (&t->out, 0, WIRE_ACK, 1);
    srig_send (t, t->clients[1].connection);
    assert_int_equal (srig_stats (t).n_finished, 1);
    wire_put_bare (&t->out, 0, WIRE_ACK, UINT64_MAX); /* more than ever was */
    srig_send (t, t->clients[1].connection);
    assert_int_equal (srig_stats (t).n_finished, 0);
    srig_result (t, 1, 1, 3, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_results (t, 1, "2 1 3");
}

static void sends_held_results_again_after_a_reconnect (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 4);
    srig_turn (t);
    srig_work (t);
    wire_put_bare (&t->out, 0, WIRE_ACK, 1);
    srig_send (t, t->clients[1].connection);
    srig_break (t, &t->clients[1]);
    srig_forget (t);
    srig_client_hello (t, 1);
    srig_turn (t);
    srig_expect_results (t, 1, ""); /* before CLAIM nobody knows what is wanted */
    srig_claim (t, 1, 2, 3, true);
    srig_turn (t);
    srig_expect_results (t, 1, "2 3");
    assert_int_equal (srig_stats (t).n_finished, 2);
    srig_ack (t, 1); /* it counts anew */
    assert_int_equal (srig_stats (t).n_finished, 0);
}

static void results_that_come_while_the_client_is_away_wait_for_it (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    srig_work (t);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 2, true);
    srig_turn (t);
    srig_expect_results (t, 1, "1 2");
    srig_expect_missing (t, 1, "");
}

static void submit_of_a_known_id_does_nothing (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 2);
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_submit (t, 1, 1, 2);
    srig_work (t);
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_expect_results (t, 1, "1 2");
    assert_int_equal (srig_stats (t).total_submitted, 2);
}

static void parts_go_ahead_of_the_end (void **state)
{
    (void) state;
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .n_items = 10 });
    srig_turn (t);
    srig_part (t, 1, 1, 1, 1, 0, 4, false);
    srig_turn (t);
    assert_int_equal (t->clients[1].results.n, 1);
    assert_false (t->clients[1].results.rows[0].is_final);
    assert_int_equal (srig_stats (t).n_assigned, 1);
    srig_ack (t, 1);
    assert_int_equal (srig_stats (t).n_assigned, 1);
    srig_part (t, 1, 1, 1, 1, 4, 6, true);
    srig_turn (t);
    assert_true (t->clients[1].results.rows[1].is_final);
    srig_ack (t, 1);
    assert_int_equal (srig_stats (t).n_finished, 0);
}

static void a_part_of_a_dropped_task_is_still_counted_by_its_ack (void **state)
{
    (void) state;
    /* Task 1 is adopted, without its arguments: when its worker goes it is forgotten. */
    srig_break (t, &t->clients[1]);
    srig_live (t, 61000);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 5 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 1, true);
    srig_submit (t, 1, 2, 2);
    srig_turn (t);
    srig_part (t, 1, 1, 1, 1, 0, 1, false);
    srig_turn (t);
    srig_result (t, 1, 1, 2, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_results (t, 1, "1 2");
    srig_bare (t, &t->workers[1], WIRE_BYE);
    srig_turn (t);
    srig_expect_missing (t, 1, "1-1");
    wire_put_bare (&t->out, 0, WIRE_ACK, 1);
    srig_send (t, t->clients[1].connection);
    assert_int_equal (srig_stats (t).n_finished, 1);
    srig_ack (t, 1);
    assert_int_equal (srig_stats (t).n_finished, 0);
    assert_int_equal (srig_stats (t).payload_bytes, 0);
}

static void a_dropped_part_that_was_under_way_dies_with_its_connection (void **state)
{
    (void) state;
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .n_items = 3 });
    srig_turn (t);
    srig_part (t, 1, 1, 1, 1, 0, 1, false);
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    srig_claim_none (t, 1);
    srig_turn (t);
    assert_int_equal (srig_stats (t).payload_bytes, 0);
    assert_int_equal (srig_stats (t).n_assigned, 0);
}

static void a_part_of_a_dropped_task_is_not_sent_again (void **state)
{
    (void) state;
    srig_break (t, &t->clients[1]);
    srig_live (t, 61000);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 5 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 1, true);
    srig_part (t, 1, 1, 1, 1, 0, 1, false);
    srig_bare (t, &t->workers[1], WIRE_BYE);
    srig_turn (t);
    srig_expect_missing (t, 1, "1-1");
    srig_expect_results (t, 1, "1");
    srig_break (t, &t->clients[1]);
    srig_forget (t);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 1, true);
    srig_turn (t);
    srig_expect_missing (t, 1, "1-1");
    srig_expect_results (t, 1, "");
    assert_int_equal (srig_stats (t).payload_bytes, 0);
}

static void counts_results_that_nobody_waits_for (void **state)
{
    (void) state;
    srig_result (t, 1, 1, 99, 1, OUTCOME_VALUE);
    srig_result (t, 1, 9, 1, 1, OUTCOME_VALUE);
    srig_turn (t);
    assert_int_equal (srig_stats (t).total_late_results, 2);
    srig_jump (t, ACKS_AFTER_MS);
    assert_int_equal (t->workers[1].ack, 2);
    assert_int_equal (t->clients[1].results.n, 0);
}

static void only_the_present_attempt_may_crash (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_result (t, 1, 1, 1, 2, OUTCOME_CRASHED);
    srig_turn (t);
    assert_int_equal (t->clients[1].results.n, 0);
    srig_result (t, 1, 1, 1, 1, OUTCOME_CRASHED);
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE); /* too late */
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_CRASHED);
    assert_int_equal (t->clients[1].results.n, 1);
}

static void a_worker_cannot_end_the_run_of_another (void **state)
{
    (void) state;
    srig_worker (t, 2, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    int other = t->workers[1].tasks.n > 0 ? 2 : 1;
    srig_result (t, other, 1, 1, 1, OUTCOME_CRASHED);
    srig_release (t, other, 1, 1, 1);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_assigned, 1);
    assert_int_equal (t->clients[1].results.n, 0);
}

static void a_client_cannot_touch_the_tasks_of_another (void **state)
{
    (void) state;
    srig_client (t, 2);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_cancel (t, 2, 1, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "");
    srig_expect_missing (t, 2, "1-1");
}

/* ---- Cancel ------------------------------------------------------------------------------------ */

static void a_queued_task_is_cancelled_at_once (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 12);
    srig_turn (t);
    srig_cancel (t, 1, 11, 11);
    srig_turn (t);
    srig_expect_results (t, 1, "11");
    assert_int_equal (srig_status (t, 1, 11), OUTCOME_CANCELLED);
    srig_work (t);
    srig_expect_tasks (t, 1, "12");
}

static void the_cancel_of_a_running_task_goes_to_its_worker (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_cancel (t, 1, 2, 2);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "2.1");
    assert_int_equal (t->clients[1].results.n, 0);
    srig_result (t, 1, 1, 2, 1, OUTCOME_VALUE); /* it was faster */
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 2), OUTCOME_VALUE);
}

static void a_cancelled_task_is_never_queued_again (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_cancel (t, 1, 1, 2);
    srig_release (t, 1, 1, 1, 1);
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_CANCELLED);
    srig_lose (t, 1);
    assert_int_equal (srig_status (t, 1, 2), OUTCOME_KILLED);
}

static void the_cancel_of_an_unknown_id_is_confirmed_by_missing (void **state)
{
    (void) state;
    srig_submit (t, 1, 5, 6);
    srig_turn (t);
    srig_cancel (t, 1, 3, 3);
    srig_turn (t);
    srig_expect_missing (t, 1, "3-3");
}

static void huge_ranges_cost_no_more_than_what_is_there (void **state)
{
    (void) state;
    srig_submit (t, 1, 5, 20);
    srig_turn (t);
    srig_cancel (t, 1, 0, UINT64_MAX);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "5.1 6.1 7.1 8.1 9.1 10.1 11.1 12.1 13.1 14.1");
    srig_expect_results (t, 1, "15 16 17 18 19 20");
    srig_expect_missing (t, 1, "0-4 21-18446744073709551615");
}

static void overlapping_ranges_are_looked_at_once (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 4);
    srig_turn (t);
    wire_batch_t batch = { 0 };
    for (uint64_t i = 0; i < 1000; i++)
        wire_add_range (&batch, &t->out, 0, WIRE_CANCEL, &(wire_range_t) { i, UINT64_MAX - i, false });
    wire_flush (&batch, &t->out, 0, 0, 0);
    srig_send (t, t->clients[1].connection);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "1.1 2.1 3.1 4.1");
    srig_expect_missing (t, 1, "0-0 5-18446744073709551615");
}

static void ranges_that_overlap_in_part_are_cut (void **state)
{
    (void) state;
    wire_batch_t batch = { 0 };
    wire_add_range (&batch, &t->out, 0, WIRE_CANCEL, &(wire_range_t) { 1, 60, false });
    wire_add_range (&batch, &t->out, 0, WIRE_CANCEL, &(wire_range_t) { 30, 80, false });
    wire_flush (&batch, &t->out, 0, 0, 0);
    srig_send (t, t->clients[1].connection);
    srig_turn (t);
    srig_expect_missing (t, 1, "1-80");
}

static void the_highest_and_lowest_ids_are_ids_like_others (void **state)
{
    (void) state;
    srig_submit_as (t, 1, 0, 0, (srig_submit_t) { .base = UINT64_MAX });
    wire_batch_t batch = { 0 };
    wire_group_t group = { .function = { "work", 4 }, .require = { "", 0 } };
    wire_task_t task = { .id = UINT64_MAX, .n_items = 1, .payload = { (const uint8_t *) "x", 1, 0 } };
    wire_add_task (&batch, &t->out, 0, WIRE_SUBMIT, &group, &task, NULL);
    wire_flush (&batch, &t->out, 0, 0, 0);
    srig_send (t, t->clients[1].connection);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].tasks, "0.0 18446744073709551615.1");
    srig_cancel (t, 1, UINT64_MAX, UINT64_MAX);
    srig_cancel (t, 1, 0, 0);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "18446744073709551615.1 0.0");
}

/* ---- Progress ---------------------------------------------------------------------------------- */

static void progress_reaches_the_client_with_the_workers_name (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_live (t, 500);
    srig_progress (t, 1, 1, 1, 1, 300);
    srig_turn (t);
    srig_expect_runs (&t->clients[1].progress, "1.1");
    srig_query (t, 1, WIRE_QUERY_EXPLAIN, 1);
    assert_int_equal (t->clients[1].answer.since_ms, 300);
}

static void progress_of_others_runs_is_ignored (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_progress (t, 1, 1, 1, 2, 0);
    srig_progress (t, 1, 1, 7, 1, 0);
    srig_progress (t, 1, 5, 1, 1, 0);
    srig_turn (t);
    assert_int_equal (t->clients[1].progress.n, 0);
}

static void an_absurd_time_of_progress_is_not_believed (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_live (t, 500);
    srig_progress (t, 1, 1, 1, 1, UINT64_MAX);
    srig_query (t, 1, WIRE_QUERY_EXPLAIN, 1);
    assert_int_equal (t->clients[1].answer.since_ms, 500);
}

/* ---- Questions --------------------------------------------------------------------------------- */

static dpool_reason_t reason (uint64_t id)
{
    srig_query (t, 1, WIRE_QUERY_EXPLAIN, id);
    return (dpool_reason_t) t->clients[1].answer.reason;
}

static void explains_a_queued_task_by_what_is_ahead (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 20);
    srig_submit_as (t, 1, 21, 25, (srig_submit_t) { .priority = 1 });
    srig_turn (t);
    assert_int_equal (reason (20), DPOOL_REASON_QUEUED);
    assert_int_equal (t->clients[1].answer.ahead, 14); /* 21 … 25 and 1 … 5 are running */
    srig_submit_as (t, 1, 26, 28, (srig_submit_t) { .priority = 1 });
    assert_int_equal (reason (20), DPOOL_REASON_QUEUED);
    assert_int_equal (t->clients[1].answer.ahead, 17);
}

static void explains_what_runs_and_what_is_over (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    assert_int_equal (reason (1), DPOOL_REASON_RUNNING);
    assert_string_equal (t->clients[1].answer_worker, "worker 1");
    assert_int_equal (t->clients[1].answer.attempt, 1);
    srig_work (t);
    assert_int_equal (reason (1), DPOOL_REASON_FINISHED);
    assert_int_equal (reason (99), DPOOL_REASON_FINISHED);
    assert_string_equal (t->clients[1].text, "the broker does not know it any more");
}

static void explains_why_nothing_can_run (void **state)
{
    (void) state;
    srig_worker_as (t, 1, (srig_hello_t) { .window = 0, .is_draining = true });
    srig_submit (t, 1, 1, 1);
    assert_int_equal (reason (1), DPOOL_REASON_DRAINING);
    srig_worker_as (t, 2, (srig_hello_t) { .window = 1, .functions = { "other" } });
    srig_bare (t, &t->workers[1], WIRE_BYE);
    srig_turn (t);
    assert_int_equal (reason (1), DPOOL_REASON_NO_FUNCTION);
    srig_bare (t, &t->workers[2], WIRE_BYE);
    srig_turn (t);
    assert_int_equal (reason (1), DPOOL_REASON_NO_WORKER);
}

static void the_status_is_json_of_all_peers (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 12);
    srig_turn (t);
    srig_query (t, 1, WIRE_QUERY_STATUS, 0);
    char expected[1024];
    snprintf (expected, sizeof expected,
              "{\"broker\":\"rig\",\"version\":\"%s\",\"uptime_ms\":2000,\"queued\":2,\"assigned\":10,"
              "\"processes\":1,\"n_workers\":1,\"n_ready\":1,\"n_clients\":1,\"submitted\":12,"
              "\"results\":0,\"requeued\":0,\"payload_bytes\":12,\"shared_in\":0,\"shared_out\":0,"
              "\"workers\":[{\"name\":\"worker 1\",\"host\":\"here\",\"id\":\"00000000000000c9\","
              "\"pid\":20,\"processes\":1,\"runs\":10,\"busy\":1,\"waiting\":9,\"state\":\"ready\","
              "\"draining\":false,\"silent_ms\":0,\"n_functions\":1,\"functions\":[\"work\"],"
              "\"labels\":[]}],"
              "\"clients\":[{\"name\":\"client 1\",\"host\":\"here\",\"pid\":10,\"queued\":2,"
              "\"assigned\":10,\"held_bytes\":0,\"connected\":true,\"silent_ms\":0}]}",
              dpool_version ());
    assert_string_equal (t->clients[1].text, expected);
}

static void the_status_of_very_many_peers_fits_into_a_message (void **state)
{
    (void) state;
    enum { N = 6000 };
    for (uint64_t i = 0; i < N; i++) {
        wire_hello_t hello = { .version_min = 1,
                               .version_max = 1,
                               .role = i % 2 == 0 ? WIRE_ROLE_CLIENT : WIRE_ROLE_WORKER,
                               .id = 1000 + i,
                               .connection = 1,
                               .host = { "h", 1 },
                               .name = { "a name that is rather long, so that many of them are very long: "
                                         "\"a name that is rather long, so that many of them are very long\"",
                                         128 },
                               .initializer = { "", 0 } };
        wire_put_hello (&t->out, 0, &hello, NULL, NULL);
        srig_send (t, srig_connection (t));
    }
    srig_query (t, 1, WIRE_QUERY_STATUS, 0); /* decodes it */
    assert_in_range (t->clients[1].answer.text.len, SCHEDULER_MAX_STATUS / 2, SCHEDULER_MAX_STATUS + 1000);
    assert_int_equal (t->clients[1].n_kinds[WIRE_ANSWER], 1);
}

static void a_worker_is_asked_to_drain (void **state)
{
    (void) state;
    srig_query (t, 1, WIRE_QUERY_DRAIN, t->workers[1].id);
    srig_turn (t);
    assert_int_equal (t->clients[1].answer.reason, DPOOL_REASON_DRAINING);
    assert_int_equal (t->workers[1].n_kinds[WIRE_DRAIN], 1);
    srig_query (t, 1, WIRE_QUERY_DRAIN, 12345);
    assert_int_equal (t->clients[1].answer.reason, DPOOL_REASON_NO_WORKER);
    assert_string_equal (t->clients[1].text, "there is no such worker");
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (passes_results_on_and_holds_them_until_the_ack),
        TEST (acknowledges_results_to_the_worker_in_a_while),
        TEST (an_ack_to_the_worker_rides_along_with_tasks),
        TEST (an_ack_frees_the_oldest_and_never_what_was_not_sent),
        TEST (sends_held_results_again_after_a_reconnect),
        TEST (results_that_come_while_the_client_is_away_wait_for_it),
        TEST (submit_of_a_known_id_does_nothing),
        TEST (parts_go_ahead_of_the_end),
        TEST (a_part_of_a_dropped_task_is_still_counted_by_its_ack),
        TEST (a_dropped_part_that_was_under_way_dies_with_its_connection),
        TEST (a_part_of_a_dropped_task_is_not_sent_again),
        TEST (counts_results_that_nobody_waits_for),
        TEST (only_the_present_attempt_may_crash),
        TEST (a_worker_cannot_end_the_run_of_another),
        TEST (a_client_cannot_touch_the_tasks_of_another),
        TEST (a_queued_task_is_cancelled_at_once),
        TEST (the_cancel_of_a_running_task_goes_to_its_worker),
        TEST (a_cancelled_task_is_never_queued_again),
        TEST (the_cancel_of_an_unknown_id_is_confirmed_by_missing),
        TEST (huge_ranges_cost_no_more_than_what_is_there),
        TEST (overlapping_ranges_are_looked_at_once),
        TEST (ranges_that_overlap_in_part_are_cut),
        TEST (the_highest_and_lowest_ids_are_ids_like_others),
        TEST (progress_reaches_the_client_with_the_workers_name),
        TEST (progress_of_others_runs_is_ignored),
        TEST (an_absurd_time_of_progress_is_not_believed),
        TEST (explains_a_queued_task_by_what_is_ahead),
        TEST (explains_what_runs_and_what_is_over),
        TEST (explains_why_nothing_can_run),
        TEST (the_status_is_json_of_all_peers),
        TEST (a_worker_is_asked_to_drain),
        TEST (the_status_of_very_many_peers_fits_into_a_message),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
