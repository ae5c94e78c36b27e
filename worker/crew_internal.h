/* SPDX-License-Identifier: MPL-2.0 */
/* crew_internal.h - what the parts of the crew know of one another. For crew*.c only. */
#ifndef CREW_INTERNAL_H_INCLUDED
#define CREW_INTERNAL_H_INCLUDED

#include "core/list.h"
#include "core/map.h"
#include "core/name.h"
#include "worker/crew.h"

enum {
    CREW_SHORT_US = 6000,        /* runs shorter than this are handed out one ahead … */
    CREW_TINY_US = 1000,         /* … and, shorter than this, several … */
    CREW_AHEAD_US = 2000,        /* … as many as make up this much work … */
    CREW_MAX_AHEAD = 256,        /* … and never more than these */
    CREW_DRAIN_ORPHAN_MS = 6000, /* while draining; docker stop kills after 10 s, and two go for signals */
    CREW_MAX_EXTRA = 1024,       /* the window is at most so much larger than the number of processes */
    CREW_STALL_MS = 5, /* an item that takes longer gives the runs behind it back; a loose run, its items */
    CREW_LONG_RUN_MS = 12, /* a run of short items that takes longer gives the runs behind it back, too */
    /* Runs that wait longer, while no child gets free, go back to the broker (later by its round trip, since
       so long it takes until they are started elsewhere) … */
    CREW_OVERSTAY_MS = 20,
    CREW_MAX_OVERSTAYS = 50,      /* … which may send them again: then twice as long each time, up to 1 s */
    CREW_PART_MS = 10,            /* finished items of an unfinished run are reported after so long */
    CREW_PART_BYTES = 256 * 1024, /* … or when they are so large */
    CREW_PROGRESS_MS = 100,
    CREW_BYE_MS = 2000,         /* the longest wait for an answer to BYE */
    CREW_MAX_FAILED_STARTS = 3, /* in a row: the initializer is given up */
    CREW_MIN_BACKOFF_MS = 100,
    CREW_MAX_BACKOFF_MS = 5000,
    CREW_MAX_TOLD_ITEMS = 1000, /* so many items of a run are told the reason in words */
    CREW_MAX_PARTED = 512       /* so many runs that may have started are remembered when they are gone */
};
#define CREW_WINDOW_BYTES (256u * 1024 * 1024)

typedef struct crew_pool_s crew_pool_t;
typedef struct crew_tenant_s crew_tenant_t;
typedef struct crew_run_s crew_run_t;
typedef struct crew_child_s crew_child_t;
typedef struct crew_broker_s crew_broker_t;
typedef struct crew_queued_s crew_queued_t;

/* ---- Runs: crew_run.c ------------------------------------------------------------------------ */

/* One RESULTS record: some items of a run, or its end. */
typedef struct crew_result_s {
    dp_list_t in_run;
    dp_list_t in_broker; /* unsent or sent; in none: acknowledged, or its broker has not adopted the run */
    crew_run_t *run;     /* NULL: the run was forgotten, but its record still counts (R3) */
    uint64_t session, id, attempt;
    uint64_t order; /* of its making */
    outcome_status_t status;
    bool is_final, is_sent /* on this connection, without an ACK yet */, is_acked;
    uint64_t first, n_items, run_us;
    uint64_t weight;     /* in the bytes that are under way, while it is sent */
    dp_blob_t *outcomes; /* NULL = none */
} crew_result_t;

typedef enum { RUN_WAITING, RUN_RUNNING, RUN_DONE } crew_run_state_t;

/* How far a cancel has got. */
typedef enum {
    CANCEL_NONE,
    CANCEL_ASKED /* taken back first */,
    CANCEL_FLAGGED,
    CANCEL_TERMED,
    CANCEL_KILLED
} crew_cancel_t;

