/* SPDX-License-Identifier: MPL-2.0 */
/*
 * memory_fuzz.c - a broker and a peer that share memory: MEMORY and references of any bytes, a peer that
 * writes anything into what it shares, and the books of what is lent.
 *
 * The first byte of the input says whether they begin with an agreement. A message's MEMORY is heard by the
 * side that the lowest bit of its step says; where the next bit is set it is of the other side's memory as
 * far as pid, descriptor and secrets go. Any other message comes to the broker with its frames as they are.
 * Steps of their own: 3 = the peer writes a range of its tail, 4 = it lends a payload, 5 = it writes a
 * counter, 6 = the broker lends one, 7 = the books of loans alone.
 */
#include "tests/fuzz/fuzz.h"

#include "core/loans.h"
#include "core/reference.h"
#include "net/segment.h"
#include "net/sharing.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BROKER, PEER, MOST = 64 * 1024, MOST_STEPS = 200 };

typedef struct stage_s {
    dp_sharing_t *sides[2];
    dp_sharing_totals_t totals[2];
    dp_outbox_t out;
    dp_loans_t loans;
    uint64_t n_lent;
} stage_t;

static dp_arena_t *arenas[2]; /* for all inputs */

static uint64_t take_number (fuzz_input_t *input)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | fuzz_take_byte (input);
    return number;
}

/* All that an input may have left in their tails is as at first. */
static void reset_arenas (void)
{
    setenv ("DPOOL_SHARED_MEMORY", "1", 1);
    for (int i = 0; i < 2; i++) {
        if (arenas[i] == NULL)
            arenas[i] = dp_arena_new (i == BROKER ? DP_ARENA_BROKER : DP_ARENA_PROGRAM);
        FUZZ_CHECK (arenas[i] != NULL);
        dp_arena_tail_t *tail = dp_arena_tail (arenas[i]);
        for (size_t unit = 0; unit < dp_arena_len (arenas[i]) / DP_SEGMENT_UNIT; unit++) {
            atomic_store (&tail->ranges[unit].generation, 0);
            atomic_store (&tail->ranges[unit].len, 0);
        }
    }
}

/* ---- The agreement -------------------------------------------------------------------------- */

/* Each hears what the other one has answered, until nobody says anything more. */
static void talk (stage_t *self, int hearer)
{
    static wire_message_t decoded;
    const char *why;
    dp_outgoing_t *message;
    while ((message = dp_outbox_take (&self->out)) != NULL) {
        wire_bytes_t frame = { message->envelope.data, message->envelope.len, 0 };
        FUZZ_CHECK (wire_decode (&decoded, &frame, 1, &why) == 0 && decoded.kind == WIRE_MEMORY);
        dp_outgoing_destroy (&message);
        dp_sharing_hear (self->sides[hearer], &decoded.memory, &self->out, 0);
        hearer = 1 - hearer;
    }
}

static void hear_memory (stage_t *self, unsigned who, wire_memory_t *memory)
{
    int hearer = who & 1;
    if (who & 2) {
        const dp_arena_tail_t *tail = dp_arena_tail (arenas[1 - hearer]);
        memory->pid = (uint64_t) getpid ();
        memory->fd = (uint64_t) dp_arena_fd (arenas[1 - hearer]);
        memory->secret = tail->secret[0];
        memory->secret_2 = tail->secret[1];
    }
    dp_sharing_hear (self->sides[hearer], memory, &self->out, 0);
    talk (self, 1 - hearer);
}

/* ---- Payloads ------------------------------------------------------------------------------- */

/* Whatever the frames are, they are copied within the limit, or refused with a reason. */
static void take (stage_t *self, int side, dp_incoming_t *incoming)
{
    uint64_t total = 0, n_before = self->totals[side].n_taken;
    for (size_t i = 1; i < incoming->n_frames; i++)
        total += dp_blob_len (incoming->blobs[i]);
    uint64_t most = total > MOST + WIRE_MAX_ENVELOPE ? total : MOST + WIRE_MAX_ENVELOPE;
    dp_taking_t taking = dp_sharing_take (self->sides[side], incoming, MOST);
    FUZZ_CHECK (taking == DP_TAKING_DONE || incoming->malformed != NULL);
    FUZZ_CHECK (self->totals[side].n_taken - n_before < WIRE_MAX_FRAMES);
    total = 0;
    for (size_t i = 1; i < incoming->n_frames; i++)
        total += dp_blob_len (incoming->blobs[i]);
    FUZZ_CHECK (total <= most);
}

static void hear (stage_t *self, unsigned who, fuzz_input_t *input)
{
    static wire_message_t message;
    static dp_incoming_t incoming;
    fuzz_message_t raw;
    const char *why;
    fuzz_take_message (input, &raw);
    if (wire_decode (&message, raw.frames, raw.n_frames, &why) == 0 && message.kind == WIRE_MEMORY) {
        hear_memory (self, who, &message.memory);
    } else {
        incoming = (dp_incoming_t) { .n_frames = raw.n_frames };
        for (size_t i = 1; i < raw.n_frames; i++)
            incoming.blobs[i] = dp_blob_hold (raw.blobs[i]);
        take (self, BROKER, &incoming);
        for (size_t i = 1; i < raw.n_frames; i++)
            dp_blob_release (&incoming.blobs[i]);
    }
    fuzz_message_fini (&raw);
}

