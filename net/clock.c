/* SPDX-License-Identifier: MPL-2.0 */
#include "net/clock.h"

#include "core/link.h"

#include <limits.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

int64_t dp_clock_us (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t dp_clock_ms (void)
{
    return dp_clock_us () / 1000;
}

int64_t dp_clock_tick (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

int dp_clock_until (int64_t deadline_ms, int64_t now_ms)
{
    if (deadline_ms == DP_NEVER)
        return -1;
    if (deadline_ms <= now_ms)
        return 0;
    return deadline_ms - now_ms > INT_MAX ? INT_MAX : (int) (deadline_ms - now_ms);
}

uint64_t dp_random (void)
{
    uint64_t bits = 0;
    /* Before the kernel's pool is ready getrandom waits, so it only fails by a signal. */
    while (getrandom (&bits, sizeof bits, 0) != (ssize_t) sizeof bits || bits == 0)
        ;
    return bits;
}
