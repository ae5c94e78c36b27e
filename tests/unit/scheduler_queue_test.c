/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_queue_test.c - which task goes to which worker next: order, priority, requirement, windows;
   and which can go to none. */
#include "tests/unit/scheduler_rig.h"

#include <stdio.h>
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

/* ---- Order ------------------------------------------------------------------------------------- */

static void gives_the_oldest_task_first (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 5);
    srig_worker (t, 1, 3);
    srig_expect_tasks (t, 1, "1 2 3");
    assert_int_equal (srig_stats (t).n_queued, 2);
    assert_int_equal (srig_stats (t).n_assigned, 3);
}

static void gives_the_highest_priority_first (void **state)
{
    (void) state;
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .priority = 0 });
    srig_submit_as (t, 1, 3, 4, (srig_submit_t) { .priority = INT64_MIN });
    srig_submit_as (t, 1, 5, 6, (srig_submit_t) { .priority = INT64_MAX });
    srig_submit_as (t, 1, 7, 8, (srig_submit_t) { .priority = -1 });
    srig_submit_as (t, 1, 9, 9, (srig_submit_t) { .priority = 0 });
    srig_worker (t, 1, 20);
    srig_expect_tasks (t, 1, "5 6 1 2 9 7 8 3 4");
}

static void goes_by_age_across_functions_of_a_priority (void **state)
{
    (void) state;
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .function = "a" });
    srig_submit_as (t, 1, 2, 2, (srig_submit_t) { .function = "b" });
    srig_submit_as (t, 1, 3, 3, (srig_submit_t) { .function = "a" });
    srig_worker_as (t, 1, (srig_hello_t) { .window = 9, .functions = { "b", "a" } });
    srig_expect_tasks (t, 1, "1 2 3");
}

static void priority_counts_across_functions (void **state)
{
    (void) state;
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .function = "a" });
    srig_submit_as (t, 1, 3, 3, (srig_submit_t) { .function = "b", .priority = 1 });
    srig_submit_as (t, 1, 4, 4, (srig_submit_t) { .function = "b", .priority = -1 });
    srig_submit_as (t, 1, 5, 5, (srig_submit_t) { .function = "a" });
    srig_worker_as (t, 1, (srig_hello_t) { .window = 9, .functions = { "a", "b" } });
    srig_expect_tasks (t, 1, "3 1 2 5 4");
}

static void passes_options_on (void **state)
{
    (void) state;
    srig_submit_as (
        t, 1, 1, 1,
        (srig_submit_t) {
            .priority = 3, .limit_ms = 250, .is_at_most_once = true, .n_items = 4, .base = 2000 });
    srig_submit_as (t, 1, 2, 2, (srig_submit_t) { .limit_ms = 251 });
    srig_worker (t, 1, 2);
    const srig_row_t *row = t->workers[1].tasks.rows;
    assert_int_equal (row[0].session, 101);
    assert_int_equal (row[0].attempt, 2001);
    assert_int_equal (row[0].priority, 3);
    assert_int_equal (row[0].limit_ms, 250);
    assert_int_equal (row[0].n_items, 4);
    assert_true (row[0].is_at_most_once);
    assert_int_equal (row[1].limit_ms, 251);
    assert_false (row[1].is_at_most_once);
}

static void long_payloads_pass_as_they_are (void **state)
{
    (void) state;
    static const size_t lens[] = { 511, 512, 513, 40000, 200000 };
    for (uint64_t i = 0; i < 5; i++) {
        t->payload_len = lens[i];
        srig_submit (t, 1, i + 1, i + 1);
    }
    assert_int_equal (srig_stats (t).payload_bytes, 511 + 512 + 513 + 240000);
    srig_worker (t, 1, 9);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal (t->workers[1].tasks.rows[i].payload_len, lens[i]);
}

static void fails_payloads_above_the_limit (void **state)
{
    (void) state;
    scheduler_config_t config = { .max_payload_bytes = 1000 };
    srig_t *other = srig_new_with (&config);
    srig_client (other, 1);
    other->payload_len = 1001;
    srig_submit (other, 1, 1, 1);
    other->payload_len = 1000;
    srig_submit (other, 1, 2, 2);
    srig_turn (other);
    srig_expect_results (other, 1, "1");
    assert_int_equal (srig_status (other, 1, 1), OUTCOME_TOO_LARGE);
    srig_free (&other);
}

