/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_orders_test.c - CANCEL and REVOKE of many ids, and of what is not here again and again. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

static srig_t *t;

enum { MOST_WAITING = 65536 }; /* as scheduler_orders.c has it, and AT_ONCE those of a second */
enum { AT_ONCE = 10000, MANY = 1000, A_MESSAGE = 100 };

static int setup (void **state)
{
    (void) state;
    t = srig_new_with (&(scheduler_config_t) { .epoch = 7, .looks_a_second = AT_ONCE });
    srig_live (t, 3000); /* its grace is over */
    srig_client (t, 1);
    srig_client (t, 2);
    srig_worker (t, 1, 1);
    srig_turn (t);
    srig_forget (t);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

static void wait (int ms)
{
    t->now_ms += ms;
    srig_turn (t);
}

/* It cancels all of n tasks that are finished, over and over, until its share of the time is taken. */
static void use_up (int client, uint64_t n)
{
    srig_submit_as (t, client, 1, n, (srig_submit_t) { .function = "nobodys" });
    for (uint64_t looked_at = 0; looked_at < AT_ONCE + n; looked_at += n)
        srig_cancel (t, client, 1, n);
    srig_turn (t);
    srig_forget (t);
}

/* ---- What is done at once ------------------------------------------------------------------------ */

static void each_task_is_cancelled_at_once_however_many_there_are (void **state)
{
    (void) state;
    enum { N = 2 * AT_ONCE };
    srig_submit (t, 1, 1, N);
    srig_turn (t);
    srig_forget (t);
    for (uint64_t first = 2; first + A_MESSAGE <= N; first += A_MESSAGE)
        srig_cancel (t, 1, first, first + A_MESSAGE - 1);
    assert_in_range (srig_stats (t).n_queued, 0, A_MESSAGE);
    srig_revoke (t, 1, 1, N);
    assert_int_equal (srig_stats (t).n_queued, 0);
}

static void wide_ranges_name_what_is_here_and_what_is_not (void **state)
{
    (void) state;
    srig_submit (t, 1, 5, 6);
    srig_submit (t, 1, 9, 9);
    srig_turn (t);
    srig_forget (t);
    srig_cancel (t, 1, 4, UINT64_MAX);
    srig_turn (t);
    srig_expect_results (t, 1, "6 9"); /* 5 runs */
    srig_expect_runs (&t->workers[1].cancels, "5.1");
    srig_expect_missing (t, 1, "4-4 7-8 10-18446744073709551615");
}

static void ranges_in_one_message_may_overlap_and_touch (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 8);
    srig_turn (t);
    srig_forget (t);
    wire_batch_t batch = { 0 };
    static const wire_range_t ranges[]
        = { { 4, 6, false }, { 2, 3, false }, { 7, 7, true }, { 3, 5, false } };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        wire_add_range (&batch, &t->out, 0, WIRE_CANCEL, &ranges[i]);
    wire_flush (&batch, &t->out, 0, 0, 0);
    srig_send (t, t->clients[1].connection);
    srig_turn (t);
    srig_expect_results (t, 1, "2 3 4 5 6 7");
    srig_expect_missing (t, 1, "");
}

/* ---- What waits ---------------------------------------------------------------------------------- */

static void what_is_cancelled_in_vain_takes_a_share_and_the_next_waits (void **state)
{
    (void) state;
    use_up (1, MANY);
    srig_submit (t, 1, 20001, 20003);
    srig_turn (t);
    srig_cancel (t, 1, 20002, 20002);
    srig_revoke (t, 1, 20002, 20003);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, 2);
    assert_true (t->deadline_ms <= t->now_ms + 200);
    wait (200);
    srig_expect_results (t, 1, "20002 20003");
    assert_int_equal (srig_status (t, 1, 20002), OUTCOME_CANCELLED);
    assert_int_equal (srig_status (t, 1, 20003), OUTCOME_NOT_STARTED);
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
}

static void orders_that_wait_are_done_as_one (void **state)
{
    (void) state;
    use_up (1, MANY);
    for (int i = 0; i < 10; i++)
        srig_cancel (t, 1, 1, MANY);
    wait (200);
    srig_submit (t, 1, 20001, 20002);
    srig_turn (t);
    srig_cancel (t, 1, 20002, 20002);
    wait (150); /* what one of the ten has taken; all would be 1,000 */
    srig_expect_results (t, 1, "20002");
}

static void others_orders_are_done_at_once (void **state)
{
    (void) state;
    use_up (1, MANY);
    srig_submit (t, 2, 1, 3);
    srig_turn (t);
    srig_cancel (t, 2, 1, 3);
    srig_turn (t);
    srig_expect_results (t, 2, "2 3");
}

static void an_order_that_waits_is_gone_with_its_connection (void **state)
{
    (void) state;
    use_up (1, MANY);
    srig_submit (t, 1, 20001, 20003);
    srig_cancel (t, 1, 20002, 20003);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 20001, 20003, true);
    wait (200);
    srig_expect_results (t, 1, "");
    srig_cancel (t, 1, 20002, 20003); /* its client says it again */
    srig_turn (t);
    srig_expect_results (t, 1, "20002 20003");
}

static void refuses_whoever_has_too_much_waiting (void **state)
{
    (void) state;
    use_up (1, MANY);
    for (uint64_t i = 0; i < MOST_WAITING / 2; i++)
        srig_cancel (t, 1, 2 * i, 2 * i);
    for (uint64_t i = 0; i < MOST_WAITING / 2; i++)
        srig_cancel (t, 1, 0, 0); /* the same again takes no more */
    srig_turn (t);
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
    srig_submit (t, 1, 20001, 20001);
    for (uint64_t i = MOST_WAITING / 2; i < MOST_WAITING && t->clients[1].connection != 0; i++) {
        srig_cancel (t, 1, 2 * i, 2 * i);
        srig_turn (t);
    }
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_LIMIT);
    assert_non_null (strstr (t->clients[1].text, "cancel each task once"));
    srig_client_hello (t, 1);
    assert_true (t->clients[1].welcome.is_session_kept); /* with its tasks */
}

static void what_is_cancelled_twice_is_in_vain (void **state)
{
    (void) state;
    enum { N = 1000 };
    srig_worker (t, 2, N);
    srig_submit (t, 1, 1, N);
    srig_turn (t);
    srig_forget (t);
    for (int i = 0; i < 2 * AT_ONCE / N; i++) /* each would be told to the worker */
        srig_cancel (t, 1, 0, UINT64_MAX);
    srig_turn (t);
    assert_in_range (t->workers[2].cancels.n, N - 1, AT_ONCE + 2 * N);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (each_task_is_cancelled_at_once_however_many_there_are),
        TEST (wide_ranges_name_what_is_here_and_what_is_not),
        TEST (ranges_in_one_message_may_overlap_and_touch),
        TEST (what_is_cancelled_in_vain_takes_a_share_and_the_next_waits),
        TEST (orders_that_wait_are_done_as_one),
        TEST (others_orders_are_done_at_once),
        TEST (an_order_that_waits_is_gone_with_its_connection),
        TEST (refuses_whoever_has_too_much_waiting),
        TEST (what_is_cancelled_twice_is_in_vain),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
