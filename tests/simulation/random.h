/* SPDX-License-Identifier: MPL-2.0 */
/* random.h - all chance of a simulation: one stream that its seed determines. */
#ifndef RANDOM_H_INCLUDED
#define RANDOM_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct random_s {
    uint64_t state;
} random_t;

/* splitmix64: any seed will do, neighbours included. */
static inline uint64_t random_next (random_t *self)
{
    uint64_t x = self->state += UINT64_C (0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C (0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* A number below n (n > 0). */
static inline uint64_t random_below (random_t *self, uint64_t n)
{
    return (random_next (self) >> 11) % n;
}

/* A number from low to high, both included. */
static inline int64_t random_between (random_t *self, int64_t low, int64_t high)
{
    return low + (int64_t) random_below (self, (uint64_t) (high - low + 1));
}

/* True so many times of a hundred. */
static inline bool random_happens (random_t *self, unsigned percent)
{
    return random_below (self, 100) < percent;
}

/* One of a row of numbers. */
#define RANDOM_OF(self, row) (row)[random_below (self, sizeof (row) / sizeof (row)[0])]

#endif
