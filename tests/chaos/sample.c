/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/sample.h"

#include <stdio.h>
#include <stdlib.h>

/* A machine that does other things too may be so many times slower. */
static const double generosity = 4;

void sample_add (sample_t *self, int64_t us)
{
    if (us < 0)
        self->n_missing++;
    else if (self->n < SAMPLE_MAX)
        self->values_us[self->n++] = us;
}

static int compare (const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

double sample_quantile (sample_t *self, double part)
{
    if (self->n == 0)
        return -1;
    qsort (self->values_us, self->n, sizeof self->values_us[0], compare);
    return (double) self->values_us[(size_t) (part * (double) (self->n - 1) + 0.5)] / 1000;
}

bool sample_tell (sample_t *self, const char *name, double target_ms)
{
    double p99_ms = sample_quantile (self, 0.99);
    printf ("%-44s n %4zu  p50 %8.1f  p99 %8.1f  max %8.1f ms  (target %.0f)%s\n", name, self->n,
            sample_quantile (self, 0.5), p99_ms, sample_quantile (self, 1), target_ms,
            self->n_missing > 0  ? "  MISSING"
            : p99_ms > target_ms ? "  above target"
                                 : "");
    return self->n > 0 && self->n_missing == 0 && p99_ms <= target_ms * generosity;
}
