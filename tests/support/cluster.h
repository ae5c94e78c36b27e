/* SPDX-License-Identifier: MPL-2.0 */
/* cluster.h - a real broker and real workers on this machine, over tcp. */
#ifndef CLUSTER_H_INCLUDED
#define CLUSTER_H_INCLUDED

#include "tests/support/process.h"

typedef struct cluster_s cluster_t;

/* Start a broker on a free port of 127.0.0.1 and wait until it listens. More of its arguments may be
   given (NULL-ended), or NULL. Fails the test if it does not start. Destroy the cluster. */
cluster_t *cluster_new (const char *const broker_arguments[]);

/* Where it listens: "tcp://127.0.0.1:…". */
const char *cluster_endpoint (const cluster_t *self);

/* Start a worker with the modules of the tests. label and name may be NULL. Owned by the cluster. */
process_t *cluster_add_worker (cluster_t *self, int processes, const char *label, const char *name);

/* The same for one that reaches the broker by another endpoint, or brokers by several with commas. */
process_t *cluster_add_worker_at (cluster_t *self, const char *endpoint, int processes, const char *name);

process_t *cluster_broker (cluster_t *self);

/* More arguments (NULL-ended) of the workers that are added from now on. */
void cluster_set_worker_arguments (cluster_t *self, const char *const arguments[]);

/* The worker that was added as number n, from 0. */
process_t *cluster_worker (cluster_t *self, size_t n);

/* Kill the broker and start another one at the same endpoint. */
void cluster_restart_broker (cluster_t *self);

/* What the broker (n = -1) or worker n has written to stderr. Free it. */
char *cluster_log (cluster_t *self, int n);

/* Wait until the broker has written these words to stderr, or fail the test. */
void cluster_await_words (cluster_t *self, const char *words);

/* Kill all of them. */
void cluster_destroy (cluster_t **self_p);

#endif
