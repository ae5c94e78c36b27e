/* SPDX-License-Identifier: MPL-2.0 */
/* A peer's connection policy, in virtual time. */
#include "tests/support/test.h"

#include "core/link.h"

#define START 1000000

/* A link that has just said HELLO. */
static dp_link_t greeting_link (size_t n_endpoints)
{
    dp_link_t link;
    dp_link_init (&link, n_endpoints, 7, START);
    assert_int_equal (dp_link_tick (&link, START), LINK_OPEN);
    assert_int_equal (link.state, LINK_GREETING);
    return link;
}

static dp_link_t link_that_is_up (void)
{
    dp_link_t link = greeting_link (1);
    dp_link_welcomed (&link, START);
    assert_int_equal (link.state, LINK_UP);
    assert_int_equal (dp_link_tick (&link, START), LINK_PING);
    dp_link_answered (&link, START);
    dp_link_received (&link, START);
    return link;
}

/* Tick whenever the link wants it, and no oftener, until it gives this command; the time when it does. */
static int64_t run_until (dp_link_t *link, dp_link_command_t command, int64_t now_ms)
{
    for (int i = 0; i < 100; i++) {
        int64_t deadline_ms = dp_link_deadline_ms (link);
        now_ms = deadline_ms > now_ms ? deadline_ms : now_ms;
        dp_link_command_t got;
        while ((got = dp_link_tick (link, now_ms)) != LINK_NOTHING)
            if (got == command)
                return now_ms;
    }
    fail_msg ("the command %d never came", (int) command);
    return 0;
}

static void opens_at_once_and_counts_its_connections (void **state)
{
    (void) state;
    dp_link_t link;
    dp_link_init (&link, 1, 7, START);
    assert_int_equal (link.state, LINK_DOWN);
    assert_int_equal (dp_link_deadline_ms (&link), START);
    assert_int_equal (dp_link_tick (&link, START), LINK_OPEN);
    assert_int_equal (link.connection, 1);
    assert_int_equal (dp_link_tick (&link, START), LINK_NOTHING);
    dp_link_broken (&link, START);
    run_until (&link, LINK_OPEN, START);
    assert_int_equal (link.connection, 2);
}

static void gives_up_a_greeting_without_welcome (void **state)
{
    (void) state;
    dp_link_t link = greeting_link (1);
    assert_int_equal (run_until (&link, LINK_CLOSE, START), START + LINK_WELCOME_MS);
    assert_int_equal (link.state, LINK_DOWN);
    assert_int_equal (link.n_failures, 1);
}

static void is_up_when_welcomed_and_only_then (void **state)
{
    (void) state;
    dp_link_t link = greeting_link (1);
    dp_link_received (&link, START + 10);
    assert_int_equal (link.state, LINK_GREETING);
    dp_link_welcomed (&link, START + 20);
    assert_int_equal (link.state, LINK_UP);
    assert_int_equal (link.n_failures, 0);

    dp_link_broken (&link, START + 30);
    dp_link_welcomed (&link, START + 40); /* late, of a socket that is closed */
    assert_int_equal (link.state, LINK_DOWN);
}

static void pings_a_second_after_the_last_message_was_sent (void **state)
{
    (void) state;
    dp_link_t link = link_that_is_up ();
    dp_link_received (&link, START + 900);
    dp_link_sent (&link, START + 500);
    assert_int_equal (dp_link_deadline_ms (&link), START + 500 + LINK_HEARTBEAT_MS);
    assert_int_equal (dp_link_tick (&link, START + 1499), LINK_NOTHING);
    assert_int_equal (dp_link_tick (&link, START + 1500), LINK_PING);
    assert_int_equal (dp_link_tick (&link, START + 1500), LINK_NOTHING);
}

static void pings_a_busy_sender_that_hears_nothing (void **state)
{
    (void) state;
    dp_link_t link = link_that_is_up ();
    int n_pings = 0;
    for (int64_t now_ms = START; now_ms < START + 3500; now_ms += 10) {
        dp_link_sent (&link, now_ms);
        n_pings += dp_link_tick (&link, now_ms) == LINK_PING;
    }
    assert_int_equal (n_pings, 3); /* one a second, not one a tick */
}