static void says_session_before_its_first_task_and_once (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 3);
    srig_turn (t);
    assert_int_equal (t->workers[1].n_sessions, 1);
    assert_int_equal (t->workers[1].sessions[0], 101);
    srig_work (t);
    assert_int_equal (t->workers[1].n_sessions, 1);
    srig_bare (t, &t->clients[1], WIRE_BYE);
    assert_int_equal (t->workers[1].n_ends, 1);
    assert_int_equal (t->workers[1].ends[0], 101);
}

/* ---- Requirement -------------------------------------------------------------------------------- */

static void a_task_goes_only_where_its_function_is (void **state)
{
    (void) state;
    srig_worker_as (t, 1, (srig_hello_t) { .window = 5, .functions = { "a" } });
    srig_worker_as (t, 2, (srig_hello_t) { .window = 5, .functions = { "b" } });
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .function = "b" });
    srig_submit_as (t, 1, 3, 3, (srig_submit_t) { .function = "a" });
    srig_turn (t);
    srig_expect_tasks (t, 1, "3");
    srig_expect_tasks (t, 2, "1 2");
}

static void a_task_goes_only_where_its_label_is (void **state)
{
    (void) state;
    srig_worker_as (t, 1, (srig_hello_t) { .window = 1, .labels = { "gpu", "big" } });
    srig_worker_as (t, 2, (srig_hello_t) { .window = 5, .labels = { "big" } });
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .require = "gpu" });
    srig_submit (t, 1, 3, 3);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1");
    srig_expect_tasks (t, 2, "3"); /* what waits for another worker holds nobody up */
}

static void a_label_is_no_function (void **state)
{
    (void) state;
    srig_worker_as (t, 1, (srig_hello_t) { .window = 5, .labels = { "train" } });
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .function = "train" });
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_NO_FUNCTION);
}

static void a_function_that_nobody_offers_fails_at_once_with_advice (void **state)
{
    (void) state;
    srig_worker_as (t, 1, (srig_hello_t) { .window = 5, .functions = { "resize", "rotate" } });
    srig_submit_as (t, 1, 1, 2, (srig_submit_t) { .function = "resise", .n_items = 1000 });
    srig_turn (t);
    srig_expect_results (t, 1, "1 2");
    assert_int_equal (srig_status (t, 1, 2), OUTCOME_NO_FUNCTION);
    assert_non_null (
        strstr (t->clients[1].text, "no worker offers a function 'resise'; did you mean 'resize'?"));
    assert_non_null (strstr (t->clients[1].text, "rotate"));
    assert_true (t->clients[1].results.rows[0].payload_len < 1000); /* the reason is said once */
}

static void whoever_asks_for_very_many_functions_gets_advice_for_some (void **state)
{
    enum { MANY = 3000 };
    (void) state;
    srig_worker_as (t, 1, (srig_hello_t) { .window = 5, .functions = { "resize" } });
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf (name, sizeof name, "resize%d", i % 10);
        srig_submit_as (t, 1, (uint64_t) i + 1, (uint64_t) i + 1, (srig_submit_t) { .function = name });
        srig_turn (t);
        if (i < 100)
            assert_non_null (strstr (t->clients[1].text, "did you mean 'resize'?"));
    }
    assert_int_equal (t->clients[1].results.n, MANY);
    assert_null (strstr (t->clients[1].text, "did you mean")); /* its share of the broker's time is used up */
    assert_non_null (strstr (t->clients[1].text, "(offered: resize)"));
    srig_client (t, 2);
    srig_submit_as (t, 2, 1, 1, (srig_submit_t) { .function = "resise" });
    srig_turn (t);
    assert_non_null (strstr (t->clients[2].text, "did you mean 'resize'?")); /* others have theirs */
}

static void a_label_that_nobody_has_fails_at_once (void **state)
{
    (void) state;
    srig_worker (t, 1, 5);
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .require = "gpu" });
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_NO_FUNCTION);
    assert_string_equal (t->clients[1].text, "no worker has the label 'gpu' (labels: none)");
}

static void a_function_that_was_offered_once_is_waited_for (void **state)
{
    (void) state;
    srig_worker_as (t, 1, (srig_hello_t) { .window = 5, .functions = { "a" } });
    srig_worker (t, 2, 5);
    srig_bare (t, &t->workers[1], WIRE_BYE);
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .function = "a" });
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, 1);
    srig_worker_as (t, 3, (srig_hello_t) { .window = 5, .functions = { "a" } });
    srig_expect_tasks (t, 3, "1");
}

