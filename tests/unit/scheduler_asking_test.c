/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_asking_test.c - how often a peer may ask, and what happens to what is beyond. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

static srig_t *t;

enum { AT_ONCE = 1000, WAITING = 1000, A_MS = 1 }; /* as scheduler_asking.c has them */

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
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

static void say (const srig_peer_t *peer, wire_question_t question, int n)
{
    for (int i = 0; i < n; i++) {
        wire_query_t query = { .query = (uint64_t) i, .question = question, .id = 1 };
        if (question == 0)
            wire_put_bare (&t->out, 0, WIRE_PING, 0);
        else
            wire_put_query (&t->out, 0, 0, &query);
    }
    srig_send (t, peer->connection);
    srig_turn (t);
}

static void wait (int ms)
{
    t->now_ms += ms;
    srig_turn (t);
}

static void answers_a_thousand_at_once_and_the_rest_in_order_and_late (void **state)
{
    (void) state;
    say (&t->clients[1], WIRE_QUERY_EXPLAIN, AT_ONCE + 100);
    assert_int_equal (t->clients[1].n_kinds[WIRE_ANSWER], AT_ONCE);
    assert_int_equal (t->clients[1].answer.query, AT_ONCE - 1);
    assert_true (t->deadline_ms <= t->now_ms + 20);
    wait (50);
    assert_in_range (t->clients[1].n_kinds[WIRE_ANSWER], AT_ONCE + 40, AT_ONCE + 50);
    assert_int_equal (t->clients[1].answer.query, t->clients[1].n_kinds[WIRE_ANSWER] - 1);
    wait (200);
    assert_int_equal (t->clients[1].n_kinds[WIRE_ANSWER], AT_ONCE + 100);
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
}

static void whoever_waits_for_each_answer_is_never_refused (void **state)
{
    (void) state;
    for (uint64_t i = 1; i <= 3 * AT_ONCE; i++) {
        say (&t->clients[1], WIRE_QUERY_EXPLAIN, 1);
        while (t->clients[1].n_kinds[WIRE_ANSWER] < i)
            wait (A_MS);
    }
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
}

static void refuses_whoever_asks_on_without_waiting (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 3);
    say (&t->clients[1], WIRE_QUERY_EXPLAIN, AT_ONCE + WAITING);
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
    say (&t->clients[1], WIRE_QUERY_EXPLAIN, 1);
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_LIMIT);
    assert_non_null (strstr (t->clients[1].text, "wait for each answer"));
    assert_int_equal (t->clients[1].connection, 0);
    assert_int_equal (t->clients[1].n_kinds[WIRE_ANSWER], AT_ONCE);
    srig_client_hello (t, 1);
    assert_true (t->clients[1].welcome.is_session_kept); /* with its tasks */
}

static void a_new_connection_of_the_peer_has_no_new_share (void **state)
{
    (void) state;
    say (&t->clients[1], WIRE_QUERY_EXPLAIN, AT_ONCE + 10);
    srig_break (t, &t->clients[1]);
    srig_client (t, 1);
    srig_forget (t);
    say (&t->clients[1], WIRE_QUERY_EXPLAIN, 10);
    assert_int_equal (t->clients[1].n_kinds[WIRE_ANSWER], 0);
    wait (50);
    assert_int_equal (t->clients[1].n_kinds[WIRE_ANSWER], 10); /* those of its old one are of no use */
}

static void others_are_answered_at_once (void **state)
{
    (void) state;
    say (&t->clients[1], WIRE_QUERY_EXPLAIN, AT_ONCE + 10);
    say (&t->clients[2], WIRE_QUERY_EXPLAIN, 1);
    assert_int_equal (t->clients[2].n_kinds[WIRE_ANSWER], 1);
}

