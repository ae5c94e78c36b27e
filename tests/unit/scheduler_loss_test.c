/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_loss_test.c - workers that are lost or come back, claims, and what a broker that was started anew
   adopts. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

static srig_t *t;

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
    srig_client (t, 1);
    return 0;
}

/* A broker that has just been started, in its grace. */
static int setup_new (void **state)
{
    (void) state;
    t = srig_new_with (&(scheduler_config_t) { .epoch = 8 });
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

static void lose (int worker)
{
    srig_break (t, &t->workers[worker]);
    srig_live (t, 1500);
}

/* ---- Lost workers ------------------------------------------------------------------------------ */

static void queues_the_tasks_of_a_lost_worker_again_in_front_and_in_order (void **state)
{
    (void) state;
    srig_worker (t, 1, 3);
    srig_submit (t, 1, 1, 5);
    srig_turn (t);
    lose (1);
    assert_int_equal (srig_stats (t).n_queued, 5);
    srig_worker (t, 2, 4);
    srig_expect_runs (&t->workers[2].tasks, "1.2 2.2 3.2 4.1");
}

static void a_worker_that_says_bye_gives_its_tasks_back (void **state)
{
    (void) state;
    srig_worker (t, 1, 3);
    srig_worker (t, 2, 3);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    int holder = t->workers[1].tasks.n > 0 ? 1 : 2;
    srig_bare (t, &t->workers[holder], WIRE_BYE);
    srig_turn (t);
    srig_expect_runs (&t->workers[3 - holder].tasks, "1.2");
}

static void after_ten_losses_a_task_fails (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 1);
    for (int i = 0; i < 9; i++) {
        srig_worker (t, 1, 1);
        assert_int_equal (t->workers[1].tasks.rows[t->workers[1].tasks.n - 1].attempt, (uint64_t) i + 1);
        lose (1);
    }
    assert_int_equal (srig_stats (t).n_queued, 1);
    srig_worker (t, 1, 1);
    lose (1);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_LOST);
    assert_string_equal (t->clients[1].text, "ten workers were lost while they had it");
}

static void an_at_most_once_task_is_not_tried_again (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .is_at_most_once = true });
    srig_turn (t);
    lose (1);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_LOST);
    assert_int_equal (srig_stats (t).n_queued, 1); /* 2 was never given away */
}

static void an_at_most_once_task_that_was_released_is_given_out_again (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .is_at_most_once = true });
    srig_turn (t);
    srig_release (t, 1, 1, 1, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].tasks, "1.1 1.1");
}

static void a_worker_that_returns_in_time_keeps_what_it_lists (void **state)
{
    (void) state;
    srig_worker (t, 1, 5);
    srig_submit (t, 1, 1, 3);
    srig_turn (t);
    srig_break (t, &t->workers[1]);
    srig_live (t, 500);
    srig_forget (t);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 5 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING);
    srig_run (t, 1, 1, 3, 1, WIRE_RUN_WAITING);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_assigned, 3); /* the list goes on */
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "1.1 3.1");
    srig_expect_runs (&t->workers[1].tasks, "2.2"); /* that never reached it */
    assert_int_equal (srig_stats (t).n_assigned, 3);
    assert_true (srig_has_event (t, "is back"));
}

static void what_another_worker_listed_once_is_not_listed_by_this_one (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING); /* in the list of its second connection */
    srig_runs_end (t, 1);
    lose (1);
    srig_worker (t, 2, 1);
    srig_forget (t);
    srig_worker (t, 2, 1); /* its second connection, and it never got the task */
    srig_expect_runs (&t->workers[2].tasks, "1.3");
}

static void a_run_that_a_returning_worker_may_lack_takes_no_room (void **state)
{
    (void) state;
    srig_client (t, 2);
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_bare (t, &t->clients[1], WIRE_BYE);
    srig_runs_end (t, 1);
    srig_submit (t, 2, 5, 5);
    srig_forget (t);
    srig_turn (t);
    srig_expect_tasks (t, 1, "5");
}

