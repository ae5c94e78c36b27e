/* SPDX-License-Identifier: MPL-2.0 */
/* How much work the crew asks for, how far ahead it hands it out, what it gives back, and how it leaves. */
#include "tests/support/test.h"
#include "tests/unit/crew_rig.h"

#include <signal.h>

#include <stdbool.h>
#include <string.h>

#define WITH_RIG(processes, n_brokers) \
    (void) state;                      \
    rig_t *rig = rig_new (processes, n_brokers)

/* ---- Windows -------------------------------------------------------------------------------------- */

/* One run of one process takes so long. */
static void run_one (rig_t *rig, uint64_t id, uint64_t run_us)
{
    rig_tasks (rig, 0, id, id);
    rig_turn (rig, 0);
    rig_value (rig, 0, id, run_us);
    rig_turn (rig, 0);
    rig_bare (rig, 0, WIRE_ACK, id);
}

static void asks_for_as_many_tiny_tasks_as_bridge_a_round_trip (void **state)
{
    WITH_RIG (1, 1);
    run_one (rig, 1, 20);
    rig_expect_part (rig, "RESULTS w101 ");
    rig_destroy (&rig);
}

static void a_single_process_asks_for_no_task_of_some_milliseconds_ahead (void **state)
{
    WITH_RIG (1, 1);
    run_one (rig, 1, 5000);
    rig_expect_part (rig, "RESULTS w1 ");
    rig_destroy (&rig);
}

static void never_asks_for_more_than_a_thousand_beyond_its_processes (void **state)
{
    WITH_RIG (1, 1);
    run_one (rig, 1, 0);
    rig_expect_part (rig, "RESULTS w1025 ");
    rig_destroy (&rig);
}

/* The broker answers the PING behind its WELCOME after so long. */
static rig_t *far_rig (size_t processes, int64_t round_trip_ms)
{
    rig_t *rig = rig_new_raw (processes, 1, 0);
    rig->is_far = true;
    rig_turn (rig, 0);
    rig_welcome (rig, 0);
    for (size_t i = 0; i < processes; i++)
        rig_ready (rig, i);
    rig_turn (rig, 0);
    rig_turn (rig, round_trip_ms + 1);
    rig_bare (rig, 0, WIRE_PONG, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    return rig;
}

static void asks_a_far_broker_for_what_bridges_the_round_trip_too (void **state)
{
    (void) state;
    rig_t *rig = far_rig (2, 50);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 1, 1, 1000);
    rig_turn (rig, 0);
    rig_expect_part (rig, "RESULTS w106 "); /* two run, and 52 ms of work for each process come behind */
    rig_destroy (&rig);
}

static void hands_no_more_out_ahead_though_the_broker_is_far (void **state)
{
    (void) state;
    rig_t *rig = far_rig (1, 50);
    run_one (rig, 1, 500);
    rig_forget (rig);
    rig_tasks (rig, 0, 2, 20);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 0 #2 task 2\nhand 0 #3 task 3\nhand 0 #4 task 4\nhand 0 #5 task 5\n");
    rig_destroy (&rig);
}

static void a_near_and_a_far_broker_have_windows_of_their_own (void **state)
{
    (void) state;
    rig_t *rig = rig_new_raw (1, 2, 0);
    rig_turn (rig, 0);
    rig_welcome (rig, 0);
    rig_ready (rig, 0);
    rig_turn (rig, 0);
    rig->is_far = true;
    rig_welcome (rig, 1);
    rig_turn (rig, 0);
    rig_turn (rig, 21);
    rig_bare (rig, 1, WIRE_PONG, 0);
    run_one (rig, 1, 1000);
    rig_expect_part (rig, "0< RESULTS w3 ");
    rig_tasks (rig, 1, 2, 2);
    rig_turn (rig, 0);
    rig_value (rig, 0, 2, 1000);
    rig_turn (rig, 0);
    rig_expect_part (rig, "1< RESULTS w23 ");
    rig_destroy (&rig);
}

static void waits_longer_before_it_hands_back_to_a_far_broker (void **state)
{
    (void) state;
    rig_t *rig = far_rig (1, 50);
    run_one (rig, 1, 6000);
    rig_tasks (rig, 0, 2, 4);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 2, 0);
    rig_forget (rig);
    rig_pass (rig, 69);
    rig_expect (rig, "");
    rig_pass (rig, 1);
    rig_expect (rig, "0< RELEASE w1 4.1, 3.1\n"); /* 52 ms of work, and a run takes more than that */
    rig_destroy (&rig);
}

