/* SPDX-License-Identifier: MPL-2.0 */
/*
 * frame.h - what goes between the loop and a child, which are of the same build on the same machine: plain
 * structs.
 *
 * To the child, on its channel: frames, each a head, its fixed part, a name and a body.
 * From the child: records in the ring (see ring.h); and on the channel single bytes CHANNEL_WAKE, and the
 * bytes of outcomes too long for the ring, each behind CHANNEL_LONG and its length (uint64_t).
 */
#ifndef FRAME_H_INCLUDED
#define FRAME_H_INCLUDED

#include "worker/ring.h"
#include "worker/slot.h"

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
} frame_t;

typedef enum {
    RECORD_OUTCOME = 1, /* one encoded outcome */
    RECORD_LONG = 2,    /* the same, but its bytes come by the channel */
    RECORD_READY = 3,   /* the initializer has succeeded; item: the pid */
    RECORD_UNFIT = 4    /* it has failed: one encoded outcome */
} record_kind_t;

#define CHANNEL_WAKE ((uint8_t) 'w')
#define CHANNEL_LONG ((uint8_t) 'l')

/* The memory that a child and the loop share. */
typedef struct shared_s {
    slot_t slot;
    ring_shared_t ring;
} shared_t;

#endif
