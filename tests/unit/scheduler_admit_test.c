/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_admit_test.c - whose an id is, where there are keys; and who is here and may not be any more. */
#include "tests/unit/scheduler_rig.h"

#include "tests/support/check.h"

#define ALICE "alice---------------------------------aa"
#define BOB "bob-----------------------------------bb"
#define CAROL "carol------------------------------carol"

static srig_t *t;
static const access_entry_t alices = { .key = ALICE, .name = "alice", .role = ACCESS_CLIENT };
static const access_entry_t bobs = { .key = BOB, .name = "bob", .role = ACCESS_WORKER };
static const access_entry_t carols = { .key = CAROL, .name = "carol", .role = ACCESS_WORKER };

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
    srig_worker_of (t, CAROL, 1, 100);
    scheduler_set_owner (t->scheduler, ALICE);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

/* ---- Whose an id is --------------------------------------------------------------------------- */

/* A broker that knows Alice, Bob and Carol, and the secret of its cluster. */
static void begin_anew (uint64_t secret)
{
    const scheduler_config_t config = { .epoch = 8, .cluster_secret = { secret, 0 } };
    const access_entry_t entries[] = { alices, bobs, carols };
    srig_free (&t);
    t = srig_new_with (&config);
    srig_admit (t, entries, 3);
}

/* Functions can see what workers are told, and its id is all that a client needs to come back. */
static void workers_are_not_told_the_id_of_a_session (void **state)
{
    (void) state;
    uint64_t told[3];
    for (uint64_t i = 0; i < 3; i++) {
        begin_anew (i < 2 ? 1 : 2);
        srig_worker_of (t, CAROL, 1, 100);
        srig_client_of (t, ALICE, 1);
        srig_submit (t, 1, 1, 1);
        srig_turn (t);
        assert_int_equal (t->workers[1].n_sessions, 1);
        told[i] = t->workers[1].sessions[0];
        assert_int_not_equal (told[i], t->clients[1].id);
        assert_int_equal (t->workers[1].tasks.rows[0].session, told[i]);
    }
    assert_int_equal (told[0], told[1]);     /* at the next broker of the cluster, */
    assert_int_not_equal (told[0], told[2]); /* and nobody else knows */
}

static void the_same_id_is_another_session_of_another_key (void **state)
{
    (void) state;
    begin_anew (1);
    srig_worker_of (t, CAROL, 1, 100);
    srig_client_of (t, ALICE, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    t->clients[2].id = t->clients[1].id;
    srig_client_of (t, BOB, 2);
    assert_int_equal (t->clients[2].n_kinds[WIRE_REFUSED], 0);
    assert_false (t->clients[2].welcome.is_session_kept);
    srig_submit (t, 2, 1, 1);
    srig_cancel (t, 2, 1, 1);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_sessions, 2);
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_results (t, 1, "1");
    assert_int_equal (t->clients[2].n_kinds[WIRE_RESULTS], 1);
    assert_int_equal (srig_status (t, 2, 1), OUTCOME_CANCELLED);
    srig_client_of (t, ALICE, 1);
    assert_true (t->clients[1].welcome.is_session_kept);
}

/* Alice's broker has died, and Bob is at the next one before her: with her id, or with what her worker was
   told. What runs waits for her all the same. */
static void nobody_gets_the_runs_of_another_at_the_next_broker (void **state)
{
    (void) state;
    begin_anew (1);
    srig_client_of (t, ALICE, 1);
    uint64_t ids[] = { t->clients[1].id, t->clients[1].session };
    for (int i = 0; i < 2; i++) {
        begin_anew (1);
        t->clients[1].session = ids[1];
        scheduler_set_owner (t->scheduler, CAROL);
        srig_worker_hello (t, 1, (srig_hello_t) { .window = 100 });
        srig_run (t, 1, 1, 7, 1, WIRE_RUN_RUNNING);
        srig_runs_end (t, 1);
        t->clients[2].id = ids[i];
        scheduler_set_owner (t->scheduler, BOB);
        srig_client_hello (t, 2);
        srig_claim (t, 2, 1, 9, true);
        srig_turn (t);
        srig_expect_runs (&t->workers[1].adopts, "");
        srig_expect_runs (&t->workers[1].cancels, "");
        scheduler_set_owner (t->scheduler, ALICE);
        srig_client_hello (t, 1);
        assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
        srig_claim (t, 1, 7, 7, true);
        srig_turn (t);
        srig_expect_runs (&t->workers[1].adopts, "7.1");
        srig_result (t, 1, 1, 7, 1, OUTCOME_VALUE);
        srig_turn (t);
        srig_expect_results (t, 1, "7");
        srig_expect_results (t, 2, "");
    }
}

