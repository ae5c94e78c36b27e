/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_keys_test.c - what a key may submit, and its quotas: what is beyond is refused, and nothing else.
 */
#include "tests/unit/scheduler_rig.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

#define ALICE "alice---------------------------------aa"
#define BOB "bob-----------------------------------bb"
#define CAROL "carol------------------------------carol"

static srig_t *t;
static access_t *list;

/* The list that holds from now on. */
static void admit_list (const access_entry_t *entries, size_t n_entries)
{
    access_t *next = access_new ();
    assert_non_null (next);
    for (size_t i = 0; i < n_entries; i++)
        assert_int_equal (access_add (next, &entries[i]), 0);
    scheduler_admit (t->scheduler, t->now_ms, next);
    access_destroy (&list);
    list = next;
}

/* Alice's key, with the function that it may call (NULL = all) and its quota (NULL = none); Bob's, who may
   all; and Carol's, of workers, with the function that it may offer (NULL = all). */
static void admit_all (const char *function, const char *quota, const char *offered)
{
    access_entry_t entries[] = { { .key = ALICE, .name = "alice", .role = ACCESS_ADMIN },
                                 { .key = BOB, .name = "bob", .role = ACCESS_CLIENT },
                                 { .key = CAROL, .name = "carol", .role = ACCESS_WORKER } };
    char names[2][64] = { "", "" }; /* each an end behind the name, and one behind all names */
    if (quota != NULL)
        assert_ok (quota_read (&entries[0].quota, quota));
    if (function != NULL) {
        snprintf (names[0], sizeof names[0] - 1, "%s", function);
        entries[0].functions = names[0];
    }
    if (offered != NULL) {
        snprintf (names[1], sizeof names[1] - 1, "%s", offered);
        entries[2].functions = names[1];
    }
    admit_list (entries, 3);
}

static void admit_as (const char *function, const char *quota)
{
    admit_all (function, quota, NULL);
}

static void admit (const char *function)
{
    admit_as (function, NULL);
}

static void admit_quota (const char *quota)
{
    admit_as (NULL, quota);
}

static void client_of (const char *owner, int client)
{
    scheduler_set_owner (t->scheduler, owner);
    srig_client (t, client);
}

static void worker_of (const char *owner, int worker, uint64_t window)
{
    scheduler_set_owner (t->scheduler, owner);
    srig_worker (t, worker, window);
}

static account_t *account_of (int client)
{
    return scheduler_session (t->scheduler, t->clients[client].session)->peer.account;
}

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
    worker_of (CAROL, 1, 100);
    scheduler_set_owner (t->scheduler, ALICE);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    access_destroy (&list);
    return 0;
}

/* ---- Functions -------------------------------------------------------------------------------- */

static void refuses_a_function_that_the_key_may_not_call (void **state)
{
    (void) state;
    admit ("work");
    srig_client (t, 1);
    srig_submit (t, 1, 1, 2);
    srig_submit_as (t, 1, 3, 4, (srig_submit_t) { .function = "other" });
    srig_submit (t, 1, 5, 5);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 5");
    srig_expect_results (t, 1, "3 4");
    assert_int_equal (srig_status (t, 1, 3), OUTCOME_REFUSED);
    assert_contains (t->clients[1].text, "'alice' may not call 'other'");
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
}

static void obeys_the_list_that_holds_now (void **state)
{
    (void) state;
    admit (NULL);
    srig_client (t, 1);
    srig_submit (t, 1, 1, 1);
    admit ("other");
    srig_submit (t, 1, 2, 2);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1"); /* what was taken goes on */
    srig_expect_results (t, 1, "2");
    admit ("work");
    srig_submit (t, 1, 3, 3);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 3");
}

