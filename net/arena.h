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

/* NULL with errno where none can be had or none is wanted (DPOOL_SHARED_MEMORY): then do without. */
dp_arena_t *dp_arena_new (void);

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

/* Do these bytes lie in it, and where? */
bool dp_arena_find (const dp_arena_t *self, const void *data, size_t len, uint64_t *at);

#endif
