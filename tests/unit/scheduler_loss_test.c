/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_loss_test.c - workers that are lost, and workers that come back. */
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

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

/* Worker 1 gets the client's task 1. */
static void give_one (void)
{
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
}

/* Worker 1 says HELLO again, and lists the first attempt of task 1. */
static void come_back_with (wire_run_state_t state)
{
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 1, 1, state);
    srig_runs_end (t, 1);
}

/* ---- Lost workers ------------------------------------------------------------------------------ */

static void queues_the_tasks_of_a_lost_worker_again_in_front_and_in_order (void **state)
{
    (void) state;
    srig_worker (t, 1, 3);
    srig_submit (t, 1, 1, 5);
    srig_turn (t);
    srig_lose (t, 1);
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
    srig_expect_runs (&t->workers[3 - holder].tasks, "1.1"); /* it was on its way and did not start */
}

static void an_at_most_once_task_that_crosses_a_bye_is_given_out_again (void **state)
{
    (void) state;
    srig_worker (t, 1, 3);
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .is_at_most_once = true });
    srig_turn (t);
    srig_progress (t, 1, 1, 1, 1, 0); /* 1 has started */
    srig_bare (t, &t->workers[1], WIRE_BYE);
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_LOST);
    srig_worker (t, 2, 3);
    srig_expect_runs (&t->workers[2].tasks, "2.1");
}

static void after_ten_losses_a_task_fails (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 1);
    for (int i = 0; i < 9; i++) {
        srig_worker (t, 1, 1);
        assert_int_equal (t->workers[1].tasks.rows[t->workers[1].tasks.n - 1].attempt, (uint64_t) i + 1);
        srig_lose (t, 1);
    }
    assert_int_equal (srig_stats (t).n_queued, 1);
    srig_worker (t, 1, 1);
    srig_lose (t, 1);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_LOST);
    assert_string_equal (t->clients[1].text, "ten workers were lost while they had it");
}

static void an_at_most_once_task_is_not_tried_again (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .is_at_most_once = true });
    srig_turn (t);
    srig_lose (t, 1);
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

static void a_cancelled_task_that_was_lost_before_may_have_run (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_lose (t, 1);
    srig_cancel (t, 1, 1, 2);
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_KILLED);
    assert_int_equal (srig_status (t, 1, 2), OUTCOME_CANCELLED);
}

static void a_cancelled_task_that_its_worker_lists_no_more_may_have_run (void **state)
{
    (void) state;
    give_one ();
    srig_break (t, &t->workers[1]);
    srig_cancel (t, 1, 1, 1);
    srig_worker (t, 1, 1);
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_KILLED);
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
    give_one ();
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING); /* in the list of its second connection */
    srig_runs_end (t, 1);
    srig_lose (t, 1);
    srig_worker (t, 2, 1);
    srig_forget (t);
    srig_worker (t, 2, 1); /* its second connection, and it never got the task */
    srig_expect_runs (&t->workers[2].tasks, "1.3");
}

static void a_run_that_a_returning_worker_may_lack_takes_no_room (void **state)
{
    (void) state;
    srig_client (t, 2);
    give_one ();
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
    give_one ();
    srig_lose (t, 1);
    srig_worker (t, 2, 1);
    srig_lose (t, 2);
    come_back_with (WIRE_RUN_RUNNING);
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
    give_one ();
    srig_lose (t, 1);
    srig_worker (t, 2, 1);
    srig_lose (t, 2);
    come_back_with (WIRE_RUN_RUNNING);
    srig_release (t, 1, 1, 1, 1);
    srig_forget (t);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].tasks, "1.3");
}

static void a_run_that_was_given_to_another_is_stopped (void **state)
{
    (void) state;
    give_one ();
    srig_lose (t, 1);
    srig_worker (t, 2, 1);
    srig_forget (t);
    come_back_with (WIRE_RUN_RUNNING);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "1.1");
    srig_expect_runs (&t->workers[1].adopts, "");
}

static void the_late_value_of_a_lost_worker_wins (void **state)
{
    (void) state;
    give_one ();
    srig_lose (t, 1);
    srig_worker (t, 2, 1);
    srig_forget (t);
    come_back_with (WIRE_RUN_DONE);
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
    give_one ();
    srig_lose (t, 1);
    srig_worker_as (t, 2, (srig_hello_t) { .window = 0 }); /* which takes nothing new */
    srig_result (t, 2, 1, 1, 1, OUTCOME_CRASHED);          /* not the present attempt of anybody */
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
    srig_lose (t, 1);
    srig_worker (t, 2, 1);
    come_back_with (WIRE_RUN_DONE);
    srig_part (t, 1, 1, 1, 1, 0, 2, false);
    srig_part (t, 1, 1, 1, 1, 2, 2, true);
    srig_turn (t);
    assert_int_equal (t->clients[1].results.n, 2);
    assert_int_equal (t->clients[1].results.rows[0].n_items + t->clients[1].results.rows[1].n_items, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

static void a_worker_may_be_silent_while_a_large_message_comes (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_worker (t, 1, 1);
    wire_put_number (&t->out, 0, WIRE_LARGE, 0, 640000); /* ten seconds */
    srig_send (t, t->workers[1].connection);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_pass (t, 12000);
    assert_int_equal (srig_stats (t).n_workers, 1);
    srig_expect_tasks (t, 1, "1"); /* and is no suspect either */
    srig_pass (t, 4000);
    assert_int_equal (srig_stats (t).n_workers, 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (queues_the_tasks_of_a_lost_worker_again_in_front_and_in_order),
        TEST (a_worker_that_says_bye_gives_its_tasks_back),
        TEST (an_at_most_once_task_that_crosses_a_bye_is_given_out_again),
        TEST (after_ten_losses_a_task_fails),
        TEST (an_at_most_once_task_is_not_tried_again),
        TEST (an_at_most_once_task_that_was_released_is_given_out_again),
        TEST (a_cancelled_task_that_was_lost_before_may_have_run),
        TEST (a_cancelled_task_that_its_worker_lists_no_more_may_have_run),
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
        TEST (a_worker_may_be_silent_while_a_large_message_comes),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
