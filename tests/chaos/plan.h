/* SPDX-License-Identifier: MPL-2.0 */
/*
 * plan.h - an endless row of faults, the same for the same seed. Faults come in rounds: in each round every
 * kind comes once, in an order of its own.
 */
#ifndef PLAN_H_INCLUDED
#define PLAN_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

enum { PLAN_MAX_KINDS = 32 };

typedef struct plan_s {
    uint64_t seed;
    size_t kinds[PLAN_MAX_KINDS]; /* those in use, in the order of this round */
    size_t n_kinds, at;
    unsigned n_rounds; /* begun */
} plan_t;

typedef struct planned_s {
    size_t kind;     /* as given to plan_init */
    uint64_t target; /* whom it hits: a random number */
    double length;   /* between the shortest and the longest of its kind: 0 to 1 */
    double gap;      /* until the next: 0 to 1 */
} planned_t;

void plan_init (plan_t *self, uint64_t seed, const size_t *kinds, size_t n_kinds);

planned_t plan_next (plan_t *self);

#endif
