/* SPDX-License-Identifier: MPL-2.0 */
/* wire_test.c - what is written is what is read; wire_hostile_test.c has what others may write. */
#include "tests/support/test.h"

#include "core/wire.h"
#include "tests/support/wire_samples.h"

#include <string.h>

static dp_outbox_t out;
static dp_outgoing_t *outgoing; /* of the message read last: it points in there */
static wire_message_t message;

static int teardown (void **state)
{
    (void) state;
    dp_outgoing_destroy (&outgoing);
    dp_outbox_fini (&out);
    return 0;
}

/* Take the oldest message out of the outbox and decode it. */
static void take (wire_kind_t kind)
{
    dp_outgoing_destroy (&outgoing);
    outgoing = dp_outbox_take (&out);
    assert_non_null (outgoing);
    const char *why = "";
    if (wire_decode_outgoing (&message, outgoing, &why) < 0)
        fail_msg ("%s: %s", wire_kind_name (outgoing->kind), why);
    assert_null (why);
    assert_int_equal (message.kind, kind);
    assert_int_equal (outgoing->kind, kind);
}

static bool is_text (wire_text_t text, const char *wanted)
{
    return text.len == strlen (wanted) && memcmp (text.data, wanted, text.len) == 0;
}

static void names_its_kinds (void **state)
{
    (void) state;
    for (int i = 0; i <= WIRE_KINDS; i++)
        assert_int_equal (strcmp (wire_kind_name ((wire_kind_t) i), "?") == 0, i == 0 || i == WIRE_KINDS);
    assert_string_equal (wire_kind_name (WIRE_SESSION_END), "SESSION_END");
}

static void decodes_every_sample (void **state)
{
    (void) state;
    wire_samples (&out);
    uint64_t seen = 0;
    while (out.first) {
        take (out.first->kind);
        seen |= UINT64_C (1) << message.kind;
        wire_read_all (&message);
    }
    for (unsigned kind = WIRE_HELLO; kind < WIRE_KINDS; kind++)
        assert_true (seen & UINT64_C (1) << kind);
}

static void brings_hello_across (void **state)
{
    (void) state;
    wire_samples (&out);
    take (WIRE_HELLO);
    const wire_hello_t *client = &message.hello;
    assert_int_equal (client->role, WIRE_ROLE_CLIENT);
    assert_int_equal (client->id, 77);
    assert_int_equal (client->connection, 1);
    assert_int_equal (client->pid, 4711);
    assert_true (client->seed == UINT64_MAX);
    assert_int_equal (client->max_tasks_per_child, 5);
    assert_true (is_text (client->host, "node1"));
    assert_true (is_text (client->name, ""));
    assert_true (is_text (client->initializer, "prepare"));
    assert_int_equal (client->initializer_args.len, 3);
    assert_int_equal (client->n_functions, 0);
    take (WIRE_HELLO);
    wire_hello_t *worker = &message.hello;
    assert_int_equal (worker->version_min, 1);
    assert_int_equal (worker->version_max, 2);
    assert_int_equal (worker->role, WIRE_ROLE_WORKER);
    assert_int_equal (worker->processes, 8);
    assert_int_equal (worker->window_tasks, 100);
    assert_int_equal (worker->window_bytes, 1 << 20);
    assert_true (worker->is_draining);
    assert_int_equal (worker->n_functions, 2);
    wire_text_t name;
    assert_true (wire_next_name (&worker->functions, &worker->n_functions, &name));
    assert_true (is_text (name, "square"));
    assert_true (wire_next_name (&worker->functions, &worker->n_functions, &name));
    assert_true (is_text (name, "geo.area"));
    assert_false (wire_next_name (&worker->functions, &worker->n_functions, &name));
    assert_true (wire_next_name (&worker->labels, &worker->n_labels, &name));
    assert_true (is_text (name, "gpu"));
    take (WIRE_WELCOME);
    assert_int_equal (message.welcome.version, 1);
    assert_true (message.welcome.epoch == UINT64_C (0xfedcba9876543210));
    assert_true (message.welcome.is_session_kept);
    assert_int_equal (message.welcome.max_payload, 64 << 20);
    assert_int_equal (message.welcome.heartbeat_ms, 1000);
    assert_int_equal (message.welcome.processes, 8);
    assert_true (is_text (message.welcome.name, "broker"));
    take (WIRE_REFUSED);
    assert_int_equal (message.refused.code, WIRE_REFUSED_VERSION);
    assert_true (is_text (message.refused.text, "we speak version 1"));
}

