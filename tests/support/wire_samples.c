/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/wire_samples.h"

#include <string.h>

size_t wire_frames_of (const dp_outgoing_t *message, wire_bytes_t frames[WIRE_MAX_FRAMES])
{
    frames[0] = (wire_bytes_t) { message->envelope.data, message->envelope.len, 0 };
    for (size_t i = 0; i < message->n_frames; i++)
        frames[i + 1]
            = (wire_bytes_t) { dp_blob_data (message->frames[i]), dp_blob_len (message->frames[i]), 0 };
    return message->n_frames + 1;
}

int wire_decode_outgoing (wire_message_t *message, const dp_outgoing_t *outgoing, const char **why)
{
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    size_t n_frames = wire_frames_of (outgoing, frames);
    return wire_decode (message, frames, n_frames, why);
}

static size_t read_names (dp_reader_t names, size_t n_names)
{
    size_t n = 0;
    wire_text_t name;
    while (wire_next_name (&names, &n_names, &name))
        n += name.len > 0;
    return n;
}

/* Touch the bytes, so that a checker of memory sees where they lie: copied, for a loop over each of them
   takes most of the time of those who decode a long payload a million times. */
static size_t touch (const wire_bytes_t *bytes)
{
    static uint8_t copy[4096];
    size_t sum = 0;
    for (size_t at = 0, n; at < bytes->len; at += n) {
        n = bytes->len - at < sizeof copy ? bytes->len - at : sizeof copy;
        memcpy (copy, bytes->data + at, n);
        sum += copy[n - 1];
    }
    return sum > 0;
}

size_t wire_read_all (wire_message_t *message)
{
    size_t n = 0, touched = 0;
    wire_group_t group;
    wire_task_t task;
    wire_result_t result;
    wire_run_t run;
    wire_range_t range;
    uint64_t session;
    while (wire_next_group (message, &group))
        while (wire_next_task (message, &task)) {
            touched += touch (&task.payload);
            n++;
        }
    while (wire_next_result (message, &result)) {
        touched += touch (&result.payload);
        n++;
    }
    while (wire_next_run (message, &run))
        n++;
    while (wire_next_range (message, &range))
        n++;
    while (wire_next_session (message, &session))
        n++;
    if (message->kind == WIRE_HELLO)
        touched += read_names (message->hello.functions, message->hello.n_functions)
                   + read_names (message->hello.labels, message->hello.n_labels)
                   + touch (&message->hello.initializer_args);
    return n + (touched > SIZE_MAX / 2);
}

static void put_greetings (dp_outbox_t *out)
{
    static const char *const functions[] = { "square", "geo.area" }, *const labels[] = { "gpu" };
    wire_hello_t client
        = { .version_min = 1, .version_max = 1, .role = WIRE_ROLE_CLIENT, .id = 77, .connection = 1 };
    client.host = WIRE_TEXT ("node1");
    client.initializer = WIRE_TEXT ("prepare");
    client.initializer_args = (wire_bytes_t) { (const uint8_t *) "\x92\x01\x02", 3, 0 };
    client.pid = 4711;
    client.seed = UINT64_MAX;
    client.max_tasks_per_child = 5;
    wire_put_hello (out, 1, &client, NULL, NULL);
    wire_hello_t worker
        = { .version_min = 1, .version_max = 2, .role = WIRE_ROLE_WORKER, .id = 78, .connection = 3 };
    worker.name = WIRE_TEXT ("w\xc3\xb6rker 1");
    worker.processes = 8;
    worker.window_tasks = 100;
    worker.window_bytes = 1 << 20;
    worker.is_draining = true;
    worker.n_functions = 2;
    worker.n_labels = 1;
    wire_put_hello (out, 2, &worker, functions, labels);
    wire_welcome_t welcome
        = { 1, UINT64_C (0xfedcba9876543210), true, 64 << 20, 1000, 8, WIRE_TEXT ("broker"), 1 << 20, 9 };
    wire_put_welcome (out, 1, &welcome);
    wire_put_refused (out, 1, WIRE_REFUSED_VERSION, "we speak version 1");
}

static void put_singles (dp_outbox_t *out)
{
    static const wire_kind_t bare[] = { WIRE_WHO, WIRE_PING, WIRE_PONG, WIRE_BYE, WIRE_ACK, WIRE_DRAIN };
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++)
        wire_put_bare (out, 1, bare[i], 300);
    wire_put_workers (out, 1, 4, 16);
    wire_put_number (out, 1, WIRE_LARGE, 4, 3 << 20);
    wire_put_room (out, 1, 4, 1 << 20, 9, (const uint64_t[]) { 3, UINT64_MAX }, 2);
    wire_session_t session = { 77, 5, 6, WIRE_TEXT ("prepare"), { (const uint8_t *) "\x90", 1, 0 }, true };
    wire_put_session (out, 2, 1, &session, NULL);
    wire_put_session_end (out, 2, 1, 77);
    wire_query_t query = { 9, WIRE_QUERY_EXPLAIN, 1234, WIRE_TEXT ("") };
    wire_put_query (out, 0, 2, &query);
    query = (wire_query_t) { 10, WIRE_QUERY_FUNCTION, 0, WIRE_TEXT ("geo.area") };
    wire_put_query (out, 0, 2, &query);
    wire_answer_t answer = { 9, 2, 3, 400, 1, WIRE_TEXT ("w1"), WIRE_TEXT ("it\nwaits") };
    wire_put_answer (out, 1, 2, &answer);
    wire_put_window (out, 0, 7, 10, 1000);
    wire_memory_t memory = { 4711, 5, 1 << 30, UINT64_MAX, 7, 3, true };
    wire_put_memory (out, 1, &memory);
}

