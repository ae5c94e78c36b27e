/* SPDX-License-Identifier: MPL-2.0 */
/* io.h - a pool's one I/O thread: it carries messages between the session and its broker, so that a busy
   caller never stalls either; in the embedded pool it runs broker and worker too. */
#ifndef IO_H_INCLUDED
#define IO_H_INCLUDED

#include "client/pool.h"

/* Start the thread, with all signals blocked. The pool's session, endpoints, context and wake_fd are there. 0
   or -1 with errno. */
int io_start (dpool_t *pool);

/* Say goodbye to the broker and end the thread; the connection and the embedded broker and worker are gone
 * after it. */
void io_stop (dpool_t *pool);

/* Under the lock: may a thread that waits for the only unfinished call run the loop? In the embedded pool,
   while the I/O thread sleeps: a call then wakes the child and the caller, and no thread between. */
bool io_can_drive (const dpool_t *pool);

typedef bool io_is_done_t (const void *what);
/* Where io_can_drive: run the loop until something is done, which is asked under the lock; it is let go
   meanwhile. Returns as waiter_wait, also sooner. */
int io_drive (dpool_t *pool, io_is_done_t *is_done, const void *what, int64_t deadline_ms);

#endif
