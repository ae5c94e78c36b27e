/* SPDX-License-Identifier: MPL-2.0 */
/*
 * slot.h - what a child and the loop tell each other through shared memory, beside tasks and results:
 * the item that runs, its progress, the cancel flag, and which runs were taken back.
 *
 * Taking back: a run may start only by a claim on the gate. The loop closes the gate from a serial on, and
 * learns in the same step which run was claimed last; so each run is either claimed or taken back, never both
 * and never neither. What lies in the channel already is skipped by the child, up to the mark behind which
 * the loop sends new work; there the child opens the gate again.
 */
#ifndef SLOT_H_INCLUDED
#define SLOT_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

/* All zero at the start. All words are accessed sequentially consistent. */
typedef struct slot_s {
    /* written by the child */
    _Alignas(64) _Atomic uint64_t version; /* odd while the next three change */
    _Atomic uint64_t serial, item;
    _Atomic int64_t started_at_ms;
    _Atomic uint64_t done, steps;
    /* written by the loop */
    _Alignas(64) _Atomic uint64_t cancelled; /* the serial of a run */
    _Atomic uint64_t limit;                  /* while the gate is closed: runs from here on do not start */
    /* written by both */
    _Alignas(
        64) _Atomic uint64_t gate; /* the serial claimed last, 15 bits of a count of closings, is it closed */
} slot_t;

/* ---- The child's side ---- */

/* May this run start? Serials rise from run to run. False: it was taken back. */
bool slot_claim (slot_t *self, uint64_t serial);

/* An item of the claimed run starts. */
void slot_begin (slot_t *self, uint64_t serial, uint64_t item, int64_t now_ms);
void slot_progress (slot_t *self, uint64_t done, uint64_t steps);
bool slot_is_cancelled (slot_t *self, uint64_t serial);

/* All that was taken back up to this mark has gone by. */
void slot_open_gate (slot_t *self, uint64_t mark);

/* ---- The loop's side ---- */

typedef struct slot_view_s {
    uint64_t serial, item; /* serial 0: none yet */
    int64_t started_at_ms;
    uint64_t done, steps;
} slot_view_t;

/* What it says. False when the child is just changing it: look again later. Of a dead child it is always
   true, and a run that was claimed and had no item yet counts as running its first. */
bool slot_read (slot_t *self, bool is_dead, slot_view_t *view);

void slot_cancel (slot_t *self, uint64_t serial);

/* Forbid the child to start runs from "serial" on. Returns the first run that does not start: larger than
   serial where that one was claimed already; smaller where it took an earlier closing that has not gone by,
   and with it all that was sent since. Send *mark, for slot_open_gate, before any new run. */
uint64_t slot_take_back (slot_t *self, uint64_t serial, uint64_t *mark);

#endif
