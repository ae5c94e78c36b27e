/* SPDX-License-Identifier: MPL-2.0 */
/* wire_batch.c - messages of many records. Counts, acks and windows are only known when a message is
   sent off, so they are written in forms of a fixed length and filled in by wire_flush. */
#include "core/pack.h"
#include "core/wire_parts.h"

#include <string.h>

/* Where they stand: one byte for the array, one for the kind, nine for the ack, then what the kind has. */
enum { ACK_AT = 2, LAST_AT = 11, WINDOW_TASKS_AT = 11, WINDOW_BYTES_AT = 20 };

static bool has_window (wire_kind_t kind)
{
    return kind == WIRE_RESULTS || kind == WIRE_RELEASE;
}

static bool has_last (wire_kind_t kind)
{
    return kind == WIRE_CLAIM || kind == WIRE_RUNS;
}

/* Does it say of ids or of runs? */
static bool has_form (wire_kind_t kind)
{
    return kind == WIRE_CANCEL || kind == WIRE_REVOKE;
}

static void set_count (wire_batch_t *batch, size_t at, size_t n)
{
    dp_pack_big_endian (batch->message->envelope.data + at + 1, n, 2);
}

/* The head of an array whose count is filled in later. Returns where it stands. */
static size_t write_open_array (dp_outgoing_t *message)
{
    size_t at = message->envelope.len;
    dp_pack_headed (wire_room (message, 3), 0xdc, 0, 2);
    return at;
}

static void start (wire_batch_t *batch, uint64_t to, wire_kind_t kind, bool has_ranges)
{
    memset (batch, 0, sizeof *batch);
    dp_outgoing_t *message = batch->message = wire_outgoing_new (to, kind);
    batch->has_ranges = has_ranges;
    size_t n_fields = has_window (kind) ? 5 : has_last (kind) || has_form (kind) ? 4 : 3;
    wire_write_byte (message, (uint8_t) (0x90 + n_fields));
    wire_write_byte (message, (uint8_t) kind);
    dp_pack_uint_wide (wire_room (message, DP_PACK_MAX), 0);
    if (has_window (kind)) {
        dp_pack_uint_wide (wire_room (message, DP_PACK_MAX), 0);
        dp_pack_uint_wide (wire_room (message, DP_PACK_MAX), 0);
    } else if (has_last (kind))
        wire_write_byte (message, 0xc2);
    else if (has_form (kind))
        wire_write_byte (message, has_ranges ? WIRE_FORM_RANGES : WIRE_FORM_RUNS);
    batch->count_at = write_open_array (message);
}

/* Have a batch open for one more record with a payload of payload_len bytes. */
static void prepare (wire_batch_t *batch, dp_outbox_t *out, uint64_t to, wire_kind_t kind, bool has_ranges,
                     size_t payload_len)
{
    const dp_outgoing_t *message = batch->message;
    if (message) {
        bool is_other = message->kind != kind || message->to != to || batch->has_ranges != has_ranges;
        size_t len = message->envelope.len + batch->n_total;
        bool is_full
            = batch->n_records > 0 && (len > WIRE_BATCH_BYTES || payload_len > WIRE_BATCH_BYTES - len);
        if (is_other || is_full)
            wire_flush (batch, out, 0, 0, 0);
    }
    if (!batch->message)
        start (batch, to, kind, has_ranges);
}

