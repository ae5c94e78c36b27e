/* SPDX-License-Identifier: MPL-2.0 */
/* session_cost.c - the client's session: jobs go out as SUBMIT, their results come back and are taken. As one
   call for each task, or as one map of all items, whose chunks size themselves. */
#include "bench/die.h"
#include "bench/machines/cost.h"
#include "client/session.h"

#include <string.h>

typedef struct {
    load_t load;
    bool is_map;
    session_t *session;
    int64_t now_ms;
    argument_t argument;
    dpool_items_t *items;
    sent_row_t sent;
    uint8_t *values; /* as many outcomes as a task may have items */
    uint64_t n_finished, n_sent_results;
    dp_outbox_t out;
} self_t;

/* ---- What is measured --------------------------------------------------------------------------- */

static COST_OF void cost_of_receive (self_t *self, wire_message_t *message, dp_blob_t **blobs)
{
    session_receive (self->session, self->now_ms, message, blobs);
}

static COST_OF void cost_of_tick (self_t *self)
{
    session_tick (self->session, self->now_ms);
    while (session_next_command (self->session) != LINK_NOTHING) {
    }
}

static void add_map (self_t *self)
{
    job_spec_t spec = { .function = "function", .items = self->items };
    job_t *job = job_new (&spec);
    if (!job)
        die ("job", "out of memory");
    self->items = NULL;
    job->is_ended = true;
    session_add (self->session, job);
}

static COST_OF void cost_of_adding (self_t *self)
{
    job_spec_t spec = { .function = "function", .is_calls = true };
    size_t index;
    if (self->is_map)
        add_map (self);
    else
        for (uint64_t i = 0; i < self->load.n_tasks; i++)
            if (!session_call (self->session, &spec, &self->argument, self, &index))
                die ("call", "out of memory");
}

static void check (uint64_t n_failed)
{
    if (n_failed > 0)
        die ("job", "an item failed");
}

static void take_map (self_t *self, job_t *job)
{
    if (!job_is_finished (job))
        return;
    check (job->n_failed);
    self->n_finished += job->n_finished;
    session_release (self->session, self->now_ms, job);
}

static void take_calls (self_t *self, job_t *job)
{
    for (size_t index; (index = job_next_finished (job)) != JOB_NONE;) {
        job_item_t *item = job_item (job, index);
        check (item->error != NULL);
        job_fini_item (item);
        self->n_finished++;
        if (session_forget_call (self->session, job, index))
            return;
    }
}

static COST_OF void cost_of_taking (self_t *self)
{
    for (job_t *job; (job = session_next_changed (self->session));)
        if (self->is_map)
            take_map (self, job);
        else
            take_calls (self, job);
}

/* ---- Messages ----------------------------------------------------------------------------------- */

static void send_all (self_t *self, double *seconds)
{
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (&self->out))) {
        wire_message_t message;
        dp_blob_t *blobs[WIRE_MAX_FRAMES];
        deliver_decode (outgoing, &message, blobs);
        COST (*seconds, cost_of_receive (self, &message, blobs));
        dp_outgoing_destroy (&outgoing);
    }
}

static void tick (self_t *self, double *seconds)
{
    self->now_ms++;
    COST (*seconds, cost_of_tick (self));
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (session_outbox (self->session)))) {
        wire_message_t message;
        dp_blob_t *blobs[WIRE_MAX_FRAMES];
        deliver_decode (outgoing, &message, blobs);
        if (message.kind == WIRE_SUBMIT)
            sent_add (&self->sent, &message);
        dp_outgoing_destroy (&outgoing);
    }
}

/* Results of all that was sent. */
static void answer (self_t *self, double *seconds)
{
    wire_batch_t batch = { NULL };
    wire_bytes_t value = deliver_value ();
    for (size_t i = 0; i < self->sent.n; i++) {
        const sent_t *sent = &self->sent.tasks[i];
        wire_result_t result = { .id = sent->id,
                                 .attempt = sent->attempt + 1,
                                 .is_final = true,
                                 .n_items = sent->n_items,
                                 .run_us = sent->n_items,
                                 .payload = { self->values, sent->n_items * value.len, 0 } };
        wire_add_result (&batch, &self->out, 0, &result, NULL);
    }
    sent_clear (&self->sent);
    wire_flush (&batch, &self->out, 0, 0, 0);
    send_all (self, seconds);
}

/* ---- The load ----------------------------------------------------------------------------------- */

static self_t *open_session (const load_t *load, bool is_map)
{
    self_t *self = calloc (1, sizeof *self);
    wire_bytes_t value = deliver_value ();
    if (!self || !(self->values = calloc (load->n_tasks, value.len)))
        die ("session", "out of memory");
    for (uint64_t i = 0; i < load->n_tasks; i++)
        memcpy (self->values + i * value.len, value.data, value.len);
    uint8_t *bytes;
    self->load = *load;
    self->is_map = is_map;
    dp_blob_t *blob = dp_blob_new (load->payload, &bytes);
    memset (bytes, 0, load->payload); /* so many small numbers */
    argument_init (&self->argument, blob);
    dp_blob_release (&blob);
    session_config_t config = { .id = 42,
                                .n_endpoints = 1,
                                .host = "host",
                                .name = "cost",
                                .pid = 1,
                                .max_tasks = load->n_tasks + 1,
                                .max_bytes = SIZE_MAX / 2 };
    self->now_ms = 1000000;
    self->session = session_new (&config, self->now_ms);
    if (!self->session)
        die ("session", "out of memory");
    double seconds = 0;
    tick (self, &seconds);
    wire_welcome_t welcome = { .version = WIRE_VERSION,
                               .epoch = 3,
                               .max_payload = 64 << 20,
                               .heartbeat_ms = 1000,
                               .processes = load->n_workers,
                               .name = deliver_text ("broker") };
    wire_put_welcome (&self->out, 0, &welcome);
    send_all (self, &seconds);
    tick (self, &seconds);
    return self;
}

static void *session_open (const load_t *load)
{
    return open_session (load, false);
}

static void *map_open (const load_t *load)
{
    return open_session (load, true);
}

static void session_close (void *machine)
{
    self_t *self = machine;
    session_destroy (&self->session);
    argument_fini (&self->argument);
    sent_free (&self->sent);
    free (self->values);
    free (self);
}

static void make_items (self_t *self)
{
    self->items = dpool_items_new ();
    for (uint64_t i = 0; i < self->load.n_tasks; i++)
        if (dpool_items_add (self->items, "u", i) < 0)
            die ("items", dpool_last_error ()->message);
}

static void session_run (void *machine, cost_t *cost)
{
    self_t *self = machine;
    if (self->is_map)
        make_items (self);
    self->n_finished = 0;
    COST (cost->submit, cost_of_adding (self));
    while (self->n_finished < self->load.n_tasks) {
        tick (self, &cost->serve);
        answer (self, &cost->serve);
        COST (cost->serve, cost_of_taking (self));
    }
}

const machine_t session_machine = { "session",
                                    "one call a task through the client's session: sent, answered, taken",
                                    { 100000, 2, 1, 1, 0, 8, 0 },
                                    session_open,
                                    session_run,
                                    session_close };

const machine_t map_machine = { "map",
                                "one job of all tasks through the client's session, in chunks of its choice",
                                { 1000000, 2, 1, 1, 0, 8, 0 },
                                map_open,
                                session_run,
                                session_close };
