/* SPDX-License-Identifier: MPL-2.0 */
#include "core/slabs.h"

#include "core/memory.h"

void dp_slabs_init (dp_slabs_t *self, size_t size, size_t most_unused)
{
    *self
        = (dp_slabs_t) { .n_words = (size + sizeof (uint64_t) - 1) / sizeof (uint64_t), .most = most_unused };
    dp_list_init (&self->open);
}

static void free_slab (const dp_slabs_t *self, dp_slab_t *slab)
{
    (void) self; /* without the sanitizer */
    DP_SLABS_MARK_USED (slab->blocks, DP_SLAB_BLOCKS * self->n_words * sizeof *slab->blocks);
    dp_list_remove (&slab->in_open);
    dp_free (slab);
}

void dp_slabs_fini (dp_slabs_t *self)
{
    self->most = 0;
    dp_slabs_trim (self);
}

void dp_slabs_trim (dp_slabs_t *self)
{
    DP_LIST_EACH (&self->open, node) {
        dp_slab_t *slab = DP_CONTAINER (node, dp_slab_t, in_open);
        if (slab->free == UINT64_MAX)
            free_slab (self, slab);
    }
    self->n_unused = 0;
}

static size_t size_of_slab (const dp_slabs_t *self)
{
    return sizeof (dp_slab_t) + DP_SLAB_BLOCKS * self->n_words * sizeof (uint64_t);
}

static dp_slab_t *add (dp_slabs_t *self, dp_slab_t *slab)
{
    DP_SLABS_MARK_FREE (slab->blocks, DP_SLAB_BLOCKS * self->n_words * sizeof *slab->blocks);
    slab->free = UINT64_MAX;
    dp_list_prepend (&self->open, &slab->in_open);
    self->n_unused++;
    return slab;
}

dp_slab_t *dp_slabs_grow (dp_slabs_t *self)
{
    return add (self, dp_must_alloc_raw (size_of_slab (self)));
}

bool dp_slabs_reserve (dp_slabs_t *self)
{
    if (!dp_list_is_empty (&self->open))
        return true;
    dp_slab_t *slab = dp_realloc (NULL, size_of_slab (self));
    return slab != NULL && add (self, slab) != NULL;
}

void dp_slabs_shrink (dp_slabs_t *self, dp_slab_t *slab)
{
    if (self->n_unused < self->most) {
        self->n_unused++;
        return;
    }
    free_slab (self, slab);
}
