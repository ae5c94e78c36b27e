/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/node.h"

#include "tests/simulation/sim.h"

#include <stdio.h>
#include <string.h>

enum { WAKE_LEAST_US = 20, WAKE_MOST_US = 300 }; /* from an event until the loop sees it */

static void take_turn (void *owner)
{
    node_t *self = owner;
    schedule_t *schedule = &self->sim->schedule;
    if (node_is_paused (self, schedule->now_us)) {
        schedule_at (schedule, &self->turn, self->paused_until_us);
        return;
    }
    self->n_turns++;
    int64_t deadline_ms = self->act (self);
    if (!self->is_alive || deadline_ms == DP_NEVER)
        return;
    int64_t soon_us = schedule->now_us + WAKE_LEAST_US;
    schedule_by (schedule, &self->turn, deadline_ms < soon_us / 1000 ? soon_us : deadline_ms * 1000);
}

void node_init (node_t *self, struct sim_s *sim, char kind, size_t number, int64_t (*act) (node_t *self))
{
    self->sim = sim;
    self->act = act;
    self->sends = kind == 'b' ? TO_PEER : TO_BROKER;
    snprintf (self->name, sizeof self->name, "%c%zu", kind, number);
    event_init (&self->turn, take_turn, self);
    dp_list_init (&self->inbox);
}

void node_start (node_t *self)
{
    self->is_alive = true;
    self->paused_until_us = 0;
    node_wake (self);
}

void node_stop (node_t *self)
{
    self->is_alive = false;
    schedule_cancel (&self->sim->schedule, &self->turn);
    DP_LIST_EACH (&self->inbox, node)
        network_free_parcel (DP_CONTAINER (node, parcel_t, in_row));
}

void node_pause (node_t *self, int64_t until_us)
{
    if (until_us > self->paused_until_us)
        self->paused_until_us = until_us;
}

void node_wake (node_t *self)
{
    if (!self->is_alive)
        return;
    schedule_t *schedule = &self->sim->schedule;
    schedule_by (schedule, &self->turn,
                 schedule->now_us + random_between (&self->sim->random, WAKE_LEAST_US, WAKE_MOST_US));
}

void node_deliver (node_t *self, parcel_t *parcel)
{
    if (!self->is_alive) {
        network_free_parcel (parcel);
        return;
    }
    dp_list_append (&self->inbox, &parcel->in_row);
    node_wake (self);
}

static void decode (node_t *self, const parcel_t *parcel, wire_message_t *message, dp_blob_t **blobs)
{
    const dp_outgoing_t *from = parcel->message;
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    frames[0] = (wire_bytes_t) { from->envelope.data, from->envelope.len, 0 };
    blobs[0] = NULL;
    for (size_t i = 0; i < from->n_frames; i++) {
        blobs[i + 1] = from->frames[i];
        frames[i + 1] = (wire_bytes_t) { dp_blob_data (blobs[i + 1]), dp_blob_len (blobs[i + 1]), 0 };
    }
    const char *why;
    if (wire_decode (message, frames, from->n_frames + 1, &why) < 0)
        sim_violate (self->sim, "every message can be decoded", "%s got a %s: %s", self->name,
                     wire_kind_name (from->kind), why);
}

parcel_t *node_receive (node_t *self, wire_message_t *message, dp_blob_t **blobs)
{
    dp_list_t *node;
    while ((node = dp_list_pop (&self->inbox)) != NULL) {
        parcel_t *parcel = DP_CONTAINER (node, parcel_t, in_row);
        if (!parcel->connection->is_open[self->sends]) {
            network_free_parcel (parcel);
            continue;
        }
        if (parcel->message == NULL)
            return parcel;
        decode (self, parcel, message, blobs);
        if (sim_is_broken (self->sim)) {
            network_free_parcel (parcel);
            return NULL;
        }
        return parcel;
    }
    return NULL;
}
