/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/crew_rig.h"

#include "core/memory.h"
#include "tests/support/test.h"
#include "worker/crew_internal.h"

#include <stdio.h>
#include <string.h>

static const char letters[OUTCOME_COUNT] = {
    [OUTCOME_VALUE] = 'V',     [OUTCOME_FAILED] = 'F',      [OUTCOME_CRASHED] = 'C',
    [OUTCOME_TIMED_OUT] = 'T', [OUTCOME_CANCELLED] = 'X',   [OUTCOME_KILLED] = 'K',
    [OUTCOME_LOST] = 'L',      [OUTCOME_INITIALIZER] = 'I', [OUTCOME_NOT_STARTED] = '-',
};

static void say (rig_t *self, const char *format, ...) DPOOL_PRINTF (2, 3);
static void say (rig_t *self, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    size_t room = sizeof self->trace - self->trace_len;
    int n = vsnprintf (self->trace + self->trace_len, room, format, arguments);
    va_end (arguments);
    assert_true (n >= 0 && (size_t) n < room);
    self->trace_len += (size_t) n;
}

/* ---- What the crew wants ------------------------------------------------------------------------ */

static void say_action (rig_t *self, const crew_action_t *action)
{
    switch (action->kind) {
    case CREW_OPEN:
        say (self, "open %zu\n", action->broker);
        break;
    case CREW_CLOSE:
        say (self, "close %zu\n", action->broker);
        break;
    case CREW_START:
        if (action->session)
            say (self, "start %zu session %llu\n", action->place,
                 (unsigned long long) action->session->session);
        else
            say (self, "start %zu\n", action->place);
        break;
    case CREW_HAND:
        say (self, "hand %zu #%llu task %llu\n", action->place, (unsigned long long) action->serial,
             (unsigned long long) action->task.job);
        break;
    case CREW_TAKE_BACK:
        say (self, "back %zu #%llu\n", action->place, (unsigned long long) action->serial);
        if (self->answers_take_back)
            crew_taken_back (self->crew, self->now_ms, action->place, action->serial);
        break;
    case CREW_FLAG:
        say (self, "flag %zu #%llu\n", action->place, (unsigned long long) action->serial);
        break;
    case CREW_SIGNAL:
        say (self, "signal %d %zu\n", action->signal, action->place);
        break;
    case CREW_END:
        say (self, "end %zu\n", action->place);
        break;
    case CREW_LOG:
        break;
    }
}

static void say_outcomes (rig_t *self, const wire_result_t *result)
{
    dp_reader_t row;
    dp_reader_init (&row, result->payload.data, result->payload.len);
    for (uint64_t i = 0; i < result->n_items; i++) {
        outcome_status_t status;
        const uint8_t *body;
        size_t len;
        assert_int_equal (outcome_next (&row, &status, &body, &len), 0);
        say (self, "%s%c", i == 0 ? " " : "", letters[status]);
        if (status == OUTCOME_VALUE || status == OUTCOME_NOT_STARTED)
            continue;
        dp_buffer_t texts = DP_BUFFER_INIT;
        dpool_error_t error = { 0 };
        assert_int_equal (outcome_read_error (status, body, len, &texts, &error), 0);
        snprintf (self->message, sizeof self->message, "%s", error.message);
        snprintf (self->stderr_tail, sizeof self->stderr_tail, "%s", error.stderr_tail);
        self->signal = error.signal;
        self->attempts = error.attempts;
        dp_buffer_fini (&texts);
    }
    assert_true (dp_reader_is_done (&row));
}

