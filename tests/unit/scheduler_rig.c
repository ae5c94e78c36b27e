/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/scheduler_rig.h"

#include "core/memory.h"

#include <stdio.h>
#include <string.h>

/* ---- Messages ------------------------------------------------------------------------------- */

static srig_peer_t *peer_at (srig_t *self, uint64_t connection)
{
    for (int i = 1; i < SCHEDULER_RIG_PEERS; i++) {
        if (self->clients[i].connection == connection)
            return &self->clients[i];
        if (self->workers[i].connection == connection)
            return &self->workers[i];
    }
    return &self->stranger;
}

static size_t frames_of (const dp_outgoing_t *outgoing, wire_bytes_t *frames)
{
    frames[0] = (wire_bytes_t) { outgoing->envelope.data, outgoing->envelope.len, 0 };
    for (size_t i = 0; i < outgoing->n_frames; i++)
        frames[i + 1]
            = (wire_bytes_t) { dp_blob_data (outgoing->frames[i]), dp_blob_len (outgoing->frames[i]), i + 1 };
    return outgoing->n_frames + 1;
}

static void decode (const dp_outgoing_t *outgoing, wire_message_t *message)
{
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    const char *why;
    size_t n = frames_of (outgoing, frames);
    if (wire_decode (message, frames, n, &why) < 0)
        fail_msg ("%s: %s", wire_kind_name (outgoing->kind), why);
}

static void take_out (srig_t *self)
{
    dp_outgoing_t *outgoing;
    wire_message_t message;
    while ((outgoing = dp_outbox_take (scheduler_outbox (self->scheduler))) != NULL) {
        decode (outgoing, &message);
        srig_note (peer_at (self, outgoing->to), &message);
        dp_outgoing_destroy (&outgoing);
    }
    uint64_t connection;
    while (scheduler_next_dropped (self->scheduler, &connection)) {
        peer_at (self, connection)->connection = 0;
        self->dropped[self->n_dropped++ % 64] = connection;
    }
    const char *line;
    while (scheduler_next_event (self->scheduler, &line)) {
        size_t len = strlen (self->events);
        snprintf (self->events + len, sizeof self->events - len, "%s\n", line);
    }
}

void srig_send (srig_t *self, uint64_t connection)
{
    dp_outgoing_t *outgoing;
    wire_message_t message;
    while ((outgoing = dp_outbox_take (&self->out)) != NULL) {
        dp_blob_t *blobs[WIRE_MAX_FRAMES] = { NULL };
        for (size_t i = 0; i < outgoing->n_frames; i++)
            blobs[i + 1] = outgoing->frames[i];
        decode (outgoing, &message);
        scheduler_receive (self->scheduler, self->now_ms, connection, &message, blobs);
        dp_outgoing_destroy (&outgoing);
    }
}

/* ---- Life and time --------------------------------------------------------------------------- */

srig_t *srig_new_with (const scheduler_config_t *config)
{
    srig_t *self = dp_must_alloc (sizeof *self);
    self->now_ms = 1000000;
    self->payload_len = 1;
    for (int i = 1; i < SCHEDULER_RIG_PEERS; i++) {
        self->clients[i].id = self->clients[i].session = 100 + (uint64_t) i;
        self->clients[i].role = WIRE_ROLE_CLIENT;
        self->workers[i].id = 200 + (uint64_t) i;
        self->workers[i].role = WIRE_ROLE_WORKER;
    }
    self->scheduler = scheduler_new (config, self->now_ms);
    return self;
}

srig_t *srig_new (void)
{
    scheduler_config_t config = { .epoch = 7, .name = "rig" };
    srig_t *self = srig_new_with (&config);
    srig_pass (self, 2000);
    return self;
}

static void free_rows (srig_peer_t *peer)
{
    dp_free (peer->tasks.rows);
    dp_free (peer->adopts.rows);
    dp_free (peer->cancels.rows);
    dp_free (peer->revokes.rows);
    dp_free (peer->results.rows);
    dp_free (peer->progress.rows);
}

