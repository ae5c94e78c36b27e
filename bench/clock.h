/* SPDX-License-Identifier: MPL-2.0 */
/* clock.h - what time it is. */
#ifndef BENCH_CLOCK_H_INCLUDED
#define BENCH_CLOCK_H_INCLUDED

#include <time.h>

/* Seconds on a clock that nobody sets. */
static inline double clock_now (void)
{
    struct timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

#endif
