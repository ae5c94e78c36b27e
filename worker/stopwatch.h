/* SPDX-License-Identifier: MPL-2.0 */
/*
 * stopwatch.h - how long items run, without asking the clock for each of many short ones.
 *
 * To ask the exact clock takes as long as a tiny function. So while laps are short, a look at it is left out
 * for as many as took some 16 us before, 32 at most, and their time is that of the lap whose end is looked at
 * next. That laps which were short have become long is seen by the coarse clock, which the kernel moves on
 * each tick (1 to 10 ms) and which costs little to read: so a lap's beginning is never told more than a tick
 * too early, and where that would matter the exact time can be asked for.
 */
#ifndef STOPWATCH_H_INCLUDED
#define STOPWATCH_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

typedef struct stopwatch_s {
    int64_t at_us;              /* when the exact clock was looked at last */
    int64_t tick;               /* the coarse clock then */
    unsigned n_skipped, n_most; /* laps since then, and how many there may be */
} stopwatch_t;

/* The first lap begins. */
void stopwatch_start (stopwatch_t *self);

/* A lap ends, and the next begins: when, which may be the time of a lap before. */
int64_t stopwatch_lap (stopwatch_t *self, bool must_be_exact);

#endif
