/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_internal.h - what the files of the scheduler share: its records, and who owns which. */
#ifndef SCHEDULER_INTERNAL_H_INCLUDED
#define SCHEDULER_INTERNAL_H_INCLUDED

#include "broker/scheduler.h"
#include "core/heap.h"
#include "core/list.h"
#include "core/map.h"

enum {
    SCHEDULER_CHECK_MS = 250,    /* how often the timers of peers are looked at */
    SCHEDULER_SUSPECT_MS = 2500, /* a worker silent for so long gets nothing new (R10) */
    SCHEDULER_QUIET_MS = 2000, /* a session without a connection for so long gets nothing new started (R13) */
    SCHEDULER_MAX_LOSSES = 10, /* of workers, for one task */
    SCHEDULER_ORPHAN_MS = 60000
};

/* A name that workers offer or tasks ask for: a function, or a label. Interned; lives as long as the
 * scheduler. */
typedef struct offer_s {
    dp_map_node_t by_hash;
    struct offer_s *next_same; /* of the same hash */
    char kind;                 /* 'f' function, 'l' label */
    char *name;
    bool was_offered; /* by any worker since the broker's start */
} offer_t;

/* Whoever said HELLO. First member of session_record_t and worker_record_t. */
typedef struct peer_s {
    dp_map_node_t by_connection, by_id;
    dp_list_t in_touched; /* has batches to flush, or an ack to send */
    wire_role_t role;
    uint64_t id, connection; /* connection 0 = broken */
    uint64_t hello;          /* the counter of its HELLO: the highest owns the peer (R1) */
    int64_t heard_at_ms, pinged_at_ms, broken_at_ms;
    uint64_t n_received, n_acked; /* results taken over on this connection, and acknowledged (R3) */
    char host[256], name[256];
    uint64_t pid;
} peer_t;

/* Queued tasks of one session, function, requirement and set of options. */
typedef struct lane_s {
    dp_list_t in_session; /* all of its session */
    dp_list_t in_waiting; /* those with queued tasks */
    struct session_record_s *session;
    offer_t *function, *require; /* require NULL = any worker */
    int64_t priority;
    uint64_t time_limit_ms;
    bool is_at_most_once;
    dp_list_t queue; /* of task_t.in_lane, next one first */
    size_t n_queued;
    uint64_t mean_us; /* of a task's run; 0 = unknown */
    int64_t waiting_since_ms;
} lane_t;

typedef struct session_record_s {
    peer_t peer;
    wire_session_t config; /* its texts point into the two below */
    char *initializer;
    uint8_t *initializer_args;
    dp_map_t tasks;
    dp_list_t lanes, waiting; /* waiting: highest priority first */
    dp_list_t graced;         /* tasks that wait for the end of the grace (R7, R12) */
    dp_list_t held;           /* results, in order of arrival: the sent ones first */
    size_t n_sent;            /* of the held ones, on this connection */
    uint64_t n_forgotten;     /* results acknowledged on this connection */
    dp_heap_node_t by_use;    /* in scheduler.hungry while tasks wait; keyed by used_us */
    uint64_t used_us;
    size_t n_queued, n_assigned;
    wire_batch_t results, missing, progress;
    bool is_claimed;      /* said CLAIM on this or an earlier connection */
    wire_range_t *claims; /* being collected; then those that wait for the grace's end */
    size_t n_claims, claims_capacity;
    uint64_t told_processes;
} session_record_t;

typedef struct worker_record_s {
    peer_t peer;
    dp_list_t in_workers;
    uint64_t processes, window;
    bool is_draining, is_listing; /* listing: its RUNS are not complete yet */
    offer_t **offers;             /* functions, then labels */
    size_t n_functions, n_offers;
    dp_list_t runs; /* of task_t.in_worker: assigned to it */
    size_t n_runs;
    dp_list_t orphans;
    dp_map_t sessions;      /* of known_session_t: told of by SESSION on this connection */
    dp_heap_node_t by_load; /* in scheduler.idle while it has room */
    wire_batch_t tasks, cancels, adopts, revokes;
} worker_record_t;

typedef struct known_session_s {
    dp_map_node_t by_id;
} known_session_t;

typedef enum { TASK_QUEUED, TASK_ASSIGNED, TASK_FINISHED } task_state_t;

typedef struct task_s {
    dp_map_node_t by_id; /* in its session */
    dp_list_t in_lane;   /* QUEUED: lane's queue, or the session's graced ones. ASSIGNED: the worker's runs */
    session_record_t *session;
    lane_t *lane;            /* NULL: adopted by its id alone, its arguments are not here */
    worker_record_t *worker; /* ASSIGNED */
    dp_blob_t *blob;         /* a long payload */
    uint64_t attempt, job, first, n_items;
    uint64_t charged_us; /* of the session's use, in advance */
    int64_t since_ms;    /* queued or assigned */
    uint64_t listed;     /* the HELLO whose RUNS named it last */
    uint32_t payload_len;
    uint8_t state, n_losses;
    bool is_cancelled, is_at_most_once, has_started;
    uint16_t n_held;   /* results of it that are held */
    uint8_t payload[]; /* a short one */
} task_t;

