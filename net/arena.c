/* SPDX-License-Identifier: MPL-2.0 */
#include "net/arena.h"

#include "core/copy.h"
#include "core/memory.h"
#include "core/ranges.h"
#include "net/clock.h"
#include "net/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ARENA_BYTES = 1 << 30, KEPT_BYTES = 32 << 20 };

struct dp_arena_s {
    atomic_size_t n_holds;
    pid_t owner; /* a fork of the program may not touch what both see */
    dp_segment_t segment;
    dp_buffer_source_t source;
    pthread_mutex_t lock; /* guards: */
    dp_ranges_t ranges, counters;
    size_t n_backed; /* units whose place in the tail has memory behind it */
};

/* ---- Beginning and end ---------------------------------------------------------------------- */

static uint8_t *take (void *context, size_t len, size_t *capacity);
static void give_back (void *context, const uint8_t *block);

size_t dp_arena_file_len (size_t len)
{
    size_t tail = sizeof (dp_arena_tail_t) + len / DP_SEGMENT_UNIT * sizeof (dp_arena_range_t);
    return len + (tail + DP_SEGMENT_UNIT - 1) / DP_SEGMENT_UNIT * DP_SEGMENT_UNIT;
}

dp_arena_tail_t *dp_arena_tail (const dp_arena_t *self)
{
    return self->segment.fd >= 0 ? (dp_arena_tail_t *) (void *) (self->segment.data + self->segment.len)
                                 : NULL;
}

/* Have memory behind what the tail has of all units below n: as that of payloads, it is fetched before it is
 * written. */
static int back_ranges (dp_arena_t *self, size_t n)
{
    enum { STEP = 256 };
    if (n <= self->n_backed)
        return 0;
    n = (n + STEP - 1) / STEP * STEP;
    if (n > self->segment.len / DP_SEGMENT_UNIT)
        n = self->segment.len / DP_SEGMENT_UNIT;
    size_t len = sizeof (dp_arena_tail_t) + n * sizeof (dp_arena_range_t);
    if (dp_segment_reserve (&self->segment, self->segment.len, len) < 0)
        return -1;
    self->n_backed = n;
    return 0;
}

static int write_tail (dp_arena_t *self, dp_arena_kind_t kind)
{
    if (back_ranges (self, 1) < 0)
        return -1;
    dp_arena_tail_t *tail = dp_arena_tail (self);
    tail->secret[0] = dp_random ();
    tail->secret[1] = dp_random ();
    tail->kind = kind;
    tail->magic = DP_ARENA_MAGIC;
    return dp_ranges_init (&self->counters, DP_ARENA_COUNTERS);
}

/* kind 0: it is private. */
static int open_segment (dp_arena_t *self, size_t len, dp_arena_kind_t kind)
{
    bool is_private = kind == 0;
    size_t mapped = is_private ? len : dp_arena_file_len (len);
    int flags = is_private ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
    self->segment.fd = is_private ? -1 : dp_segment_make ("dpool-arena", mapped);
    if (self->segment.fd < 0 && !is_private)
        return -1;
    void *data = mmap (NULL, mapped, PROT_READ | PROT_WRITE, flags, self->segment.fd, 0);
    if (data == MAP_FAILED)
        return -1;
    self->segment.data = data;
    self->segment.len = len;
    self->segment.kept = KEPT_BYTES;
    if (!is_private && write_tail (self, kind) < 0)
        return -1;
    return dp_ranges_init (&self->ranges, len / DP_SEGMENT_UNIT);
}

static dp_arena_t *new_arena (dp_arena_kind_t kind)
{
    size_t len = dp_segment_limit (ARENA_BYTES);
    dp_arena_t *self = len > 0 ? dp_alloc (sizeof *self) : NULL;
    if (self == NULL)
        return NULL;
    atomic_init (&self->n_holds, 1);
    pthread_mutex_init (&self->lock, NULL);
    self->owner = getpid ();
    self->source = (dp_buffer_source_t) { take, give_back, self };
    if (open_segment (self, len, kind) == 0)
        return self;
    int code = errno;
    dp_arena_release (&self);
    errno = code;
    return NULL;
}

dp_arena_t *dp_arena_new (dp_arena_kind_t kind)
{
    return new_arena (kind);
}

dp_arena_t *dp_arena_new_private (void)
{
    return new_arena (0);
}

dp_arena_t *dp_arena_hold (dp_arena_t *self)
{
    if (self != NULL)
        atomic_fetch_add (&self->n_holds, 1);
    return self;
}

void dp_arena_release (dp_arena_t **self_p)
{
    dp_arena_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL || atomic_fetch_sub (&self->n_holds, 1) != 1)
        return;
    bool is_private = self->segment.fd < 0;
    if (self->segment.data != NULL)
        munmap (self->segment.data, is_private ? self->segment.len : dp_arena_file_len (self->segment.len));
    if (!is_private)
        close (self->segment.fd);
    dp_ranges_fini (&self->ranges);
    dp_ranges_fini (&self->counters);
    pthread_mutex_destroy (&self->lock);
    dp_free (self);
}

int dp_arena_fd (const dp_arena_t *self)
{
    return self->segment.fd;
}

size_t dp_arena_len (const dp_arena_t *self)
{
    return self->segment.len;
}

const dp_buffer_source_t *dp_arena_source (const dp_arena_t *self)
{
    return self != NULL ? &self->source : NULL;
}

/* ---- Ranges --------------------------------------------------------------------------------- */

static int back (dp_arena_t *self, size_t first, size_t len)
{
    if (self->segment.fd >= 0 && back_ranges (self, first + 1) < 0)
        return -1;
    return dp_segment_back (&self->segment, first * DP_SEGMENT_UNIT, len);
}

