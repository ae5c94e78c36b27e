/* SPDX-License-Identifier: MPL-2.0 */
/*
 * task.h - the tasks of the chaos tests. A task's number says all about it: who submits it and how, what
 * it does, and how it may end. So client, worker and judge need not tell one another.
 */
#ifndef TASK_H_INCLUDED
#define TASK_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TASK_FUNCTION "chaos.work"

/* How a client submits it. */
typedef enum {
    SHAPE_APPLY,
    SHAPE_MAP,
    SHAPE_IMAP,
    SHAPE_IMAP_UNORDERED,
    SHAPE_MAP_ONCE,      /* at most once, in chunks */
    SHAPE_MAP_CANCELLED, /* cancelled while it runs */
    N_SHAPES
} task_shape_t;

/* What it does. */
typedef enum {
    TASK_QUICK,      /* gives its value at once */
    TASK_NAP,        /* sleeps for some milliseconds first */
    TASK_LONG,       /* sleeps for about a second */
    TASK_BULKY,      /* takes and gives many bytes */
    TASK_FAIL,       /* fails by itself */
    TASK_CRASH_ONCE, /* its first attempt kills its process */
    TASK_POISON,     /* every attempt does */
    TASK_ENDLESS,    /* runs until its time limit */
    TASK_ONCE,       /* a nap, at most once */
    TASK_CANCELLED,  /* a long one that its client cancels */
    N_TASK_KINDS
} task_kind_t;

/* A crashed item is tried so often again: so faults alone do not end a task that does not crash itself. */
enum { TASK_RETRIES = 5, TASK_LIMIT_MS = 150 };

uint64_t task_number (unsigned client, task_shape_t shape, uint32_t index);
unsigned task_client (uint64_t number);
task_shape_t task_shape (uint64_t number);
uint32_t task_index (uint64_t number);
task_kind_t task_kind (uint64_t number);

/* For people. */
const char *task_shape_name (uint64_t number);
const char *task_kind_name (uint64_t number);

/* What its function must return. */
int64_t task_value (uint64_t number);

/* How long it sleeps. */
unsigned task_sleep_ms (uint64_t number);

/* How many bytes go there and back, and one of them. */
size_t task_bytes (uint64_t number);
unsigned char task_byte (uint64_t number, size_t at);

bool task_is_once (uint64_t number);
bool task_is_cancelled (uint64_t number);

/* May it end with this code (0: with its value), whatever faults there were? */
bool task_may_end_as (uint64_t number, int code);

/* A good hash: the randomness of everything here. */
uint64_t task_hash (uint64_t seed);

#endif