void srig_free (srig_t **self_p)
{
    srig_t *self = *self_p;
    for (int i = 1; i < SCHEDULER_RIG_PEERS; i++) {
        if (self->clients[i].connection != 0)
            srig_bare (self, &self->clients[i], WIRE_BYE);
        if (self->workers[i].connection != 0)
            srig_bare (self, &self->workers[i], WIRE_BYE);
    }
    srig_turn (self);
    srig_pass (self, 62000); /* and whoever is away */
    scheduler_stats_t stats = srig_stats (self);
    assert_int_equal (stats.n_workers + stats.n_sessions + stats.n_processes, 0);
    assert_int_equal (stats.n_queued + stats.n_assigned + stats.n_finished, 0);
    assert_int_equal (stats.payload_bytes, 0);
    assert_int_equal (self->scheduler->orphans.count, 0);
    assert_int_equal (self->scheduler->connections.count, 0);
    scheduler_destroy (&self->scheduler);
    access_destroy (&self->list);
    for (int i = 0; i < SCHEDULER_RIG_PEERS; i++) {
        free_rows (&self->clients[i]);
        free_rows (&self->workers[i]);
    }
    free_rows (&self->stranger);
    dp_free (self);
    *self_p = NULL;
}

void srig_turn (srig_t *self)
{
    self->deadline_ms = scheduler_tick (self->scheduler, self->now_ms);
    take_out (self);
}

void srig_jump (srig_t *self, int64_t ms)
{
    self->now_ms += ms;
    srig_turn (self);
}

void srig_pass (srig_t *self, int64_t ms)
{
    for (; ms > 0; ms -= 100)
        srig_jump (self, ms < 100 ? ms : 100);
}

void srig_live (srig_t *self, int64_t ms)
{
    for (; ms > 0; ms -= 100) {
        for (int i = 1; i < SCHEDULER_RIG_PEERS; i++) {
            if (self->clients[i].connection != 0)
                srig_bare (self, &self->clients[i], WIRE_PONG);
            if (self->workers[i].connection != 0)
                srig_bare (self, &self->workers[i], WIRE_PONG);
        }
        srig_jump (self, ms < 100 ? ms : 100);
    }
}

static void forget (srig_peer_t *peer)
{
    memset (peer->n_kinds, 0, sizeof peer->n_kinds);
    peer->n_messages = 0;
    peer->tasks.n = peer->adopts.n = peer->cancels.n = peer->results.n = peer->progress.n = 0;
    peer->n_missing = peer->n_sessions = peer->n_ends = 0;
    peer->refusal = (wire_refusal_t) 0;
    peer->text[0] = '\0';
}

void srig_forget (srig_t *self)
{
    for (int i = 1; i < SCHEDULER_RIG_PEERS; i++) {
        forget (&self->clients[i]);
        forget (&self->workers[i]);
    }
    forget (&self->stranger);
    self->n_dropped = 0;
    self->events[0] = '\0';
}

/* ---- Peers ----------------------------------------------------------------------------------- */

uint64_t srig_connection (srig_t *self)
{
    return ++self->last_connection;
}

static void open_connection (srig_t *self, srig_peer_t *peer)
{
    peer->connection = srig_connection (self);
    peer->ack = peer->n_results = 0;
    peer->n_hellos++;
}

static wire_text_t text_of (const char *text)
{
    return (wire_text_t) { text, text != NULL ? strlen (text) : 0 };
}

void srig_client_hello (srig_t *self, int client)
{
    srig_peer_t *peer = &self->clients[client];
    char name[32];
    snprintf (name, sizeof name, "client %d", client);
    open_connection (self, peer);
    wire_hello_t hello = { .version_min = WIRE_VERSION_MIN,
                           .version_max = WIRE_VERSION,
                           .role = WIRE_ROLE_CLIENT,
                           .id = peer->id,
                           .connection = peer->n_hellos,
                           .host = text_of ("here"),
                           .name = text_of (name),
                           .pid = 10,
                           .initializer = text_of (peer->initializer != NULL ? peer->initializer : ""),
                           .initializer_args = peer->args,
                           .is_watcher = peer->is_watcher,
                           .heeds_drain = !peer->is_old };
    peer->session = scheduler_own_id (self->scheduler, &hello);
    wire_put_hello (&self->out, 0, &hello, NULL, NULL);
    srig_send (self, peer->connection);
    take_out (self);
}