static void say_results (rig_t *self, wire_message_t *message)
{
    wire_result_t result;
    say (self, " w%llu", (unsigned long long) message->window_tasks);
    if (message->window_bytes > CREW_WINDOW_BYTES)
        say (self, "+%llu", (unsigned long long) (message->window_bytes - CREW_WINDOW_BYTES));
    for (const char *gap = " "; wire_next_result (message, &result); gap = ", ") {
        say (self, "%s%llu.%llu %s%s %llu+%llu", gap, (unsigned long long) result.id,
             (unsigned long long) result.attempt, outcome_name (result.status),
             result.is_final ? " final" : "", (unsigned long long) result.first,
             (unsigned long long) result.n_items);
        if (result.status == OUTCOME_NOT_STARTED)
            self->cut_us = result.run_us;
        say_outcomes (self, &result);
    }
}

static void say_runs (rig_t *self, wire_message_t *message)
{
    static const char *const states[] = { "", " waiting", " running", " done" };
    wire_run_t run;
    if (message->kind == WIRE_RELEASE)
        say (self, " w%llu", (unsigned long long) message->window_tasks);
    for (const char *gap = " "; wire_next_run (message, &run); gap = ", ") {
        say (self, "%s%llu.%llu", gap, (unsigned long long) run.id, (unsigned long long) run.attempt);
        if (message->kind == WIRE_RUNS)
            say (self, "%s", states[run.state]);
        if (message->kind == WIRE_PROGRESS)
            say (self, " @%llu %llu/%llu since %llu", (unsigned long long) run.item,
                 (unsigned long long) run.done, (unsigned long long) run.steps,
                 (unsigned long long) run.since_ms);
    }
    if (message->is_last)
        say (self, " last");
}

void rig_decode (const dp_outgoing_t *outgoing, wire_message_t *message)
{
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    frames[0] = (wire_bytes_t) { outgoing->envelope.data, outgoing->envelope.len, 0 };
    for (size_t i = 0; i < outgoing->n_frames; i++)
        frames[i + 1]
            = (wire_bytes_t) { dp_blob_data (outgoing->frames[i]), dp_blob_len (outgoing->frames[i]), i + 1 };
    const char *why = "";
    if (wire_decode (message, frames, outgoing->n_frames + 1, &why) < 0)
        fail_msg ("%s does not decode: %s", wire_kind_name (outgoing->kind), why);
}

static void say_message (rig_t *self, const dp_outgoing_t *outgoing)
{
    wire_message_t message;
    rig_decode (outgoing, &message);
    say (self, "%llu< %s", (unsigned long long) outgoing->to, wire_kind_name (message.kind));
    if (message.kind == WIRE_HELLO)
        say (self, " c%llu w%llu%s", (unsigned long long) message.hello.connection,
             (unsigned long long) message.hello.window_tasks, message.hello.is_draining ? " draining" : "");
    else if (message.kind == WIRE_RESULTS)
        say_results (self, &message);
    else if (message.kind == WIRE_RUNS || message.kind == WIRE_RELEASE || message.kind == WIRE_PROGRESS)
        say_runs (self, &message);
    say (self, "\n");
}

static void tell_how_far (rig_t *self, size_t broker)
{
    self->is_asked_how_far[broker] = false;
    if (!self->is_far)
        rig_bare (self, broker, WIRE_PONG, 0);
}

static void collect (rig_t *self)
{
    crew_action_t action;
    while (crew_next_action (self->crew, &action))
        say_action (self, &action);
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (crew_outbox (self->crew)))) {
        size_t broker = (size_t) outgoing->to;
        if (outgoing->kind == WIRE_PING && self->is_asked_how_far[broker])
            tell_how_far (self, broker);
        else
            say_message (self, outgoing);
        dp_outgoing_destroy (&outgoing);
    }
}

void rig_turn (rig_t *self, int64_t ms)
{
    self->now_ms += ms;
    self->deadline_ms = crew_tick (self->crew, self->now_ms);
    collect (self);
}

void rig_pass (rig_t *self, int64_t ms)
{
    int64_t end_ms = self->now_ms + ms;
    while (self->now_ms < end_ms) {
        int64_t next_ms = self->deadline_ms > self->now_ms ? self->deadline_ms : self->now_ms + 1;
        rig_turn (self, (next_ms < end_ms ? next_ms : end_ms) - self->now_ms);
    }
}

