/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/session_fixture.h"

#include "core/memory.h"

#include <string.h>

fixture_t *fixture_new (size_t max_tasks, size_t max_bytes)
{
    fixture_t *self = dp_must_alloc (sizeof *self);
    self->now_ms = 1000000;
    self->epoch = 7;
    session_config_t config = { .id = 42,
                                .n_endpoints = 1,
                                .host = "here",
                                .name = "test",
                                .pid = 1,
                                .max_tasks = max_tasks,
                                .max_bytes = max_bytes };
    self->session = session_new (&config, self->now_ms);
    assert_non_null (self->session);
    return self;
}

fixture_t *fixture_up (size_t processes)
{
    fixture_t *self = fixture_new (65536, 256 << 20);
    fixture_turn (self);
    fixture_welcome (self, false, processes);
    fixture_turn (self);
    assert_true (session_is_connected (self->session));
    return self;
}

void fixture_free (fixture_t **self_p)
{
    session_destroy (&(*self_p)->session);
    dp_free (*self_p);
    *self_p = NULL;
}

void fixture_forget (fixture_t *self)
{
    self->n_tasks = self->n_claims = self->n_cancels = self->n_recalls = self->n_claim_ends = 0;
}

/* ---- What the session says ------------------------------------------------------------------- */

static void note_submit (fixture_t *self, wire_message_t *message)
{
    wire_group_t group;
    wire_task_t task;
    while (wire_next_group (message, &group))
        while (wire_next_task (message, &task)) {
            assert_true (self->n_tasks < FIXTURE_MAX);
            fixture_task_t *noted = &self->tasks[self->n_tasks++];
            *noted = (fixture_task_t) {
                task.id,        task.attempt,          task.job, task.first,      task.n_items,
                group.priority, group.is_at_most_once, { 0 },    task.payload.len
            };
            dp_reader_t reader;
            dp_reader_init (&reader, task.payload.data, task.payload.len);
            for (size_t i = 0; i < task.n_items && i < 64 && dp_reader_type (&reader) == DP_TYPE_UINT; i++) {
                noted->arguments[i] = (int) dp_reader_uint (&reader);
                assert_int_equal (noted->arguments[i], task.first + i);
            }
        }
}

static void note_ranges (wire_message_t *message, wire_range_t *ranges, size_t *n)
{
    wire_range_t range;
    while (wire_next_range (message, &range)) {
        assert_true (*n < FIXTURE_MAX);
        ranges[(*n)++] = range;
    }
}

static void note_hello (fixture_t *self, const wire_hello_t *hello)
{
    assert_int_equal (hello->role, WIRE_ROLE_CLIENT);
    assert_true (hello->connection > self->hello_connection);
    self->hello_connection = hello->connection;
    self->n_hellos++;
    self->last_ack = 0;
}

static void note (fixture_t *self, wire_message_t *message)
{
    self->n_messages++;
    if (message->ack > self->last_ack)
        self->last_ack = message->ack;
    switch (message->kind) {
    case WIRE_HELLO:
        note_hello (self, &message->hello);
        break;
    case WIRE_PING:
        if (!self->is_asked_how_far)
            self->n_pings++;
        else if (!self->is_far)
            fixture_bare (self, WIRE_PONG);
        self->is_asked_how_far = false;
        break;
    case WIRE_PONG:
        self->n_pongs++;
        break;
    case WIRE_BYE:
        self->n_byes++;
        break;
    case WIRE_DRAIN:
        self->n_drains++;
        break;
    case WIRE_ACK:
        self->n_acks++;
        break;
    case WIRE_QUERY:
        self->n_queries++;
        self->query = message->query;
        break;
    case WIRE_SUBMIT:
        note_submit (self, message);
        break;
    case WIRE_CLAIM:
        self->n_claim_ends += message->is_last;
        note_ranges (message, self->claims, &self->n_claims);
        break;
    case WIRE_CANCEL:
        assert_true (message->has_ranges);
        note_ranges (message, self->cancels, &self->n_cancels);
        break;
    case WIRE_REVOKE:
        assert_true (message->has_ranges);
        note_ranges (message, self->recalls, &self->n_recalls);
        break;
    default:
        fail_msg ("the session sent a %s", wire_kind_name (message->kind));
    }
}

