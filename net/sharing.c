/* SPDX-License-Identifier: MPL-2.0 */
#include "net/sharing.h"

#include "core/loans.h"
#include "core/memory.h"
#include "core/reference.h"
#include "net/borrowed.h"
#include "net/segment.h"

#include <assert.h>
#include <stdatomic.h>
#include <unistd.h>

/* No payload in a frame is so short that it could be taken for one. */
static_assert (DP_REFERENCE_LEN < WIRE_INLINE_MAX, "references are shorter than payloads in frames");

struct dp_sharing_s {
    dp_arena_t *arena, *inbox;
    size_t counter; /* of the arena: payloads that were copied here */
    uint64_t n_taken;
    dp_borrowed_t borrowed;
    uint64_t its_counter;
    bool can_lend, was_invited, was_told;
    dp_loans_t loans;
    dp_sharing_totals_t *totals;
};

dp_sharing_t *dp_sharing_new (dp_arena_t *arena, dp_arena_t *inbox, dp_sharing_totals_t *totals)
{
    size_t counter = arena != NULL ? dp_arena_take_counter (arena) : DP_ARENA_COUNTERS;
    dp_sharing_t *self = counter < DP_ARENA_COUNTERS ? dp_alloc (sizeof *self) : NULL;
    if (self == NULL) {
        if (counter < DP_ARENA_COUNTERS)
            dp_arena_drop_counter (arena, counter);
        return NULL;
    }
    self->arena = dp_arena_hold (arena);
    self->inbox = dp_arena_hold (inbox);
    self->counter = counter;
    self->totals = totals;
    return self;
}

void dp_sharing_destroy (dp_sharing_t **self_p)
{
    dp_sharing_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL)
        return;
    dp_loans_fini (&self->loans);
    dp_borrowed_unmap (&self->borrowed);
    dp_arena_drop_counter (self->arena, self->counter);
    dp_arena_release (&self->arena);
    dp_arena_release (&self->inbox);
    dp_free (self);
}

/* ---- The agreement -------------------------------------------------------------------------- */

void dp_sharing_invite (dp_outbox_t *out, uint64_t to)
{
    static const wire_memory_t nothing = { 0 };
    wire_put_memory (out, to, &nothing);
}

void dp_sharing_announce (const dp_sharing_t *self, dp_outbox_t *out, uint64_t to)
{
    const dp_arena_tail_t *tail = dp_arena_tail (self->arena);
    wire_memory_t memory = {
        .pid = (uint64_t) getpid (),
        .fd = (uint64_t) dp_arena_fd (self->arena),
        .bytes = dp_arena_len (self->arena),
        .secret = tail->secret[0],
        .secret_2 = tail->secret[1],
        .counter = self->counter,
        .is_mapped = self->borrowed.data != NULL,
    };
    wire_put_memory (out, to, &memory);
}

/* Whoever names a broker's arena as theirs to a broker, this one or another of the same user, would read by
   it what is other peers'. Whoever is no broker's lends and borrows nothing among themselves. */
static dp_arena_kind_t kind_of_peer (const dp_sharing_t *self)
{
    return dp_arena_tail (self->arena)->kind == DP_ARENA_BROKER ? DP_ARENA_PROGRAM : DP_ARENA_BROKER;
}

/* A broker asks for our memory before it tells of its own. Nobody asks a broker. */
static void hear_invitation (dp_sharing_t *self, dp_outbox_t *out, uint64_t to)
{
    if (!self->was_invited && kind_of_peer (self) == DP_ARENA_BROKER)
        dp_sharing_announce (self, out, to);
    self->was_invited = true;
}

void dp_sharing_hear (dp_sharing_t *self, const wire_memory_t *memory, dp_outbox_t *out, uint64_t to)
{
    if (memory->pid == 0 && memory->bytes == 0) {
        hear_invitation (self, out, to);
        return;
    }
    /* Once, whether it can be mapped or not: to try costs more than to say so. */
    bool is_new = !self->was_told;
    self->was_told = true;
    if (is_new && dp_borrowed_map (&self->borrowed, memory, kind_of_peer (self)) == 0) {
        self->its_counter = memory->counter;
        dp_sharing_announce (self, out, to);
    }
    self->can_lend |= memory->is_mapped && self->borrowed.data != NULL;
}

/* ---- Payloads ------------------------------------------------------------------------------- */