struct crew_run_s {
    dp_map_node_t by_key;
    crew_run_t *same_key; /* next of those with the same key */
    dp_list_t in_broker;  /* all runs of its broker, in the order of their coming */
    dp_list_t in_queue;   /* WAITING: of its pool; RUNNING: of its child */
    crew_broker_t *broker;
    crew_tenant_t *tenant;
    crew_pool_t *pool;
    crew_child_t *child; /* RUNNING */
    crew_run_state_t state;
    uint64_t id, attempt, job, first, n_items, time_limit_ms;
    char function[DP_NAME_MAX + 1];
    bool is_at_most_once, is_loose;
    dp_blob_t *payload;
    size_t payload_len; /* also when it is gone */
    uint64_t order;     /* of its coming: a run that is taken back stands where it stood */
    uint64_t serial;    /* RUNNING: the number of its first item, new each time it is handed out */
    uint64_t epoch;     /* of the broker that it was assigned or adopted by last */
    int64_t waiting_since_ms, started_at_ms; /* started: as the slot said; 0 = not yet */
    /* results */
    dp_list_t parts;      /* made so far, oldest first */
    dp_buffer_t outcomes; /* of the part that is being made */
    dp_blob_t *outcome;   /* or the one long outcome that it is */
    uint64_t n_finished, part_first, part_us, total_us;
    int64_t part_since_ms; /* running, or reported last; 0 = not seen since */
    /* what is to become of it */
    bool is_orphan;   /* its connection broke and nobody has adopted it since */
    bool is_unwanted; /* nobody wants its result */
    bool is_revoked;  /* goes back to the broker if it can be taken back */
    bool is_told_of;  /* to another broker than its own, which may ask for it */
    bool was_started; /* by a child that died for something else; it waits once more */
    int64_t orphaned_at_ms;
    crew_cancel_t cancel;
    int64_t cancel_at_ms; /* the next step */
    /* PROGRESS */
    int64_t told_at_ms; /* 0 = never */
    uint64_t told_item, told_done, told_steps;
};

crew_run_t *crew_run_find (const crew_t *self, uint64_t session, uint64_t id, uint64_t attempt);
/* A new run, in no queue yet. */
crew_run_t *crew_run_new (crew_t *self, crew_broker_t *broker, crew_tenant_t *tenant,
                          const wire_group_t *group, const wire_task_t *task, dp_blob_t *const *blobs);
/* Forget it, wherever it stands. Its child, if any, is not told. */
void crew_run_free (crew_t *self, crew_run_t *run);
/* Take it out of its pool's or child's queue. */
void crew_run_unqueue (crew_t *self, crew_run_t *run);
/* (Back) into its pool's queue, in the order of coming. */
void crew_run_wait (crew_t *self, int64_t now_ms, crew_run_t *run);
/* The next n items have outcomes. */
void crew_run_add (crew_t *self, crew_run_t *run, size_t n, const void *outcomes, size_t len,
                   uint64_t run_us);
/* The same of one long outcome: a part of its own, which is not copied. */
void crew_run_add_long (crew_t *self, crew_run_t *run, dp_blob_t *outcome, uint64_t run_us);
/* Report the items that are finished and not reported. */
void crew_run_report (crew_t *self, crew_run_t *run);
/* Its last result: from now on DONE (or gone, when nobody wants it). Leaves its queue. */
void crew_run_finish (crew_t *self, crew_run_t *run, outcome_status_t status);
/* All items that have no outcome get this one, and it is finished. The error's message is for each of them,
   its stderr for the first. */
void crew_run_end (crew_t *self, crew_run_t *run, outcome_status_t status, const dpool_error_t *error);
/* Append outcomes to the part that is being made: "n" items that were not started, or one error. */
void crew_run_put_not_started (crew_run_t *run, uint64_t n);
void crew_run_put_error (crew_run_t *run, outcome_status_t status, const dpool_error_t *error);
/* RUNNING, for run_us: its items from the n-th on will not start. That is told at once, and they are its no
   more. */
void crew_run_cut (crew_t *self, crew_run_t *run, uint64_t n, uint64_t run_us);
/* Is this one of its items? */
static inline bool crew_run_has (const crew_run_t *run, uint64_t number)
{
    return number >= run->serial && number - run->serial < run->n_items;
}
/* Hand it back to its broker, unstarted, and forget it. */
void crew_run_release (crew_t *self, crew_run_t *run);
void crew_result_free (crew_result_t *result);

/* ---- Sessions and their children: crew_tenant.c ---------------------------------------------- */

