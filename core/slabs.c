/* SPDX-License-Identifier: MPL-2.0 */
#include "core/slabs.h"

#include "core/memory.h"

void dp_slabs_init (dp_slabs_t *self, size_t size, size_t most_unused)
{
    *self = (dp_slabs_t) { .n_words = 1 + (size + sizeof (uint64_t) - 1) / sizeof (uint64_t),
                           .most = most_unused };
    dp_list_init (&self->open);
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
        if (slab->free != UINT64_MAX)
            continue;
        dp_list_remove (node);
        dp_free (slab);
    }
    self->n_unused = 0;
}

dp_slab_t *dp_slabs_grow (dp_slabs_t *self)
{
    dp_slab_t *slab
        = dp_must_alloc_raw (sizeof *slab + DP_SLAB_BLOCKS * self->n_words * sizeof *slab->blocks);
    slab->free = UINT64_MAX;
    dp_list_prepend (&self->open, &slab->in_open);
    self->n_unused++;
    return slab;
}

void dp_slabs_shrink (dp_slabs_t *self, dp_slab_t *slab)
{
    if (self->n_unused < self->most) {
        self->n_unused++;
        return;
    }
    dp_list_remove (&slab->in_open);
    dp_free (slab);
}
