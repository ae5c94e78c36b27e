/* SPDX-License-Identifier: MPL-2.0 */
/* seeds_machines.c - conversations with a scheduler, a crew and a session. */
#include "tests/fuzz/seeds.h"

#include "tests/support/wire_samples.h"

enum { CLIENT = 1, WORKER = 2, SESSION_ID = 77, WORKER_ID = 78, TURN_MS = 5 /* fuzz_ms: 16 ms */ };

static dp_outbox_t out;
static wire_batch_t batch;

/* ---- Words --------------------------------------------------------------------------------------- */

static void put_hello (wire_role_t role, uint64_t connection)
{
    static const char *const functions[] = { "square" }, *const labels[] = { "gpu" };
    wire_hello_t hello = { .version_min = 1, .version_max = 1, .role = role, .connection = connection };
    hello.id = role == WIRE_ROLE_CLIENT ? SESSION_ID : WORKER_ID;
    hello.name = hello.host = WIRE_TEXT ("n");
    if (role == WIRE_ROLE_WORKER) {
        hello.processes = 2;
        hello.window_tasks = 4;
        hello.window_bytes = 1 << 16;
        hello.n_functions = hello.n_labels = 1;
    }
    wire_put_hello (&out, 0, &hello, functions, labels);
}

static void put_welcome (bool is_session_kept)
{
    wire_welcome_t welcome
        = { 1, UINT64_C (0xfedcba98), is_session_kept, 1 << 20, 1000, 8, WIRE_TEXT ("broker"), 1 << 20, 0 };
    wire_put_welcome (&out, 0, &welcome);
}

static void put_tasks (wire_kind_t kind, uint64_t first, uint64_t last, uint64_t n_items)
{
    wire_group_t group = { .function = WIRE_TEXT ("square") };
    group.session = kind == WIRE_TASKS ? SESSION_ID : 0;
    group.is_loose = n_items > 1;
    for (uint64_t id = first; id <= last; id++) {
        wire_task_t task
            = { id, kind == WIRE_TASKS, 1, 0, n_items, { (const uint8_t *) "\x07\x08\x09", 3, 0 } };
        task.payload.len = (size_t) n_items;
        wire_add_task (&batch, &out, 0, kind, &group, &task, NULL);
    }
    wire_flush (&batch, &out, 0, 0, 0);
}

static void put_result (uint64_t session, uint64_t id, outcome_status_t status, uint64_t first, uint64_t n)
{
    wire_result_t result
        = { session, id, 1, status, true, first, n, 100, { (const uint8_t *) "\0\x07\0\x08\0\x09", 0, 0 } };
    result.payload.len = (size_t) (2 * n);
    wire_add_result (&batch, &out, 0, &result, NULL);
    wire_flush (&batch, &out, 0, 0, 0);
}

static void put_range (wire_kind_t kind, uint64_t first, uint64_t last)
{
    wire_range_t range = { first, last, false };
    wire_add_range (&batch, &out, 0, kind, &range);
    if (kind == WIRE_CLAIM)
        wire_end_list (&batch, &out, 0, kind, 0);
    else
        wire_flush (&batch, &out, 0, 0, 0);
}

static void put_run (wire_kind_t kind, uint64_t session, uint64_t id)
{
    wire_run_t run = { session, id, 1, WIRE_RUN_RUNNING, 0, 1, 2, 50, WIRE_TEXT ("w") };
    wire_add_run (&batch, &out, 0, kind, &run);
    if (kind == WIRE_RUNS)
        wire_end_list (&batch, &out, 0, kind, 0);
    else
        wire_flush (&batch, &out, 0, 0, 0);
}

static void put_query (wire_question_t question)
{
    wire_query_t query = { .query = 9, .question = question, .id = 3 };
    wire_put_query (&out, 0, 0, &query);
}

static void say (FILE *file, unsigned who)
{
    seed_say (file, who, &out);
}

static void turn (FILE *file)
{
    seed_step (file, FUZZ_TIME, TURN_MS);
}

/* ---- Conversations ------------------------------------------------------------------------------- */

