/* SPDX-License-Identifier: MPL-2.0 */
/* What the crew does with its brokers: connecting, runs, results. */
#include "tests/support/test.h"
#include "tests/unit/crew_rig.h"

#include <stdbool.h>
#include <string.h>

#define WITH_RIG(processes, n_brokers) \
    (void) state;                      \
    rig_t *rig = rig_new (processes, n_brokers)

/* ---- Connections --------------------------------------------------------------------------------- */

static void opens_every_broker_and_starts_all_common_children_at_once (void **state)
{
    (void) state;
    rig_t *rig = rig_new_raw (2, 2, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "start 0\nstart 1\nopen 0\nopen 1\n0< HELLO c1 w2\n1< HELLO c1 w2\n");
    rig_destroy (&rig);
}

static void lists_no_runs_after_a_first_welcome (void **state)
{
    (void) state;
    rig_t *rig = rig_new_raw (1, 1, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RUNS last\n");
    rig_destroy (&rig);
}

static void ignores_tasks_before_welcome (void **state)
{
    (void) state;
    rig_t *rig = rig_new_raw (1, 1, 0);
    rig_turn (rig, 0);
    rig_ready (rig, 0);
    rig_forget (rig);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "");
    rig_destroy (&rig);
}

static void answers_ping_with_pong (void **state)
{
    WITH_RIG (1, 1);
    rig_bare (rig, 0, WIRE_PING, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< PONG\n");
    rig_destroy (&rig);
}

static void pings_in_silence_and_gives_up_after_five_seconds (void **state)
{
    WITH_RIG (1, 1);
    rig_pass (rig, 4900);
    rig_expect (rig, "0< PING\n0< PING\n0< PING\n0< PING\n");
    rig_pass (rig, 200);
    rig_expect (rig, "close 0\nopen 0\n0< HELLO c2 w1\n");
    rig_destroy (&rig);
}

static void says_hello_on_a_new_connection_when_asked_who_it_is (void **state)
{
    WITH_RIG (1, 1);
    rig_bare (rig, 0, WIRE_WHO, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "close 0\nopen 0\n0< HELLO c2 w1\n");
    rig_destroy (&rig);
}

static void drops_what_was_written_for_a_connection_that_broke (void **state)
{
    WITH_RIG (1, 1);
    rig_bare (rig, 0, WIRE_PING, 0); /* its PONG is still in the outbox */
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "close 0\nopen 0\n0< HELLO c2 w1\n");
    rig_destroy (&rig);
}

/* ---- Runs and results ---------------------------------------------------------------------------- */

static void hands_a_task_to_an_idle_child_and_returns_its_value (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 0 #1 task 7\n");
    rig_claim (rig, 0, 1, 0);
    rig_value (rig, 0, 1, 50000);
    rig_turn (rig, 1);
    rig_expect (rig, "0< RESULTS w1 7.1 value final 0+1 V\n");
    rig_destroy (&rig);
}

static void runs_wait_in_their_order (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 1, 3);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 9000);
    rig_turn (rig, 9);
    rig_value (rig, 0, 2, 9000);
    rig_turn (rig, 9);
    rig_expect (rig, "hand 0 #1 task 1\nhand 0 #2 task 2\n0< RESULTS w1 1.1 value final 0+1 V\n"
                     "hand 0 #3 task 3\n0< RESULTS w1 2.1 value final 0+1 V\n");
    rig_destroy (&rig);
}

static void a_run_that_is_held_starts_nothing (void **state)
{
    WITH_RIG (2, 1);
    rig_tasks (rig, 0, 7, 7);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 1 #1 task 7\n");
    rig_destroy (&rig);
}

static void another_attempt_of_a_held_task_is_another_run (void **state)
{
    WITH_RIG (2, 1);
    rig_tasks (rig, 0, 7, 7);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .attempt = 2 });
    rig_turn (rig, 0);
    rig_expect (rig, "hand 1 #1 task 7\nhand 0 #2 task 7\n");
    rig_destroy (&rig);
}

static void sends_an_unacknowledged_result_again_once_adopted (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 10);
    rig_turn (rig, 0);
    rig_forget (rig);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RUNS 7.1 done last\n");
    rig_run (rig, 0, WIRE_ADOPT, 7, 1);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 value final 0+1 V\n");
    rig_destroy (&rig);
}

