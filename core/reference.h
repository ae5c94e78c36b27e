/* SPDX-License-Identifier: MPL-2.0 */
/*
 * reference.h - what travels instead of a long payload between programs that see each other's memory: where
 * it lies in the sender's. As docs/protocol.md has it, under "Shared memory".
 */
#ifndef DP_REFERENCE_H_INCLUDED
#define DP_REFERENCE_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_REFERENCE_LEN \
    32 /* bytes: a frame of just so many is a reference, since payloads in frames are longer */

typedef struct dp_reference_s {
    uint64_t at, len;    /* the bytes, in the sender's memory */
    uint64_t generation; /* of the range that begins there: another one now means that they are gone */
} dp_reference_t;

/* Do these bytes say that they are one? No payload of that length goes as a frame. */
bool dp_reference_is (const uint8_t *bytes, size_t len);

void dp_reference_write (const dp_reference_t *self, uint8_t bytes[DP_REFERENCE_LEN]);

/* False: these bytes are no reference, or not one to a whole range that begins at a multiple of "unit" and
   ends within "size" bytes. *self is then not to be used. */
bool dp_reference_read (dp_reference_t *self, const uint8_t *bytes, size_t len, uint64_t unit, uint64_t size);

#endif
