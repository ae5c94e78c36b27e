/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_recall_test.c - what comes back to its client unstarted. */
#include "tests/unit/scheduler_rig.h"

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

/* Worker 1 gets the client's task 1, of so many items. */
static void give (uint64_t n_items)
{
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .n_items = n_items });
    srig_turn (t);
    srig_forget (t);
}

/* The client hears that this run of task 1 will not be, and nothing else. */
static void assert_given_back (const char *attempt, uint64_t n_items)
{
    srig_turn (t);
    srig_expect_runs (&t->clients[1].results, attempt);
    const srig_row_t *row = &t->clients[1].results.rows[0];
    assert_int_equal (row->status, OUTCOME_NOT_STARTED);
    assert_true (row->is_final);
    assert_int_equal (row->first, 0);
    assert_int_equal (row->n_items, n_items);
    assert_int_equal (srig_stats (t).n_queued + srig_stats (t).n_assigned, 0);
    srig_ack (t, 1);
}

/* ---- Tasks ------------------------------------------------------------------------------------- */

static void gives_a_queued_task_back_at_once (void **state)
{
    (void) state;
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .n_items = 3 });
    srig_revoke (t, 1, 1, 1);
    assert_given_back ("1.1", 3);
    srig_worker (t, 1, 1);
    srig_expect_tasks (t, 1, "");
}

static void asks_the_worker_for_one_that_is_assigned_and_gives_back_what_it_releases (void **state)
{
    (void) state;
    give (2);
    srig_revoke (t, 1, 1, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].revokes, "1.1");
    srig_release (t, 1, 1, 1, 1);
    assert_given_back ("1.1", 2);
    srig_expect_tasks (t, 1, "");
}

static void gives_it_back_as_the_next_run_when_its_worker_is_lost (void **state)
{
    (void) state;
    give (2);
    srig_revoke (t, 1, 1, 1);
    srig_lose (t, 1);
    assert_given_back ("1.2", 2);
}

static void one_that_may_run_once_only_is_lost_with_its_worker (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .is_at_most_once = true });
    srig_turn (t);
    srig_revoke (t, 1, 1, 1);
    srig_lose (t, 1);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_LOST);
}

static void asks_again_when_the_worker_comes_back_with_it (void **state)
{
    (void) state;
    give (2);
    srig_break (t, &t->workers[1]);
    srig_revoke (t, 1, 1, 1);
    srig_forget (t);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "1.1");
    srig_expect_runs (&t->workers[1].revokes, "1.1");
}

static void finished_and_unknown_ones_are_left_alone (void **state)
{
    (void) state;
    give (1);
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE);
    srig_revoke (t, 1, 0, UINT64_MAX);
    srig_turn (t);
    srig_expect_runs (&t->clients[1].results, "1.1");
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_VALUE);
    srig_expect_missing (t, 1, "");
    srig_expect_runs (&t->workers[1].revokes, "");
}

static void a_cancel_outweighs_it (void **state)
{
    (void) state;
    give (1);
    srig_cancel (t, 1, 1, 1);
    srig_revoke (t, 1, 1, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].revokes, "");
    srig_release (t, 1, 1, 1, 1);
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_CANCELLED);
}

/* ---- Cut runs ---------------------------------------------------------------------------------- */

static void passes_a_cut_on_and_queues_only_what_is_left (void **state)
{
    (void) state;
    give (5);
    srig_cut (t, 1, 1, 1, 1, 2, 3);
    srig_turn (t);
    srig_expect_runs (&t->clients[1].results, "1.1");
    assert_false (t->clients[1].results.rows[0].is_final);
    assert_int_equal (t->clients[1].results.rows[0].first, 2);
    srig_lose (t, 1);
    srig_worker (t, 2, 1);
    srig_expect_runs (&t->workers[2].tasks, "1.2");
    assert_int_equal (t->workers[2].tasks.rows[0].n_items, 2);
    assert_int_equal (t->workers[2].tasks.rows[0].payload_len, 2);
    srig_forget (t);
    srig_part (t, 2, 1, 1, 2, 0, 2, true);
    srig_turn (t);
    assert_true (t->clients[1].results.rows[0].is_final);
}

static void a_cut_that_cannot_be_or_was_said_before_is_dropped (void **state)
{
    (void) state;
    static const uint64_t cuts[][2] = { { 0, 5 }, { 2, 2 }, { 2, 4 }, { 5, 1 }, { 9, 1 }, { 2, 0 } };
    give (5);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
        srig_cut (t, 1, 1, 1, 1, cuts[i][0], cuts[i][1]);
    srig_cut (t, 1, 1, 1, 7, 2, 3); /* of another attempt */
    srig_turn (t);
    srig_expect_results (t, 1, "");
    srig_cut (t, 1, 1, 1, 1, 2, 3);
    srig_cut (t, 1, 1, 1, 1, 2, 3);
    srig_turn (t);
    srig_expect_results (t, 1, "1");
}

static void the_end_of_an_earlier_run_that_was_cut_leaves_the_present_one_alone (void **state)
{
    (void) state;
    give (5);
    srig_lose (t, 1);
    srig_worker (t, 2, 1);
    srig_forget (t);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_DONE);
    srig_runs_end (t, 1);
    srig_cut (t, 1, 1, 1, 1, 2, 3);
    srig_part (t, 1, 1, 1, 1, 0, 2, true);
    srig_turn (t);
    srig_expect_runs (&t->clients[1].results, "1.1");
    assert_false (t->clients[1].results.rows[0].is_final);
    assert_int_equal (srig_stats (t).n_assigned, 1);
    srig_part (t, 2, 1, 1, 2, 0, 5, true);
    srig_turn (t);
    srig_expect_runs (&t->clients[1].results, "1.1 1.2");
    assert_true (t->clients[1].results.rows[1].is_final);
}

static void the_reason_of_a_cut_tasks_end_is_told_of_what_is_left (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .is_at_most_once = true, .n_items = 4 });
    srig_turn (t);
    srig_part (t, 1, 1, 1, 1, 0, 1, false);
    srig_cut (t, 1, 1, 1, 1, 2, 2);
    srig_turn (t);
    srig_forget (t);
    srig_lose (t, 1);
    assert_int_equal (t->clients[1].results.rows[0].first, 1);
    assert_int_equal (t->clients[1].results.rows[0].status, OUTCOME_LOST);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (gives_a_queued_task_back_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown (
            asks_the_worker_for_one_that_is_assigned_and_gives_back_what_it_releases, setup, teardown),
        cmocka_unit_test_setup_teardown (gives_it_back_as_the_next_run_when_its_worker_is_lost, setup,
                                         teardown),
        cmocka_unit_test_setup_teardown (one_that_may_run_once_only_is_lost_with_its_worker, setup, teardown),
        cmocka_unit_test_setup_teardown (asks_again_when_the_worker_comes_back_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown (finished_and_unknown_ones_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown (a_cancel_outweighs_it, setup, teardown),
        cmocka_unit_test_setup_teardown (passes_a_cut_on_and_queues_only_what_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown (a_cut_that_cannot_be_or_was_said_before_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown (the_end_of_an_earlier_run_that_was_cut_leaves_the_present_one_alone,
                                         setup, teardown),
        cmocka_unit_test_setup_teardown (the_reason_of_a_cut_tasks_end_is_told_of_what_is_left, setup,
                                         teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