/* The blob itself where it lies in the arena, else a copy there. NULL where that has no room. */
static dp_blob_t *place (dp_sharing_t *self, dp_blob_t *blob, uint64_t *at)
{
    const uint8_t *data = dp_blob_data (blob);
    size_t len = dp_blob_len (blob);
    /* All that lies there begins with a range. */
    dp_blob_t *placed = dp_arena_find (self->arena, data, len, at) && *at % DP_SEGMENT_UNIT == 0
                            ? dp_blob_hold (blob)
                            : dp_arena_copy (self->arena, data, len);
    if (placed != NULL)
        dp_arena_find (self->arena, dp_blob_data (placed), len, at);
    return placed;
}

static void lend_frame (dp_sharing_t *self, dp_blob_t **frame_p)
{
    dp_reference_t reference = { .len = dp_blob_len (*frame_p) };
    uint8_t *bytes;
    dp_blob_t *placed = place (self, *frame_p, &reference.at);
    dp_blob_t *written = placed != NULL ? dp_blob_new (DP_REFERENCE_LEN, &bytes) : NULL;
    if (written != NULL && dp_loans_lend (&self->loans, placed)) {
        reference.generation = dp_arena_generation (self->arena, reference.at);
        dp_reference_write (&reference, bytes);
        dp_blob_release (frame_p);
        *frame_p = dp_blob_hold (written);
        self->totals->n_lent++;
    }
    dp_blob_release (&written);
    dp_blob_release (&placed);
}

static void settle (dp_sharing_t *self)
{
    if (self->loans.count > 0)
        dp_loans_settle (&self->loans, dp_borrowed_counter (&self->borrowed, self->its_counter));
}

bool dp_sharing_is_lending (dp_sharing_t *self)
{
    settle (self);
    return self->loans.count > 0;
}

void dp_sharing_lend (dp_sharing_t *self, dp_outgoing_t *message)
{
    settle (self);
    for (size_t i = 0; self->can_lend && i < message->n_frames; i++)
        if (dp_blob_len (message->frames[i]) > WIRE_INLINE_MAX)
            lend_frame (self, &message->frames[i]);
}

static uint64_t bytes_in_frames (const dp_outgoing_t *message)
{
    uint64_t total = 0;
    for (size_t i = 0; i < message->n_frames; i++)
        total += dp_blob_len (message->frames[i]);
    return total;
}

bool dp_sharing_lend_ahead (dp_sharing_t *self, dp_outgoing_t *message, dp_outgoing_t *next)
{
    if (self == NULL)
        return true;
    dp_sharing_lend (self, message);
    if (message->kind != WIRE_LARGE || next == NULL || next->to != message->to)
        return true;
    dp_sharing_lend (self, next);
    return bytes_in_frames (next) > WIRE_LARGE_BYTES;
}

static dp_taking_t take_frame (dp_sharing_t *self, dp_blob_t **frame_p, uint64_t most, const char **why)
{
    dp_borrowed_failure_t failure;
    dp_blob_t *blob = dp_borrowed_copy (&self->borrowed, dp_blob_data (*frame_p), DP_REFERENCE_LEN, most,
                                        self->inbox, &failure);
    *why = failure.text;
    if (blob == NULL)
        return failure.is_late && self->n_taken > 0 ? DP_TAKING_LATE : DP_TAKING_UNREADABLE;
    self->totals->n_taken++;
    dp_blob_release (frame_p);
    *frame_p = blob;
    /* Release: all of it was read before the lender may see that it can write there. */
    atomic_store_explicit (&dp_arena_tail (self->arena)->counters[self->counter], ++self->n_taken,
                           memory_order_release);
    return DP_TAKING_DONE;
}

/* Nobody was told that references can be read here. */
static void take_none (dp_incoming_t *incoming)
{
    for (size_t i = 1; i < incoming->n_frames; i++)
        if (dp_reference_is (dp_blob_data (incoming->blobs[i]), dp_blob_len (incoming->blobs[i])))
            incoming->malformed = "a reference to memory that is not shared";
}

dp_taking_t dp_sharing_take (dp_sharing_t *self, dp_incoming_t *incoming, uint64_t max_payload)
{
    uint64_t most = max_payload + WIRE_MAX_ENVELOPE;
    dp_taking_t taking = DP_TAKING_DONE;
    if (self == NULL || self->borrowed.data == NULL) {
        take_none (incoming);
        return DP_TAKING_DONE;
    }
    settle (self);
    for (size_t i = 1; i < incoming->n_frames && taking == DP_TAKING_DONE; i++) {
        dp_blob_t **frame_p = &incoming->blobs[i];
        if (dp_blob_len (*frame_p) == DP_REFERENCE_LEN)
            taking = take_frame (self, frame_p, most, &incoming->malformed);
        most -= dp_blob_len (*frame_p) < most ? dp_blob_len (*frame_p) : most;
    }
    return taking;
}
