/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_rig_notes.c - what the scheduler said, noted at the peer that it is for. */
#include "tests/unit/scheduler_rig.h"

#include "core/memory.h"

#include <stdio.h>
#include <string.h>

/* ---- What the scheduler sends ---------------------------------------------------------------- */

static srig_row_t *add_row (srig_rows_t *rows)
{
    if (rows->n == rows->capacity) {
        rows->capacity = rows->capacity * 2 + 64;
        rows->rows = dp_must_realloc (rows->rows, rows->capacity * sizeof *rows->rows);
    }
    srig_row_t *row = &rows->rows[rows->n++];
    memset (row, 0, sizeof *row);
    return row;
}

static void note_text (srig_peer_t *peer, const char *data, size_t len)
{
    if (len >= sizeof peer->text)
        len = sizeof peer->text - 1;
    memcpy (peer->text, data, len);
    peer->text[len] = '\0';
}

static void note_tasks (srig_peer_t *peer, wire_message_t *message)
{
    wire_group_t group;
    wire_task_t task;
    while (wire_next_group (message, &group))
        while (wire_next_task (message, &task))
            *add_row (&peer->tasks) = (srig_row_t) { .session = group.session,
                                                     .id = task.id,
                                                     .attempt = task.attempt,
                                                     .first = task.first,
                                                     .n_items = task.n_items,
                                                     .priority = group.priority,
                                                     .limit_ms = group.time_limit_ms,
                                                     .is_at_most_once = group.is_at_most_once,
                                                     .payload_len = task.payload.len };
}

static void note_runs (srig_rows_t *rows, wire_message_t *message)
{
    wire_run_t run;
    while (wire_next_run (message, &run))
        *add_row (rows) = (srig_row_t) {
            .session = run.session, .id = run.id, .attempt = run.attempt, .since_ms = run.since_ms
        };
}

static void note_error (srig_peer_t *peer, const wire_result_t *result)
{
    dp_reader_t row;
    outcome_status_t status;
    const uint8_t *body;
    size_t body_len;
    dpool_error_t error;
    dp_buffer_t texts = DP_BUFFER_INIT;
    memset (&error, 0, sizeof error);
    dp_reader_init (&row, result->payload.data, result->payload.len);
    if (result->n_items > 0 && outcome_next (&row, &status, &body, &body_len) == 0
        && outcome_read_error (status, body, body_len, &texts, &error) == 0)
        note_text (peer, error.message, strlen (error.message));
    dp_buffer_fini (&texts);
}

static void note_results (srig_peer_t *peer, wire_message_t *message)
{
    wire_result_t result;
    while (wire_next_result (message, &result)) {
        peer->n_results++;
        *add_row (&peer->results) = (srig_row_t) { .id = result.id,
                                                   .attempt = result.attempt,
                                                   .status = result.status,
                                                   .is_final = result.is_final,
                                                   .first = result.first,
                                                   .n_items = result.n_items,
                                                   .payload_len = result.payload.len };
        if (result.status != OUTCOME_VALUE)
            note_error (peer, &result);
    }
}

static void note_missing (srig_peer_t *peer, wire_message_t *message)
{
    wire_range_t range;
    while (wire_next_range (message, &range)) {
        assert_true (peer->n_missing < sizeof peer->missing / sizeof peer->missing[0]);
        peer->missing[peer->n_missing++] = range;
    }
}

static void note_answer (srig_peer_t *peer, const wire_answer_t *answer)
{
    peer->answer = *answer;
    note_text (peer, answer->text.data, answer->text.len);
    memcpy (peer->answer_worker, answer->worker.data, answer->worker.len);
    peer->answer_worker[answer->worker.len] = '\0';
}

static void note_session (uint64_t *sessions, size_t *n, uint64_t session)
{
    if (*n < 64)
        sessions[(*n)++] = session;
}

void srig_note (srig_peer_t *peer, wire_message_t *message)
{
    peer->n_messages++;
    peer->n_kinds[message->kind]++;
    if (message->ack > peer->ack)
        peer->ack = message->ack;
    switch (message->kind) {
    case WIRE_WELCOME:
        peer->welcome = message->welcome;
        peer->processes = message->welcome.processes;
        peer->room = message->welcome.room;
        break;
    case WIRE_ROOM:
        peer->room = message->room;
        peer->most_tasks = message->most_tasks;
        for (peer->n_full = 0; wire_next_session (message, &peer->full[peer->n_full]);)
            peer->n_full++;
        break;
    case WIRE_WORKERS:
        peer->processes = message->workers;
        break;
    case WIRE_REFUSED:
        peer->refusal = message->refused.code;
        note_text (peer, message->refused.text.data, message->refused.text.len);
        break;
    case WIRE_TASKS:
        note_tasks (peer, message);
        break;
    case WIRE_ADOPT:
        note_runs (&peer->adopts, message);
        break;
    case WIRE_CANCEL:
        note_runs (&peer->cancels, message);
        break;
    case WIRE_REVOKE:
        note_runs (&peer->revokes, message);
        break;
    case WIRE_PROGRESS:
        note_runs (&peer->progress, message);
        break;
    case WIRE_RESULTS:
        note_results (peer, message);
        break;
    case WIRE_MISSING:
        note_missing (peer, message);
        break;
    case WIRE_ANSWER:
        note_answer (peer, &message->answer);
        break;
    case WIRE_SESSION:
        note_session (peer->sessions, &peer->n_sessions, message->session.session);
        break;
    case WIRE_SESSION_END:
        note_session (peer->ends, &peer->n_ends, message->session.session);
        break;
    default:
        break;
    }
}

/* ---- What came -------------------------------------------------------------------------------- */

static const char *list (const srig_rows_t *rows, bool with_attempt)
{
    static char text[65536];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < rows->n && at < sizeof text - 64; i++) {
        const srig_row_t *row = &rows->rows[i];
        const char *blank = i > 0 ? " " : "";
        if (with_attempt)
            at += (size_t) snprintf (text + at, sizeof text - at, "%s%llu.%llu", blank,
                                     (unsigned long long) row->id, (unsigned long long) row->attempt);
        else
            at += (size_t) snprintf (text + at, sizeof text - at, "%s%llu", blank,
                                     (unsigned long long) row->id);
    }
    return text;
}

const char *srig_ids (const srig_rows_t *rows)
{
    return list (rows, false);
}

const char *srig_attempts (const srig_rows_t *rows)
{
    return list (rows, true);
}

const char *srig_missing (const srig_t *self, int client)
{
    static char text[4096];
    const srig_peer_t *peer = &self->clients[client];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < peer->n_missing && at < sizeof text - 64; i++)
        at += (size_t) snprintf (text + at, sizeof text - at, "%s%llu-%llu", i > 0 ? " " : "",
                                 (unsigned long long) peer->missing[i].first,
                                 (unsigned long long) peer->missing[i].last);
    return text;
}

outcome_status_t srig_status (const srig_t *self, int client, uint64_t id)
{
    const srig_rows_t *results = &self->clients[client].results;
    for (size_t i = results->n; i-- > 0;)
        if (results->rows[i].id == id)
            return results->rows[i].status;
    fail_msg ("no result of task %llu", (unsigned long long) id);
    return OUTCOME_COUNT;
}

scheduler_stats_t srig_stats (const srig_t *self)
{
    scheduler_stats_t stats;
    scheduler_stats (self->scheduler, &stats);
    return stats;
}

bool srig_has_event (srig_t *self, const char *part)
{
    return strstr (self->events, part) != NULL;
}