static void brings_long_initializer_arguments_across (void **state)
{
    (void) state;
    static uint8_t big[200000];
    wire_hello_t hello
        = { .version_min = 1, .version_max = 1, .role = WIRE_ROLE_CLIENT, .id = 1, .connection = 1 };
    hello.initializer = WIRE_TEXT ("i");
    hello.initializer_args = (wire_bytes_t) { big, sizeof big, 0 };
    wire_put_hello (&out, 0, &hello, NULL, NULL);
    take (WIRE_HELLO);
    assert_int_equal (message.hello.initializer_args.frame, 1);
    assert_int_equal (message.hello.initializer_args.len, sizeof big);
}

static void brings_single_messages_across (void **state)
{
    (void) state;
    wire_put_bare (&out, 5, WIRE_ACK, 300);
    take (WIRE_ACK);
    assert_int_equal (outgoing->to, 5);
    assert_int_equal (message.ack, 300);
    wire_put_workers (&out, 1, 4, 16);
    take (WIRE_WORKERS);
    assert_int_equal (message.workers, 16);

    wire_put_number (&out, 1, WIRE_LARGE, 4, 3 << 20);
    take (WIRE_LARGE);
    assert_int_equal (message.large, 3 << 20);
    uint64_t full[] = { 3, UINT64_MAX }, id;
    wire_put_room (&out, 1, 4, 1 << 20, 7, full, 2);
    take (WIRE_ROOM);
    assert_int_equal (message.room, 1 << 20);
    assert_int_equal (message.most_tasks, 7);
    assert_true (wire_next_session (&message, &id) && id == 3);
    assert_true (wire_next_session (&message, &id) && id == UINT64_MAX);
    assert_false (wire_next_session (&message, &id));
    assert_int_equal (message.ack, 4);
    wire_session_t session = { 77, 5, 6, WIRE_TEXT ("prepare"), { (const uint8_t *) "\x90", 1, 0 }, true };
    wire_put_session (&out, 2, 1, &session, NULL);
    take (WIRE_SESSION);
    assert_int_equal (message.session.session, 77);
    assert_int_equal (message.session.seed, 5);
    assert_int_equal (message.session.max_tasks_per_child, 6);
    assert_true (is_text (message.session.initializer, "prepare"));
    assert_int_equal (message.session.initializer_args.len, 1);
    assert_true (message.session.has_own_children);
    wire_put_session_end (&out, 2, 1, 78);
    take (WIRE_SESSION_END);
    assert_int_equal (message.session.session, 78);
    wire_query_t query = { 9, WIRE_QUERY_STATUS, 1234, WIRE_TEXT ("") };
    wire_put_query (&out, 0, 2, &query);
    take (WIRE_QUERY);
    assert_int_equal (message.query.query, 9);
    assert_int_equal (message.query.question, WIRE_QUERY_STATUS);
    assert_int_equal (message.query.id, 1234);
    query = (wire_query_t) { 10, WIRE_QUERY_FUNCTION, 0, WIRE_TEXT ("geo.area") };
    wire_put_query (&out, 0, 2, &query);
    take (WIRE_QUERY);
    assert_true (is_text (message.query.name, "geo.area"));
    wire_answer_t answer = { 9, 2, 3, 400, 1, WIRE_TEXT ("w1"), WIRE_TEXT ("it\nwaits") };
    wire_put_answer (&out, 1, 2, &answer);
    take (WIRE_ANSWER);
    assert_int_equal (message.answer.query, 9);
    assert_int_equal (message.answer.reason, 2);
    assert_int_equal (message.answer.ahead, 3);
    assert_int_equal (message.answer.since_ms, 400);
    assert_int_equal (message.answer.attempt, 1);
    assert_true (is_text (message.answer.worker, "w1"));
    assert_true (is_text (message.answer.text, "it\nwaits"));
    wire_put_window (&out, 0, 7, 10, 1000);
    take (WIRE_RESULTS);
    assert_int_equal (message.window_tasks, 10);
    assert_int_equal (message.window_bytes, 1000);
    assert_int_equal (message.n_records, 0);
}