static void is_over_after_five_seconds_of_silence (void **state)
{
    (void) state;
    dp_link_t link = link_that_is_up ();
    assert_int_equal (run_until (&link, LINK_CLOSE, START), START + LINK_SILENCE_MS);
    assert_int_equal (link.state, LINK_DOWN);
}

static void lives_as_long_as_something_comes (void **state)
{
    (void) state;
    dp_link_t link = link_that_is_up ();
    for (int64_t now_ms = START; now_ms < START + 60000; now_ms += 900) {
        dp_link_received (&link, now_ms);
        dp_link_command_t command = dp_link_tick (&link, now_ms);
        assert_true (command == LINK_NOTHING || command == LINK_PING);
    }
    assert_int_equal (link.state, LINK_UP);
}

static void blames_nobody_for_its_own_pause (void **state)
{
    (void) state;
    dp_link_t link = link_that_is_up ();
    assert_int_equal (dp_link_tick (&link, START + 60000), LINK_PING); /* stopped for a minute: only ask */
    assert_int_equal (link.state, LINK_UP);
    assert_int_equal (run_until (&link, LINK_CLOSE, START + 60000),
                      START + 60000 + LINK_SILENCE_MS - LINK_MAX_LAG_MS);

    link = greeting_link (1);
    assert_int_equal (dp_link_tick (&link, START + 60000), LINK_NOTHING);
    assert_int_equal (link.state, LINK_GREETING);
}

static void closes_before_it_opens_anew (void **state)
{
    (void) state;
    dp_link_t link = link_that_is_up ();
    dp_link_broken (&link, START + 100);
    dp_link_broken (&link, START + 100); /* the monitor and a failed send may both say so */
    assert_int_equal (link.n_failures, 1);
    assert_true (dp_link_deadline_ms (&link) <= START + 100);
    assert_int_equal (dp_link_tick (&link, START + 100), LINK_CLOSE);
    assert_int_equal (dp_link_tick (&link, START + 100), LINK_OPEN); /* the first try is at once */
}

static void backs_off_with_jitter_up_to_a_second (void **state)
{
    (void) state;
    static const int64_t ceilings_ms[] = { 0, 100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000 };
    int64_t longest_ms = 0, now_ms = START;
    bool differs = false;
    for (uint64_t seed = 0; seed < 50; seed++) {
        dp_link_t link;
        dp_link_init (&link, 1, seed, START);
        now_ms = START;
        int64_t before_ms = -1;
        for (size_t i = 0; i < sizeof ceilings_ms / sizeof ceilings_ms[0]; i++) {
            now_ms = run_until (&link, LINK_OPEN, now_ms);
            dp_link_broken (&link, now_ms);
            int64_t wait_ms = link.retry_at_ms - now_ms;
            assert_true (wait_ms >= 0 && wait_ms <= ceilings_ms[i]);
            differs |= before_ms >= 0 && wait_ms != before_ms;
            before_ms = wait_ms;
            longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
        }
    }
    assert_true (differs);
    assert_true (longest_ms > LINK_MAX_BACKOFF_MS * 9 / 10);
}

static void waits_longer_for_a_message_that_is_announced_as_large (void **state)
{
    (void) state;
    dp_link_t link;
    dp_link_init (&link, 1, 1, 0);
    assert_int_equal (dp_link_tick (&link, 0), LINK_OPEN);
    dp_link_welcomed (&link, 0);
    dp_link_expect (&link, 640000); /* ten seconds */
    for (int64_t now_ms = 500; now_ms < 15000; now_ms += 500)
        while (dp_link_tick (&link, now_ms) != LINK_NOTHING)
            assert_int_equal (link.state, LINK_UP);
    dp_link_received (&link, 14500); /* that was it */
    for (int64_t now_ms = 15000; now_ms < 19500; now_ms += 500)
        while (dp_link_tick (&link, now_ms) != LINK_NOTHING)
            assert_int_equal (link.state, LINK_UP);
    assert_int_equal (dp_link_tick (&link, 19500), LINK_CLOSE);
}