/* Children that are alike: the common ones, or those of one session. */
struct crew_pool_s {
    dp_list_t in_crew;
    crew_session_t session; /* .session 0 = common; owns its texts */
    uint64_t max_tasks;     /* items for one child; 0 = no limit */
    dp_list_t waiting;      /* runs, in the order of their coming */
    size_t n_waiting;
    dp_list_t idle, busy; /* children; of the busy ones the next to get more stands first */
    size_t n_children;    /* of any state but EMPTY */
    size_t n_starting, n_idle, n_busy;
    unsigned n_failed_starts; /* in a row */
    int64_t retry_at_ms;      /* no start before */
    int64_t progress_at_ms;   /* a run was handed out last, or a child came up */
    unsigned n_handed_back;   /* times since then that runs went back to their brokers */
    bool is_broken;           /* its initializer was given up */
    bool is_ended;            /* its session has ended: freed with its last child */
    dpool_error_t *failure;   /* why the last start failed, or NULL */
};

/* A session. */
struct crew_tenant_s {
    dp_map_node_t by_id;
    uint64_t seed;
    uint64_t first_key; /* of its runs in the map */
    crew_pool_t *pool;  /* the common one, or its own */
    size_t n_runs;
    uint64_t *known_by; /* for each broker: the connection that it was announced on last; 0 = not at all */
    int64_t idle_since_ms;
};

crew_pool_t *crew_pool_new (crew_t *self);
void crew_pool_free (crew_pool_t **self_p);
crew_tenant_t *crew_tenant_get (const crew_t *self, uint64_t session);
/* As SESSION says; a session that is known stays as it is. */
void crew_tenant_announce (crew_t *self, crew_broker_t *broker, const wire_session_t *session);
/* This broker's runs of the session are killed and forgotten; with no other broker left, its children too. */
void crew_tenant_end (crew_t *self, int64_t now_ms, crew_broker_t *broker, uint64_t session);
/* The broker that has started anew knows no session. */
void crew_tenant_forget_broker (crew_t *self, const crew_broker_t *broker);
/* Sessions that no broker speaks of any more: end their children, forget them. */
void crew_tenant_sweep (crew_t *self, int64_t now_ms);
void crew_tenant_free_all (crew_t *self);
/* A start of this pool's children has failed. */
void crew_pool_failed (crew_t *self, int64_t now_ms, crew_pool_t *pool, const dpool_error_t *error);

/* Its runs that wait end with the reason. */
void crew_pool_fail_waiting (crew_t *self, crew_pool_t *pool);

/* ---- Children: crew_child.c, crew_exit.c ----------------------------------------------------- */

typedef enum { CHILD_EMPTY, CHILD_STARTING, CHILD_IDLE, CHILD_BUSY, CHILD_ENDING } crew_child_state_t;

/* Why we have killed it. */
typedef enum { KILL_NONE, KILL_TIME_LIMIT, KILL_CANCEL, KILL_DRAIN, KILL_END } crew_kill_t;

struct crew_child_s {
    size_t place;
    crew_child_state_t state;
    crew_pool_t *pool; /* NULL: EMPTY and of nobody */
    dp_list_t in_pool; /* idle or busy; EMPTY: the crew's free places */
    dp_list_t runs;    /* in the order of their serials; the first is the one that runs */
    size_t n_runs;
    uint64_t n_items; /* handed to it so far */
    int64_t pid;
    crew_slot_t slot;      /* as seen last */
    unsigned n_take_backs; /* under way: it gets nothing meanwhile */
    uint64_t asked_back;   /* the serial of the run that was asked for last, for another child */
    crew_kill_t kill;
    uint64_t kill_number; /* of the item that it was for */
    bool is_doomed;       /* got a signal of ours: nothing more is handed to it */
    bool is_killed;       /* that was SIGKILL */
    int64_t kill_at_ms;   /* ENDING: if it is still there */
};

