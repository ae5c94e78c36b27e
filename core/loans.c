/* SPDX-License-Identifier: MPL-2.0 */
#include "core/loans.h"

#include "core/memory.h"

/* More room, with the oldest at its beginning. */
static bool grow (dp_loans_t *self)
{
    size_t capacity = self->capacity > 0 ? 2 * self->capacity : 16;
    dp_blob_t **blobs = self->count < DP_LOANS_MAX ? dp_alloc (capacity * sizeof *blobs) : NULL;
    if (blobs == NULL)
        return false;
    for (size_t i = 0; i < self->count; i++)
        blobs[i] = self->blobs[(self->first + i) % self->capacity];
    dp_free (self->blobs);
    self->blobs = blobs;
    self->capacity = capacity;
    self->first = 0;
    return true;
}

bool dp_loans_lend (dp_loans_t *self, dp_blob_t *blob)
{
    if (self->count == self->capacity && !grow (self))
        return false;
    self->blobs[(self->first + self->count) % self->capacity] = dp_blob_hold (blob);
    self->count++;
    return true;
}

static void end_first (dp_loans_t *self)
{
    dp_blob_release (&self->blobs[self->first]);
    self->first = (self->first + 1) % self->capacity;
    self->count--;
    self->n_ended++;
}

void dp_loans_settle (dp_loans_t *self, uint64_t n_copied)
{
    while (self->count > 0 && self->n_ended < n_copied)
        end_first (self);
}

void dp_loans_fini (dp_loans_t *self)
{
    while (self->count > 0)
        end_first (self);
    dp_free (self->blobs);
    *self = (dp_loans_t) { .blobs = NULL };
}
