/* SPDX-License-Identifier: MPL-2.0 */
/* pool.c - a pool's life after dpool_open: close, join, terminate, destroy. */
#include "client/pool.h"

#include "client/async_result.h"
#include "client/forks.h"
#include "client/io.h"
#include "core/error.h"
#include "core/memory.h"
#include "net/clock.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- The lock ------------------------------------------------------------------------------- */

void pool_lock (dpool_t *self)
{
    pthread_mutex_lock (&self->lock);
}

void pool_deliver (dpool_t *self)
{
    for (job_t *job; (job = session_next_changed (self->session)) != NULL;) {
        pool_owner_t *owner = job->owner;
        owner->changed (owner, job);
    }
    /* The last unfinished job may have had no owner any more: dpool_join waits for it too. */
    if (self->state != POOL_OPEN && session_is_idle (self->session))
        waiter_wake_all (&self->waiters);
}

void pool_wake (dpool_t *self, helm_wake_t where)
{
    if (where == HELM_REST)
        pthread_cond_signal (&self->rest);
    else if (where == HELM_POLL)
        waiter_ring (self->wake_fd);
}

void pool_wake_io (dpool_t *self)
{
    pool_wake (self, helm_call (&self->helm));
}

/* The thread is woken behind the lock: what it wants first is the lock. */
static void let_go (dpool_t *self, bool is_for_io)
{
    pool_deliver (self);
    helm_wake_t where = is_for_io ? helm_call (&self->helm) : HELM_NOBODY;
    pthread_mutex_unlock (&self->lock);
    pool_wake (self, where);
}

void pool_unlock (dpool_t *self)
{
    let_go (self, true);
}

void pool_unlock_call (dpool_t *self)
{
    let_go (self, session_has_ready (self->session));
}

void pool_leave (dpool_t *self)
{
    pthread_mutex_unlock (&self->lock);
}

/* ---- Holds ---------------------------------------------------------------------------------- */

dpool_t *pool_hold (dpool_t *self)
{
    atomic_fetch_add (&self->n_holds, 1);
    return self;
}

void pool_release (dpool_t *self)
{
    if (atomic_fetch_sub (&self->n_holds, 1) > 1)
        return;
    session_destroy (&self->session);
    dp_arena_release (&self->arena);
    dp_arena_release (&self->inbox);
    for (size_t i = 0; i < self->n_endpoints; i++)
        dp_free (self->endpoints[i]);
    dp_free (self->endpoints);
    dp_free (self->items.items);
    dp_free (self->driver_items.items);
    if (self->wake_fd > 0)
        close (self->wake_fd);
    async_result_close (self);
    pthread_cond_destroy (&self->rest);
    pthread_mutex_destroy (&self->lock);
    explicit_bzero (&self->keys, sizeof self->keys);
    dp_free (self);
}

bool pool_is_foreign (const dpool_t *self)
{
    return self->generation != forks_generation ();
}

bool pool_is_callback_thread (const dpool_t *self)
{
    return callbacks_is_thread_of (self);
}

/* ---- States --------------------------------------------------------------------------------- */

int pool_check_open (dpool_t *self)
{
    if (self->failure != 0)
        return dp_fail (self->failure, "%s", self->failure_text);
    if (self->state == POOL_TERMINATED)
        return dp_fail (DPOOL_ETERMINATED, "the pool was terminated: open a new one");
    if (self->state == POOL_CLOSED)
        return dp_fail (DPOOL_ECLOSED, "the pool is closed: call it before dpool_close");
    return 0;
}

static int check_pool (const dpool_t *self)
{
    return self != NULL ? 0 : dp_fail (EINVAL, "the pool is NULL: did dpool_open fail?");
}

int dpool_close (dpool_t *self)
{
    if (check_pool (self) < 0)
        return -1;
    pool_lock (self);
    if (self->state == POOL_OPEN)
        self->state = POOL_CLOSED;
    waiter_wake_all (&self->waiters);
    pool_unlock (self);
    return 0;
}

