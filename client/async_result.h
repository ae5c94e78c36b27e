/* SPDX-License-Identifier: MPL-2.0 */
/* async_result.h - what the client's files know of a dpool_async_result_t: the owner of a map's job, or of
 * one call of a job of calls. */
#ifndef ASYNC_RESULT_H_INCLUDED
#define ASYNC_RESULT_H_INCLUDED

#include "client/pool.h"

enum { RESULT_SHORT = 24 };

struct dpool_async_result_s {
    pool_owner_t owner; /* of a map's job */
    dpool_t *pool;      /* held */
    job_t *job;         /* the session's; of a call the one that it is in, NULL when that has its outcome */
    size_t index;       /* of the call in it */
    job_item_t outcome; /* of the call, once it has one */
    uint8_t short_value[RESULT_SHORT]; /* its bytes, if they are few: so it holds no others' */
    callback_t call;                   /* in the callback thread's queue */
    dpool_callback_t *callback, *error_callback;
    void *user_data;
    dp_list_t waiters;
    int fd;                    /* 0 = not asked for yet */
    size_t window_bytes;       /* of a call: what it takes of the pool's window */
    uint8_t number;            /* of its block in pool.results */
    bool is_call, is_finished; /* finished: every item has its outcome */
    atomic_bool is_ready;      /* … and its callback has returned; set under the lock */
    bool is_in_callback, is_detached, is_destroyed; /* destroyed: inside its own callback */
};

/* The pool begins, is long idle, and ends: the memory of its results. */
void async_result_open (dpool_t *pool);
void async_result_tidy (dpool_t *pool);
void async_result_close (dpool_t *pool);

/* A map's result over a new job, not yet submitted. callbacks from options (may be NULL). NULL with the
   thread's last error; the spec's items are then dropped too. */
dpool_async_result_t *async_result_new_map (dpool_t *pool, job_spec_t *spec,
                                            const dpool_call_options_t *options);
/* The result of a call that is not submitted. Likewise. */
dpool_async_result_t *async_result_new_call (dpool_t *pool, const dpool_call_options_t *options);

/* Free one that was never submitted. */
void async_result_discard (dpool_async_result_t **self_p);

/* Submit it. Under the lock. The second gives 0 or -1 with ENOMEM. */
void async_result_submit_map (dpool_async_result_t *self);
int async_result_submit_call (dpool_async_result_t *self, job_spec_t *spec, const argument_t *arguments);

/* An item: of a call the only one. Under the lock. */
job_item_t *async_result_item (const dpool_async_result_t *self, size_t index);
/* The failed item with the lowest index, or NULL. Under the lock. */
const dpool_error_t *async_result_failure (const dpool_async_result_t *self);

/* For pool.calls.changed: calls have their outcome. Under the lock. */
void async_result_calls_changed (pool_owner_t *calls, job_t *job);

#endif
