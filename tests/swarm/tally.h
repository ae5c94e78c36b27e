/* SPDX-License-Identifier: MPL-2.0 */
/* tally.h - what the peers of several processes have done, in memory that they share. */
#ifndef TALLY_H_INCLUDED
#define TALLY_H_INCLUDED

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* A task is known by its client's number and its own number there. */
typedef struct tally_s {
    atomic_size_t n_welcomes;   /* that workers got */
    atomic_size_t n_broken;     /* connections of workers */
    atomic_size_t n_received;   /* messages of workers */
    atomic_size_t n_executed;   /* tasks */
    size_t n_clients, n_tasks;  /* a client */
    _Atomic (uint8_t) starts[]; /* how often each was executed, up to 255: client * n_tasks + task */
} tally_t;

/* Shared with the processes that are forked from now on. Unmapped with the process. NULL with errno. */
tally_t *tally_new (size_t n_clients, size_t n_tasks);

/* What a task's argument is, and what its result must be. */
#define TALLY_ARGUMENT(client, task) ((uint64_t) (client) << 32 | (task))
uint64_t tally_result (uint64_t argument);

/* A task was executed. 0, or -1 when there is no such task. */
int tally_execute (tally_t *self, uint64_t argument);

/* How many of a client's first n tasks were not executed, and how many more than once. */
void tally_check (const tally_t *self, size_t client, size_t n, size_t *n_never, size_t *n_often);

#endif