static void asks_once_how_far_a_near_broker_is (void **state)
{
    (void) state;
    dp_link_t link = greeting_link (1);
    dp_link_welcomed (&link, START + 20);
    assert_true (dp_link_deadline_ms (&link) <= START + 20);
    assert_int_equal (dp_link_tick (&link, START + 20), LINK_PING);
    assert_int_equal (dp_link_tick (&link, START + 20), LINK_NOTHING);
    dp_link_answered (&link, START + 21); /* it may have been less than a millisecond */
    assert_int_equal (link.round_trip_ms, 0);
    for (int64_t now_ms = START + 21; now_ms < START + 5000; now_ms += 10) {
        dp_link_sent (&link, now_ms);
        dp_link_received (&link, now_ms);
        assert_int_equal (dp_link_tick (&link, now_ms), LINK_NOTHING);
    }
}

static void asks_a_far_broker_again_and_takes_the_shortest_round_trip (void **state)
{
    (void) state;
    static const int64_t took_ms[LINK_SAMPLES] = { 90, 250, 51, 77, 51, 60, 120, 55 };
    static const int64_t shortest_ms[LINK_SAMPLES] = { 89, 89, 50, 50, 50, 50, 50, 50 };
    dp_link_t link = greeting_link (1);
    dp_link_welcomed (&link, START);
    int64_t now_ms = START;
    for (size_t i = 0; i < LINK_SAMPLES; i++) {
        assert_int_equal (dp_link_tick (&link, now_ms), LINK_PING);
        now_ms += took_ms[i];
        dp_link_answered (&link, now_ms);
        assert_int_equal (link.round_trip_ms, shortest_ms[i]);
        for (int64_t end_ms = now_ms + LINK_HEARTBEAT_MS; now_ms < end_ms; now_ms++) {
            dp_link_sent (&link, now_ms); /* it is so busy that there are no heartbeats */
            dp_link_received (&link, now_ms);
            assert_int_equal (dp_link_tick (&link, now_ms), LINK_NOTHING);
        }
    }
    dp_link_sent (&link, now_ms);
    dp_link_received (&link, now_ms);
    assert_int_equal (dp_link_tick (&link, now_ms), LINK_NOTHING); /* now it is known */
}

static void heartbeats_tell_how_far_the_broker_is (void **state)
{
    (void) state;
    dp_link_t link = greeting_link (1);
    dp_link_welcomed (&link, START);
    assert_int_equal (dp_link_tick (&link, START), LINK_PING);
    dp_link_answered (&link, START + 200);
    dp_link_received (&link, START + 200);
    assert_int_equal (run_until (&link, LINK_PING, START + 200), START + LINK_HEARTBEAT_MS);
    dp_link_answered (&link, START + LINK_HEARTBEAT_MS + 4);
    assert_int_equal (link.round_trip_ms, 3);
}

static void an_answer_that_nobody_asked_for_tells_nothing (void **state)
{
    (void) state;
    dp_link_t link = greeting_link (1);
    dp_link_welcomed (&link, START);
    dp_link_answered (&link, START + 1);
    assert_int_equal (dp_link_tick (&link, START + 1), LINK_PING);
    dp_link_answered (&link, START + 41);
    dp_link_answered (&link, START + 42);
    assert_int_equal (link.round_trip_ms, 39);
    assert_int_equal (link.n_samples, 1);
}

static void each_connection_has_its_own_round_trip_and_none_is_endless (void **state)
{
    (void) state;
    dp_link_t link = greeting_link (1);
    dp_link_welcomed (&link, START);
    assert_int_equal (dp_link_tick (&link, START), LINK_PING);
    dp_link_answered (&link, START + 900);
    assert_int_equal (link.round_trip_ms, LINK_MAX_ROUND_TRIP_MS);
    dp_link_broken (&link, START + 900);
    int64_t now_ms = run_until (&link, LINK_OPEN, START + 900);
    assert_int_equal (link.round_trip_ms, 0);
    dp_link_welcomed (&link, now_ms);
    assert_int_equal (dp_link_tick (&link, now_ms), LINK_PING);
    dp_link_answered (&link, now_ms + 8);
    assert_int_equal (link.round_trip_ms, 7);
}

static void gives_equal_jitter_for_equal_seeds (void **state)
{
    (void) state;
    dp_link_t one, two;
    dp_link_init (&one, 1, 42, START);
    dp_link_init (&two, 1, 42, START);
    int64_t now_ms = START;
    for (int i = 0; i < 20; i++) {
        assert_int_equal (run_until (&one, LINK_OPEN, now_ms), run_until (&two, LINK_OPEN, now_ms));
        now_ms = one.opened_at_ms;
        dp_link_broken (&one, now_ms);
        dp_link_broken (&two, now_ms);
    }
}