static void a_worker_whose_functions_change_is_asked_anew_what_it_offers (void **state)
{
    (void) state;
    admit_all (NULL, NULL, "work");
    srig_lose (t, 1);
    worker_of (CAROL, 2, 100);
    client_of (ALICE, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_expect_tasks (t, 2, "1");
    admit_all (NULL, "tasks=9", "work");
    srig_turn (t);
    assert_int_equal (t->workers[2].n_kinds[WIRE_WHO], 0); /* they are the same */
    admit_all ("other", NULL, "other");
    srig_turn (t);
    assert_int_equal (t->workers[2].n_kinds[WIRE_WHO], 1);
    assert_int_equal (t->clients[1].n_kinds[WIRE_WHO], 0); /* what it calls is judged each time */
    srig_bare (t, &t->workers[2], WIRE_PING);
    assert_int_equal (t->workers[2].n_kinds[WIRE_PONG], 0);
    worker_of (CAROL, 3, 100);
    srig_live (t, 1500); /* it does not come back: as after any other break */
    srig_expect_tasks (t, 3, "1");
}

static void says_it_again_until_it_is_acknowledged (void **state)
{
    (void) state;
    admit ("work");
    srig_client (t, 1);
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .function = "other" });
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    srig_forget (t);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 1, true);
    srig_turn (t);
    srig_expect_results (t, 1, "1");
    srig_ack (t, 1);
    assert_int_equal (srig_stats (t).n_finished, 0);
}

/* ---- Tasks and bytes -------------------------------------------------------------------------- */

static void refuses_tasks_above_the_quota_of_a_key (void **state)
{
    (void) state;
    admit_quota ("tasks=3");
    client_of (ALICE, 1);
    client_of (ALICE, 2);
    client_of (BOB, 3);
    srig_submit (t, 1, 1, 2);
    srig_submit (t, 2, 1, 3); /* another session of the same key */
    srig_submit (t, 3, 1, 9);
    srig_turn (t);
    srig_expect_results (t, 2, "2 3");
    assert_int_equal (srig_status (t, 2, 2), OUTCOME_QUOTA);
    assert_contains (t->clients[2].text, "the key of 'alice' has 3 tasks");
    assert_contains (t->clients[2].text, "tasks=3");
    assert_contains (t->clients[2].text, "max_unfinished_tasks");
    assert_int_equal (t->workers[1].tasks.n, 2 + 1 + 9);
    assert_true (srig_has_event (t, "a quota is used up: the key of 'alice'"));
    assert_int_equal (t->clients[2].n_kinds[WIRE_REFUSED], 0);
}

static void takes_tasks_again_when_some_have_finished (void **state)
{
    (void) state;
    admit_quota ("tasks=2");
    client_of (ALICE, 1);
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE);
    srig_submit (t, 1, 3, 4);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3");
    srig_expect_results (t, 1, "1 4");
    srig_cancel (t, 1, 3, 3);
    srig_result (t, 1, 1, 3, 1, OUTCOME_CANCELLED);
    srig_submit (t, 1, 5, 5);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3 5");
}

static void what_is_submitted_twice_is_counted_once (void **state)
{
    (void) state;
    admit_quota ("tasks=2");
    client_of (ALICE, 1);
    srig_submit (t, 1, 1, 2);
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    assert_int_equal (account_of (1)->n_tasks, 2);
    srig_expect_results (t, 1, "");
}

static void refuses_bytes_above_the_quota (void **state)
{
    (void) state;
    admit_quota ("bytes=4K");
    client_of (ALICE, 1);
    t->payload_len = 1024;
    srig_submit (t, 1, 1, 4);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3");
    assert_int_equal (srig_status (t, 1, 4), OUTCOME_QUOTA);
    assert_contains (t->clients[1].text, "bytes=4096");
    /* A result counts until it was taken. */
    srig_ack (t, 1);
    srig_sized (t, 1, 1, 1, 1, 2000);
    srig_submit (t, 1, 5, 5);
    srig_turn (t);
    assert_int_equal (srig_status (t, 1, 5), OUTCOME_QUOTA);
    srig_ack (t, 1);
    srig_submit (t, 1, 6, 6);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 3 6");
}

static void a_quota_that_is_changed_holds_at_once (void **state)
{
    (void) state;
    admit_quota ("tasks=1");
    client_of (ALICE, 1);
    srig_submit (t, 1, 1, 2);
    admit_quota ("tasks=3");
    srig_submit (t, 1, 3, 4);
    admit_quota ("tasks=1");
    srig_submit (t, 1, 5, 5);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 3 4"); /* what was taken stays */
    srig_expect_results (t, 1, "2 5");
}