void srig_client (srig_t *self, int client)
{
    srig_client_hello (self, client);
    srig_claim_none (self, client);
}

static size_t count (const char *const *names)
{
    size_t n = 0;
    while (n < 4 && names[n] != NULL)
        n++;
    return n;
}

void srig_worker_hello (srig_t *self, int worker, srig_hello_t said)
{
    static const char *const work[] = { "work" };
    srig_peer_t *peer = &self->workers[worker];
    char name[32];
    snprintf (name, sizeof name, "worker %d", worker);
    open_connection (self, peer);
    size_t n_functions = count (said.functions);
    wire_hello_t hello = { .version_min = WIRE_VERSION_MIN,
                           .version_max = WIRE_VERSION,
                           .role = WIRE_ROLE_WORKER,
                           .id = peer->id,
                           .connection = peer->n_hellos,
                           .host = text_of ("here"),
                           .name = text_of (name),
                           .pid = 20,
                           .initializer = text_of (""),
                           .processes = said.processes > 0 ? said.processes : 1,
                           .window_tasks = said.window,
                           .window_bytes = said.window_bytes,
                           .is_draining = said.is_draining,
                           .n_functions = n_functions > 0 ? n_functions : 1,
                           .n_labels = count (said.labels) };
    wire_put_hello (&self->out, 0, &hello, n_functions > 0 ? said.functions : work, said.labels);
    srig_send (self, peer->connection);
    take_out (self);
}

void srig_worker_as (srig_t *self, int worker, srig_hello_t hello)
{
    srig_worker_hello (self, worker, hello);
    srig_runs_end (self, worker);
    srig_turn (self);
}

void srig_worker (srig_t *self, int worker, uint64_t window)
{
    srig_worker_as (self, worker, (srig_hello_t) { .window = window });
}

void srig_break (srig_t *self, srig_peer_t *peer)
{
    scheduler_disconnected (self->scheduler, self->now_ms, peer->connection);
    take_out (self);
    peer->connection = 0;
}

void srig_lose (srig_t *self, int worker)
{
    srig_break (self, &self->workers[worker]);
    srig_live (self, 1500);
}

void srig_bare (srig_t *self, srig_peer_t *peer, wire_kind_t kind)
{
    wire_put_bare (&self->out, 0, kind, 0);
    srig_send (self, peer->connection);
    take_out (self);
}

void srig_admit (srig_t *self, const access_entry_t *entries, size_t n_entries)
{
    access_t *next = access_new ();
    assert_non_null (next);
    for (size_t i = 0; i < n_entries; i++)
        assert_int_equal (access_add (next, &entries[i]), 0);
    scheduler_admit (self->scheduler, self->now_ms, next);
    access_destroy (&self->list);
    self->list = next;
}

void srig_client_of (srig_t *self, const char *owner, int client)
{
    scheduler_set_owner (self->scheduler, owner);
    srig_client (self, client);
}

void srig_worker_of (srig_t *self, const char *owner, int worker, uint64_t window)
{
    scheduler_set_owner (self->scheduler, owner);
    srig_worker (self, worker, window);
}

/* ---- A client says ---------------------------------------------------------------------------- */

