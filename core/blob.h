/* SPDX-License-Identifier: MPL-2.0 */
/* blob.h - immutable bytes that several owners share. Reference counting is atomic. */
#ifndef DP_BLOB_H_INCLUDED
#define DP_BLOB_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

typedef struct dp_blob_s dp_blob_t;

/* Called once, when the last hold of an adopted blob is gone. */
typedef void (dp_blob_free_t) (void *hint);

/* A blob with a copy of the bytes, in one block with its header. NULL with ENOMEM. */
dp_blob_t *dp_blob_copy (const void *data, size_t len);

/* A blob of len uninitialised bytes, to be filled through *data before it is shared. NULL with ENOMEM. */
dp_blob_t *dp_blob_new (size_t len, uint8_t **data);

/* A blob over bytes that belong to somebody else until free_function (hint) is called. NULL with
   ENOMEM; the bytes then still belong to the caller. */
dp_blob_t *dp_blob_adopt (const void *data, size_t len, dp_blob_free_t *free_function, void *hint);

/* One more hold. Returns self. NULL stays NULL. */
dp_blob_t *dp_blob_hold (dp_blob_t *self);

/* Drop one hold, clear the pointer. NULL-safe. */
void dp_blob_release (dp_blob_t **self_p);

/* n more holds, or n fewer, by one atomic step: for rows of values in one blob. NULL-safe. */
void dp_blob_hold_many (dp_blob_t *self, size_t n);
void dp_blob_drop_many (dp_blob_t *self, size_t n);

const uint8_t *dp_blob_data (const dp_blob_t *self);
size_t dp_blob_len (const dp_blob_t *self);

#endif