/* An honest payload: it is read by the other one, or what was agreed was spoilt before. */
static void lend (stage_t *self, int side, size_t len)
{
    static const uint8_t bytes[WIRE_INLINE_MAX + (1 << 16)] = { 1, 2, 3 };
    static const wire_group_t group = { .function = { "f", 1 }, .require = { "", 0 } };
    static dp_incoming_t incoming;
    dp_blob_t *blob = dp_blob_copy (bytes, WIRE_INLINE_MAX + 1 + len);
    wire_task_t task = { .id = 1, .n_items = 1, .payload = { dp_blob_data (blob), dp_blob_len (blob), 0 } };
    wire_batch_t batch = { 0 };
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_add_task (&batch, &out, 0, WIRE_SUBMIT, &group, &task, blob);
    wire_flush (&batch, &out, 0, 0, 0);
    dp_outgoing_t *message = dp_outbox_take (&out);
    dp_sharing_lend_ahead (self->sides[side], message, NULL);
    incoming = (dp_incoming_t) { .n_frames = 2, .blobs = { NULL, dp_blob_hold (message->frames[0]) } };
    take (self, 1 - side, &incoming);
    if (incoming.malformed == NULL)
        FUZZ_CHECK (dp_blob_len (incoming.blobs[1]) == dp_blob_len (blob)
                    && memcmp (dp_blob_data (incoming.blobs[1]), bytes, dp_blob_len (blob)) == 0);
    dp_blob_release (&incoming.blobs[1]);
    dp_blob_release (&blob);
    dp_outgoing_destroy (&message);
}

static void spoil_range (fuzz_input_t *input)
{
    size_t unit = fuzz_take_byte (input) % (dp_arena_len (arenas[PEER]) / DP_SEGMENT_UNIT);
    dp_arena_range_t *range = &dp_arena_tail (arenas[PEER])->ranges[unit];
    bool is_wild = fuzz_take_byte (input) & 1;
    atomic_store (&range->generation, is_wild ? take_number (input) : fuzz_take_byte (input));
    atomic_store (&range->len, is_wild ? take_number (input) : fuzz_take_short (input) * 16);
}

/* ---- The books ------------------------------------------------------------------------------ */

static void keep_books (stage_t *self, unsigned who, fuzz_input_t *input)
{
    static const uint8_t byte;
    if (who & 1) {
        dp_blob_t *blob = dp_blob_copy (&byte, 1);
        self->n_lent += dp_loans_lend (&self->loans, blob);
        dp_blob_release (&blob);
    } else {
        uint64_t ended = self->loans.n_ended;
        uint64_t told = who & 2 ? take_number (input) : fuzz_take_byte (input);
        dp_loans_settle (&self->loans, told);
        FUZZ_CHECK (self->loans.n_ended == ended || self->loans.n_ended <= told);
    }
    FUZZ_CHECK (self->loans.n_ended + self->loans.count == self->n_lent);
}

static void read_reference (const uint8_t *data, size_t size)
{
    uint8_t back[DP_REFERENCE_LEN];
    dp_reference_t reference;
    size_t room = (size_t) 1 << (size > 0 ? data[0] % 48 : 0);
    size_t len = size < DP_REFERENCE_LEN ? size : DP_REFERENCE_LEN;
    if (!dp_reference_read (&reference, data, len, DP_SEGMENT_UNIT, room))
        return;
    FUZZ_CHECK (reference.len > 0 && reference.at % DP_SEGMENT_UNIT == 0);
    FUZZ_CHECK (reference.len <= room && reference.at <= room - reference.len);
    dp_reference_write (&reference, back);
    FUZZ_CHECK (memcmp (back, data, sizeof back) == 0 && dp_reference_is (back, sizeof back));
}

static void step (stage_t *self, unsigned what, unsigned who, fuzz_input_t *input)
{
    switch (what) {
    case FUZZ_MESSAGE:
        hear (self, who, input);
        break;
    case FUZZ_OWN:
        spoil_range (input);
        break;
    case FUZZ_OWN + 1:
    case FUZZ_OWN + 3:
        lend (self, what == FUZZ_OWN + 1 ? PEER : BROKER, fuzz_take_short (input));
        break;
    case FUZZ_OWN + 2:
        atomic_store (&dp_arena_tail (arenas[PEER])->counters[who % 4], take_number (input));
        break;
    case FUZZ_OWN + 4:
        keep_books (self, who, input);
        break;
    default:
        (void) dp_sharing_is_lending (self->sides[who & 1]);
        break;
    }
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    fuzz_input_t input = { data, data + size };
    stage_t stage = { .n_lent = 0 };
    read_reference (data, size);
    reset_arenas ();
    for (int i = 0; i < 2; i++) {
        stage.sides[i] = dp_sharing_new (arenas[i], arenas[i], &stage.totals[i]);
        FUZZ_CHECK (stage.sides[i] != NULL);
    }
    if (fuzz_take_byte (&input) & 1) {
        dp_sharing_invite (&stage.out, 0);
        talk (&stage, PEER);
    }
    unsigned what, who;
    for (int i = 0; i < MOST_STEPS && fuzz_next_step (&input, &what, &who); i++)
        step (&stage, what, who, &input);
    dp_loans_fini (&stage.loans);
    for (int i = 0; i < 2; i++)
        dp_sharing_destroy (&stage.sides[i]);
    return 0;
}
