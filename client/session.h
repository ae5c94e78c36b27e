/* SPDX-License-Identifier: MPL-2.0 */
/*
 * session.h - the client's decisions: what to submit when, what to claim after a break, what to try again. It
 * keeps every task until its outcome is known, so it is the source of truth. Pure: no socket, no clock, no
 * thread; its pool calls it under its lock.
 */
#ifndef SESSION_H_INCLUDED
#define SESSION_H_INCLUDED

#include "client/job.h"
#include "core/link.h"
#include "core/wire.h"

typedef struct session_s session_t;

typedef struct session_config_s {
    uint64_t id; /* 64 random bits */
    size_t n_endpoints;
    const char *host, *name; /* copied */
    uint64_t pid;
    const char *initializer;         /* copied; NULL = none */
    const uint8_t *initializer_args; /* copied */
    size_t initializer_args_len;
    uint64_t seed, max_tasks_per_child;
    size_t max_tasks, max_bytes; /* under way to the broker at a time */
    int64_t broker_timeout_ms;   /* all ends after so long without a broker; 0 = never */
} session_config_t;

/* NULL with ENOMEM. */
session_t *session_new (const session_config_t *config, int64_t now_ms);
/* Frees all jobs too. */
void session_destroy (session_t **self_p);

/* ---- Jobs ----------------------------------------------------------------------------------- */

/* Take over a job (from job_new): it is sent by the next ticks. */
void session_add (session_t *self, job_t *job);
/* A stream has new items, or its flags (is_ended, is_eager) changed. */
void session_more (session_t *self, job_t *job);
/* Cancel what is unfinished of it: what was never sent ends at once. */
void session_cancel (session_t *self, int64_t now_ms, job_t *job);
/* Its owner needs it no more: cancelled if unfinished, freed when nothing of it is under way. */
void session_release (session_t *self, int64_t now_ms, job_t *job);
/* All unfinished items of all jobs end as terminated. */
void session_terminate (session_t *self, int64_t now_ms);
/* The next job whose items or end its owner has not been told of; NULL = none. */
job_t *session_next_changed (session_t *self);
/* Has every item that was added its outcome? */
bool session_is_idle (const session_t *self);
/* Mark what was added until now, and let all of it go, short chunks too. */
void session_mark (session_t *self);
/* Have as many items as were marked their outcome? Comes also where items are added for ever. */
bool session_is_past_mark (const session_t *self);

/* ---- The broker ----------------------------------------------------------------------------- */

/* A decoded message. blobs as in scheduler.h. */
void session_receive (session_t *self, int64_t now_ms, wire_message_t *message, dp_blob_t *const *blobs);
void session_broken (session_t *self, int64_t now_ms);
/* Timers, submissions, acks. Returns the next deadline. Commands for the edge follow by session_next_command.
 */
int64_t session_tick (session_t *self, int64_t now_ms);
/* LINK_OPEN (the endpoint is session_endpoint ()) or LINK_CLOSE; LINK_NOTHING = no more. */
dp_link_command_t session_next_command (session_t *self);
size_t session_endpoint (const session_t *self);
dp_outbox_t *session_outbox (session_t *self);
/* Say BYE: queued tasks are dropped there, running ones cancelled. */
void session_leave (session_t *self);

/* ---- What is known -------------------------------------------------------------------------- */

bool session_is_connected (const session_t *self);
int64_t session_down_since_ms (const session_t *self);
size_t session_processes (const session_t *self); /* children of all workers; 0 while not connected */
uint64_t session_max_payload (const session_t *self);
/* The broker refused us: its code and text; 0 and NULL otherwise. */
wire_refusal_t session_refusal (const session_t *self, const char **text);

/* Ask the broker about the first unfinished task of a job. Returns the query's number; 0 = there is none at
 *the broker, why then says what is known here. */
uint64_t session_explain (session_t *self, int64_t now_ms, const job_t *job, dpool_explanation_t *why);
/* The answer to a query, once: true and *why, or false while there is none. */
bool session_answer (session_t *self, uint64_t query, dpool_explanation_t *why);

#endif
