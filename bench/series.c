/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/series.h"

#include "bench/die.h"

#include <math.h>

void series_add (series_t *self, double value)
{
    if (self->n == self->capacity) {
        size_t capacity = self->capacity ? self->capacity * 2 : 64;
        double *values = realloc (self->values, capacity * sizeof *values);
        if (!values)
            die ("series", "out of memory");
        self->values = values;
        self->capacity = capacity;
    }
    self->values[self->n++] = value;
    self->is_sorted = false;
}

static int compare (const void *left, const void *right)
{
    double a = *(const double *) left, b = *(const double *) right;
    return (a > b) - (a < b);
}

double series_quantile (series_t *self, double part)
{
    if (self->n == 0)
        return 0;
    if (!self->is_sorted)
        qsort (self->values, self->n, sizeof *self->values, compare);
    self->is_sorted = true;
    if (part == 0.5 && self->n % 2 == 0)
        return (self->values[self->n / 2 - 1] + self->values[self->n / 2]) / 2;
    double rank = ceil (part * (double) self->n); /* from 1 */
    return self->values[rank < 1 ? 0 : (size_t) rank - 1];
}

void series_clear (series_t *self)
{
    free (self->values);
    *self = (series_t) { .values = NULL };
}