static void hands_tiny_runs_out_ahead (void **state)
{
    WITH_RIG (1, 1);
    run_one (rig, 1, 500);
    rig_forget (rig);
    rig_tasks (rig, 0, 2, 7);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 0 #2 task 2\nhand 0 #3 task 3\nhand 0 #4 task 4\nhand 0 #5 task 5\n");
    rig_destroy (&rig);
}

static void asks_for_one_short_run_ahead_for_each_process_and_hands_it_out (void **state)
{
    WITH_RIG (2, 1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 1, 1, 5000);
    rig_turn (rig, 0);
    rig_expect_part (rig, "RESULTS w4 ");
    rig_forget (rig);
    rig_tasks (rig, 0, 2, 6);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 1 #2 task 2\nhand 0 #3 task 3\nhand 1 #4 task 4\nhand 0 #5 task 5\n");
    rig_destroy (&rig);
}

static void a_short_run_that_waits_behind_another_goes_to_a_child_that_gets_free (void **state)
{
    WITH_RIG (2, 1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 1, 1, 5000);
    rig_tasks (rig, 0, 2, 4);
    rig_turn (rig, 0);
    rig_expect_part (rig, "hand 1 #2 task 2\nhand 0 #3 task 3\nhand 1 #4 task 4\n");
    rig_claim (rig, 1, 2, 0);
    rig_forget (rig);
    rig_value (rig, 0, 3, 2000);
    rig_turn (rig, 2);
    rig_expect_part (rig, "back 1 #4\nhand 0 #5 task 4\n");
    rig_destroy (&rig);
}

static void a_short_run_that_has_started_is_asked_for_once (void **state)
{
    WITH_RIG (2, 1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 1, 1, 5000);
    rig_tasks (rig, 0, 2, 4);
    rig_turn (rig, 0);
    rig_claim (rig, 1, 2, 0); /* it has begun 4 since, and what 2 has brought was not heard yet */
    rig_value (rig, 0, 3, 2000);
    rig_forget (rig);
    rig->answers_take_back = false;
    rig_turn (rig, 2);
    rig_expect_part (rig, "back 1 #4\n");
    crew_taken_back (rig->crew, rig->now_ms, 1, 5);
    rig_forget (rig);
    rig_turn (rig, 0);
    rig_expect (rig, "");
    rig_destroy (&rig);
}

static void takes_back_what_waits_behind_an_item_that_turns_out_long (void **state)
{
    WITH_RIG (1, 1);
    run_one (rig, 1, 1);
    rig_tasks (rig, 0, 2, 4);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 2, 0);
    rig_forget (rig);
    rig_pass (rig, 5);
    rig_expect (rig, "");
    rig_pass (rig, 5);
    rig_expect (rig, "back 0 #3\n");
    rig_value (rig, 0, 2, 9000);
    rig_turn (rig, 0);
    rig_expect_part (rig, "hand 0 #5 task 3\n");
    rig_destroy (&rig);
}

static void gives_what_was_taken_back_to_another_child (void **state)
{
    WITH_RIG (2, 1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 1, 1, 1); /* tiny so far */
    rig_tasks (rig, 0, 2, 5);
    rig_turn (rig, 0);
    rig_expect_part (rig, "hand 1 #2 task 2\nhand 0 #3 task 3\nhand 1 #4 task 4\nhand 0 #5 task 5\n");
    rig_claim (rig, 1, 2, 0);
    rig_value (rig, 0, 3, 1);
    rig_value (rig, 0, 5, 1);
    rig_pass (rig, 10);
    rig_expect_part (rig, "back 1 #4\nhand 0 #6 task 4\n");
    rig_destroy (&rig);
}