int dpool_terminate (dpool_t *self)
{
    if (check_pool (self) < 0)
        return -1;
    pool_lock (self);
    if (self->state != POOL_TERMINATED) {
        self->state = POOL_TERMINATED;
        self->is_joined = true;
        session_terminate (self->session, dp_clock_ms ());
        waiter_wake_all (&self->waiters);
    }
    pool_unlock (self);
    return 0;
}

/* The callbacks of finished calls belong to them. */
static bool is_quiet (const dpool_t *self)
{
    return session_is_idle (self->session) && self->n_applies == 0 && self->n_callbacks == 0;
}

/* An iterator that goes on drawing in another thread must not keep dpool_join for ever: it is stopped when
   what had been drawn at first is finished, and then the rest is waited for. True when all is done. */
static bool is_done (dpool_t *self)
{
    if (!self->is_joined && session_is_past_mark (self->session))
        self->is_joined = true;
    return self->is_joined && is_quiet (self);
}

int dpool_join (dpool_t *self, int timeout_ms)
{
    if (check_pool (self) < 0)
        return -1;
    if (pool_is_callback_thread (self))
        return dp_fail (EDEADLK, "dpool_join inside a callback would wait for itself");
    int64_t deadline_ms = waiter_deadline (timeout_ms);
    pool_lock (self);
    if (self->state == POOL_OPEN) {
        pool_unlock (self);
        return dp_fail (EINVAL, "dpool_join: call dpool_close or dpool_terminate first");
    }
    if (!self->is_joining) {
        self->is_joining = true;
        session_mark (self->session);
        pool_wake_io (self);
    }
    int rc = 0;
    pool_deliver (self);
    while (rc == 0 && !is_done (self)) {
        rc = waiter_wait (&self->waiters, &self->lock, deadline_ms);
        pool_deliver (self);
    }
    int code = errno;
    pool_unlock (self);
    if (rc < 0)
        return dp_fail (code,
                        code == EINTR ? "interrupted by a signal" : "the pool's work is not finished yet");
    return 0;
}

void dpool_destroy (dpool_t **self_p)
{
    if (self_p == NULL || *self_p == NULL)
        return;
    dpool_t *self = *self_p;
    if (pool_is_foreign (self)) {
        *self_p = NULL; /* its threads and sockets are the parent's: nothing here to free */
        return;
    }
    if (pool_is_callback_thread (self)) {
        dp_fail (EDEADLK, "dpool_destroy inside a callback would wait for itself");
        return;
    }
    *self_p = NULL;
    dpool_terminate (self);
    io_stop (self);
    embedded_destroy (&self->embedded); /* where the thread did not come to it */
    callbacks_destroy (&self->callbacks);
    if (self->context != NULL)
        zmq_ctx_term (self->context);
    self->context = NULL;
    pool_release (self);
}

/* ---- Workers -------------------------------------------------------------------------------- */

int dpool_workers (dpool_t *self)
{
    if (check_pool (self) < 0)
        return -1;
    pool_lock (self);
    int n = (int) session_processes (self->session);
    pool_unlock (self);
    return n;
}

int dpool_wait_workers (dpool_t *self, int count, int timeout_ms)
{
    if (check_pool (self) < 0)
        return -1;
    int64_t deadline_ms = waiter_deadline (timeout_ms);
    int rc = 0, code = 0;
    pool_lock (self);
    while (rc == 0 && session_processes (self->session) < (size_t) (count > 0 ? count : 0)) {
        if (self->state == POOL_TERMINATED || self->failure != 0) {
            rc = -1;
            code = self->failure != 0 ? self->failure : DPOOL_ECLOSED;
            break;
        }
        rc = waiter_wait (&self->waiters, &self->lock, deadline_ms);
        code = errno;
    }
    size_t n = session_processes (self->session);
    pool_unlock (self);
    if (rc == 0)
        return 0;
    if (code == ETIMEDOUT)
        return dp_fail (code, "%zu worker processes are there, not %d: start more with dpool-worker", n,
                        count);
    return dp_fail (code, "%s", code == EINTR ? "interrupted by a signal" : dpool_strerror (code));
}
