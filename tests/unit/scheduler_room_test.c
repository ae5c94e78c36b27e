/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_room_test.c - a broker with a memory limit: whom it gives how much room, and who waits when. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

enum { KB = 1024, MB = 1024 * KB, LIMIT = 64 * MB, LEAST_ROOM = 256 * KB };

static srig_t *t;

static int set_up (void **state)
{
    (void) state;
    t = srig_new_with (&(scheduler_config_t) { .epoch = 7, .memory_limit_bytes = LIMIT });
    srig_pass (t, 2000);
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

/* A client and a worker that has its tasks 1 to n. */
static void hand_out (uint64_t n)
{
    srig_client (t, 1);
    srig_worker (t, 1, 100);
    srig_submit (t, 1, 1, n);
    srig_turn (t);
}

/* The worker brings a result of 1 MiB for each task 1 to n of the client. */
static void fill (int client, uint64_t n)
{
    for (uint64_t id = 1; id <= n; id++)
        srig_sized (t, 1, client, id, 1, 1 * MB);
    srig_turn (t);
}

/* ---- Clients ----------------------------------------------------------------------------------- */

static void gives_half_of_the_rest_to_the_first_client (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_turn (t);
    assert_int_equal (t->clients[1].room, LIMIT / 8 * 3 / 2);
}

static void takes_room_back_for_those_who_come_later (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_turn (t);
    srig_client (t, 2);
    srig_turn (t);
    assert_int_equal (t->clients[1].room, LIMIT / 8 * 3 / 4);
    assert_int_equal (t->clients[2].room, LIMIT / 8 * 3 / 4);
    srig_bare (t, &t->clients[2], WIRE_BYE);
    srig_turn (t);
    assert_int_equal (t->clients[1].room, LIMIT / 8 * 3 / 2);
}

/* What is used is not given twice: the sum stays within the limit. */
static void gives_no_room_that_others_still_use (void **state)
{
    (void) state;
    uint64_t sum = 0;
    srig_client (t, 1);
    srig_turn (t);
    t->payload_len = 1 * MB;
    srig_submit (t, 1, 1, 11); /* nearly all of its half */
    for (int i = 2; i < 6; i++)
        srig_client (t, i);
    srig_turn (t);
    assert_true (t->clients[1].room < 11 * MB);
    for (int i = 2; i < 6; i++) {
        assert_true (t->clients[i].room >= LEAST_ROOM);
        sum += t->clients[i].room;
    }
    assert_true (sum + 11 * MB <= LIMIT / 8 * 3 + 4 * LEAST_ROOM);
}

static void everybody_has_the_least_room_however_many_come (void **state)
{
    (void) state;
    for (int i = 1; i < SCHEDULER_RIG_PEERS; i++)
        srig_client (t, i);
    srig_turn (t);
    t->payload_len = 4 * MB;
    for (int i = 1; i < 9; i++)
        srig_submit (t, i, 1, 1);
    srig_pass (t, 500);
    for (int i = 1; i < SCHEDULER_RIG_PEERS; i++)
        assert_true (t->clients[i].room >= LEAST_ROOM);
}

static void a_client_that_returns_is_told_its_room (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_turn (t);
    uint64_t room = t->clients[1].room;
    srig_break (t, &t->clients[1]);
    t->clients[1].room = 1;
    srig_client (t, 1);
    srig_turn (t);
    assert_int_equal (t->clients[1].room, room);
}

static void says_nothing_of_room_without_a_limit (void **state)
{
    (void) state;
    srig_t *other = srig_new ();
    srig_client (other, 1);
    srig_worker (other, 1, 1);
    srig_turn (other);
    assert_int_equal (other->clients[1].room, 0);
    assert_int_equal (other->clients[1].n_kinds[WIRE_ROOM] + other->workers[1].n_kinds[WIRE_ROOM], 0);
    srig_free (&other);
}

/* ---- Workers ----------------------------------------------------------------------------------- */

static void workers_share_what_may_be_on_its_way_to_the_broker (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_turn (t);
    assert_int_equal (t->workers[1].room, LIMIT / 8 / 2);
    srig_worker (t, 2, 1);
    srig_turn (t);
    assert_int_equal (t->workers[1].room, LIMIT / 8 / 4);
    assert_int_equal (t->workers[2].room, LIMIT / 8 / 4);
}

static void a_worker_gets_no_more_tasks_than_its_share_of_bytes (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_worker (t, 1, 100);
    t->payload_len = 1 * MB;
    srig_submit (t, 1, 1, 8);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3 4"); /* an eighth of the limit, shared by two */
    srig_result (t, 1, 1, 2, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3 4 5");
}

/* Of what it was given 2 MiB are done, and only their results wait. */
static void what_a_worker_has_parked_takes_nothing_of_its_share (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_worker_as (t, 1, (srig_hello_t) { .window = 4, .window_bytes = 100 * MB });
    t->payload_len = 1 * MB;
    srig_submit (t, 1, 1, 8);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3 4");
    wire_put_window (&t->out, 0, 0, 6, 100 * MB);
    srig_send (t, t->workers[1].connection);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3 4");
    wire_put_window (&t->out, 0, 0, 6, 102 * MB);
    srig_send (t, t->workers[1].connection);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3 4 5 6");
    wire_put_window (&t->out, 0, 0, 4, 100 * MB);
    srig_send (t, t->workers[1].connection);
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3 4 5 6");
}

static void a_worker_without_tasks_gets_one_of_any_size (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_worker (t, 1, 100);
    t->payload_len = 20 * MB;
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1");
}

/* ---- Results ----------------------------------------------------------------------------------- */

static void sends_no_more_results_than_the_client_acknowledges (void **state)
{
    (void) state;
    hand_out (6);
    fill (1, 6);
    srig_expect_results (t, 1, "1 2 3"); /* a fourth with its overhead is too much */
    srig_ack (t, 1);
    srig_turn (t);
    srig_expect_results (t, 1, "1 2 3 4 5 6");
}

static void a_result_of_any_size_is_sent_alone (void **state)
{
    (void) state;
    hand_out (2);
    srig_sized (t, 1, 1, 1, 1, 20 * MB);
    srig_sized (t, 1, 1, 2, 1, 20 * MB);
    srig_turn (t);
    srig_expect_results (t, 1, "1");
    srig_ack (t, 1);
    srig_turn (t);
    srig_expect_results (t, 1, "1 2");
}

static void a_session_that_does_not_take_its_results_becomes_full (void **state)
{
    (void) state;
    hand_out (10);
    srig_client (t, 2);
    fill (1, 8); /* its share is a fourth of 16 MiB */
    assert_int_equal (t->workers[1].n_full, 1);
    assert_int_equal (t->workers[1].full[0], 101);

    srig_submit (t, 1, 11, 11);
    srig_submit (t, 2, 1, 1);
    srig_forget (t);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1"); /* of the other client: nobody else is held up */
    assert_int_equal (t->workers[1].tasks.rows[0].session, 102);
    srig_query (t, 1, WIRE_QUERY_EXPLAIN, 11);
    assert_int_equal (t->clients[1].answer.reason, DPOOL_REASON_QUEUED);
    assert_non_null (strstr (t->clients[1].text, "takes its results"));

    for (int i = 0; i < 8; i++) {
        srig_ack (t, 1);
        srig_turn (t);
    }
    assert_int_equal (t->workers[1].n_full, 0);
    srig_expect_tasks (t, 1, "1 11");
}

static void a_worker_that_comes_is_told_which_sessions_are_full (void **state)
{
    (void) state;
    hand_out (9);
    fill (1, 9);
    srig_worker (t, 2, 1);
    srig_turn (t);
    assert_int_equal (t->workers[2].n_full, 1);
}

static void a_full_session_that_ends_is_full_no_more (void **state)
{
    (void) state;
    hand_out (9);
    fill (1, 9);
    assert_int_equal (t->workers[1].n_full, 1);
    srig_bare (t, &t->clients[1], WIRE_BYE);
    srig_turn (t);
    assert_int_equal (t->workers[1].n_full, 0);
}

static void held_results_go_again_in_their_order (void **state)
{
    (void) state;
    hand_out (6);
    fill (1, 5);
    srig_break (t, &t->clients[1]);
    srig_forget (t);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 6, true);
    for (int i = 0; i < 8; i++) {
        srig_turn (t);
        srig_ack (t, 1);
    }
    srig_turn (t);
    srig_expect_results (t, 1, "1 2 3 4 5");
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (gives_half_of_the_rest_to_the_first_client),
        TEST (takes_room_back_for_those_who_come_later),
        TEST (gives_no_room_that_others_still_use),
        TEST (everybody_has_the_least_room_however_many_come),
        TEST (a_client_that_returns_is_told_its_room),
        TEST (says_nothing_of_room_without_a_limit),
        TEST (workers_share_what_may_be_on_its_way_to_the_broker),
        TEST (a_worker_gets_no_more_tasks_than_its_share_of_bytes),
        TEST (what_a_worker_has_parked_takes_nothing_of_its_share),
        TEST (a_worker_without_tasks_gets_one_of_any_size),
        TEST (sends_no_more_results_than_the_client_acknowledges),
        TEST (a_result_of_any_size_is_sent_alone),
        TEST (a_session_that_does_not_take_its_results_becomes_full),
        TEST (a_worker_that_comes_is_told_which_sessions_are_full),
        TEST (a_full_session_that_ends_is_full_no_more),
        TEST (held_results_go_again_in_their_order),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
