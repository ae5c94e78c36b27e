/* SPDX-License-Identifier: MPL-2.0 */
/* async_result.c - the life of a result: submitted, finished, called back, freed. */
#include "client/async_result.h"

#include "core/error.h"
#include "net/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- Memory ----------------------------------------------------------------------------------
 *
 * A burst of calls is a hundred thousand results. malloc would give their pages to the system as soon as it
 * is over, and the next burst would have them cleared anew, which costs as much as all else in it: so they
 * are kept until the pool has been idle for a while. */

void async_result_open (dpool_t *pool)
{
    pthread_mutex_init (&pool->results_lock, NULL);
    dp_slabs_init (&pool->results, sizeof (dpool_async_result_t), SIZE_MAX);
}

void async_result_tidy (dpool_t *pool)
{
    pthread_mutex_lock (&pool->results_lock);
    dp_slabs_trim (&pool->results);
    pthread_mutex_unlock (&pool->results_lock);
}

void async_result_close (dpool_t *pool)
{
    dp_slabs_fini (&pool->results);
    pthread_mutex_destroy (&pool->results_lock);
}

/* All zero. NULL with ENOMEM. */
static dpool_async_result_t *take_block (dpool_t *pool)
{
    dpool_async_result_t *self = NULL;
    uint8_t number;
    pthread_mutex_lock (&pool->results_lock);
    if (dp_slabs_reserve (&pool->results))
        self = dp_slabs_take (&pool->results, &number);
    pthread_mutex_unlock (&pool->results_lock);
    if (self == NULL)
        return NULL;
    memset (self, 0, sizeof *self);
    self->number = number;
    return self;
}

static void put_block (dpool_async_result_t *self)
{
    dpool_t *pool = self->pool;
    pthread_mutex_lock (&pool->results_lock);
    dp_slabs_put (&pool->results, self, self->number);
    pthread_mutex_unlock (&pool->results_lock);
}

/* ---- Becoming finished ---------------------------------------------------------------------- */

/* Under the lock. Afterwards a call's result may be destroyed without it: it is not to be touched any more.
 */
static void make_ready (dpool_async_result_t *self)
{
    waiter_wake_all (&self->waiters);
    waiter_wake_all (&self->pool->waiters);
    if (self->fd > 0)
        waiter_ring (self->fd);
    atomic_store_explicit (&self->is_ready, true, memory_order_release);
}

/* No point of cancellation: the lock may be held. */
static void close_fd (int fd)
{
    int cancel_state;
    pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &cancel_state);
    close (fd);
    pthread_setcancelstate (cancel_state, NULL);
}

/* Under the lock, but for a call that is finished; the result is gone after it. The pool is still held by the
 * caller or by the user. */
static void free_result (dpool_async_result_t *self)
{
    session_t *session = self->pool->session;
    if (self->fd > 0)
        close_fd (self->fd);
    if (!self->is_call)
        session_release (session, dp_clock_ms (), self->job);
    else if (self->job != NULL)
        session_release_call (session, dp_clock_ms (), self->job, self->index);
    job_fini_item (&self->outcome);
    put_block (self);
}

/* ---- Items ---------------------------------------------------------------------------------- */

job_item_t *async_result_item (const dpool_async_result_t *self, size_t index)
{
    return self->is_call ? (job_item_t *) &self->outcome : job_item (self->job, index);
}

const dpool_error_t *async_result_failure (const dpool_async_result_t *self)
{
    if (self->is_call)
        return self->outcome.error;
    return self->job->n_failed > 0 ? job_item (self->job, self->job->lowest_failed)->error : NULL;
}

static dpool_callback_t *callback_of (const dpool_async_result_t *self)
{
    if (dpool_async_result_count (self) == 0)
        return NULL;
    return async_result_failure (self) != NULL ? self->error_callback : self->callback;
}

/* On the callback thread. */
static void run_callback (callback_t *call)
{
    dpool_async_result_t *self = DP_CONTAINER (call, dpool_async_result_t, call);
    dpool_t *pool = self->pool;
    dpool_callback_t *callback = callback_of (self);
    callback (self, self->user_data);

    pool_lock (pool);
    pool->n_callbacks--;
    self->is_in_callback = false;
    bool is_over = self->is_detached || self->is_destroyed;
    make_ready (self);
    if (is_over)
        free_result (self);
    pool_unlock (pool);
    if (is_over)
        pool_release (pool);
}