void crew_child_set_state (crew_child_t *self, crew_child_state_t state);
/* Fork one at an EMPTY place. */
void crew_child_start (crew_t *crew, crew_child_t *self, crew_pool_t *pool);
/* An EMPTY place for a child of a session, or NULL. */
crew_child_t *crew_child_vacant (crew_t *crew);
void crew_child_hand (crew_t *crew, int64_t now_ms, crew_child_t *self, crew_run_t *run);
/* After runs have left it: idle again, or ended. */
void crew_child_settle (crew_t *crew, int64_t now_ms, crew_child_t *self);
void crew_child_end (crew_t *crew, int64_t now_ms, crew_child_t *self);
void crew_child_take_back (crew_t *crew, crew_child_t *self, uint64_t number);
/* SIGTERM or SIGKILL, after what it has not started was taken back. The first reason counts. */
void crew_child_kill (crew_t *crew, crew_child_t *self, crew_kill_t why, int signal);
/* Has it had as many items as it may? */
bool crew_child_is_used_up (const crew_child_t *self);
static inline crew_run_t *crew_child_current (const crew_child_t *self)
{
    return self->n_runs > 0 ? DP_CONTAINER (self->runs.next, crew_run_t, in_queue) : NULL;
}

/* ---- Handing out: crew_hand.c ----------------------------------------------------------------- */

/* Start children, hand waiting runs to them. */
void crew_hand_out (crew_t *self, int64_t now_ms);
/* Take back, for a child that has nothing, what waits behind the run of another one. */
void crew_share_out (crew_t *self);
/* Hand back what has waited too long while nothing got free. */
void crew_hand_back (crew_t *self, int64_t now_ms);
/* How many runs this broker may give us. */
uint64_t crew_window (const crew_t *self, const crew_broker_t *broker);
/* A run took so long. */
void crew_learn (crew_t *self, uint64_t run_us);

/* ---- Stopping: crew_cancel.c ------------------------------------------------------------------ */

/* Stop a run, whatever its state. */
void crew_cancel_run (crew_t *self, int64_t now_ms, crew_run_t *run);
void crew_revoke_run (crew_t *self, crew_run_t *run);
/* Drop it without a result; stop it if it runs. */
void crew_drop_run (crew_t *self, int64_t now_ms, crew_run_t *run);
/* The run may have started, and one of the brokers will ask for it in vain: it is dropped, or another's. */
void crew_part_with (crew_t *self, const crew_run_t *run);
/* Was that so of a run of this name, not long ago? */
bool crew_has_parted_with (const crew_t *self, const wire_run_t *name);
/* A run that was handed out is its child's no more, and was not started: it waits again, or ends as was
 * asked. */
void crew_requeue_run (crew_t *self, int64_t now_ms, crew_run_t *run);
/* Time limits, steps of cancels, stalls, partial results and progress of all children. */
void crew_watch (crew_t *self, int64_t now_ms);

/* ---- Brokers: crew_broker.c, crew_receive.c ---------------------------------------------------- */

struct crew_broker_s {
    size_t number;
    dp_link_t link;
    bool is_open;  /* an OPEN was given and no CLOSE since */
    bool has_left; /* BYE is answered, or need not be: it is not opened again */
    uint64_t epoch;
    uint64_t max_payload; /* of a result; 0 = not told yet */
    dp_list_t runs;       /* in the order of their coming */
    size_t n_unfinished;
    dp_list_t unsent, sent;       /* results */
    dp_list_t parked;             /* results of full sessions */
    bool has_told_drain;          /* on this connection */
    size_t n_parked, told_parked; /* their runs count no more for the window; so many were told */
    uint64_t parked_bytes;        /* arguments of these runs: the same */
    uint64_t room;                /* bytes that may be unacknowledged (R9); 0 = no limit */
    uint64_t sent_bytes;          /* that are so */
    uint64_t *full;               /* sessions, rising */
    size_t n_full;
    uint64_t n_acked; /* results, on this connection */
    uint64_t n_sent;
    wire_batch_t results, releases, progress, list;
    int64_t orphans_at_ms; /* the next of its orphans is due; DP_NEVER = none */
    int64_t bye_at_ms;     /* BYE was sent; 0 = not */
};