static void tells_clients_what_they_may_have (void **state)
{
    (void) state;
    const scheduler_config_t config = { .epoch = 7, .memory_limit_bytes = 1 << 30 };
    srig_free (&t);
    t = srig_new_with (&config);
    admit_quota ("tasks=10 bytes=64K");
    client_of (ALICE, 1);
    client_of (BOB, 3);
    srig_turn (t);
    assert_int_equal (t->clients[1].most_tasks, 10);
    assert_int_equal (t->clients[1].room, (32 << 10));
    assert_int_equal (t->clients[3].most_tasks, 0);
    client_of (ALICE, 2);
    srig_turn (t);
    assert_int_equal (t->clients[1].most_tasks, 5);
    assert_int_equal (t->clients[1].room, (16 << 10));
    assert_int_equal (t->clients[2].most_tasks, 5);
    srig_break (t, &t->clients[1]);
    client_of (ALICE, 1); /* it forgot what it was told on the connection before */
    srig_turn (t);
    assert_int_equal (t->clients[1].most_tasks, 5);
    admit_quota ("tasks=2");
    srig_turn (t);
    assert_int_equal (t->clients[1].most_tasks, 1);
    assert_true (t->clients[1].room > (1 << 20));
}

/* Its refusals would fill the broker: it does not hear them. */
static void whoever_takes_no_refusals_is_refused (void **state)
{
    (void) state;
    const scheduler_config_t config = { .epoch = 7, .memory_limit_bytes = 16 << 20 };
    srig_free (&t);
    t = srig_new_with (&config);
    admit_quota ("tasks=1");
    client_of (ALICE, 1);
    for (uint64_t id = 1; id < 20000 && t->clients[1].n_kinds[WIRE_REFUSED] == 0; id += 100) {
        srig_submit (t, 1, id, id + 99);
        srig_turn (t);
    }
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_LIMIT);
    assert_contains (t->clients[1].text, "does not take the results");
    assert_true (account_of (1)->bytes < 16 << 20);
    t->clients[1].connection = 0;
    srig_client (t, 1); /* it has nothing, it says: then nothing is kept of it */
    assert_int_equal (account_of (1)->n_tasks, 0);
}

/* ---- Sessions, HELLOs, questions -------------------------------------------------------------- */

static void refuses_sessions_above_the_quota (void **state)
{
    (void) state;
    admit_quota ("sessions=1");
    client_of (ALICE, 1);
    client_of (BOB, 3);
    client_of (ALICE, 2);
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_LIMIT);
    assert_contains (t->clients[2].text, "sessions=1");
    assert_int_equal (t->clients[2].n_kinds[WIRE_WELCOME], 0);
    client_of (ALICE, 1); /* the same session once more */
    assert_true (t->clients[1].welcome.is_session_kept);
    srig_bare (t, &t->clients[1], WIRE_BYE);
    t->clients[1].connection = t->clients[2].connection = 0;
    client_of (ALICE, 2);
    assert_int_equal (t->clients[2].n_kinds[WIRE_WELCOME], 1);
}

static void refuses_hellos_that_come_too_often (void **state)
{
    (void) state;
    admit_quota ("hellos=2");
    client_of (ALICE, 1);
    srig_submit (t, 1, 1, 1);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 1, true);
    client_of (ALICE, 2);
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_LIMIT);
    assert_contains (t->clients[2].text, "hellos=2 a minute");
    client_of (BOB, 3);
    assert_int_equal (t->clients[3].n_kinds[WIRE_WELCOME], 1);
    t->clients[2].connection = 0;
    srig_live (t, 30000);
    client_of (ALICE, 2);
    assert_int_equal (t->clients[2].n_kinds[WIRE_WELCOME], 1);
    assert_int_equal (account_of (1)->n_tasks, 1); /* its task has not suffered */
}

static void answers_no_more_questions_than_the_quota_says (void **state)
{
    (void) state;
    admit_quota ("queries=1");
    client_of (ALICE, 1);
    srig_query (t, 1, WIRE_QUERY_STATUS, 0);
    assert_contains (t->clients[1].text, "{\"name\":\"alice\",\"role\":\"admin\"");
    srig_query (t, 1, WIRE_QUERY_STATUS, 0);
    assert_int_equal (t->clients[1].answer.reason, WIRE_REASON_QUOTA);
    assert_contains (t->clients[1].text, "queries=1 a minute");
    srig_query (t, 1, WIRE_QUERY_EXPLAIN, 1); /* of its own tasks it may ask */
    assert_int_equal (t->clients[1].answer.reason, DPOOL_REASON_FINISHED);
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
}

