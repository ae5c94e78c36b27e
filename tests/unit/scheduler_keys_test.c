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
    srig_admit (t, entries, 3);
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

static account_t *account_of (int client)
{
    return scheduler_session (t->scheduler, t->clients[client].session)->peer.account;
}

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
    srig_worker_of (t, CAROL, 2, 100);
    srig_client_of (t, ALICE, 1);
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
    srig_worker_of (t, CAROL, 3, 100);
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
    srig_client_of (t, ALICE, 1);
    srig_client_of (t, ALICE, 2);
    srig_client_of (t, BOB, 3);
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
    srig_client_of (t, ALICE, 1);
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
    srig_client_of (t, ALICE, 1);
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
    srig_client_of (t, ALICE, 1);
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
    srig_client_of (t, ALICE, 1);
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
    srig_client_of (t, ALICE, 1);
    srig_client_of (t, BOB, 3);
    srig_turn (t);
    assert_int_equal (t->clients[1].most_tasks, 10);
    assert_int_equal (t->clients[1].room, (32 << 10));
    assert_int_equal (t->clients[3].most_tasks, 0);
    srig_client_of (t, ALICE, 2);
    srig_turn (t);
    assert_int_equal (t->clients[1].most_tasks, 5);
    assert_int_equal (t->clients[1].room, (16 << 10));
    assert_int_equal (t->clients[2].most_tasks, 5);
    srig_break (t, &t->clients[1]);
    srig_client_of (t, ALICE, 1); /* it forgot what it was told on the connection before */
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
    srig_client_of (t, ALICE, 1);
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
    srig_client_of (t, ALICE, 1);
    srig_client_of (t, BOB, 3);
    srig_client_of (t, ALICE, 2);
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_LIMIT);
    assert_contains (t->clients[2].text, "sessions=1");
    assert_int_equal (t->clients[2].n_kinds[WIRE_WELCOME], 0);
    srig_client_of (t, ALICE, 1); /* the same session once more */
    assert_true (t->clients[1].welcome.is_session_kept);
    srig_bare (t, &t->clients[1], WIRE_BYE);
    t->clients[1].connection = t->clients[2].connection = 0;
    srig_client_of (t, ALICE, 2);
    assert_int_equal (t->clients[2].n_kinds[WIRE_WELCOME], 1);
}

static void refuses_workers_above_the_quota (void **state)
{
    (void) state;
    access_entry_t entries[] = { { .key = CAROL, .name = "carol", .role = ACCESS_WORKER } };
    assert_ok (quota_read (&entries[0].quota, "workers=1 sessions=9"));
    srig_lose (t, 1);
    srig_admit (t, entries, 1);
    srig_worker_of (t, CAROL, 2, 1);
    srig_worker_of (t, CAROL, 3, 1);
    assert_int_equal (t->workers[3].refusal, WIRE_REFUSED_LIMIT);
    assert_contains (t->workers[3].text, "workers=1");
    t->workers[3].connection = 0;
    srig_worker_of (t, CAROL, 2, 1); /* the same once more */
    assert_true (t->workers[2].welcome.is_session_kept);
    srig_bare (t, &t->workers[2], WIRE_BYE);
    t->workers[2].connection = 0;
    srig_worker_of (t, CAROL, 3, 1);
    assert_int_equal (t->workers[3].n_kinds[WIRE_WELCOME], 1);
}

static void open_with_args (int client, size_t len)
{
    static const uint8_t args[WIRE_MAX_ARGS + 1];
    t->clients[client].initializer = "init";
    t->clients[client].args = (wire_bytes_t) { args, len, 0 };
    srig_client_of (t, ALICE, client);
}

