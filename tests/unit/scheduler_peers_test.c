/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_peers_test.c - peers, their connections, what they may say, when they are taken for gone. */
#include "tests/unit/scheduler_rig.h"

#include "core/name.h"

#include <string.h>

static srig_t *t;

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

/* ---- HELLO ------------------------------------------------------------------------------------ */

static void welcomes_a_client_with_what_it_needs_to_know (void **state)
{
    (void) state;
    srig_worker_as (t, 1, (srig_hello_t) { .window = 4, .processes = 3 });
    srig_client_hello (t, 1);
    const srig_peer_t *client = &t->clients[1];
    assert_int_equal (client->n_kinds[WIRE_WELCOME], 1);
    assert_int_equal (client->welcome.version, WIRE_VERSION);
    assert_int_equal (client->welcome.epoch, 7);
    assert_int_equal (client->welcome.max_payload, 64 << 20);
    assert_int_equal (client->welcome.processes, 3);
    assert_false (client->welcome.is_session_kept);
    assert_true (srig_has_event (t, "client 'client 1' (pid 10 on here) connected"));
}

static void says_whether_it_still_knew_the_peer (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    assert_true (t->clients[1].welcome.is_session_kept);
    srig_worker (t, 1, 1);
    assert_false (t->workers[1].welcome.is_session_kept);
    srig_worker (t, 1, 1);
    assert_true (t->workers[1].welcome.is_session_kept);
}

static void an_id_of_a_key_is_not_that_of_another (void **state)
{
    (void) state;
    scheduler_set_owner (t->scheduler, "alice");
    srig_client (t, 1);
    srig_worker (t, 1, 1);
    scheduler_set_owner (t->scheduler, "mallory");
    srig_peer_t client = t->clients[1], worker = t->workers[1];
    srig_client (t, 1);
    srig_worker (t, 1, 1);
    assert_false (t->clients[1].welcome.is_session_kept);
    assert_false (t->workers[1].welcome.is_session_kept);
    assert_int_equal (srig_stats (t).n_sessions, 2);
    assert_int_equal (srig_stats (t).n_workers, 2);
    srig_bare (t, &t->clients[1], WIRE_BYE);
    srig_bare (t, &t->workers[1], WIRE_BYE);
    /* Alice goes on as if nothing had been. */
    t->clients[1] = client;
    t->workers[1] = worker;
    scheduler_set_owner (t->scheduler, "alice");
    srig_client_hello (t, 1);
    assert_true (t->clients[1].welcome.is_session_kept);
    srig_worker (t, 1, 1);
    assert_true (t->workers[1].welcome.is_session_kept);
}

/* Ids that are hidden as the same are as good as never. */
static void refuses_what_another_key_is_known_by (void **state)
{
    (void) state;
    scheduler_set_owner (t->scheduler, "alice");
    srig_client (t, 1);
    scheduler_set_owner (t->scheduler, "");
    t->clients[2].id = t->clients[1].session;
    srig_client_hello (t, 2);
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_DUPLICATE);
    assert_int_equal (srig_stats (t).n_sessions, 1);
}

static void answers_who_before_hello (void **state)
{
    (void) state;
    wire_put_bare (&t->out, 0, WIRE_PING, 0);
    srig_send (t, srig_connection (t));
    srig_turn (t);
    assert_int_equal (t->stranger.n_kinds[WIRE_WHO], 1);
    assert_int_equal (t->stranger.n_messages, 1);
}

static void does_not_answer_a_strangers_bye (void **state)
{
    (void) state;
    wire_put_bare (&t->out, 0, WIRE_BYE, 0);
    srig_send (t, srig_connection (t));
    srig_turn (t);
    assert_int_equal (t->stranger.n_messages, 0);
}