/* A result that its client has not acknowledged. */
typedef struct held_s {
    dp_list_t in_session;
    task_t *task;
    uint64_t attempt, first, n_items, run_us;
    outcome_status_t status;
    bool is_final, is_sent; /* sent on this connection */
    dp_blob_t *blob;
} held_t;

/* A run that a worker has and no client has claimed yet. */
typedef struct orphan_s {
    dp_map_node_t by_run;
    dp_list_t in_worker;
    worker_record_t *worker;
    wire_run_t run;
} orphan_t;

struct scheduler_s {
    scheduler_config_t config;
    char *name;
    int64_t grace_until_ms, ticked_at_ms, check_at_ms, no_worker_since_ms;
    bool is_in_grace, is_checking_lanes;
    dp_outbox_t outbox;
    dp_map_t connections, sessions, workers, offers, orphans;
    dp_list_t all_workers, touched;
    size_t n_orphans;
    uint64_t n_processes;
    bool is_processes_changed;
    dp_heap_t hungry, idle;
    uint64_t floor_us; /* the use of the session that was served last: newcomers start here */
    uint64_t *dropped;
    size_t n_dropped, dropped_capacity;
    char **events;
    size_t n_events, events_capacity;
    char *event;
    scheduler_stats_t stats;
    dp_buffer_t scratch;
};

/* scheduler.c */
void scheduler_touch (scheduler_t *self, peer_t *peer);
void scheduler_log (scheduler_t *self, const char *format, ...) DPOOL_PRINTF (2, 3);
void scheduler_forget (scheduler_t *self, uint64_t connection);

/* scheduler_offers.c: names, and who can run what */
offer_t *scheduler_offer (scheduler_t *self, char kind, wire_text_t name);
bool scheduler_can_run (const worker_record_t *worker, const lane_t *lane);
bool scheduler_is_hopeless (const scheduler_t *self, const lane_t *lane);
void scheduler_explain_hopeless (const scheduler_t *self, const lane_t *lane, char *text, size_t size);

/* scheduler_workers.c */
void scheduler_hello_worker (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_message_t *message);
void scheduler_on_runs (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_lose_worker (scheduler_t *self, int64_t now_ms, worker_record_t *worker, const char *why);
void scheduler_check_worker (scheduler_t *self, int64_t now_ms, worker_record_t *worker);
void scheduler_rank (scheduler_t *self, worker_record_t *worker);
void scheduler_tell_run (scheduler_t *self, worker_record_t *worker, wire_kind_t kind, const wire_run_t *run);
bool scheduler_adopt_orphan (scheduler_t *self, int64_t now_ms, session_record_t *session, uint64_t id);
void scheduler_drop_orphans (scheduler_t *self, worker_record_t *worker);
void scheduler_settle_orphans (scheduler_t *self, session_record_t *session);

/* scheduler_sessions.c */
void scheduler_hello_client (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_message_t *message);
void scheduler_on_claim (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_end_session (scheduler_t *self, session_record_t *session, const char *why);
void scheduler_check_session (scheduler_t *self, int64_t now_ms, session_record_t *session);
void scheduler_on_ack (scheduler_t *self, session_record_t *session, uint64_t ack);
void scheduler_send_held (scheduler_t *self, session_record_t *session);
void scheduler_end_grace (scheduler_t *self, int64_t now_ms);
void scheduler_say_missing (scheduler_t *self, session_record_t *session, uint64_t first, uint64_t last);

/* scheduler_tasks.c: the moves of a task */
task_t *scheduler_task (const session_record_t *session, uint64_t id);
lane_t *scheduler_lane (scheduler_t *self, session_record_t *session, const wire_group_t *group);
void scheduler_submit (scheduler_t *self, int64_t now_ms, lane_t *lane, const wire_task_t *task,
                       dp_blob_t *blob);
void scheduler_unqueue (scheduler_t *self, task_t *task);
void scheduler_queue (scheduler_t *self, int64_t now_ms, task_t *task, bool at_head);
void scheduler_assign (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker);
void scheduler_adopt (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker,
                      const wire_run_t *run);
void scheduler_unassign (scheduler_t *self, task_t *task);
void scheduler_return (scheduler_t *self, int64_t now_ms, task_t *task,
                       bool is_lost); /* from a worker to the queue, or lost */
void scheduler_hold (scheduler_t *self, task_t *task, const wire_result_t *result, dp_blob_t *blob);
void scheduler_fail (scheduler_t *self, task_t *task, outcome_status_t status, const char *message);
void scheduler_cancel (scheduler_t *self, task_t *task);
void scheduler_drop_task (scheduler_t *self, task_t *task);
task_t *scheduler_new_bodyless (scheduler_t *self, session_record_t *session, uint64_t id);
void scheduler_fail_lane (scheduler_t *self, lane_t *lane, outcome_status_t status, const char *message);

/* scheduler_results.c */
void scheduler_on_results (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message,
                           dp_blob_t *const *blobs);
void scheduler_on_progress (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);

/* scheduler_dispatch.c */
void scheduler_dispatch (scheduler_t *self, int64_t now_ms);
void scheduler_check_lanes (scheduler_t *self, int64_t now_ms);

/* scheduler_answer.c */
void scheduler_on_query (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);

#endif
