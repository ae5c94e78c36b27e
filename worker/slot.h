/* SPDX-License-Identifier: MPL-2.0 */
/*
 * slot.h - what a child and the loop tell each other through shared memory, beside tasks and results:
 * the item that runs, its progress, the cancel flag, and what was taken back.
 *
 * Items are numbered: those of a run from its serial on, which is the number of its first item, and the next
 * run's serial is not below the number behind its last. So a number tells run and item.
 *
 * Taking back: an item may start only by a claim on the gate. The loop closes the gate from a number on, and
 * learns in the same step which item was claimed last; so each item is either claimed or taken back, never
 * both and never neither. What lies in the channel already is skipped by the child, up to the mark behind
 * which the loop sends new work; there the child opens the gate again.
 */
#ifndef SLOT_H_INCLUDED
#define SLOT_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

/* All zero at the start. The gate is accessed sequentially consistent; what is only looked at is written with
   release and read with acquire, since whoever sees a new word must see the odd version before it. */
typedef struct slot_s {
    /* written by the child */
    _Alignas(64) _Atomic uint64_t version; /* odd while the next four change */
    _Atomic uint64_t number;
    _Atomic int64_t started_at_ms;
    _Atomic uint64_t done, steps;
    /* written by the loop */
    _Alignas(64) _Atomic uint64_t cancelled; /* the serial of a run */
    _Atomic uint64_t limit;                  /* while the gate is closed: items from here on do not start */
    /* written by both */
    _Alignas(
        64) _Atomic uint64_t gate; /* the number claimed last, 15 bits of a count of closings, is it closed */
} slot_t;

/* ---- The child's side ---- */

/* May this item start? Numbers rise from item to item. False: it was taken back, with all behind it. */
bool slot_claim (slot_t *self, uint64_t number);

/* The claimed item starts. */
void slot_begin (slot_t *self, uint64_t number, int64_t now_ms);
void slot_progress (slot_t *self, uint64_t done, uint64_t steps);
bool slot_is_cancelled (slot_t *self, uint64_t serial);

/* All that was taken back up to this mark has gone by. */
void slot_open_gate (slot_t *self, uint64_t mark);

/* ---- The loop's side ---- */

typedef struct slot_view_s {
    uint64_t number; /* of the item that was begun last; 0: none yet */
    int64_t started_at_ms;
    uint64_t done, steps;
} slot_view_t;

/* What it says. False when the child is just changing it: look again later. Of a dead child it is always
   true, and an item that was claimed and not begun yet counts as running. */
bool slot_read (slot_t *self, bool is_dead, slot_view_t *view);

void slot_cancel (slot_t *self, uint64_t serial);

/* Forbid the child to start items from "number" on. Returns the first that does not start: larger than
   "number" where that one was claimed already; smaller where it took an earlier closing that has not gone by,
   and with it all that was sent since. Send *mark, for slot_open_gate, before any new run. */
uint64_t slot_take_back (slot_t *self, uint64_t number, uint64_t *mark);

#endif