static void tells_who_offers_a_function_and_whether_it_may_be_called (void **state)
{
    (void) state;
    const srig_peer_t *client = &t->clients[1];
    admit (NULL);
    client_of (ALICE, 1);
    srig_ask_function (t, 1, "work");
    assert_int_equal (client->answer.reason, DPOOL_REASON_QUEUED);
    assert_int_equal (client->answer.ahead, 1);
    srig_ask_function (t, 1, "wrok");
    assert_int_equal (client->answer.reason, DPOOL_REASON_NO_FUNCTION);
    assert_contains (client->text, "did you mean 'work'?");
    admit ("other");
    srig_ask_function (t, 1, "work");
    assert_int_equal (client->answer.reason, WIRE_REASON_FORBIDDEN);
    assert_contains (client->text, "may not call 'work'");
    admit (NULL);
    srig_lose (t, 1);
    srig_ask_function (t, 1, "work");
    assert_int_equal (client->answer.reason, DPOOL_REASON_NO_WORKER);
}

/* ---- Accounts --------------------------------------------------------------------------------- */

static void without_keys_each_session_has_a_quota_of_its_own (void **state)
{
    (void) state;
    scheduler_config_t config = { .epoch = 7 };
    assert_ok (quota_read (&config.quota, "tasks=1 hellos=2"));
    srig_free (&t);
    t = srig_new_with (&config);
    srig_client (t, 1);
    srig_client (t, 2);
    srig_submit (t, 1, 1, 2);
    srig_submit (t, 2, 1, 2);
    srig_turn (t);
    srig_expect_results (t, 1, "2");
    srig_expect_results (t, 2, "2");
    assert_contains (t->clients[1].text, "this peer has 1 tasks");
    assert_contains (t->clients[1].text, "--quota");
    srig_client (t, 1);
    srig_client (t, 1);
    srig_client (t, 1);
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_LIMIT);
}

static void a_key_that_is_taken_off_leaves_no_account (void **state)
{
    (void) state;
    admit (NULL);
    client_of (ALICE, 1);
    srig_submit (t, 1, 1, 3);
    srig_bare (t, &t->clients[1], WIRE_BYE);
    t->clients[1].connection = 0;
    assert_int_equal (t->scheduler->accounts.count, 2); /* Carol's, and it knows how often alice came */
    admit_list (NULL, 0);
    assert_int_equal (t->scheduler->accounts.count, 0);
    srig_turn (t);
}

/* ---- Whose an id is --------------------------------------------------------------------------- */

/* A broker that knows Alice, Bob and Carol, and the secret of its cluster. */
static void begin_anew (uint64_t secret)
{
    const scheduler_config_t config = { .epoch = 8, .cluster_secret = { secret, 0 } };
    srig_free (&t);
    t = srig_new_with (&config);
    admit (NULL);
}