static void meet (FILE *file)
{
    put_hello (WIRE_ROLE_CLIENT, 1);
    wire_end_list (&batch, &out, 0, WIRE_CLAIM, 0);
    say (file, CLIENT);
    put_hello (WIRE_ROLE_WORKER, 1);
    wire_end_list (&batch, &out, 0, WIRE_RUNS, 0);
    say (file, WORKER);
    put_tasks (WIRE_SUBMIT, 1, 6, 1);
    say (file, CLIENT);
    turn (file);
}

static void seed_scheduler (const char *name, char choice, bool is_broken)
{
    FILE *file = seed_open ("scheduler", name);
    fputc (choice, file);
    seed_step (file, FUZZ_TIME, 13); /* the grace is over */
    meet (file);
    put_result (SESSION_ID, 1, OUTCOME_VALUE, 0, 1);
    put_run (WIRE_PROGRESS, SESSION_ID, 2);
    put_run (WIRE_RELEASE, SESSION_ID, 3);
    say (file, WORKER);
    put_range (WIRE_CANCEL, 2, 2);
    put_range (WIRE_REVOKE, 4, 5);
    put_query (WIRE_QUERY_EXPLAIN);
    put_query (WIRE_QUERY_STATUS);
    say (file, CLIENT);
    turn (file);
    wire_put_bare (&out, 0, WIRE_ACK, 1);
    say (file, CLIENT);
    if (is_broken) {
        seed_step (file, FUZZ_BREAK, WORKER);
        seed_step (file, FUZZ_BREAK, CLIENT);
        turn (file);
        put_hello (WIRE_ROLE_WORKER, 2);
        put_run (WIRE_RUNS, SESSION_ID, 2);
        say (file, WORKER);
        put_hello (WIRE_ROLE_CLIENT, 2);
        put_range (WIRE_CLAIM, 2, 7);
        say (file, CLIENT);
        turn (file);
    }
    wire_put_bare (&out, 0, WIRE_BYE, 0);
    say (file, is_broken ? WORKER : CLIENT);
    seed_step (file, FUZZ_TIME, 16);
    seed_step (file, FUZZ_TIME, 18);
    seed_close (&file);
}

/* A worker lists a run and is gone; then its client comes and claims it. */
static void seed_away (void)
{
    FILE *file = seed_open ("scheduler", "away");
    fputc (0, file);
    put_hello (WIRE_ROLE_WORKER, 1);
    put_run (WIRE_RUNS, SESSION_ID, 2);
    say (file, WORKER);
    turn (file);
    seed_step (file, FUZZ_BREAK, WORKER);
    put_hello (WIRE_ROLE_CLIENT, 1);
    put_range (WIRE_CLAIM, 2, 2);
    say (file, CLIENT);
    turn (file);
    put_hello (WIRE_ROLE_WORKER, 2);
    put_run (WIRE_RUNS, SESSION_ID, 2);
    say (file, WORKER);
    turn (file);
    seed_close (&file);
}

/* The list of keys changes under them, and changes back. */
static void seed_keys (void)
{
    FILE *file = seed_open ("scheduler", "keys");
    fputc (32, file);
    seed_step (file, FUZZ_TIME, 13);
    meet (file);
    for (unsigned list = 1; list <= 4; list++) {
        seed_step (file, FUZZ_OWN + 3, list);
        put_result (SESSION_ID, list, OUTCOME_VALUE, 0, 1);
        put_hello (WIRE_ROLE_WORKER, 1 + list);
        wire_end_list (&batch, &out, 0, WIRE_RUNS, 0);
        say (file, WORKER);
        put_hello (WIRE_ROLE_CLIENT, 1 + list);
        put_range (WIRE_CLAIM, 1, 6);
        put_tasks (WIRE_SUBMIT, 7, 8, 1);
        say (file, CLIENT);
        turn (file);
    }
    seed_close (&file);
}

static void seed_child (FILE *file, unsigned step, unsigned place, char how)
{
    seed_step (file, step, place);
    fputc (how, file);
}

