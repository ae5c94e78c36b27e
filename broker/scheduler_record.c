/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_record.c - a task's record. While it waits, that is its fields and one row of bytes behind them:
 *
 *   the pointer to its blob   has_blob
 *   its numbers               each in as few bytes as it needs, seven bits a byte
 *   its payload               else
 */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <string.h>

enum { MOST_BYTES = 10, N_NUMBERS = 5 };

/* ---- Numbers -------------------------------------------------------------------------------- */

static inline uint8_t *pack (uint8_t *at, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *at++ = (uint8_t) (number | 0x80);
    *at++ = (uint8_t) number;
    return at;
}

static inline uint64_t unpack (const uint8_t **at)
{
    uint64_t number = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        number |= (uint64_t) (byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
}

static size_t pack_numbers (uint8_t *bytes, const task_numbers_t *numbers)
{
    uint8_t *at = pack (bytes, numbers->attempt);
    at = pack (at, numbers->n_items);
    at = pack (at, numbers->time_limit_ms);
    at = pack (at, numbers->job);
    at = pack (at, numbers->first);
    return (size_t) (at - bytes);
}

static const uint8_t *packed_numbers (const task_t *task)
{
    return task->packed + (task->has_blob ? sizeof (dp_blob_t *) : 0);
}

static task_numbers_t unpack_numbers (const uint8_t **at)
{
    task_numbers_t numbers;
    numbers.attempt = unpack (at);
    numbers.n_items = unpack (at);
    numbers.time_limit_ms = unpack (at);
    numbers.job = unpack (at);
    numbers.first = unpack (at);
    return numbers;
}

static uint64_t submitted_attempt (const task_t *task)
{
    const uint8_t *at = packed_numbers (task);
    return unpack (&at);
}

uint64_t scheduler_attempt_of (const task_t *task)
{
    return task->has_runs ? task->by.runs->attempt : submitted_attempt (task) + task->was_given;
}

uint64_t scheduler_last_attempt_of (const task_t *task)
{
    return task->has_runs ? task->by.runs->last_attempt : scheduler_attempt_of (task);
}

void scheduler_next_attempt (scheduler_t *self, task_t *task)
{
    if (!task->has_runs && !task->was_given) {
        task->was_given = true;
        return;
    }
    task_runs_t *runs = scheduler_need_runs (self, task);
    runs->attempt = ++runs->last_attempt;
}

void scheduler_take_attempt_back (task_t *task)
{
    if (!task->has_runs)
        task->was_given = false;
    else if (task->by.runs->last_attempt == task->by.runs->attempt)
        task->by.runs->attempt = --task->by.runs->last_attempt;
}

uint64_t scheduler_n_submitted_of (const task_t *task)
{
    const uint8_t *at = packed_numbers (task);
    unpack (&at);
    return unpack (&at);
}

uint64_t scheduler_n_items_of (const task_t *task)
{
    return task->has_runs && task->by.runs->is_cut ? task->by.runs->n_items : scheduler_n_submitted_of (task);
}

uint64_t scheduler_n_told_of (const task_t *task)
{
    return task->has_runs ? task->by.runs->n_told : 0;
}

dp_list_t *scheduler_held_of (task_t *task)
{
    if (task->has_runs)
        return &task->by.runs->held;
    return task->state == TASK_FINISHED ? &task->in_place : NULL;
}

/* ---- Payload -------------------------------------------------------------------------------- */

static dp_blob_t *blob_of (const task_t *task)
{
    dp_blob_t *blob = NULL;
    if (task->has_blob)
        memcpy (&blob, task->packed, sizeof blob);
    return blob;
}

static dp_blob_t *keep (const wire_bytes_t *payload, dp_blob_t *blob)
{
    blob = blob != NULL ? dp_blob_hold (blob) : dp_blob_copy (payload->data, payload->len);
    if (blob == NULL)
        dp_no_memory (payload->len);
    return blob;
}

/* The length of the first n of the values; of all bytes where they are malformed: whoever runs them says so.
 */
static size_t len_of (const wire_bytes_t *payload, uint64_t n)
{
    dp_reader_t values;
    dp_reader_init (&values, payload->data, payload->len);
    for (uint64_t i = 0; i < n; i++) {
        size_t len;
        if (dp_reader_skip (&values, &len) == NULL)
            return payload->len;
    }
    return (size_t) (values.at - payload->data);
}

task_body_t scheduler_body_of (const task_t *task)
{
    const uint8_t *at = packed_numbers (task);
    task_body_t body = { .numbers = unpack_numbers (&at), .blob = blob_of (task) };
    body.payload = (wire_bytes_t) { body.blob != NULL ? dp_blob_data (body.blob) : at, task->payload_len, 0 };
    if (task->has_runs && task->by.runs->is_cut) {
        body.numbers.n_items = task->by.runs->n_items;
        body.payload.len = len_of (&body.payload, body.numbers.n_items);
    }
    return body;
}

/* A short one stays where it is until the record goes. */
void scheduler_drop_payload (task_t *task)
{
    task->payload_len = 0;
    if (!task->has_blob)
        return;
    dp_blob_t *blob = blob_of (task);
    dp_blob_release (&blob);
    memcpy (task->packed, &blob, sizeof blob); /* none */
}

/* ---- Life ----------------------------------------------------------------------------------- */

/* Short records come from slabs: malloc would take four times the instructions, and a word more. */
static task_t *get_memory (scheduler_t *self, size_t len)
{
    size_t more = len > sizeof (task_t) ? len - sizeof (task_t) : 0;
    size_t size = (more + sizeof (uint64_t) - 1) / sizeof (uint64_t);
    uint8_t number = 0;
    task_t *task
        = size < SCHEDULER_TASK_SIZES ? dp_slabs_take (&self->tasks[size], &number) : dp_must_alloc_raw (len);
    *task = (task_t) { .size = (uint8_t) (size < SCHEDULER_TASK_SIZES ? size : SCHEDULER_TASK_SIZES),
                       .number = number };
    return task;
}

static void free_memory (scheduler_t *self, task_t *task)
{
    if (task->size < SCHEDULER_TASK_SIZES)
        dp_slabs_put (&self->tasks[task->size], task, task->number);
    else
        dp_free (task);
}

void scheduler_init_records (scheduler_t *self)
{
    for (size_t i = 0; i < SCHEDULER_TASK_SIZES; i++)
        dp_slabs_init (&self->tasks[i], sizeof (task_t) + i * sizeof (uint64_t), SCHEDULER_MAX_SLABS);
    dp_slabs_init (&self->runs, sizeof (task_runs_t), SCHEDULER_MAX_SLABS);
    dp_slabs_init (&self->held, sizeof (held_t), SCHEDULER_MAX_SLABS);
}

void scheduler_trim_records (scheduler_t *self)
{
    for (size_t i = 0; i < SCHEDULER_TASK_SIZES; i++)
        dp_slabs_trim (&self->tasks[i]);
    dp_slabs_trim (&self->runs);
    dp_slabs_trim (&self->held);
}

task_t *scheduler_new_record (scheduler_t *self, uint64_t id, const task_numbers_t *numbers,
                              const wire_bytes_t *payload, dp_blob_t *blob)
{
    uint8_t packed[N_NUMBERS * MOST_BYTES];
    size_t n_packed = pack_numbers (packed, numbers);
    bool has_blob = payload->len > SCHEDULER_INLINE_PAYLOAD;
    size_t len = n_packed + (has_blob ? sizeof blob : payload->len);
    task_t *task = get_memory (self, offsetof (task_t, packed) + len);
    task->by_id.key = id;
    task->payload_len = (uint32_t) payload->len;
    task->has_blob = has_blob;
    dp_list_init (&task->in_place);
    uint8_t *at = task->packed;
    if (has_blob) {
        blob = keep (payload, blob);
        memcpy (at, &blob, sizeof blob);
        at += sizeof blob;
    }
    memcpy (at, packed, n_packed);
    if (!has_blob && payload->len > 0)
        memcpy (at + n_packed, payload->data, payload->len);
    return task;
}

void scheduler_free_record (scheduler_t *self, task_t *task)
{
    dp_blob_t *blob = blob_of (task);
    dp_blob_release (&blob);
    if (task->has_runs)
        dp_slabs_put (&self->runs, task->by.runs, task->by.runs->number);
    free_memory (self, task);
}

task_runs_t *scheduler_need_runs (scheduler_t *self, task_t *task)
{
    if (task->has_runs)
        return task->by.runs;
    uint64_t attempt = scheduler_attempt_of (task);
    uint8_t number;
    task_runs_t *runs = dp_slabs_take (&self->runs, &number);
    *runs = (task_runs_t) {
        .worker = task->by.worker, .attempt = attempt, .last_attempt = attempt, .number = number
    };
    dp_list_init (&runs->held);
    task->by.runs = runs;
    task->has_runs = true;
    return runs;
}

void scheduler_shed_runs (scheduler_t *self, task_t *task)
{
    if (!task->has_runs)
        return;
    task_runs_t *runs = task->by.runs;
    uint64_t n_given = runs->attempt - submitted_attempt (task);
    if (runs->is_cut || runs->n_told > 0 || !dp_list_is_empty (&runs->held)
        || runs->attempt != runs->last_attempt || n_given > 1)
        return;
    dp_slabs_put (&self->runs, runs, runs->number);
    task->by.worker = NULL;
    task->has_runs = false;
    task->was_given = n_given == 1;
}
