/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/crew_walk.h"

#include <string.h>

/* 1 and 2 are plain; 5 has an initializer, 6 children of three items each. */
static const uint64_t sessions[] = { 1, 2, 5, 6 };

uint64_t crew_walk_roll (crew_walk_t *self, uint64_t n)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (self->random >> 11) % n;
}

static void end_at (crew_walk_t *self, size_t b, uint64_t id)
{
    record_t *record = &self->runs[id].at[b];
    CHECK (self, record->is_assigned);
    record->is_assigned = record->is_unanswered = false;
    record->is_over = true;
    self->brokers[b].n_held--;
}

static void assign_at (crew_walk_t *self, size_t b, uint64_t id)
{
    record_t *record = &self->runs[id].at[b];
    record->is_assigned = true;
    record->is_unanswered = record->may_be_late = record->is_foreign = false;
    record->next_item = 0;
    self->brokers[b].n_held++;
}

static void check_values (crew_walk_t *self, const wire_result_t *result)
{
    dp_reader_t row;
    dp_reader_init (&row, result->payload.data, result->payload.len);
    for (uint64_t i = 0; i < result->n_items; i++) {
        outcome_status_t status;
        const uint8_t *body;
        size_t len;
        CHECK (self, outcome_next (&row, &status, &body, &len) == 0);
        if (status != OUTCOME_VALUE)
            continue;
        dp_reader_t value;
        dp_reader_init (&value, body, len);
        CHECK (self, dp_reader_uint (&value) == result->id * 64 + result->first + i);
    }
    CHECK (self, dp_reader_is_done (&row));
}

static void on_results (crew_walk_t *self, size_t b, wire_message_t *message)
{
    wire_result_t result;
    if (message->window_tasks != 0)
        self->brokers[b].window = message->window_tasks;
    while (wire_next_result (message, &result)) {
        CHECK (self, result.id >= 1 && result.id <= self->n_runs);
        self->brokers[b].n_received++;
        TELL (self, "%zu< result %d.%d %s%s %d+%d", b, (int) result.id, 1, outcome_name (result.status),
              result.is_final ? " final" : "", (int) result.first, (int) result.n_items);
        run_t *run = &self->runs[result.id];
        record_t *record = &run->at[b];
        if (record->may_be_late)
            continue;
        CHECK (self, record->is_assigned);
        check_values (self, &result);
        bool is_stopped = result.status == OUTCOME_LOST || result.status == OUTCOME_KILLED;
        if (is_stopped && result.n_items == 0) {
            end_at (self, b, result.id); /* before it was adopted, or before it could start once more */
            continue;
        }
        bool is_cut = result.status == OUTCOME_NOT_STARTED || result.status == OUTCOME_CANCELLED;
        if (is_cut && !result.is_final) {
            CHECK (self, result.first >= run->n_items && result.first + result.n_items <= run->n_uncut);
            continue;
        }
        CHECK (self, result.first <= record->next_item);
        /* After a break parts may come again. */
        if (result.first + result.n_items > record->next_item)
            record->next_item = result.first + result.n_items;
        CHECK (self, record->next_item <= run->n_items);
        if (!result.is_final)
            continue;
        CHECK (self, record->next_item == run->n_items);
        end_at (self, b, result.id);
    }
}

static void on_release (crew_walk_t *self, size_t b, wire_message_t *message)
{
    wire_run_t run;
    if (message->window_tasks != 0)
        self->brokers[b].window = message->window_tasks;
    while (wire_next_run (message, &run)) {
        TELL (self, "%zu< release %d", b, (int) run.id);
        record_t *record = &self->runs[run.id].at[b];
        if (record->is_assigned)
            end_at (self, b, run.id);
        else
            CHECK (self, record->may_be_late || record->was_listed);
        /* An ADOPT or CANCEL may cross the RELEASE of a listed run. */
        record->is_unanswered = false;
    }
}