static void cleans_and_cuts_texts_for_the_reader (void **state)
{
    (void) state;
    static char text[2 * WIRE_MAX_ENVELOPE];
    memset (text, 'x', sizeof text - 1);
    wire_put_refused (&out, 0, WIRE_REFUSED_OTHER, text);
    take (WIRE_REFUSED);
    assert_int_equal (message.refused.text.len, 512 * 1024);
    wire_put_refused (&out, 0, WIRE_REFUSED_OTHER, "a\xff\x1b");
    take (WIRE_REFUSED);
    assert_true (is_text (message.refused.text, "a??"));
    wire_welcome_t welcome = { .version = 1, .name = { text, 300 } };
    text[3] = '\n';
    wire_put_welcome (&out, 0, &welcome);
    take (WIRE_WELCOME);
    assert_int_equal (message.welcome.name.len, 255);
    assert_int_equal (message.welcome.name.data[3], '?');
}

static void brings_groups_and_tasks_across (void **state)
{
    (void) state;
    wire_samples (&out);
    while (out.first->kind != WIRE_TASKS)
        take (out.first->kind);
    take (WIRE_TASKS);
    assert_int_equal (message.ack, 12);
    assert_int_equal (message.n_records, 2);
    wire_group_t group;
    wire_task_t task;
    assert_false (wire_next_task (&message, &task)); /* no group yet */
    assert_true (wire_next_group (&message, &group));
    assert_int_equal (group.session, 77);
    assert_true (is_text (group.function, "square"));
    assert_true (is_text (group.require, ""));
    assert_int_equal (group.priority, 0);
    assert_false (group.is_loose);
    assert_int_equal (group.n_tasks, 2);
    assert_true (wire_next_task (&message, &task));
    assert_int_equal (task.id, 1);
    assert_int_equal (task.attempt, 1000);
    assert_int_equal (task.job, 2);
    assert_int_equal (task.first, 30);
    assert_int_equal (task.n_items, 3);
    assert_int_equal (task.payload.frame, 0);
    assert_int_equal (task.payload.len, 3);
    assert_memory_equal (task.payload.data, "\x01\x02\x03", 3);
    assert_true (wire_next_task (&message, &task));
    assert_true (task.id == UINT64_C (1) << 40);
    assert_false (wire_next_task (&message, &task));
    assert_true (wire_next_group (&message, &group));
    assert_true (is_text (group.function, "f"));
    assert_true (is_text (group.require, "gpu"));
    assert_int_equal (group.priority, -3);
    assert_int_equal (group.time_limit_ms, 1500);
    assert_true (group.is_at_most_once);
    assert_true (group.is_loose);
    assert_true (wire_next_task (&message, &task));
    assert_int_equal (task.payload.frame, 1);
    assert_int_equal (task.payload.len, WIRE_INLINE_MAX + 1);
    assert_ptr_equal (task.payload.data, dp_blob_data (outgoing->frames[0]));
    assert_false (wire_next_task (&message, &task));
    assert_false (wire_next_group (&message, &group));
}

