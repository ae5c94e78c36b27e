/* SPDX-License-Identifier: MPL-2.0 */
/*
 * broker.h - the broker's edge: one ROUTER and the clock around the scheduler. Belongs to one thread.
 *
 * A loop is: n = broker_poll (…); poll (items until the last deadline); broker_hear (items);
 * deadline = broker_turn (…).
 */
#ifndef BROKER_H_INCLUDED
#define BROKER_H_INCLUDED

#include "broker/gate.h"
#include "broker/scheduler.h"
#include "net/exchange.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct broker_s broker_t;

#define BROKER_MOST_PEERS 65536 /* that a broker takes at a time, unless it is told otherwise */

typedef struct broker_config_s {
    dp_exchange_t *exchange;      /* NULL: by sockets. Outlives the broker, which then binds nothing. */
    const char *const *endpoints; /* to bind */
    size_t n_endpoints;
    size_t most_peers; /* connected at a time; 0 = BROKER_MOST_PEERS */
    scheduler_config_t scheduler;
    const dp_keys_t *keys;          /* copied; NULL: nothing is encrypted, and whoever comes is let in */
    access_t **access_p;            /* with keys: who is let in. Taken: *access_p becomes NULL */
    bool is_quiet;                  /* log errors only */
    int malloc_trim;                /* 1 = yes, -1 = no, 0 = as DPOOL_MALLOC_TRIM says */
    void (*log) (const char *line); /* one line an event; or NULL */
} broker_config_t;

/* Bind. context outlives the broker. NULL with the thread's last error, which names the endpoint and says
 * what to do. */
broker_t *broker_new (void *context, const broker_config_t *config);
void broker_destroy (broker_t **self_p);

/* The endpoint number i as bound, with the real port where a wildcard was asked for. */
const char *broker_endpoint (const broker_t *self, size_t i);

/* From now on this list says who is let in: whoever is not in it any more is shut out.
   Takes it. Only where there are keys. */
void broker_admit (broker_t *self, access_t **access_p);

#define BROKER_POLL 3
size_t broker_poll (const broker_t *self, struct pollfd *items);
/* What the poll said of them. */
void broker_hear (broker_t *self, const struct pollfd *items);

/* Take in all that has arrived (bounded), decide, send. Returns the next deadline in dp_clock_ms terms. */
int64_t broker_turn (broker_t *self);

/* Figures, for status. */
void broker_stats (const broker_t *self, scheduler_stats_t *stats);

/* Free what is only kept for the next burst. broker_turn does it by itself, but for an embedded one. */
void broker_tidy (broker_t *self);

/* Prepare a planned end: see scheduler_drain. And is all done that this takes? Turns go on in between. */
void broker_drain (broker_t *self);
bool broker_is_drained (const broker_t *self);

/* Say goodbye to all peers, before broker_destroy. */
void broker_shutdown (broker_t *self);

#endif