static void the_highest_connection_owns_the_peer (void **state)
{
    (void) state;
    srig_client (t, 1);
    uint64_t old = t->clients[1].connection;
    srig_client (t, 1);
    assert_int_equal (t->n_dropped, 1);
    assert_int_equal (t->dropped[0], old);
    wire_put_bare (&t->out, 0, WIRE_BYE, 0);
    srig_send (t, old); /* it does not end the session */
    wire_put_bare (&t->out, 0, WIRE_PING, 0);
    srig_send (t, old);
    srig_turn (t);
    assert_int_equal (t->stranger.n_kinds[WIRE_WHO], 1);
    assert_int_equal (srig_stats (t).n_sessions, 1);
    scheduler_disconnected (t->scheduler, t->now_ms, old);
    srig_submit (t, 1, 1, 1);
    assert_int_equal (srig_stats (t).n_queued, 1);
}

static void ignores_a_hello_that_was_overtaken (void **state)
{
    (void) state;
    srig_client (t, 1);
    uint64_t newer = t->clients[1].connection;
    t->clients[1].n_hellos = 0; /* the next says 1 again */
    srig_client_hello (t, 1);
    assert_int_equal (t->clients[1].n_kinds[WIRE_WELCOME], 1);
    assert_int_equal (t->n_dropped, 1); /* it must not keep the place of a peer */
    assert_int_equal (t->dropped[0], t->last_connection);
    t->clients[1].connection = newer;
    srig_submit (t, 1, 1, 1);
    assert_int_equal (srig_stats (t).n_queued, 1);
}

static void ignores_a_hello_that_is_replayed_on_its_connection (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_submit (t, 1, 1, 1);
    wire_hello_t hello = { .version_min = 1,
                           .version_max = 1,
                           .role = WIRE_ROLE_CLIENT,
                           .id = 101,
                           .connection = 9,
                           .host = { "x", 1 },
                           .name = { "x", 1 },
                           .initializer = { "", 0 } };
    wire_put_hello (&t->out, 0, &hello, NULL, NULL);
    srig_send (t, t->clients[1].connection);
    srig_turn (t);
    assert_int_equal (t->clients[1].n_kinds[WIRE_WELCOME], 1);
    assert_int_equal (srig_stats (t).n_queued, 1);
}

static void refuses_versions_that_it_does_not_speak (void **state)
{
    (void) state;
    wire_hello_t hello = { .version_min = 8,
                           .version_max = 9,
                           .role = WIRE_ROLE_CLIENT,
                           .id = 5,
                           .connection = 1,
                           .host = { "x", 1 },
                           .name = { "x", 1 },
                           .initializer = { "", 0 } };
    wire_put_hello (&t->out, 0, &hello, NULL, NULL);
    srig_send (t, srig_connection (t));
    srig_turn (t);
    assert_int_equal (t->stranger.refusal, WIRE_REFUSED_VERSION);
    assert_non_null (strstr (t->stranger.text, "8 to 9"));
    assert_int_equal (t->n_dropped, 1);
    assert_int_equal (srig_stats (t).n_sessions, 0);
}

/* ---- Who may say what -------------------------------------------------------------------------- */

static void refuses_what_the_role_may_not_say (void **state)
{
    (void) state;
    static const wire_kind_t of_client[] = { WIRE_WELCOME, WIRE_WHO };
    for (size_t i = 0; i < sizeof of_client / sizeof of_client[0]; i++) {
        srig_client (t, 1);
        if (of_client[i] == WIRE_WELCOME)
            wire_put_window (&t->out, 0, 0, 5, 5); /* RESULTS */
        else
            wire_put_bare (&t->out, 0, of_client[i], 0);
        srig_send (t, t->clients[1].connection);
        srig_turn (t);
        assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_KIND);
        assert_int_equal (t->clients[1].connection, 0);
        srig_forget (t);
    }
    srig_worker (t, 1, 1);
    wire_put_query (&t->out, 0, 0, &(wire_query_t) { .query = 1, .question = WIRE_QUERY_STATUS });
    srig_send (t, t->workers[1].connection);
    srig_turn (t);
    assert_int_equal (t->workers[1].refusal, WIRE_REFUSED_KIND);
    assert_string_equal (t->workers[1].text, "a worker may not send QUERY");
}

