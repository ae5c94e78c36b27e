/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/ring.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ALIGNMENT = 8, KIND_PADDING = 0 };

/* What is_sleeping says. */
enum { IS_AWAKE = 0, IS_ASLEEP = 1, IS_PATIENT = 2 };

void ring_init (ring_t *self, ring_shared_t *shared)
{
    self->shared = shared;
    self->at = self->seen = 0;
}

/* Head and bytes of a record, rounded up. */
static uint64_t size_of (uint32_t len)
{
    return (sizeof (ring_record_t) + (uint64_t) len + ALIGNMENT - 1) & ~(uint64_t) (ALIGNMENT - 1);
}

/* Records lie in one piece, so the rest at the end of the memory is left out where one does not fit in. */
static uint64_t padding_at (uint64_t at, uint64_t size)
{
    uint64_t rest = RING_CAPACITY - at % RING_CAPACITY;
    return rest < size ? rest : 0;
}

static bool has_room (ring_t *self, uint32_t len)
{
    uint64_t size = size_of (len);
    uint64_t used = self->at - atomic_load (&self->shared->read);
    return used + padding_at (self->at, size) + size <= RING_CAPACITY;
}

bool ring_must_wake (ring_t *self)
{
    return atomic_load (&self->shared->is_sleeping) != IS_AWAKE
           && atomic_exchange (&self->shared->is_sleeping, IS_AWAKE) != IS_AWAKE;
}

bool ring_put (ring_t *self, const ring_record_t *record, const void *bytes, bool is_urgent, bool *must_wake)
{
    *must_wake = false;
    if (!has_room (self, record->len))
        return false;
    uint64_t size = size_of (record->len);
    uint64_t padding = padding_at (self->at, size);
    if (padding >= sizeof (ring_record_t)) {
        ring_record_t head = { .len = (uint32_t) (padding - sizeof head), .kind = KIND_PADDING };
        memcpy (&self->shared->data[self->at % RING_CAPACITY], &head, sizeof head);
    }
    self->at += padding;
    unsigned char *target = &self->shared->data[self->at % RING_CAPACITY];
    memcpy (target, record, sizeof *record);
    if (record->len > 0)
        memcpy (target + sizeof *record, bytes, record->len);
    self->at += size;
    atomic_store (&self->shared->written, self->at);
    *must_wake
        = (is_urgent || atomic_load (&self->shared->is_sleeping) != IS_PATIENT) && ring_must_wake (self);
    return true;
}

static long futex (_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
    return syscall (SYS_futex, word, operation, value, timeout, NULL, 0);
}

void ring_wait_for_room (ring_t *self, uint32_t len, int timeout_ms)
{
    struct timespec timeout = { timeout_ms / 1000, (long) (timeout_ms % 1000) * 1000000 };
    atomic_store (&self->shared->is_waiting, 1);
    if (!has_room (self, len))
        futex (&self->shared->is_waiting, FUTEX_WAIT, 1, &timeout);
    atomic_store (&self->shared->is_waiting, 0);
}

int ring_next (ring_t *self, ring_record_t *record, const uint8_t **bytes)
{
    for (;;) {
        if (self->seen == self->at)
            self->seen = atomic_load (&self->shared->written);
        uint64_t ready = self->seen - self->at;
        if (ready == 0)
            return 0;
        uint64_t rest = RING_CAPACITY - self->at % RING_CAPACITY;
        if (ready > RING_CAPACITY)
            return -1;
        if (rest < sizeof *record) {
            if (ready < rest)
                return -1;
            self->at += rest;
            continue;
        }
        const unsigned char *source = &self->shared->data[self->at % RING_CAPACITY];
        memcpy (record, source, sizeof *record);
        uint64_t size = size_of (record->len);
        if (size > ready || size > rest)
            return -1;
        self->at += size;
        if (record->kind == KIND_PADDING)
            continue;
        *bytes = source + sizeof *record;
        return 1;
    }
}

int ring_next_alike (ring_t *self, ring_record_t *record, const uint8_t **bytes)
{
    ring_record_t next;
    int rc = ring_next (self, &next, bytes);
    if (rc <= 0)
        return rc;
    if (next.kind != record->kind || next.serial != record->serial) {
        ring_unread (self, &next);
        return 0;
    }
    *record = next;
    return 1;
}

void ring_unread (ring_t *self, const ring_record_t *record)
{
    self->at -= size_of (record->len);
}

void ring_release (ring_t *self)
{
    if (atomic_load (&self->shared->read) == self->at)
        return;
    atomic_store (&self->shared->read, self->at);
    if (atomic_load (&self->shared->is_waiting) != 0 && atomic_exchange (&self->shared->is_waiting, 0) != 0)
        futex (&self->shared->is_waiting, FUTEX_WAKE, INT_MAX, NULL);
}

bool ring_sleep (ring_t *self, bool is_patient)
{
    atomic_store (&self->shared->is_sleeping, is_patient ? IS_PATIENT : IS_ASLEEP);
    if (atomic_load (&self->shared->written) == self->at)
        return true;
    atomic_store (&self->shared->is_sleeping, IS_AWAKE);
    return false;
}

void ring_stay_awake (ring_t *self)
{
    if (atomic_load (&self->shared->is_sleeping) != IS_AWAKE)
        atomic_store (&self->shared->is_sleeping, IS_AWAKE);
}