static void skips_tasks_that_nobody_asked_for (void **state)
{
    (void) state;
    wire_samples (&out);
    while (out.first->kind != WIRE_SUBMIT)
        take (out.first->kind);
    take (WIRE_SUBMIT);
    wire_group_t group;
    wire_task_t task;
    wire_result_t result;
    wire_run_t run;
    wire_range_t range;
    assert_false (wire_next_result (&message, &result));
    assert_false (wire_next_run (&message, &run));
    assert_false (wire_next_range (&message, &range));
    assert_true (wire_next_group (&message, &group));
    assert_int_equal (group.session, 0);
    assert_true (wire_next_task (&message, &task));
    assert_true (wire_next_group (&message, &group));
    assert_true (is_text (group.function, "f"));
    assert_false (wire_next_group (&message, &group));
}

static void brings_results_across (void **state)
{
    (void) state;
    wire_samples (&out);
    do
        take (out.first->kind);
    while (message.kind != WIRE_RESULTS || message.n_records == 0);
    assert_int_equal (message.ack, 5);
    assert_int_equal (message.window_tasks, 64);
    assert_int_equal (message.window_bytes, 1 << 20);
    wire_result_t result;
    assert_true (wire_next_result (&message, &result));
    assert_int_equal (result.session, 77);
    assert_int_equal (result.id, 300);
    assert_int_equal (result.attempt, 1001);
    assert_int_equal (result.status, OUTCOME_VALUE);
    assert_true (result.is_final);
    assert_int_equal (result.first, 4);
    assert_int_equal (result.n_items, 1);
    assert_int_equal (result.run_us, 123456);
    assert_memory_equal (result.payload.data, "\x00\x07", 2);
    assert_true (wire_next_result (&message, &result));
    assert_int_equal (result.payload.frame, 1);
    assert_false (result.is_final);
    assert_true (wire_next_result (&message, &result));
    assert_int_equal (result.session, 0);
    assert_int_equal (result.status, OUTCOME_LOST);
    assert_int_equal (result.payload.len, 0);
    assert_false (wire_next_result (&message, &result));
}

static void brings_ranges_across (void **state)
{
    (void) state;
    static const wire_kind_t kinds[] = { WIRE_CLAIM, WIRE_MISSING, WIRE_CANCEL, WIRE_REVOKE };
    for (size_t i = 0; i < 4; i++) {
        wire_batch_t batch = { 0 };
        wire_range_t range = { 5, 5, false };
        wire_add_range (&batch, &out, 0, kinds[i], &range);
        range = (wire_range_t) { 0, UINT64_MAX, true };
        wire_add_range (&batch, &out, 0, kinds[i], &range);
        wire_flush (&batch, &out, 9, 0, 0);
        take (kinds[i]);
        assert_int_equal (message.ack, 9);
        assert_false (message.is_last);
        wire_run_t run;
        assert_false (wire_next_run (&message, &run));
        assert_true (wire_next_range (&message, &range));
        assert_int_equal (range.first, 5);
        assert_int_equal (range.last, 5);
        assert_false (range.is_at_most_once);
        assert_true (wire_next_range (&message, &range));
        assert_true (range.last == UINT64_MAX);
        assert_true (range.is_at_most_once);
        assert_false (wire_next_range (&message, &range));
    }
}

