/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_trades_test.c - sessions that wait for what nobody can run now are not looked at for each task of
   the others, and are not forgotten either. */
#include "tests/unit/scheduler_rig.h"

#include <stdio.h>

enum { WAITING = SCHEDULER_RIG_PEERS - 1 }; /* clients from 2 up to this one */

static srig_t *t;

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
    for (int i = 1; i <= WAITING; i++)
        srig_client (t, i);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

static const trade_t *trade_of (int worker)
{
    const dp_map_node_t *node = dp_map_get (&t->scheduler->workers, 200 + (uint64_t) worker);
    return DP_CONTAINER (node, worker_record_t, peer.by_id)->trade;
}

/* How many sessions are looked at for tasks for this worker. */
static size_t n_looked_at (int worker)
{
    return trade_of (worker)->hungry.n_nodes;
}

/* All but the first client wait for the worker 2, which has room for one task. */
static void have_them_wait (void)
{
    srig_worker (t, 1, 2);
    srig_worker_as (t, 2, (srig_hello_t) { .window = 1, .functions = { "rare" } });
    for (int i = 2; i <= WAITING; i++)
        srig_submit_as (t, i, 1, 1, (srig_submit_t) { .function = "rare" });
    srig_turn (t);
}

static void who_waits_for_others_is_looked_at_once (void **state)
{
    (void) state;
    have_them_wait ();
    assert_int_equal (n_looked_at (1), 0);
    srig_submit (t, 1, 1, 9);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2");
    assert_int_equal (n_looked_at (1), 1);
    assert_int_equal (n_looked_at (2), WAITING - 2 + 1); /* it was busy when "work" came */
}

static void who_was_looked_at_in_vain_gets_the_workers_that_are_free_later (void **state)
{
    (void) state;
    have_them_wait ();
    srig_submit (t, 1, 1, 9);
    size_t n = 0;
    for (int i = 0; i < WAITING + 9; i++)
        n += srig_work (t);
    assert_int_equal (n, WAITING - 1 + 9);
    for (int i = 2; i <= WAITING; i++)
        srig_expect_results (t, i, "1");
}

static void who_was_looked_at_in_vain_gets_workers_that_come_later (void **state)
{
    (void) state;
    have_them_wait ();
    srig_submit (t, 1, 1, 9);
    srig_turn (t);
    srig_forget (t);
    srig_worker_as (t, 3, (srig_hello_t) { .window = 99, .functions = { "rare", "work" } });
    assert_int_equal (t->workers[3].tasks.n, WAITING - 2 + 7);
    srig_worker_as (t, 4, (srig_hello_t) { .window = 99, .functions = { "work", "rare" } });
    assert_ptr_equal (trade_of (4), trade_of (3));
    assert_ptr_not_equal (trade_of (4), trade_of (1));
}

static void who_was_looked_at_in_vain_may_ask_for_something_else (void **state)
{
    (void) state;
    have_them_wait ();
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_forget (t);
    srig_submit (t, 3, 2, 2);
    srig_turn (t);
    srig_expect_tasks (t, 1, "2");
}

static void who_is_away_gets_its_tasks_done_when_it_is_back (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 3);
    srig_turn (t);
    srig_submit (t, 2, 1, 1);
    srig_break (t, &t->clients[2]);
    srig_live (t, 3000);
    for (int i = 0; i < 4; i++)
        srig_work (t);
    srig_expect_results (t, 1, "1 2 3");
    assert_int_equal (srig_stats (t).n_queued, 1);
    assert_int_equal (n_looked_at (1), 0);
    srig_client_hello (t, 2);
    srig_claim (t, 2, 1, 1, true);
    srig_forget (t);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1");
}

/* There are only so many trades: the workers beyond them have one in common, and each gets what it can run.
 */
static void workers_of_very_many_kinds_get_their_tasks (void **state)
{
    (void) state;
    char names[WAITING + 1][32];
    for (int i = 1; i <= WAITING; i++) {
        snprintf (names[i], sizeof names[i], "kind.%d", i);
        srig_worker_as (t, i, (srig_hello_t) { .window = 1, .functions = { names[i] } });
    }
    for (int i = WAITING; i >= 1; i--)
        srig_submit_as (t, i, 1, 2, (srig_submit_t) { .function = names[i] });
    srig_turn (t);
    for (int i = 1; i <= WAITING; i++)
        srig_expect_tasks (t, i, "1");
    assert_int_equal (srig_work (t), WAITING);
    for (int i = 1; i <= WAITING; i++)
        srig_expect_tasks (t, i, "2");
    assert_int_equal (srig_stats (t).n_queued, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (who_waits_for_others_is_looked_at_once),
        TEST (who_was_looked_at_in_vain_gets_the_workers_that_are_free_later),
        TEST (who_was_looked_at_in_vain_gets_workers_that_come_later),
        TEST (who_was_looked_at_in_vain_may_ask_for_something_else),
        TEST (who_is_away_gets_its_tasks_done_when_it_is_back),
        TEST (workers_of_very_many_kinds_get_their_tasks),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