static void arguments_of_initializers_count_for_the_quota (void **state)
{
    (void) state;
    admit_quota ("bytes=256K");
    open_with_args (1, 150 << 10);
    assert_int_equal (account_of (1)->bytes, 150 << 10);
    open_with_args (2, 150 << 10);
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_LIMIT);
    assert_contains (t->clients[2].text, "bytes=262144");
    srig_client_of (t, ALICE, 1); /* a second connection brings nothing more */
    assert_int_equal (account_of (1)->bytes, 150 << 10);
    t->clients[2].connection = 0;
    open_with_args (2, 100 << 10);
    account_t *account = account_of (2);
    assert_int_equal (account->kept_bytes, 250 << 10);
    srig_bare (t, &t->clients[1], WIRE_BYE);
    t->clients[1].connection = 0;
    assert_int_equal (account->bytes, 100 << 10);
}

static void clients_are_told_what_is_left_beside_their_arguments (void **state)
{
    (void) state;
    const scheduler_config_t config = { .epoch = 7, .memory_limit_bytes = 64 << 20 };
    srig_free (&t);
    t = srig_new_with (&config);
    admit_quota ("bytes=512K");
    open_with_args (1, 300 << 10);
    srig_turn (t);
    assert_int_equal (t->clients[1].welcome.room, 106 << 10);
}

static void refuses_arguments_that_are_too_long_for_any_session (void **state)
{
    (void) state;
    admit_quota ("bytes=none");
    open_with_args (1, WIRE_MAX_ARGS);
    assert_int_equal (t->clients[1].n_kinds[WIRE_WELCOME], 1);
    open_with_args (2, WIRE_MAX_ARGS + 1);
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_LIMIT);
    assert_contains (t->clients[2].text, "1048577 bytes");
    t->clients[2].connection = 0;
    t->clients[2].is_watcher = true; /* nothing of it is kept */
    open_with_args (2, WIRE_MAX_ARGS + 1);
    assert_int_equal (account_of (2)->bytes, WIRE_MAX_ARGS);
}

static void refuses_hellos_that_come_too_often (void **state)
{
    (void) state;
    admit_quota ("hellos=2");
    srig_client_of (t, ALICE, 1);
    srig_submit (t, 1, 1, 1);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 1, true);
    srig_client_of (t, ALICE, 2);
    assert_int_equal (t->clients[2].refusal, WIRE_REFUSED_LIMIT);
    assert_contains (t->clients[2].text, "hellos=2 a minute");
    srig_client_of (t, BOB, 3);
    assert_int_equal (t->clients[3].n_kinds[WIRE_WELCOME], 1);
    t->clients[2].connection = 0;
    srig_live (t, 30000);
    srig_client_of (t, ALICE, 2);
    assert_int_equal (t->clients[2].n_kinds[WIRE_WELCOME], 1);
    assert_int_equal (account_of (1)->n_tasks, 1); /* its task has not suffered */
}

static void answers_no_more_questions_than_the_quota_says (void **state)
{
    (void) state;
    admit_quota ("queries=1");
    srig_client_of (t, ALICE, 1);
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
    srig_client_of (t, ALICE, 1);
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
    srig_client_of (t, ALICE, 1);
    srig_submit (t, 1, 1, 3);
    srig_bare (t, &t->clients[1], WIRE_BYE);
    t->clients[1].connection = 0;
    assert_int_equal (t->scheduler->accounts.count, 2); /* Carol's, and it knows how often alice came */
    srig_admit (t, NULL, 0);
    assert_int_equal (t->scheduler->accounts.count, 0);
    srig_turn (t);
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
        CASE (refuses_workers_above_the_quota),
        CASE (arguments_of_initializers_count_for_the_quota),
        CASE (clients_are_told_what_is_left_beside_their_arguments),
        CASE (refuses_arguments_that_are_too_long_for_any_session),
        CASE (refuses_hellos_that_come_too_often),
        CASE (answers_no_more_questions_than_the_quota_says),
        CASE (tells_who_offers_a_function_and_whether_it_may_be_called),
        CASE (without_keys_each_session_has_a_quota_of_its_own),
        CASE (a_key_that_is_taken_off_leaves_no_account),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