/* Children that were prepared with another one are not the session's. */
static void another_initializer_is_of_another_session (void **state)
{
    (void) state;
    begin_anew (1);
    t->clients[1].initializer = "prepare";
    srig_client_of (t, ALICE, 1);
    uint64_t prepared = t->clients[1].session;
    t->clients[1].initializer = NULL;
    srig_client_of (t, ALICE, 1);
    assert_false (t->clients[1].welcome.is_session_kept);
    assert_int_not_equal (t->clients[1].session, prepared);
}

/* ---- Who may not be here any more -------------------------------------------------------------- */

/* A large message, which never comes: its silence is borne for 17 minutes. */
static void promise (srig_peer_t *peer)
{
    wire_put_number (&t->out, 0, WIRE_LARGE, 0, 64 << 20);
    srig_send (t, peer->connection);
}

/* It says no word, of which each was judged anyway. */
static void a_silent_worker_whose_key_is_taken_off_is_refused_at_once (void **state)
{
    (void) state;
    for (int promises = 0; promises < 2; promises++) {
        const access_entry_t first[] = { alices, bobs, carols }, next[] = { alices, bobs };
        srig_admit (t, first, 3);
        srig_client_of (t, ALICE, 1);
        if (promises)
            promise (&t->workers[1]);
        srig_submit (t, 1, 1, 2);
        srig_turn (t);
        srig_expect_tasks (t, 1, "1 2");
        srig_worker_of (t, BOB, 2, 100);
        srig_admit (t, next, 2);
        srig_submit (t, 1, 3, 3);
        srig_turn (t);
        assert_int_equal (t->workers[1].refusal, WIRE_REFUSED_KEY);
        assert_contains (t->workers[1].text, "does not know the key");
        assert_int_equal (t->workers[1].connection, 0);
        srig_expect_tasks (t, 1, "1 2");
        srig_expect_tasks (t, 2, "1 2 3");
        assert_true (srig_has_event (t, "is not let in any more"));
        srig_work (t);
        assert_int_equal (srig_stats (t).n_workers, 1);
        teardown (state);
        setup (state);
    }
}

static void a_silent_client_whose_key_is_taken_off_is_refused_at_once (void **state)
{
    (void) state;
    for (int promises = 0; promises < 2; promises++) {
        const access_entry_t first[] = { alices, carols };
        srig_admit (t, first, 2);
        srig_worker_of (t, CAROL, 1, 1);
        srig_client_of (t, ALICE, 1);
        if (promises)
            promise (&t->clients[1]);
        srig_submit (t, 1, 1, 3);
        srig_turn (t);
        srig_expect_tasks (t, 1, "1");
        srig_admit (t, &carols, 1);
        srig_turn (t);
        assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_KEY);
        assert_int_equal (t->clients[1].connection, 0);
        assert_int_equal (srig_stats (t).n_sessions, 0);
        assert_int_equal (srig_stats (t).n_queued, 0);
        srig_expect_runs (&t->workers[1].cancels, "1.1"); /* what runs is stopped, */
        assert_int_equal (t->workers[1].n_ends, 1);
        srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE); /* and what comes of it all the same is nobody's */
        srig_turn (t);
        srig_expect_tasks (t, 1, "1");
        srig_expect_results (t, 1, "");
        teardown (state);
        setup (state);
    }
}

