/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_cost.c - the broker's scheduler: all tasks are submitted, then workers that take no time run
 * them. */
#include "bench/die.h"
#include "bench/machines/cost.h"
#include "broker/scheduler.h"

#include <stdio.h>

enum { GRACE_MS = 2000, NAME = 32 };

typedef struct {
    uint64_t connection;
    uint64_t n_received; /* a client's results */
    bool has_news;
    sent_row_t sent; /* to a worker */
} peer_t;

typedef struct {
    load_t load;
    scheduler_t *scheduler;
    int64_t now_ms;
    peer_t *peers; /* by connection, which count from 1: clients, then workers, … */
    size_t n_peers;
    size_t n_others; /* … then those who wait, and behind them the worker that they wait for */
    char (*functions)[NAME];
    uint8_t *payload;
    uint64_t last_id, n_results;
    dp_outbox_t out;
} self_t;

/* ---- What is measured --------------------------------------------------------------------------- */

static COST_OF void cost_of_receive (self_t *self, uint64_t connection, wire_message_t *message,
                                     dp_blob_t **blobs)
{
    scheduler_receive (self->scheduler, self->now_ms, connection, message, blobs);
}

static COST_OF void cost_of_tick (self_t *self)
{
    scheduler_tick (self->scheduler, self->now_ms);
}

/* ---- Messages ----------------------------------------------------------------------------------- */

/* All that was written arrives from there. */
static void send_all (self_t *self, uint64_t connection, double *seconds)
{
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (&self->out))) {
        wire_message_t message;
        dp_blob_t *blobs[WIRE_MAX_FRAMES];
        deliver_decode (outgoing, &message, blobs);
        COST (*seconds, cost_of_receive (self, connection, &message, blobs));
        dp_outgoing_destroy (&outgoing);
    }
}

static void take_message (self_t *self, const dp_outgoing_t *outgoing)
{
    wire_message_t message;
    dp_blob_t *blobs[WIRE_MAX_FRAMES];
    peer_t *peer = &self->peers[outgoing->to];
    deliver_decode (outgoing, &message, blobs);
    if (message.kind == WIRE_REFUSED)
        die ("scheduler", "it refused a peer");
    if (message.kind == WIRE_TASKS) {
        sent_add (&peer->sent, &message);
        peer->has_news = true;
    } else if (message.kind == WIRE_RESULTS) {
        peer->n_received += message.n_records;
        self->n_results += message.n_records;
        peer->has_news = true;
    }
}

static void tick (self_t *self, double *seconds)
{
    self->now_ms++;
    COST (*seconds, cost_of_tick (self));
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (scheduler_outbox (self->scheduler)))) {
        take_message (self, outgoing);
        dp_outgoing_destroy (&outgoing);
    }
    for (const char *line; scheduler_next_event (self->scheduler, &line);) {
    }
}

/* ---- Peers -------------------------------------------------------------------------------------- */

static void greet (self_t *self, uint64_t connection, wire_role_t role, const char *const *names,
                   size_t n_names, uint64_t window)
{
    double seconds = 0;
    wire_hello_t hello = { .version_min = WIRE_VERSION_MIN,
                           .version_max = WIRE_VERSION,
                           .role = role,
                           .id = connection * UINT64_C (0x9e3779b97f4a7c15),
                           .connection = 1,
                           .host = deliver_text ("host"),
                           .name = deliver_text ("peer"),
                           .pid = connection,
                           .initializer = deliver_text ("") };
    if (role == WIRE_ROLE_WORKER) {
        hello.processes = 1;
        hello.window_tasks = window;
        hello.window_bytes = UINT32_MAX;
        hello.n_functions = n_names;
    }
    wire_put_hello (&self->out, 0, &hello, names, NULL);
    wire_batch_t none = { NULL };
    wire_end_list (&none, &self->out, 0, role == WIRE_ROLE_WORKER ? WIRE_RUNS : WIRE_CLAIM, 0);
    send_all (self, connection, &seconds);
}

static void greet_all (self_t *self)
{
    const char **names = calloc (self->load.n_functions, sizeof *names);
    if (!names)
        die ("functions", "out of memory");
    for (size_t i = 0; i < self->load.n_functions; i++)
        names[i] = self->functions[i];
    for (size_t i = 1; i < self->n_peers; i++)
        greet (self, i, i <= self->load.n_clients ? WIRE_ROLE_CLIENT : WIRE_ROLE_WORKER, names,
               self->load.n_functions, self->load.window);
    free (names);
}

static void submit_task (self_t *self, wire_batch_t *batch, const char *function)
{
    uint64_t id = ++self->last_id;
    wire_group_t group = { .function = deliver_text (function), .require = { "", 0 } };
    wire_task_t task
        = { .id = id, .job = id, .n_items = 1, .payload = { self->payload, self->load.payload, 0 } };
    wire_add_task (batch, &self->out, 0, WIRE_SUBMIT, &group, &task, NULL);
}