static void sends_held_results_oldest_first (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 1, 2);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 9000);
    rig_turn (rig, 0);
    rig_value (rig, 0, 2, 9000);
    rig_turn (rig, 0);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_run (rig, 0, WIRE_ADOPT, 2, 1);
    rig_run (rig, 0, WIRE_ADOPT, 1, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RESULTS w1 1.1 value final 0+1 V, 2.1 value final 0+1 V\n");
    rig_destroy (&rig);
}

static void an_acknowledged_result_is_forgotten (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 10);
    rig_turn (rig, 0);
    rig_bare (rig, 0, WIRE_ACK, 1);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RUNS last\n");
    rig_destroy (&rig);
}

static void acks_count_anew_on_each_connection (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 10);
    rig_turn (rig, 0);
    rig_bare (rig, 0, WIRE_ACK, 1);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_welcome (rig, 0);
    rig_tasks (rig, 0, 2, 2);
    rig_turn (rig, 0);
    rig_value (rig, 0, 2, 10);
    rig_turn (rig, 0);
    rig_bare (rig, 0, WIRE_ACK, 1); /* the first of this connection */
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RUNS last\n");
    rig_destroy (&rig);
}

static void the_results_of_a_forgotten_run_still_count_in_acks (void **state)
{
    WITH_RIG (1, 1);
    rig_session (rig, 0, 5, "init", 0);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .session = 5, .n_items = 2 });
    rig_turn (rig, 0);
    rig_ready (rig, 1);
    rig_turn (rig, 0);
    rig_value (rig, 1, 1, 1000);
    rig_pass (rig, 20); /* a part of it is sent */
    rig_session_end (rig, 0, 5);
    rig_exit (rig, 1, 9, 0, 1, 1);
    rig_tasks (rig, 0, 8, 8);
    rig_turn (rig, 0);
    rig_value (rig, 0, 3, 1000);
    rig_turn (rig, 0);
    rig_bare (rig, 0, WIRE_ACK, 1); /* that part, not the result of 8 */
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RUNS 8.1 done last\n");
    rig_destroy (&rig);
}

static void a_run_without_its_connection_goes_on_and_its_result_waits_for_adoption (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_expect_part (rig, "0< RUNS 7.1 running last\n");
    rig_value (rig, 0, 1, 10);
    rig_turn (rig, 0);
    rig_expect (rig, "");
    rig_run (rig, 0, WIRE_ADOPT, 7, 1);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 value final 0+1 V\n");
    rig_destroy (&rig);
}

static void a_run_that_nobody_adopts_is_stopped_after_a_minute (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_pass (rig, 59000);
    assert_null (strstr (rig->trace, "flag"));
    rig_forget (rig);
    rig_pass (rig, 4000);
    assert_non_null (strstr (rig->trace, "flag 0 #1\n"));
    assert_non_null (strstr (rig->trace, "signal 15 0\n"));
    assert_non_null (strstr (rig->trace, "signal 9 0\n"));
    rig_exit (rig, 0, 9, 0, 1, 0);
    rig_forget (rig);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_expect_part (rig, "0< RUNS last\n");
    rig_destroy (&rig);
}

static void a_run_whose_broker_is_gone_is_offered_to_the_other (void **state)
{
    WITH_RIG (1, 2);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    crew_broken (rig->crew, rig->now_ms, 0);
    crew_broken (rig->crew, rig->now_ms, 1);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_welcome (rig, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "1< RUNS 7.1 running last\n");
    rig_run (rig, 1, WIRE_ADOPT, 7, 1);
    rig_value (rig, 0, 1, 50000);
    rig_turn (rig, 0);
    rig_expect (rig, "1< RESULTS w1 7.1 value final 0+1 V\n");
    rig_destroy (&rig);
}

