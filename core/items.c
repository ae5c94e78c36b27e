/* SPDX-License-Identifier: MPL-2.0 */
#include "core/items.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/picture.h"
#include "core/reader.h"

#include <errno.h>
#include <stdatomic.h>

struct dpool_items_s {
    atomic_size_t n_holds;
    atomic_bool is_frozen;
    dp_buffer_t bytes;
    size_t *ends; /* where each item ends in the bytes */
    size_t count, capacity;
    size_t max_payload, longest;
    int failed_code;       /* of the first failed add; 0 = none */
    dpool_error_t *failed; /* all of it; NULL where there was no memory for that */
};

dpool_items_t *dpool_items_new (void)
{
    dpool_items_t *self = dp_alloc (sizeof *self);
    if (!self) {
        dp_fail (ENOMEM, "no memory for a list of items");
        return NULL;
    }
    atomic_init (&self->n_holds, 1);
    atomic_init (&self->is_frozen, false);
    self->max_payload = DP_MAX_PAYLOAD;
    return self;
}

static void release (void *hint)
{
    dpool_items_t *self = hint;
    if (atomic_fetch_sub_explicit (&self->n_holds, 1, memory_order_acq_rel) != 1)
        return;
    dp_buffer_fini (&self->bytes);
    dp_free (self->ends);
    dp_free (self->failed);
    dp_free (self);
}

void dpool_items_destroy (dpool_items_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    dpool_items_t *self = *self_p;
    *self_p = NULL;
    release (self);
}

/* Remember the first error: a list with a hole in it must not be submitted. */
static int mark (dpool_items_t *self)
{
    int code = errno;
    if (self->failed_code == 0) {
        self->failed_code = code;
        self->failed = dp_error_copy (dpool_last_error ());
    }
    errno = code;
    return -1;
}

/* May items be added, and is there a place to note the end of one more? */
static int prepare (dpool_items_t *self)
{
    if (!self)
        return dp_fail (EINVAL, "the list of items is NULL");
    if (atomic_load (&self->is_frozen))
        return dp_fail (EBUSY, "the list of items is in use by a map; fill a new one");
    if (self->count < self->capacity)
        return 0;
    size_t capacity = self->capacity > 0 ? self->capacity * 2 : 16;
    size_t *ends = dp_realloc (self->ends, capacity * sizeof *ends);
    if (!ends) {
        dp_fail (ENOMEM, "no memory for item %zu", self->count);
        return mark (self);
    }
    self->ends = ends;
    self->capacity = capacity;
    return 0;
}

static size_t start_of (const dpool_items_t *self, size_t index)
{
    return index > 0 ? self->ends[index - 1] : 0;
}

/* Count in what was just appended to the bytes, unless it is too large. */
static int finish (dpool_items_t *self)
{
    size_t start = start_of (self, self->count), len = self->bytes.len - start;
    if (len > self->max_payload) {
        dp_fail (DPOOL_ETOOLARGE, "item %zu has %zu bytes packed, above the limit of %zu", self->count, len,
                 self->max_payload);
        self->bytes.len = start;
        return mark (self);
    }
    self->ends[self->count++] = self->bytes.len;
    if (len > self->longest)
        self->longest = len;
    return 0;
}

int dpool_items_add (dpool_items_t *self, const char *picture, ...)
{
    if (prepare (self) < 0)
        return -1;
    va_list arguments;
    va_start (arguments, picture);
    int rc = dp_picture_pack (&self->bytes, picture, &arguments);
    va_end (arguments);
    return rc < 0 ? mark (self) : finish (self);
}

int dp_items_add_packed (dpool_items_t *self, const void *data, size_t len)
{
    if (prepare (self) < 0)
        return -1;
    dp_reader_t reader;
    size_t skipped;
    dp_reader_init (&reader, data, len);
    dp_reader_skip (&reader, &skipped);
    if (!dp_reader_is_done (&reader)) {
        dp_fail (DPOOL_EVALUE, "item %zu is not one whole msgpack value", self->count);
        return mark (self);
    }
    if (dp_buffer_append (&self->bytes, data, len) < 0) {
        self->bytes.is_failed = false;
        dp_fail (ENOMEM, "no memory for item %zu", self->count);
        return mark (self);
    }
    return finish (self);
}

size_t dpool_items_count (const dpool_items_t *self)
{
    return self ? self->count : 0;
}

int dp_items_check (const dpool_items_t *self)
{
    if (!self)
        return dp_fail (EINVAL, "the list of items is NULL");
    if (self->failed)
        return dp_fail_with (self->failed);
    if (self->failed_code != 0)
        return dp_fail (self->failed_code, "an item could not be added to the list: %s",
                        dpool_strerror (self->failed_code));
    return 0;
}

int dp_items_freeze (dpool_items_t *self)
{
    if (dp_items_check (self) < 0)
        return -1;
    atomic_store (&self->is_frozen, true);
    atomic_fetch_add_explicit (&self->n_holds, 1, memory_order_relaxed);
    return 0;
}

const uint8_t *dp_items_slice (const dpool_items_t *self, size_t first, size_t n, size_t *len)
{
    size_t start = start_of (self, first);
    *len = start_of (self, first + n) - start;
    return self->bytes.data ? self->bytes.data + start : (const uint8_t *) "";
}

size_t dp_items_fit (const dpool_items_t *self, size_t first, size_t most, size_t max_len)
{
    size_t start = start_of (self, first);
    /* At least "fits", which is enough, and fewer than "beyond" items. The ends rise: halve the gap. */
    size_t fits = 1, beyond = most + 1;
    while (beyond - fits > 1) {
        size_t middle = fits + (beyond - fits) / 2;
        if (self->ends[first + middle - 1] - start <= max_len)
            fits = middle;
        else
            beyond = middle;
    }
    return fits;
}

dp_blob_t *dp_items_blob (dpool_items_t *self)
{
    const void *data = self->bytes.data ? self->bytes.data : (const uint8_t *) "";
    dp_blob_t *blob = dp_blob_adopt (data, self->bytes.len, release, self);
    if (blob)
        atomic_fetch_add_explicit (&self->n_holds, 1, memory_order_relaxed);
    return blob;
}

void dp_items_reset (dpool_items_t *self)
{
    dp_buffer_reset (&self->bytes);
    self->count = self->longest = 0;
    self->failed_code = 0;
    dp_free (self->failed);
    self->failed = NULL;
}

void dp_items_set_max_payload (dpool_items_t *self, size_t max_payload)
{
    self->max_payload = max_payload;
}

size_t dp_items_longest (const dpool_items_t *self)
{
    return self->longest;
}
