/* SPDX-License-Identifier: MPL-2.0 */
/*
 * argument.h - what one item of a stream is called with, packed. Pure.
 *
 * Short bytes stand in the row of arguments itself: a block of memory for each, which one thread gets and
 * another gives back, cost more than all else that a session does for a short call.
 */
#ifndef ARGUMENT_H_INCLUDED
#define ARGUMENT_H_INCLUDED

#include "core/blob.h"

#include <stdbool.h>
#include <string.h>

enum { ARGUMENT_SHORT = 23 };

/* All zero: none, since a packed value has a byte at least. */
typedef union argument_u {
    dp_blob_t *blob; /* a hold of long bytes, where len is 0 */
    struct {
        uint8_t bytes[ARGUMENT_SHORT];
        uint8_t len;
    } brief;
} argument_t;

/* NULL: it is short, or none. */
static inline dp_blob_t *argument_blob (const argument_t *self)
{
    return self->brief.len > 0 ? NULL : self->blob;
}

/* Copies the bytes, if they are short. Else it does nothing, and gives false. */
static inline bool argument_init_brief (argument_t *self, const uint8_t *data, size_t len)
{
    if (len == 0 || len > ARGUMENT_SHORT)
        return false;
    memset (self, 0, sizeof *self);
    self->brief.len = (uint8_t) len;
    memcpy (self->brief.bytes, data, len);
    return true;
}

/* Copies short bytes, else takes a hold of the blob. */
static inline void argument_init (argument_t *self, dp_blob_t *blob)
{
    if (argument_init_brief (self, dp_blob_data (blob), dp_blob_len (blob)))
        return;
    memset (self, 0, sizeof *self);
    self->blob = dp_blob_hold (blob);
}

/* The same bytes once more. */
static inline void argument_init_copy (argument_t *self, const argument_t *other)
{
    *self = *other;
    dp_blob_hold (argument_blob (other));
}

/* It is all zero again. */
static inline void argument_fini (argument_t *self)
{
    dp_blob_t *blob = argument_blob (self);
    if (blob != NULL)
        dp_blob_release (&blob);
    memset (self, 0, sizeof *self);
}

static inline size_t argument_len (const argument_t *self)
{
    const dp_blob_t *blob = argument_blob (self);
    return blob != NULL ? dp_blob_len (blob) : self->brief.len;
}

/* Until the argument moves, or is freed. */
static inline const uint8_t *argument_data (const argument_t *self)
{
    const dp_blob_t *blob = argument_blob (self);
    return blob != NULL ? dp_blob_data (blob) : self->brief.bytes;
}

#endif
