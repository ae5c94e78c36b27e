/* SPDX-License-Identifier: MPL-2.0 */
/* sample.h - durations that were measured, and what they come to. */
#ifndef SAMPLE_H_INCLUDED
#define SAMPLE_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAMPLE_MAX = 4096 };

typedef struct sample_s {
    int64_t values_us[SAMPLE_MAX];
    size_t n, n_missing; /* missing: what never came */
} sample_t;

/* Add one; a negative one never came. */
void sample_add (sample_t *self, int64_t us);

/* The value that this part of them, 0 to 1, does not exceed. In milliseconds. */
double sample_quantile (sample_t *self, double part);

/* Print a line. The last 1 % should be within target_ms; true if it is within a generous multiple of it, and
   none is missing. */
bool sample_tell (sample_t *self, const char *name, double target_ms);

#endif
