/* SPDX-License-Identifier: MPL-2.0 */
/*
 * wire_fuzz.c - the decoder of messages, fed one raw message. What it accepts is read to its end, and where
 * it is made of records it is written anew and decoded once more: nothing may have changed.
 */
#include "tests/fuzz/fuzz.h"

#include "tests/support/wire_samples.h"

#include <string.h>

static bool is_same (const wire_bytes_t *a, const wire_bytes_t *b)
{
    return a->len == b->len && (a->len == 0 || memcmp (a->data, b->data, a->len) == 0);
}

static bool is_same_text (const wire_text_t *a, const wire_text_t *b)
{
    return a->len == b->len && (a->len == 0 || memcmp (a->data, b->data, a->len) == 0);
}

/* ---- Each kind of record: write it, or compare it with what became of it -------------------------- */

static void write_tasks (wire_message_t *message, wire_batch_t *batch, dp_outbox_t *out)
{
    wire_group_t group;
    wire_task_t task;
    while (wire_next_group (message, &group))
        while (wire_next_task (message, &task))
            wire_add_task (batch, out, 0, message->kind, &group, &task, NULL);
}

static void write_records (wire_message_t *message, wire_batch_t *batch, dp_outbox_t *out)
{
    wire_result_t result;
    wire_range_t range;
    wire_run_t run;
    if (message->kind == WIRE_SUBMIT || message->kind == WIRE_TASKS)
        write_tasks (message, batch, out);
    while (wire_next_result (message, &result))
        wire_add_result (batch, out, 0, &result, NULL);
    while (wire_next_range (message, &range))
        wire_add_range (batch, out, 0, message->kind, &range);
    while (wire_next_run (message, &run))
        wire_add_run (batch, out, 0, message->kind, &run);
    wire_flush (batch, out, message->ack, message->window_tasks, message->window_bytes);
}

static void check_task (const wire_group_t *group, const wire_task_t *task, const wire_group_t *group_was,
                        const wire_task_t *was)
{
    FUZZ_CHECK (is_same_text (&group->function, &group_was->function));
    FUZZ_CHECK (is_same_text (&group->require, &group_was->require));
    FUZZ_CHECK (group->session == group_was->session && group->priority == group_was->priority);
    FUZZ_CHECK (group->time_limit_ms == group_was->time_limit_ms);
    FUZZ_CHECK (group->is_at_most_once == group_was->is_at_most_once);
    FUZZ_CHECK (task->id == was->id && task->attempt == was->attempt && task->job == was->job);
    FUZZ_CHECK (task->first == was->first && task->n_items == was->n_items);
    FUZZ_CHECK (is_same (&task->payload, &was->payload));
}

/* A group may have been written as several. */
static bool next_task (wire_message_t *message, wire_group_t *group, wire_task_t *task)
{
    while (!wire_next_task (message, task))
        if (!wire_next_group (message, group))
            return false;
    return true;
}

static void compare (wire_message_t *now, wire_message_t *was)
{
    static wire_group_t group, group_was;
    wire_task_t task, task_was;
    wire_result_t result, result_was;
    wire_range_t range, range_was;
    wire_run_t run, run_was;
    while (next_task (now, &group, &task)) {
        FUZZ_CHECK (next_task (was, &group_was, &task_was));
        check_task (&group, &task, &group_was, &task_was);
    }
    while (wire_next_result (now, &result)) {
        FUZZ_CHECK (wire_next_result (was, &result_was));
        FUZZ_CHECK (result.session == result_was.session && result.id == result_was.id);
        FUZZ_CHECK (result.attempt == result_was.attempt && result.status == result_was.status);
        FUZZ_CHECK (result.is_final == result_was.is_final && result.first == result_was.first);
        FUZZ_CHECK (result.n_items == result_was.n_items && result.run_us == result_was.run_us);
        FUZZ_CHECK (is_same (&result.payload, &result_was.payload));
    }
    while (wire_next_range (now, &range)) {
        FUZZ_CHECK (wire_next_range (was, &range_was));
        FUZZ_CHECK (range.first == range_was.first && range.last == range_was.last);
    }
    while (wire_next_run (now, &run)) {
        FUZZ_CHECK (wire_next_run (was, &run_was));
        FUZZ_CHECK (run.session == run_was.session && run.id == run_was.id);
        FUZZ_CHECK (run.attempt == run_was.attempt);
    }
}

/* What was written may be several messages; "was" is read on from one to the next. */
static void check_rewritten (dp_outbox_t *out, wire_message_t *was)
{
    static wire_message_t now;
    dp_outgoing_t *outgoing;
    const char *why = "";
    while ((outgoing = dp_outbox_take (out)) != NULL) {
        FUZZ_CHECK (wire_decode_outgoing (&now, outgoing, &why) == 0);
        FUZZ_CHECK (now.kind == was->kind);
        compare (&now, was);
        dp_outgoing_destroy (&outgoing);
    }
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static wire_message_t message, copy;
    fuzz_input_t input = { data, data + size };
    fuzz_message_t raw;
    const char *why = NULL;
    fuzz_take_message (&input, &raw);
    fuzz_bound_begin ();
    int rc = wire_decode (&message, raw.frames, raw.n_frames, &why);
    if (rc == 0) {
        copy = message;
        wire_read_all (&copy);
        FUZZ_CHECK (copy.n_records == 0);
    } else
        FUZZ_CHECK (why != NULL);
    fuzz_bound_end (raw.n_bytes);
    if (rc == 0) {
        wire_batch_t batch = { 0 };
        dp_outbox_t out = { NULL, NULL, 0 };
        copy = message;
        write_records (&copy, &batch, &out);
        wire_batch_fini (&batch);
        check_rewritten (&out, &message);
        wire_read_all (&message);
    }
    fuzz_message_fini (&raw);
    return 0;
}