static void of_two_endpoints_of_one_broker_the_later_stays_and_takes_over_the_runs (void **state)
{
    (void) state;
    rig_t *rig = rig_new_raw (1, 2, 0);
    rig_turn (rig, 0);
    rig_ready (rig, 0);
    rig_welcome (rig, 0);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig->epoch--; /* the second says the same as the first */
    rig_welcome (rig, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "close 0\n1< RUNS 7.1 running last\n");
    rig_run (rig, 1, WIRE_ADOPT, 7, 1);
    rig_value (rig, 0, 1, 50000);
    rig_turn (rig, 0);
    rig_expect (rig, "1< RESULTS w1 7.1 value final 0+1 V\n");
    rig_turn (rig, 20000);
    rig_expect_part (rig, "");
    crew_broken (rig->crew, rig->now_ms, 1);
    rig_turn (rig, 60000);
    rig_expect_part (rig, "open 1"); /* and 0 never again */
    rig_destroy (&rig);
}

static void a_second_broker_that_adopts_too_must_not_use_its_name_again (void **state)
{
    WITH_RIG (1, 2);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_run (rig, 1, WIRE_ADOPT, 7, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "1< RESULTS w1 7.1 killed final 0+0\n");
    rig_destroy (&rig);
}

static void nor_when_the_run_has_ended_meanwhile (void **state)
{
    WITH_RIG (1, 2);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    crew_broken (rig->crew, rig->now_ms, 0);
    crew_broken (rig->crew, rig->now_ms, 1);
    rig_turn (rig, 0);
    rig_welcome (rig, 1); /* hears of the run, and takes its time */
    rig_welcome (rig, 0);
    rig_run (rig, 0, WIRE_ADOPT, 7, 1);
    rig_value (rig, 0, 1, 50000);
    rig_turn (rig, 0);
    rig_expect_part (rig, "0< RESULTS w1 7.1 value final 0+1 V\n");
    rig_bare (rig, 0, WIRE_ACK, 1);
    rig_run (rig, 1, WIRE_ADOPT, 7, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "1< RESULTS w1 7.1 killed final 0+0\n");
    rig_destroy (&rig);
}

static void a_done_run_that_the_broker_cancels_after_a_break_is_forgotten (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 10);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_welcome (rig, 0);
    rig_run (rig, 0, WIRE_CANCEL, 7, 1);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RUNS last\n");
    rig_destroy (&rig);
}

/* ---- Chunks and progress -------------------------------------------------------------------------- */

static void finished_items_of_a_long_chunk_are_sent_ahead (void **state)
{
    WITH_RIG (1, 1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 3 });
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_forget (rig);
    rig_value (rig, 0, 1, 1000);
    rig_value (rig, 0, 1, 1000);
    rig_claim (rig, 0, 1, 2);
    rig_turn (rig, 9);
    rig_turn (rig, 0);
    rig_pass (rig, 10);
    rig_expect (rig, "0< RESULTS w1 7.1 value 0+2 VV\n");
    rig_value (rig, 0, 1, 30000);
    rig_turn (rig, 1);
    rig_expect (rig, "0< RESULTS w1 7.1 value final 2+1 V\n");
    rig_destroy (&rig);
}

static void until_a_part_is_due_the_outcomes_of_a_chunk_can_wait (void **state)
{
    WITH_RIG (1, 1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 4 });
    assert_false (crew_will_look (rig->crew, rig->now_ms, 0)); /* it has nothing */
    rig_turn (rig, 0);
    assert_true (crew_will_look (rig->crew, rig->now_ms, 0));
    assert_true (rig->deadline_ms <= rig->now_ms + 10);
    rig_turn (rig, 10);
    assert_false (
        crew_will_look (rig->crew, rig->now_ms, 0)); /* there was nothing, so the next is waited for … */
    rig_forget (rig);
    rig_value (rig, 0, 1, 20000);
    rig_turn (rig, 10);
    rig_expect (rig, "0< RESULTS w1 7.1 value 0+1 V\n"); /* … and told at once */
    assert_true (crew_will_look (rig->crew, rig->now_ms, 0));
    assert_true (rig->deadline_ms <= rig->now_ms + 10);
    rig_run (rig, 0, WIRE_CANCEL, 7, 1);
    rig_turn (rig, 0);
    assert_false (crew_will_look (rig->crew, rig->now_ms, 0)); /* it is to be known when its item ends */
    rig_destroy (&rig);
}