static void runs_taken_back_from_several_children_wait_in_their_order (void **state)
{
    WITH_RIG (2, 1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 1, 1, 1);
    rig_tasks (rig, 0, 2, 7);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 3, 0);
    rig_claim (rig, 1, 2, 0);
    rig_forget (rig);
    rig_pass (rig, 10);
    rig_expect (rig, "back 0 #5\nback 1 #4\n");
    rig_value (rig, 0, 3, 100000);
    rig_turn (rig, 0);
    rig_expect_part (rig, "hand 0 #8 task 4\n");
    rig_value (rig, 0, 8, 100000);
    rig_turn (rig, 0);
    rig_expect_part (rig, "hand 0 #9 task 5\n");
    rig_destroy (&rig);
}

static void hands_back_what_waits_too_long_and_asks_for_less (void **state)
{
    WITH_RIG (1, 1);
    run_one (rig, 1, 20);
    rig_tasks (rig, 0, 2, 2);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 2, 0);
    rig_pass (rig, 7); /* stalled: it gets nothing more */
    rig_tasks (rig, 0, 3, 5);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_pass (rig, 30);
    rig_expect (rig, "0< RELEASE w1 5.1, 4.1, 3.1\n");
    rig_destroy (&rig);
}

static void hands_back_ever_more_slowly_while_nothing_gets_free (void **state)
{
    WITH_RIG (1, 2);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    for (int64_t wait_ms = 20; wait_ms <= 1000; wait_ms = wait_ms == 640 ? 1000 : 2 * wait_ms) {
        rig_tasks (rig, 1, 2, 2); /* another broker, which knows no better worker */
        rig_turn (rig, 0);
        rig_pass (rig, wait_ms - 1);
        assert_null (strstr (rig->trace, "RELEASE"));
        rig_pass (rig, 1);
        rig_expect_part (rig, "1< RELEASE w1 2.1\n");
    }
    rig_value (rig, 0, 1, 2000000);
    rig_tasks (rig, 1, 3, 4);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_pass (rig, 20);
    rig_expect_part (rig, "1< RELEASE w1 4.1\n");
    rig_destroy (&rig);
}

static void releases_tasks_beyond_any_window_it_ever_told (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 1, 1025);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 0 #1 task 1\n");
    rig_tasks (rig, 0, 1026, 1026);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RELEASE w1 1026.1\n");
    rig_destroy (&rig);
}

static void releases_a_waiting_run_that_is_revoked (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 1, 2);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_forget (rig);
    rig_run (rig, 0, WIRE_REVOKE, 1, 1);
    rig_run (rig, 0, WIRE_REVOKE, 2, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RELEASE w1 2.1\n");
    rig_destroy (&rig);
}

static void takes_a_revoked_run_back_from_its_child (void **state)
{
    WITH_RIG (1, 1);
    run_one (rig, 1, 400);
    rig_tasks (rig, 0, 2, 4);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 2, 0);
    rig_forget (rig);
    rig_run (rig, 0, WIRE_REVOKE, 3, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "back 0 #3\nhand 0 #5 task 4\n0< RELEASE w6 3.1\n");
    rig_destroy (&rig);
}

/* ---- Cutting -------------------------------------------------------------------------------------- */

static void gives_back_the_calls_behind_a_slow_one (void **state)
{
    WITH_RIG (1, 1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 4, .is_loose = true });
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 100);
    rig_claim (rig, 0, 1, 1);
    rig_forget (rig);
    rig_pass (rig, 5);
    rig_expect (rig, "");
    rig_pass (rig, 1);
    rig_expect (rig, "back 0 #3\n0< RESULTS w1 7.1 not started 2+2 --\n");
    assert_int_equal (rig->cut_us, 6100);
    rig_value (rig, 0, 1, 6000);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 value final 0+2 VV\n");
    rig_destroy (&rig);
}

static void keeps_the_items_of_one_call_together (void **state)
{
    WITH_RIG (1, 1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 4 });
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_forget (rig);
    rig_pass (rig, 50);
    rig_expect (rig, "");
    rig_destroy (&rig);
}

static void cuts_a_revoked_run_behind_the_item_that_runs (void **state)
{
    WITH_RIG (1, 1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 4 });
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_forget (rig);
    rig_run (rig, 0, WIRE_REVOKE, 7, 1);
    rig_run (rig, 0, WIRE_REVOKE, 7, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "back 0 #2\n0< RESULTS w1 7.1 not started 1+3 ---\n");
    rig_run (rig, 0, WIRE_REVOKE, 7, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "");
    rig_exit (rig, 0, SIGSEGV, 0, 1, 0);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 crashed final 0+1 C\n");
    rig_destroy (&rig);
}

