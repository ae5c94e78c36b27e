/* SPDX-License-Identifier: MPL-2.0 */
/* context.h - the ZeroMQ context of a program or of a pool. */
#ifndef DP_CONTEXT_H_INCLUDED
#define DP_CONTEXT_H_INCLUDED

/* Make one. NULL with the thread's last error, also when too few threads can be started: where ZeroMQ cannot
   start one of its own it aborts the program. End it by zmq_ctx_term. */
void *dp_context_new (void);

#endif
