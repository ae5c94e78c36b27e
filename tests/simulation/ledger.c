/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/ledger.h"

#include "broker/scheduler_internal.h"
#include "core/memory.h"
#include "tests/simulation/sim.h"

#include <stdio.h>
#include <string.h>

void ledger_fini (ledger_t *self)
{
    dp_free (self->given);
    dp_free (self->tasks);
    dp_free (self->assigned_now);
    *self = (ledger_t) { .given = NULL };
}

void ledger_reset (ledger_t *self)
{
    self->n_given = self->n_tasks = self->n_assigned_now = 0;
}

/* ---- Windows -------------------------------------------------------------------------------- */

static void give (ledger_t *self, connection_t *connection, uint64_t session, uint64_t id, uint64_t attempt,
                  bool is_done)
{
    for (size_t i = 0; i < self->n_given; i++) {
        const given_t *given = &self->given[i];
        if (given->connection == connection && given->session == session && given->id == id
            && given->attempt == attempt)
            return;
    }
    if (self->n_given == self->given_capacity) {
        self->given_capacity = self->given_capacity * 2 + 16;
        self->given = dp_must_realloc (self->given, self->given_capacity * sizeof *self->given);
    }
    self->given[self->n_given++] = (given_t) { connection, session, id, attempt, is_done };
}

/* id 0: all of the session; session 0: all of the connection. */
static void take (ledger_t *self, const connection_t *connection, uint64_t session, uint64_t id,
                  uint64_t attempt)
{
    size_t n_left = 0;
    for (size_t i = 0; i < self->n_given; i++) {
        const given_t *given = &self->given[i];
        bool is_it = given->connection == connection && (session == 0 || given->session == session)
                     && (id == 0 || (given->id == id && given->attempt == attempt));
        if (!is_it)
            self->given[n_left++] = *given;
    }
    self->n_given = n_left;
}

static size_t count (const ledger_t *self, const connection_t *connection)
{
    size_t n = 0;
    for (size_t i = 0; i < self->n_given; i++)
        n += self->given[i].connection == connection && !self->given[i].is_done;
    return n;
}

void ledger_forget (ledger_t *self, const connection_t *connection)
{
    take (self, connection, 0, 0, 0);
}

/* ---- Priorities ----------------------------------------------------------------------------- */

/* Where nothing fails, a task is submitted once, or until there is room for it, and assigned until a worker
   keeps it. */
static bool has_queue (const sim_broker_t *broker)
{
    return broker->node.sim->scenario.kind == SCENARIO_CALM;
}

static waiting_t *find_task (const ledger_t *self, uint64_t session, uint64_t id)
{
    for (size_t i = self->n_tasks; i-- > 0;)
        if (self->tasks[i].id == id && self->tasks[i].session == session)
            return &self->tasks[i];
    return NULL;
}

static void remove_task (ledger_t *self, uint64_t session, uint64_t id)
{
    waiting_t *task = find_task (self, session, id);
    if (task != NULL)
        task->is_assigned = task->is_recalled = true;
}

static void add_task (ledger_t *self, uint64_t session, const wire_group_t *group, uint64_t id)
{
    remove_task (self, session, id); /* it had not been kept: it is behind those that were meanwhile */
    if (self->n_tasks == self->tasks_capacity) {
        self->tasks_capacity = self->tasks_capacity * 2 + 16;
        self->tasks = dp_must_realloc (self->tasks, self->tasks_capacity * sizeof *self->tasks);
    }
    waiting_t *task = &self->tasks[self->n_tasks++];
    *task = (waiting_t) { .session = session, .id = id, .priority = group->priority };
    snprintf (task->route, sizeof task->route, "%.*s %.*s", (int) group->function.len, group->function.data,
              (int) group->require.len, group->require.data);
}

static void assign_task (ledger_t *self, uint64_t session, uint64_t id)
{
    waiting_t *task = find_task (self, session, id);
    if (task == NULL)
        return;
    task->is_assigned = true;
    if (self->n_assigned_now == self->assigned_capacity) {
        self->assigned_capacity = self->assigned_capacity * 2 + 16;
        self->assigned_now
            = dp_must_realloc (self->assigned_now, self->assigned_capacity * sizeof *self->assigned_now);
    }
    self->assigned_now[self->n_assigned_now++] = (size_t) (task - self->tasks);
}

/* Else there was no room for it: its client has it, and will hear so. */
static bool is_kept (const sim_broker_t *broker, const waiting_t *task)
{
    const session_record_t *session = scheduler_session (broker->scheduler, task->session);
    return session != NULL && scheduler_task (session, task->id) != NULL;
}

static void check_order (const sim_broker_t *broker, const waiting_t *assigned)
{
    const ledger_t *self = &broker->ledger;
    for (size_t i = 0; i < self->n_tasks; i++) {
        const waiting_t *task = &self->tasks[i];
        if (task->is_assigned || task->session != assigned->session
            || strcmp (task->route, assigned->route) != 0)
            continue;
        /* One that was not kept at first came late with a low id: then either may be first, since what its
           worker releases is put back by its id. */
        bool is_older = task < assigned && task->id < assigned->id;
        bool is_before
            = task->priority != assigned->priority ? task->priority > assigned->priority : is_older;
        if (is_before && is_kept (broker, task))
            sim_violate (broker->node.sim, "the highest priority goes first, there the oldest",
                         "task %llu (priority %lld) was assigned, task %llu (priority %lld) waits",
                         (unsigned long long) assigned->id, (long long) assigned->priority,
                         (unsigned long long) task->id, (long long) task->priority);
    }
}

