/* SPDX-License-Identifier: MPL-2.0 */
#include "core/blob.h"

#include "core/memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

struct dp_blob_s {
    atomic_size_t n_holds;
    const uint8_t *data;
    size_t len;
    dp_blob_free_t *free_function; /* NULL: the bytes stand behind this header */
    void *hint;
    uint8_t bytes[];
};

dp_blob_t *dp_blob_new (size_t len, uint8_t **data)
{
    /* dp_realloc rather than dp_alloc: the bytes need no zeroes, they are about to be overwritten. */
    dp_blob_t *self = len > SIZE_MAX - sizeof *self ? NULL : dp_realloc (NULL, sizeof *self + len);
    if (!self) {
        errno = ENOMEM;
        return NULL;
    }
    atomic_init (&self->n_holds, 1);
    self->data = self->bytes;
    self->len = len;
    self->free_function = NULL;
    self->hint = NULL;
    *data = self->bytes;
    return self;
}

dp_blob_t *dp_blob_copy (const void *data, size_t len)
{
    uint8_t *bytes;
    dp_blob_t *self = dp_blob_new (len, &bytes);
    if (self && len > 0)
        memcpy (bytes, data, len);
    return self;
}

dp_blob_t *dp_blob_adopt (const void *data, size_t len, dp_blob_free_t *free_function, void *hint)
{
    dp_blob_t *self = dp_alloc (sizeof *self);
    if (!self)
        return NULL;
    atomic_init (&self->n_holds, 1);
    self->data = data;
    self->len = len;
    self->free_function = free_function;
    self->hint = hint;
    return self;
}

void dp_blob_hold_many (dp_blob_t *self, size_t n)
{
    if (self)
        atomic_fetch_add_explicit (&self->n_holds, n, memory_order_relaxed);
}

dp_blob_t *dp_blob_hold (dp_blob_t *self)
{
    dp_blob_hold_many (self, 1);
    return self;
}

void dp_blob_drop_many (dp_blob_t *self, size_t n)
{
    /* Acquire and release: whoever frees must see all that other holders did before they let go. */
    if (!self || n == 0 || atomic_fetch_sub_explicit (&self->n_holds, n, memory_order_acq_rel) != n)
        return;
    if (self->free_function)
        self->free_function (self->hint);
    dp_free (self);
}

void dp_blob_release (dp_blob_t **self_p)
{
    dp_blob_t *self = *self_p;
    *self_p = NULL;
    dp_blob_drop_many (self, 1);
}

const uint8_t *dp_blob_data (const dp_blob_t *self)
{
    return self->data;
}

size_t dp_blob_len (const dp_blob_t *self)
{
    return self->len;
}
