/* SPDX-License-Identifier: MPL-2.0 */
/*
 * waiter.h - how a user's thread waits: on an eventfd of its own, by poll, because poll alone returns after
 * every signal handler, also one that was installed with SA_RESTART. Condition variables and futexes do not.
 */
#ifndef WAITER_H_INCLUDED
#define WAITER_H_INCLUDED

#include "core/list.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>

/* Wait on a list until somebody wakes it, or until a deadline in dp_clock_ms terms (DP_NEVER = for ever). The
   lock, held by the caller, is let go meanwhile. Wakes may be spurious: check your condition in a loop. 0; or
   -1 with errno ETIMEDOUT, EINTR (a signal handler ran) or what eventfd said. It is no point of cancellation:
   the list would keep a thread that is gone. */
int waiter_wait (dp_list_t *list, pthread_mutex_t *lock, int64_t deadline_ms);
/* The same with other signals held back, as ppoll; NULL = as they are. */
int waiter_wait_with (dp_list_t *list, pthread_mutex_t *lock, int64_t deadline_ms, const sigset_t *signals);

/* Wake all that wait on a list. The same lock must be held. */
void waiter_wake_all (dp_list_t *list);

/* Set an eventfd, which wakes whoever polls it. It is no point of cancellation: nobody is left asleep. Keeps
   errno. */
void waiter_ring (int fd);

/* The deadline of a timeout that starts now: -1 = DP_NEVER. */
int64_t waiter_deadline (int timeout_ms);

#endif
