/* SPDX-License-Identifier: MPL-2.0 */
/*
 * job.h - the items of one call of the API and what became of them. Pure.
 *
 * A job is a list (map: all items are there from the start), a stream (imap: items are appended, and
 * forgotten once they were taken), or a stream of calls (applies of one function with the same options, each
 * with an owner of its own: see session_calls.c). An item is WAITING, then SENT in a task, then FINISHED with
 * a value or an error, or WAITING again for another try.
 */
#ifndef JOB_H_INCLUDED
#define JOB_H_INCLUDED

#include "client/argument.h"
#include "core/items.h"
#include "core/list.h"
#include "core/map.h"
#include "core/outcome.h"
#include "core/value.h"
#include "core/wire.h"

#include <stdatomic.h>

typedef enum { ITEM_WAITING, ITEM_SENT, ITEM_FINISHED } job_item_state_t;

typedef struct job_item_s {
    dpool_value_t value;  /* of a success */
    dpool_error_t *error; /* of a failure, or of the last crash when it is tried again; owned */
    uint8_t state;        /* job_item_state_t */
    atomic_bool is_taken; /* the value was given away */
    bool is_cancelled;    /* a call: nobody wants it any more, though its task goes on */
    uint8_t n_losses;     /* ended tasks that said nothing of it */
    uint16_t n_blames;    /* crashes that it was charged with */
    size_t next_finished; /* stream, unordered: the item that finished after it */
} job_item_t;

/* What an item that is a call has besides. */
typedef struct job_call_s {
    void *owner;             /* NULL: nobody wants to know what became of it */
    struct job_task_s *task; /* while it is in one */
} job_call_t;

/* Items first … first + n - 1 of a job, under one id at the broker. */
typedef struct job_task_s {
    dp_map_node_t by_id; /* in the session */
    dp_list_t in_order;  /* in one of the session's lists */
    dp_list_t in_job;
    dp_list_t in_cancelling; /* in the session's, once it was cancelled */
    struct job_s *job;
    uint64_t id;
    uint64_t base;     /* the last attempt's number under other ids: its own are higher (R7) */
    uint64_t n_starts; /* how often its items were started under other ids, as far as known */
    size_t first, n;
    size_t payload_len;
    bool is_known;          /* it has been submitted: its id is in the session's map */
    unsigned n_submissions; /* but for those of which the broker they went to said that they were not taken */
    uint64_t incarnation;   /* of the broker's session that the first of them went to (R6) */
    int64_t cancel_at_ms;   /* when the cancel ends it without an answer (R8); 0 = not cancelled */
    int64_t sent_at_ms;     /* first */
    uint64_t run_us;        /* of its items, as far as told */
    bool is_first;          /* there was a process for it at once, as far as we know */
    bool is_recalled; /* some of its calls are cancelled, and the broker was asked for what did not start */
    int64_t running_at_ms; /* since when it runs, as far as told; 0 = not known to run */
    uint64_t item;         /* the one of them that runs, as far as told, */
    uint64_t done, steps;  /* and its progress */
    bool is_sent;          /* and not known to be missing at the broker */
    bool is_partial;       /* some of its items have their outcome: it must not be sent again as it is */
} job_task_t;

typedef struct job_spec_s {
    const char *function, *require; /* copied; require NULL = any worker */
    int64_t priority;
    uint64_t time_limit_ms;
    unsigned max_retries;
    bool is_at_most_once;
    bool is_calls;        /* a stream of calls */
    bool is_unordered;    /* a stream whose items are taken as they finish */
    size_t chunk_size;    /* 0 = automatic; a stream's chunk has 524,288 items at most */
    dpool_items_t *items; /* a list's items, frozen: the job takes over the hold; NULL = a stream */
    void *owner;          /* for the owner's use */
} job_spec_t;

typedef struct job_s {
    dp_list_t in_session; /* all jobs */
    dp_list_t in_ready;   /* those with items to send */
    dp_list_t in_changed; /* those that the owner must look at */
    dp_list_t tasks;      /* submitted and unfinished */
    void *owner;
    uint64_t number; /* of the job in its session */
    char *function, *require;
    int64_t priority;
    uint64_t time_limit_ms;
    unsigned max_retries;
    bool is_at_most_once, is_stream, is_unordered, is_calls, is_cancelled, is_released;
    bool is_ended;  /* no more items come */
    bool is_eager;  /* a short chunk need not wait for more items */
    bool is_single; /* one item a task */
    bool is_closed; /* its owner was told that it is finished */
    dpool_items_t *list;
    dp_blob_t *list_blob;  /* the list's bytes, shared by the messages that carry them */
    argument_t *arguments; /* of a stream's items */
    job_call_t *calls;     /* likewise, where they are calls */
    job_item_t *items;
    size_t capacity;   /* of arguments, calls and items; a power of two in a stream */
    size_t base, next; /* the items that are held: base <= i < next */
    size_t unsent;     /* the first item that was never sent */
    size_t n_marked;   /* how many must be finished for session_is_past_mark */
    size_t n_finished, n_failed, n_tasks, n_running;
    size_t first_finished, last_finished; /* unordered: in order of arrival; JOB_NONE = empty */
    size_t n_forgotten;                   /* stream: items that were taken */
    size_t argument_bytes;                /* held by a stream */
    size_t lowest_failed;                 /* index; JOB_NONE */
    /* how chunks size themselves */
    size_t chunk_size, chunk; /* asked for (0 = automatic), and now */
    size_t max_payload;       /* bytes of one task: the session knows the broker's limit */
    int64_t path_ms;          /* a task's way to its process and back: likewise */
    double item_us;           /* mean; 0 = unknown */
    /* calls: */
    dp_map_node_t by_options; /* in the session */
    dp_list_t in_use;         /* of the session's list, the one used last at the end */
    bool keeps_room;          /* for the next burst: only the one used last does */
    uint64_t options;         /* a hash */
} job_t;

