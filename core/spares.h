/* SPDX-License-Identifier: MPL-2.0 */
/* spares.h - blocks of one size that come and go by the thousand: those that go are kept for those that come,
   which costs a tenth of malloc and free. */
#ifndef DP_SPARES_H_INCLUDED
#define DP_SPARES_H_INCLUDED

#include "core/memory.h"

#include <stddef.h>

typedef struct dp_spares_s {
    void *first; /* each begins with the address of the next */
    size_t n, most;
    size_t size; /* of a block; at least a pointer's */
} dp_spares_t;

/* At most so many are kept. */
static inline void dp_spares_init (dp_spares_t *self, size_t size, size_t most)
{
    *self = (dp_spares_t) { .size = size, .most = most };
}

/* A block, uninitialised. */
static inline void *dp_spares_take (dp_spares_t *self)
{
    void **block = self->first;
    if (block == NULL)
        return dp_must_alloc_raw (self->size);
    self->first = *block;
    self->n--;
    return block;
}

/* Done with it. NULL-safe. */
static inline void dp_spares_put (dp_spares_t *self, void *block)
{
    if (block == NULL || self->n >= self->most) {
        dp_free (block);
        return;
    }
    *(void **) block = self->first;
    self->first = block;
    self->n++;
}

/* Give them to malloc. More may come. */
static inline void dp_spares_drop (dp_spares_t *self)
{
    while (self->first != NULL) {
        void *next = *(void **) self->first;
        dp_free (self->first);
        self->first = next;
    }
    self->n = 0;
}

#endif