void srig_submit_as (srig_t *self, int client, uint64_t first, uint64_t last, srig_submit_t submit)
{
    wire_batch_t batch = { 0 };
    wire_group_t group = { .function = text_of (submit.function != NULL ? submit.function : "work"),
                           .require = text_of (submit.require != NULL ? submit.require : ""),
                           .priority = submit.priority,
                           .time_limit_ms = submit.limit_ms,
                           .is_at_most_once = submit.is_at_most_once };
    size_t n_items = submit.n_items > 0 ? submit.n_items : 1;
    size_t len = self->payload_len > n_items ? self->payload_len : n_items;
    uint8_t *payload = dp_must_alloc (len);
    for (uint64_t id = first; id <= last; id++) {
        wire_task_t task = { .id = id,
                             .attempt = submit.base,
                             .job = 1,
                             .first = id,
                             .n_items = n_items,
                             .payload = { payload, len, 0 } };
        wire_add_task (&batch, &self->out, 0, WIRE_SUBMIT, &group, &task, NULL);
    }
    wire_flush (&batch, &self->out, 0, 0, 0);
    dp_free (payload);
    srig_send (self, self->clients[client].connection);
}

void srig_submit (srig_t *self, int client, uint64_t first, uint64_t last)
{
    srig_submit_as (self, client, first, last, (srig_submit_t) { 0 });
}

static void say_range (srig_t *self, int client, wire_kind_t kind, wire_range_t range, bool is_last)
{
    wire_batch_t batch = { 0 };
    wire_add_range (&batch, &self->out, 0, kind, &range);
    if (is_last)
        wire_end_list (&batch, &self->out, 0, kind, 0);
    else
        wire_flush (&batch, &self->out, 0, 0, 0);
    srig_send (self, self->clients[client].connection);
}

void srig_claim (srig_t *self, int client, uint64_t first, uint64_t last, bool is_last)
{
    say_range (self, client, WIRE_CLAIM, (wire_range_t) { first, last, false }, is_last);
}

void srig_claim_once (srig_t *self, int client, uint64_t first, uint64_t last)
{
    say_range (self, client, WIRE_CLAIM, (wire_range_t) { first, last, true }, false);
}

void srig_claim_none (srig_t *self, int client)
{
    wire_batch_t batch = { 0 };
    wire_end_list (&batch, &self->out, 0, WIRE_CLAIM, 0);
    srig_send (self, self->clients[client].connection);
}

void srig_cancel (srig_t *self, int client, uint64_t first, uint64_t last)
{
    say_range (self, client, WIRE_CANCEL, (wire_range_t) { first, last, false }, false);
}

void srig_revoke (srig_t *self, int client, uint64_t first, uint64_t last)
{
    say_range (self, client, WIRE_REVOKE, (wire_range_t) { first, last, false }, false);
}

void srig_ack (srig_t *self, int client)
{
    wire_put_bare (&self->out, 0, WIRE_ACK, self->clients[client].n_results);
    srig_send (self, self->clients[client].connection);
}

void srig_query (srig_t *self, int client, wire_question_t question, uint64_t id)
{
    wire_query_t query = { .query = 77, .question = question, .id = id };
    wire_put_query (&self->out, 0, 0, &query);
    srig_send (self, self->clients[client].connection);
    take_out (self);
    assert_int_equal (self->clients[client].answer.query, 77);
}

void srig_ask_function (srig_t *self, int client, const char *name)
{
    wire_query_t query = { .query = 78, .question = WIRE_QUERY_FUNCTION, .name = text_of (name) };
    wire_put_query (&self->out, 0, 0, &query);
    srig_send (self, self->clients[client].connection);
    take_out (self);
    assert_int_equal (self->clients[client].answer.query, 78);
}

/* ---- A worker says ---------------------------------------------------------------------------- */

static void say_result (srig_t *self, int worker, const wire_result_t *result)
{
    wire_batch_t batch = { 0 };
    wire_result_t said = *result;
    dp_buffer_t row = DP_BUFFER_INIT;
    for (uint64_t i = 0; i < result->n_items; i++) {
        if (result->status == OUTCOME_VALUE)
            outcome_put_value (&row, "\x01", 1);
        else if (result->status == OUTCOME_NOT_STARTED)
            outcome_put_not_started (&row);
        else
            outcome_put_error (&row, result->status, NULL);
    }
    said.payload = (wire_bytes_t) { row.data, row.len, 0 };
    wire_add_result (&batch, &self->out, 0, &said, NULL);
    wire_flush (&batch, &self->out, 0, 0, 0);
    dp_buffer_fini (&row);
    srig_send (self, self->workers[worker].connection);
}

