/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_claims_test.c - claims, and what a broker that was started anew adopts. */
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
    const char *cancelled = srig_attempts (&t->workers[1].cancels); /* in whatever order */
    assert_true (strcmp (cancelled, "1.1 3.1") == 0 || strcmp (cancelled, "3.1 1.1") == 0);
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

static void a_claim_that_breaks_off_takes_no_memory (void **state)
{
    (void) state;
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    const session_record_t *session = scheduler_session (t->scheduler, t->clients[1].session);
    srig_claim (t, 1, 1, 2, false);
    srig_claim (t, 1, 5, 6, false);
    assert_int_equal (session->peer.account->n_claims, 2);
    srig_break (t, &t->clients[1]);
    assert_int_equal (session->peer.account->n_claims, 0);
    assert_null (session->claims);
}

static void claim_many (uint64_t n)
{
    wire_batch_t batch = { 0 };
    for (uint64_t i = 0; i < n; i++)
        wire_add_range (&batch, &t->out, 0, WIRE_CLAIM, &(wire_range_t) { 2 * i, 2 * i, false });
    wire_flush (&batch, &t->out, 0, 0, 0);
    srig_send (t, t->clients[1].connection);
    srig_turn (t);
}

static void refuses_a_claim_of_too_many_ranges (void **state)
{
    (void) state;
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    claim_many (SCHEDULER_MAX_CLAIMS);
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
    claim_many (1);
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_LIMIT);
    assert_non_null (strstr (t->clients[1].text, "max_unfinished_tasks"));
    srig_client (t, 1);
}

/* Not both: whoever comes back within his quota of tasks may claim all of these. */
static void claims_have_the_room_of_the_quota_beside_the_tasks (void **state)
{
    (void) state;
    enum { TASKS = 100, BYTES = TASKS * (WIRE_RECORD_BYTES + 1) };
    srig_free (&t);
    t = srig_new_with (&(scheduler_config_t) { .epoch = 7, .quota = { .bytes = BYTES } });
    srig_client (t, 1);
    srig_submit (t, 1, 1, TASKS);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    claim_many (BYTES / 24);
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
    claim_many (1);
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_LIMIT);
    assert_non_null (strstr (t->clients[1].text, "bytes=25700"));
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, TASKS, true);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, TASKS);
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

static void a_worker_that_is_away_is_told_of_a_claimed_run_when_it_is_back (void **state)
{
    (void) state;
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 2 });
    srig_run (t, 1, 1, 5, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_break (t, &t->workers[1]);
    srig_forget (t);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 5, 5, true);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_assigned, 1);
    assert_int_equal (t->stranger.n_messages, 0);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 2 });
    srig_run (t, 1, 1, 5, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    assert_int_equal (t->workers[1].n_sessions, 1);
    srig_expect_runs (&t->workers[1].adopts, "5.1");
}

static void a_claimed_run_is_adopted_when_the_client_came_first (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_claim (t, 1, 5, 6, true);
    srig_turn (t);
    srig_expect_missing (t, 1, ""); /* a worker may still come that runs them */
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 4 });
    srig_run (t, 1, 1, 5, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "5.1");
    srig_expect_runs (&t->workers[1].cancels, "");
    srig_live (t, 2100);
    srig_expect_missing (t, 1, "6-6");
    srig_submit_as (t, 1, 6, 6, (srig_submit_t) { .base = 1000 });
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_assigned, 2);
    srig_expect_runs (&t->workers[1].tasks, "6.1001");
}

static void claimed_tasks_wait_for_their_workers_until_the_grace_is_over (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 2, true);
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .base = 1000 });
    srig_submit (t, 1, 3, 3);                                   /* new ones do not … */
    srig_submit_as (t, 1, 4, 4, (srig_submit_t) { .base = 2 }); /* … though their items were tried before */
    srig_worker (t, 1, 5);
    srig_expect_tasks (t, 1, "3 4");
    srig_live (t, 1000);
    srig_worker_hello (t, 2, (srig_hello_t) { .window = 1 });
    srig_run (t, 2, 1, 2, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 2);
    srig_turn (t);
    srig_expect_runs (&t->workers[2].adopts, "2.1");
    srig_live (t, 1000);
    srig_expect_runs (&t->workers[1].tasks, "3.1 4.3 1.1001");
}

static void a_graced_task_can_be_cancelled (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 2, true);
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .base = 1000 });
    srig_cancel (t, 1, 1, 1);
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_KILLED); /* the broker before may have had it run */
    srig_worker (t, 1, 5);
    srig_live (t, 2000);
    srig_expect_tasks (t, 1, "2");
}

/* Before, their client would submit what is left of some of them under new ids, and what runs of them could
   be adopted no more. */
static void missing_tasks_are_named_when_the_grace_is_over (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_claim_once (t, 1, 1, 3);
    srig_claim (t, 1, 4, 5, true);
    srig_turn (t);
    srig_expect_missing (t, 1, "");
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 2 });
    srig_run (t, 1, 1, 2, 1, WIRE_RUN_RUNNING);
    srig_run (t, 1, 1, 5, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "2.1 5.1");
    srig_forget (t);
    srig_live (t, 2100);
    srig_expect_missing (t, 1, "1-1 3-3 4-4");
    srig_forget (t);
    srig_lose (t, 1);
    assert_int_equal (srig_status (t, 1, 2), OUTCOME_LOST);
    srig_expect_missing (t, 1, "5-5");
}

static void what_was_cancelled_is_adopted_no_more (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_claim_once (t, 1, 1, 5);
    srig_claim (t, 1, 8, 9, true);
    srig_cancel (t, 1, 2, 3);
    srig_cancel (t, 1, 5, 8);
    srig_turn (t);
    srig_expect_missing (t, 1, "2-3 5-8");
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 9 });
    for (uint64_t id = 1; id <= 5; id++)
        srig_run (t, 1, 1, id, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 1);
    srig_turn (t);
    srig_expect_runs (&t->workers[1].adopts, "1.1 4.1");
    srig_expect_runs (&t->workers[1].cancels, "2.1 3.1 5.1");
    srig_forget (t);
    srig_live (t, 2100);
    srig_expect_missing (t, 1, "9-9");
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
    srig_lose (t, 1);
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
        TEST (names_claimed_ids_that_it_lacks),
        TEST (drops_what_is_not_claimed),
        TEST (claims_of_everything_that_overlap_are_fine),
        TEST (a_claim_that_breaks_off_is_forgotten),
        TEST (a_claim_that_breaks_off_takes_no_memory),
        TEST (refuses_a_claim_of_too_many_ranges),
        TEST (claims_have_the_room_of_the_quota_beside_the_tasks),
        TEST_NEW (a_claimed_run_is_adopted_when_the_worker_came_first),
        TEST_NEW (a_worker_that_is_away_is_told_of_a_claimed_run_when_it_is_back),
        TEST_NEW (a_claimed_run_is_adopted_when_the_client_came_first),
        TEST_NEW (claimed_tasks_wait_for_their_workers_until_the_grace_is_over),
        TEST_NEW (a_graced_task_can_be_cancelled),
        TEST_NEW (missing_tasks_are_named_when_the_grace_is_over),
        TEST_NEW (what_was_cancelled_is_adopted_no_more),
        TEST_NEW (a_claim_in_parts_may_outlast_the_grace),
        TEST_NEW (an_adopted_task_without_arguments_whose_worker_goes_is_missing),
        TEST_NEW (of_two_runs_of_a_task_the_later_is_kept),
        TEST_NEW (orphans_of_a_client_that_never_comes_are_forgotten),
        TEST_NEW (nothing_is_hopeless_during_the_grace),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
