/* SPDX-License-Identifier: MPL-2.0 */
/* node.h - what client, broker and worker programs have in common: a loop that takes turns, an inbox, and
   that they can be stopped for a while (SIGSTOP) and die. */
#ifndef NODE_H_INCLUDED
#define NODE_H_INCLUDED

#include "tests/simulation/network.h"
#include "tests/simulation/schedule.h"

struct sim_s;

typedef struct node_s {
    struct sim_s *sim;
    char name[8];      /* "w1" */
    direction_t sends; /* what it puts into its connections */
    sim_event_t turn;
    dp_list_t inbox; /* of parcel_t */
    int64_t paused_until_us;
    bool is_alive;
    uint64_t n_turns;
    /* A turn: do what is due. Returns the deadline of the next (DP_NEVER = none). */
    int64_t (*act) (struct node_s *self);
} node_t;

void node_init (node_t *self, struct sim_s *sim, char kind, size_t number, int64_t (*act) (node_t *self));
/* Start, or start again after a death. */
void node_start (node_t *self);
/* Its loop ends, and what lies in its inbox is gone. */
void node_stop (node_t *self);
void node_pause (node_t *self, int64_t until_us);

/* Something happened to it: a turn comes soon. */
void node_wake (node_t *self);
void node_deliver (node_t *self, parcel_t *parcel);

/* Take the next parcel from the inbox that is on a connection which the node has open; decode it into
 *message where it is one. NULL = none. Free it by network_free_parcel. */
parcel_t *node_receive (node_t *self, wire_message_t *message, dp_blob_t **blobs);

static inline bool node_is_paused (const node_t *self, int64_t now_us)
{
    return self->paused_until_us > now_us;
}

#endif