void srig_result (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt,
                  outcome_status_t status)
{
    wire_result_t result = { .session = self->clients[client].session,
                             .id = id,
                             .attempt = attempt,
                             .status = status,
                             .is_final = true,
                             .n_items = 1,
                             .run_us = 1000 };
    say_result (self, worker, &result);
}

void srig_sized (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, size_t size)
{
    wire_batch_t batch = { 0 };
    uint8_t *row = dp_must_alloc (size);
    wire_result_t result = { .session = self->clients[client].session,
                             .id = id,
                             .attempt = attempt,
                             .is_final = true,
                             .n_items = 1,
                             .payload = { row, size, 0 } };
    wire_add_result (&batch, &self->out, 0, &result, NULL);
    wire_flush (&batch, &self->out, 0, 0, 0);
    dp_free (row);
    srig_send (self, self->workers[worker].connection);
}

void srig_timed (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, uint64_t run_us)
{
    wire_result_t result = { .session = self->clients[client].session,
                             .id = id,
                             .attempt = attempt,
                             .is_final = true,
                             .n_items = 1,
                             .run_us = run_us };
    say_result (self, worker, &result);
}

void srig_part (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, uint64_t first,
                uint64_t n, bool is_final)
{
    wire_result_t result = { .session = self->clients[client].session,
                             .id = id,
                             .attempt = attempt,
                             .is_final = is_final,
                             .first = first,
                             .n_items = n,
                             .run_us = 10 };
    say_result (self, worker, &result);
}

void srig_cut (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, uint64_t first,
               uint64_t n)
{
    wire_result_t result = { .session = self->clients[client].session,
                             .id = id,
                             .attempt = attempt,
                             .status = OUTCOME_NOT_STARTED,
                             .first = first,
                             .n_items = n };
    say_result (self, worker, &result);
}

static void say_run (srig_t *self, int worker, wire_kind_t kind, const wire_run_t *run)
{
    wire_batch_t batch = { 0 };
    wire_add_run (&batch, &self->out, 0, kind, run);
    wire_flush (&batch, &self->out, 0, 0, 0);
    srig_send (self, self->workers[worker].connection);
}

void srig_release (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt)
{
    wire_run_t run = { .session = self->clients[client].session, .id = id, .attempt = attempt };
    say_run (self, worker, WIRE_RELEASE, &run);
}

void srig_run (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, wire_run_state_t state)
{
    wire_run_t run
        = { .session = self->clients[client].session, .id = id, .attempt = attempt, .state = state };
    say_run (self, worker, WIRE_RUNS, &run);
}

void srig_runs_end (srig_t *self, int worker)
{
    wire_batch_t batch = { 0 };
    wire_end_list (&batch, &self->out, 0, WIRE_RUNS, 0);
    srig_send (self, self->workers[worker].connection);
}

void srig_progress (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, uint64_t since_ms)
{
    wire_run_t run = { .session = self->clients[client].session,
                       .id = id,
                       .attempt = attempt,
                       .state = WIRE_RUN_RUNNING,
                       .since_ms = since_ms };
    say_run (self, worker, WIRE_PROGRESS, &run);
}

static int client_of (const srig_t *self, uint64_t session)
{
    int client = 1;
    while (client < SCHEDULER_RIG_PEERS - 1 && self->clients[client].session != session)
        client++;
    return client;
}

size_t srig_work (srig_t *self)
{
    size_t n = 0;
    for (int i = 1; i < SCHEDULER_RIG_PEERS; i++) {
        srig_rows_t *tasks = &self->workers[i].tasks;
        for (size_t t = 0; t < tasks->n; t++, n++)
            srig_result (self, i, client_of (self, tasks->rows[t].session), tasks->rows[t].id,
                         tasks->rows[t].attempt, OUTCOME_VALUE);
        tasks->n = 0;
    }
    srig_turn (self);
    return n;
}
