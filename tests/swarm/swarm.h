/* SPDX-License-Identifier: MPL-2.0 */
/*
 * swarm.h - thousands of peers in one thread: each has a connection and a state machine of the project's own,
 * and all of them wait in one epoll. So a real broker can be given more peers than a machine has processes
 * for. Belongs to one thread.
 */
#ifndef SWARM_H_INCLUDED
#define SWARM_H_INCLUDED

#include "core/heap.h"
#include "net/connection.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct swarm_s swarm_t;
typedef struct member_s member_t;

/* What a kind of member does. */
typedef struct member_kind_s {
    void (*receive) (member_t *member, int64_t now_ms, dp_incoming_t *incoming);
    void (*broken) (member_t *member, int64_t now_ms);    /* its connection is over */
    int64_t (*decide) (member_t *member, int64_t now_ms); /* open, close, push; returns its next deadline */
} member_kind_t;

/* One peer: the first member of the struct of its kind. */
struct member_s {
    const member_kind_t *kind;
    swarm_t *swarm;
    dp_connection_t *connection;
    int fds[DP_CONNECTION_POLL];
    size_t n_fds;
    bool is_broken; /* and was told so, since it was opened */
    bool is_awake;
    member_t *next_awake;
    dp_heap_node_t by_deadline;
    uint64_t n_received; /* messages, in all its life */
};

/* keys: of its members; NULL = nothing is encrypted. Both outlive the swarm. It has a ZeroMQ context of its
   own, for at most so many members. Fails the test, as all here, where something cannot be had. */
swarm_t *swarm_new (const char *endpoint, size_t most_members, const dp_keys_t *keys);
/* After all members have left. */
void swarm_destroy (swarm_t **self_p);

/* The keys of members that join from now on. */
void swarm_use_keys (swarm_t *self, const dp_keys_t *keys);

/* The descriptors that a swarm of so many members takes. */
size_t swarm_descriptors (size_t n_members);

/* Wake up when this descriptor is readable, too: swarm_turn tells. */
void swarm_listen (swarm_t *self, int fd);

/* Sleep until something happens, at most until "until_ms" of dp_clock_ms, and let those members act whom it
   concerns. Returns whether the descriptor of swarm_listen was readable. */
bool swarm_turn (swarm_t *self, int64_t until_ms);

/* A member joins, all of its own part being set; it is to act in the next turn. And leaves. */
void swarm_join (swarm_t *self, member_t *member, const member_kind_t *kind);
void swarm_leave (member_t *member);

/* It has something to do: let it act in the next turn. */
void member_wake (member_t *self);

/* Open its connection anew, or close it, as its machine wants. */
void member_open (member_t *self, int64_t now_ms);
void member_close (member_t *self);

/* Push all messages of a machine's outbox. */
void member_push (member_t *self, dp_outbox_t *outbox);

#endif