static void refuses_malformed_messages_and_keeps_the_session (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_submit (t, 1, 1, 3);
    scheduler_malformed (t->scheduler, t->now_ms, t->clients[1].connection, "nonsense");
    srig_turn (t);
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_MALFORMED);
    assert_int_equal (t->clients[1].connection, 0);
    assert_int_equal (srig_stats (t).n_queued, 3);
    scheduler_malformed (t->scheduler, t->now_ms, srig_connection (t), "nonsense");
    srig_turn (t);
    assert_int_equal (t->stranger.refusal, WIRE_REFUSED_MALFORMED);
}

static void refuses_a_second_claim_on_a_connection (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_submit (t, 1, 1, 1);
    srig_worker (t, 1, 1);
    srig_work (t);
    srig_claim (t, 1, 1, 1, true);
    srig_turn (t);
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_OTHER);
    srig_expect_results (t, 1, "1");
}

static void refuses_runs_that_go_on_after_their_end (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_run (t, 1, 1, 5, 1, WIRE_RUN_RUNNING);
    srig_turn (t);
    assert_int_equal (t->workers[1].refusal, WIRE_REFUSED_OTHER);
}

static void answers_ping_and_bye (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_worker (t, 1, 1);
    srig_bare (t, &t->clients[1], WIRE_PING);
    srig_bare (t, &t->workers[1], WIRE_PING);
    assert_int_equal (t->clients[1].n_kinds[WIRE_PONG], 1);
    assert_int_equal (t->workers[1].n_kinds[WIRE_PONG], 1);
    wire_put_bare (&t->out, 0, WIRE_BYE, 0);
    uint64_t connection = t->clients[1].connection;
    srig_send (t, connection);
    srig_turn (t);
    assert_int_equal (t->clients[1].n_kinds[WIRE_BYE], 1);
    assert_int_equal (t->dropped[0], connection);
    assert_int_equal (srig_stats (t).n_sessions, 0);
}

static void tells_clients_how_many_processes_there_are (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_turn (t);
    assert_int_equal (t->clients[1].processes, 0);
    srig_worker_as (t, 1, (srig_hello_t) { .window = 1, .processes = 4 });
    assert_int_equal (t->clients[1].processes, 4);
    srig_worker_as (t, 2, (srig_hello_t) { .window = 1, .processes = 2 });
    assert_int_equal (t->clients[1].processes, 6);
    srig_worker_as (t, 1, (srig_hello_t) { .window = 0, .processes = 4, .is_draining = true });
    assert_int_equal (t->clients[1].processes, 2);
    srig_break (t, &t->workers[2]);
    srig_turn (t);
    assert_int_equal (t->clients[1].processes, 0);
}

/* ---- Timers ------------------------------------------------------------------------------------ */

static void asks_quiet_peers_for_a_sign_of_life (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_worker (t, 1, 1);
    srig_pass (t, 1600);
    assert_int_equal (t->clients[1].n_kinds[WIRE_PING], 1);
    assert_int_equal (t->workers[1].n_kinds[WIRE_PING], 1);
    srig_forget (t);
    srig_live (t, 3000);
    assert_int_equal (t->workers[1].n_kinds[WIRE_PING], 0);
}

static void a_silent_worker_gets_nothing_new_until_it_speaks (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_worker (t, 1, 5);
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2");
    srig_pass (t, 3000);
    srig_forget (t);
    srig_submit (t, 1, 3, 3);
    srig_cancel (t, 1, 1, 1); /* nor by what others do */
    srig_turn (t);
    srig_expect_tasks (t, 1, "");
    srig_bare (t, &t->workers[1], WIRE_PONG);
    srig_turn (t);
    srig_expect_tasks (t, 1, "3");
}

static void a_worker_silent_for_five_seconds_is_lost (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_pass (t, 4900);
    assert_int_equal (srig_stats (t).n_workers, 1);
    srig_pass (t, 400);
    assert_int_equal (srig_stats (t).n_workers, 0);
    assert_true (srig_has_event (t, "worker 'worker 1' (pid 20) is lost"));
    assert_int_equal (t->workers[1].connection, 0);
}

static void a_broken_worker_may_return_for_a_second (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    srig_break (t, &t->workers[1]);
    srig_pass (t, 900);
    assert_int_equal (srig_stats (t).n_workers, 1);
    srig_pass (t, 400);
    assert_int_equal (srig_stats (t).n_workers, 0);
}

