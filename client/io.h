/* SPDX-License-Identifier: MPL-2.0 */
/* io.h - a pool's one I/O thread: it carries messages between the session and its broker, so that a busy
   caller never stalls either; in the embedded pool it runs broker and worker too. And the parts of its loop,
   of which driver.c makes another one for threads that wait. */
#ifndef IO_H_INCLUDED
#define IO_H_INCLUDED

#include "client/pool.h"

/* Start the thread, with all signals blocked. The pool's session, endpoints, context and wake_fd are there. 0
   or -1 with errno. */
int io_start (dpool_t *pool);

/* Say goodbye to the broker and end the thread; the connection and the embedded broker and worker are gone
 * after it. */
void io_stop (dpool_t *pool);

/* ---- The loop's parts, for whoever runs it (helm.h), in this order -------------------------- */

/* Under the lock: let the session decide, and take what it wants sent. From now on whoever does something
   under the lock must wake us for it. Returns when to look again, if nothing happens. */
int64_t io_step (dpool_t *pool);

/* Without the lock: send, and let broker and worker of the embedded pool have a turn, after which it is to be
   looked again at *deadline_ms, at the latest as before. */
void io_turn (dpool_t *pool, int64_t *deadline_ms);

/* What to poll; returns how many items. */
size_t io_fill_items (dpool_t *pool, io_items_t *set);
/* Is there something to take in that no item tells of? Then do not sleep. */
bool io_has_mail (dpool_t *pool);
/* What the poll has said of the items. */
void io_hear (dpool_t *pool, const struct pollfd *items);

/* Without the lock: let broker and worker have a turn, and receive what came. */
void io_take_in (dpool_t *pool);

#endif
