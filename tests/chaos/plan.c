/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/plan.h"

#include "tests/chaos/task.h"

#include <string.h>

void plan_init (plan_t *self, uint64_t seed, const size_t *kinds, size_t n_kinds)
{
    memset (self, 0, sizeof *self);
    self->seed = seed;
    self->n_kinds = self->at = n_kinds < PLAN_MAX_KINDS ? n_kinds : PLAN_MAX_KINDS;
    memcpy (self->kinds, kinds, self->n_kinds * sizeof *kinds);
}

static uint64_t draw (plan_t *self)
{
    return self->seed = task_hash (self->seed);
}

static double draw_part (plan_t *self)
{
    return (double) (draw (self) >> 11) / (double) (1ull << 53);
}

static void shuffle (plan_t *self)
{
    for (size_t n = self->n_kinds; n > 1; n--) {
        size_t i = (size_t) (draw (self) % n), kind = self->kinds[i];
        self->kinds[i] = self->kinds[n - 1];
        self->kinds[n - 1] = kind;
    }
}

planned_t plan_next (plan_t *self)
{
    if (self->at == self->n_kinds) {
        shuffle (self);
        self->at = 0;
        self->n_rounds++;
    }
    planned_t planned = { .kind = self->kinds[self->at++] };
    planned.target = draw (self);
    planned.length = draw_part (self);
    planned.gap = draw_part (self);
    return planned;
}