static void answer_listed (crew_walk_t *self, size_t b, uint64_t id)
{
    run_t *run = &self->runs[id];
    run->at[b].is_unanswered = false;
    bool is_wanted = run->at[b].is_assigned || (!run->at[b].is_over && crew_walk_roll (self, 2) == 0);
    if (is_wanted && !run->at[b].is_assigned) {
        assign_at (self, b, id);
        run->at[b].is_foreign = true;
    }
    TELL (self, "%zu> %s %d", b, is_wanted ? "adopt" : "cancel", (int) id);
    rig_run_of (self->rig, b, is_wanted ? WIRE_ADOPT : WIRE_CANCEL, run->session, id, 1);
}

static void on_runs (crew_walk_t *self, size_t b, wire_message_t *message)
{
    bool is_listed[MAX_RUNS + 1] = { false };
    wire_run_t row;
    CHECK (self, message->is_last);
    while (wire_next_run (message, &row)) {
        CHECK (self, !is_listed[row.id]);
        TELL (self, "%zu< runs %d state %d", b, (int) row.id, (int) row.state);
        is_listed[row.id] = true;
    }
    for (uint64_t id = 1; id <= self->n_runs; id++) {
        record_t *record = &self->runs[id].at[b];
        if (record->is_assigned && !record->is_new && !is_listed[id])
            end_at (self, b, id); /* the broker queues it again */
        record->is_unanswered = record->was_listed = is_listed[id];
    }
    for (uint64_t id = 1; id <= self->n_runs; id++)
        if (is_listed[id] && (!self->has_faults || crew_walk_roll (self, 4) > 0))
            answer_listed (self, b, id);
}

/* Nothing of it is left there, unless an answer to RUNS is open, another broker was offered the run as well,
   or the run was dropped as an orphan since it was listed. */
static void on_bye (crew_walk_t *self, size_t b)
{
    for (uint64_t id = 1; id <= self->n_runs; id++) {
        const record_t *record = &self->runs[id].at[b], *other = &self->runs[id].at[(b + 1) % N_BROKERS];
        bool is_shared
            = record->is_foreign || record->is_unanswered || other->is_assigned || other->was_listed;
        bool may_be_dropped = record->was_listed && self->is_orphan_short;
        if (record->is_assigned && (is_shared || may_be_dropped))
            end_at (self, b, id);
    }
    CHECK (self, self->brokers[b].n_held == 0);
}

void crew_walk_hear (crew_walk_t *self, const dp_outgoing_t *outgoing)
{
    size_t b = (size_t) outgoing->to;
    broker_t *broker = &self->brokers[b];
    CHECK (self, broker->is_open);
    wire_message_t message;
    rig_decode (outgoing, &message);
    CHECK (self, broker->is_welcomed || message.kind == WIRE_HELLO);
    switch (message.kind) {
    case WIRE_HELLO:
        CHECK (self, !broker->is_welcomed);
        broker->window = message.hello.window_tasks;
        break;
    case WIRE_RUNS:
        on_runs (self, b, &message);
        break;
    case WIRE_RESULTS:
        on_results (self, b, &message);
        break;
    case WIRE_RELEASE:
        on_release (self, b, &message);
        break;
    case WIRE_PING:
        rig_bare (self->rig, b, WIRE_PONG, broker->n_acked);
        break;
    case WIRE_BYE:
        on_bye (self, b);
        rig_bare (self->rig, b, WIRE_BYE, broker->n_acked);
        break;
    default:
        break;
    }
}

void crew_walk_break (crew_walk_t *self, size_t b)
{
    broker_t *broker = &self->brokers[b];
    if (!broker->is_open)
        return;
    broker->is_open = false;
    crew_broken (self->rig->crew, self->rig->now_ms, b);
    TELL (self, "%zu breaks", b);
    if (crew_walk_roll (self, 4) > 0)
        return;
    TELL (self, "%zu restarts", b);
    /* It starts anew and knows nothing. */
    for (uint64_t id = 1; id <= self->n_runs; id++) {
        if (self->runs[id].at[b].is_assigned)
            end_at (self, b, id);
        self->runs[id].at[b].is_over = false;
    }
    self->rig->epoch = 1000 + N_BROKERS * ++self->epochs;
}

