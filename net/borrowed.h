/* SPDX-License-Identifier: MPL-2.0 */
/*
 * borrowed.h - another program's arena, mapped only for reading. Nothing is believed of what that program
 * says: it is its own payloads that it harms.
 */
#ifndef DP_BORROWED_H_INCLUDED
#define DP_BORROWED_H_INCLUDED

#include "core/wire.h"
#include "net/arena.h"

typedef struct dp_borrowed_s {
    const uint8_t *data; /* NULL = not mapped */
    size_t len;          /* of the payloads */
} dp_borrowed_t;

/* Map what a peer has told of. 0; or -1 where it cannot be opened, or is not what it is said to be: a file
   without a name, of the same user, whose size nobody can change, with the secret and the kind in it. */
int dp_borrowed_map (dp_borrowed_t *self, const wire_memory_t *memory, dp_arena_kind_t kind);
void dp_borrowed_unmap (dp_borrowed_t *self);

/* How many payloads the other one has copied by this counter of its. 0 where there is no such counter. */
uint64_t dp_borrowed_counter (const dp_borrowed_t *self, uint64_t counter);

/* A copy of a payload, in the arena where it has room (or is not NULL), else on the heap. bytes: what stands
   in the frame. NULL with *why: it is no reference, or what it refers to is gone, or there is no memory.
   most: no longer than that. */
typedef struct dp_borrowed_failure_s {
    const char *text; /* static; NULL = none */
    bool is_late;     /* as it was to begin with, it could have been read */
} dp_borrowed_failure_t;
dp_blob_t *dp_borrowed_copy (const dp_borrowed_t *self, const uint8_t *bytes, size_t len, uint64_t most,
                             dp_arena_t *arena, dp_borrowed_failure_t *why);

#endif
