/* SPDX-License-Identifier: MPL-2.0 */
#include "core/ranges.h"

#include "core/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { BITS = 64 };

int dp_ranges_init (dp_ranges_t *self, size_t n_units)
{
    size_t n_words = (n_units + BITS - 1) / BITS;
    memset (self, 0, sizeof *self);
    self->taken = dp_alloc (2 * n_words * sizeof *self->taken);
    if (self->taken == NULL)
        return -1;
    self->ends = self->taken + n_words;
    self->n_units = n_units;
    return 0;
}

void dp_ranges_fini (dp_ranges_t *self)
{
    dp_free (self->taken);
    memset (self, 0, sizeof *self);
}

static bool is_set (const uint64_t *bits, size_t at)
{
    return (bits[at / BITS] >> at % BITS & 1) != 0;
}

/* The first unit from "at" on whose bit is "value"; n_units where there is none. */
static size_t next (const dp_ranges_t *self, const uint64_t *bits, size_t at, bool value)
{
    while (at < self->n_units) {
        uint64_t word = (value ? bits[at / BITS] : ~bits[at / BITS]) >> at % BITS;
        if (word != 0) {
            at += (size_t) __builtin_ctzll (word);
            break;
        }
        at += BITS - at % BITS;
    }
    return at < self->n_units ? at : self->n_units;
}

/* Set or clear the bits of units [first, first + n). */
static void mark (uint64_t *bits, size_t first, size_t n, bool value)
{
    while (n > 0) {
        size_t shift = first % BITS, here = BITS - shift < n ? BITS - shift : n;
        uint64_t mask = (here == BITS ? UINT64_MAX : ((UINT64_C (1) << here) - 1)) << shift;
        if (value)
            bits[first / BITS] |= mask;
        else
            bits[first / BITS] &= ~mask;
        first += here;
        n -= here;
    }
}

size_t dp_ranges_take (dp_ranges_t *self, size_t n)
{
    size_t first = next (self, self->taken, self->free_from, false), end;
    self->free_from = first;
    for (;; first = next (self, self->taken, end, false)) {
        if (n > self->n_units - first)
            return DP_RANGES_NONE;
        end = next (self, self->taken, first, true);
        if (end - first >= n)
            break;
    }
    mark (self->taken, first, n, true);
    mark (self->ends, first + n - 1, 1, true);
    self->n_taken += n;
    return first;
}

size_t dp_ranges_give_back (dp_ranges_t *self, size_t first)
{
    bool is_begin = first < self->n_units && is_set (self->taken, first)
                    && (first == 0 || !is_set (self->taken, first - 1) || is_set (self->ends, first - 1));
    if (!is_begin)
        return 0;
    size_t end = next (self, self->ends, first, true), n = end + 1 - first;
    mark (self->taken, first, n, false);
    mark (self->ends, end, 1, false);
    self->n_taken -= n;
    if (first < self->free_from)
        self->free_from = first;
    return n;
}
