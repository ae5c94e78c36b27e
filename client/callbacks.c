/* SPDX-License-Identifier: MPL-2.0 */
#include "client/callbacks.h"

#include "core/memory.h"

#include <errno.h>
#include <signal.h>

struct callbacks_s {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    dp_list_t queue;
    bool is_stopping;
};

static void *run (void *argument)
{
    callbacks_t *self = argument;
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

callbacks_t *callbacks_new (void)
{
    callbacks_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        return NULL;
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
    *self_p = NULL;
    pthread_mutex_lock (&self->lock);
    self->is_stopping = true;
    pthread_cond_signal (&self->changed);
    pthread_mutex_unlock (&self->lock);
    pthread_join (self->thread, NULL);
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

bool callbacks_is_own_thread (const callbacks_t *self)
{
    return self != NULL && pthread_equal (pthread_self (), self->thread);
}
