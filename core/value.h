/* SPDX-License-Identifier: MPL-2.0 */
/* value.h - what the library knows of a dpool_value_t: packed bytes inside a shared blob. */
#ifndef DP_VALUE_H_INCLUDED
#define DP_VALUE_H_INCLUDED

#include "core/blob.h"
#include "core/picture.h"

#include <dpool/dpool.h>

/* Embedded in results as well as allocated by dpool_value_copy. */
struct dpool_value_s {
    dp_blob_t *blob;     /* keeps data alive; NULL: its owner does */
    const uint8_t *data; /* NULL = no value */
    size_t len;
    dp_texts_t texts;
};

/* Fill an embedded value (all zero before) with len bytes at data inside blob, of which it takes a hold. */
void dp_value_init (dpool_value_t *self, dp_blob_t *blob, const uint8_t *data, size_t len);

/* The same, with a hold that the caller has and gives away. */
void dp_value_init_held (dpool_value_t *self, dp_blob_t *blob, const uint8_t *data, size_t len);

/* Have a short value's bytes in memory of its owner instead, and drop the hold. */
void dp_value_settle (dpool_value_t *self, uint8_t *room);

/* Drop the hold and the texts of an embedded value; it is all zero again. */
void dp_value_fini (dpool_value_t *self);

#endif
