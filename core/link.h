/* SPDX-License-Identifier: MPL-2.0 */
/*
 * link.h - when to connect, to ping and to give up: the policy of one peer's connection to its broker(s), and
 * how far away that is. Pure: it is told the time and what happened, and says what to do.
 *
 *            LINK_OPEN                  WELCOME
 *   DOWN ───────────────▶ GREETING ───────────────▶ UP
 *    ▲                       │ broken, WHO, 3 s        │ broken, WHO, 5 s of silence
 *    └───────────────────────┴─────────────────────────┘
 */
#ifndef DP_LINK_H_INCLUDED
#define DP_LINK_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_NEVER INT64_MAX /* a deadline that does not come */

enum {
    LINK_HEARTBEAT_MS = 1000, /* PING after so long without sending, or without receiving (R10) */
    LINK_SILENCE_MS = 5000,   /* no message for so long: the connection is over */
    LINK_WELCOME_MS = 3000,   /* no WELCOME so long after opening: likewise */
    LINK_FAILOVER_MS = 3000,  /* trouble with an endpoint for so long: try the next (R13). Before the first
                                 WELCOME of all each attempt tries the next */
    LINK_MIN_BACKOFF_MS = 100,
    LINK_MAX_BACKOFF_MS = 1000,  /* first try at once, then full jitter up to this (R12) */
    LINK_BYTES_A_MS = 64,        /* the slowest path that a large message is waited for: 64 KB/s (R11) */
    LINK_MAX_LAG_MS = 1000,      /* a turn of the own loop counts for at most so much silence */
    LINK_SAMPLES = 8,            /* so often a far broker is asked how far it is, a heartbeat apart */
    LINK_MAX_ROUND_TRIP_MS = 300 /* what takes longer is a queue, not a path */
};

typedef enum { LINK_DOWN, LINK_GREETING, LINK_UP } dp_link_state_t;

typedef enum {
    LINK_NOTHING,
    LINK_OPEN, /* close the old socket if there is one, open endpoint self->endpoint, then say HELLO with
                  self->connection */
    LINK_PING, /* send a PING */
    LINK_CLOSE /* the connection is over: close the socket (the link is DOWN already) */
} dp_link_command_t;

typedef struct dp_link_s {
    dp_link_state_t state;
    size_t endpoint, n_endpoints; /* index of the endpoint in use */
    uint64_t connection;          /* how many connections were opened: HELLO's counter */
    uint64_t random;              /* state of the jitter */
    int64_t opened_at_ms, sent_at_ms, received_at_ms, pinged_at_ms, ticked_at_ms;
    int64_t patience_ms; /* of silence that is allowed beside the usual */
    int64_t retry_at_ms, endpoint_since_ms;
    int64_t down_since_ms; /* the last moment it was UP, or the start */
    unsigned n_failures;   /* in a row, without WELCOME */
    bool must_close;
    bool was_up; /* has been welcomed by a broker */
    /* how far away the broker is: */
    int64_t round_trip_ms; /* so long at least, by the shortest of this connection's samples, and at most
                              LINK_MAX_ROUND_TRIP_MS; 0 = not known, or near */
    int64_t asked_at_ms, answered_at_ms; /* by the last sample */
    unsigned n_samples;                  /* on this connection */
    bool is_asked;                       /* a PING is timed, and its PONG has not come */
} dp_link_t;

/* seed: any number; equal seeds give equal jitter. */
void dp_link_init (dp_link_t *self, size_t n_endpoints, uint64_t seed, int64_t now_ms);

/* Tell what happened. A broken link (monitor, WHO, failed send) is DOWN at once and retries by itself. */
void dp_link_welcomed (dp_link_t *self, int64_t now_ms);
void dp_link_received (dp_link_t *self, int64_t now_ms); /* any message */
void dp_link_expect (dp_link_t *self, uint64_t bytes);   /* the next message is so large */
void dp_link_sent (dp_link_t *self, int64_t now_ms);     /* any message */
void dp_link_broken (dp_link_t *self, int64_t now_ms);
void dp_link_answered (dp_link_t *self, int64_t now_ms); /* a PONG came; tell dp_link_received, too */

/* What is due now. Call again until it says LINK_NOTHING. */
dp_link_command_t dp_link_tick (dp_link_t *self, int64_t now_ms);

/* When to call dp_link_tick at the latest. */
int64_t dp_link_deadline_ms (const dp_link_t *self);

#endif