void crew_broker_init (crew_t *crew, crew_broker_t *self, size_t number, uint64_t seed, int64_t now_ms);
void crew_broker_fini (crew_broker_t *self);
bool crew_broker_is_up (const crew_broker_t *self);
void crew_broker_tick (crew_t *crew, int64_t now_ms, crew_broker_t *self);
void crew_broker_down (crew_t *crew, int64_t now_ms, crew_broker_t *self);
void crew_broker_welcome (crew_t *crew, int64_t now_ms, crew_broker_t *self, const wire_welcome_t *welcome);
void crew_broker_acked (crew_t *crew, crew_broker_t *self, uint64_t n);
void crew_broker_adopt (crew_t *crew, crew_broker_t *self, const wire_run_t *name);
void crew_broker_post (crew_broker_t *self, crew_result_t *result);
void crew_broker_say_released (crew_t *crew, crew_broker_t *self, uint64_t session, uint64_t id,
                               uint64_t attempt);
/* How much may be under way, and the sessions of which nothing may (R9). */
void crew_broker_make_room (crew_broker_t *self, wire_message_t *message);
/* Say that the crew drains, once a connection. */
void crew_broker_tell_drain (crew_t *crew, crew_broker_t *self);
/* Write what has gathered. */
void crew_broker_flush (crew_t *crew, int64_t now_ms, crew_broker_t *self);
/* While draining: BYE when nothing of it is left here. */
void crew_broker_part (crew_t *crew, int64_t now_ms, crew_broker_t *self);

/* ---- Actions: crew_action.c -------------------------------------------------------------------- */

/* A waiting action and what it points at. */
struct crew_queued_s {
    crew_queued_t *next;
    crew_action_t action;
    crew_session_t session;
    dp_blob_t *payload;
    char *text; /* function or log line */
};

crew_action_t *crew_want (crew_t *self, crew_action_kind_t kind);
void crew_want_place (crew_t *self, crew_action_kind_t kind, size_t place, uint64_t serial, int signal);
void crew_want_start (crew_t *self, size_t place, const crew_session_t *session);
void crew_want_hand (crew_t *self, size_t place, const crew_run_t *run);
void crew_log (crew_t *self, const char *format, ...) DPOOL_PRINTF (2, 3);
void crew_log_error (crew_t *self, const char *format, ...) DPOOL_PRINTF (2, 3);
/* Forget what waits for this place: its child is gone. */
void crew_unwant_place (crew_t *self, size_t place);
void crew_action_free_all (crew_t *self);
/* A copy that owns its texts, and back. */
void crew_session_copy (crew_session_t *self, const crew_session_t *other);
void crew_session_fini (crew_session_t *self);

/* ---- What happened to a child, in words: crew_failure.c ---------------------------------------- */

/* "its process was killed by signal 11 (Segmentation fault)". */
void crew_failure_text (char *text, size_t size, const crew_exit_t *exit);

/* ---- The crew ---------------------------------------------------------------------------------- */

typedef struct crew_name_s {
    uint64_t session, id, attempt;
} crew_name_t;

struct crew_s {
    uint64_t worker, pid, machine;
    size_t processes;
    char *host, *name;
    char **functions, **labels;
    size_t n_functions, n_labels;
    int64_t cancel_grace_ms, orphan_ms;
    crew_broker_t *brokers;
    size_t n_brokers;
    dp_map_secret_t secret; /* clients choose the ids of sessions and tasks */
    dp_map_t runs, tenants;
    dp_list_t pools; /* the common one first */
    crew_pool_t *common;
    crew_child_t *places[CREW_MAX_PLACES];
    size_t n_places;
    dp_list_t vacant;    /* EMPTY places beyond the common ones */
    size_t n_working;    /* children with runs: at most "processes" */
    size_t n_unfinished; /* runs */
    uint64_t last_order, last_number, last_result;
    uint64_t mean_us; /* of a run; valid when is_measured */
    bool is_measured;
    bool is_draining, is_killing;
    int64_t finished_at_ms; /* draining: no run is unfinished since then; 0 = not so */
    int64_t sweep_at_ms;
    crew_name_t parted[CREW_MAX_PARTED]; /* a ring */
    size_t n_parted;                     /* ever */
    int64_t deadline_ms;                 /* gathered by the tick */
    dp_outbox_t outbox;
    crew_queued_t *first_action, *last_action, *fetched[2];
};

/* The tick must come again by then. */
static inline void crew_due (crew_t *self, int64_t at_ms)
{
    if (at_ms < self->deadline_ms)
        self->deadline_ms = at_ms;
}

#endif
