/* SPDX-License-Identifier: MPL-2.0 */
/* async_result.c - the life of a result: submitted, finished, called back, freed. */
#include "client/async_result.h"

#include "core/error.h"
#include "core/memory.h"
#include "net/clock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- Becoming finished ---------------------------------------------------------------------- */

/* Under the lock. */
static void make_ready (dpool_async_result_t *self)
{
    self->is_ready = true;
    waiter_wake_all (&self->waiters);
    waiter_wake_all (&self->pool->waiters);
    if (self->fd > 0) {
        uint64_t one = 1;
        ssize_t rc = write (self->fd, &one, sizeof one);
        (void) rc; /* an eventfd takes it */
    }
}

/* Under the lock; the result is gone after it. The pool is still held by the caller or by the user. */
static void free_result (dpool_async_result_t *self)
{
    if (self->fd > 0)
        close (self->fd);
    session_release (self->pool->session, dp_clock_ms (), self->job);
    dp_free (self);
}

static dpool_callback_t *callback_of (const dpool_async_result_t *self)
{
    if (dpool_async_result_count (self) == 0)
        return NULL;
    return self->job->n_failed > 0 ? self->error_callback : self->callback;
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
    if (!self->is_apply)
        return;
    self->pool->n_applies--;
    self->pool->n_bytes -= self->window_bytes;
    waiter_wake_all (&self->pool->waiters);
}

/* Under the lock, on whatever thread finished it. */
static void on_changed (pool_owner_t *owner, job_t *job)
{
    dpool_async_result_t *self = DP_CONTAINER (owner, dpool_async_result_t, owner);
    dpool_t *pool = self->pool;
    if (self->is_finished || !job_is_finished (job))
        return;
    self->is_finished = true;
    leave_window (self);
    if (callback_of (self) != NULL) {
        self->is_in_callback = true;
        pool->n_callbacks++;
        waiter_wake_all (&self->waiters); /* to a wait inside another callback it is finished now */
        callbacks_push (pool->callbacks, &self->call);
        return;
    }
    make_ready (self);
    if (self->is_detached) {
        free_result (self);
        /* Never the last hold: the pool's user, or dpool_destroy, still has one while jobs can finish. */
        pool_release (pool);
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

dpool_async_result_t *async_result_new (dpool_t *pool, job_spec_t *spec, const dpool_call_options_t *options)
{
    bool has_callback = options != NULL && (options->callback != NULL || options->error_callback != NULL);
    dpool_async_result_t *self = NULL;
    if (!has_callback || need_callbacks (pool) == 0) {
        self = dp_alloc (sizeof *self);
        if (self != NULL) {
            spec->owner = &self->owner;
            self->job = job_new (spec);
        }
        if (self == NULL || self->job == NULL) {
            dp_fail (ENOMEM, "out of memory");
            dp_free (self);
            self = NULL;
        }
    }
    if (self == NULL) {
        dpool_items_destroy (&spec->items);
        return NULL;
    }
    self->owner.changed = on_changed;
    self->call.run = run_callback;
    dp_list_init (&self->call.node);
    dp_list_init (&self->waiters);
    self->pool = pool_hold (pool);
    self->is_apply = spec->is_apply;
    if (has_callback) {
        self->callback = options->callback;
        self->error_callback = options->error_callback;
        self->user_data = options->user_data;
    }
    return self;
}

void async_result_discard (dpool_async_result_t **self_p)
{
    dpool_async_result_t *self = *self_p;
    *self_p = NULL;
    job_destroy (&self->job);
    pool_release (self->pool);
    dp_free (self);
}

void async_result_submit (dpool_async_result_t *self)
{
    if (self->is_apply) {
        self->window_bytes = self->job->argument_bytes;
        self->pool->n_applies++;
        self->pool->n_bytes += self->window_bytes;
    }
    session_add (self->pool->session, self->job);
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