static void brings_runs_across (void **state)
{
    (void) state;
    static const wire_kind_t kinds[]
        = { WIRE_PROGRESS, WIRE_RUNS, WIRE_ADOPT, WIRE_REVOKE, WIRE_CANCEL, WIRE_RELEASE };
    for (size_t i = 0; i < 6; i++) {
        wire_batch_t batch = { 0 };
        wire_run_t run = { 77, 300, 2, WIRE_RUN_DONE, 6, 50, 100, 2500, WIRE_TEXT ("w1") };
        wire_add_run (&batch, &out, 0, kinds[i], &run);
        wire_flush (&batch, &out, 9, 3, 4);
        memset (&run, 0xff, sizeof run);
        take (kinds[i]);
        wire_range_t range;
        assert_false (wire_next_range (&message, &range));
        assert_true (wire_next_run (&message, &run));
        assert_int_equal (run.session, 77);
        assert_int_equal (run.id, 300);
        assert_int_equal (run.attempt, 2);
        bool is_progress = kinds[i] == WIRE_PROGRESS;
        assert_int_equal (run.state, is_progress || kinds[i] == WIRE_RUNS ? WIRE_RUN_DONE : 0);
        assert_int_equal (run.item, is_progress ? 6 : 0);
        assert_int_equal (run.done, is_progress ? 50 : 0);
        assert_int_equal (run.steps, is_progress ? 100 : 0);
        assert_int_equal (run.since_ms, is_progress ? 2500 : 0);
        assert_true (is_text (run.worker, is_progress ? "w1" : ""));
        assert_false (wire_next_run (&message, &run));
        assert_int_equal (message.window_tasks, kinds[i] == WIRE_RELEASE ? 3 : 0);
    }
}

static void marks_the_end_of_a_list (void **state)
{
    (void) state;
    wire_batch_t batch = { 0 };
    wire_range_t range = { 1, 1, false };
    for (int i = 0; i < 1500; i++)
        wire_add_range (&batch, &out, 3, WIRE_CLAIM, &range);
    wire_end_list (&batch, &out, 3, WIRE_CLAIM, 8);
    take (WIRE_CLAIM);
    assert_int_equal (message.n_records, 1024);
    assert_false (message.is_last);
    assert_int_equal (message.ack, 0);
    take (WIRE_CLAIM);
    assert_int_equal (message.n_records, 476);
    assert_true (message.is_last);
    assert_int_equal (message.ack, 8);
    assert_int_equal (outgoing->to, 3);
    wire_end_list (&batch, &out, 3, WIRE_RUNS, 0);
    take (WIRE_RUNS);
    assert_true (message.is_last);
    assert_int_equal (message.n_records, 0);
    assert_null (dp_outbox_take (&out));
}

/* ---- Batches --------------------------------------------------------------------------------- */

static void add_task (wire_batch_t *batch, uint64_t id, const uint8_t *data, size_t len, dp_blob_t *blob)
{
    wire_group_t group = { .session = 1, .function = WIRE_TEXT ("f") };
    wire_task_t task = { id, 1, 1, id, 1, { data, len, 0 } };
    wire_add_task (batch, &out, 4, WIRE_TASKS, &group, &task, blob);
}

static void flushes_nothing_when_empty (void **state)
{
    (void) state;
    wire_batch_t batch = { 0 };
    wire_flush (&batch, &out, 1, 2, 3);
    assert_null (dp_outbox_take (&out));
    wire_batch_fini (&batch);
    add_task (&batch, 1, (const uint8_t *) "\x01", 1, NULL);
    wire_batch_fini (&batch);
    wire_flush (&batch, &out, 1, 2, 3);
    assert_null (dp_outbox_take (&out));
}

static void flushes_itself_by_records (void **state)
{
    (void) state;
    wire_batch_t batch = { 0 };
    for (uint64_t id = 0; id < 2500; id++)
        add_task (&batch, id, (const uint8_t *) "\x01", 1, NULL);
    wire_flush (&batch, &out, 6, 0, 0);
    uint64_t id = 0;
    for (int i = 0; i < 3; i++) {
        take (WIRE_TASKS);
        assert_int_equal (message.ack, i < 2 ? 0 : 6);
        wire_group_t group;
        wire_task_t task;
        assert_true (wire_next_group (&message, &group));
        while (wire_next_task (&message, &task))
            assert_int_equal (task.id, id++);
        assert_false (wire_next_group (&message, &group));
    }
    assert_int_equal (id, 2500);
    assert_null (dp_outbox_take (&out));
}

/* All bytes of a message, frames included. */
static size_t total (const dp_outgoing_t *self)
{
    size_t sum = self->envelope.len;
    for (size_t i = 0; i < self->n_frames; i++)
        sum += dp_blob_len (self->frames[i]);
    return sum;
}

