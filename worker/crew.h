/* SPDX-License-Identifier: MPL-2.0 */
/*
 * crew.h - the worker's decisions: which child runs what, what to hold, what to tell the broker. Pure: no
 * socket, no clock, no process. The edge (worker.c) tells it what happened and carries out what it wants.
 *
 * A run (one attempt of a task) that the crew holds:
 *
 *   TASKS ──▶ WAITING ──hand──▶ RUNNING ──last item──▶ DONE ──acknowledged──▶ gone
 *                │  ▲─take back──┘  └─child died, time limit, cancel─▶ DONE
 *                └─RELEASE, REVOKE, CANCEL─▶ gone / DONE
 *
 * A RUNNING one may be cut: its items from one on will not start, are told as such at once, and are its no
 * more.
 *
 * Children stand in places 0 … n_places - 1. A place holds no child (EMPTY), one that is being forked
 * and initialised (STARTING), one without work (IDLE), one with work (BUSY), or one that was told to end
 * (ENDING).
 * Sessions with an initializer or max_tasks_per_child have children of their own; all others share the common
 * ones. At most "processes" children have work at a time.
 */
#ifndef CREW_H_INCLUDED
#define CREW_H_INCLUDED

#include "core/hash.h"
#include "core/link.h"
#include "core/wire.h"

typedef struct crew_s crew_t;

typedef struct crew_config_s {
    uint64_t worker;              /* id, 64 random bits */
    size_t n_brokers;             /* connections, one for each */
    size_t processes;             /* children that may work at a time */
    const char *host, *name;      /* copied */
    uint64_t pid, machine;        /* as in HELLO */
    const char *const *functions; /* offered; copied */
    size_t n_functions;
    const char *const *labels;
    size_t n_labels;
    int64_t cancel_grace_ms; /* flag → SIGTERM → SIGKILL, each so long after the one before; 0 = 1000 */
    int64_t orphan_ms;       /* runs without their broker for so long are stopped; 0 = 60000 */
    uint64_t seed;           /* of the links' jitter */
    dp_hash_key_t secret;    /* 128 random bits: of them no client can choose ids that make it slow */
} crew_config_t;

crew_t *crew_new (const crew_config_t *config, int64_t now_ms);
void crew_destroy (crew_t **self_p);

/* ---- What happened -------------------------------------------------------------------------- */

/* A decoded message of broker number "broker". blobs[i], where not NULL, holds frame i (of which the crew
   takes a hold where it keeps the payload); other payloads are copied. blobs may be NULL. */
void crew_receive (crew_t *self, int64_t now_ms, size_t broker, wire_message_t *message,
                   dp_blob_t *const *blobs);

/* The connection broke, or a send failed. */
void crew_broken (crew_t *self, int64_t now_ms, size_t broker);

/* The child at "place" is up and its initializer has succeeded; or it failed with this error (the child ends
   by itself afterwards and crew_child_exited follows). */
void crew_child_ready (crew_t *self, int64_t now_ms, size_t place, int64_t pid);
void crew_child_initializer_failed (crew_t *self, int64_t now_ms, size_t place, const dpool_error_t *error);

/* The child has finished the next n items of the run with this serial: as many encoded outcomes (see
   outcome.h) and how long the items ran in all. Items of a run finish in order, runs in the order of their
   serials. */
void crew_items_finished (crew_t *self, int64_t now_ms, size_t place, uint64_t serial, size_t n,
                          const void *outcomes, size_t len, uint64_t run_us);
/* The same of one long outcome, which is the whole of this blob: the crew takes a hold of it. */
void crew_item_finished_long (crew_t *self, int64_t now_ms, size_t place, uint64_t serial, dp_blob_t *outcome,
                              uint64_t run_us);

/* After crew_tick: what the run of this child has brought is to be reported at the deadline of that at the
   earliest, so that until then its outcomes can wait in the ring; but not the last. */
bool crew_will_look (const crew_t *self, int64_t now_ms, size_t place);

/* What the shared slot of a child says: the number of the item that it has claimed last (0 = none yet; items
   of a run are numbered from the run's serial on), since when that item runs, and its progress. The edge
   calls it for each BUSY place before crew_tick. */
typedef struct crew_slot_s {
    uint64_t number;
    int64_t started_at_ms;
    uint64_t done, steps; /* of dpool_call_progress */
} crew_slot_t;
void crew_slot_seen (crew_t *self, int64_t now_ms, size_t place, const crew_slot_t *slot);