static void a_run_that_was_stopped_without_its_client_is_run_again (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_submit_as (t, 1, 2, 2, (srig_submit_t) { .is_at_most_once = true });
    srig_turn (t);
    srig_result (t, 1, 1, 1, 1, OUTCOME_KILLED);
    srig_turn (t);
    srig_result (t, 1, 1, 1, 2, OUTCOME_VALUE);
    srig_turn (t);
    srig_result (t, 1, 1, 2, 1, OUTCOME_CANCELLED);
    srig_turn (t);
    srig_result (t, 1, 1, 2, 2, OUTCOME_KILLED);
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_VALUE);
    assert_int_equal (srig_status (t, 1, 2), OUTCOME_LOST);
}

static void an_at_most_once_task_that_a_returned_worker_lacks_is_lost (void **state)
{
    (void) state;
    srig_worker (t, 1, 5);
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .is_at_most_once = true });
    srig_turn (t);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 5 });
    srig_run (t, 1, 1, 2, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_results (t, 1, "1");
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_LOST);
}

static void the_cancel_that_a_worker_missed_is_said_again (void **state)
{
    (void) state;
    srig_worker (t, 1, 5);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_break (t, &t->workers[1]);
    srig_cancel (t, 1, 1, 1);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 5 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "1.1");
    srig_expect_runs (&t->workers[1].cancels, "1.1");
}

static void a_run_that_comes_back_is_adopted_as_the_attempt_that_it_is (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    lose (1);
    srig_worker (t, 2, 1);
    lose (2);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_assigned, 1);
    srig_cancel (t, 1, 1, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "1.1");
    srig_result (t, 1, 1, 1, 1, OUTCOME_KILLED);
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_KILLED);
}

static void attempts_are_never_given_twice (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    lose (1);
    srig_worker (t, 2, 1);
    lose (2);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_release (t, 1, 1, 1, 1);
    srig_forget (t);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].tasks, "1.3");
}

static void a_run_that_was_given_to_another_is_stopped (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    lose (1);
    srig_worker (t, 2, 1);
    srig_forget (t);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "1.1");
    srig_expect_runs (&t->workers[1].adopts, "");
}

static void the_late_value_of_a_lost_worker_wins (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    lose (1);
    srig_worker (t, 2, 1);
    srig_forget (t);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_DONE);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "1.1");
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_results (t, 1, "1");
    srig_expect_runs (&t->workers[2].cancels, "1.2");
    srig_submit (t, 1, 2, 2);
    srig_turn (t);
    srig_expect_tasks (t, 1, "2"); /* worker 2 is still at it */
    srig_result (t, 2, 1, 1, 2, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_results (t, 1, "1");
}

static void a_late_value_saves_the_second_run (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    lose (1);
    srig_worker_as (t, 2, (srig_hello_t) { .window = 1, .functions = { "other" } });
    srig_result (t, 2, 1, 1, 1, OUTCOME_CRASHED); /* not the present attempt of anybody */
    assert_int_equal (srig_stats (t).n_queued, 1);
    srig_result (t, 2, 1, 1, 1, OUTCOME_VALUE);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, 0);
    srig_expect_results (t, 1, "1");
}

static void the_parts_of_a_late_winner_are_not_lost (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .n_items = 4 });
    srig_turn (t);
    lose (1);
    srig_worker (t, 2, 1);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_DONE);
    srig_runs_end (t, 1);
    srig_part (t, 1, 1, 1, 1, 0, 2, false);
    srig_part (t, 1, 1, 1, 1, 2, 2, true);
    srig_turn (t);
    assert_int_equal (t->clients[1].results.n, 2);
    assert_int_equal (t->clients[1].results.rows[0].n_items + t->clients[1].results.rows[1].n_items, 4);
}

/* ---- Claims ------------------------------------------------------------------------------------- */

static void names_claimed_ids_that_it_lacks (void **state)
{
    (void) state;
    srig_submit (t, 1, 3, 4);
    srig_submit (t, 1, 7, 7);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 0, 5, false);
    srig_turn (t);
    srig_expect_missing (t, 1, "");
    srig_claim (t, 1, 7, 9, true);
    srig_turn (t);
    srig_expect_missing (t, 1, "0-2 5-5 8-9");
    assert_int_equal (srig_stats (t).n_queued, 3);
}