static void flush_when_full (wire_batch_t *batch, dp_outbox_t *out)
{
    const dp_outgoing_t *message = batch->message;
    if (message->envelope.len + batch->n_total >= WIRE_BATCH_BYTES || batch->n_records >= WIRE_BATCH_RECORDS
        || message->n_frames == WIRE_MAX_FRAMES - 1)
        wire_flush (batch, out, 0, 0, 0);
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

static bool is_same_text (const wire_text_t *text, const char *name, size_t len)
{
    return text->len == len && (len == 0 || memcmp (text->data, name, len) == 0);
}

static bool is_same_group (const wire_batch_t *batch, const wire_group_t *group)
{
    const wire_group_t *open = &batch->group;
    return batch->n_groups > 0 && open->session == group->session && open->priority == group->priority
           && open->time_limit_ms == group->time_limit_ms && open->is_at_most_once == group->is_at_most_once
           && open->is_loose == group->is_loose
           && is_same_text (&group->function, batch->group_names[0], open->function.len)
           && is_same_text (&group->require, batch->group_names[1], open->require.len);
}

/* A copy of a name in the batch: the caller's may be gone when the next task comes. */
static wire_text_t keep_name (char *place, size_t size, const wire_text_t *name)
{
    size_t len = name->len < size ? name->len : size;
    if (len > 0)
        memcpy (place, name->data, len);
    return (wire_text_t) { place, len };
}

static void open_group (wire_batch_t *batch, const wire_group_t *group)
{
    dp_outgoing_t *message = batch->message;
    if (batch->n_groups > 0)
        set_count (batch, batch->tasks_at, batch->n_tasks);
    batch->n_groups++;
    batch->n_tasks = 0;
    batch->group = *group;
    batch->group.function = keep_name (batch->group_names[0], sizeof batch->group_names[0], &group->function);
    batch->group.require = keep_name (batch->group_names[1], sizeof batch->group_names[1], &group->require);
    wire_write_byte (message, 0x94);
    if (group->session != 0)
        wire_write_uint (message, group->session);
    else
        wire_write_byte (message, 0xc0);
    wire_write_text (message, batch->group.function.data, batch->group.function.len);
    size_t n_options = wire_fields_count (wire_options_fields, WIRE_N_OPTIONS, group);
    wire_write_byte (message, (uint8_t) (0x80 + n_options));
    wire_fields_write (message, wire_options_fields, WIRE_N_OPTIONS, group, NULL);
    batch->tasks_at = write_open_array (message);
}

void wire_add_task (wire_batch_t *batch, dp_outbox_t *out, uint64_t to, wire_kind_t kind,
                    const wire_group_t *group, const wire_task_t *task, dp_blob_t *blob)
{
    prepare (batch, out, to, kind, false, task->payload.len);
    if (!is_same_group (batch, group))
        open_group (batch, group);
    dp_outgoing_t *message = batch->message;
    uint8_t *room = wire_room (message, 1 + 5 * DP_PACK_MAX), *at = room;
    *at++ = 0x96;
    at = dp_pack_uint (at, task->id);
    at = dp_pack_uint (at, task->attempt);
    at = dp_pack_uint (at, task->job);
    at = dp_pack_uint (at, task->first);
    at = dp_pack_uint (at, task->n_items);
    message->envelope.len -= 1 + 5 * DP_PACK_MAX - (size_t) (at - room);
    batch->n_total += wire_write_bytes (message, &task->payload, blob);
    batch->n_tasks++;
    batch->n_records++;
    flush_when_full (batch, out);
}

/* ---- Other records ------------------------------------------------------------------------------ */

static uint8_t *pack_session (uint8_t *at, uint64_t session)
{
    return session != 0 ? dp_pack_uint (at, session) : dp_pack_nil (at);
}

void wire_add_result (wire_batch_t *batch, dp_outbox_t *out, uint64_t to, const wire_result_t *result,
                      dp_blob_t *blob)
{
    prepare (batch, out, to, WIRE_RESULTS, false, result->payload.len);
    dp_outgoing_t *message = batch->message;
    uint8_t *room = wire_room (message, 2 + 7 * DP_PACK_MAX), *at = room;
    *at++ = 0x99;
    at = pack_session (at, result->session);
    at = dp_pack_uint (at, result->id);
    at = dp_pack_uint (at, result->attempt);
    at = dp_pack_uint (at, result->status);
    at = dp_pack_bool (at, result->is_final);
    at = dp_pack_uint (at, result->first);
    at = dp_pack_uint (at, result->n_items);
    at = dp_pack_uint (at, result->run_us);
    message->envelope.len -= 2 + 7 * DP_PACK_MAX - (size_t) (at - room);
    batch->n_total += wire_write_bytes (message, &result->payload, blob);
    batch->n_records++;
    flush_when_full (batch, out);
}

void wire_add_run (wire_batch_t *batch, dp_outbox_t *out, uint64_t to, wire_kind_t kind,
                   const wire_run_t *run)
{
    prepare (batch, out, to, kind, false, 0);
    dp_outgoing_t *message = batch->message;
    uint8_t *room = wire_room (message, 1 + 8 * DP_PACK_MAX), *at = room;
    *at++ = kind == WIRE_PROGRESS ? 0x99 : kind == WIRE_RUNS ? 0x94 : 0x93;
    at = pack_session (at, run->session);
    at = dp_pack_uint (at, run->id);
    at = dp_pack_uint (at, run->attempt);
    if (kind == WIRE_PROGRESS || kind == WIRE_RUNS)
        at = dp_pack_uint (at, run->state);
    if (kind == WIRE_PROGRESS) {
        at = dp_pack_uint (at, run->item);
        at = dp_pack_uint (at, run->done);
        at = dp_pack_uint (at, run->steps);
        at = dp_pack_uint (at, run->since_ms);
    }
    message->envelope.len -= 1 + 8 * DP_PACK_MAX - (size_t) (at - room);
    if (kind == WIRE_PROGRESS && run->worker.len > 0)
        wire_write_line (message, &run->worker, true);
    else if (kind == WIRE_PROGRESS)
        wire_write_byte (message, 0xc0);
    batch->n_records++;
    flush_when_full (batch, out);
}

void wire_add_range (wire_batch_t *batch, dp_outbox_t *out, uint64_t to, wire_kind_t kind,
                     const wire_range_t *range)
{
    prepare (batch, out, to, kind, true, 0);
    dp_outgoing_t *message = batch->message;
    uint8_t *room = wire_room (message, 2 + 2 * DP_PACK_MAX), *at = room;
    *at++ = range->is_at_most_once ? 0x93 : 0x92;
    at = dp_pack_uint (at, range->first);
    at = dp_pack_uint (at, range->last);
    if (range->is_at_most_once)
        at = dp_pack_bool (at, true);
    message->envelope.len -= 2 + 2 * DP_PACK_MAX - (size_t) (at - room);
    batch->n_records++;
    flush_when_full (batch, out);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

void wire_end_list (wire_batch_t *batch, dp_outbox_t *out, uint64_t to, wire_kind_t kind, uint64_t ack)
{
    prepare (batch, out, to, kind, kind == WIRE_CLAIM, 0);
    batch->message->envelope.data[LAST_AT] = 0xc3;
    wire_flush (batch, out, ack, 0, 0);
}

void wire_flush (wire_batch_t *batch, dp_outbox_t *out, uint64_t ack, uint64_t window_tasks,
                 uint64_t window_bytes)
{
    dp_outgoing_t *message = batch->message;
    if (!message)
        return;
    uint8_t *data = message->envelope.data;
    dp_pack_uint_wide (data + ACK_AT, ack);
    if (has_window (message->kind)) {
        dp_pack_uint_wide (data + WINDOW_TASKS_AT, window_tasks);
        dp_pack_uint_wide (data + WINDOW_BYTES_AT, window_bytes);
    }
    bool has_groups = batch->n_groups > 0;
    if (has_groups)
        set_count (batch, batch->tasks_at, batch->n_tasks);
    set_count (batch, batch->count_at, has_groups ? batch->n_groups : batch->n_records);
    if (batch->n_total > WIRE_LARGE_BYTES)
        wire_put_number (out, message->to, WIRE_LARGE, 0, batch->n_total);
    dp_outbox_put (out, message);
    batch->message = NULL;
}

void wire_batch_fini (wire_batch_t *batch)
{
    dp_outgoing_destroy (&batch->message);
}