void rig_expect_at (rig_t *self, const char *text, const char *file, int line)
{
    if (strcmp (self->trace, text) != 0)
        print_error ("%s:%d: the trace is\n%sand should be\n%s", file, line, self->trace, text);
    _assert_true (strcmp (self->trace, text) == 0, "the trace is as expected", file, line);
    rig_forget (self);
}

void rig_expect_part_at (rig_t *self, const char *text, const char *file, int line)
{
    if (!strstr (self->trace, text))
        print_error ("%s:%d: the trace is\n%sand should have\n%s", file, line, self->trace, text);
    _assert_true (strstr (self->trace, text) != NULL, "the trace has it", file, line);
    rig_forget (self);
}

void rig_forget (rig_t *self)
{
    self->trace[0] = '\0';
    self->trace_len = 0;
}

/* ---- The broker --------------------------------------------------------------------------------- */

static void deliver (rig_t *self, size_t broker)
{
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (&self->to_crew))) {
        wire_message_t message;
        rig_decode (outgoing, &message);
        dp_blob_t *blobs[WIRE_MAX_FRAMES] = { NULL };
        for (size_t i = 0; i < outgoing->n_frames; i++)
            blobs[i + 1] = outgoing->frames[i];
        crew_receive (self->crew, self->now_ms, broker, &message, blobs);
        dp_outgoing_destroy (&outgoing);
    }
}

void rig_task (rig_t *self, size_t broker, const rig_task_t *task)
{
    uint8_t nils[64];
    memset (nils, 0xc0, sizeof nils);
    wire_group_t group
        = { .session = task->session ? task->session : 1, .function = { "f", 1 }, .require = { "", 0 } };
    group.time_limit_ms = task->limit_ms;
    group.is_at_most_once = task->is_at_most_once;
    group.is_loose = task->is_loose;
    wire_task_t wired = { .id = task->id, .job = task->id, .attempt = task->attempt ? task->attempt : 1 };
    wired.n_items = task->n_items ? task->n_items : 1;
    wired.payload = (wire_bytes_t) { nils, wired.n_items, 0 };
    wire_add_task (&self->batch, &self->to_crew, broker, WIRE_TASKS, &group, &wired, NULL);
    wire_flush (&self->batch, &self->to_crew, 0, 0, 0);
    deliver (self, broker);
}

void rig_tasks (rig_t *self, size_t broker, uint64_t first, uint64_t last)
{
    for (uint64_t id = first; id <= last; id++)
        rig_task (self, broker, &(rig_task_t) { .id = id });
}

void rig_run (rig_t *self, size_t broker, wire_kind_t kind, uint64_t id, uint64_t attempt)
{
    rig_run_of (self, broker, kind, 1, id, attempt);
}

void rig_run_of (rig_t *self, size_t broker, wire_kind_t kind, uint64_t session, uint64_t id,
                 uint64_t attempt)
{
    wire_run_t run = { .session = session, .id = id, .attempt = attempt };
    wire_add_run (&self->batch, &self->to_crew, broker, kind, &run);
    wire_flush (&self->batch, &self->to_crew, 0, 0, 0);
    deliver (self, broker);
}

void rig_bare (rig_t *self, size_t broker, wire_kind_t kind, uint64_t ack)
{
    wire_put_bare (&self->to_crew, broker, kind, ack);
    deliver (self, broker);
}

void rig_welcome (rig_t *self, size_t broker)
{
    wire_welcome_t welcome
        = { .version = 1, .epoch = self->epoch + broker, .max_payload = 1 << 20, .heartbeat_ms = 1000 };
    welcome.name = (wire_text_t) { "b", 1 };
    self->is_asked_how_far[broker] = true;
    wire_put_welcome (&self->to_crew, broker, &welcome);
    deliver (self, broker);
}