/* The worker has room for one of their tasks, and never ends it. */
static void have_others_wait (self_t *self)
{
    static const char *const other = "another";
    double seconds = 0;
    for (size_t i = self->n_peers; i < self->n_peers + self->n_others; i++) {
        bool is_worker = i == self->n_peers + self->n_others - 1;
        wire_batch_t batch = { NULL };
        greet (self, i, is_worker ? WIRE_ROLE_WORKER : WIRE_ROLE_CLIENT, &other, 1, 1);
        if (is_worker)
            break;
        submit_task (self, &batch, other);
        wire_flush (&batch, &self->out, 0, 0, 0);
        send_all (self, i, &seconds);
    }
}

static void *scheduler_open (const load_t *load)
{
    self_t *self = calloc (1, sizeof *self);
    scheduler_config_t config = { .epoch = 7, .name = "cost" };
    if (!self)
        die ("scheduler", "out of memory");
    self->load = *load;
    self->now_ms = 1000000;
    self->n_peers = 1 + load->n_clients + load->n_workers;
    self->n_others = load->n_waiting > 0 ? load->n_waiting + 1 : 0;
    self->peers = calloc (self->n_peers + self->n_others, sizeof *self->peers);
    self->functions = calloc (load->n_functions, sizeof *self->functions);
    self->payload = calloc (load->payload + 1, 1);
    if (!self->peers || !self->functions || !self->payload)
        die ("scheduler", "out of memory");
    for (size_t i = 0; i < load->n_functions; i++)
        snprintf (self->functions[i], NAME, "function.%zu", i);
    self->scheduler = scheduler_new (&config, self->now_ms);
    self->now_ms += GRACE_MS;
    double seconds = 0;
    tick (self, &seconds);
    greet_all (self);
    have_others_wait (self);
    tick (self, &seconds);
    return self;
}

static void scheduler_close (void *machine)
{
    self_t *self = machine;
    scheduler_destroy (&self->scheduler);
    for (size_t i = 0; i < self->n_peers + self->n_others; i++)
        sent_free (&self->peers[i].sent);
    free (self->peers);
    free (self->functions);
    free (self->payload);
    free (self);
}

/* ---- The load ----------------------------------------------------------------------------------- */

/* One message of every client in turn, until all tasks are there. Each task is of the next function. */
static void submit (self_t *self, uint64_t connection, uint64_t n, double *seconds)
{
    wire_batch_t batch = { NULL };
    for (uint64_t i = 0; i < n; i++)
        submit_task (self, &batch, self->functions[(self->last_id + 1) % self->load.n_functions]);
    wire_flush (&batch, &self->out, 0, 0, 0);
    send_all (self, connection, seconds);
}

static void submit_all (self_t *self, double *seconds)
{
    uint64_t left = self->load.n_tasks;
    while (left > 0)
        for (size_t i = 1; i <= self->load.n_clients && left > 0; i++) {
            uint64_t n = self->load.n_tasks / self->load.n_clients;
            n = n < 1 ? 1 : n > MAX_BATCH ? MAX_BATCH : n;
            submit (self, i, n < left ? n : left, seconds);
            left -= n < left ? n : left;
        }
}

static void answer (self_t *self, uint64_t connection, double *seconds)
{
    peer_t *peer = &self->peers[connection];
    wire_batch_t batch = { NULL };
    for (size_t i = 0; i < peer->sent.n; i++) {
        const sent_t *sent = &peer->sent.tasks[i];
        wire_result_t result = { .session = sent->session,
                                 .id = sent->id,
                                 .attempt = sent->attempt,
                                 .is_final = true,
                                 .n_items = 1,
                                 .run_us = 5,
                                 .payload = deliver_value () };
        wire_add_result (&batch, &self->out, 0, &result, NULL);
    }
    sent_clear (&peer->sent);
    wire_flush (&batch, &self->out, 0, 0, 0);
    send_all (self, connection, seconds);
}

static void acknowledge (self_t *self, uint64_t connection, double *seconds)
{
    wire_put_bare (&self->out, 0, WIRE_ACK, self->peers[connection].n_received);
    send_all (self, connection, seconds);
}

/* Everybody who was sent something answers. */
static void turn (self_t *self, double *seconds)
{
    for (size_t i = 1; i < self->n_peers; i++) {
        if (!self->peers[i].has_news)
            continue;
        self->peers[i].has_news = false;
        if (i <= self->load.n_clients)
            acknowledge (self, i, seconds);
        else
            answer (self, i, seconds);
    }
    tick (self, seconds);
}

static void scheduler_run (void *machine, cost_t *cost)
{
    self_t *self = machine;
    self->n_results = 0;
    submit_all (self, &cost->submit);
    while (self->n_results < self->load.n_tasks)
        turn (self, &cost->serve);
    turn (self, &cost->serve); /* the last acknowledgements */
    scheduler_stats_t stats;
    scheduler_stats (self->scheduler, &stats);
    if (stats.n_queued + stats.n_assigned + stats.n_finished != self->load.n_waiting)
        die ("scheduler", "something is left");
}

const machine_t scheduler_machine
    = { "scheduler",
        "SUBMIT, TASKS, RESULTS, RESULTS and ACK through the broker's scheduler",
        { 100000, 16, 1, 1, 1024, 8, 0 },
        scheduler_open,
        scheduler_run,
        scheduler_close };