static void drops_what_is_not_claimed (void **state)
{
    (void) state;
    srig_worker (t, 1, 2);
    srig_submit (t, 1, 1, 5);
    srig_turn (t);
    srig_result (t, 1, 1, 2, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    srig_forget (t);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 5, 5, true);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "1.1 3.1");
    srig_expect_results (t, 1, "");
    assert_int_equal (srig_stats (t).n_finished, 0);
    assert_int_equal (srig_stats (t).n_queued, 1);
    assert_int_equal (srig_stats (t).payload_bytes, 1);
}

static void claims_of_everything_that_overlap_are_fine (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 3);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, UINT64_MAX, false);
    srig_claim (t, 1, 2, 3, false);
    srig_claim (t, 1, 0, 3, true);
    srig_turn (t);
    srig_expect_missing (t, 1, "0-0 4-18446744073709551615");
    assert_int_equal (srig_stats (t).n_queued, 3);
}

static void a_claim_that_breaks_off_is_forgotten (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 4);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 2, false);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 3, 4, true);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, 2);
}

/* ---- A broker that was started anew -------------------------------------------------------------- */

static void a_claimed_run_is_adopted_when_the_worker_came_first (void **state)
{
    (void) state;
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 2 });
    srig_run (t, 1, 1, 5, 1, WIRE_RUN_RUNNING);
    srig_run (t, 1, 1, 6, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "");
    srig_client_hello (t, 1);
    srig_claim (t, 1, 5, 5, true);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "5.1");
    srig_expect_runs (&t->workers[1].cancels, "6.1"); /* nobody wants it */
    srig_expect_missing (t, 1, "");
    srig_result (t, 1, 1, 5, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_results (t, 1, "5");
}

static void a_claimed_run_is_adopted_when_the_client_came_first (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_claim (t, 1, 5, 6, true);
    srig_turn (t);
    srig_expect_missing (t, 1, "5-6");
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 4 });
    srig_run (t, 1, 1, 5, 1, WIRE_RUN_RUNNING); /* before it is submitted again: not stopped */
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "");
    srig_submit_as (t, 1, 5, 6, (srig_submit_t) { .base = 1000 });
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "5.1");
    assert_int_equal (srig_stats (t).n_queued, 1);
    assert_int_equal (srig_stats (t).n_assigned, 1);
    srig_live (t, 2100);
    srig_expect_runs (&t->workers[1].tasks, "6.1001");
}

static void claimed_tasks_wait_for_their_workers_until_the_grace_is_over (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 2, true);
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .base = 1000 });
    srig_submit (t, 1, 3, 3); /* new ones do not */
    srig_worker (t, 1, 5);
    srig_expect_tasks (t, 1, "3");
    srig_live (t, 1000);
    srig_worker_hello (t, 2, (srig_hello_t) { .window = 1 });
    srig_run (t, 2, 1, 2, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 2);
    srig_turn (t);
    srig_expect_runs (&t->workers[2].adopts, "2.1");
    srig_live (t, 1000);
    srig_expect_runs (&t->workers[1].tasks, "3.1 1.1001");
}

static void a_graced_task_can_be_cancelled (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 2, true);
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .base = 1000 });
    srig_cancel (t, 1, 1, 1);
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_CANCELLED);
    srig_worker (t, 1, 5);
    srig_live (t, 2000);
    srig_expect_tasks (t, 1, "2");
}

static void missing_at_most_once_tasks_are_named_when_the_grace_is_over (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_claim_once (t, 1, 1, 3);
    srig_claim (t, 1, 4, 4, true);
    srig_turn (t);
    srig_expect_missing (t, 1, "4-4");
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 2, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "2.1");
    srig_forget (t);
    srig_live (t, 2100);
    srig_expect_missing (t, 1, "1-1 3-3");
    lose (1);
    assert_int_equal (srig_status (t, 1, 2), OUTCOME_LOST);
}

static void a_claim_in_parts_may_outlast_the_grace (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_submit (t, 1, 1, 9);
    srig_claim (t, 1, 1, 5, false);
    srig_live (t, 2100);
    srig_claim (t, 1, 6, 9, true);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, 9);
    srig_expect_missing (t, 1, "");
}

static void an_adopted_task_without_arguments_whose_worker_goes_is_missing (void **state)
{
    (void) state;
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 2 });
    srig_run (t, 1, 1, 5, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 5, 5, true);
    srig_turn (t);
    lose (1);
    srig_expect_missing (t, 1, "5-5");
    assert_int_equal (srig_stats (t).n_assigned, 0);
    srig_submit_as (t, 1, 5, 5, (srig_submit_t) { .base = 1000 });
    srig_worker (t, 2, 1);
    srig_live (t, 2000);
    srig_expect_runs (&t->workers[2].tasks, "5.1001");
}

