/* SPDX-License-Identifier: MPL-2.0 */
/* series.h - measurements of one thing. */
#ifndef BENCH_SERIES_H_INCLUDED
#define BENCH_SERIES_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty series. */
typedef struct {
    double *values;
    size_t n;
    size_t capacity;
    bool is_sorted;
} series_t;

void series_add (series_t *self, double value);

/* The value that this part of all values (0 to 1) does not exceed; 0.5 is the median. 0 if there is none. */
double series_quantile (series_t *self, double part);

/* Drop all values and their memory. */
void series_clear (series_t *self);

#endif