static void without_any_worker_tasks_wait_and_then_fail (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 1);
    srig_submit_as (t, 1, 2, 2, (srig_submit_t) { .priority = 1 });
    srig_live (t, 20000);
    srig_submit (t, 1, 3, 3); /* its time starts now */
    srig_live (t, 9500);
    assert_int_equal (srig_stats (t).n_queued, 3);
    srig_live (t, 1000);
    assert_int_equal (t->clients[1].results.n, 2);
    assert_int_equal (srig_status (t, 1, 1), OUTCOME_REFUSED);
    assert_int_equal (srig_status (t, 1, 2), OUTCOME_REFUSED);
    assert_non_null (strstr (t->clients[1].text, "30 s"));
    srig_live (t, 20000);
    assert_int_equal (srig_status (t, 1, 3), OUTCOME_REFUSED);
}

static void waits_for_ever_where_it_is_told_so (void **state)
{
    (void) state;
    scheduler_config_t config = { .no_worker_ms = -1 };
    srig_t *other = srig_new_with (&config);
    srig_client (other, 1);
    srig_submit (other, 1, 1, 1);
    srig_live (other, 200000);
    assert_int_equal (srig_stats (other).n_queued, 1);
    srig_free (&other);
}

/* ---- Windows ------------------------------------------------------------------------------------ */

static void fills_the_emptiest_worker_first (void **state)
{
    (void) state;
    srig_worker (t, 1, 4);
    srig_worker (t, 2, 4);
    srig_submit (t, 1, 1, 4);
    srig_turn (t);
    assert_int_equal (t->workers[1].tasks.n, 2);
    assert_int_equal (t->workers[2].tasks.n, 2);
}

static void refills_as_results_come (void **state)
{
    (void) state;
    srig_worker (t, 1, 2);
    srig_submit (t, 1, 1, 5);
    srig_turn (t);
    srig_forget (t);
    srig_result (t, 1, 1, 2, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_tasks (t, 1, "3");
    srig_expect_results (t, 1, "2");
}

static void follows_the_window_that_results_name (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 9);
    srig_turn (t);
    wire_put_window (&t->out, 0, 0, 4, 0);
    srig_send (t, t->workers[1].connection);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3 4");
    wire_put_window (&t->out, 0, 0, 0, 0); /* 0 says nothing new */
    srig_send (t, t->workers[1].connection);
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3 4 5");
}

static void a_draining_or_full_worker_gets_nothing (void **state)
{
    (void) state;
    srig_worker_as (t, 1, (srig_hello_t) { .window = 5, .is_draining = true });
    srig_worker (t, 2, 0);
    srig_worker_hello (t, 3, (srig_hello_t) { .window = 5 }); /* has not said what it holds */
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, 1);
    srig_runs_end (t, 3);
    srig_turn (t);
    srig_expect_tasks (t, 3, "1");
}

static void a_worker_that_says_that_it_drains_gets_nothing_more (void **state)
{
    (void) state;
    srig_worker (t, 1, 5);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_bare (t, &t->workers[1], WIRE_DRAIN);
    srig_submit (t, 1, 2, 3);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, 2);
    assert_int_equal (t->clients[1].processes, 0);
    srig_query (t, 1, WIRE_QUERY_EXPLAIN, 2);
    assert_int_equal (t->clients[1].answer.reason, DPOOL_REASON_DRAINING);
}

static void released_tasks_go_back_in_their_order_as_the_same_attempt (void **state)
{
    (void) state;
    srig_worker (t, 1, 4);
    srig_submit (t, 1, 1, 6);
    srig_turn (t);
    srig_forget (t);
    srig_release (t, 1, 1, 2, 1);
    srig_release (t, 1, 1, 3, 1);
    srig_release (t, 1, 1, 3, 1); /* said twice */
    srig_turn (t);
    srig_expect_runs (&t->workers[1].tasks, "2.1 3.1");
    assert_int_equal (srig_stats (t).total_requeued, 2);
}

static void a_cancelled_run_fills_the_window_until_its_worker_ends_it (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 2, 2, true); /* 1 is not wanted any more */
    srig_turn (t);
    srig_expect_runs (&t->workers[1].cancels, "1.1");
    srig_expect_tasks (t, 1, "1");
    srig_result (t, 1, 1, 1, 1, OUTCOME_KILLED);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2");
}

static void the_end_of_a_session_makes_room (void **state)
{
    (void) state;
    srig_client (t, 2);
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_submit (t, 2, 1, 1);
    srig_bare (t, &t->clients[1], WIRE_BYE);
    srig_turn (t);
    assert_int_equal (t->workers[1].tasks.n, 2);
    assert_int_equal (t->workers[1].tasks.rows[1].session, 102);
}

/* ---- What is kept of names and priorities --------------------------------------------------------- */