static void decode (const dp_outgoing_t *outgoing, wire_message_t *message)
{
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    frames[0] = (wire_bytes_t) { outgoing->envelope.data, outgoing->envelope.len, 0 };
    for (size_t i = 0; i < outgoing->n_frames; i++)
        frames[i + 1]
            = (wire_bytes_t) { dp_blob_data (outgoing->frames[i]), dp_blob_len (outgoing->frames[i]), i + 1 };
    const char *why;
    if (wire_decode (message, frames, outgoing->n_frames + 1, &why) < 0)
        fail_msg ("a %s does not decode: %s", wire_kind_name (outgoing->kind), why);
}

int64_t fixture_turn (fixture_t *self)
{
    int64_t deadline_ms = session_tick (self->session, self->now_ms);
    for (dp_link_command_t command; (command = session_next_command (self->session)) != LINK_NOTHING;) {
        self->n_opens += command == LINK_OPEN;
        self->n_closes += command == LINK_CLOSE;
    }
    for (dp_outgoing_t *outgoing; (outgoing = dp_outbox_take (session_outbox (self->session))) != NULL;) {
        wire_message_t message;
        decode (outgoing, &message);
        note (self, &message);
        dp_outgoing_destroy (&outgoing);
    }
    while (session_next_changed (self->session) != NULL)
        self->n_changed++;
    return deadline_ms;
}

void fixture_pass (fixture_t *self, int64_t ms)
{
    for (int64_t end_ms = self->now_ms + ms; self->now_ms < end_ms;) {
        self->now_ms += 100;
        fixture_turn (self);
    }
}

/* ---- What the broker says -------------------------------------------------------------------- */

void fixture_say (fixture_t *self, dp_outbox_t *out)
{
    for (dp_outgoing_t *outgoing; (outgoing = dp_outbox_take (out)) != NULL;) {
        wire_message_t message;
        decode (outgoing, &message);
        dp_blob_t *blobs[WIRE_MAX_FRAMES] = { NULL };
        for (size_t i = 0; i < outgoing->n_frames; i++)
            blobs[i + 1] = outgoing->frames[i];
        session_receive (self->session, self->now_ms, &message, blobs);
        dp_outgoing_destroy (&outgoing);
    }
}

void fixture_welcome (fixture_t *self, bool is_session_kept, uint64_t processes)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_welcome_t welcome = { .version = WIRE_VERSION,
                               .epoch = self->epoch,
                               .is_session_kept = is_session_kept,
                               .max_payload = DP_DEFAULT_MAX_PAYLOAD,
                               .heartbeat_ms = 1000,
                               .processes = processes,
                               .name = { "broker", 6 } };
    self->is_asked_how_far = true;
    wire_put_welcome (&out, 0, &welcome);
    fixture_say (self, &out);
}

void fixture_reconnect (fixture_t *self, bool is_session_kept)
{
    size_t processes = session_processes (self->session);
    session_broken (self->session, self->now_ms);
    fixture_turn (self);
    fixture_welcome (self, is_session_kept, processes);
    fixture_turn (self);
    assert_true (session_is_connected (self->session));
}

void fixture_workers (fixture_t *self, uint64_t processes)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_workers (&out, 0, 0, processes);
    fixture_say (self, &out);
}

void fixture_bare (fixture_t *self, wire_kind_t kind)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_bare (&out, 0, kind, 0);
    fixture_say (self, &out);
}

void fixture_refuse (fixture_t *self, wire_refusal_t code, const char *text)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_refused (&out, 0, code, text);
    fixture_say (self, &out);
}