void ledger_turn (sim_broker_t *broker)
{
    ledger_t *self = &broker->ledger;
    for (size_t i = 0; i < self->n_assigned_now; i++)
        check_order (broker, &self->tasks[self->assigned_now[i]]);
    self->n_assigned_now = 0;
}

/* ---- What is said --------------------------------------------------------------------------- */

static void hear_worker (ledger_t *self, connection_t *connection, wire_message_t *message)
{
    wire_result_t result;
    wire_run_t run;
    if (message->window_tasks > 0)
        connection->window = message->window_tasks;
    if (message->kind == WIRE_RESULTS)
        while (wire_next_result (message, &result))
            if (result.is_final)
                take (self, connection, result.session, result.id, result.attempt);
    if (message->kind == WIRE_RUNS)
        while (wire_next_run (message, &run))
            if (run.state == WIRE_RUN_DONE)
                give (self, connection, run.session, run.id, run.attempt, true);
    if (message->kind == WIRE_RELEASE)
        while (wire_next_run (message, &run)) {
            waiting_t *task = find_task (self, run.session, run.id);
            take (self, connection, run.session, run.id, run.attempt);
            if (task != NULL)
                task->is_assigned = task->is_recalled;
        }
}

static void hear_client (sim_broker_t *broker, const connection_t *connection, wire_message_t *message)
{
    wire_group_t group;
    wire_task_t task;
    wire_range_t range;
    uint64_t session = broker->node.sim->clients[connection->peer].id;
    if (message->kind == WIRE_SUBMIT)
        while (wire_next_group (message, &group))
            while (wire_next_task (message, &task))
                add_task (&broker->ledger, session, &group, task.id);
    if (message->kind == WIRE_CANCEL || message->kind == WIRE_REVOKE)
        while (wire_next_range (message, &range))
            for (uint64_t id = range.first; id <= range.last; id++)
                remove_task (&broker->ledger, session, id);
}

void ledger_received (sim_broker_t *broker, connection_t *connection, const wire_message_t *message)
{
    bool is_of_worker
        = message->kind == WIRE_RESULTS || message->kind == WIRE_RELEASE || message->kind == WIRE_RUNS;
    bool is_of_client
        = message->kind == WIRE_SUBMIT || message->kind == WIRE_CANCEL || message->kind == WIRE_REVOKE;
    if (message->kind == WIRE_HELLO)
        connection->window = message->hello.window_tasks;
    if (!is_of_worker && !(is_of_client && has_queue (broker)))
        return;
    wire_message_t copy = *message;
    if (is_of_worker)
        hear_worker (&broker->ledger, connection, &copy);
    else
        hear_client (broker, connection, &copy);
}

static void say_tasks (sim_broker_t *broker, connection_t *connection, wire_message_t *message)
{
    ledger_t *self = &broker->ledger;
    wire_group_t group;
    wire_task_t task;
    while (wire_next_group (message, &group))
        while (wire_next_task (message, &task)) {
            give (self, connection, group.session, task.id, task.attempt, false);
            if (has_queue (broker))
                assign_task (self, group.session, task.id);
        }
    size_t n = count (self, connection);
    if (n > connection->window)
        sim_violate (broker->node.sim, "no worker is given more than its window",
                     "%s has %zu unfinished runs from %s, and its window is %llu",
                     sim_peer (broker->node.sim, connection->peer)->name, n, broker->node.name,
                     (unsigned long long) connection->window);
}

/* What fails at the broker waits no more. */
static void say_results (sim_broker_t *broker, const connection_t *connection, wire_message_t *message)
{
    wire_result_t result;
    uint64_t session = broker->node.sim->clients[connection->peer].id;
    while (wire_next_result (message, &result))
        if (result.is_final)
            remove_task (&broker->ledger, session, result.id);
}

void ledger_sent (sim_broker_t *broker, connection_t *connection, const dp_outgoing_t *sent)
{
    bool is_result = sent->kind == WIRE_RESULTS && has_queue (broker);
    if (sent->kind != WIRE_TASKS && sent->kind != WIRE_ADOPT && sent->kind != WIRE_SESSION_END && !is_result)
        return;
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    wire_message_t message;
    wire_run_t run;
    const char *why;
    frames[0] = (wire_bytes_t) { sent->envelope.data, sent->envelope.len, 0 };
    for (size_t i = 0; i < sent->n_frames; i++)
        frames[i + 1] = (wire_bytes_t) { dp_blob_data (sent->frames[i]), dp_blob_len (sent->frames[i]), 0 };
    if (wire_decode (&message, frames, sent->n_frames + 1, &why) < 0)
        return; /* its receiver will complain */
    if (sent->kind == WIRE_TASKS)
        say_tasks (broker, connection, &message);
    else if (sent->kind == WIRE_SESSION_END)
        take (&broker->ledger, connection, message.session.session, 0, 0);
    else if (is_result)
        say_results (broker, connection, &message);
    else
        while (wire_next_run (&message, &run))
            give (&broker->ledger, connection, run.session, run.id, run.attempt, false);
}