static void a_client_that_is_away_has_no_session_when_its_key_is_taken_off (void **state)
{
    (void) state;
    const access_entry_t first[] = { alices, carols };
    srig_admit (t, first, 2);
    srig_worker_of (t, CAROL, 1, 1);
    srig_client_of (t, ALICE, 1);
    srig_submit (t, 1, 1, 3);
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    srig_admit (t, &carols, 1);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_sessions, 0);
    srig_expect_runs (&t->workers[1].cancels, "1.1");
    srig_result (t, 1, 1, 1, 1, OUTCOME_KILLED);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1");
}

/* It would be called in each new child of the session, whatever the next HELLO says. */
static void a_session_ends_whose_initializer_its_key_may_not_call_any_more (void **state)
{
    (void) state;
    access_entry_t entries[] = { alices, bobs, carols };
    entries[0].functions = entries[1].functions = "work\0prepare\0other\0";
    entries[1].role = ACCESS_CLIENT;
    srig_admit (t, entries, 3);
    t->clients[1].initializer = t->clients[2].initializer = "prepare";
    srig_client_of (t, ALICE, 1);
    srig_client_of (t, BOB, 2);
    srig_client_of (t, BOB, 3);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    entries[0].functions = entries[1].functions = "work\0prepare\0";
    srig_admit (t, entries, 3);
    srig_turn (t);
    assert_int_equal (t->clients[2].n_kinds[WIRE_REFUSED] + t->clients[2].n_kinds[WIRE_WHO], 0);
    assert_int_equal (srig_stats (t).n_sessions, 3);
    entries[0].functions = entries[1].functions = "work\0";
    srig_admit (t, entries, 3);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_sessions, 1); /* that has none */
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_ROLE);
    assert_contains (t->clients[2].text, "may not call 'prepare'");
    srig_expect_runs (&t->workers[1].cancels, "1.1");
    assert_int_equal (t->workers[1].n_ends, 1);
    t->clients[1].initializer = NULL;
    srig_client_of (t, ALICE, 1);
    assert_false (t->clients[1].welcome.is_session_kept);
}

static void a_key_that_gets_another_role_is_held_to_it_at_once (void **state)
{
    (void) state;
    access_entry_t entries[] = { alices, bobs, carols };
    entries[1].role = ACCESS_CLIENT;
    srig_admit (t, entries, 3);
    srig_client_of (t, ALICE, 1);
    srig_client_of (t, BOB, 2);
    srig_submit (t, 1, 1, 1);
    entries[0].role = entries[1].role = ACCESS_MONITOR;
    srig_admit (t, entries, 3);
    srig_turn (t);
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_ROLE); /* it has something done */
    assert_contains (t->clients[1].text, "the role monitor");
    srig_expect_tasks (t, 1, "");
    assert_int_equal (t->clients[2].n_kinds[WIRE_REFUSED], 0); /* it only looks */
    entries[1].role = ACCESS_WORKER;
    entries[2].role = ACCESS_CLIENT;
    srig_admit (t, entries, 3);
    srig_turn (t);
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_ROLE);
    assert_int_equal (t->workers[1].refusal, WIRE_REFUSED_ROLE);
    assert_int_equal (srig_stats (t).n_sessions + srig_stats (t).n_workers, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    static const struct CMUnitTest tests[] = {
        CASE (workers_are_not_told_the_id_of_a_session),
        CASE (the_same_id_is_another_session_of_another_key),
        CASE (nobody_gets_the_runs_of_another_at_the_next_broker),
        CASE (another_initializer_is_of_another_session),
        CASE (a_silent_worker_whose_key_is_taken_off_is_refused_at_once),
        CASE (a_silent_client_whose_key_is_taken_off_is_refused_at_once),
        CASE (a_client_that_is_away_has_no_session_when_its_key_is_taken_off),
        CASE (a_session_ends_whose_initializer_its_key_may_not_call_any_more),
        CASE (a_key_that_gets_another_role_is_held_to_it_at_once),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