static uint8_t *take (void *context, size_t len, size_t *capacity)
{
    dp_arena_t *self = context;
    if (len > self->segment.len || getpid () != self->owner)
        return NULL;
    size_t n_units = (len + DP_SEGMENT_UNIT - 1) / DP_SEGMENT_UNIT;
    *capacity = n_units * DP_SEGMENT_UNIT;
    pthread_mutex_lock (&self->lock);
    size_t first = dp_ranges_take (&self->ranges, n_units);
    if (first != DP_RANGES_NONE && back (self, first, *capacity) < 0) {
        dp_ranges_give_back (&self->ranges, first);
        first = DP_RANGES_NONE;
    }
    pthread_mutex_unlock (&self->lock);
    return first != DP_RANGES_NONE ? self->segment.data + first * DP_SEGMENT_UNIT : NULL;
}

/* Whoever still copies this range finds out that its copy is worth nothing: he sees the new generation before
   anything that is written there from now on. A release fence orders plain writes behind it, and no more:
   those that dp_copy has go past the caches, and may overtake what stands before them on x86 but for a full
   fence. (The locked instruction of the addition is one there. C does not say so, and no other machine has
   to.) */
static void end_generation (dp_arena_t *self, size_t unit)
{
    dp_arena_tail_t *tail = dp_arena_tail (self);
    if (tail == NULL)
        return;
    dp_arena_range_t *range = &tail->ranges[unit];
    atomic_store_explicit (&range->len, 0, memory_order_relaxed);
    atomic_fetch_add_explicit (&range->generation, 1, memory_order_relaxed);
    atomic_thread_fence (memory_order_seq_cst);
}

static void give_back (void *context, const uint8_t *block)
{
    dp_arena_t *self = context;
    if (getpid () != self->owner)
        return;
    size_t at = (size_t) (block - self->segment.data);
    pthread_mutex_lock (&self->lock);
    end_generation (self, at / DP_SEGMENT_UNIT);
    size_t n_units = dp_ranges_give_back (&self->ranges, at / DP_SEGMENT_UNIT);
    dp_segment_strip (&self->segment, at, n_units * DP_SEGMENT_UNIT);
    pthread_mutex_unlock (&self->lock);
}

/* ---- Counters ------------------------------------------------------------------------------- */

size_t dp_arena_take_counter (dp_arena_t *self)
{
    pthread_mutex_lock (&self->lock);
    size_t counter = dp_ranges_take (&self->counters, 1);
    pthread_mutex_unlock (&self->lock);
    if (counter == DP_RANGES_NONE)
        return DP_ARENA_COUNTERS;
    atomic_store (&dp_arena_tail (self)->counters[counter], 0);
    return counter;
}

void dp_arena_drop_counter (dp_arena_t *self, size_t counter)
{
    pthread_mutex_lock (&self->lock);
    dp_ranges_give_back (&self->counters, counter);
    pthread_mutex_unlock (&self->lock);
}

/* ---- Blobs ---------------------------------------------------------------------------------- */

typedef struct loan_s {
    dp_arena_t *arena;
    uint8_t *block;
} loan_t;

static void end_loan (void *hint)
{
    loan_t *loan = hint;
    give_back (loan->arena, loan->block);
    dp_arena_release (&loan->arena);
    dp_free (loan);
}

/* Others may read so much of it, and nothing of what lay behind that before. */
static void set_len (dp_arena_t *self, const uint8_t *block, size_t len)
{
    dp_arena_tail_t *tail = dp_arena_tail (self);
    if (tail != NULL)
        atomic_store (&tail->ranges[(size_t) (block - self->segment.data) / DP_SEGMENT_UNIT].len, len);
}

/* NULL with ENOMEM: the block is still the caller's. */
static dp_blob_t *lend (dp_arena_t *self, uint8_t *block, size_t len)
{
    loan_t *loan = dp_alloc (sizeof *loan);
    if (loan == NULL)
        return NULL;
    loan->block = block;
    dp_blob_t *blob = dp_blob_adopt (block, len, end_loan, loan);
    if (blob == NULL) {
        dp_free (loan);
        return NULL;
    }
    loan->arena = dp_arena_hold (self);
    set_len (self, block, len);
    return blob;
}

dp_blob_t *dp_arena_take_over (dp_arena_t *self, dp_buffer_t *buffer)
{
    if (!buffer->is_lent)
        return dp_blob_copy (buffer->data, buffer->len);
    dp_blob_t *blob = lend (self, buffer->data, buffer->len);
    if (blob != NULL)
        *buffer = (dp_buffer_t) { .source = buffer->source };
    return blob;
}

dp_blob_t *dp_arena_copy (dp_arena_t *self, const void *data, size_t len)
{
    size_t capacity;
    uint8_t *block = self != NULL && len > 0 ? take (self, len, &capacity) : NULL;
    if (block == NULL)
        return NULL;
    dp_copy (block, data, len);
    dp_blob_t *blob = lend (self, block, len);
    if (blob == NULL)
        give_back (self, block);
    return blob;
}

uint64_t dp_arena_generation (const dp_arena_t *self, uint64_t at)
{
    return atomic_load (&dp_arena_tail (self)->ranges[at / DP_SEGMENT_UNIT].generation);
}

bool dp_arena_find (const dp_arena_t *self, const void *data, size_t len, uint64_t *at)
{
    uintptr_t start = self != NULL ? (uintptr_t) self->segment.data : 0, there = (uintptr_t) data;
    if (start == 0 || there < start || there - start >= self->segment.len
        || len > self->segment.len - (there - start))
        return false;
    *at = there - start;
    return true;
}
