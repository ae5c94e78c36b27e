/* SPDX-License-Identifier: MPL-2.0 */
/*
 * customer.h - submits tasks round after round and notes what becomes of each. A client has several, a
 * thread each, on one pool.
 */
#ifndef CUSTOMER_H_INCLUDED
#define CUSTOMER_H_INCLUDED

#include <dpool/dpool.h>

#include <stdatomic.h>

/* What the customers of a client share. */
typedef struct counter_s {
    dpool_t *pool;
    unsigned client;
    int log_fd;
    atomic_uint next_index;  /* of its next task */
    atomic_uint n_questions; /* rises when all are to say what they wait for */
    atomic_bool is_closing;  /* no new rounds */
} counter_t;

/* Rounds, until the counter is closing. The seed decides which. */
void customer_run (counter_t *counter, uint64_t seed);

#endif
