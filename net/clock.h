/* SPDX-License-Identifier: MPL-2.0 */
/* clock.h - the time and the randomness of this machine. Any thread. */
#ifndef DP_CLOCK_H_INCLUDED
#define DP_CLOCK_H_INCLUDED

#include <stdint.h>

/* CLOCK_MONOTONIC in milliseconds, microseconds. Not moved by anybody who sets the clock. */
int64_t dp_clock_ms (void);
int64_t dp_clock_us (void);

/* A number that changes with each tick of the kernel (1 to 10 ms), and costs less to ask for than the time.
 */
int64_t dp_clock_tick (void);

/* How long to wait, in poll's terms, from now until a deadline: 0 … INT_MAX, -1 for DP_NEVER. */
int dp_clock_until (int64_t deadline_ms, int64_t now_ms);

/* 64 random bits from the kernel, never 0. */
uint64_t dp_random (void);

#endif
