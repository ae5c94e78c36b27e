/* SPDX-License-Identifier: MPL-2.0 */
/* pool.h - what the client's files know of a dpool_t. */
#ifndef POOL_H_INCLUDED
#define POOL_H_INCLUDED

#include "client/callbacks.h"
#include "client/embedded.h"
#include "client/helm.h"
#include "client/session.h"
#include "client/waiter.h"
#include "core/slabs.h"
#include "net/connection.h"
#include "net/tidy.h"

#include <dpool/dpool.h>

#include <pthread.h>
#include <stdatomic.h>

typedef enum { POOL_OPEN, POOL_CLOSED, POOL_TERMINATED } pool_state_t;

/* Whoever a job belongs to. Called under the lock, on the I/O thread or the thread that cancelled. */
typedef struct pool_owner_s {
    void (*changed) (struct pool_owner_s *self, job_t *job);
} pool_owner_t;

/* What a thread that runs the loop polls; grows with the number of children. */
typedef struct io_items_s {
    struct pollfd *items;
    size_t capacity;
} io_items_t;

/* Threads: the user's, one I/O thread, and one callback thread once a call has a callback. Everything below
   is guarded by "lock", except what only the I/O thread touches, or the driver in its place. */
struct dpool_s {
    pthread_mutex_t lock;
    atomic_size_t n_holds; /* the user's, and one for each result and iterator: they outlive dpool_destroy */
    unsigned generation;   /* of forks.h: in a forked child the pool is only a shell */
    pool_state_t state;
    dp_slabs_t results;           /* where dpool_async_result_t lie … */
    pthread_mutex_t results_lock; /* … which come and go without the pool's lock, inside of it too */
    bool is_joining;              /* dpool_join was called: what is drawn goes out at once */
    bool is_joined;               /* drawing has stopped */
    bool is_stopping;             /* the I/O thread is to end */
    helm_t helm;                  /* who runs the loop */
    pthread_cond_t rest;          /* on which the I/O thread leaves the loop to drivers */
    session_t *session;
    pool_owner_t calls;            /* of the jobs of calls: see async_result.c */
    dp_list_t waiters;             /* on the pool: open, join, wait_workers, the window, explain */
    callbacks_t *callbacks;        /* NULL before the first call with a callback */
    size_t n_callbacks;            /* queued or running */
    size_t n_applies, max_applies; /* unfinished ones: the window of dpool_apply_async */
    size_t n_bytes, max_bytes;
    dp_arena_t *inbox; /* where long results are copied from a broker of this machine; NULL = they come by the
                          socket */
    dp_arena_t *arena; /* where long arguments are packed; NULL = nowhere. Needs no lock */
    int submit_timeout_ms;
    int failure; /* errno: why the pool cannot work any more; 0 */
    char failure_text[256];
    dp_reach_t rejection; /* DP_OTHER_WAY or DP_KEY_UNKNOWN where the broker once said so, else 0 */
    dp_reach_t reach;     /* what those who wait know of the broker: how far the last connection came, */
    bool is_connected;    /* whether it greeted us, */
    size_t processes;     /* and how many processes it has */
    /* of whoever runs the loop */
    size_t reach_endpoint; /* the one that reach tells of */
    char **endpoints;
    size_t n_endpoints;
    pthread_t io_thread;
    int wake_fd;
    void *context;
    dp_keys_t keys; /* where is_secure */
    bool is_secure;
    dp_connection_t *connection;
    embedded_t *embedded; /* NULL on a cluster */
    dp_tidy_t tidy;
    io_items_t items;
    io_items_t driver_items; /* the driver's: the I/O thread may still poll its own */
};

/* Lock; and let go: tells owners of what changed, wakes the I/O thread if something was left for it. */
void pool_lock (dpool_t *self);
void pool_unlock (dpool_t *self);
/* Let go after only reading: nothing is left for the I/O thread, which sleeps on. */
void pool_leave (dpool_t *self);

/* The same after a call was added: the I/O thread sleeps on where it could not send it yet. */
void pool_unlock_call (dpool_t *self);

/* Wake whoever the helm says. Any thread, also without the lock. */
void pool_wake (dpool_t *self, helm_wake_t where);
/* Wake the I/O thread, before a wait that keeps what was done under the lock from reaching pool_unlock. */
void pool_wake_io (dpool_t *self);

/* One more hold, and one less: the last frees the pool. */
dpool_t *pool_hold (dpool_t *self);
void pool_release (dpool_t *self);

/* Under the lock: tell owners what changed. */
void pool_deliver (dpool_t *self);

/* 0 when calls are taken; else -1 with the thread's last error. Under the lock. */
int pool_check_open (dpool_t *self);

/* Is this the pool's callback thread? Then a wait on callbacks would be a wait for oneself. */
bool pool_is_callback_thread (const dpool_t *self);

/* A forked child of the program has none of the pool's threads: only freeing is allowed there. */
bool pool_is_foreign (const dpool_t *self);

#endif
