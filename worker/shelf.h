/* SPDX-License-Identifier: MPL-2.0 */
/*
 * shelf.h - the memory in which a child puts long outcomes, and where the loop and all behind it read them.
 *
 * It lies behind the shared_t of the child's place, in the same file. The child has the books and takes
 * ranges of it; whoever drops an outcome's last hold, in whatever thread, sets a bit that gives its range
 * back. With the child goes the shelf; what is still held of it stays mapped until it is dropped.
 *
 * A fork of the program sees the same memory, and may look at what it has there for as long as it lives: so
 * from then on nothing of this shelf is given back, and its child puts nothing more there.
 */
#ifndef SHELF_H_INCLUDED
#define SHELF_H_INCLUDED

#include "core/blob.h"
#include "core/buffer.h"
#include "core/ranges.h"
#include "net/segment.h"

#include <stdbool.h>

#define SHELF_BYTES ((size_t) 256 << 20)
#define SHELF_KEPT ((size_t) 16 << 20) /* of it keep their memory while nothing lies there */
#define SHELF_WORDS (SHELF_BYTES / DP_SEGMENT_UNIT / 64)

/* The shared part: all zero at the start. */
typedef struct shelf_shared_s {
    uint64_t len;                           /* written before the child is forked; 0 = it has no shelf */
    _Atomic uint32_t is_retired;            /* the program has forked */
    _Atomic uint64_t returned[SHELF_WORDS]; /* a bit a unit: the range that begins there is given back */
} shelf_shared_t;

/* A place of it, as a record tells. */
typedef struct shelf_spot_s {
    uint64_t at, len;
} shelf_spot_t;

/* ---- The child's side ---- */

typedef struct shelf_s {
    shelf_shared_t *shared;
    dp_segment_t segment;
    dp_ranges_t ranges;
    dp_buffer_source_t source; /* for buffers that are to lie on it */
    bool is_closed;            /* a copy of the child, forked by a function, keeps its hands off */
} shelf_t;

/* "memory": where this process has mapped the file "fd", in which the shelf begins at "at". 0, or -1: there
   is none to be had. */
int shelf_init (shelf_t *self, shelf_shared_t *shared, void *memory, size_t at, int fd);

/* Where the buffer's content lies on it; it is the loop's from now on, and the buffer empty. False where the
   buffer lies elsewhere. */
bool shelf_hand_over (shelf_t *self, dp_buffer_t *buffer, shelf_spot_t *spot);

/* ---- The loop's side ---- */

/* The mapping of a place's file. Reference counted: the place and each outcome have a hold. */
typedef struct shelf_map_s shelf_map_t;

/* Takes over the mapping of len bytes at "memory", in which the shelf begins at "at". NULL with ENOMEM. */
shelf_map_t *shelf_map_new (void *memory, size_t len, shelf_shared_t *shared, size_t at);
void shelf_map_release (shelf_map_t **self_p);

/* The outcome at this spot. NULL: there is no such spot, or no memory (ENOMEM). */
dp_blob_t *shelf_map_blob (shelf_map_t *self, const shelf_spot_t *spot);

#endif