static void put_tasks (dp_outbox_t *out, wire_kind_t kind)
{
    wire_batch_t batch = { 0 };
    static uint8_t big[WIRE_INLINE_MAX + 1];
    memset (big, 0x05, sizeof big);
    dp_blob_t *blob = dp_blob_copy (big, sizeof big);
    wire_group_t plain = { .function = WIRE_TEXT ("square") };
    wire_group_t full = { .function = WIRE_TEXT ("f"), .require = WIRE_TEXT ("gpu"), .priority = -3 };
    full.time_limit_ms = 1500;
    full.is_at_most_once = full.is_loose = true;
    if (kind == WIRE_TASKS)
        plain.session = full.session = 77;
    wire_task_t task = { 1, 1000, 2, 30, 3, { (const uint8_t *) "\x01\x02\x03", 3, 0 } };
    wire_add_task (&batch, out, 2, kind, &plain, &task, NULL);
    task.id = UINT64_C (1) << 40;
    wire_add_task (&batch, out, 2, kind, &plain, &task, NULL);
    task.payload = (wire_bytes_t) { dp_blob_data (blob), dp_blob_len (blob), 0 };
    wire_add_task (&batch, out, 2, kind, &full, &task, blob);
    wire_flush (&batch, out, 12, 0, 0);
    dp_blob_release (&blob);
}

static void put_results (dp_outbox_t *out)
{
    wire_batch_t batch = { 0 };
    static uint8_t big[WIRE_INLINE_MAX + 2];
    wire_result_t result
        = { .session = 77, .id = 300, .attempt = 1001, .status = OUTCOME_VALUE, .is_final = true };
    result.first = 4;
    result.n_items = 1;
    result.run_us = 123456;
    result.payload = (wire_bytes_t) { (const uint8_t *) "\x00\x07", 2, 0 };
    wire_add_result (&batch, out, 0, &result, NULL);
    result.payload = (wire_bytes_t) { big, sizeof big, 0 };
    result.n_items = sizeof big / 2;
    result.is_final = false;
    wire_add_result (&batch, out, 0, &result, NULL);
    result.session = 0;
    result.status = OUTCOME_LOST;
    result.n_items = 0;
    result.payload = (wire_bytes_t) { NULL, 0, 0 };
    wire_add_result (&batch, out, 0, &result, NULL);
    wire_flush (&batch, out, 5, 64, 1 << 20);
}

static void put_lists (dp_outbox_t *out)
{
    wire_batch_t batch = { 0 };
    const wire_range_t one = { 5, 5, false }, many = { 7, UINT64_MAX, true };
    static const wire_kind_t of_ranges[] = { WIRE_CLAIM, WIRE_MISSING, WIRE_CANCEL, WIRE_REVOKE };
    for (size_t i = 0; i < 4; i++) {
        wire_add_range (&batch, out, 0, of_ranges[i], &one);
        wire_add_range (&batch, out, 0, of_ranges[i], &many);
        if (of_ranges[i] == WIRE_CLAIM)
            wire_end_list (&batch, out, 0, WIRE_CLAIM, 9);
        else
            wire_flush (&batch, out, 9, 0, 0);
    }
    wire_run_t run = { 77, 300, 2, WIRE_RUN_RUNNING, 6, 50, 100, 2500, WIRE_TEXT ("w1") }, bare = run;
    bare.worker = WIRE_TEXT ("");
    bare.session = 0;
    static const wire_kind_t of_runs[]
        = { WIRE_PROGRESS, WIRE_RUNS, WIRE_ADOPT, WIRE_REVOKE, WIRE_CANCEL, WIRE_RELEASE };
    for (size_t i = 0; i < 6; i++) {
        wire_add_run (&batch, out, 0, of_runs[i], &run);
        wire_add_run (&batch, out, 0, of_runs[i], &bare);
        if (of_runs[i] == WIRE_RUNS)
            wire_end_list (&batch, out, 0, WIRE_RUNS, 9);
        else
            wire_flush (&batch, out, 9, 3, 4);
    }
    wire_end_list (&batch, out, 0, WIRE_CLAIM, 0);
    wire_end_list (&batch, out, 0, WIRE_RUNS, 0);
}

void wire_samples (dp_outbox_t *out)
{
    put_greetings (out);
    put_singles (out);
    put_tasks (out, WIRE_SUBMIT);
    put_tasks (out, WIRE_TASKS);
    put_results (out);
    put_lists (out);
}
