/* SPDX-License-Identifier: MPL-2.0 */
/*
 * driver.h - a thread of the user's that waits for the only unfinished call of a pool runs the pool's loop
 * meanwhile, so that the call wakes a child (or, of a cluster, ZeroMQ's thread) and the caller, and no thread
 * between. When that may be is for helm.h to say. What belongs to the loop, and so ZeroMQ's sockets, goes
 * from thread to thread with the pool's lock, which is the fence that sockets want.
 */
#ifndef DRIVER_H_INCLUDED
#define DRIVER_H_INCLUDED

#include "client/pool.h"

/* May the thread that waits for a call run the loop? Under the lock. */
bool driver_may_take (const dpool_t *pool);

/* Has happened what is waited for? Asked under the lock. */
typedef bool driver_is_done_t (const void *what);

/*
 * As waiter_wait on the waiters and the pool's lock, where driver_may_take: run the loop, until it is done,
 * is the I/O thread's business, or the time is over; then wait for what is left as others do. Spurious
 * returns happen here, too.
 *
 * 0, or -1 with errno ETIMEDOUT, EINTR, or what eventfd said. Signals are held back while the loop runs, but
 * for those that a fault of the thread itself raises, and let in while it sleeps: none that comes during the
 * call is missed. It is no point of cancellation. What it does on the stack of its thread is said in dpool.h.
 */
int driver_wait (dpool_t *pool, dp_list_t *waiters, driver_is_done_t *is_done, const void *what,
                 int64_t deadline_ms);

#endif