static void keeps_messages_near_their_size_whatever_the_payloads (void **state)
{
    (void) state;
    static const size_t sizes[]
        = { 1, 500, 5000, WIRE_INLINE_MAX, WIRE_INLINE_MAX + 1, 60000, 70000, 3 << 20 };
    static uint8_t data[3 << 20];
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        wire_batch_t batch = { 0 };
        for (uint64_t id = 0; id < 100; id++) {
            add_task (&batch, id, data, sizes[s], NULL);
            add_task (&batch, id, (const uint8_t *) "\x01", 1, NULL);
        }
        wire_flush (&batch, &out, 0, 0, 0);
        size_t n = 0;
        while (out.first) {
            if (out.first->kind == WIRE_LARGE) {
                take (WIRE_LARGE);
                assert_true (message.large > WIRE_LARGE_BYTES);
            }
            take (WIRE_TASKS);
            assert_true (total (outgoing) <= WIRE_BATCH_BYTES + sizes[s] + 100);
            assert_true (sizes[s] > WIRE_BATCH_BYTES || total (outgoing) <= WIRE_BATCH_BYTES + 100);
            n += wire_read_all (&message);
        }
        assert_int_equal (n, 200);
    }
}

static void holds_a_whole_blob_and_copies_a_part (void **state)
{
    (void) state;
    static uint8_t data[50000];
    dp_blob_t *blob = dp_blob_copy (data, sizeof data);
    wire_batch_t batch = { 0 };
    add_task (&batch, 1, dp_blob_data (blob), sizeof data, blob);
    wire_flush (&batch, &out, 0, 0, 0);
    add_task (&batch, 2, dp_blob_data (blob) + 1, sizeof data - 1, blob);
    wire_flush (&batch, &out, 0, 0, 0);
    take (WIRE_TASKS);
    assert_ptr_equal (outgoing->frames[0], blob);
    take (WIRE_TASKS);
    assert_ptr_not_equal (outgoing->frames[0], blob);
    assert_int_equal (dp_blob_len (outgoing->frames[0]), sizeof data - 1);
    dp_blob_release (&blob);
}

static void opens_a_group_only_where_something_differs (void **state)
{
    (void) state;
    char function[] = "first", require[] = "gpu";
    wire_group_t group = { .session = 1, .function = { function, 5 }, .require = { require, 3 } };
    wire_task_t task = { 1, 1, 1, 0, 1, { (const uint8_t *) "\x01", 1, 0 } };
    wire_batch_t batch = { 0 };
    wire_add_task (&batch, &out, 0, WIRE_TASKS, &group, &task, NULL);
    wire_add_task (&batch, &out, 0, WIRE_TASKS, &group, &task, NULL);
    memcpy (function, "other", 5); /* the caller's texts need not live on */
    wire_add_task (&batch, &out, 0, WIRE_TASKS, &group, &task, NULL);
    require[0] = 'c';
    wire_add_task (&batch, &out, 0, WIRE_TASKS, &group, &task, NULL);
    group.priority = 1;
    wire_add_task (&batch, &out, 0, WIRE_TASKS, &group, &task, NULL);
    group.time_limit_ms = 1;
    wire_add_task (&batch, &out, 0, WIRE_TASKS, &group, &task, NULL);
    group.is_at_most_once = true;
    wire_add_task (&batch, &out, 0, WIRE_TASKS, &group, &task, NULL);
    group.is_loose = true;
    wire_add_task (&batch, &out, 0, WIRE_TASKS, &group, &task, NULL);
    group.session = 2;
    wire_batch_t moved = batch; /* embedded by value, so it may move */
    memset (&batch, 0x55, sizeof batch);
    wire_add_task (&moved, &out, 0, WIRE_TASKS, &group, &task, NULL);
    wire_add_task (&moved, &out, 0, WIRE_TASKS, &group, &task, NULL);
    wire_flush (&moved, &out, 0, 0, 0);
    take (WIRE_TASKS);
    static const size_t counts[] = { 2, 1, 1, 1, 1, 1, 1, 2 };
    for (size_t i = 0; i < 8; i++) {
        assert_true (wire_next_group (&message, &group));
        assert_int_equal (group.n_tasks, counts[i]);
        assert_true (is_text (group.function, i == 0 ? "first" : "other"));
    }
    assert_false (wire_next_group (&message, &group));
}

