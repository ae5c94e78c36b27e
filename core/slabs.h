/* SPDX-License-Identifier: MPL-2.0 */
/*
 * slabs.h - blocks of one size that come and go by the thousand: for a fifth of the instructions of malloc
 * and free, and in the order of their addresses, so that a processor's caches see a walk where a list of free
 * blocks would soon make it jump about.
 */
#ifndef DP_SLABS_H_INCLUDED
#define DP_SLABS_H_INCLUDED

#include "core/list.h"

#include <stdbool.h>
#include <stdint.h>

/* AddressSanitizer is told what is free, so that it sees whoever uses it. */
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define DP_SLABS_SANITIZED
#endif
#elif defined __SANITIZE_ADDRESS__
#define DP_SLABS_SANITIZED
#endif
#ifdef DP_SLABS_SANITIZED
#include <sanitizer/asan_interface.h>
#define DP_SLABS_MARK_FREE(block, len) ASAN_POISON_MEMORY_REGION (block, len)
#define DP_SLABS_MARK_USED(block, len) ASAN_UNPOISON_MEMORY_REGION (block, len)
#else
#define DP_SLABS_MARK_FREE(block, len) ((void) (block))
#define DP_SLABS_MARK_USED(block, len) ((void) (block))
#endif

enum { DP_SLAB_BLOCKS = 64 };

typedef struct dp_slab_s {
    dp_list_t in_open; /* of dp_slabs_t, while a block is free */
    uint64_t free;     /* a bit for each block */
    uint64_t blocks[];
} dp_slab_t;

typedef struct dp_slabs_s {
    dp_list_t open;  /* the one that was given something back last stands first */
    size_t n_words;  /* of a block */
    size_t n_unused; /* slabs all of whose blocks are free */
    size_t most;     /* of these that are kept */
} dp_slabs_t;

/* Blocks of so many bytes, aligned as a uint64_t is. What is free is given to malloc slab by slab, but for so
   many slabs. */
void dp_slabs_init (dp_slabs_t *self, size_t size, size_t most_unused);

/* Free the slabs. All blocks were put back. */
void dp_slabs_fini (dp_slabs_t *self);

/* Give all unused slabs to malloc. */
void dp_slabs_trim (dp_slabs_t *self);

/* Is there a block to take, so that to take it needs no memory? False with ENOMEM. */
bool dp_slabs_reserve (dp_slabs_t *self);

/* For the two below. */
dp_slab_t *dp_slabs_grow (dp_slabs_t *self);
void dp_slabs_shrink (dp_slabs_t *self, dp_slab_t *slab);

/* A block, uninitialised, and its number, to be given back with it. Aborts when there is no memory. */
static inline void *dp_slabs_take (dp_slabs_t *self, uint8_t *number)
{
    dp_slab_t *slab = dp_list_is_empty (&self->open) ? dp_slabs_grow (self)
                                                     : DP_CONTAINER (self->open.next, dp_slab_t, in_open);
    self->n_unused -= slab->free == UINT64_MAX;
    *number = (uint8_t) __builtin_ctzll (slab->free);
    slab->free &= slab->free - 1;
    if (slab->free == 0)
        dp_list_remove (&slab->in_open);
    uint64_t *block = slab->blocks + *number * self->n_words;
    DP_SLABS_MARK_USED (block, self->n_words * sizeof *block);
    return block;
}

/* Done with it. */
static inline void dp_slabs_put (dp_slabs_t *self, void *block, uint8_t number)
{
    DP_SLABS_MARK_FREE (block, self->n_words * sizeof (uint64_t));
    uint64_t *blocks = (uint64_t *) block - number * self->n_words;
    dp_slab_t *slab = DP_CONTAINER (blocks, dp_slab_t, blocks);
    if (slab->free == 0)
        dp_list_prepend (&self->open, &slab->in_open);
    slab->free |= UINT64_C (1) << number;
    if (slab->free == UINT64_MAX)
        dp_slabs_shrink (self, slab);
}

#endif