/* None of its items is slow. */
static void takes_back_what_waits_behind_a_long_run_of_short_items (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 1); /* tiny so far */
    rig_task (rig, 0, &(rig_task_t) { .id = 2, .n_items = 60 });
    rig_tasks (rig, 0, 3, 3);
    rig_turn (rig, 0);
    rig_expect_part (rig, "hand 0 #62 task 3\n");
    rig_forget (rig);
    for (uint64_t item = 0; item < 6; item++) {
        rig_claim (rig, 0, 2, item);
        rig_pass (rig, 3);
    }
    rig_expect_part (rig, "back 0 #62\n");
    rig_destroy (&rig);
}

static void a_new_broker_gets_the_acknowledged_parts_of_a_run_again (void **state)
{
    WITH_RIG (1, 1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 2 });
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 1000);
    rig_pass (rig, 20);
    rig_bare (rig, 0, WIRE_ACK, 1);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig->epoch = 900;
    rig_welcome (rig, 0);
    rig_run (rig, 0, WIRE_ADOPT, 7, 1);
    rig_forget (rig);
    rig_value (rig, 0, 1, 1000);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 value 0+1 V, 7.1 value final 1+1 V\n");
    rig_destroy (&rig);
}

static void tells_that_a_run_has_started_and_what_it_says_of_itself (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_forget (rig);
    crew_slot_t slot = { .number = 1, .started_at_ms = rig->now_ms };
    crew_slot_seen (rig->crew, rig->now_ms, 0, &slot);
    rig_pass (rig, 99);
    rig_expect (rig, "");
    rig_turn (rig, 1);
    rig_expect (rig, "0< PROGRESS 7.1 @0 0/0 since 100\n");
    slot.done = 5, slot.steps = 9;
    crew_slot_seen (rig->crew, rig->now_ms, 0, &slot);
    rig_pass (rig, 50);
    rig_expect (rig, "");
    rig_pass (rig, 500);
    rig_expect (rig, "0< PROGRESS 7.1 @0 5/9 since 200\n");
    rig_destroy (&rig);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (opens_every_broker_and_starts_all_common_children_at_once),
        cmocka_unit_test (lists_no_runs_after_a_first_welcome),
        cmocka_unit_test (ignores_tasks_before_welcome),
        cmocka_unit_test (answers_ping_with_pong),
        cmocka_unit_test (pings_in_silence_and_gives_up_after_five_seconds),
        cmocka_unit_test (says_hello_on_a_new_connection_when_asked_who_it_is),
        cmocka_unit_test (drops_what_was_written_for_a_connection_that_broke),
        cmocka_unit_test (hands_a_task_to_an_idle_child_and_returns_its_value),
        cmocka_unit_test (runs_wait_in_their_order),
        cmocka_unit_test (a_run_that_is_held_starts_nothing),
        cmocka_unit_test (another_attempt_of_a_held_task_is_another_run),
        cmocka_unit_test (sends_an_unacknowledged_result_again_once_adopted),
        cmocka_unit_test (sends_held_results_oldest_first),
        cmocka_unit_test (an_acknowledged_result_is_forgotten),
        cmocka_unit_test (acks_count_anew_on_each_connection),
        cmocka_unit_test (the_results_of_a_forgotten_run_still_count_in_acks),
        cmocka_unit_test (a_run_without_its_connection_goes_on_and_its_result_waits_for_adoption),
        cmocka_unit_test (a_run_that_nobody_adopts_is_stopped_after_a_minute),
        cmocka_unit_test (a_run_whose_broker_is_gone_is_offered_to_the_other),
        cmocka_unit_test (of_two_endpoints_of_one_broker_the_later_stays_and_takes_over_the_runs),
        cmocka_unit_test (a_second_broker_that_adopts_too_must_not_use_its_name_again),
        cmocka_unit_test (nor_when_the_run_has_ended_meanwhile),
        cmocka_unit_test (a_done_run_that_the_broker_cancels_after_a_break_is_forgotten),
        cmocka_unit_test (finished_items_of_a_long_chunk_are_sent_ahead),
        cmocka_unit_test (until_a_part_is_due_the_outcomes_of_a_chunk_can_wait),
        cmocka_unit_test (takes_back_what_waits_behind_a_long_run_of_short_items),
        cmocka_unit_test (a_new_broker_gets_the_acknowledged_parts_of_a_run_again),
        cmocka_unit_test (tells_that_a_run_has_started_and_what_it_says_of_itself),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
