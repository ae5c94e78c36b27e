/* SPDX-License-Identifier: MPL-2.0 */
/* endpoint.h - one address that the broker listens at. Belongs to one thread. */
#ifndef ENDPOINT_H_INCLUDED
#define ENDPOINT_H_INCLUDED

typedef struct endpoint_s endpoint_t;

/* Has an address the form of one? 0, or -1 with the thread's last error. */
int endpoint_check (const char *address);

/* Can only programs of this machine, and of users that may, reach it? 0 for a loopback address and for a path
   in a folder that only its owner can write to; else -1 with the thread's last error, which says what to do.
 */
int endpoint_check_privacy (const char *address);

/* Bind the ZeroMQ socket to an address: tcp://… or ipc://…. NULL with the thread's last error,
   which names the address and says what to do. Of an ipc path the file PATH.lock is locked meanwhile, since
   ZeroMQ would take the path away from another process without a word. */
endpoint_t *endpoint_bind (void *socket, const char *address);

/* Give up the lock; to be called once the socket is closed. */
void endpoint_destroy (endpoint_t **self_p);

/* The address as bound, with the real port where any was asked for. */
const char *endpoint_address (const endpoint_t *self);

/* The address by which a program of this machine reaches it: the loopback where it listens on all. */
const char *endpoint_way (const endpoint_t *self);

#endif
