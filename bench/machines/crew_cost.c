/* SPDX-License-Identifier: MPL-2.0 */
/* crew_cost.c - the worker's crew: TASKS come in, children that take no time run them, RESULTS go out. */
#include "bench/die.h"
#include "bench/machines/cost.h"
#include "worker/crew.h"

enum { SESSION = 7 };

typedef struct {
    size_t place;
    uint64_t serial, n_items;
} handed_t;

typedef struct {
    load_t load;
    crew_t *crew;
    int64_t now_ms;
    uint8_t *payload;
    handed_t *handed;
    size_t n_handed;
    uint64_t last_id, n_results, n_acknowledged;
    dp_outbox_t out;
} self_t;

/* ---- What is measured --------------------------------------------------------------------------- */

static COST_OF void cost_of_receive (self_t *self, wire_message_t *message, dp_blob_t **blobs)
{
    crew_receive (self->crew, self->now_ms, 0, message, blobs);
}

static COST_OF void cost_of_finishing (self_t *self)
{
    wire_bytes_t value = deliver_value ();
    for (size_t i = 0; i < self->n_handed; i++)
        for (uint64_t item = 0; item < self->handed[i].n_items; item++)
            crew_items_finished (self->crew, self->now_ms, self->handed[i].place, self->handed[i].serial, 1,
                                 value.data, value.len, 5);
}

static COST_OF void take_action (self_t *self, const crew_action_t *action)
{
    if (action->kind == CREW_START)
        crew_child_ready (self->crew, self->now_ms, action->place, 100 + (int64_t) action->place);
    else if (action->kind == CREW_TAKE_BACK)
        crew_taken_back (self->crew, self->now_ms, action->place, action->serial);
    else if (action->kind == CREW_HAND && self->n_handed < self->load.window)
        self->handed[self->n_handed++] = (handed_t) { action->place, action->serial, action->task.n_items };
    else if (action->kind == CREW_HAND)
        die ("crew", "it handed out more than it was given");
}

static COST_OF void cost_of_tick (self_t *self)
{
    crew_action_t action;
    crew_tick (self->crew, self->now_ms);
    while (crew_next_action (self->crew, &action))
        take_action (self, &action);
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
    while ((outgoing = dp_outbox_take (crew_outbox (self->crew)))) {
        wire_message_t message;
        dp_blob_t *blobs[WIRE_MAX_FRAMES];
        deliver_decode (outgoing, &message, blobs);
        if (message.kind == WIRE_RESULTS)
            self->n_results += message.n_records;
        dp_outgoing_destroy (&outgoing);
    }
}

/* ---- The load ----------------------------------------------------------------------------------- */

static void *crew_open (const load_t *load)
{
    static const char *const functions[] = { "function" };
    self_t *self = calloc (1, sizeof *self);
    if (!self || !(self->payload = calloc (load->payload + 1, 1))
        || !(self->handed = calloc (load->window, sizeof *self->handed)))
        die ("crew", "out of memory");
    self->load = *load;
    self->now_ms = 1000000;
    crew_config_t config = { .worker = 77,
                             .n_brokers = 1,
                             .processes = load->n_workers,
                             .host = "host",
                             .name = "cost",
                             .pid = 42,
                             .functions = functions,
                             .n_functions = 1,
                             .seed = 5 };
    self->crew = crew_new (&config, self->now_ms);
    double seconds = 0;
    tick (self, &seconds);
    wire_welcome_t welcome = { .version = WIRE_VERSION,
                               .epoch = 3,
                               .max_payload = 64 << 20,
                               .heartbeat_ms = 1000,
                               .name = deliver_text ("broker") };
    wire_session_t session = { .session = SESSION, .initializer = deliver_text ("") };
    wire_put_welcome (&self->out, 0, &welcome);
    wire_put_session (&self->out, 0, 0, &session, NULL);
    send_all (self, &seconds);
    tick (self, &seconds);
    return self;
}

static void crew_close (void *machine)
{
    self_t *self = machine;
    crew_destroy (&self->crew);
    free (self->handed);
    free (self->payload);
    free (self);
}

static void give (self_t *self, uint64_t n, double *seconds)
{
    wire_batch_t batch = { NULL };
    wire_group_t group = { .session = SESSION, .function = deliver_text ("function"), .require = { "", 0 } };
    for (uint64_t i = 0; i < n; i++) {
        uint64_t id = ++self->last_id;
        wire_task_t task = { .id = id,
                             .attempt = 1,
                             .job = id,
                             .n_items = 1,
                             .payload = { self->payload, self->load.payload, 0 } };
        wire_add_task (&batch, &self->out, 0, WIRE_TASKS, &group, &task, NULL);
    }
    wire_flush (&batch, &self->out, self->n_results, 0, 0);
    send_all (self, seconds);
}

static void finish (self_t *self, double *seconds)
{
    COST (*seconds, cost_of_finishing (self));
    self->n_handed = 0;
}

static void crew_run (void *machine, cost_t *cost)
{
    self_t *self = machine;
    uint64_t end = self->last_id + self->load.n_tasks;
    while (self->last_id < end) {
        uint64_t n = end - self->last_id < self->load.window ? end - self->last_id : self->load.window;
        give (self, n, &cost->serve);
        for (int i = 0; self->n_results < self->last_id; i++) {
            if (i > 1000000)
                die ("crew", "it stands still");
            tick (self, &cost->serve);
            finish (self, &cost->serve);
        }
    }
    give (self, 0, &cost->serve);
}

const machine_t crew_machine = { "crew",
                                 "TASKS and RESULTS through the worker's crew, whose children take no time",
                                 { 100000, 2, 1, 1, 512, 8, 0 },
                                 crew_open,
                                 crew_run,
                                 crew_close };