static void a_cut_run_whose_items_are_all_done_is_finished (void **state)
{
    WITH_RIG (1, 1);
    rig->answers_take_back = false;
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 3, .is_loose = true });
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 100);
    rig_run (rig, 0, WIRE_REVOKE, 7, 1);
    rig_turn (rig, 0);
    rig_forget (rig);
    crew_taken_back (rig->crew, rig->now_ms, 0, 2);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 not started 1+2 --, 7.1 value final 0+1 V\n");
    rig_tasks (rig, 0, 8, 8);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 0 #4 task 8\n");
    rig_destroy (&rig);
}

static void a_cut_is_told_again_after_a_break (void **state)
{
    WITH_RIG (1, 1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 3, .is_loose = true });
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_pass (rig, 6);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_run (rig, 0, WIRE_ADOPT, 7, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RESULTS w1 7.1 not started 1+2 --\n");
    rig_destroy (&rig);
}

static void what_a_cancel_cuts_off_is_cancelled (void **state)
{
    WITH_RIG (1, 1);
    rig->answers_take_back = false;
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 3 });
    rig_turn (rig, 0);
    rig_run (rig, 0, WIRE_CANCEL, 7, 1);
    rig_turn (rig, 0);
    rig_forget (rig);
    crew_taken_back (rig->crew, rig->now_ms, 0, 2);
    rig_turn (rig, 0);
    rig_expect (rig, "flag 0 #1\n0< RESULTS w1 7.1 cancelled 1+2 XX\n");
    rig_destroy (&rig);
}

/* ---- Draining ------------------------------------------------------------------------------------- */

static void drains_by_finishing_what_runs_and_handing_back_the_rest (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 1, 2);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_forget (rig);
    crew_drain (rig->crew, rig->now_ms, false);
    rig_turn (rig, 0);
    rig_expect (rig, "0< DRAIN\n0< RELEASE w1 2.1\n");
    rig_tasks (rig, 0, 3, 3);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RELEASE w1 3.1\n");
    rig_value (rig, 0, 1, 50000);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RESULTS w1 1.1 value final 0+1 V\n");
    rig_bare (rig, 0, WIRE_ACK, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "0< BYE\n");
    assert_false (crew_is_gone (rig->crew));
    rig_bare (rig, 0, WIRE_BYE, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "close 0\n");
    assert_true (crew_is_gone (rig->crew));
    rig_pass (rig, 3000);
    rig_expect (rig, "");
    rig_destroy (&rig);
}

static void drains_when_the_broker_says_so (void **state)
{
    WITH_RIG (1, 2);
    rig_bare (rig, 1, WIRE_DRAIN, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< DRAIN\n1< DRAIN\n0< BYE\n1< BYE\n");
    rig_destroy (&rig);
}

static void is_gone_two_seconds_after_a_bye_that_nobody_answers (void **state)
{
    WITH_RIG (1, 1);
    crew_drain (rig->crew, rig->now_ms, false);
    rig_turn (rig, 0);
    rig_pass (rig, 1900);
    assert_false (crew_is_gone (rig->crew));
    rig_pass (rig, 200);
    assert_true (crew_is_gone (rig->crew));
    rig_destroy (&rig);
}

static void is_gone_two_seconds_after_its_drain_though_it_tries_to_reach_the_broker (void **state)
{
    WITH_RIG (1, 1);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 5000);
    crew_drain (rig->crew, rig->now_ms, false);
    rig_turn (rig, 0);
    for (int ms = 0; ms < 2100; ms += 50) {
        assert_int_equal (crew_is_gone (rig->crew), ms >= 2000);
        crew_broken (rig->crew, rig->now_ms, 0); /* nobody listens: an attempt fails at once */
        rig_turn (rig, 50);
    }
    assert_true (crew_is_gone (rig->crew));
    rig_destroy (&rig);
}

static void says_in_hello_that_it_drains (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    crew_drain (rig->crew, rig->now_ms, false);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_expect_part (rig, "0< HELLO c2 w0 draining\n");
    rig_destroy (&rig);
}

