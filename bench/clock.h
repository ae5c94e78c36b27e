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

/* Seconds of a CPU that this process has had: what else runs on the machine is not in it, but for what it
   does to the caches. A system call. */
static inline double clock_cpu (void)
{
    struct timespec now;
    clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

#endif
