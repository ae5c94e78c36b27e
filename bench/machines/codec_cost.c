/* SPDX-License-Identifier: MPL-2.0 */
/* codec_cost.c - the wire: a task is written into SUBMIT and read again, then its result into RESULTS. */
#include "bench/die.h"
#include "bench/machines/cost.h"

typedef struct {
    load_t load;
    uint8_t *payload;
    dp_outbox_t out;
    uint64_t n_read;
} self_t;

static COST_OF void cost_of_writing_tasks (self_t *self)
{
    wire_batch_t batch = { NULL };
    wire_group_t group = { .function = deliver_text ("function"), .require = { "", 0 } };
    for (uint64_t i = 1; i <= self->load.n_tasks; i++) {
        wire_task_t task
            = { .id = i, .job = i, .n_items = 1, .payload = { self->payload, self->load.payload, 0 } };
        wire_add_task (&batch, &self->out, 0, WIRE_SUBMIT, &group, &task, NULL);
    }
    wire_flush (&batch, &self->out, 0, 0, 0);
}

static COST_OF void cost_of_writing_results (self_t *self)
{
    wire_batch_t batch = { NULL };
    for (uint64_t i = 1; i <= self->load.n_tasks; i++) {
        wire_result_t result = { .session = UINT64_C (0x9e3779b97f4a7c15),
                                 .id = i,
                                 .attempt = 1,
                                 .is_final = true,
                                 .n_items = 1,
                                 .run_us = 50,
                                 .payload = deliver_value () };
        wire_add_result (&batch, &self->out, 0, &result, NULL);
    }
    wire_flush (&batch, &self->out, 0, 0, 0);
}

static COST_OF void cost_of_reading (self_t *self)
{
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (&self->out))) {
        wire_message_t message;
        dp_blob_t *blobs[WIRE_MAX_FRAMES];
        wire_group_t group;
        wire_task_t task;
        wire_result_t result;
        deliver_decode (outgoing, &message, blobs);
        if (message.kind == WIRE_SUBMIT)
            while (wire_next_group (&message, &group))
                while (wire_next_task (&message, &task))
                    self->n_read++;
        else
            while (wire_next_result (&message, &result))
                self->n_read++;
        dp_outgoing_destroy (&outgoing);
    }
}

static void *codec_open (const load_t *load)
{
    self_t *self = calloc (1, sizeof *self);
    if (!self || !(self->payload = calloc (load->payload + 1, 1)))
        die ("codec", "out of memory");
    self->load = *load;
    return self;
}

static void codec_run (void *machine, cost_t *cost)
{
    self_t *self = machine;
    self->n_read = 0;
    COST (cost->submit, cost_of_writing_tasks (self));
    COST (cost->submit, cost_of_reading (self));
    COST (cost->serve, cost_of_writing_results (self));
    COST (cost->serve, cost_of_reading (self));
    if (self->n_read != 2 * self->load.n_tasks)
        die ("codec", "not all came out that went in");
}

static void codec_close (void *machine)
{
    self_t *self = machine;
    free (self->payload);
    free (self);
}

const machine_t codec_machine = { "codec",
                                  "SUBMIT and RESULTS written and read, one record of each a task",
                                  { 100000, 1, 1, 1, 0, 8, 0 },
                                  codec_open,
                                  codec_run,
                                  codec_close };
