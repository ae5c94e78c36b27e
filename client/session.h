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
    const char *host, *name;         /* copied */
    uint64_t pid, machine;           /* as in HELLO */
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
/* Has any job something that may go out now? What is added to one that has enough under way waits for its
   next result. */
bool session_has_ready (const session_t *self);
/* Cancel what is unfinished of it: what was never sent ends at once. */
void session_cancel (session_t *self, int64_t now_ms, job_t *job);
/* Its owner needs it no more: cancelled if unfinished, freed when nothing of it is under way. */
void session_release (session_t *self, int64_t now_ms, job_t *job);
/* All unfinished items of all jobs end as terminated. */
void session_terminate (session_t *self, int64_t now_ms);
/* ---- Calls: applies, each an item of a job of calls of its kind --------------------------------- */

/* A call as spec says (of which .items, .chunk_size and the rest that is not a call's are not used; its owner
   is that of the whole job); the arguments stay the caller's. Returns the job, and where in it; the owner
   finds out by job_next_finished. NULL with ENOMEM. */
job_t *session_call (session_t *self, const job_spec_t *spec, const argument_t *arguments, void *owner,
                     size_t *index);
void session_cancel_call (session_t *self, int64_t now_ms, job_t *job, size_t index);
/* Nobody wants to know any more: cancelled, if unfinished. */
void session_release_call (session_t *self, int64_t now_ms, job_t *job, size_t index);
/* Its outcome has been taken from job_item. True when that was the end of the job too. */
bool session_forget_call (session_t *self, job_t *job, size_t index);

/* ---- All jobs ------------------------------------------------------------------------------- */

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
/* Has each endpoint had a connection, if only one that failed? */
bool session_has_tried_all (const session_t *self);
dp_outbox_t *session_outbox (session_t *self);
/* Free what is only kept for the next burst of tasks. */
void session_tidy (session_t *self);
/* Say BYE: queued tasks are dropped there, running ones cancelled. */
void session_leave (session_t *self);

/* ---- What is known -------------------------------------------------------------------------- */

bool session_is_connected (const session_t *self);
int64_t session_down_since_ms (const session_t *self);
size_t session_processes (const session_t *self); /* children of all workers; 0 while not connected */
uint64_t session_max_payload (const session_t *self);
/* The broker refused us: its code and text; 0 and NULL otherwise. */
wire_refusal_t session_refusal (const session_t *self, const char **text);

/* A question to the broker, in the memory of who asks. */
typedef struct session_question_s {
    dp_list_t in_questions;
    uint64_t number, task;
    size_t index;    /* of the call, or JOB_NONE */
    size_t n_before; /* calls that go out before it */
    bool is_answered;
    dpool_explanation_t answer;
} session_question_t;

/* Why is the job, or the call "index" of it (else JOB_NONE), not finished? True when the answer is known
   here. Else the broker is asked about its first unfinished task: wait until the question is answered, or
   have it forgotten. */
bool session_explain (session_t *self, int64_t now_ms, const job_t *job, size_t index,
                      session_question_t *question);
/* No answer is wanted any more. Harmless when there is one. */
void session_forget_question (session_question_t *question);

#endif
