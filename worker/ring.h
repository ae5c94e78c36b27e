/* SPDX-License-Identifier: MPL-2.0 */
/*
 * ring.h - a row of records in shared memory, from one producer (a child) to one consumer (the loop).
 *
 * The two sides meet without a system call while both are busy: only a consumer that said that it sleeps is
 * woken (by whatever means the producer has), and only a producer that waits for room is woken (by a futex).
 * All shared words are accessed sequentially consistent: "I sleep, then I look" on one side and "I write,
 * then I ask whether it sleeps" on the other cannot both miss one another.
 */
#ifndef RING_H_INCLUDED
#define RING_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_CAPACITY (256u * 1024)
#define RING_LONGEST (RING_CAPACITY / 4) /* bytes of one record, without its head */

/* The shared part: in memory that both sides map, all zero at the start. */
typedef struct ring_shared_s {
    _Alignas(64) _Atomic uint64_t written; /* bytes ever written, by the producer */
    _Alignas(64) _Atomic uint64_t read;    /* and read, by the consumer */
    _Alignas(64) _Atomic uint32_t is_sleeping;
    _Atomic uint32_t is_waiting; /* the producer, for room: a futex */
    _Alignas(64) unsigned char data[RING_CAPACITY];
} ring_shared_t;

/* A record's head. kind, serial, item and run_us mean nothing to the ring; kind 0 is its own. */
typedef struct ring_record_s {
    uint32_t len, kind; /* len: bytes behind the head */
    uint64_t serial, item, run_us;
} ring_record_t;

/* One side's view. */
typedef struct ring_s {
    ring_shared_t *shared;
    uint64_t at; /* own position: written, or read up to */
    uint64_t
        seen; /* the consumer: what was written when it last looked, which moves a cache line to its CPU */
} ring_t;

void ring_init (ring_t *self, ring_shared_t *shared);

/* ---- The producer's side ---- */

/* Append a record of record->len <= RING_LONGEST bytes. False when there is no room. *must_wake is set when
   the consumer sleeps, has not been woken yet, and wants to be for such a record: then wake it. */
bool ring_put (ring_t *self, const ring_record_t *record, const void *bytes, bool is_urgent, bool *must_wake);

/* Wait until the consumer has made room since the last ring_put that failed, timeout_ms at most. Tells,
   before it waits, whether the consumer must be woken. Call ring_put again afterwards in any case. */
bool ring_must_wake (ring_t *self);
void ring_wait_for_room (ring_t *self, uint32_t len, int timeout_ms);

/* ---- The consumer's side ---- */

/* The next record: 1, and *bytes points into the ring until ring_release. 0: none. -1: the other side has
   written nonsense; there is nothing more to be had from it. */
int ring_next (ring_t *self, ring_record_t *record, const uint8_t **bytes);

/* The same, if it has the kind and the serial of *record. Else 0, and it is still the next. */
int ring_next_alike (ring_t *self, ring_record_t *record, const uint8_t **bytes);

/* Look at the last record of ring_next again the next time. */
void ring_unread (ring_t *self, const ring_record_t *record);

/* Give the room of what was read back. */
void ring_release (ring_t *self);

/* Say that it sleeps from now on; if it is patient, that it will look by itself soon, and is to be woken for
   what is urgent only. False when there is something to read: then do not. */
bool ring_sleep (ring_t *self, bool is_patient);
void ring_stay_awake (ring_t *self);

#endif
