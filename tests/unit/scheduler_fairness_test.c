/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_fairness_test.c - what each session gets of the workers, and in which rows. */
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

static size_t count_of (int worker, uint64_t session)
{
    size_t n = 0;
    for (size_t i = 0; i < t->workers[worker].tasks.n; i++)
        n += t->workers[worker].tasks.rows[i].session == session;
    return n;
}

static void sessions_of_which_nothing_is_known_share_evenly (void **state)
{
    (void) state;
    srig_client (t, 2);
    srig_submit (t, 1, 1, 100);
    srig_submit (t, 2, 1, 100);
    srig_worker (t, 1, 20);
    assert_int_equal (count_of (1, 101), 10);
    assert_int_equal (count_of (1, 102), 10);
}

/* How often the task after one is of another session. */
static size_t changes_of (int worker)
{
    const srig_rows_t *tasks = &t->workers[worker].tasks;
    size_t n = 0;
    for (size_t i = 1; i < tasks->n; i++)
        n += tasks->rows[i].session != tasks->rows[i - 1].session;
    return n;
}

/* Two sessions, of which it is known how long their tasks take, and a worker with a window of 400. */
static void have_two_known (uint64_t run_us)
{
    srig_client (t, 2);
    srig_worker (t, 1, 400);
    for (int client = 1; client <= 2; client++) {
        srig_submit (t, client, 1, 1);
        srig_turn (t);
        srig_timed (t, 1, client, 1, 1, run_us);
    }
    srig_forget (t);
}

static void submit_for_both (uint64_t n)
{
    srig_submit (t, 1, 2, n + 1);
    srig_submit (t, 2, 2, n + 1);
    srig_turn (t);
}

static void short_tasks_go_in_rows_to_who_has_work (void **state)
{
    (void) state;
    have_two_known (10);
    submit_for_both (400);
    assert_in_range (count_of (1, 101), 180, 220);
    assert_in_range (changes_of (1), 20, 60);
    assert_int_not_equal (t->workers[1].tasks.rows[0].session, t->workers[1].tasks.rows[1].session);
}

static void long_tasks_go_in_turn (void **state)
{
    (void) state;
    have_two_known (200);
    submit_for_both (400);
    assert_in_range (count_of (1, 101), 199, 201);
    assert_in_range (changes_of (1), 195, 399); /* of two that have had as much either may be next */
}

static void rows_leave_workers_with_about_as_much (void **state)
{
    (void) state;
    have_two_known (10);
    srig_worker (t, 2, 400);
    submit_for_both (200);
    assert_int_equal (t->workers[1].tasks.n + t->workers[2].tasks.n, 400);
    assert_in_range (t->workers[1].tasks.n, 180, 220);
}

static void a_row_ends_with_the_window (void **state)
{
    (void) state;
    have_two_known (1);
    srig_worker (t, 2, 7);
    submit_for_both (300);
    assert_int_equal (t->workers[1].tasks.n, 400);
    assert_int_equal (t->workers[2].tasks.n, 7);
}

/* Client 1's tasks take ten times as long: it gets a tenth as many. */
static void sessions_share_time_not_tasks (void **state)
{
    (void) state;
    srig_client (t, 2);
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1000);
    srig_submit (t, 2, 1, 1000);
    srig_turn (t);
    size_t n[3] = { 0 };
    for (int i = 0; i < 550; i++) {
        srig_row_t row = t->workers[1].tasks.rows[0];
        int client = (int) row.session - 100;
        n[client]++;
        t->workers[1].tasks.n = 0;
        srig_timed (t, 1, client, row.id, row.attempt, client == 1 ? 10000 : 1000);
        srig_turn (t);
    }
    assert_in_range (n[1], 45, 55);
}

static void a_session_that_was_idle_has_no_claim_on_the_past (void **state)
{
    (void) state;
    srig_client (t, 2);
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 200);
    srig_turn (t);
    for (int i = 0; i < 100; i++)
        srig_work (t);
    srig_submit (t, 2, 1, 100);
    size_t n = 0;
    for (int i = 0; i < 20; i++) {
        n += t->workers[1].tasks.rows[0].session == 102;
        srig_work (t);
    }
    assert_in_range (n, 9, 11);
}

static void tasks_that_come_back_are_not_charged_twice (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    const session_record_t *session = scheduler_session (t->scheduler, 101);
    uint64_t used_us = session->used_us;
    for (int i = 1; i < 20; i++) {
        srig_release (t, 1, 1, 1, 1);
        srig_turn (t);
    }
    assert_int_equal (session->used_us, used_us);
    srig_timed (t, 1, 1, 1, 1, 42);
    assert_int_equal (session->used_us, 42);
}

static void absurd_run_times_overflow_nothing (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 50);
    srig_turn (t);
    for (uint64_t id = 1; id <= 50; id++) {
        srig_timed (t, 1, 1, id, 1, UINT64_MAX);
        srig_turn (t);
    }
    assert_int_equal (t->clients[1].results.n, 50);
    assert_true (scheduler_session (t->scheduler, 101)->used_us <= 50 * SCHEDULER_MAX_RUN_US);
}

static void a_session_that_is_away_gets_nothing_new_started (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 2);
    srig_break (t, &t->clients[1]);
    srig_live (t, 2500);
    srig_worker (t, 1, 1);
    srig_expect_tasks (t, 1, "");
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 2, true);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (sessions_of_which_nothing_is_known_share_evenly),
        TEST (short_tasks_go_in_rows_to_who_has_work),
        TEST (long_tasks_go_in_turn),
        TEST (rows_leave_workers_with_about_as_much),
        TEST (a_row_ends_with_the_window),
        TEST (sessions_share_time_not_tasks),
        TEST (a_session_that_was_idle_has_no_claim_on_the_past),
        TEST (tasks_that_come_back_are_not_charged_twice),
        TEST (absurd_run_times_overflow_nothing),
        TEST (a_session_that_is_away_gets_nothing_new_started),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
