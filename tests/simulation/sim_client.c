/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/sim_client.h"

#include "client/session_internal.h"
#include "tests/simulation/sim.h"
#include "tests/simulation/sim_program.h"

#include <stdio.h>

static int64_t act (node_t *node);

static int64_t now_ms (const sim_client_t *self)
{
    return schedule_now_ms (&self->node.sim->schedule);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void terminate (void *owner)
{
    sim_client_t *self = owner;
    if (self->session == NULL)
        return;
    SIM_TELL (self->node.sim, self->node.name, "terminates its pool");
    self->is_terminated = true;
    session_terminate (self->session, now_ms (self));
    node_wake (&self->node);
}

void sim_client_init (sim_client_t *self, sim_t *sim, size_t number)
{
    *self = (sim_client_t) { .number = number };
    node_init (&self->node, sim, 'c', number, act);
    event_init (&self->termination, terminate, self);
    self->id = (random_next (&sim->random) & ~UINT64_C (0xff)) | number;
    size_t first = random_below (&sim->random, sim->scenario.n_brokers);
    for (size_t i = 0; i < sim->scenario.n_brokers; i++)
        self->endpoints[i] = (first + i) % sim->scenario.n_brokers;
}

/* The calls that its program makes stand behind one another. */
#define EACH_CALL(self, call) \
    for (call_t *call = (self)->calls, *call##_end = call + (self)->n_calls; call < call##_end; call++)

static void find_calls (sim_client_t *self)
{
    workload_t *workload = &self->node.sim->workload;
    for (size_t i = workload->n_calls; i-- > 0;)
        if (workload->calls[i].client == self) {
            self->calls = &workload->calls[i];
            self->n_calls++;
        }
}

void sim_client_start (sim_client_t *self)
{
    sim_t *sim = self->node.sim;
    const scenario_client_t *scenario = &sim->scenario.clients[self->number];
    session_config_t config = {
        .id = self->id,
        .n_endpoints = sim->scenario.n_brokers,
        .host = "host",
        .name = self->node.name,
        .pid = self->number + 1,
        .initializer = scenario->initializer != INITIALIZER_NONE ? "prepare" : NULL,
        .initializer_args = (const uint8_t *) "\xc0",
        .initializer_args_len = 1,
        .seed = sim->seed,
        .max_tasks_per_child = scenario->max_tasks_per_child,
        .max_tasks = scenario->window_tasks,
        .max_bytes = 64 << 20,
    };
    self->session = session_new (&config, now_ms (self));
    SIM_TELL (sim, self->node.name, "starts");
    find_calls (self);
    EACH_CALL (self, call)
    {
        event_init (&call->event, program_act, call);
        schedule_at (&sim->schedule, &call->event, sim->schedule.now_us + call->starts_us);
    }
    if (scenario->terminates_us > 0)
        schedule_at (&sim->schedule, &self->termination, sim->schedule.now_us + scenario->terminates_us);
    node_start (&self->node);
}

static void end (sim_client_t *self)
{
    sim_t *sim = self->node.sim;
    if (self->session == NULL)
        return;
    EACH_CALL (self, call)
    {
        schedule_cancel (&sim->schedule, &call->event);
        call->job = NULL;
        for (size_t i = 0; i < call->n_items; i++)
            call->items[i].job = NULL;
    }
    if (self->is_asking)
        session_forget_question (&self->question);
    self->is_asking = false;
    schedule_cancel (&sim->schedule, &self->termination);
    node_stop (&self->node);
    session_destroy (&self->session);
}

void sim_client_fini (sim_client_t *self)
{
    end (self);
}

static void close_connection (sim_client_t *self)
{
    connection_t *connection = self->connection;
    self->connection = NULL;
    if (connection != NULL)
        network_close (connection, TO_BROKER);
}

void sim_client_kill (sim_client_t *self)
{
    if (self->session == NULL)
        return;
    SIM_TELL (self->node.sim, self->node.name, "is killed");
    self->was_killed = true;
    close_connection (self);
    end (self);
}

static void push_messages (sim_client_t *self)
{
    dp_outgoing_t *message;
    while ((message = dp_outbox_take (session_outbox (self->session))) != NULL)
        if (self->connection != NULL)
            network_send (self->connection, TO_BROKER, message);
        else
            dp_outgoing_destroy (&message);
}

void sim_client_leave (sim_client_t *self)
{
    if (self->session == NULL)
        return;
    SIM_TELL (self->node.sim, self->node.name, "leaves");
    session_leave (self->session);
    push_messages (self);
    if (self->connection != NULL)
        network_finish (self->connection, TO_BROKER);
    self->connection = NULL;
    end (self);
}

/* ---- The loop ------------------------------------------------------------------------------- */

/* It does not hear how much it may send. */
static void overhear_room (wire_message_t *message)
{
    if (message->kind == WIRE_WELCOME)
        message->welcome.room = 0;
    else if (message->kind == WIRE_ROOM)
        message->room = 0;
}

static void note_what_comes_back (sim_client_t *self, wire_message_t message)
{
    wire_result_t result;
    if (message.kind == WIRE_RESULTS)
        while (wire_next_result (&message, &result))
            self->was_given_back |= result.status == OUTCOME_NOT_STARTED;
}

static void hear_broker (sim_client_t *self)
{
    sim_t *sim = self->node.sim;
    wire_message_t message;
    dp_blob_t *blobs[WIRE_MAX_FRAMES];
    if (self->is_refused) {
        self->is_refused = false;
        session_broken (self->session, now_ms (self));
    }
    for (parcel_t *parcel; (parcel = node_receive (&self->node, &message, blobs)) != NULL;) {
        if (parcel->message == NULL) {
            close_connection (self);
            session_broken (self->session, now_ms (self));
        } else {
            sim_tell_message (sim, &sim->brokers[parcel->connection->broker].node, &self->node, &message);
            note_what_comes_back (self, message);
            if (sim->scenario.clients[self->number].is_heedless)
                overhear_room (&message);
            session_receive (self->session, now_ms (self), &message, blobs);
        }
        network_free_parcel (parcel);
    }
}

static void carry_out (sim_client_t *self, dp_link_command_t command)
{
    sim_t *sim = self->node.sim;
    close_connection (self);
    if (command != LINK_OPEN)
        return;
    size_t broker = self->endpoints[session_endpoint (self->session)];
    self->connection
        = sim_broker_accept (&sim->brokers[broker], sim_peer_of_client (self->number), 0, &self->is_refused);
    if (self->is_refused)
        node_wake (&self->node);
}

static void deliver_applies (sim_client_t *self, job_t *job)
{
    bool is_over = false;
    while (!is_over) {
        size_t index = job_next_finished (job);
        if (index == JOB_NONE)
            return;
        item_t *item = job_call (job, index)->owner;
        if (item != NULL) {
            judge_apply (self->node.sim, item, job_item (job, index));
            item->job = NULL;
        }
        is_over = session_forget_call (self->session, job, index);
    }
}

/* What has become known is judged at once, item by item. */
static void deliver (sim_client_t *self)
{
    schedule_t *schedule = &self->node.sim->schedule;
    for (job_t *job; (job = session_next_changed (self->session)) != NULL;) {
        if (job->is_calls) {
            deliver_applies (self, job);
            continue;
        }
        call_t *call = job->owner;
        judge_call (self->node.sim, call);
        if (call->ended_us == 0 && job_is_finished (job))
            call->ended_us = schedule->now_us;
        if (program_has_result (call))
            schedule_by (schedule, &call->event, schedule->now_us + call->take_us);
    }
}

static int64_t act (node_t *node)
{
    sim_client_t *self = DP_CONTAINER (node, sim_client_t, node);
    hear_broker (self);
    program_hear_answer (self);
    EACH_CALL (self, call)
    program_draw (self, call);
    int64_t deadline_ms = session_tick (self->session, now_ms (self));
    for (dp_link_command_t command; (command = session_next_command (self->session)) != LINK_NOTHING;)
        carry_out (self, command);
    deliver (self);
    push_messages (self);
    judge_client (node->sim, self);
    return deadline_ms;
}

/* ---- What is left --------------------------------------------------------------------------- */

static bool is_call_done (const call_t *call)
{
    for (size_t i = 0; i < call->n_items; i++)
        if (call->items[i].job != NULL)
            return false;
    if (!call->is_started || (call->job != NULL && !job_is_finished (call->job)))
        return false;
    return call->job == NULL || call->kind < CALL_IMAP || call->n_taken == call->n_appended;
}

bool sim_client_is_done (const sim_client_t *self, char *text, size_t size)
{
    if (self->session == NULL)
        return true;
    EACH_CALL (self, call)
    if (!is_call_done (call)) {
        snprintf (text, size, "call %zu of %s is not finished: %zu of %zu items, %zu taken", call->number,
                  self->node.name, call->job != NULL ? call->job->n_finished : 0, call->n_items,
                  call->n_taken);
        return false;
    }
    return true;
}

size_t sim_client_n_tasks (const sim_client_t *self)
{
    return self->session->tasks.count;
}

void sim_client_describe_rest (const sim_client_t *self, char *text, size_t size)
{
    const session_t *session = self->session;
    text[0] = '\0';
    if (session == NULL)
        return;
    if (session->tasks.count > 0 || session->n_bytes > 0 || !dp_list_is_empty (&session->submitted)
        || !dp_list_is_empty (&session->again) || !dp_list_is_empty (&session->cancelling)
        || !dp_list_is_empty (&session->jobs))
        snprintf (text, size, "%s has %zu tasks of %zu bytes%s%s%s", self->node.name, session->tasks.count,
                  session->n_bytes, dp_list_is_empty (&session->again) ? "" : ", some to be sent again",
                  dp_list_is_empty (&session->cancelling) ? "" : ", some being cancelled",
                  dp_list_is_empty (&session->jobs) ? "" : ", an unfinished job");
    else if (self->is_asking && self->node.sim->scenario.kind == SCENARIO_CALM)
        snprintf (text, size, "%s waits for the answer to a question", self->node.name);
    else if (!session_is_connected (session))
        snprintf (text, size, "%s is not connected", self->node.name);
}
