/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler.h - the broker's decisions: who is there, which task goes to which worker next, what is held
 * until when. Pure: no socket, no clock. The edge (broker.c) passes in decoded messages and the time, and
 * sends what stands in the outbox.
 *
 * A task:
 *                          ┌──────────── worker lost, RELEASE, failed send ───────────┐
 *                          ▼                                                           │
 *   SUBMIT ──▶ QUEUED ───assign──▶ ASSIGNED ──final RESULT──▶ FINISHED ──client's ack──▶ gone
 *                └─cancel, no worker in time, no function─────────▲
 *
 * Connections are numbers that the edge gives to routing ids; they are never used twice.
 */
#ifndef SCHEDULER_H_INCLUDED
#define SCHEDULER_H_INCLUDED

#include "broker/access.h"
#include "core/hash.h"
#include "core/link.h"
#include "core/wire.h"

typedef struct scheduler_s scheduler_t;

typedef struct scheduler_config_s { /* zero members mean the default */
    uint64_t epoch;                 /* 64 random bits, of this start of the broker */
    dp_hash_key_t secret;           /* 128 random bits: of them peers cannot choose ids that make it slow */
    dp_hash_key_t cluster_secret;   /* likewise, but the same at all brokers with the same keys, and after a
                                       restart: it hides the ids of peers with keys. See scheduler_own_id */
    const char *name;               /* of the broker; copied */
    uint64_t max_payload_bytes;     /* 64 MiB */
    uint64_t memory_limit_bytes;    /* for payloads of all sessions; 0 = none. See scheduler_room.c */
    uint64_t least_room_bytes;      /* that everybody has whatever the limit; 256 KiB */
    int64_t grace_ms;               /* after the start: claimed tasks wait for their workers; 2000 */
    int64_t worker_return_ms;       /* a broken worker may return for so long; 1000 */
    int64_t worker_silence_ms;      /* 5000 */
    int64_t client_lease_ms;        /* 60000 */
    int64_t no_worker_ms;           /* tasks fail after so long without any worker; 30000; -1 = never */
    int64_t answers_a_second;       /* for one peer, see scheduler_asking.c; 1000 */
    int64_t looks_a_second;         /* in vain, for one client, see scheduler_orders.c; 250,000 */
    size_t most_orphans;            /* runs that workers list and no client has claimed yet; 2,097,152 */
    quota_t quota;                  /* of keys that have none of their own, and of peers without keys; none */
    bool is_embedded;               /* no_worker_ms and silence do not apply */
} scheduler_config_t;

scheduler_t *scheduler_new (const scheduler_config_t *config, int64_t now_ms);
void scheduler_destroy (scheduler_t **self_p);

/* A decoded message from a connection. blobs[i], where not NULL, holds payload frame i; payloads that are
   kept and have no blob are copied. blobs may be NULL. */
void scheduler_receive (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_message_t *message,
                        dp_blob_t *const *blobs);

/* What came from there could not be decoded: it is answered with REFUSED. */
void scheduler_malformed (scheduler_t *self, int64_t now_ms, uint64_t connection, const char *why);

/* What came from there is not allowed: it is answered with REFUSED, and its peer's connection is over. */
void scheduler_deny (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_refusal_t code,
                     const char *why);

/* Whose the HELLOs are that are received from now on: a key, of at most SCHEDULER_OWNER characters; "" (as at
   the start) = nobody knows. An id is its owner's: what another says of the same one is of another peer. */
#define SCHEDULER_OWNER 40
void scheduler_set_owner (scheduler_t *self, const char *owner);

/* From now on these keys are let in, with what each may do; NULL (as at the start): whoever comes without one
   may do all. Borrowed until the next call. Whoever is here and may not be any more is refused at once,
   silent or away as he may be: by his key, its role, or the initializer of his session. A worker's tasks run
   elsewhere then, a session ends; so does one that has tasks and whose key may not submit any more. A task
   that a key may not submit is refused alone. The quotas that the list gives hold from now on. A worker whose
   key has other functions now is to say HELLO anew, with those that it offers. */
void scheduler_admit (scheduler_t *self, int64_t now_ms, const access_t *access);

/* Has a HELLO that came from there taken effect, and is that so still? */
bool scheduler_knows (const scheduler_t *self, uint64_t connection);

/* The connection is gone, or a message to it could not be sent. Harmless for unknown ones. */
void scheduler_disconnected (scheduler_t *self, int64_t now_ms, uint64_t connection);

/* Timers, then assign queued tasks to workers, then close the batches into the outbox. Call it once a turn of
   the loop, after the messages of the turn. Returns the next deadline (DP_NEVER = none). */
int64_t scheduler_tick (scheduler_t *self, int64_t now_ms);

/* Messages to send; dp_outgoing_t.to is the connection. */
dp_outbox_t *scheduler_outbox (scheduler_t *self);

/* Connections that the scheduler is done with (refused, fenced, said BYE): the edge forgets them. False = no
 * more. */
bool scheduler_next_dropped (scheduler_t *self, uint64_t *connection);

/* One line for the operator's log: worker joined, lost, drained; client came, left; refused … False = no
   more. The text lives until the next call. */
bool scheduler_next_event (scheduler_t *self, const char **line);

/* Bytes that it holds, more or less; and free what it only keeps for the next burst of tasks. */
uint64_t scheduler_weight (const scheduler_t *self);
void scheduler_tidy (scheduler_t *self);

/* The broker is to end: nothing is given out any more, clients that understand it are asked to submit nothing
   more (DRAIN), and get back what has not started and may run at most once. After that workers are told to
   go.
 */
void scheduler_drain (scheduler_t *self);
/* Have all clients answered, and been sent what is theirs, and are all workers gone? */
bool scheduler_is_drained (const scheduler_t *self);

/* The broker is about to end: tell every peer (BYE). */
void scheduler_shutdown (scheduler_t *self, int64_t now_ms);

/* Figures, for status, tests and limits. */
typedef struct scheduler_stats_s {
    uint64_t n_workers, n_processes, n_sessions, n_queued, n_assigned, n_finished; /* now */
    uint64_t total_submitted, total_results, total_requeued, total_late_results;   /* since the start */
    uint64_t payload_bytes;                                                        /* held now */
    uint64_t shared_in, shared_out; /* payloads that came and went by shared memory, since the start */
} scheduler_stats_t;
/* What the edge knows of the figures. */
void scheduler_set_shared (scheduler_t *self, uint64_t in, uint64_t out);
void scheduler_stats (const scheduler_t *self, scheduler_stats_t *stats);

#endif