/* Functions can see what workers are told, and its id is all that a client needs to come back. */
static void workers_are_not_told_the_id_of_a_session (void **state)
{
    (void) state;
    uint64_t told[3];
    for (uint64_t i = 0; i < 3; i++) {
        begin_anew (i < 2 ? 1 : 2);
        worker_of (CAROL, 1, 100);
        client_of (ALICE, 1);
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
    worker_of (CAROL, 1, 100);
    client_of (ALICE, 1);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    t->clients[2].id = t->clients[1].id;
    client_of (BOB, 2);
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
    client_of (ALICE, 1);
    assert_true (t->clients[1].welcome.is_session_kept);
}

/* Alice's broker has died, and Bob is at the next one before her: with her id, or with what her worker was
   told. What runs waits for her all the same. */
static void nobody_gets_the_runs_of_another_at_the_next_broker (void **state)
{
    (void) state;
    begin_anew (1);
    client_of (ALICE, 1);
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
    client_of (ALICE, 1);
    uint64_t prepared = t->clients[1].session;
    t->clients[1].initializer = NULL;
    client_of (ALICE, 1);
    assert_false (t->clients[1].welcome.is_session_kept);
    assert_int_not_equal (t->clients[1].session, prepared);
}

/* ---- Who may not be here any more -------------------------------------------------------------- */

static const access_entry_t alices = { .key = ALICE, .name = "alice", .role = ACCESS_CLIENT };
static const access_entry_t bobs = { .key = BOB, .name = "bob", .role = ACCESS_WORKER };
static const access_entry_t carols = { .key = CAROL, .name = "carol", .role = ACCESS_WORKER };

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
        admit_list (first, 3);
        client_of (ALICE, 1);
        if (promises)
            promise (&t->workers[1]);
        srig_submit (t, 1, 1, 2);
        srig_turn (t);
        srig_expect_tasks (t, 1, "1 2");
        worker_of (BOB, 2, 100);
        admit_list (next, 2);
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
        admit_list (first, 2);
        worker_of (CAROL, 1, 1);
        client_of (ALICE, 1);
        if (promises)
            promise (&t->clients[1]);
        srig_submit (t, 1, 1, 3);
        srig_turn (t);
        srig_expect_tasks (t, 1, "1");
        admit_list (&carols, 1);
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
    admit_list (first, 2);
    worker_of (CAROL, 1, 1);
    client_of (ALICE, 1);
    srig_submit (t, 1, 1, 3);
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    admit_list (&carols, 1);
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
    admit_list (entries, 3);
    t->clients[1].initializer = t->clients[2].initializer = "prepare";
    client_of (ALICE, 1);
    client_of (BOB, 2);
    client_of (BOB, 3);
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    entries[0].functions = entries[1].functions = "work\0prepare\0";
    admit_list (entries, 3);
    srig_turn (t);
    assert_int_equal (t->clients[2].n_kinds[WIRE_REFUSED] + t->clients[2].n_kinds[WIRE_WHO], 0);
    assert_int_equal (srig_stats (t).n_sessions, 3);
    entries[0].functions = entries[1].functions = "work\0";
    admit_list (entries, 3);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_sessions, 1); /* that has none */
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_ROLE);
    assert_contains (t->clients[2].text, "may not call 'prepare'");
    srig_expect_runs (&t->workers[1].cancels, "1.1");
    assert_int_equal (t->workers[1].n_ends, 1);
    t->clients[1].initializer = NULL;
    client_of (ALICE, 1);
    assert_false (t->clients[1].welcome.is_session_kept);
}

static void a_key_that_gets_another_role_is_held_to_it_at_once (void **state)
{
    (void) state;
    access_entry_t entries[] = { alices, bobs, carols };
    entries[1].role = ACCESS_CLIENT;
    admit_list (entries, 3);
    client_of (ALICE, 1);
    client_of (BOB, 2);
    srig_submit (t, 1, 1, 1);
    entries[0].role = entries[1].role = ACCESS_MONITOR;
    admit_list (entries, 3);
    srig_turn (t);
    assert_int_equal (t->clients[1].refusal, WIRE_REFUSED_ROLE); /* it has something done */
    assert_contains (t->clients[1].text, "the role monitor");
    srig_expect_tasks (t, 1, "");
    assert_int_equal (t->clients[2].n_kinds[WIRE_REFUSED], 0); /* it only looks */
    entries[1].role = ACCESS_WORKER;
    entries[2].role = ACCESS_CLIENT;
    admit_list (entries, 3);
    srig_turn (t);
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_ROLE);
    assert_int_equal (t->workers[1].refusal, WIRE_REFUSED_ROLE);
    assert_int_equal (srig_stats (t).n_sessions + srig_stats (t).n_workers, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    static const struct CMUnitTest tests[] = {
        CASE (refuses_a_function_that_the_key_may_not_call),
        CASE (obeys_the_list_that_holds_now),
        CASE (a_worker_whose_functions_change_is_asked_anew_what_it_offers),
        CASE (says_it_again_until_it_is_acknowledged),
        CASE (refuses_tasks_above_the_quota_of_a_key),
        CASE (takes_tasks_again_when_some_have_finished),
        CASE (what_is_submitted_twice_is_counted_once),
        CASE (refuses_bytes_above_the_quota),
        CASE (a_quota_that_is_changed_holds_at_once),
        CASE (tells_clients_what_they_may_have),
        CASE (whoever_takes_no_refusals_is_refused),
        CASE (refuses_sessions_above_the_quota),
        CASE (refuses_hellos_that_come_too_often),
        CASE (answers_no_more_questions_than_the_quota_says),
        CASE (tells_who_offers_a_function_and_whether_it_may_be_called),
        CASE (without_keys_each_session_has_a_quota_of_its_own),
        CASE (a_key_that_is_taken_off_leaves_no_account),
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