static void the_lag_of_its_own_loop_is_not_held_against_peers (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_worker (t, 1, 1);
    srig_worker (t, 2, 1);
    srig_break (t, &t->workers[2]);
    srig_jump (t, 100000);
    assert_int_equal (srig_stats (t).n_workers, 1); /* a turn counts for a second */
    assert_int_equal (srig_stats (t).n_sessions, 1);
    srig_pass (t, 4500);
    assert_int_equal (srig_stats (t).n_workers, 0);
}

static void a_long_sleep_gives_newcomers_no_credit (void **state)
{
    (void) state;
    t->now_ms += 3600000;
    srig_worker (t, 1, 1); /* its HELLO wakes the broker */
    srig_pass (t, 5300);
    assert_int_equal (srig_stats (t).n_workers, 0);
}

static void a_client_without_a_sign_of_life_for_its_lease_is_gone (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_worker (t, 1, 1);
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    srig_live (t, 59000);
    assert_int_equal (srig_stats (t).n_sessions, 1);
    srig_live (t, 2000);
    assert_int_equal (srig_stats (t).n_sessions, 0);
    assert_int_equal (srig_stats (t).n_queued + srig_stats (t).n_assigned, 0);
    srig_expect_runs (&t->workers[1].cancels, "1.1");
    assert_int_equal (t->workers[1].n_ends, 1);
}

/* ---- Those that never say what they have ------------------------------------------------------- */

static void refuses_a_worker_that_never_ends_its_runs (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_submit (t, 1, 1, 1);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1, .processes = 1 });
    srig_live (t, 59000);
    assert_int_equal (t->workers[1].n_kinds[WIRE_REFUSED] + t->workers[1].tasks.n, 0);
    srig_live (t, 1500);
    assert_int_equal (t->workers[1].refusal, WIRE_REFUSED_LIMIT);
    assert_non_null (strstr (t->workers[1].text, "RUNS was not complete"));
    assert_int_equal (t->workers[1].connection, 0);
    srig_live (t, 1500);
    assert_int_equal (srig_stats (t).n_workers, 0);
}

static void refuses_a_client_that_never_ends_its_claim (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_live (t, 59000);
    srig_claim (t, 1, 1, 5, false); /* saying more of it is no end */
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
    srig_live (t, 1500);
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_LIMIT);
    assert_non_null (strstr (t->clients[1].text, "CLAIM was not complete"));
    assert_int_equal (t->clients[1].connection, 0);
}

static void each_connection_has_its_own_minute_to_list (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1, .processes = 1 });
    srig_live (t, 40000);
    srig_client_hello (t, 1);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1, .processes = 1 });
    srig_live (t, 40000);
    srig_claim_none (t, 1);
    srig_runs_end (t, 1);
    srig_live (t, 120000);
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED] + t->workers[1].n_kinds[WIRE_REFUSED], 0);
}

static void a_late_loop_of_the_brokers_takes_nothing_from_the_minute (void **state)
{
    (void) state;
    srig_client_hello (t, 1);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1, .processes = 1 });
    srig_jump (t, 300000);
    srig_live (t, 50000);
    srig_claim_none (t, 1);
    srig_runs_end (t, 1);
    srig_live (t, 1000);
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED] + t->workers[1].n_kinds[WIRE_REFUSED], 0);
}

static void needs_no_turns_when_nobody_is_there (void **state)
{
    (void) state;
    srig_turn (t);
    assert_true (t->deadline_ms == DP_NEVER);
    srig_client (t, 1);
    srig_turn (t);
    assert_true (t->deadline_ms <= t->now_ms + 250);
}

static void shutdown_says_bye_to_everybody (void **state)
{
    (void) state;
    srig_client (t, 1);
    srig_client (t, 2);
    srig_worker (t, 1, 1);
    scheduler_shutdown (t->scheduler, t->now_ms);
    srig_turn (t);
    assert_int_equal (t->clients[1].n_kinds[WIRE_BYE], 1);
    assert_int_equal (t->clients[2].n_kinds[WIRE_BYE], 1);
    assert_int_equal (t->workers[1].n_kinds[WIRE_BYE], 1);
}