static void drains_now_by_killing_and_says_what_had_started (void **state)
{
    WITH_RIG (2, 1);
    rig_tasks (rig, 0, 1, 1);
    rig_task (rig, 0, &(rig_task_t) { .id = 2, .is_at_most_once = true });
    rig_turn (rig, 0);
    rig_claim (rig, 1, 1, 0);
    rig_claim (rig, 0, 2, 0);
    rig_forget (rig);
    crew_drain (rig->crew, rig->now_ms, true);
    rig_turn (rig, 0);
    rig_expect (rig, "signal 9 0\nsignal 9 1\n0< DRAIN\n");
    rig_exit (rig, 0, 9, 0, 2, 0);
    rig_exit (rig, 1, 9, 0, 1, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RESULTS w1 2.1 lost final 0+1 L, 1.1 killed final 0+0\n");
    rig_destroy (&rig);
}

static void drains_without_waiting_long_for_whom_nobody_speaks_for (void **state)
{
    WITH_RIG (1, 1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_turn (rig, 0);
    crew_broken (rig->crew, rig->now_ms, 0);
    crew_drain (rig->crew, rig->now_ms, false);
    rig_pass (rig, 100);
    rig_welcome (rig, 0);
    for (int i = 0; i < 6; i++) { /* the broker is there, and adopts nothing */
        rig_pass (rig, 1000);
        rig_bare (rig, 0, WIRE_PONG, 0);
    }
    rig_forget (rig);
    rig_pass (rig, 1000); /* the flag's grace */
    rig_expect_part (rig, "signal 15 0\n");
    rig_destroy (&rig);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (asks_for_as_many_tiny_tasks_as_bridge_a_round_trip),
        cmocka_unit_test (a_single_process_asks_for_no_task_of_some_milliseconds_ahead),
        cmocka_unit_test (never_asks_for_more_than_a_thousand_beyond_its_processes),
        cmocka_unit_test (asks_a_far_broker_for_what_bridges_the_round_trip_too),
        cmocka_unit_test (hands_no_more_out_ahead_though_the_broker_is_far),
        cmocka_unit_test (a_near_and_a_far_broker_have_windows_of_their_own),
        cmocka_unit_test (waits_longer_before_it_hands_back_to_a_far_broker),
        cmocka_unit_test (hands_tiny_runs_out_ahead),
        cmocka_unit_test (asks_for_one_short_run_ahead_for_each_process_and_hands_it_out),
        cmocka_unit_test (a_short_run_that_waits_behind_another_goes_to_a_child_that_gets_free),
        cmocka_unit_test (a_short_run_that_has_started_is_asked_for_once),
        cmocka_unit_test (takes_back_what_waits_behind_an_item_that_turns_out_long),
        cmocka_unit_test (gives_what_was_taken_back_to_another_child),
        cmocka_unit_test (runs_taken_back_from_several_children_wait_in_their_order),
        cmocka_unit_test (hands_back_what_waits_too_long_and_asks_for_less),
        cmocka_unit_test (hands_back_ever_more_slowly_while_nothing_gets_free),
        cmocka_unit_test (releases_tasks_beyond_any_window_it_ever_told),
        cmocka_unit_test (releases_a_waiting_run_that_is_revoked),
        cmocka_unit_test (takes_a_revoked_run_back_from_its_child),
        cmocka_unit_test (gives_back_the_calls_behind_a_slow_one),
        cmocka_unit_test (keeps_the_items_of_one_call_together),
        cmocka_unit_test (cuts_a_revoked_run_behind_the_item_that_runs),
        cmocka_unit_test (a_cut_run_whose_items_are_all_done_is_finished),
        cmocka_unit_test (a_cut_is_told_again_after_a_break),
        cmocka_unit_test (what_a_cancel_cuts_off_is_cancelled),
        cmocka_unit_test (drains_by_finishing_what_runs_and_handing_back_the_rest),
        cmocka_unit_test (drains_when_the_broker_says_so),
        cmocka_unit_test (drains_without_waiting_long_for_whom_nobody_speaks_for),
        cmocka_unit_test (is_gone_two_seconds_after_a_bye_that_nobody_answers),
        cmocka_unit_test (is_gone_two_seconds_after_its_drain_though_it_tries_to_reach_the_broker),
        cmocka_unit_test (says_in_hello_that_it_drains),
        cmocka_unit_test (drains_now_by_killing_and_says_what_had_started),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
