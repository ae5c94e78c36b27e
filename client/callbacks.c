/* SPDX-License-Identifier: MPL-2.0 */
#include "client/callbacks.h"

#include "core/memory.h"

#include <errno.h>
#include <signal.h>

/* Of the callback threads only. */
static _Thread_local const void *owner_of_thread;

struct callbacks_s {
    const void *owner;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    dp_list_t queue;
    bool is_stopping;
};

static void *run (void *argument)
{
    callbacks_t *self = argument;
    owner_of_thread = self->owner;
    pthread_mutex_lock (&self->lock);
    for (;;) {
        dp_list_t *node = dp_list_pop (&self->queue);
        if (node != NULL) {
            callback_t *callback = DP_CONTAINER (node, callback_t, node);
            pthread_mutex_unlock (&self->lock);
            callback->run (callback);
            pthread_mutex_lock (&self->lock);
        } else if (self->is_stopping)
            break;
        else
            pthread_cond_wait (&self->changed, &self->lock);
    }
    pthread_mutex_unlock (&self->lock);
    return NULL;
}

callbacks_t *callbacks_new (const void *owner)
{
    callbacks_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        return NULL;
    self->owner = owner;
    pthread_mutex_init (&self->lock, NULL);
    pthread_cond_init (&self->changed, NULL);
    dp_list_init (&self->queue);
    /* The program's signals are the program's threads' business. */
    sigset_t all, before;
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    int code = pthread_create (&self->thread, NULL, run, self);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    if (code != 0) {
        dp_free (self);
        errno = code;
        return NULL;
    }
    return self;
}

void callbacks_destroy (callbacks_t **self_p)
{
    callbacks_t *self = *self_p;
    if (self == NULL)
        return;
    pthread_mutex_lock (&self->lock);
    self->is_stopping = true;
    pthread_cond_signal (&self->changed);
    pthread_mutex_unlock (&self->lock);
    pthread_join (self->thread, NULL);
    *self_p = NULL; /* not before: what still runs may submit and withdraw */
    pthread_cond_destroy (&self->changed);
    pthread_mutex_destroy (&self->lock);
    dp_free (self);
}

void callbacks_push (callbacks_t *self, callback_t *callback)
{
    pthread_mutex_lock (&self->lock);
    dp_list_append (&self->queue, &callback->node);
    pthread_cond_signal (&self->changed);
    pthread_mutex_unlock (&self->lock);
}

bool callbacks_withdraw (callbacks_t *self, callback_t *callback)
{
    pthread_mutex_lock (&self->lock);
    bool is_queued = !dp_list_is_empty (&callback->node);
    dp_list_remove (&callback->node);
    pthread_mutex_unlock (&self->lock);
    return is_queued;
}

bool callbacks_is_thread_of (const void *owner)
{
    return owner_of_thread == owner;
}
