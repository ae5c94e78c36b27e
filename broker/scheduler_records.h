/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_records.h - what the files of the scheduler share: its records, and who owns which. */
#ifndef SCHEDULER_RECORDS_H_INCLUDED
#define SCHEDULER_RECORDS_H_INCLUDED

#include "broker/scheduler.h"
#include "core/acks.h"
#include "core/heap.h"
#include "core/list.h"
#include "core/map.h"
#include "core/slabs.h"

#include <assert.h>

enum {
    SCHEDULER_CHECK_MS = 250,    /* how often the timers of peers are looked at */
    SCHEDULER_SUSPECT_MS = 2500, /* a worker silent for so long gets nothing new (R10) */
    SCHEDULER_QUIET_MS = 2000, /* a session without a connection for so long gets nothing new started (R13) */
    SCHEDULER_LIST_MS = 60000, /* RUNS or CLAIM must be complete so long after HELLO (R5, R9) */
    SCHEDULER_MAX_LOSSES = 10, /* of workers, for one task */
    SCHEDULER_ORPHAN_MS = 60000,       /* workers drop what nobody has claimed for so long */
    SCHEDULER_MAX_SLABS = 256,         /* of each kind that are kept for the next ones, 64 records each */
    SCHEDULER_TASK_SIZES = 16,         /* of tasks in slabs: each is a word more than the one before */
    SCHEDULER_INLINE_RESULT = 32,      /* bytes; a longer one is a blob of its own */
    SCHEDULER_MAX_CLAIMS = 1 << 20,    /* ranges of one CLAIM */
    SCHEDULER_MAX_STATUS = 512 * 1024, /* bytes of a status: it must fit into an envelope */
    SCHEDULER_MAX_IDLE_ROUTES = 64,    /* of one session, kept for what was learned of their tasks */
    SCHEDULER_TRADES = 8,
    SCHEDULER_MIXED_TRADE = SCHEDULER_TRADES - 1 /* of all for whom none was left: they differ */
};

static_assert (SCHEDULER_MAX_LOSSES < 64, "a task counts them in 6 bits");

/* What a worker may claim that a run took: whatever is summed of it cannot overflow. */
#define SCHEDULER_MAX_RUN_US (UINT64_C (1) << 40)

/* A name that workers offer or tasks ask for: a function, or a label. Interned. Lives as long as a route or
   a worker uses it, and once a worker has offered it as long as the scheduler; but of very many offered names
   those that nobody uses are forgotten, so that workers that come and go cannot fill the memory with them. */
#define SCHEDULER_MAX_NAMES 10000
typedef struct offer_s {
    dp_map_node_t by_hash;
    struct offer_s *next_same; /* of the same hash */
    dp_list_t in_offered;      /* of all of its kind, once a worker has offered it */
    uint64_t serial;           /* no other was ever given */
    size_t n_users;            /* routes, and workers: each as often as it offers it */
    char kind;                 /* 'f' function, 'l' label */
    bool was_offered;          /* by any worker since the broker's start */
    size_t len;
    char name[];
} offer_t;

/* What a key has here, in all sessions and connections; or one peer that came without. */
typedef struct account_s {
    dp_map_node_t by_owner; /* of keys */
    dp_list_t in_accounts;  /* likewise */
    char owner[SCHEDULER_OWNER + 1];
    const access_entry_t *entry; /* NULL: there is no key, or it is not let in any more */
    uint64_t functions;          /* that the entry lists, as a hash */
    bool is_changed;             /* they are others by the list that holds since now */
    quota_t quota;               /* all members are set */
    size_t n_peers, n_sessions;  /* the others are workers */
    size_t n_orphans, n_claims;  /* of these; ranges, of its sessions */
    uint64_t n_tasks, bytes;     /* unfinished; they and held results, with WIRE_RECORD_BYTES each, and: */
    uint64_t kept_bytes;         /* what stays as long as its sessions: the arguments of initializers */
    quota_bucket_t hellos, queries;
    int64_t told_at_ms; /* that something was refused; 0 = never */
} account_t;

