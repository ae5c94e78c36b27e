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

#endif
