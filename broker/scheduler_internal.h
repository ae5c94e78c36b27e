/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_internal.h - what the files of the scheduler do for each other, in the order to read them. */
#ifndef SCHEDULER_INTERNAL_H_INCLUDED
#define SCHEDULER_INTERNAL_H_INCLUDED

#include "broker/scheduler_records.h"

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
dp_list_t *scheduler_offered (scheduler_t *self, char kind); /* of offer_t.in_offered, the earliest first */

/* scheduler_advice.c: what is said of functions and labels, to a peer, at the cost of his share */
/* Who offers a function: so many processes of workers that take tasks now, and a sentence; and as which
   reason to say it (DPOOL_REASON_QUEUED: it could run). */
dpool_reason_t scheduler_explain_offer (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_text_t name,
                                        uint64_t *n_processes, char *text, size_t size);
/* Which name of a hopeless route nobody offers, and what was meant, if that can be said. */
void scheduler_explain_hopeless (scheduler_t *self, int64_t now_ms, peer_t *peer, const route_t *route,
                                 char *text, size_t size);

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
/* Does the worker go on with results of a session that is full, more than can have been on its way? */
bool scheduler_floods (const scheduler_t *self, worker_record_t *worker, const session_record_t *session,
                       size_t payload_len);
void scheduler_share_room (scheduler_t *self);

/* scheduler_excess.c: what is submitted beyond the room */
void scheduler_turn_away (scheduler_t *self, session_record_t *session, uint64_t id);
void scheduler_say_excess (scheduler_t *self, session_record_t *session); /* to its client */
void scheduler_forget_excess (session_record_t *session);                 /* a new connection, or the end */

/* scheduler_status.c: the state as JSON, in place of what the buffer had */
void scheduler_write_status (const scheduler_t *self, int64_t now_ms, dp_buffer_t *buffer);

/* scheduler_answer.c: what is asked of the broker. Answers at once; returns the length of the text. */
size_t scheduler_answer (scheduler_t *self, int64_t now_ms, peer_t *peer, const wire_query_t *query);

/* A share of our time is taken until some time in µs; so much of it may be taken ahead. */
#define SCHEDULER_BURST_MS 1000
/* When something may be taken of it again. */
static inline int64_t scheduler_share_due_ms (int64_t until_us)
{
    return until_us / 1000 - SCHEDULER_BURST_MS + 1;
}
/* Until when it is taken once so much more is. */
static inline int64_t scheduler_share_after (int64_t until_us, int64_t now_ms, int64_t takes_us)
{
    return (until_us > now_ms * 1000 ? until_us : now_ms * 1000) + takes_us;
}

/* scheduler_asking.c: how often that may be */
void scheduler_on_query (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_on_ping (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);
void scheduler_drop_questions (peer_t *peer);                   /* those that wait */
void scheduler_answer_late (scheduler_t *self, int64_t now_ms); /* what is due of them */
/* Of his share of our time: is something left, and so much is taken, in answers. */
bool scheduler_has_share (const scheduler_t *self, int64_t now_ms, const peer_t *peer);
void scheduler_take_share (scheduler_t *self, int64_t now_ms, peer_t *peer, size_t n_answers);

#endif