void rig_room (rig_t *self, size_t broker, uint64_t bytes, uint64_t full_session)
{
    wire_put_room (&self->to_crew, broker, 0, bytes, 0, &full_session, full_session != 0);
    deliver (self, broker);
}

void rig_session (rig_t *self, size_t broker, uint64_t session, const char *initializer, uint64_t max_tasks)
{
    static const uint8_t nil = 0xc0;
    wire_session_t wired
        = { .session = session, .seed = 9, .max_tasks_per_child = max_tasks, .has_own_children = true };
    wired.initializer = (wire_text_t) { initializer, strlen (initializer) };
    wired.initializer_args = (wire_bytes_t) { &nil, 1, 0 };
    wire_put_session (&self->to_crew, broker, 0, &wired, NULL);
    deliver (self, broker);
}

void rig_session_end (rig_t *self, size_t broker, uint64_t session)
{
    wire_put_session_end (&self->to_crew, broker, 0, session);
    deliver (self, broker);
}

/* ---- Children ----------------------------------------------------------------------------------- */

void rig_ready (rig_t *self, size_t place)
{
    crew_child_ready (self->crew, self->now_ms, place, 100 + (int64_t) place);
}

void rig_claim (rig_t *self, size_t place, uint64_t serial, uint64_t item)
{
    crew_slot_t slot = { .number = serial + item, .started_at_ms = self->now_ms };
    crew_slot_seen (self->crew, self->now_ms, place, &slot);
}

void rig_value (rig_t *self, size_t place, uint64_t serial, uint64_t run_us)
{
    static const uint8_t value[] = { OUTCOME_VALUE, 0x2a };
    crew_items_finished (self->crew, self->now_ms, place, serial, 1, value, sizeof value, run_us);
}

void rig_exit (rig_t *self, size_t place, int signal, int status, uint64_t serial, uint64_t item)
{
    crew_exit_t exit = { .signal = signal, .exit_status = status, .stderr_tail = "last words" };
    exit.slot = (crew_slot_t) { .number = serial + item, .started_at_ms = self->now_ms };
    crew_child_exited (self->crew, self->now_ms, place, &exit);
}

/* ---- Beginning and end -------------------------------------------------------------------------- */

rig_t *rig_new_raw (size_t processes, size_t n_brokers, int64_t orphan_ms)
{
    static const char *const functions[] = { "f", "g" }, *const labels[] = { "gpu" };
    rig_t *self = dp_must_alloc (sizeof *self);
    crew_config_t config = { .worker = 77,
                             .n_brokers = n_brokers,
                             .processes = processes,
                             .host = "here",
                             .name = "w",
                             .pid = 42,
                             .functions = functions,
                             .n_functions = 2,
                             .labels = labels,
                             .n_labels = 1,
                             .seed = 5,
                             .orphan_ms = orphan_ms };
    assert_true (n_brokers <= RIG_BROKERS);
    self->now_ms = 1000000;
    self->processes = processes;
    self->epoch = 500;
    self->answers_take_back = true;
    self->crew = crew_new (&config, self->now_ms);
    return self;
}

rig_t *rig_new (size_t processes, size_t n_brokers)
{
    rig_t *self = rig_new_raw (processes, n_brokers, 0);
    rig_turn (self, 0);
    for (size_t i = 0; i < n_brokers; i++)
        rig_welcome (self, i);
    for (size_t i = 0; i < processes; i++)
        rig_ready (self, i);
    rig_turn (self, 0);
    rig_forget (self);
    return self;
}

void rig_destroy (rig_t **self_p)
{
    rig_t *self = *self_p;
    if (!self)
        return;
    crew_destroy (&self->crew);
    wire_batch_fini (&self->batch);
    dp_outbox_fini (&self->to_crew);
    dp_free (self);
    *self_p = NULL;
}