/* Whoever said HELLO. First member of session_record_t and worker_record_t. */
typedef struct peer_s {
    dp_map_node_t by_connection, by_id;
    dp_list_t in_touched; /* has batches to flush, or an ack to send */
    wire_role_t role;
    uint64_t id, connection; /* connection 0 = broken */
    uint64_t hello;          /* the counter of its HELLO: the highest owns the peer (R1) */
    int64_t hello_at_ms, heard_at_ms, pinged_at_ms, broken_at_ms;
    int64_t patience_ms;            /* of silence beside the usual: a large message is on its way (R11) */
    dp_acks_t acks;                 /* of results, on this connection (R3) */
    dp_list_t in_acking;            /* results are to be acknowledged in a while */
    dp_list_t in_asking, questions; /* of scheduler.asking while some of his questions wait; these */
    size_t n_questions;
    int64_t asked_until_us; /* his share of our time is taken for answers until then */
    char host[256], name[256];
    char owner[SCHEDULER_OWNER + 1]; /* its key; "" = it came without */
    account_t *account;
    uint64_t pid;
} peer_t;

/* Tasks of one route and priority: what is queued of them, in its order. Free when no unfinished task is of
   it, but for the route's last. */
typedef struct lane_s {
    dp_map_node_t by_priority; /* in its route */
    struct route_s *route;
    dp_heap_node_t by_rank; /* in its route while it has tasks: the highest priority first */
    dp_heap_node_t by_age;  /* in its tier, likewise: the one whose next task is the oldest first */
    dp_list_t queue;        /* of task_t.in_place, next one first */
    size_t n_queued;
    size_t n_tasks; /* unfinished, which hold it */
} lane_t;

/* The lanes of one priority that have tasks, of all routes of a session. Free when it has none, but for the
   session's last. */
typedef struct tier_s {
    dp_map_node_t by_priority; /* in its session */
    dp_heap_node_t by_rank;    /* in its session while it has lanes: the highest priority first */
    dp_heap_t lanes;           /* by the id of the task that is next in them */
} tier_t;

/* Where tasks of a session may go: all that ask for the same function and label. What workers can run is
   decided by route, what is next by lane. */
typedef struct route_s {
    dp_map_node_t by_names; /* in its session */
    dp_list_t in_waiting;   /* of its session, while tasks are queued */
    dp_list_t in_idle;      /* of its session, while no unfinished task is of this route */
    struct session_record_s *session;
    offer_t *function, *require; /* require NULL = any worker */
    dp_map_t lanes;
    dp_heap_t ranks;
    lane_t *last; /* the lane used last: it stays when nobody holds it: the next task is mostly of it too */
    size_t n_queued, n_held_lanes;
    uint64_t mean_us; /* of a task's run; 0 = unknown */
} route_t;

typedef struct session_record_s {
    peer_t peer;
    wire_session_t config; /* its texts point into the two below */
    char *initializer;
    dp_blob_t *initializer_args; /* NULL = none */
    dp_map_t tasks, routes;
    dp_list_t waiting, idle; /* routes: with queued tasks; without any, the one used last at the end */
    size_t n_idle;
    dp_map_t tiers; /* what the waiting routes have queued, in the order in which it is due */
    dp_heap_t ranks;
    tier_t *last_tier;      /* used last: it stays when it is empty */
    dp_list_t graced;       /* tasks that wait for the end of the grace (R7, R12) */
    dp_list_t sent, unsent; /* results that are held: sent on this connection, and not; the oldest first */
    /* R9: bytes of its unfinished tasks, held results, sent results; how many of the first it was told that
       it may have */
    uint64_t task_bytes, held_bytes, sent_bytes, room;
    uint64_t cancelled_bytes; /* of task_bytes; its client need not wait for how these end */
    wire_range_t *excess;     /* ids that were not taken, and are said to be missing soon; NULL = none */
    size_t n_excess;
    bool is_full;         /* too many results are held: no new tasks, and workers keep what they have */
    uint64_t n_forgotten; /* results acknowledged on this connection */
    /* In trade_t.hungry of each, keyed by used_us: while tasks wait, until it was found to have none for it
       now. */
    dp_heap_node_t by_use[SCHEDULER_TRADES];
    uint64_t used_us;
    size_t n_queued, n_assigned;
    wire_batch_t results, missing, progress;
    bool is_watcher;      /* it only asks: not counted and not logged */
    bool heeds_drain;     /* it knows what the broker's DRAIN means, */
    bool is_drained;      /* and has answered it on this connection: it submits nothing more */
    bool is_claimed;      /* its CLAIM on this connection is complete */
    wire_range_t *claims; /* being collected; complete ones are kept until the grace is over */
    size_t n_claims, claims_capacity;
    uint64_t told_processes, told_tasks; /* tasks: that its quota lets it have; 0 = no limit */
    dp_list_t in_ordering;               /* of scheduler.ordering while some of its orders wait; these */
    struct orders_s {
        wire_range_t *ranges;
        size_t n, capacity;
    } cancels, revokes;
    int64_t ordered_until_us; /* its share of our time is taken for orders until then */
} session_record_t;

