/* SPDX-License-Identifier: MPL-2.0 */
/* wire_records.c - the records of a message: tasks, results, runs, ranges. wire_decode checks each of them by
   the same functions that the wire_next_… readers use afterwards, so what the one accepts the others can
   read. */
#include "core/name.h"
#include "core/utf8.h"
#include "core/wire_parts.h"

#include <string.h>

/* ---- Small values, without a call where they take one byte: most do ---------------------------- */

static inline uint64_t read_uint (dp_reader_t *reader)
{
    if (reader->at < reader->end && *reader->at < 0x80)
        return *reader->at++;
    return dp_reader_uint (reader);
}

static inline size_t read_array (dp_reader_t *reader)
{
    if (reader->at < reader->end && (*reader->at & 0xf0) == 0x90 && !reader->is_failed) {
        size_t n = *reader->at & 0x0f;
        if (n < (size_t) (reader->end - reader->at)) {
            reader->at++;
            return n;
        }
    }
    return dp_reader_array (reader);
}

/* A session; nil is none. */
static inline uint64_t read_session (dp_reader_t *reader)
{
    if (reader->at < reader->end && *reader->at == 0xc0) {
        reader->at++;
        return 0;
    }
    return dp_reader_uint (reader);
}

void wire_skip_extra (dp_reader_t *reader, size_t n, size_t n_known)
{
    size_t len;
    for (; n > n_known && !reader->is_failed; n--)
        dp_reader_skip (reader, &len);
}

/* ---- Records --------------------------------------------------------------------------------- */

#define N_TASK 6
const char *wire_read_task (dp_reader_t *reader, wire_frames_t *frames, wire_task_t *task)
{
    size_t n = read_array (reader);
    if (n < N_TASK)
        return "a task is no array of six";
    task->id = read_uint (reader);
    task->attempt = read_uint (reader);
    task->job = read_uint (reader);
    task->first = read_uint (reader);
    task->n_items = read_uint (reader);
    const char *why = wire_read_bytes (reader, frames, &task->payload);
    if (why)
        return why;
    wire_skip_extra (reader, n, N_TASK);
    if (reader->is_failed)
        return "a task is malformed";
    /* A packed item takes a byte at least. */
    if (task->n_items == 0 || task->n_items > task->payload.len || task->first > UINT64_MAX - task->n_items)
        return "a task has an impossible count of items";
    return task->n_items <= WIRE_MAX_ITEMS ? NULL : "a task has more than 1,048,576 items: split it";
}

#define N_RESULT 9
const char *wire_read_result (dp_reader_t *reader, wire_frames_t *frames, wire_result_t *result)
{
    size_t n = read_array (reader);
    if (n < N_RESULT)
        return "a result is no array of nine";
    result->session = read_session (reader);
    result->id = read_uint (reader);
    result->attempt = read_uint (reader);
    uint64_t status = read_uint (reader);
    result->status = status < OUTCOME_COUNT ? (outcome_status_t) status : OUTCOME_FAILED;
    result->is_final = dp_reader_bool (reader);
    result->first = read_uint (reader);
    result->n_items = read_uint (reader);
    result->run_us = read_uint (reader);
    const char *why = wire_read_bytes (reader, frames, &result->payload);
    if (why)
        return why;
    wire_skip_extra (reader, n, N_RESULT);
    if (reader->is_failed)
        return "a result is malformed";
    /* An outcome takes two bytes at least. */
    if (result->n_items > result->payload.len / 2 || result->first > UINT64_MAX - result->n_items)
        return "a result has an impossible count of items";
    return NULL;
}

static void read_progress (dp_reader_t *reader, wire_run_t *run)
{
    run->item = read_uint (reader);
    run->done = read_uint (reader);
    run->steps = read_uint (reader);
    run->since_ms = read_uint (reader);
    if (dp_reader_type (reader) == DP_TYPE_NIL)
        dp_reader_nil (reader);
    else
        run->worker.data = dp_reader_str (reader, &run->worker.len);
}

const char *wire_read_run (dp_reader_t *reader, wire_kind_t kind, wire_run_t *run)
{
    size_t n_known = kind == WIRE_PROGRESS ? 9 : kind == WIRE_RUNS ? 4 : 3;
    memset (run, 0, sizeof *run);
    run->worker.data = "";
    size_t n = read_array (reader);
    if (n < n_known)
        return "a run is no array, or too short";
    run->session = read_session (reader);
    run->id = read_uint (reader);
    run->attempt = read_uint (reader);
    if (n_known > 3) {
        uint64_t state = read_uint (reader);
        if (state < WIRE_RUN_WAITING || state > WIRE_RUN_DONE)
            return "a run is in an unknown state";
        run->state = (wire_run_state_t) state;
    }
    if (kind == WIRE_PROGRESS)
        read_progress (reader, run);
    wire_skip_extra (reader, n, n_known);
    if (reader->is_failed)
        return "a run is malformed";
    if (run->worker.len > WIRE_LINE_MAX || !dp_utf8_is_line (run->worker.data, run->worker.len))
        return "a worker's name is too long, or is no line of UTF-8";
    return NULL;
}