static void of_two_runs_of_a_task_the_later_is_kept (void **state)
{
    (void) state;
    for (int i = 1; i <= 3; i++) {
        static const uint64_t attempts[] = { 0, 2, 3, 1 };
        srig_worker_hello (t, i, (srig_hello_t) { .window = 2 });
        srig_run (t, i, 1, 5, attempts[i], WIRE_RUN_RUNNING);
        srig_run (t, i, 1, 5, attempts[i], WIRE_RUN_RUNNING); /* said twice */
        srig_runs_end (t, i);
    }
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "5.2");
    srig_expect_runs (&t->workers[2].cancels, "");
    srig_client_hello (t, 1);
    srig_claim (t, 1, 5, 5, true);
    srig_turn (t);
    srig_expect_runs (&t->workers[2].adopts, "5.3");
}

static void orphans_of_a_client_that_never_comes_are_forgotten (void **state)
{
    (void) state;
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 2 });
    srig_run (t, 1, 1, 5, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_live (t, 59000);
    assert_int_equal (t->scheduler->orphans.count, 1);
    srig_live (t, 2000);
    assert_int_equal (t->scheduler->orphans.count, 0);
}

static void nothing_is_hopeless_during_the_grace (void **state)
{
    (void) state;
    srig_worker_as (t, 1, (srig_hello_t) { .window = 1, .functions = { "other" } });
    srig_client (t, 1);
    srig_submit (t, 1, 1, 1);
    srig_live (t, 1900);
    assert_int_equal (t->clients[1].results.n, 0);
    srig_live (t, 200);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_NO_FUNCTION);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
#define TEST_NEW(name) cmocka_unit_test_setup_teardown (name, setup_new, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (queues_the_tasks_of_a_lost_worker_again_in_front_and_in_order),
        TEST (a_worker_that_says_bye_gives_its_tasks_back),
        TEST (after_ten_losses_a_task_fails),
        TEST (an_at_most_once_task_is_not_tried_again),
        TEST (an_at_most_once_task_that_was_released_is_given_out_again),
        TEST (a_worker_that_returns_in_time_keeps_what_it_lists),
        TEST (what_another_worker_listed_once_is_not_listed_by_this_one),
        TEST (a_run_that_a_returning_worker_may_lack_takes_no_room),
        TEST (a_run_that_was_stopped_without_its_client_is_run_again),
        TEST (an_at_most_once_task_that_a_returned_worker_lacks_is_lost),
        TEST (the_cancel_that_a_worker_missed_is_said_again),
        TEST (a_run_that_comes_back_is_adopted_as_the_attempt_that_it_is),
        TEST (attempts_are_never_given_twice),
        TEST (a_run_that_was_given_to_another_is_stopped),
        TEST (the_late_value_of_a_lost_worker_wins),
        TEST (a_late_value_saves_the_second_run),
        TEST (the_parts_of_a_late_winner_are_not_lost),
        TEST (names_claimed_ids_that_it_lacks),
        TEST (drops_what_is_not_claimed),
        TEST (claims_of_everything_that_overlap_are_fine),
        TEST (a_claim_that_breaks_off_is_forgotten),
        TEST_NEW (a_claimed_run_is_adopted_when_the_worker_came_first),
        TEST_NEW (a_claimed_run_is_adopted_when_the_client_came_first),
        TEST_NEW (claimed_tasks_wait_for_their_workers_until_the_grace_is_over),
        TEST_NEW (a_graced_task_can_be_cancelled),
        TEST_NEW (missing_at_most_once_tasks_are_named_when_the_grace_is_over),
        TEST_NEW (a_claim_in_parts_may_outlast_the_grace),
        TEST_NEW (an_adopted_task_without_arguments_whose_worker_goes_is_missing),
        TEST_NEW (of_two_runs_of_a_task_the_later_is_kept),
        TEST_NEW (orphans_of_a_client_that_never_comes_are_forgotten),
        TEST_NEW (nothing_is_hopeless_during_the_grace),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