static void starts_anew_for_another_peer_kind_or_form (void **state)
{
    (void) state;
    wire_batch_t batch = { 0 };
    wire_range_t range = { 1, 2, false };
    wire_run_t run = { .session = 1, .id = 2, .attempt = 3 };
    wire_add_range (&batch, &out, 1, WIRE_CANCEL, &range);
    wire_add_run (&batch, &out, 1, WIRE_CANCEL, &run);
    wire_add_run (&batch, &out, 2, WIRE_CANCEL, &run);
    wire_add_run (&batch, &out, 2, WIRE_REVOKE, &run);
    wire_add_range (&batch, &out, 2, WIRE_REVOKE, &range);
    wire_flush (&batch, &out, 0, 0, 0);
    static const uint64_t peers[] = { 1, 1, 2, 2, 2 };
    for (int i = 0; i < 5; i++) {
        take (i < 3 ? WIRE_CANCEL : WIRE_REVOKE);
        assert_int_equal (outgoing->to, peers[i]);
        assert_int_equal (wire_read_all (&message), 1);
    }
    assert_null (dp_outbox_take (&out));
}

static void keeps_an_outbox_in_order (void **state)
{
    (void) state;
    for (uint64_t i = 0; i < 5; i++)
        wire_put_bare (&out, i, WIRE_PING, 0);
    assert_int_equal (out.count, 5);
    for (uint64_t i = 0; i < 5; i++) {
        take (WIRE_PING);
        assert_int_equal (outgoing->to, i);
    }
    assert_int_equal (out.count, 0);
    assert_null (dp_outbox_take (&out));
    wire_put_bare (&out, 9, WIRE_PING, 0);
    dp_outbox_fini (&out);
    assert_null (out.first);
    dp_outgoing_t *none = NULL;
    dp_outgoing_destroy (&none);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown (names_its_kinds, teardown),
        cmocka_unit_test_teardown (decodes_every_sample, teardown),
        cmocka_unit_test_teardown (brings_hello_across, teardown),
        cmocka_unit_test_teardown (brings_long_initializer_arguments_across, teardown),
        cmocka_unit_test_teardown (brings_single_messages_across, teardown),
        cmocka_unit_test_teardown (cleans_and_cuts_texts_for_the_reader, teardown),
        cmocka_unit_test_teardown (brings_groups_and_tasks_across, teardown),
        cmocka_unit_test_teardown (skips_tasks_that_nobody_asked_for, teardown),
        cmocka_unit_test_teardown (brings_results_across, teardown),
        cmocka_unit_test_teardown (brings_ranges_across, teardown),
        cmocka_unit_test_teardown (brings_runs_across, teardown),
        cmocka_unit_test_teardown (marks_the_end_of_a_list, teardown),
        cmocka_unit_test_teardown (flushes_nothing_when_empty, teardown),
        cmocka_unit_test_teardown (flushes_itself_by_records, teardown),
        cmocka_unit_test_teardown (keeps_messages_near_their_size_whatever_the_payloads, teardown),
        cmocka_unit_test_teardown (holds_a_whole_blob_and_copies_a_part, teardown),
        cmocka_unit_test_teardown (opens_a_group_only_where_something_differs, teardown),
        cmocka_unit_test_teardown (starts_anew_for_another_peer_kind_or_form, teardown),
        cmocka_unit_test_teardown (keeps_an_outbox_in_order, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
