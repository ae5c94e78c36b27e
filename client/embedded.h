/* SPDX-License-Identifier: MPL-2.0 */
/* embedded.h - broker and worker of an embedded pool, run by the pool's own I/O thread. Client, broker and
   worker hand messages to one another by an exchange. */
#ifndef EMBEDDED_H_INCLUDED
#define EMBEDDED_H_INCLUDED

#include "net/arena.h"
#include "net/exchange.h"

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#define EMBEDDED_ENDPOINT "local" /* what it is called in errors */

typedef struct embedded_s embedded_t;

/* Fork the program's zygote if there is none: before any socket or thread of ours. 0 or -1 with the thread's
   last error. */
int embedded_prepare (void);

/* Make broker and worker with so many child processes (0 = usable CPUs), after embedded_prepare. NULL with
 * the thread's last error. */
embedded_t *embedded_new (int processes);
/* By which the client's connection goes. */
dp_exchange_t *embedded_exchange (embedded_t *self);
/* That its children read; NULL = none. */
dp_arena_t *embedded_arena (embedded_t *self);
/* Kills the children. */
void embedded_destroy (embedded_t **self_p);

/* As worker_poll, for both. The items stay the embedded's until the next call. */
size_t embedded_poll_max (const embedded_t *self);
size_t embedded_poll (embedded_t *self, struct pollfd *items, size_t most);
void embedded_hear (embedded_t *self, const struct pollfd *items);
/* A turn of both; the next deadline. */
int64_t embedded_turn (embedded_t *self);
/* Free what is only kept for the next burst of tasks. */
void embedded_tidy (embedded_t *self);
/* NULL, or why it cannot go on (its zygote is gone). */
const char *embedded_failure (const embedded_t *self);

#endif