const char *wire_read_range (dp_reader_t *reader, wire_range_t *range)
{
    size_t n = read_array (reader);
    if (n < 2)
        return "a range is no array of two";
    range->first = read_uint (reader);
    range->last = read_uint (reader);
    range->is_at_most_once = n > 2 && dp_reader_bool (reader);
    wire_skip_extra (reader, n, 3);
    if (reader->is_failed)
        return "a range is malformed";
    return range->first <= range->last ? NULL : "a range ends before it begins";
}

/* A group up to its tasks; *n_extra elements follow behind them. */
#define N_GROUP 4
const char *wire_read_group (dp_reader_t *reader, wire_frames_t *frames, wire_kind_t kind,
                             wire_group_t *group, size_t *n_extra)
{
    memset (group, 0, sizeof *group);
    group->require.data = "";
    size_t n = read_array (reader);
    if (n < N_GROUP)
        return "a group is no array of four";
    *n_extra = n - N_GROUP;
    group->session = read_session (reader);
    group->function.data = dp_reader_str (reader, &group->function.len);
    if (!dp_name_is_valid (group->function.data, group->function.len))
        return "a function has a bad name";
    const char *why = wire_fields_read (reader, frames, wire_options_fields, WIRE_N_OPTIONS, group);
    if (why)
        return why;
    group->n_tasks = dp_reader_array (reader);
    if (reader->is_failed)
        return "a group is malformed";
    if (kind == WIRE_SUBMIT)
        group->session = 0; /* a client's tasks are of its own session, whatever it says */
    else if (group->session == 0)
        return "a group without a session";
    return NULL;
}

/* ---- The next record: all was checked, so nothing here can fail -------------------------------- */

static wire_frames_t frames_of (const wire_message_t *message)
{
    return (wire_frames_t) { message->frames, message->n_frames, 0, 0 };
}

bool wire_next_task (wire_message_t *message, wire_task_t *task)
{
    if (message->n_tasks == 0)
        return false;
    message->n_tasks--;
    wire_frames_t frames = frames_of (message);
    return !wire_read_task (&message->records, &frames, task);
}

bool wire_next_group (wire_message_t *message, wire_group_t *group)
{
    if (message->kind != WIRE_SUBMIT && message->kind != WIRE_TASKS)
        return false;
    wire_skip_extra (&message->records, message->n_tasks, 0); /* tasks that nobody asked for */
    wire_skip_extra (&message->records, message->n_extra, 0);
    message->n_tasks = message->n_extra = 0;
    if (message->n_records == 0)
        return false;
    message->n_records--;
    wire_frames_t frames = frames_of (message);
    if (wire_read_group (&message->records, &frames, message->kind, group, &message->n_extra))
        return false;
    message->n_tasks = group->n_tasks;
    return true;
}

bool wire_next_result (wire_message_t *message, wire_result_t *result)
{
    if (message->n_records == 0 || message->kind != WIRE_RESULTS)
        return false;
    message->n_records--;
    wire_frames_t frames = frames_of (message);
    return !wire_read_result (&message->records, &frames, result);
}

static bool has_runs (const wire_message_t *message)
{
    switch (message->kind) {
    case WIRE_PROGRESS:
    case WIRE_RUNS:
    case WIRE_ADOPT:
    case WIRE_RELEASE:
        return true;
    case WIRE_CANCEL:
    case WIRE_REVOKE:
        return !message->has_ranges;
    default:
        return false;
    }
}

bool wire_next_run (wire_message_t *message, wire_run_t *run)
{
    if (message->n_records == 0 || !has_runs (message))
        return false;
    message->n_records--;
    return !wire_read_run (&message->records, message->kind, run);
}

static bool has_ranges (const wire_message_t *message)
{
    return message->kind == WIRE_CLAIM || message->kind == WIRE_MISSING
           || ((message->kind == WIRE_CANCEL || message->kind == WIRE_REVOKE) && message->has_ranges);
}

bool wire_next_range (wire_message_t *message, wire_range_t *range)
{
    if (message->n_records == 0 || !has_ranges (message))
        return false;
    message->n_records--;
    return !wire_read_range (&message->records, range);
}

bool wire_next_session (wire_message_t *message, uint64_t *session)
{
    if (message->n_records == 0 || message->kind != WIRE_ROOM)
        return false;
    message->n_records--;
    *session = dp_reader_uint (&message->records);
    return !message->records.is_failed;
}

bool wire_next_name (dp_reader_t *names, size_t *n_left, wire_text_t *name)
{
    if (*n_left == 0)
        return false;
    --*n_left;
    name->data = dp_reader_str (names, &name->len);
    return !names->is_failed;
}