static void many_functions_and_priorities_leave_nothing_behind (void **state)
{
    (void) state;
    srig_worker (t, 1, 1000000);
    char name[32];
    for (uint64_t id = 1; id <= 2000; id++) {
        snprintf (name, sizeof name, "f%d", (int) id);
        srig_submit_as (t, 1, id, id, (srig_submit_t) { .function = name });
        srig_submit_as (t, 1, 10000 + id, 10000 + id,
                        (srig_submit_t) { .priority = (int64_t) id, .limit_ms = id });
        srig_turn (t);
        srig_ack (t, 1);
    }
    srig_work (t);
    const session_record_t *session = scheduler_session (t->scheduler, 101);
    assert_true (session->routes.count <= SCHEDULER_MAX_IDLE_ROUTES);
    assert_true (t->scheduler->offers.count <= SCHEDULER_MAX_IDLE_ROUTES + 1);
    assert_int_equal (t->clients[1].results.n, 4000);
}

static void groups_without_tasks_leave_nothing_behind (void **state)
{
    (void) state;
    /* SUBMIT of groups [nil, "f…", {}, []] */
    uint8_t envelope[] = { 0x93, 9, 0, 0x91, 0x94, 0xc0, 0xa3, 'f', '0', '0', 0x80, 0x90 };
    for (int i = 0; i < 1000; i++) {
        envelope[8] = (uint8_t) ('0' + i / 32 % 32);
        envelope[9] = (uint8_t) ('a' + i % 26);
        envelope[8] = (uint8_t) ('a' + i / 26 % 26);
        wire_bytes_t frame = { envelope, sizeof envelope, 0 };
        wire_message_t message;
        const char *why;
        assert_int_equal (wire_decode (&message, &frame, 1, &why), 0);
        scheduler_receive (t->scheduler, t->now_ms, t->clients[1].connection, &message, NULL);
    }
    assert_true (scheduler_session (t->scheduler, 101)->routes.count <= SCHEDULER_MAX_IDLE_ROUTES);
    assert_true (t->scheduler->offers.count <= SCHEDULER_MAX_IDLE_ROUTES);
}

/* Exact near both ends; between them what the ids say, which is right where they follow one another. */
static void explains_how_much_is_ahead_without_counting_it (void **state)
{
    (void) state;
    enum { FIRST = 101, LAST = 20100, RUNNING = 10 };
    srig_worker (t, 1, RUNNING);
    srig_submit (t, 1, FIRST, LAST);
    srig_turn (t);
    static const uint64_t ids[] = { FIRST + RUNNING, 600, 5000, 10000, 15000, LAST - 500, LAST };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        srig_query (t, 1, WIRE_QUERY_EXPLAIN, ids[i]);
        assert_int_equal (t->clients[1].answer.reason, DPOOL_REASON_QUEUED);
        uint64_t n = ids[i] - FIRST - RUNNING, ahead = t->clients[1].answer.ahead;
        assert_in_range (ahead, n > 0 ? n - 1 : 0, n);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (gives_the_oldest_task_first),
        TEST (gives_the_highest_priority_first),
        TEST (goes_by_age_across_functions_of_a_priority),
        TEST (priority_counts_across_functions),
        TEST (passes_options_on),
        TEST (long_payloads_pass_as_they_are),
        TEST (fails_payloads_above_the_limit),
        TEST (says_session_before_its_first_task_and_once),
        TEST (a_task_goes_only_where_its_function_is),
        TEST (a_task_goes_only_where_its_label_is),
        TEST (a_label_is_no_function),
        TEST (a_function_that_nobody_offers_fails_at_once_with_advice),
        TEST (whoever_asks_for_very_many_functions_gets_advice_for_some),
        TEST (a_label_that_nobody_has_fails_at_once),
        TEST (a_function_that_was_offered_once_is_waited_for),
        TEST (without_any_worker_tasks_wait_and_then_fail),
        TEST (waits_for_ever_where_it_is_told_so),
        TEST (fills_the_emptiest_worker_first),
        TEST (refills_as_results_come),
        TEST (follows_the_window_that_results_name),
        TEST (a_draining_or_full_worker_gets_nothing),
        TEST (a_worker_that_says_that_it_drains_gets_nothing_more),
        TEST (released_tasks_go_back_in_their_order_as_the_same_attempt),
        TEST (a_cancelled_run_fills_the_window_until_its_worker_ends_it),
        TEST (the_end_of_a_session_makes_room),
        TEST (many_functions_and_priorities_leave_nothing_behind),
        TEST (groups_without_tasks_leave_nothing_behind),
        TEST (explains_how_much_is_ahead_without_counting_it),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