static void seed_crew (const char *name, bool has_own_children)
{
    FILE *file = seed_open ("crew", name);
    put_welcome (false);
    say (file, 0);
    turn (file);
    if (has_own_children) {
        wire_session_t session
            = { SESSION_ID, 5, 2, WIRE_TEXT ("prepare"), { (const uint8_t *) "\x90", 1, 0 }, true };
        wire_put_session (&out, 0, 0, &session, NULL);
    }
    put_tasks (WIRE_TASKS, 1, 3, 1);
    put_tasks (WIRE_TASKS, 4, 5, 3);
    say (file, 0);
    turn (file);
    for (unsigned place = 0; place < 4; place++)
        seed_child (file, FUZZ_OWN, place, 0);
    turn (file);
    for (unsigned place = 0; place < 4; place++)
        for (char how = 0; how < 3; how++)
            seed_child (file, FUZZ_OWN + 1, place, how);
    put_run (WIRE_CANCEL, SESSION_ID, 2);
    put_run (WIRE_REVOKE, SESSION_ID, 3);
    wire_put_room (&out, 0, 0, 1 << 16, 0, (const uint64_t[]) { SESSION_ID }, 1);
    wire_put_bare (&out, 0, WIRE_ACK, 1);
    say (file, 0);
    turn (file);
    seed_child (file, FUZZ_OWN + 2, 0, 1);
    seed_step (file, FUZZ_BREAK, 0);
    seed_step (file, FUZZ_TIME, 12);
    put_welcome (true);
    put_run (WIRE_ADOPT, SESSION_ID, 4);
    wire_put_session_end (&out, 0, 0, SESSION_ID);
    wire_put_bare (&out, 0, WIRE_DRAIN, 0);
    say (file, 0);
    seed_step (file, FUZZ_TIME, 18);
    seed_close (&file);
}

static void seed_session (const char *name, char how)
{
    FILE *file = seed_open ("session", name);
    seed_child (file, FUZZ_OWN, 7, how);
    seed_child (file, FUZZ_OWN, 6, how);
    put_welcome (false);
    wire_put_workers (&out, 0, 0, 4);
    say (file, 0);
    turn (file);
    put_run (WIRE_PROGRESS, 0, 1);
    put_result (0, 1, OUTCOME_VALUE, 0, how & 16 ? 3 : 1);
    put_result (0, 2, OUTCOME_LOST, 0, 0);
    put_range (WIRE_MISSING, 3, 4);
    wire_put_room (&out, 0, 0, 1 << 16, 3, NULL, 0);
    say (file, 0);
    turn (file);
    seed_step (file, FUZZ_OWN + 3, 0); /* asks, and is answered */
    wire_answer_t answer = { 1, 2, 3, 400, 1, WIRE_TEXT ("w1"), WIRE_TEXT ("it\nwaits") };
    wire_put_answer (&out, 0, 0, &answer);
    dp_outgoing_t *outgoing = dp_outbox_take (&out);
    seed_message (file, outgoing);
    dp_outgoing_destroy (&outgoing);
    seed_step (file, FUZZ_OWN + 1, 1);
    seed_step (file, FUZZ_OWN + 4, 0);
    turn (file);
    seed_step (file, FUZZ_BREAK, 0);
    seed_step (file, FUZZ_TIME, 12);
    put_welcome (true);
    put_result (0, 5, OUTCOME_NOT_STARTED, 0, 0);
    say (file, 0);
    seed_step (file, FUZZ_OWN + 2, 0);
    turn (file);
    wire_put_refused (&out, 0, WIRE_REFUSED_LIMIT, "no");
    say (file, 0);
    seed_step (file, FUZZ_TIME, 18);
    seed_close (&file);
}

static void seed_samples (const char *target)
{
    FILE *file = seed_open (target, "samples");
    wire_samples (&out);
    say (file, 0);
    seed_close (&file);
}

void seeds_of_machines (void)
{
    seed_samples ("scheduler");
    seed_scheduler ("plain", 0, false);
    seed_scheduler ("broken", 0, true);
    seed_scheduler ("limited", 7, true);
    seed_away ();
    seed_keys ();
    seed_samples ("crew");
    seed_crew ("common", false);
    seed_crew ("own-children", true);
    seed_samples ("session");
    seed_session ("list", 8);
    seed_session ("chunks", 16);
    seed_session ("stream", 64);
    seed_session ("calls", (char) 128);
}