void fixture_missing (fixture_t *self, uint64_t first, uint64_t last)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    wire_range_t range = { first, last, false };
    wire_add_range (&batch, &out, 0, WIRE_MISSING, &range);
    wire_flush (&batch, &out, 0, 0, 0);
    fixture_say (self, &out);
}

void fixture_running (fixture_t *self, const fixture_task_t *task)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    wire_run_t run = { .id = task->id,
                       .attempt = task->base + 1,
                       .state = WIRE_RUN_RUNNING,
                       .done = 3,
                       .steps = 10,
                       .since_ms = 250,
                       .worker = { "w", 1 } };
    wire_add_run (&batch, &out, 0, WIRE_PROGRESS, &run);
    wire_flush (&batch, &out, 0, 0, 0);
    fixture_say (self, &out);
}

void fixture_result (fixture_t *self, const fixture_task_t *task, outcome_status_t status, bool is_final,
                     size_t first, size_t n, const dp_buffer_t *row)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    wire_result_t result
        = { .id = task->id,
            .attempt = task->base + 1,
            .status = status,
            .is_final = is_final,
            .first = first,
            .n_items = n,
            .run_us = 1000 * n,
            .payload = { row != NULL ? row->data : (const uint8_t *) "", row != NULL ? row->len : 0, 0 } };
    wire_add_result (&batch, &out, 0, &result, NULL);
    wire_flush (&batch, &out, 0, 0, 0);
    fixture_say (self, &out);
}

void fixture_put_values (dp_buffer_t *row, const fixture_task_t *task, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        uint64_t x = task->first + i + 1000;
        uint8_t packed[5]
            = { 0xce, (uint8_t) (x >> 24), (uint8_t) (x >> 16), (uint8_t) (x >> 8), (uint8_t) x };
        assert_int_equal (outcome_put_value (row, packed, sizeof packed), 0);
    }
}

void fixture_give_back (fixture_t *self, const fixture_task_t *task, bool is_final, size_t first)
{
    dp_buffer_t row = DP_BUFFER_INIT;
    for (size_t i = first; i < task->n; i++)
        outcome_put_not_started (&row);
    fixture_result (self, task, is_final ? OUTCOME_NOT_STARTED : OUTCOME_VALUE, is_final, first,
                    task->n - first, &row);
    dp_buffer_fini (&row);
}

void fixture_values (fixture_t *self, const fixture_task_t *task)
{
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, task, 0, task->n);
    fixture_result (self, task, OUTCOME_VALUE, true, 0, task->n, &row);
    dp_buffer_fini (&row);
}

void fixture_crash (fixture_t *self, const fixture_task_t *task, size_t culprit)
{
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, task, 0, culprit);
    dpool_error_t error
        = { .message = "its process died", .host = "far", .stderr_tail = "boom", .signal = 11 };
    outcome_put_error (&row, OUTCOME_CRASHED, &error);
    for (size_t i = culprit + 1; i < task->n; i++)
        outcome_put_not_started (&row);
    fixture_result (self, task, OUTCOME_CRASHED, true, 0, task->n, &row);
    dp_buffer_fini (&row);
}

void fixture_end (fixture_t *self, const fixture_task_t *task, outcome_status_t status)
{
    fixture_result (self, task, status, true, 0, 0, NULL);
}