#define JOB_NONE SIZE_MAX

/* NULL with ENOMEM; spec->items then still belongs to the caller. */
job_t *job_new (const job_spec_t *spec);
void job_destroy (job_t **self_p);

/* Append an item to a stream. Takes a hold of the blob, or copies it if it is short. 0 or -1 with ENOMEM. */
int job_append (job_t *self, dp_blob_t *arguments);

/* The same of a stream of calls, of arguments that were packed: they stay the caller's. */
int job_append_call (job_t *self, const argument_t *arguments, void *owner);

/* Where an item stands in its rows. */
static inline size_t job_place (const job_t *self, size_t index)
{
    return self->is_stream ? index & (self->capacity - 1) : index;
}

/* The item, or NULL when it is not held (taken from a stream, or beyond its end). */
static inline job_item_t *job_item (const job_t *self, size_t index)
{
    return index >= self->base && index < self->next ? &self->items[job_place (self, index)] : NULL;
}

/* Is it held, and without its outcome? */
static inline bool job_is_unfinished (const job_t *self, size_t index)
{
    const job_item_t *item = job_item (self, index);
    return item != NULL && item->state != ITEM_FINISHED;
}

/* What the call (held, of a stream of calls) has besides. */
static inline job_call_t *job_call (const job_t *self, size_t index)
{
    return &self->calls[job_place (self, index)];
}

/* Free what it owns: its value and its error. */
void job_fini_item (job_item_t *item);

/* All items there, and all finished? */
bool job_is_finished (const job_t *self);

/* Cut the next task from the unsent items: how many items it takes. 0 = nothing to send now. processes: that
   can run it; 0 = not known. A chunk_size that was asked for is obeyed as far as the payload limit lets it;
   the end of a job, and a stream whose arguments fill the memory that it may hold, give a shorter chunk. */
size_t job_cut (const job_t *self, size_t processes);
/* Before a cut: calls that were cancelled unsent have their outcome. */
void job_skip_cancelled (job_t *self);
/* How many items the next tasks should take when n that were given back are sent once more. */
size_t job_share (const job_t *self, size_t n, size_t processes);
/* May another task of the job be under way? A job sends little ahead, so that chunks can grow: what keeps the
   processes busy for a while, and besides that what is on its way (path_ms). */
bool job_has_room (const job_t *self, size_t processes);
/* How many more items an iterator should draw now. */
size_t job_appetite (const job_t *self, size_t processes);

/* The bytes of some unfinished items: of a list a part of it (*blob is what holds it), of a stream's single
   item its blob, if it is long, of others a copy in scratch (*blob NULL). Without memory it aborts. */
wire_bytes_t job_payload (job_t *self, size_t first, size_t n, dp_buffer_t *scratch, dp_blob_t **blob);
size_t job_payload_len (const job_t *self, size_t first, size_t n);

/* The item's number as its caller knows it: each call is the only one of its result. */
size_t job_told_index (const job_t *self, size_t index);

/* An item is finished. Each does nothing when it is finished already. The value's bytes lie inside blob, of
   which it takes over a hold: true, or false where it did nothing. */
bool job_succeed (job_t *self, size_t index, dp_blob_t *blob, const uint8_t *data, size_t len);
/* error->function and index are filled in. */
void job_fail (job_t *self, size_t index, const dpool_error_t *error);
/* A crash that does not end the item: it waits for another try. Its error is kept, for the history of the one
   that may end it, and to be told; without memory it is forgotten. */
void job_try_again (job_t *self, size_t index, const dpool_error_t *error);
/* As job_fail, with a plain message (printf-free). */
void job_fail_as (job_t *self, size_t index, outcome_status_t status, const char *message);

/* Learn from a finished chunk. */
void job_learn (job_t *self, size_t n_items, uint64_t run_us);

/* Stream: forget an item that was taken, once; its index and all below it that are taken leave. Harmless when
   it is not held. */
void job_forget (job_t *self, size_t index);
/* An empty stream gives its room back, unless it is little; by itself where it does not keep it. */
void job_shrink (job_t *self);
/* Unordered: take the oldest finished item off the order of arrival. JOB_NONE = none. */
size_t job_next_finished (job_t *self);

#endif
