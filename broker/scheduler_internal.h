/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_internal.h - what the files of the scheduler share: its records, and who owns which. */
#ifndef SCHEDULER_INTERNAL_H_INCLUDED
#define SCHEDULER_INTERNAL_H_INCLUDED

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
   a worker uses it, and once a worker has offered it as long as the scheduler; but of very many names those
   that nobody uses are forgotten, so that workers that come and go cannot fill the memory with them. */
#define SCHEDULER_MAX_NAMES 10000
typedef struct offer_s {
    dp_map_node_t by_hash;
    struct offer_s *next_same; /* of the same hash */
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
    dp_map_t ghosts; /* of ghost_t */
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
    size_t n_watchers; /* of the sessions */
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

/* scheduler.c: life, the tick */
void scheduler_touch (scheduler_t *self, peer_t *peer);
void scheduler_log (scheduler_t *self, const char *format, ...) DPOOL_PRINTF (2, 3);
void scheduler_drop_connection (scheduler_t *self, uint64_t connection);

/* scheduler_peers.c: connections, and who may say what */
void scheduler_forget (scheduler_t *self, uint64_t connection);
void scheduler_refuse (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_refusal_t code,
                       const char *text);

/* What the peer that says HELLO now is known by, here and to workers: without a key its id. Of one with a
   key, what nobody gets who has another key, says another initializer, or comes in another role, whatever id
   he says: so whoever knows it cannot come as this peer to any broker. The next broker gets the same. */
uint64_t scheduler_own_id (const scheduler_t *self, const wire_hello_t *hello);

/* It is to say HELLO once more, if it is connected: its connection is over. */
void scheduler_ask_anew (scheduler_t *self, int64_t now_ms, peer_t *peer);

/* It still talks so long after its HELLO without having said all that it has: it is refused, and true. */
bool scheduler_refuse_unlisted (scheduler_t *self, int64_t now_ms, peer_t *peer, const char *text);

/* scheduler_accounts.c: what each key has, and its quotas. Those named _over_ say in the text why something
   is refused, and return it; NULL = it is not. known: the peer whose id a HELLO has, or NULL. */
void scheduler_renew_accounts (scheduler_t *self);             /* by the list that holds now */
void scheduler_join_account (scheduler_t *self, peer_t *peer); /* of whoever says HELLO now; once a peer */
void scheduler_leave_account (scheduler_t *self, peer_t *peer);
uint64_t scheduler_tasks_allowed (const quota_t *quota, size_t n_sessions); /* of one of them; 0 = no limit */
uint64_t scheduler_bytes_allowed (const quota_t *quota, uint64_t kept, size_t n_sessions); /* of arguments */
void scheduler_allow (scheduler_t *self, const peer_t *known, const wire_hello_t *hello,
                      wire_welcome_t *welcome);
void scheduler_free_accounts (scheduler_t *self);
const char *scheduler_over_tasks (scheduler_t *self, int64_t now_ms, account_t *account, size_t payload_len,
                                  char *text, size_t size);
const char *scheduler_over_hellos (scheduler_t *self, int64_t now_ms, const peer_t *known, wire_role_t role,
                                   char *text, size_t size);
const char *scheduler_over_claims (scheduler_t *self, int64_t now_ms, account_t *account, size_t n_ranges,
                                   char *text, size_t size);
const char *scheduler_over_names (const scheduler_t *self, const wire_hello_t *hello, char *text,
                                  size_t size);
const char *scheduler_over_args (scheduler_t *self, int64_t now_ms, const peer_t *known,
                                 const wire_hello_t *hello, char *text, size_t size);
const char *scheduler_over_queries (scheduler_t *self, int64_t now_ms, account_t *account, char *text,
                                    size_t size);

/* scheduler_offers.c: names, and who can run what */
offer_t *scheduler_offer (scheduler_t *self, char kind, wire_text_t name);
void scheduler_drop_offers (scheduler_t *self, worker_record_t *worker);
void scheduler_take_offers (scheduler_t *self, worker_record_t *worker, wire_hello_t *hello);
void scheduler_release_offer (scheduler_t *self, offer_t *offer);
bool scheduler_can_run (const worker_record_t *worker, const route_t *route);
/* May the worker say anything of a task: was it given to it, or could it have been, as far as known? So a
   worker that lies does so only about what it could have been asked anyway. */
bool scheduler_has_say (const worker_record_t *worker, const task_t *task);
bool scheduler_is_hopeless (const scheduler_t *self, const route_t *route);
/* Who offers a function: so many processes of workers that take tasks now, and a sentence; and as which
   reason to say it (DPOOL_REASON_QUEUED: it could run). */
dpool_reason_t scheduler_explain_offer (scheduler_t *self, wire_text_t name, uint64_t *n_processes,
                                        char *text, size_t size);
void scheduler_explain_hopeless (const scheduler_t *self, const route_t *route, char *text, size_t size);

/* scheduler_routes.c: what is queued, and in which order */
lane_t *scheduler_lane (scheduler_t *self, session_record_t *session, const wire_group_t *group);
void scheduler_hold_lane (lane_t *lane);
void scheduler_let_go_lane (scheduler_t *self, lane_t *lane);
lane_t *scheduler_first_lane (const route_t *route); /* NULL = nothing is queued */
task_t *scheduler_next_task (const route_t *route);  /* likewise */
void scheduler_queue (scheduler_t *self, int64_t now_ms, task_t *task, bool at_head);
void scheduler_queue_graced (scheduler_t *self, int64_t now_ms, task_t *task);
void scheduler_unqueue (scheduler_t *self, task_t *task);
void scheduler_free_routes (scheduler_t *self, session_record_t *session);

/* scheduler_tiers.c: which of all lanes of a session is next */
void scheduler_place_lane (session_record_t *session, lane_t *lane); /* its first task came, or is another */
void scheduler_displace_lane (session_record_t *session, lane_t *lane); /* it is empty */
task_t *scheduler_next_of_session (const session_record_t *session);    /* NULL = nothing is queued */
uint64_t scheduler_rank_of_priority (int64_t priority);                 /* the higher the less */
void scheduler_free_tiers (session_record_t *session);

/* scheduler_workers.c: workers come, list what they hold, hand back, go */
peer_t *scheduler_hello_worker (scheduler_t *self, uint64_t connection, wire_message_t *message);
void scheduler_on_runs (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_on_drain (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_on_release (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
/* It says BYE, so it holds nothing: what was on its way to it did not start. */
void scheduler_part_worker (scheduler_t *self, int64_t now_ms, worker_record_t *worker);
void scheduler_lose_worker (scheduler_t *self, int64_t now_ms, worker_record_t *worker, const char *why);
void scheduler_check_worker (scheduler_t *self, int64_t now_ms, worker_record_t *worker);
void scheduler_take_window (worker_record_t *worker, const wire_message_t *message);
void scheduler_rank (scheduler_t *self, worker_record_t *worker);
void scheduler_tell_run (scheduler_t *self, worker_record_t *worker, wire_kind_t kind, const wire_run_t *run);
void scheduler_count_processes (scheduler_t *self);

/* scheduler_trades.c: workers that offer the same, and the sessions that may have tasks for them */
void scheduler_make_hungry (scheduler_t *self, session_record_t *session); /* if tasks wait: in all trades */
void scheduler_make_sated (scheduler_t *self, session_record_t *session);  /* no more in any */
void scheduler_note_use (scheduler_t *self, session_record_t *session);    /* its use is another */
static inline session_record_t *scheduler_hungry_session (dp_heap_node_t *node, size_t trade)
{
    return DP_CONTAINER (node - trade, session_record_t, by_use);
}
void scheduler_join_trade (scheduler_t *self, worker_record_t *worker);
void scheduler_leave_trade (worker_record_t *worker); /* before it drops its offers */

/* scheduler_runs.c: runs that are no task's: ghosts and orphans */
void scheduler_abandon (scheduler_t *self, task_t *task);
bool scheduler_end_ghost (worker_record_t *worker, uint64_t session, uint64_t id, uint64_t attempt);
void scheduler_free_ghosts (worker_record_t *worker, uint64_t session); /* of all sessions: 0 */
void scheduler_keep_orphan (scheduler_t *self, worker_record_t *worker, const wire_run_t *run);
bool scheduler_adopt_orphan (scheduler_t *self, int64_t now_ms, task_t *task);
void scheduler_adopt_claimed (scheduler_t *self, int64_t now_ms, session_record_t *session);
void scheduler_drop_orphans (scheduler_t *self, worker_record_t *worker);
void scheduler_settle_orphans (scheduler_t *self, session_record_t *session);

/* scheduler_sessions.c: clients come and go */
peer_t *scheduler_hello_client (scheduler_t *self, uint64_t connection, wire_message_t *message);
size_t scheduler_args_len (const wire_hello_t *hello); /* of its initializer, as far as they are kept */
void scheduler_weigh_args (session_record_t *session, bool is_coming); /* for its account's quota */
void scheduler_end_session (scheduler_t *self, session_record_t *session, const char *why);
void scheduler_check_session (scheduler_t *self, int64_t now_ms, session_record_t *session);

/* scheduler_drain.c: a planned end */
/* A client has said HELLO: if the broker drains, it is to know. */
void scheduler_drain_newcomer (scheduler_t *self, session_record_t *session);
/* Once all clients have answered. */
void scheduler_dismiss_workers (scheduler_t *self);
/* The client's answer. */
void scheduler_on_drained (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);

/* scheduler_ranges.c: ranges of ids, CLAIM and MISSING */
void scheduler_on_claim (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_forget_claims (session_record_t *session);
const wire_range_t *scheduler_find_claim (const session_record_t *session, uint64_t id);
/* What is cancelled is wanted no more, should a worker still come that runs it. */
void scheduler_unclaim (session_record_t *session, const wire_range_t *ranges, size_t n);
/* Sort them, and cut what an earlier one covers already: so all that take ranges want them. How many are
 * left. */
size_t scheduler_normalise (wire_range_t *ranges, size_t n);
/* Those of a session's tasks that ranges name, by ascending ids. Free them. */
typedef struct known_tasks_s {
    task_t **tasks;
    size_t n;
    uint64_t n_looked_at; /* to find them: as many as the ranges name, or as there are */
} known_tasks_t;
known_tasks_t scheduler_known_tasks (const session_record_t *session, const wire_range_t *ranges, size_t n);
void scheduler_say_missing (scheduler_t *self, session_record_t *session, uint64_t first, uint64_t last);
/* Name the ids of ranges that are not here: the gaps between the known ones. */
void scheduler_say_gaps (scheduler_t *self, session_record_t *session, const wire_range_t *ranges, size_t n,
                         const known_tasks_t *known);
void scheduler_end_grace (scheduler_t *self, int64_t now_ms);

/* scheduler_orders.c: CANCEL and REVOKE, and how much of that a client may have done */
void scheduler_on_cancel (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_on_revoke (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_drop_orders (session_record_t *session);        /* those that wait: its connection is over */
void scheduler_order_late (scheduler_t *self, int64_t now_ms); /* do what is due of them */

/* scheduler_record.c: a task's record */
void scheduler_init_records (scheduler_t *self);
void scheduler_trim_records (scheduler_t *self); /* free what is only kept for the next ones */
static inline session_record_t *scheduler_session_of (const task_t *task)
{
    return task->has_lane ? task->of.lane->route->session : task->of.session;
}

static inline worker_record_t *scheduler_worker_of (const task_t *task) /* NULL = it is not ASSIGNED */
{
    return task->has_runs ? task->by.runs->worker : task->by.worker;
}

static inline void scheduler_set_worker (task_t *task, worker_record_t *worker)
{
    *(task->has_runs ? &task->by.runs->worker : &task->by.worker) = worker;
}

static inline void scheduler_set_since (task_t *task, int64_t at_ms)
{
    task->since_ms = (uint64_t) at_ms & ((UINT64_C (1) << 40) - 1);
}

enum { SCHEDULER_INLINE_PAYLOAD = 512 }; /* a longer payload is a blob of its own */

/* Neither in the session's map nor counted. Of the payload, of which there may be none, the blob is held if
   it is long, else the bytes are copied. */
task_t *scheduler_new_record (scheduler_t *self, uint64_t id, const task_numbers_t *numbers,
                              const wire_bytes_t *payload, dp_blob_t *blob);
void scheduler_free_record (scheduler_t *self, task_t *task); /* with its blob, and runs without results */
void scheduler_drop_payload (task_t *task);
uint64_t scheduler_n_submitted_of (const task_t *task); /* items; 0 = adopted by its id */
uint64_t scheduler_n_items_of (const task_t *task);     /* those of them that a cut has left */
uint64_t scheduler_n_told_of (const task_t *task);
dp_list_t *scheduler_held_of (task_t *task);             /* NULL = none */
uint64_t scheduler_attempt_of (const task_t *task);      /* of the present run, or the last */
uint64_t scheduler_last_attempt_of (const task_t *task); /* the highest ever given */
void scheduler_next_attempt (scheduler_t *self, task_t *task);
void scheduler_take_attempt_back (task_t *task); /* it is not used up */
/* What it is given to a worker with; a long payload is the whole of the blob. Of a run that was cut, what is
   left. */
typedef struct task_body_s {
    task_numbers_t numbers;
    wire_bytes_t payload;
    dp_blob_t *blob;
} task_body_t;
task_body_t scheduler_body_of (const task_t *task);
task_runs_t *scheduler_need_runs (scheduler_t *self, task_t *task); /* those that it has, or new ones */
void scheduler_shed_runs (scheduler_t *self,
                          task_t *task); /* it is queued again: unless they say something */

/* scheduler_tasks.c: the moves of a task */
session_record_t *scheduler_session (const scheduler_t *self, uint64_t id);
task_t *scheduler_task (const session_record_t *session, uint64_t id);
wire_run_t scheduler_run_of (const task_t *task); /* the name of its present run */
void scheduler_submit (scheduler_t *self, int64_t now_ms, lane_t *lane, const wire_group_t *group,
                       const wire_task_t *from, dp_blob_t *blob);
/* It is not taken: its result says so at once. */
void scheduler_reject (scheduler_t *self, session_record_t *session, const wire_task_t *from,
                       outcome_status_t status, const char *why);
task_t *scheduler_new_bodyless (scheduler_t *self, session_record_t *session, uint64_t id,
                                bool is_at_most_once);
void scheduler_put_session (scheduler_t *self, worker_record_t *worker, session_record_t *session);
void scheduler_assign (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker);
void scheduler_adopt (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker,
                      const wire_run_t *run);
void scheduler_unassign (scheduler_t *self, task_t *task);
typedef enum { RETURN_RELEASED, RETURN_UNLISTED, RETURN_LOST } return_reason_t;
void scheduler_return (scheduler_t *self, int64_t now_ms, task_t *task, return_reason_t reason);
void scheduler_fail (scheduler_t *self, task_t *task, outcome_status_t status, const char *message);
void scheduler_cancel (scheduler_t *self, task_t *task);
void scheduler_drop_task (scheduler_t *self, task_t *task);

/* scheduler_recall.c: what comes back to its client unstarted */
void scheduler_recall (scheduler_t *self, task_t *task);
void scheduler_give_back (scheduler_t *self, task_t *task); /* one that is queued, or was just unassigned */
bool scheduler_is_cut (const wire_result_t *result);
bool scheduler_cut (scheduler_t *self, task_t *task, const wire_result_t *result);

/* scheduler_held.c: results until they are acknowledged */
void scheduler_hold (scheduler_t *self, task_t *task, const wire_result_t *result, dp_blob_t *blob);
void scheduler_send_held (scheduler_t *self, session_record_t *session);
void scheduler_forget_sent (scheduler_t *self, session_record_t *session);
void scheduler_on_ack (scheduler_t *self, session_record_t *session, uint64_t ack);
void scheduler_drop_held (scheduler_t *self, task_t *task);
void scheduler_free_held (scheduler_t *self, session_record_t *session);

/* scheduler_parts.c: results of runs that go on. False: this one says nothing new, or what cannot be. */
bool scheduler_take_part (scheduler_t *self, task_t *task, const wire_result_t *result);

/* scheduler_results.c: what workers report */
void scheduler_on_results (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message,
                           dp_blob_t *const *blobs);
void scheduler_on_progress (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);

/* scheduler_dispatch.c: which task goes to which worker next */
void scheduler_dispatch (scheduler_t *self, int64_t now_ms);
void scheduler_check_routes (scheduler_t *self, int64_t now_ms);

/* scheduler_room.c: the memory limit (R9) */
uint64_t scheduler_room_at_hello (const scheduler_t *self, wire_role_t role, const peer_t *peer);
uint64_t scheduler_window_bytes (const scheduler_t *self, const worker_record_t *worker);
bool scheduler_may_send (const scheduler_t *self, const session_record_t *session, size_t len);
void scheduler_weigh_task (task_t *task, bool is_coming);
void scheduler_mark_cancelled (task_t *task);
/* Is a task of this payload more than the session may have here? */
bool scheduler_is_excess (const scheduler_t *self, const session_record_t *session, size_t payload_len);
void scheduler_weigh_held (scheduler_t *self, session_record_t *session, size_t len, bool is_coming);
/* Do workers go on with results of a session that is full, more than can have been on their way? */
bool scheduler_is_flooded (const scheduler_t *self, const session_record_t *session);
void scheduler_share_room (scheduler_t *self);

/* scheduler_excess.c: what is submitted beyond the room */
void scheduler_turn_away (scheduler_t *self, session_record_t *session, uint64_t id);
void scheduler_say_excess (scheduler_t *self, session_record_t *session); /* to its client */
void scheduler_forget_excess (session_record_t *session);                 /* a new connection, or the end */

/* scheduler_status.c: the state as JSON, in place of what the buffer had */
void scheduler_write_status (const scheduler_t *self, int64_t now_ms, dp_buffer_t *buffer);

/* scheduler_answer.c: what is asked of the broker. Answers at once; returns the length of the text. */
size_t scheduler_answer (scheduler_t *self, int64_t now_ms, peer_t *peer, const wire_query_t *query);

/* scheduler_asking.c: how often that may be */
void scheduler_on_query (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_on_ping (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_drop_questions (peer_t *peer);                   /* those that wait */
void scheduler_answer_late (scheduler_t *self, int64_t now_ms); /* what is due of them */

#endif