typedef struct worker_record_s {
    peer_t peer;
    dp_list_t in_workers;
    uint64_t processes, window;
    bool is_draining;
    bool is_listing;               /* its RUNS are not complete yet */
    bool is_suspect;               /* silent for long: it gets nothing new */
    offer_t **functions, **labels; /* sorted by address */
    size_t n_functions, n_labels;
    struct trade_s *trade; /* of all who offer the same; NULL until it has said what it offers */
    dp_list_t runs;        /* of task_t.in_place: assigned to it */
    size_t n_runs;
    uint64_t run_bytes;                /* of their arguments (R9) */
    uint64_t window_bytes, told_bytes; /* at most so many, as its HELLO said; and as it said last */
    int64_t progress_since_ms;         /* so many words on the progress of its runs were passed on since */
    uint64_t n_progress;
    uint64_t flood_bytes; /* of results for full sessions, since those of all workers are too many */
    dp_map_t ghosts;      /* of ghost_t */
    dp_list_t orphans;
    dp_map_t sessions;      /* of known_session_t: told of by SESSION on this connection */
    dp_heap_node_t by_load; /* in its trade's idle ones while it has room */
    wire_batch_t tasks, revokes, cancels, adopts;
} worker_record_t;

/* What workers that offer the same functions and labels have in common: what one of them can run, each can.
   Free when it has none. */
typedef struct trade_s {
    offer_t **functions, **labels; /* sorted by address; the mixed one has none */
    size_t n_functions, n_labels, n_workers;
    dp_heap_t hungry; /* sessions that may have tasks for them: who had least first */
    dp_heap_t idle;   /* those of them that have room: the emptiest first */
} trade_t;

typedef struct known_session_s {
    dp_map_node_t by_id;
} known_session_t;

/* A run that was sent to a worker and is no task's any more, but that the worker has not ended yet: it counts
   for the worker's window (R9). */
typedef struct ghost_s {
    dp_map_node_t by_run;
    uint64_t session, id, attempt;
} ghost_t;

typedef enum { TASK_QUEUED, TASK_ASSIGNED, TASK_FINISHED } task_state_t;

/* What a client says of a task beside its id and its arguments. */
typedef struct task_numbers_s {
    uint64_t attempt, n_items, time_limit_ms, job, first;
} task_numbers_t;

/* What a task has that did not go the plain way: given once or never, no result before the last. */
typedef struct task_runs_s {
    worker_record_t *worker;        /* ASSIGNED */
    dp_list_t held;                 /* results of it that are held */
    uint64_t attempt, last_attempt; /* of the present run, or the last; the highest ever given */
    uint64_t n_items;               /* is_cut: they are the first of those that its arguments are of */
    uint64_t n_told;                /* items from the first on whose outcomes are held or were sent */
    uint64_t told_first, told_end;  /* a row of items whose values are; equal = none */
    uint64_t n_said;                /* items in results of runs that went on, all together */
    bool is_cut;
    uint8_t number; /* of the block */
} task_runs_t;