void crew_walk_welcome (crew_walk_t *self, size_t b)
{
    broker_t *broker = &self->brokers[b];
    if (!broker->is_open || broker->is_welcomed)
        return;
    broker->is_welcomed = true;
    broker->n_received = broker->n_acked = 0;
    for (uint64_t id = 1; id <= self->n_runs; id++)
        self->runs[id].at[b].is_new = self->runs[id].at[b].is_unanswered = self->runs[id].at[b].was_listed
            = false;
    memset (broker->has_session, 0, sizeof broker->has_session);
    TELL (self, "%zu> welcome", b);
    rig_welcome (self->rig, b);
}

void crew_walk_assign (crew_walk_t *self, size_t b)
{
    broker_t *broker = &self->brokers[b];
    if (!broker->is_welcomed || broker->n_held >= broker->window || self->n_runs == MAX_RUNS)
        return;
    uint64_t id = ++self->n_runs;
    run_t *run = &self->runs[id];
    run->session = sessions[crew_walk_roll (self, 4)];
    run->n_items = run->n_uncut = crew_walk_roll (self, 3) > 0 ? 1 : 1 + crew_walk_roll (self, 5);
    run->is_at_most_once = crew_walk_roll (self, 8) == 0;
    if (!broker->has_session[run->session] && run->session >= 5)
        rig_session (self->rig, b, run->session, run->session == 5 ? "init" : "", run->session == 6 ? 3 : 0);
    broker->has_session[run->session] = true;
    assign_at (self, b, id);
    run->at[b].is_new = true;
    rig_task_t task = { .id = id, .session = run->session, .n_items = run->n_items };
    task.is_loose = crew_walk_roll (self, 2) == 0;
    task.is_at_most_once = run->is_at_most_once;
    task.limit_ms = crew_walk_roll (self, 4) == 0 ? 1 + crew_walk_roll (self, 60) : 0;
    TELL (self, "%zu> task %d session %d items %d", b, (int) id, (int) run->session, (int) run->n_items);
    rig_task (self->rig, b, &task);
    if (crew_walk_roll (self, 20) == 0)
        rig_task (self->rig, b, &task);
}

void crew_walk_end_session (crew_walk_t *self, size_t b)
{
    uint64_t session = sessions[crew_walk_roll (self, 4)];
    if (!self->brokers[b].is_welcomed)
        return;
    self->brokers[b].has_session[session] = false;
    for (uint64_t id = 1; id <= self->n_runs; id++)
        if (self->runs[id].session == session) {
            if (self->runs[id].at[b].is_assigned)
                end_at (self, b, id);
            self->runs[id].at[b].is_unanswered = false;
            self->runs[id].at[b].may_be_late = true;
        }
    TELL (self, "%zu> end of session %d", b, (int) session);
    rig_session_end (self->rig, b, session);
}

void crew_walk_stop (crew_walk_t *self, size_t b, wire_kind_t kind)
{
    if (!self->brokers[b].is_welcomed || self->n_runs == 0)
        return;
    uint64_t id = 1 + crew_walk_roll (self, self->n_runs);
    if (self->runs[id].at[b].is_assigned && !self->runs[id].at[b].is_unanswered) {
        TELL (self, "%zu> %s %d", b, wire_kind_name (kind), (int) id);
        rig_run_of (self->rig, b, kind, self->runs[id].session, id, 1);
    }
}

void crew_walk_answer (crew_walk_t *self, size_t b)
{
    for (uint64_t id = 1; id <= self->n_runs && self->brokers[b].is_welcomed; id++)
        if (self->runs[id].at[b].is_unanswered)
            answer_listed (self, b, id);
}

void crew_walk_acknowledge (crew_walk_t *self, size_t b)
{
    broker_t *broker = &self->brokers[b];
    if (!broker->is_welcomed || broker->n_acked == broker->n_received)
        return;
    broker->n_acked += 1
                       + (self->has_faults ? crew_walk_roll (self, broker->n_received - broker->n_acked)
                                           : broker->n_received - broker->n_acked - 1);
    TELL (self, "%zu> ack %d", b, (int) broker->n_acked);
    rig_bare (self->rig, b, WIRE_ACK, broker->n_acked);
}
