/* SPDX-License-Identifier: MPL-2.0 */
/*
 * wire.h - a client on plain libzmq: a DEALER that gets back what it sends, one message a task. What it runs
 * on, hop.c or raw_broker.c, begins with this struct.
 */
#ifndef BENCH_WIRE_H_INCLUDED
#define BENCH_WIRE_H_INCLUDED

#include "bench/system.h"

typedef struct {
    void *context;
    void *socket;
} wire_t;

/* A context and a DEALER that is connected there. Without bounds on its queues. */
void wire_open (wire_t *self, const char *endpoint);
void wire_close (wire_t *self);

/* From now on sockets encrypt, with keys that are made here: ROUTERs as servers, all others as clients of
   theirs; or no longer. Holds for processes that are forked after it, too. */
void wire_use_curve (bool is_wanted);

/* A socket of this type without bounds on its queues. */
void *wire_socket (void *context, int type);

/* Bind to a free port of the loopback interface or to an abstract Unix socket; tell where. */
void wire_bind (void *socket, const char *transport, char *endpoint, size_t size);

/* Receive a message and send it on. False if there is none now and flags (ZMQ_DONTWAIT) say not to wait. */
bool wire_pass_on (void *from, void *to, int flags);

/* Its workloads, ended by one without a name. */
extern const workload_t wire_workloads[];

#endif