/* Millions of these may wait, so it is small: what few need stands elsewhere. */
typedef struct task_s {
    dp_map_node_t by_id; /* in its session */
    dp_list_t in_place;  /* QUEUED: its lane's queue, or the session's graced ones. ASSIGNED: worker's runs.
                            FINISHED, not has_runs: the head of its results that are held */
    union {
        lane_t *lane;              /* has_lane: it holds it */
        session_record_t *session; /* else it is finished, or adopted by its id: its arguments are not here */
    } of;
    union {
        task_runs_t *runs;       /* has_runs */
        worker_record_t *worker; /* else; ASSIGNED */
    } by;
    uint32_t payload_len;
    uint32_t charged_us;    /* of the session's use, in advance */
    uint64_t since_ms : 40; /* queued or assigned */
    uint8_t state : 2;      /* task_state_t */
    uint8_t n_losses : 6;   /* of workers that had it, up to SCHEDULER_MAX_LOSSES */
    bool has_lane : 1, has_blob : 1, has_runs : 1;
    bool is_cancelled : 1, is_at_most_once : 1, is_loose : 1, is_graced : 1;
    bool is_recalled : 1; /* its client wants it back: it is not queued again */
    bool was_given : 1;   /* its attempt is one more than it was submitted with; not has_runs */
    bool is_listed : 1;   /* ASSIGNED: RUNS of the worker's present connection have named it */
    bool has_started : 1;
    uint8_t size, number; /* where its memory is from */
    uint8_t packed[];     /* the blob, its numbers, a short payload: scheduler_record.c knows */
} task_t;

/* A result that its client has not acknowledged. */
typedef struct held_s {
    dp_list_t in_session, in_task;
    task_t *task; /* NULL: dropped while it was under way; its acknowledgement will still be counted */
    uint64_t attempt, first, n_items, run_us;
    outcome_status_t status;
    bool is_final, is_sent; /* sent on this connection */
    bool has_blob;          /* its payload is long */
    uint8_t number;         /* of the block */
    size_t len;
    union {
        dp_blob_t *blob;
        uint8_t bytes[SCHEDULER_INLINE_RESULT];
    } payload;
} held_t;

/* A run that a worker has and no client has claimed yet. */
typedef struct orphan_s {
    dp_map_node_t by_run;
    dp_list_t in_worker;
    worker_record_t *worker;
    uint64_t session, id, attempt;
} orphan_t;

typedef struct event_s {
    dp_list_t in_events;
    char line[];
} event_t;

struct scheduler_s {
    scheduler_config_t config;
    char *name;
    char owner[SCHEDULER_OWNER + 1]; /* of the next HELLO */
    const access_t *access;          /* NULL: there are no keys */
    int64_t started_at_ms, grace_until_ms, ticked_at_ms, check_at_ms, no_worker_since_ms;
    bool is_in_grace, is_checking_routes, is_counting_processes;
    bool is_draining;                      /* it ends soon: nothing is given out any more, */
    bool is_dismissing;                    /* and the workers are to go */
    bool is_sharing_room, is_telling_full; /* peers came or went; a session became full, or is so no more */
    size_t n_full;                         /* sessions */
    uint64_t held_bytes, worker_room; /* results of all sessions; what workers were told that they have */
    dp_outbox_t outbox;
    dp_map_secret_t secret; /* of all maps; the keys of offers are made with it */
    dp_map_t connections, sessions, workers, offers, orphans, accounts;
    dp_list_t all_accounts;                 /* of keys */
    dp_list_t all_workers, touched, acking; /* acking: who is due first stands first */
    dp_list_t asking;                       /* peers whose questions wait */
    int64_t answer_at_ms;                   /* the first of them may be answered then, or before */
    int64_t answered_until_us;              /* all peers' share of our time is taken for answers until then */
    dp_list_t ordering;                     /* sessions whose orders wait, */
    int64_t order_at_ms;                    /* likewise */
    uint64_t n_processes, n_names;
    dp_list_t offered_functions, offered_labels; /* names that workers offer or have offered, */
    size_t n_offered;                            /* of both kinds */
    size_t n_watchers;                           /* of the sessions */
    trade_t trades[SCHEDULER_TRADES];
    size_t n_trades;   /* none behind these has workers */
    uint64_t floor_us; /* the use of the session that was served last: newcomers start here */
    uint64_t *dropped;
    size_t n_dropped, dropped_capacity;
    dp_list_t events;
    size_t n_events;
    uint64_t n_refusals; /* in this minute */
    int64_t refusals_since_ms;
    event_t *event; /* the one that was read last */
    scheduler_stats_t stats;
    dp_buffer_t scratch;
    dp_slabs_t tasks[SCHEDULER_TASK_SIZES], runs, held; /* records */
};

#endif
