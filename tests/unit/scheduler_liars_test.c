/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_liars_test.c - workers that say what cannot be. */
#include "broker/scheduler_internal.h"
#include "tests/unit/scheduler_rig.h"

#include <stdio.h>

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

/* A worker that does not offer the function cannot have run the task, whatever it says. */
static void believes_no_worker_of_what_it_could_not_have_run (void **state)
{
    (void) state;
    srig_worker_as (t, 2, (srig_hello_t) { .window = 5, .functions = { "other" } });
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_result (t, 2, 1, 1, 1, OUTCOME_VALUE);
    srig_part (t, 2, 1, 1, 1, 0, 1, false);
    srig_turn (t);
    srig_expect_results (t, 1, "");
    assert_int_equal (srig_stats (t).total_late_results, 2);
    srig_worker_as (t, 3, (srig_hello_t) { .window = 5 }); /* which could, and may have had it once */
    srig_result (t, 3, 1, 1, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_results (t, 1, "1");
}

static void gives_no_task_to_a_worker_that_says_it_has_it_and_cannot (void **state)
{
    (void) state;
    srig_lose (t, 1);
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_worker_hello (t, 2, (srig_hello_t) { .window = 5, .functions = { "other" } });
    srig_run (t, 2, 1, 1, 1, WIRE_RUN_RUNNING); /* queued here */
    srig_run (t, 2, 1, 3, 1, WIRE_RUN_RUNNING); /* comes later */
    srig_runs_end (t, 2);
    srig_submit (t, 1, 3, 3);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, 3);
    assert_int_equal (t->workers[2].n_kinds[WIRE_ADOPT], 0);
}

/* Names that a worker has offered are remembered when it is gone, but not of all who ever come. */
static void remembers_so_many_names_and_no_more (void **state)
{
    (void) state;
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .function = "work" });
    srig_turn (t);
    for (unsigned i = 0; i < SCHEDULER_MAX_NAMES / 6 + 100; i++) {
        char names[6][16];
        for (unsigned k = 0; k < 6; k++)
            snprintf (names[k], sizeof names[k], "n%u", i * 6 + k);
        srig_worker_as (t, 2,
                        (srig_hello_t) { .functions = { "work", names[0], names[1], names[2] },
                                         .labels = { names[3], names[4], names[5] } });
        srig_bare (t, &t->workers[2], WIRE_BYE);
    }
    assert_int_equal (t->scheduler->offers.count, SCHEDULER_MAX_NAMES);
    assert_int_equal (srig_work (t), 1); /* who is there is not forgotten */
    srig_expect_results (t, 1, "1");
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (believes_no_worker_of_what_it_could_not_have_run, setup, teardown),
        cmocka_unit_test_setup_teardown (gives_no_task_to_a_worker_that_says_it_has_it_and_cannot, setup,
                                         teardown),
        cmocka_unit_test_setup_teardown (remembers_so_many_names_and_no_more, setup, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
