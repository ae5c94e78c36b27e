/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_parts_test.c - runs that go on: what of their results, and of their progress, is taken. */
#include "tests/unit/scheduler_rig.h"

enum { MB = 1024 * 1024, LIMIT = 64 * MB, MANY = 1000 };

static srig_t *t;

static int set_up (void **state)
{
    (void) state;
    t = srig_new_with (
        &(scheduler_config_t) { .epoch = 7, .memory_limit_bytes = LIMIT, .max_payload_bytes = 2 * MB });
    srig_pass (t, 2000);
    srig_client (t, 1);
    srig_worker (t, 1, 2 * MANY);
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

static void hand_out (uint64_t n_tasks, uint64_t n_items)
{
    srig_submit_as (t, 1, 1, n_tasks, (srig_submit_t) { .n_items = n_items });
    srig_turn (t);
}

static void takes_no_value_twice (void **state)
{
    (void) state;
    hand_out (1, 10);
    for (int i = 0; i < MANY; i++)
        srig_part (t, 1, 1, 1, 1, 0, 4, false);
    srig_part (t, 1, 1, 1, 1, 4, 2, false);
    for (int i = 0; i < MANY; i++)
        srig_part (t, 1, 1, 1, 1, 3, 2, false);
    srig_turn (t);
    srig_expect_results (t, 1, "1 1");
    assert_int_equal (srig_stats (t).total_late_results, 2 * MANY - 1);
    assert_int_equal (t->workers[1].n_kinds[WIRE_REFUSED], 0); /* they may come twice */
    srig_part (t, 1, 1, 1, 1, 6, 4, true);
    srig_turn (t);
    srig_expect_results (t, 1, "1 1 1");
}

/* Its connection broke before it heard that they had come. */
static void a_worker_that_returns_says_them_once_more_for_nothing (void **state)
{
    (void) state;
    hand_out (1, 10);
    srig_part (t, 1, 1, 1, 1, 0, 4, false);
    srig_part (t, 1, 1, 1, 1, 4, 4, false);
    srig_break (t, &t->workers[1]);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 5 });
    srig_run (t, 1, 1, 1, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_part (t, 1, 1, 1, 1, 0, 4, false);
    srig_part (t, 1, 1, 1, 1, 4, 4, false);
    srig_part (t, 1, 1, 1, 1, 8, 2, true);
    srig_turn (t);
    srig_live (t, 100);
    srig_expect_results (t, 1, "1 1 1");
    assert_int_equal (t->workers[1].ack, 3); /* whoever says them is told that they are here */
}

static void takes_nothing_of_items_that_there_are_not (void **state)
{
    (void) state;
    hand_out (1, 10);
    srig_part (t, 1, 1, 1, 1, 8, 3, false);
    srig_part (t, 1, 1, 1, 1, UINT64_MAX - 5, 5, false);
    srig_part (t, 1, 1, 1, 1, 5, 0, false); /* nor of none */
    srig_turn (t);
    srig_expect_results (t, 1, "");
}

/* The next attempt says anew what the one before had said, in parts of its own. */
static void the_next_attempt_need_not_say_them_in_the_same_parts (void **state)
{
    (void) state;
    hand_out (1, 10);
    srig_part (t, 1, 1, 1, 1, 0, 4, false);
    srig_lose (t, 1);
    srig_worker (t, 1, 5);
    srig_turn (t);
    srig_forget (t);
    srig_part (t, 1, 1, 1, 2, 0, 3, false); /* is known */
    srig_part (t, 1, 1, 1, 2, 3, 3, false);
    srig_part (t, 1, 1, 1, 2, 6, 4, true);
    srig_turn (t);
    srig_expect_results (t, 1, "1 1");
}

/* Parts that do not join, over and over. */
static void takes_a_tasks_items_so_many_times_and_no_more (void **state)
{
    (void) state;
    hand_out (1, 10);
    srig_part (t, 1, 1, 1, 1, 8, 1, false);
    for (int i = 0; i < MANY; i++)
        srig_part (t, 1, 1, 1, 1, (uint64_t) i % 5, 1, false);
    srig_turn (t);
    assert_in_range (t->clients[1].results.n, 100, 160);
    assert_int_equal (t->workers[1].n_kinds[WIRE_REFUSED], 0);
}

/* A client that takes nothing is full; what workers had sent before they heard that is taken, and no more. */
static void a_worker_that_goes_on_for_a_full_session_is_refused (void **state)
{
    (void) state;
    hand_out (100, 1);
    uint64_t id = 0;
    while (t->workers[1].n_kinds[WIRE_REFUSED] == 0 && id < 100) {
        srig_sized (t, 1, 1, ++id, 1, 1 * MB);
        srig_turn (t);
    }
    assert_in_range (id, 24, 40); /* three eighths, and some */
    assert_int_equal (t->workers[1].refusal, WIRE_REFUSED_LIMIT);
    assert_in_range (srig_stats (t).payload_bytes, 24 * MB, 40 * MB);
}

/* What was not taken is still its own. */
static void a_worker_that_was_refused_for_that_loses_nothing (void **state)
{
    (void) state;
    a_worker_that_goes_on_for_a_full_session_is_refused (state);
    uint64_t n_taken = srig_stats (t).n_finished, id = n_taken + 1;
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 100 });
    srig_turn (t);
    assert_int_equal (t->workers[1].n_full, 1); /* it hears that before anything is asked of it */
    for (uint64_t run = id; run <= 100; run++)
        srig_run (t, 1, 1, run, 1, run == id ? WIRE_RUN_DONE : WIRE_RUN_WAITING);
    srig_runs_end (t, 1);
    for (uint64_t i = 0; i < n_taken; i++) {
        srig_ack (t, 1);
        srig_turn (t);
    }
    assert_int_equal (t->workers[1].n_full, 0);
    srig_forget (t);
    srig_sized (t, 1, 1, id, 1, 1 * MB);
    srig_turn (t);
    assert_int_equal (t->clients[1].results.n, 1);
}

static void passes_on_as_much_progress_as_an_honest_worker_has (void **state)
{
    (void) state;
    hand_out (3, 1);
    for (int i = 0; i < MANY; i++)
        srig_progress (t, 1, 1, 1 + (uint64_t) i % 3, 1, 0);
    srig_turn (t);
    assert_int_equal (t->clients[1].progress.n, 6); /* of three runs, twice: it may have been late */
    srig_forget (t);
    srig_pass (t, 100);
    for (uint64_t id = 1; id <= 3; id++)
        srig_progress (t, 1, 1, id, 1, 100);
    srig_turn (t);
    assert_int_equal (t->clients[1].progress.n, 3);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (takes_no_value_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown (a_worker_that_returns_says_them_once_more_for_nothing, set_up,
                                         tear_down),
        cmocka_unit_test_setup_teardown (takes_nothing_of_items_that_there_are_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown (the_next_attempt_need_not_say_them_in_the_same_parts, set_up,
                                         tear_down),
        cmocka_unit_test_setup_teardown (takes_a_tasks_items_so_many_times_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown (a_worker_that_goes_on_for_a_full_session_is_refused, set_up,
                                         tear_down),
        cmocka_unit_test_setup_teardown (a_worker_that_was_refused_for_that_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown (passes_on_as_much_progress_as_an_honest_worker_has, set_up,
                                         tear_down),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
