/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_drain_test.c - a broker that is to end, as planned. */
#include "tests/unit/scheduler_rig.h"

static srig_t *t;

static const srig_submit_t once = { .is_at_most_once = true };

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

static void drain (void)
{
    scheduler_drain (t->scheduler);
    srig_turn (t);
}

static void answer (int client)
{
    srig_bare (t, &t->clients[client], WIRE_DRAIN);
    srig_turn (t);
}

static void waits_until_all_clients_have_answered (void **state)
{
    (void) state;
    srig_client (t, 2);
    drain ();
    assert_int_equal (t->clients[1].n_kinds[WIRE_DRAIN], 1);
    assert_int_equal (t->clients[2].n_kinds[WIRE_DRAIN], 1);
    answer (1);
    assert_false (scheduler_is_drained (t->scheduler));
    answer (2);
    assert_true (scheduler_is_drained (t->scheduler));
}

static void waits_for_nobody_where_nobody_is (void **state)
{
    (void) state;
    srig_break (t, &t->clients[1]);
    drain ();
    assert_true (scheduler_is_drained (t->scheduler));
}

static void waits_for_no_client_that_does_not_know_the_word (void **state)
{
    (void) state;
    t->clients[2].is_old = true;
    srig_client (t, 2);
    drain ();
    assert_int_equal (t->clients[2].n_kinds[WIRE_DRAIN], 0);
    answer (1);
    assert_true (scheduler_is_drained (t->scheduler));
}

static void asks_those_who_come_while_it_drains (void **state)
{
    (void) state;
    drain ();
    answer (1);
    srig_client (t, 2);
    srig_turn (t);
    assert_int_equal (t->clients[2].n_kinds[WIRE_DRAIN], 1);
    assert_false (scheduler_is_drained (t->scheduler));
    srig_client (t, 1); /* on a new connection it may have submitted more */
    srig_turn (t);
    assert_int_equal (t->clients[1].n_kinds[WIRE_DRAIN], 2);
    answer (2);
    assert_false (scheduler_is_drained (t->scheduler));
}

static void tells_the_workers_to_go_when_the_clients_have_answered (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 1, once);
    srig_turn (t);
    drain ();
    assert_int_equal (t->workers[1].n_kinds[WIRE_BYE], 0);
    answer (1);
    assert_int_equal (t->workers[1].n_kinds[WIRE_BYE], 1);
    assert_false (scheduler_is_drained (t->scheduler));
    srig_release (t, 1, 1, 1, 1); /* it crossed the BYE */
    srig_turn (t);
    srig_expect_results (t, 1, "1");
    assert_false (scheduler_is_drained (t->scheduler));
    srig_break (t, &t->workers[1]);
    assert_true (scheduler_is_drained (t->scheduler));
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1 });
    assert_int_equal (t->workers[1].n_kinds[WIRE_WELCOME], 1); /* of before */
    assert_true (scheduler_is_drained (t->scheduler));
}

static void gives_out_nothing_more (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 3);
    drain ();
    srig_worker (t, 1, 5);
    srig_expect_tasks (t, 1, "");
    assert_int_equal (srig_stats (t).n_queued, 3);
}

static void gives_back_what_has_not_started_and_may_run_at_most_once (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 3, once);
    srig_submit (t, 1, 4, 5);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1");
    drain ();
    assert_int_equal (t->clients[1].results.n, 0); /* more may be on its way */
    answer (1);
    srig_expect_results (t, 1, "2 3");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal (t->clients[1].results.rows[i].status, OUTCOME_NOT_STARTED);
        assert_true (t->clients[1].results.rows[i].is_final);
    }
    assert_int_equal (srig_stats (t).n_queued, 2);
    assert_int_equal (srig_stats (t).n_assigned, 1);
    assert_int_equal (t->workers[1].revokes.n, 0); /* the next broker adopts it */
}

static void what_its_worker_gives_back_meanwhile_goes_on_to_the_client (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 1, once);
    srig_turn (t);
    drain ();
    answer (1);
    srig_release (t, 1, 1, 1, 1);
    srig_turn (t);
    assert_int_equal (t->clients[1].results.n, 1);
    assert_int_equal (t->clients[1].results.rows[0].status, OUTCOME_NOT_STARTED);
}

static void what_ends_meanwhile_has_its_result (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit_as (t, 1, 1, 1, once);
    srig_turn (t);
    drain ();
    answer (1);
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE);
    srig_turn (t);
    assert_int_equal (t->clients[1].results.n, 1);
    assert_int_equal (t->clients[1].results.rows[0].status, OUTCOME_VALUE);
}

static void an_answer_that_was_not_asked_for_says_nothing (void **state)
{
    (void) state;
    srig_submit_as (t, 1, 1, 2, once);
    answer (1);
    assert_int_equal (t->clients[1].results.n, 0);
    assert_int_equal (t->clients[1].refusal, 0);
    srig_worker (t, 1, 5);
    srig_expect_tasks (t, 1, "1 2");
    drain ();
    assert_false (scheduler_is_drained (t->scheduler));
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    static const struct CMUnitTest tests[] = {
        TEST (waits_until_all_clients_have_answered),
        TEST (waits_for_nobody_where_nobody_is),
        TEST (waits_for_no_client_that_does_not_know_the_word),
        TEST (asks_those_who_come_while_it_drains),
        TEST (tells_the_workers_to_go_when_the_clients_have_answered),
        TEST (gives_out_nothing_more),
        TEST (gives_back_what_has_not_started_and_may_run_at_most_once),
        TEST (what_its_worker_gives_back_meanwhile_goes_on_to_the_client),
        TEST (what_ends_meanwhile_has_its_result),
        TEST (an_answer_that_was_not_asked_for_says_nothing),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
