/* SPDX-License-Identifier: MPL-2.0 */
/*
 * frame.h - what goes between the loop and a child, which are of the same build on the same machine: plain
 * structs.
 *
 * To the child, on its channel: frames, each a head, its fixed part, a name and a body, unless that lies in
 * the arena.
 * From the child: records in the ring (see ring.h); long outcomes lie on its shelf (see shelf.h), and where
 * that has no room for one it comes by the channel, behind CHANNEL_LONG and its length (uint64_t). Other
 * bytes there are CHANNEL_WAKE.
 */
#ifndef FRAME_H_INCLUDED
#define FRAME_H_INCLUDED

#include "worker/ring.h"
#include "worker/shelf.h"
#include "worker/slot.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    FRAME_GREETING = 1, /* first: the session's initializer as name, its arguments as body */
    FRAME_TASK = 2,     /* the function as name, n_items packed values as body */
    FRAME_OPEN = 3      /* serial: the mark for slot_open_gate */
} frame_kind_t;

typedef struct frame_s {
    uint32_t kind, name_len;
    uint64_t body_len;
    uint64_t serial, seed, job, first, n_items, attempt; /* of a task; the greeting has the seed only */
    uint64_t max_result;                                 /* likewise; 0 = the default */
    uint64_t is_loose; /* likewise: what an item printed goes out before its outcome */
    uint64_t is_timed; /* likewise: since when an item runs must be exact */
    uint64_t body_at;  /* in the arena, where the body lies there */
    bool is_in_arena;
} frame_t;

typedef enum {
    RECORD_OUTCOME = 1, /* one encoded outcome */
    RECORD_LONG = 2,    /* the same, but its bytes come by the channel */
    RECORD_READY = 3,   /* the initializer has succeeded; item: the pid; run_us: can it read the arena? */
    RECORD_UNFIT = 4,   /* it has failed: one encoded outcome */
    RECORD_SHELF = 5    /* as RECORD_OUTCOME, but the outcome lies on the shelf: a shelf_spot_t tells where */
} record_kind_t;

#define CHANNEL_WAKE ((uint8_t) 'w')
#define CHANNEL_LONG ((uint8_t) 'l')

/* The memory that a child and the loop share. */
typedef struct shared_s {
    slot_t slot;
    ring_shared_t ring;
    shelf_shared_t shelf;
} shared_t;

/* Where the shelf begins in the file. */
#define SHELF_AT ((sizeof (shared_t) + DP_SEGMENT_UNIT - 1) / DP_SEGMENT_UNIT * DP_SEGMENT_UNIT)

#endif
