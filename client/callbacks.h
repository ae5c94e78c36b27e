/* SPDX-License-Identifier: MPL-2.0 */
/* callbacks.h - the thread on which a pool's callbacks run, one after another. */
#ifndef CALLBACKS_H_INCLUDED
#define CALLBACKS_H_INCLUDED

#include "core/list.h"

#include <pthread.h>
#include <stdbool.h>

typedef struct callbacks_s callbacks_t;

/* Something to be called: embedded in its owner. */
typedef struct callback_s {
    dp_list_t node;
    void (*run) (struct callback_s *self); /* on the callback thread, without any lock */
} callback_t;

/* Start the thread, with all signals blocked. The owner is what callbacks_is_thread_of knows it by. NULL with
   errno. */
callbacks_t *callbacks_new (const void *owner);
/* Run what is queued, then end the thread. Not on the thread itself. */
void callbacks_destroy (callbacks_t **self_p);

/* Queue a callback. Any thread. */
void callbacks_push (callbacks_t *self, callback_t *callback);

/* Take a callback off the queue. False = it runs already, or did. */
bool callbacks_withdraw (callbacks_t *self, callback_t *callback);

/* Is this the callback thread of this owner? Also while callbacks_destroy waits for its end. */
bool callbacks_is_thread_of (const void *owner);

#endif
