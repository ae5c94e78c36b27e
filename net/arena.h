/* SPDX-License-Identifier: MPL-2.0 */
/*
 * arena.h - the memory in which a program puts long payloads for other processes: they map it and read them
 * where they are. One segment, of which ranges are taken and given back by any thread. Its books are in this
 * process alone, so that no other one can harm them, and none that dies leaves anything behind.
 */
#ifndef DP_ARENA_H_INCLUDED
#define DP_ARENA_H_INCLUDED

#include "core/blob.h"
#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dp_arena_s dp_arena_t;

/* Whose it is. Each side of a connection maps only what the other one may have, so that nobody passes off a
   broker's memory, of which he was told, as his own to another broker. */
typedef enum { DP_ARENA_PROGRAM = 1, DP_ARENA_BROKER = 2 } dp_arena_kind_t;

/* NULL with errno where none can be had or none is wanted (DPOOL_SHARED_MEMORY): then do without. */
dp_arena_t *dp_arena_new (dp_arena_kind_t kind);

/* The same for this process alone: nobody can map it, and a fork of the program has a copy of it as of the
   fork. For payloads that the program's user keeps. */
dp_arena_t *dp_arena_new_private (void);

/* Reference counted: each blob in it holds it. Both accept NULL. */
dp_arena_t *dp_arena_hold (dp_arena_t *self);
void dp_arena_release (dp_arena_t **self_p);

/* What others map, for reading: its descriptor and its length. */
int dp_arena_fd (const dp_arena_t *self);
size_t dp_arena_len (const dp_arena_t *self);

/* For buffers that are to lie in it. NULL of NULL. */
const dp_buffer_source_t *dp_arena_source (const dp_arena_t *self);

/* The content of a buffer as a blob. What lies in the arena stays where it is, and the buffer is empty then;
   anything else is copied. NULL with ENOMEM: the buffer is as it was. */
dp_blob_t *dp_arena_take_over (dp_arena_t *self, dp_buffer_t *buffer);

/* A blob in the arena with a copy of the bytes. NULL where there is no room for it. */
dp_blob_t *dp_arena_copy (dp_arena_t *self, const void *data, size_t len);

/* ---- For other programs, which map it with what they need to know behind its bytes ---- */

/* Behind dp_arena_len bytes. Only its owner writes it. Whoever has copied a range that was at this
   generation, and finds it at the same one afterwards, has what was lent to it: the owner raises it before it
   writes there anew. */
#define DP_ARENA_COUNTERS 1024u
typedef struct dp_arena_range_s {
    _Atomic uint64_t generation, len; /* len: bytes of the blob that lies there; 0 = none does */
} dp_arena_range_t;

typedef struct dp_arena_tail_s {
    uint64_t magic, secret[2], kind;
    _Atomic uint64_t counters[DP_ARENA_COUNTERS]; /* payloads that the owner has copied, by their lender */
    dp_arena_range_t ranges[];                    /* by the unit where they begin */
} dp_arena_tail_t;

#define DP_ARENA_MAGIC UINT64_C (0x326e657261706f64)

/* Bytes of the whole file of an arena of so many. */
size_t dp_arena_file_len (size_t len);
/* NULL of one that is private. */
dp_arena_tail_t *dp_arena_tail (const dp_arena_t *self);

/* A counter that nobody uses, at 0; DP_ARENA_COUNTERS = there is none. And give it back. */
size_t dp_arena_take_counter (dp_arena_t *self);
void dp_arena_drop_counter (dp_arena_t *self, size_t counter);

/* Of the range that begins there, which is taken. */
uint64_t dp_arena_generation (const dp_arena_t *self, uint64_t at);

/* Do these bytes lie in it, and where? */
bool dp_arena_find (const dp_arena_t *self, const void *data, size_t len, uint64_t *at);

#endif