size_t fixture_work_off (fixture_t *self)
{
    static fixture_task_t tasks[FIXTURE_MAX];
    size_t total = 0;
    for (fixture_turn (self); self->n_tasks > 0; fixture_turn (self)) {
        size_t n = self->n_tasks;
        memcpy (tasks, self->tasks, n * sizeof tasks[0]);
        fixture_forget (self);
        for (size_t i = 0; i < n; i++)
            fixture_values (self, &tasks[i]);
        total += n;
    }
    return total;
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

job_t *fixture_list (fixture_t *self, size_t n, job_spec_t spec)
{
    dpool_items_t *items = dpool_items_new ();
    for (size_t i = 0; i < n; i++)
        assert_int_equal (dpool_items_add (items, "i", (int) i), 0);
    assert_int_equal (dp_items_freeze (items), 0);
    spec.items = items;
    spec.function = "f";
    job_t *job = job_new (&spec);
    assert_non_null (job);
    dpool_items_t *hold = items;
    dpool_items_destroy (&hold);
    if (self != NULL)
        session_add (self->session, job);
    return job;
}

job_t *fixture_stream (fixture_t *self, job_spec_t spec)
{
    spec.function = "f";
    job_t *job = job_new (&spec);
    assert_non_null (job);
    if (self != NULL)
        session_add (self->session, job);
    return job;
}

job_t *fixture_call (fixture_t *self, size_t argument, job_spec_t spec)
{
    size_t index;
    spec.function = "f";
    spec.is_calls = true;
    dp_blob_t *blob = fixture_argument ((int) argument);
    argument_t packed;
    argument_init (&packed, blob);
    job_t *job = session_call (self->session, &spec, &packed, self, &index);
    argument_fini (&packed);
    dp_blob_release (&blob);
    assert_non_null (job);
    assert_int_equal (index, job->next - 1);
    return job;
}

job_t *fixture_calls (fixture_t *self, size_t n, job_spec_t spec)
{
    job_t *job = NULL;
    for (size_t i = 0; i < n; i++) {
        job_t *taker = fixture_call (self, job != NULL ? job->next : 0, spec);
        assert_true (job == NULL || taker == job);
        job = taker;
    }
    return job;
}

dp_blob_t *fixture_argument (int i)
{
    uint8_t packed[5] = { 0xce, (uint8_t) (i >> 24), (uint8_t) (i >> 16), (uint8_t) (i >> 8), (uint8_t) i };
    return dp_blob_copy (packed, sizeof packed);
}

void fixture_append (fixture_t *self, job_t *job, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dp_blob_t *argument = fixture_argument ((int) job->next);
        assert_int_equal (job_append (job, argument), 0);
        dp_blob_release (&argument);
    }
    if (self != NULL)
        session_more (self->session, job);
}

void fixture_assert_value (const job_t *job, size_t index)
{
    const job_item_t *item = job_item (job, index);
    assert_non_null (item);
    assert_int_equal (item->state, ITEM_FINISHED);
    assert_null (item->error);
    int x = 0;
    assert_int_equal (dpool_value_get (&item->value, "i", &x), 0);
    assert_int_equal (x, (int) index + 1000);
}

void fixture_assert_error (const job_t *job, size_t index, int code)
{
    const job_item_t *item = job_item (job, index);
    assert_non_null (item);
    assert_int_equal (item->state, ITEM_FINISHED);
    assert_non_null (item->error);
    if (item->error->code != code)
        fail_msg ("item %zu: %s", index, item->error->message);
    assert_int_equal (item->error->index, index);
    assert_string_equal (item->error->function, "f");
}

void fixture_assert_clean (const fixture_t *self)
{
    const session_t *session = self->session;
    assert_true (session_is_idle (session));
    assert_int_equal (session->tasks.count, 0);
    assert_int_equal (session->n_bytes, 0);
    assert_true (dp_list_is_empty (&session->submitted));
    assert_true (dp_list_is_empty (&session->again));
    assert_true (dp_list_is_empty (&session->cancelling));
}

job_t *fixture_one_task (fixture_t **self_p, job_spec_t spec)
{
    *self_p = fixture_up (4);
    job_t *job = fixture_list (*self_p, 10, spec);
    fixture_turn (*self_p);
    assert_int_equal ((*self_p)->n_tasks, 1);
    return job;
}

fixture_task_t fixture_take (fixture_t *self)
{
    assert_true (self->n_tasks > 0);
    fixture_task_t task = self->tasks[0];
    fixture_forget (self);
    return task;
}