static void stays_with_an_endpoint_while_its_trouble_is_young (void **state)
{
    (void) state;
    dp_link_t link = greeting_link (3);
    dp_link_welcomed (&link, START);
    int64_t now_ms = START;
    while (link.endpoint == 0) {
        dp_link_broken (&link, now_ms);
        now_ms = run_until (&link, LINK_OPEN, now_ms);
        assert_true (now_ms < START + LINK_FAILOVER_MS ? link.endpoint == 0 : link.endpoint == 1);
    }
    assert_true (now_ms <= START + LINK_FAILOVER_MS + LINK_MAX_BACKOFF_MS);
    assert_int_equal (link.endpoint_since_ms, now_ms);
}

static void tries_each_endpoint_in_turn_before_the_first_welcome (void **state)
{
    (void) state;
    dp_link_t link = greeting_link (3);
    int64_t now_ms = START;
    for (size_t i = 1; i < 7; i++) {
        dp_link_broken (&link, now_ms);
        now_ms = run_until (&link, LINK_OPEN, now_ms);
        assert_int_equal (link.endpoint, i % 3);
    }
    dp_link_welcomed (&link, now_ms);
    dp_link_broken (&link, now_ms);
    run_until (&link, LINK_OPEN, now_ms);
    assert_int_equal (link.endpoint, 0);
}

static void comes_round_to_the_first_endpoint_again (void **state)
{
    (void) state;
    dp_link_t link = greeting_link (2);
    dp_link_welcomed (&link, START);
    int64_t now_ms = START;
    bool was_second = false;
    while (now_ms < START + 20000 && !(was_second && link.endpoint == 0)) {
        dp_link_broken (&link, now_ms);
        now_ms = run_until (&link, LINK_OPEN, now_ms);
        was_second |= link.endpoint == 1;
    }
    assert_true (was_second);
    assert_int_equal (link.endpoint, 0);
}

static void sticks_to_the_endpoint_that_worked (void **state)
{
    (void) state;
    dp_link_t link = greeting_link (2);
    dp_link_welcomed (&link, START);
    int64_t now_ms = START + 1000000;
    dp_link_tick (&link, now_ms);
    dp_link_broken (&link, now_ms);
    run_until (&link, LINK_OPEN, now_ms);
    assert_int_equal (link.endpoint, 0); /* however long ago it was chosen */
    assert_int_equal (link.down_since_ms, START + 1000000);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (opens_at_once_and_counts_its_connections),
        cmocka_unit_test (gives_up_a_greeting_without_welcome),
        cmocka_unit_test (is_up_when_welcomed_and_only_then),
        cmocka_unit_test (pings_a_second_after_the_last_message_was_sent),
        cmocka_unit_test (pings_a_busy_sender_that_hears_nothing),
        cmocka_unit_test (is_over_after_five_seconds_of_silence),
        cmocka_unit_test (lives_as_long_as_something_comes),
        cmocka_unit_test (blames_nobody_for_its_own_pause),
        cmocka_unit_test (closes_before_it_opens_anew),
        cmocka_unit_test (backs_off_with_jitter_up_to_a_second),
        cmocka_unit_test (waits_longer_for_a_message_that_is_announced_as_large),
        cmocka_unit_test (asks_once_how_far_a_near_broker_is),
        cmocka_unit_test (asks_a_far_broker_again_and_takes_the_shortest_round_trip),
        cmocka_unit_test (heartbeats_tell_how_far_the_broker_is),
        cmocka_unit_test (an_answer_that_nobody_asked_for_tells_nothing),
        cmocka_unit_test (each_connection_has_its_own_round_trip_and_none_is_endless),
        cmocka_unit_test (gives_equal_jitter_for_equal_seeds),
        cmocka_unit_test (stays_with_an_endpoint_while_its_trouble_is_young),
        cmocka_unit_test (tries_each_endpoint_in_turn_before_the_first_welcome),
        cmocka_unit_test (comes_round_to_the_first_endpoint_again),
        cmocka_unit_test (sticks_to_the_endpoint_that_worked),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