/* A finished apply gives its room back to those who wait to submit. */
static void leave_window (dpool_async_result_t *self)
{
    if (!self->is_call)
        return;
    self->pool->n_applies--;
    self->pool->n_bytes -= self->window_bytes;
    waiter_wake_all (&self->pool->waiters);
}

/* Every item has its outcome. Under the lock, on whatever thread finished it; the result may be gone after
 * it.
 */
static void on_finished (dpool_async_result_t *self)
{
    dpool_t *pool = self->pool;
    self->is_finished = true;
    leave_window (self);
    if (callback_of (self) != NULL) {
        self->is_in_callback = true;
        pool->n_callbacks++;
        waiter_wake_all (&self->waiters); /* to a wait inside another callback it is finished now */
        callbacks_push (pool->callbacks, &self->call);
        return;
    }
    if (!self->is_detached)
        make_ready (self);
    else {
        waiter_wake_all (&pool->waiters);
        free_result (self);
        /* Never the last hold: the pool's user, or dpool_destroy, still has one while jobs can finish. */
        pool_release (pool);
    }
}

static void on_map_changed (pool_owner_t *owner, job_t *job)
{
    dpool_async_result_t *self = DP_CONTAINER (owner, dpool_async_result_t, owner);
    if (!self->is_finished && job_is_finished (job))
        on_finished (self);
}

void async_result_calls_changed (pool_owner_t *calls, job_t *job)
{
    dpool_t *pool = DP_CONTAINER (calls, dpool_t, calls);
    bool is_over = false;
    while (!is_over) {
        size_t index = job_next_finished (job);
        if (index == JOB_NONE)
            return;
        dpool_async_result_t *self = job_call (job, index)->owner;
        if (self != NULL) {
            job_item_t *item = job_item (job, index);
            self->outcome = *item;
            self->job = NULL;
            memset (&item->value, 0, sizeof item->value);
            item->error = NULL;
            if (self->outcome.error == NULL && self->outcome.value.len <= RESULT_SHORT)
                dp_value_settle (&self->outcome.value, self->short_value);
        }
        is_over = session_forget_call (pool->session, job, index);
        if (self != NULL)
            on_finished (self);
    }
}

/* ---- Birth ---------------------------------------------------------------------------------- */

static int need_callbacks (dpool_t *pool)
{
    pool_lock (pool);
    if (pool->callbacks == NULL)
        pool->callbacks = callbacks_new (pool);
    int rc = pool->callbacks != NULL ? 0 : -1;
    pool_unlock (pool);
    return rc == 0 ? 0 : dp_fail_errno ("cannot start the callback thread");
}

/* With everything but what tells a call from a map. */
static dpool_async_result_t *new_result (dpool_t *pool, const dpool_call_options_t *options)
{
    bool has_callback = options != NULL && (options->callback != NULL || options->error_callback != NULL);
    if (has_callback && need_callbacks (pool) < 0)
        return NULL;
    dpool_async_result_t *self = take_block (pool);
    if (self == NULL) {
        dp_fail (ENOMEM, "out of memory");
        return NULL;
    }
    self->call.run = run_callback;
    dp_list_init (&self->call.node);
    dp_list_init (&self->waiters);
    self->pool = pool_hold (pool);
    if (has_callback) {
        self->callback = options->callback;
        self->error_callback = options->error_callback;
        self->user_data = options->user_data;
    }
    return self;
}

dpool_async_result_t *async_result_new_map (dpool_t *pool, job_spec_t *spec,
                                            const dpool_call_options_t *options)
{
    dpool_async_result_t *self = new_result (pool, options);
    if (self != NULL) {
        self->owner.changed = on_map_changed;
        spec->owner = &self->owner;
        self->job = job_new (spec);
        if (self->job != NULL)
            return self;
        async_result_discard (&self);
        dp_fail (ENOMEM, "out of memory");
    }
    dpool_items_destroy (&spec->items);
    return NULL;
}

