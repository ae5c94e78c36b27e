/* SPDX-License-Identifier: MPL-2.0 */
/* history.h - what became of each task, gathered from the records of all clients and of all runs. */
#ifndef HISTORY_H_INCLUDED
#define HISTORY_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct history_s history_t;

/* One task. Counts stop at 255. */
typedef struct entry_s {
    uint8_t n_submits, n_outcomes, n_starts, n_ends;
    int code;      /* of its first outcome; 0: a value */
    int64_t value; /* of its first outcome */
} entry_t;

history_t *history_new (void);
void history_destroy (history_t **self_p);

/* Take in also what is appended to this file. */
void history_follow (history_t *self, const char *path);

/* Read what is new in all files. */
void history_update (history_t *self);

/* How many outcomes there are so far. */
uint64_t history_outcomes (const history_t *self);

/* Lines that were none, and records of tasks that cannot be. */
unsigned history_faults (const history_t *self);

/* This client was killed: its tasks need no outcome. */
void history_forgive (history_t *self, unsigned client);
bool history_is_forgiven (const history_t *self, unsigned client);

/* Call with each task that is known, in the order of clients and indices. */
void history_each (const history_t *self,
                   void (*visit) (void *argument, uint64_t number, const entry_t *entry), void *argument);

#endif