/* How a child ended. */
typedef struct crew_exit_s {
    int signal, exit_status; /* one of them, or both 0 */
    bool is_out_of_memory;
    uint64_t peak_memory_bytes, cpu_time_us;
    const char *stderr_tail; /* NUL-ended; "" = nothing */
    crew_slot_t slot;        /* read after its death: what it was running */
} crew_exit_t;

/* The child is gone (or could not be forked) and everything it had written was passed on before. Blames the
   item of exit->slot where that run is not finished; the crew starts a replacement when there is work for it
   (the common children at once). Actions for it that were not fetched yet are dropped. */
void crew_child_exited (crew_t *self, int64_t now_ms, size_t place, const crew_exit_t *exit);

/* Answer to CREW_TAKE_BACK: the child will start no item from this number on. Runs of which nothing starts
   are WAITING again; of one that goes on, what is behind goes back to its client. One answer for each
   CREW_TAKE_BACK; until then the child is given nothing. What is handed to it afterwards has higher numbers,
   which it may start. */
void crew_taken_back (crew_t *self, int64_t now_ms, size_t place, uint64_t first);

/* Finish what runs, hand back the rest, then say BYE: crew_is_gone tells when (its children are still there
   then). With is_now, running tasks are killed. */
void crew_drain (crew_t *self, int64_t now_ms, bool is_now);
bool crew_is_gone (const crew_t *self);

/* Do what is due: timers, hand work to children, write messages. Returns the next deadline (DP_NEVER = none);
   it does not count what crew_… calls after it bring. */
int64_t crew_tick (crew_t *self, int64_t now_ms);

/* ---- What it wants -------------------------------------------------------------------------- */

typedef enum {
    CREW_OPEN,      /* broker: open endpoint "place" … see link.h LINK_OPEN; HELLO is in the outbox */
    CREW_CLOSE,     /* broker: close the socket */
    CREW_START,     /* place: fork a child for "session" (NULL = common) */
    CREW_HAND,      /* place: give the child run "serial": "task" */
    CREW_TAKE_BACK, /* place: forbid to start items from number "serial" on; answer by crew_taken_back */
    CREW_FLAG,      /* place: set the cancel flag of run "serial" (dpool_call_cancelled) */
    CREW_SIGNAL,    /* place: send "signal" to the child's process group */
    CREW_END,       /* place: close the child's channel; it ends when it is done with what it has */
    CREW_LOG        /* "text": one line for the operator */
} crew_action_kind_t;

/* What a child must know to run a task. Texts and payload belong to the crew and live until the action after
   the next is fetched. */
typedef struct crew_task_s {
    const char *function;
    uint64_t session_seed, job, first, n_items, attempt;
    uint64_t max_result;  /* bytes of an item's value that the broker takes; 0 = the default */
    bool is_loose;        /* its items are calls of their own */
    bool is_timed;        /* its items have a time limit */
    wire_bytes_t payload; /* n_items packed values */
    dp_blob_t *blob;      /* which they are the whole of; NULL = of none */
} crew_task_t;

typedef struct crew_session_s {
    uint64_t session;        /* 0 = common */
    const char *initializer; /* "" = none */
    const uint8_t *initializer_args;
    size_t initializer_args_len;
    uint64_t seed;
} crew_session_t;

typedef struct crew_action_s {
    crew_action_kind_t kind;
    size_t broker, endpoint; /* CREW_OPEN, CREW_CLOSE */
    size_t place;
    uint64_t serial;
    int signal;
    const crew_session_t *session; /* CREW_START; NULL = common */
    crew_task_t task;              /* CREW_HAND */
    const char *text;              /* CREW_LOG */
    bool is_error;                 /* CREW_LOG: also for an operator who wants errors only */
} crew_action_t;

/* Fetch the next action, oldest first; false when there is none. */
bool crew_next_action (crew_t *self, crew_action_t *action);

/* Messages to send; dp_outgoing_t.to is the broker's number. */
dp_outbox_t *crew_outbox (crew_t *self);

/* Places that have ever been used: the edge's arrays need so many (it grows, never shrinks; each place is
   used again). At most CREW_MAX_PLACES; beyond those of the common children they are for the sessions that
   have children of their own. */
#define CREW_MAX_PROCESSES 1024
#define CREW_MAX_PLACES (CREW_MAX_PROCESSES + 384)
size_t crew_n_places (const crew_t *self);

/* Figures, for status. */
typedef struct crew_stats_s {
    size_t n_connected; /* brokers that have taken it */
    size_t n_processes; /* that may have work at a time */
    size_t n_busy;      /* that have some */
} crew_stats_t;
void crew_stats (const crew_t *self, crew_stats_t *stats);

#endif