dpool_async_result_t *async_result_new_call (dpool_t *pool, const dpool_call_options_t *options)
{
    dpool_async_result_t *self = new_result (pool, options);
    if (self != NULL)
        self->is_call = true;
    return self;
}

void async_result_discard (dpool_async_result_t **self_p)
{
    dpool_async_result_t *self = *self_p;
    *self_p = NULL;
    dpool_t *pool = self->pool;
    job_destroy (&self->job);
    put_block (self);
    pool_release (pool);
}

void async_result_submit_map (dpool_async_result_t *self)
{
    session_add (self->pool->session, self->job);
}

int async_result_submit_call (dpool_async_result_t *self, job_spec_t *spec, const argument_t *arguments)
{
    dpool_t *pool = self->pool;
    spec->is_calls = true;
    spec->owner = &pool->calls;
    self->window_bytes = argument_len (arguments);
    pool->n_applies++;
    pool->n_bytes += self->window_bytes;
    self->job = session_call (pool->session, spec, arguments, self, &self->index);
    if (self->job != NULL)
        return 0;
    pool->n_applies--;
    pool->n_bytes -= self->window_bytes;
    return dp_fail (ENOMEM, "out of memory");
}

/* ---- Death ---------------------------------------------------------------------------------- */

/* Wait for the callback of it that is queued or runs, unless this is its thread. Under the lock. */
static void wait_for_callback (dpool_async_result_t *self)
{
    while (self->is_in_callback)
        (void) waiter_wait (&self->waiters, &self->pool->lock, DP_NEVER); /* a signal is no reason to leave */
}

/* Destroyed on the callback thread while its own callback was still to come, or runs. True when it can be
   freed at once: its callback is not called any more. Under the lock. */
static bool leave_callback (dpool_async_result_t *self)
{
    dpool_t *pool = self->pool;
    if (!callbacks_withdraw (pool->callbacks, &self->call)) {
        self->is_destroyed = true; /* freed when the callback returns */
        return false;
    }
    pool->n_callbacks--;
    waiter_wake_all (&pool->waiters);
    return true;
}

void dpool_async_result_destroy (dpool_async_result_t **self_p)
{
    if (self_p == NULL || *self_p == NULL)
        return;
    dpool_async_result_t *self = *self_p;
    dpool_t *pool = self->pool;
    *self_p = NULL;
    if (pool_is_foreign (pool))
        return;
    if (self->is_call && atomic_load_explicit (&self->is_ready, memory_order_acquire)) {
        free_result (self); /* nobody else knows it any more */
        pool_release (pool);
        return;
    }
    pool_lock (pool);
    bool is_later = false;
    if (self->is_in_callback && pool_is_callback_thread (pool))
        is_later = !leave_callback (self);
    else
        wait_for_callback (self);
    if (!is_later) {
        if (!self->is_finished)
            leave_window (self);
        free_result (self);
    }
    pool_unlock (pool);
    if (!is_later)
        pool_release (pool);
}

void dpool_async_result_detach (dpool_async_result_t **self_p)
{
    if (self_p == NULL || *self_p == NULL)
        return;
    dpool_async_result_t *self = *self_p;
    dpool_t *pool = self->pool;
    *self_p = NULL;
    if (pool_is_foreign (pool))
        return;
    pool_lock (pool);
    self->is_detached = true;
    bool is_over = self->is_ready;
    if (is_over)
        free_result (self);
    pool_unlock (pool);
    if (is_over)
        pool_release (pool);
}

/* ---- fd ------------------------------------------------------------------------------------- */

int dpool_async_result_fd (dpool_async_result_t *self)
{
    if (self == NULL)
        return dp_fail (EINVAL, "the result is NULL");
    pool_lock (self->pool);
    if (self->fd <= 0) {
        int fd = eventfd (self->is_ready ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
        self->fd = fd == 0 ? eventfd (self->is_ready ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK) : fd;
    }
    int fd = self->fd, code = errno;
    pool_unlock (self->pool);
    errno = code;
    return fd > 0 ? fd : dp_fail_errno ("cannot open an eventfd");
}
