/* SPDX-License-Identifier: MPL-2.0 */
/* ranges.h - which units of a row are taken: the books of an allocator that never touches what it gives out.
 * First fit, so that what is used stays at the low end. Not thread-safe. */
#ifndef DP_RANGES_H_INCLUDED
#define DP_RANGES_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

typedef struct dp_ranges_s {
    uint64_t *taken, *ends; /* a bit a unit: is it taken, is it the last of its range */
    size_t n_units, n_taken;
    size_t free_from; /* no unit below is free */
} dp_ranges_t;

#define DP_RANGES_NONE SIZE_MAX

/* All units free. 0, or -1 with ENOMEM. */
int dp_ranges_init (dp_ranges_t *self, size_t n_units);
void dp_ranges_fini (dp_ranges_t *self);

/* Take n units in a row (n > 0). The first, or DP_RANGES_NONE where no such row is free. */
size_t dp_ranges_take (dp_ranges_t *self, size_t n);

/* Give back the range that begins at "first". How many units it had; 0 where none begins there. */
size_t dp_ranges_give_back (dp_ranges_t *self, size_t first);

#endif