/* Whoever comes as many peers does not get as many shares. PINGs are not held up by that. */
static void all_together_have_ten_shares_and_take_turns (void **state)
{
    (void) state;
    enum { N_SHARES = 10, LAST = N_SHARES + 1 };
    for (int i = 3; i <= LAST; i++)
        srig_client (t, i);
    srig_forget (t);
    for (int i = 1; i <= N_SHARES; i++) {
        say (&t->clients[i], WIRE_QUERY_EXPLAIN, AT_ONCE + 100);
        assert_int_equal (t->clients[i].n_kinds[WIRE_ANSWER], AT_ONCE);
    }
    say (&t->clients[LAST], WIRE_QUERY_EXPLAIN, 100);
    say (&t->clients[LAST], 0, 1);
    assert_int_equal (t->clients[LAST].n_kinds[WIRE_ANSWER], 0);
    assert_int_equal (t->clients[LAST].n_kinds[WIRE_PONG], 1);
    wait (22);
    uint64_t n_answers = t->clients[LAST].n_kinds[WIRE_ANSWER];
    assert_in_range (n_answers, 15, 25); /* it could have all of its own share, and 10 others want theirs */
    for (int i = 1; i <= N_SHARES; i++)
        n_answers += t->clients[i].n_kinds[WIRE_ANSWER] - AT_ONCE;
    assert_in_range (n_answers, N_SHARES * 20, N_SHARES * 22);
}

static void functions_are_asked_for_by_their_name_however_late (void **state)
{
    (void) state;
    say (&t->clients[1], WIRE_QUERY_EXPLAIN, AT_ONCE);
    wire_query_t query = { .query = 5, .question = WIRE_QUERY_FUNCTION, .name = { "nobody", 6 } };
    wire_put_query (&t->out, 0, 0, &query);
    srig_send (t, t->clients[1].connection);
    wait (50);
    assert_int_equal (t->clients[1].answer.query, 5);
    assert_non_null (strstr (t->clients[1].text, "'nobody'"));
}

static void pings_are_questions_of_clients_and_workers (void **state)
{
    (void) state;
    const srig_peer_t *peers[] = { &t->clients[1], &t->workers[1] };
    for (size_t i = 0; i < 2; i++) {
        say (peers[i], 0, AT_ONCE + 5);
        assert_int_equal (peers[i]->n_kinds[WIRE_PONG], AT_ONCE);
        wait (50);
        assert_int_equal (peers[i]->n_kinds[WIRE_PONG], AT_ONCE + 5);
        say (peers[i], 0, AT_ONCE + WAITING + 1);
        assert_int_equal (peers[i]->refusal, WIRE_REFUSED_LIMIT);
        assert_int_equal (peers[i]->connection, 0);
    }
}

static void a_long_answer_counts_for_more (void **state)
{
    (void) state;
    for (int i = 3; i < SCHEDULER_RIG_PEERS; i++)
        srig_client (t, i); /* who are named in it */
    srig_forget (t);
    say (&t->clients[1], WIRE_QUERY_STATUS, AT_ONCE);
    assert_in_range (t->clients[1].n_kinds[WIRE_ANSWER], AT_ONCE / 50, AT_ONCE / 5);
}

static void a_key_that_is_taken_away_is_told_nothing_more (void **state)
{
    (void) state;
    access_t *access = access_new ();
    say (&t->clients[1], WIRE_QUERY_EXPLAIN, AT_ONCE + 10);
    scheduler_admit (t->scheduler, t->now_ms, access);
    wait (100);
    assert_int_equal (t->clients[1].n_kinds[WIRE_ANSWER], AT_ONCE);
    scheduler_admit (t->scheduler, t->now_ms, NULL);
    access_destroy (&access);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (answers_a_thousand_at_once_and_the_rest_in_order_and_late),
        TEST (whoever_waits_for_each_answer_is_never_refused),
        TEST (refuses_whoever_asks_on_without_waiting),
        TEST (a_new_connection_of_the_peer_has_no_new_share),
        TEST (others_are_answered_at_once),
        TEST (all_together_have_ten_shares_and_take_turns),
        TEST (functions_are_asked_for_by_their_name_however_late),
        TEST (pings_are_questions_of_clients_and_workers),
        TEST (a_long_answer_counts_for_more),
        TEST (a_key_that_is_taken_away_is_told_nothing_more),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
