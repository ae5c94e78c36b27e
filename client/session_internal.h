/* SPDX-License-Identifier: MPL-2.0 */
/* session_internal.h - what the files session*.c share. */
#ifndef SESSION_INTERNAL_H_INCLUDED
#define SESSION_INTERNAL_H_INCLUDED

#include "client/session.h"
#include "core/acks.h"

enum {
    SESSION_MAX_KINDS = 2048, /* jobs of calls that are kept while they are idle, with what they learned */
    SESSION_CANCEL_MS = 5000, /* a cancel that nobody confirms ends by itself (R8) */
    SESSION_SUBMISSION_STEP = 1000, /* attempts between two submissions of a task (R7) */
    SESSION_MAX_LOSSES = 10,        /* tasks that may end without a word on an item */
    SESSION_MAX_PATH_MS = 300,      /* what is longer is a queue, not a path */
    SESSION_MAX_PROCESSES = 1 << 20 /* more are not believed */
};

/* The jobs of one priority that have something to send. */
typedef struct session_level_s {
    dp_list_t in_ready;
    int64_t priority;
    dp_list_t jobs;
} session_level_t;

struct session_s {
    dp_link_t link;
    dp_link_command_t commands[8];
    size_t n_commands;
    dp_outbox_t outbox;
    wire_batch_t submits, claims, cancels, recalls;
    /* who we are */
    uint64_t id, pid, machine, seed, max_tasks_per_child;
    char *host, *name, *initializer;
    uint8_t *initializer_args;
    size_t initializer_args_len;
    size_t max_tasks, max_bytes;
    int64_t broker_timeout_ms;
    /* what the broker said */
    uint64_t epoch, incarnation; /* incarnation: counts the sessions that brokers have made for us (R6) */
    uint64_t welcomed;           /* the last connection that got its WELCOME */
    uint64_t max_payload, processes;
    int64_t path_ms;  /* a task's way to its process and back, the shortest that was seen; 0 = near, or not
                         known: see learn_path */
    bool is_path_old; /* that was seen before the last change of the broker or the workers */
    bool is_broker_draining; /* it ends soon: nothing is submitted on this connection any more */
    wire_refusal_t refusal;
    char *refusal_text;
    outcome_status_t end_status; /* what becomes of all that comes from now on; OUTCOME_VALUE = it is sent */
    dp_acks_t acks;              /* of results, on this connection (R3) */
    /* tasks */
    uint64_t last_id, last_job;
    dp_map_t tasks;       /* submitted and unfinished, by id: all keys are its own, so no map has a secret */
    dp_list_t submitted;  /* the same, in order of submission */
    dp_list_t again;      /* to be sent before anything new: missing ones, and retries under new ids */
    size_t n_bytes;       /* payload of the submitted ones */
    uint64_t n_sent;      /* those that are at the broker */
    uint64_t sent_bytes;  /* of those that are sent: what they count for at the broker (R9) */
    uint64_t room;        /* what they may count for there; 0 = no limit */
    uint64_t most_tasks;  /* that may be under way there, by a quota; 0 = no limit */
    dp_list_t cancelling; /* of them, those that wait for their cancel's confirmation; the oldest first */
    /* jobs */
    dp_list_t jobs, done; /* unfinished ones, and those of which nothing more will come */
    dp_list_t ready;      /* levels that are or were in use, the highest priority first */
    dp_list_t changed;
    dp_map_t calls;         /* jobs of calls that may get more, by their options */
    dp_list_t calls_in_use; /* the same, the one used last at the end */
    dp_buffer_t scratch, texts;
    dp_list_t questions; /* that wait for the broker's answer */
    uint64_t last_query;
    uint64_t n_late; /* results of tasks that had their outcome already */
};

/* Mark a job as changed for its owner. */
void session_touch (session_t *self, job_t *job);
/* Items of a job were finished, or tasks of it ended: let it send more, close it when it was the last, tell
   its owner. Frees the job when nobody needs it any more, so it must be the last thing that is done with it.
 */
void session_settle (session_t *self, job_t *job);
/* End all that is unfinished of a job, and the job. May free it. */
void session_end_job (session_t *self, job_t *job, outcome_status_t status, const char *message);

/* The job has something to send: behind those of its priority that came before it. */
void session_make_ready (session_t *self, job_t *job);
/* End all unfinished items of a task with a status, and the task. */
void session_fail_task (session_t *self, job_task_t *task, outcome_status_t status, const char *message);
/* End an item that was cancelled and has not started, this time. */
void session_fail_cancelled (job_t *job, size_t index, bool may_have_run);
/* Take a task out of the books and free it. */
void session_drop_task (session_t *self, job_task_t *task);
/* What is known of the attempts at some items: the last one's number, and how many have started. */
typedef struct session_count_s {
    uint64_t base, n_starts;
} session_count_t;

/* Put the unfinished items from first up to end into new tasks that are sent before all others, items that
   were blamed each alone; calls that were cancelled end. The second does so with a task's, and drops it. */
void session_retry_items (session_t *self, job_t *job, size_t first, size_t end, session_count_t blamed,
                          session_count_t rest);
void session_retry_task (session_t *self, job_task_t *task, session_count_t blamed, session_count_t rest);
/* The broker does not have the task: send it again before all others. */
void session_resubmit_task (session_t *self, job_task_t *task);
/* Send what may be sent now. */
void session_submit_ready (session_t *self, int64_t now_ms);
/* Send a CANCEL, or a REVOKE if it is recalled, for a submitted task and start its clock. */
void session_cancel_task (session_t *self, int64_t now_ms, job_task_t *task);
/* The complete list of what is unfinished, after WELCOME (R4). */
void session_claim (session_t *self, int64_t now_ms);

/* The task that is submitted and unfinished under this id, or NULL. */
job_task_t *session_find_task (const session_t *self, uint64_t id);
/* How often the items of a task have started when this attempt of it has. The runs of a submission are
   numbered upwards from its base, submissions are a step apart: the steps are taken out. */
uint64_t session_starts_of (const job_task_t *task, uint64_t attempt);
/* Apply the results of a RESULTS message. */
void session_receive_results (session_t *self, int64_t now_ms, wire_message_t *message,
                              dp_blob_t *const *blobs);

/* Has a task that is not sent been at a broker where it may have started? */
bool session_may_have_run (const session_t *self, const job_task_t *task);

/* A job of calls that gets no more, and of which nothing is left. */
bool session_is_over (const job_t *job);
/* Some of a sent task's calls were cancelled, or others have finished: say what is to be done now. */
void session_stop_calls (session_t *self, int64_t now_ms, job_task_t *task);
/* Nothing of a recalled task is cancelled and unfinished any more. */
void session_end_recall (job_task_t *task);
/* Nobody answered (R8). */
void session_expire_recall (job_task_t *task);

/* The connection is gone, and with it the answers. */
void session_end_questions (session_t *self);
/* The broker's answer to a question. */
void session_receive_answer (session_t *self, int64_t now_ms, wire_message_t *message);

#endif
