/* SPDX-License-Identifier: MPL-2.0 */
/*
 * network.h - connections between peers and brokers, as TCP and ZeroMQ give them: what is sent arrives once
 * and in order until the connection breaks; then what was under way is lost from some point on.
 *
 * A partition stops what goes one way between two nodes. Nothing is lost by it: what was sent waits until it
 * ends, as it does with TCP, and neither end is told.
 *
 * Whatever ends a connection (one end closes it, its process dies, it is cut), the other end learns of it
 * behind the messages that still arrive.
 */
#ifndef NETWORK_H_INCLUDED
#define NETWORK_H_INCLUDED

#include "core/list.h"
#include "core/wire.h"
#include "tests/simulation/random.h"
#include "tests/simulation/schedule.h"

#include <stdbool.h>

enum { NETWORK_BROKERS = 2, NETWORK_PEERS = 16 };

typedef struct network_s network_t;
typedef struct connection_s connection_t;

typedef enum { TO_BROKER, TO_PEER } direction_t;

/* What arrives at a node. */
typedef struct parcel_s {
    dp_list_t in_row; /* a lane's, then the node's inbox */
    connection_t *connection;
    dp_outgoing_t *message; /* NULL: the connection is over */
    int64_t at_us;
} parcel_t;

/* One way of a connection. */
typedef struct sim_lane_s {
    sim_event_t arrival; /* of its first parcel */
    connection_t *connection;
    dp_list_t parcels;
    int64_t last_us;       /* when the last parcel arrives */
    int64_t busy_until_us; /* so long the path takes for what was sent */
    bool is_closed;        /* nothing more is put in */
} sim_lane_t;

struct connection_s {
    dp_list_t in_network;
    network_t *network;
    size_t peer, broker; /* numbers of the nodes */
    sim_lane_t lanes[2]; /* by direction */
    bool is_open[2];     /* the sender of this direction has it open */
    bool is_established; /* the two ends have met */
    unsigned n_inboxes;  /* parcels of it that lie in inboxes */
    size_t slot;         /* the peer's name for the broker */
    uint64_t number;     /* the broker's edge knows it by; 0 = not at all (again) */
    uint64_t window;     /* the broker's: see ledger.h */
};

/* A node hears of a parcel: it is in its inbox from now on. */
typedef void (network_deliver_t) (void *world, parcel_t *parcel, direction_t direction);

struct network_s {
    random_t *random;
    schedule_t *schedule;
    network_deliver_t *deliver;
    void *world;
    dp_list_t connections;
    int64_t delay_us, jitter_us;                        /* of all */
    int64_t slowness_us[NETWORK_PEERS];                 /* on top, of a slow peer */
    int64_t bytes_per_ms[NETWORK_PEERS];                /* of a peer's path; 0 = without limit */
    unsigned blocks[2][NETWORK_PEERS][NETWORK_BROKERS]; /* partitions now, by direction */
    uint64_t n_broken;   /* connections that ended otherwise than by their peer's own will */
    uint64_t n_messages; /* sent, but for heartbeats and acknowledgements */
    uint64_t n_opened;   /* connections */
};

void network_init (network_t *self, random_t *random, schedule_t *schedule, network_deliver_t *deliver,
                   void *world);
void network_fini (network_t *self);

/* A peer opens a connection to a broker that is there. */
connection_t *network_open (network_t *self, size_t peer, size_t broker, size_t slot);

/* Send; takes over the message. */
void network_send (connection_t *connection, direction_t direction, dp_outgoing_t *message);

/* The sender of this direction closes it, or has died: what it sent may be lost from some point on, and it
   hears nothing more. */
void network_close (connection_t *connection, direction_t direction);

/* The sender says its last words (BYE) and closes: those arrive. */
void network_finish (connection_t *connection, direction_t direction);

/* It breaks between the two. */
void network_cut (connection_t *connection);

void network_block (network_t *self, direction_t direction, size_t peer, size_t broker);
void network_unblock (network_t *self, direction_t direction, size_t peer, size_t broker);

/* A parcel that was delivered is done with. */
void network_free_parcel (parcel_t *parcel);

#endif
