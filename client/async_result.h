/* SPDX-License-Identifier: MPL-2.0 */
/* async_result.h - what the client's files know of a dpool_async_result_t: the owner of an apply's or a map's
 * job. */
#ifndef ASYNC_RESULT_H_INCLUDED
#define ASYNC_RESULT_H_INCLUDED

#include "client/pool.h"

struct dpool_async_result_s {
    pool_owner_t owner;
    dpool_t *pool;   /* held */
    job_t *job;      /* the session's, until async_result_free */
    callback_t call; /* in the callback thread's queue */
    dpool_callback_t *callback, *error_callback;
    void *user_data;
    dp_list_t waiters;
    int fd;                                         /* 0 = not asked for yet */
    size_t window_bytes;                            /* of an apply: what it takes of the pool's window */
    bool is_apply, is_finished;                     /* finished: every item has its outcome */
    bool is_ready;                                  /* … and its callback has returned */
    bool is_in_callback, is_detached, is_destroyed; /* destroyed: inside its own callback */
};

/* A result over a new job, not yet submitted. callbacks from options (may be NULL). NULL with the thread's
   last error; the spec's items are then dropped too. */
dpool_async_result_t *async_result_new (dpool_t *pool, job_spec_t *spec, const dpool_call_options_t *options);

/* Free one whose job was never submitted. */
void async_result_discard (dpool_async_result_t **self_p);

/* Submit its job. Under the lock. */
void async_result_submit (dpool_async_result_t *self);

#endif