static void the_log_says_when_it_does_not_name_all_functions (void **state)
{
    (void) state;
    static char names[4][DP_NAME_MAX + 1];
    srig_hello_t hello = { .window = 1, .processes = 1 };
    srig_worker_as (t, 1, (srig_hello_t) { .window = 1, .processes = 1, .functions = { "one" } });
    assert_true (srig_has_event (t, "worker 'worker 1' (pid 20) joined: 1 process, function one\n"));
    for (int i = 0; i < 4; i++) {
        memset (names[i], 'a' + i, DP_NAME_MAX);
        hello.functions[i] = names[i];
    }
    srig_worker_as (t, 2, hello);
    assert_true (srig_has_event (t, " … (1 more)\n"));
}

static size_t count_events (void)
{
    size_t n = 0;
    const char *line;
    while (scheduler_next_event (t->scheduler, &line))
        n++;
    return n;
}

static void the_log_is_read_in_order_and_bounded (void **state)
{
    (void) state;
    for (int i = 0; i < 1500; i++)
        scheduler_malformed (t->scheduler, t->now_ms + i * 60000, srig_connection (t),
                             i == 0 ? "first" : "later");
    const char *line;
    assert_true (scheduler_next_event (t->scheduler, &line));
    assert_non_null (strstr (line, "first"));
    assert_int_equal (1 + count_events (), 1000);
}

static void those_that_are_refused_do_not_fill_the_log (void **state)
{
    (void) state;
    const char *line;
    for (int i = 0; i < 1500; i++)
        scheduler_malformed (t->scheduler, t->now_ms + 20 * i, srig_connection (t), "nonsense");
    assert_int_equal (count_events (), 10);
    scheduler_malformed (t->scheduler, t->now_ms + 60000, srig_connection (t), "nonsense");
    assert_true (scheduler_next_event (t->scheduler, &line));
    assert_string_equal (line, "1490 more peers were refused");
    assert_int_equal (count_events (), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (welcomes_a_client_with_what_it_needs_to_know),
        TEST (says_whether_it_still_knew_the_peer),
        TEST (an_id_of_a_key_is_not_that_of_another),
        TEST (refuses_what_another_key_is_known_by),
        TEST (answers_who_before_hello),
        TEST (does_not_answer_a_strangers_bye),
        TEST (the_highest_connection_owns_the_peer),
        TEST (ignores_a_hello_that_was_overtaken),
        TEST (ignores_a_hello_that_is_replayed_on_its_connection),
        TEST (refuses_versions_that_it_does_not_speak),
        TEST (refuses_what_the_role_may_not_say),
        TEST (refuses_malformed_messages_and_keeps_the_session),
        TEST (refuses_a_second_claim_on_a_connection),
        TEST (refuses_runs_that_go_on_after_their_end),
        TEST (answers_ping_and_bye),
        TEST (tells_clients_how_many_processes_there_are),
        TEST (asks_quiet_peers_for_a_sign_of_life),
        TEST (a_silent_worker_gets_nothing_new_until_it_speaks),
        TEST (a_worker_silent_for_five_seconds_is_lost),
        TEST (a_broken_worker_may_return_for_a_second),
        TEST (the_lag_of_its_own_loop_is_not_held_against_peers),
        TEST (a_long_sleep_gives_newcomers_no_credit),
        TEST (a_client_without_a_sign_of_life_for_its_lease_is_gone),
        TEST (refuses_a_worker_that_never_ends_its_runs),
        TEST (refuses_a_client_that_never_ends_its_claim),
        TEST (each_connection_has_its_own_minute_to_list),
        TEST (a_late_loop_of_the_brokers_takes_nothing_from_the_minute),
        TEST (needs_no_turns_when_nobody_is_there),
        TEST (shutdown_says_bye_to_everybody),
        TEST (the_log_says_when_it_does_not_name_all_functions),
        TEST (the_log_is_read_in_order_and_bounded),
        TEST (those_that_are_refused_do_not_fill_the_log),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
