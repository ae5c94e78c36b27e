/* SPDX-License-Identifier: MPL-2.0 */
/* Two programs that share memory, both in this one: a broker and a peer, each with an arena. */
#include "tests/support/test.h"

#include "net/sharing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/reference.h"
#include "net/segment.h"
#include "tests/support/payload_message.h"

enum { BROKER, PEER, LONG = 100000, MOST = 1 << 20 };

typedef struct rig_s {
    dp_arena_t *arenas[2];
    dp_sharing_t *sides[2];
    dp_sharing_totals_t totals[2];
    dp_outbox_t out;
    dp_incoming_t incoming; /* what take_in has made of the last message */
} rig_t;

static int set_up (void **state)
{
    rig_t *rig = dp_must_alloc (sizeof *rig);
    *state = rig;
    setenv ("DPOOL_SHARED_MEMORY", "1", 1); /* so that it can be full */
    for (int i = 0; i < 2; i++) {
        rig->arenas[i] = dp_arena_new (i == BROKER ? DP_ARENA_BROKER : DP_ARENA_PROGRAM);
        rig->sides[i] = dp_sharing_new (rig->arenas[i], rig->arenas[i], &rig->totals[i]);
        if (rig->sides[i] == NULL)
            return -1;
    }
    return 0;
}

static void drop_incoming (rig_t *rig)
{
    for (size_t i = 1; i < rig->incoming.n_frames; i++)
        dp_blob_release (&rig->incoming.blobs[i]);
    rig->incoming.n_frames = 0;
    rig->incoming.malformed = NULL;
}

static int tear_down (void **state)
{
    rig_t *rig = *state;
    drop_incoming (rig);
    dp_outbox_fini (&rig->out);
    for (int i = 0; i < 2; i++) {
        dp_sharing_destroy (&rig->sides[i]);
        dp_arena_release (&rig->arenas[i]);
    }
    dp_free (rig);
    unsetenv ("DPOOL_SHARED_MEMORY");
    return 0;
}

/* ---- The agreement -------------------------------------------------------------------------- */

/* Take the MEMORY that was written; false where there is none. */
static bool next_memory (rig_t *rig, wire_memory_t *memory)
{
    dp_outgoing_t *message = dp_outbox_take (&rig->out);
    if (message == NULL)
        return false;
    static wire_message_t decoded;
    const char *why;
    wire_bytes_t frame = { message->envelope.data, message->envelope.len, 0 };
    assert_int_equal (wire_decode (&decoded, &frame, 1, &why), 0);
    assert_int_equal (decoded.kind, WIRE_MEMORY);
    *memory = decoded.memory;
    dp_outgoing_destroy (&message);
    return true;
}

/* Pass on what each says until nobody says anything more; how much was said. */
static int agree (rig_t *rig)
{
    wire_memory_t memory;
    int n = 0;
    dp_sharing_invite (&rig->out, 0);
    while (next_memory (rig, &memory))
        dp_sharing_hear (rig->sides[n++ % 2 == 0 ? PEER : BROKER], &memory, &rig->out, 0);
    return n;
}

/* ---- Payloads ------------------------------------------------------------------------------- */

static dp_blob_t *payload (dp_arena_t *arena, size_t len, int byte)
{
    uint8_t *bytes = dp_must_alloc (len);
    memset (bytes, byte, len);
    dp_blob_t *blob = arena != NULL ? dp_arena_copy (arena, bytes, len) : dp_blob_copy (bytes, len);
    dp_free (bytes);
    assert_non_null (blob);
    return blob;
}

/* The message has arrived: its envelope is of no interest. */
static bool take_in (rig_t *rig, int side, dp_outgoing_t *message)
{
    drop_incoming (rig);
    rig->incoming.n_frames = 1 + message->n_frames;
    for (size_t i = 0; i < message->n_frames; i++)
        rig->incoming.blobs[i + 1] = dp_blob_hold (message->frames[i]);
    dp_outgoing_destroy (&message);
    return dp_sharing_take (rig->sides[side], &rig->incoming, MOST) == DP_TAKING_DONE;
}

static void has_come (rig_t *rig, size_t len, int byte)
{
    const dp_blob_t *blob = rig->incoming.blobs[1];
    assert_int_equal (dp_blob_len (blob), len);
    for (size_t i = 0; i < len; i++)
        if (dp_blob_data (blob)[i] != byte)
            fail_msg ("byte %zu is another one", i);
}

static dp_outgoing_t *lent (rig_t *rig, int side, dp_blob_t *blob)
{
    dp_outgoing_t *message = payload_message (WIRE_SUBMIT, blob);
    dp_sharing_lend (rig->sides[side], message);
    return message;
}

static bool is_free (dp_arena_t *arena)
{
    dp_blob_t *all = payload (NULL, dp_arena_len (arena), 0);
    dp_blob_t *copy = dp_arena_copy (arena, dp_blob_data (all), dp_blob_len (all));
    bool is_so = copy != NULL;
    dp_blob_release (&copy);
    dp_blob_release (&all);
    return is_so;
}

static void payloads_go_by_shared_memory_both_ways (void **state)
{
    rig_t *rig = *state;
    assert_int_equal (agree (rig), 4);
    for (int i = 0; i < 20; i++) {
        int from = i % 2, to = 1 - from;
        dp_outgoing_t *message = lent (rig, from, payload (rig->arenas[from], LONG, i));
        assert_true (dp_blob_len (message->frames[0]) < 100);
        assert_true (take_in (rig, to, message));
        has_come (rig, LONG, i);
        uint64_t at;
        assert_true (dp_arena_find (rig->arenas[to], dp_blob_data (rig->incoming.blobs[1]), LONG, &at));
    }
    assert_int_equal (rig->totals[BROKER].n_lent, 10);
    assert_int_equal (rig->totals[PEER].n_taken, 10);
}

static void payloads_of_the_heap_are_copied_and_lent (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    assert_true (take_in (rig, PEER, lent (rig, BROKER, payload (NULL, LONG, 7))));
    has_come (rig, LONG, 7);
    assert_int_equal (rig->totals[PEER].n_taken, 1);
}

static void holds_what_is_lent_until_it_was_copied (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    dp_outgoing_t *message = lent (rig, BROKER, payload (rig->arenas[BROKER], LONG, 1));
    assert_false (is_free (rig->arenas[BROKER]));
    assert_true (take_in (rig, PEER, message));
    assert_false (is_free (rig->arenas[BROKER])); /* nobody has looked yet */
    message = lent (rig, BROKER, payload (NULL, 10, 2));
    assert_true (is_free (rig->arenas[BROKER]));
    dp_outgoing_destroy (&message);
}

static void before_all_is_agreed_payloads_go_as_frames (void **state)
{
    rig_t *rig = *state;
    wire_memory_t memory;
    dp_outgoing_t *message = lent (rig, BROKER, payload (rig->arenas[BROKER], LONG, 1));
    assert_int_equal (dp_blob_len (message->frames[0]), LONG);
    dp_outgoing_destroy (&message);

    dp_sharing_announce (rig->sides[BROKER], &rig->out, 0);
    assert_true (next_memory (rig, &memory));
    dp_sharing_hear (rig->sides[PEER], &memory, &rig->out, 0);
    message = lent (rig, PEER, payload (rig->arenas[PEER], LONG, 1)); /* the broker has not mapped anything */
    assert_int_equal (dp_blob_len (message->frames[0]), LONG);
    assert_true (take_in (rig, BROKER, message));
    has_come (rig, LONG, 1);
}

/* ---- What must not be believed --------------------------------------------------------------- */

/* Say this to the peer, on a new connection, as the broker's: it does not take it, and says no more. */
static void is_not_taken (rig_t *rig, const wire_memory_t *memory)
{
    wire_memory_t answer;
    dp_sharing_destroy (&rig->sides[PEER]);
    rig->sides[PEER] = dp_sharing_new (rig->arenas[PEER], rig->arenas[PEER], &rig->totals[PEER]);
    dp_sharing_hear (rig->sides[PEER], memory, &rig->out, 0);
    assert_false (next_memory (rig, &answer));
    dp_outgoing_t *message = lent (rig, PEER, payload (rig->arenas[PEER], LONG, 1));
    assert_int_equal (dp_blob_len (message->frames[0]), LONG);
    dp_outgoing_destroy (&message);
}

static void memory_that_is_not_what_it_is_said_to_be_is_not_mapped (void **state)
{
    rig_t *rig = *state;
    wire_memory_t good, bad;
    dp_sharing_announce (rig->sides[BROKER], &rig->out, 0);
    assert_true (next_memory (rig, &good));
    good.is_mapped = true;
    const size_t members[]
        = { offsetof (wire_memory_t, pid), offsetof (wire_memory_t, fd), offsetof (wire_memory_t, bytes),
            offsetof (wire_memory_t, secret), offsetof (wire_memory_t, secret_2) };
    const uint64_t values[] = { 0, 1, DP_SEGMENT_UNIT, UINT64_C (1) << 32, INT32_MAX, UINT64_MAX };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        for (size_t n = 0; n < sizeof values / sizeof values[0]; n++) {
            bad = good;
            memcpy ((char *) &bad + members[i], &values[n], sizeof values[n]);
            is_not_taken (rig, &bad);
        }
}

/* To try it again and again would cost us more than him. */
static void what_is_told_after_memory_that_was_none_is_not_looked_at (void **state)
{
    rig_t *rig = *state;
    wire_memory_t memory, answer;
    dp_sharing_announce (rig->sides[BROKER], &rig->out, 0);
    assert_true (next_memory (rig, &memory));
    memory.secret++;
    is_not_taken (rig, &memory);
    memory.secret--;
    dp_sharing_hear (rig->sides[PEER], &memory, &rig->out, 0);
    assert_false (next_memory (rig, &answer));
}

static void our_own_memory_is_not_taken_for_theirs (void **state)
{
    rig_t *rig = *state;
    wire_memory_t memory;
    dp_sharing_announce (rig->sides[PEER], &rig->out, 0);
    assert_true (next_memory (rig, &memory));
    memory.is_mapped = true;
    is_not_taken (rig, &memory);
}

/* Another broker of the same user told it to somebody, who passes it on as if it were his own. */
static void a_brokers_memory_is_not_taken_by_a_broker (void **state)
{
    rig_t *rig = *state;
    wire_memory_t memory;
    dp_arena_t *arena = dp_arena_new (DP_ARENA_BROKER);
    dp_sharing_t *other = dp_sharing_new (arena, arena, &rig->totals[BROKER]);
    dp_sharing_announce (other, &rig->out, 0);
    assert_true (next_memory (rig, &memory));
    memory.is_mapped = true;
    dp_sharing_hear (rig->sides[BROKER], &memory, &rig->out, 0);
    assert_false (next_memory (rig, &memory));
    dp_sharing_destroy (&other);
    dp_arena_release (&arena);
}

static void memory_of_no_broker_is_not_taken_by_a_peer (void **state)
{
    rig_t *rig = *state;
    wire_memory_t memory;
    dp_arena_t *arena = dp_arena_new (DP_ARENA_PROGRAM);
    dp_sharing_t *other = dp_sharing_new (arena, arena, &rig->totals[PEER]);
    dp_sharing_announce (other, &rig->out, 0);
    assert_true (next_memory (rig, &memory));
    memory.is_mapped = true;
    is_not_taken (rig, &memory);
    dp_sharing_destroy (&other);
    dp_arena_release (&arena);
}

static void whoever_asks_hears_of_memory_once_and_never_of_a_brokers (void **state)
{
    rig_t *rig = *state;
    static const wire_memory_t nothing = { 0 };
    wire_memory_t memory;
    dp_sharing_hear (rig->sides[BROKER], &nothing, &rig->out, 0);
    assert_false (next_memory (rig, &memory));
    dp_sharing_hear (rig->sides[PEER], &nothing, &rig->out, 0);
    assert_true (next_memory (rig, &memory));
    assert_true (memory.pid != 0 && !memory.is_mapped);
    dp_sharing_hear (rig->sides[PEER], &nothing, &rig->out, 0);
    assert_false (next_memory (rig, &memory));
}

/* What the peer sends in place of a payload. */
static void is_refused (rig_t *rig, const void *bytes, size_t len)
{
    dp_outgoing_t *message = payload_message (WIRE_SUBMIT, payload (NULL, LONG, 1));
    dp_blob_release (&message->frames[0]);
    message->frames[0] = dp_blob_copy (bytes, len);
    assert_false (take_in (rig, BROKER, message));
    assert_non_null (rig->incoming.malformed);
    assert_int_equal (rig->totals[BROKER].n_taken, 0);
}

static void references_to_nothing_are_refused (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    dp_outgoing_t *message = lent (rig, PEER, payload (rig->arenas[PEER], LONG, 1));
    uint8_t good[DP_SEGMENT_UNIT], bad[DP_SEGMENT_UNIT] = { 0 };
    size_t len = dp_blob_len (message->frames[0]);
    memcpy (good, dp_blob_data (message->frames[0]), len);
    is_refused (rig, bad, len);
    for (size_t i = 0; i < len; i++) {
        memcpy (bad, good, len);
        bad[i] ^= 0x80;
        if (i != 16 && i != 17) /* a shorter one: that is its own affair */
            is_refused (rig, bad, len);
    }
    assert_true (take_in (rig, BROKER, message));
}

/* What lies behind it may be what was there before it. */
static void references_beyond_what_lies_there_are_refused (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    dp_outgoing_t *message = lent (rig, PEER, payload (rig->arenas[PEER], LONG, 1));
    uint8_t bytes[DP_REFERENCE_LEN];
    dp_reference_t reference;
    size_t size = dp_arena_len (rig->arenas[PEER]);
    assert_true (dp_reference_read (&reference, dp_blob_data (message->frames[0]), DP_REFERENCE_LEN,
                                    DP_SEGMENT_UNIT, size));
    dp_outgoing_destroy (&message);
    reference.len++;
    dp_reference_write (&reference, bytes);
    is_refused (rig, bytes, sizeof bytes);
    reference = (dp_reference_t) { .at = reference.at + DP_SEGMENT_UNIT, .len = 1 }; /* in its midst */
    dp_reference_write (&reference, bytes);
    is_refused (rig, bytes, sizeof bytes);
}

static void a_payload_that_is_too_long_is_refused (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    dp_outgoing_t *message = lent (rig, PEER, payload (rig->arenas[PEER], LONG, 1));
    drop_incoming (rig);
    rig->incoming.n_frames = 2;
    rig->incoming.blobs[1] = dp_blob_hold (message->frames[0]);
    dp_outgoing_destroy (&message);
    uint64_t most
        = (uint64_t) LONG - WIRE_MAX_ENVELOPE - 1; /* and the envelope's megabyte: one byte too few */
    assert_int_equal (dp_sharing_take (rig->sides[BROKER], &rig->incoming, most), DP_TAKING_UNREADABLE);
    assert_string_equal (rig->incoming.malformed, "a payload that is longer than the limit");
}

/* ---- Where it ends -------------------------------------------------------------------------- */

static void what_was_taken_back_is_never_read (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    dp_outgoing_t *message = lent (rig, PEER, payload (rig->arenas[PEER], LONG, 1));
    dp_sharing_destroy (&rig->sides[PEER]); /* its connection is over, and it needs the payload no more */
    dp_blob_t *other = payload (rig->arenas[PEER], LONG, 2);
    assert_false (take_in (rig, BROKER, message));
    assert_non_null (rig->incoming.malformed);
    dp_blob_release (&other);
}

/* Others of this connection were read: so it was shared as agreed, until its lender gave it up. */
static void what_was_taken_back_late_is_told_from_what_never_was_there (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    for (int i = 0; i < 2; i++) {
        dp_outgoing_t *message = lent (rig, PEER, payload (rig->arenas[PEER], LONG, 1));
        dp_sharing_destroy (&rig->sides[PEER]);
        drop_incoming (rig);
        rig->incoming.n_frames = 2;
        rig->incoming.blobs[1] = dp_blob_hold (message->frames[0]);
        assert_int_equal (dp_sharing_take (rig->sides[BROKER], &rig->incoming, MOST),
                          i == 0 ? DP_TAKING_UNREADABLE : DP_TAKING_LATE);
        dp_outgoing_destroy (&message);
        for (int side = 0; side < 2; side++) {
            dp_sharing_destroy (&rig->sides[side]);
            rig->sides[side] = dp_sharing_new (rig->arenas[side], rig->arenas[side], &rig->totals[side]);
        }
        agree (rig);
        assert_true (take_in (rig, BROKER, lent (rig, PEER, payload (rig->arenas[PEER], LONG, 1))));
    }
}

static void a_reference_where_nothing_is_mapped_is_malformed (void **state)
{
    rig_t *rig = *state;
    static const dp_reference_t somewhere = { .len = LONG };
    uint8_t *bytes;
    for (int i = 0; i < 2; i++) {
        drop_incoming (rig);
        rig->incoming.n_frames = 2;
        rig->incoming.blobs[1] = dp_blob_new (DP_REFERENCE_LEN, &bytes);
        dp_reference_write (&somewhere, bytes);
        assert_int_equal (dp_sharing_take (i == 0 ? NULL : rig->sides[BROKER], &rig->incoming, MOST),
                          DP_TAKING_DONE);
        assert_string_equal (rig->incoming.malformed, "a reference to memory that is not shared");
    }
}

static void what_is_kept_by_its_owner_can_be_read_after_the_connection (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    dp_blob_t *kept = payload (rig->arenas[PEER], LONG, 1);
    dp_outgoing_t *message = lent (rig, PEER, dp_blob_hold (kept));
    dp_sharing_destroy (&rig->sides[PEER]);
    assert_true (take_in (rig, BROKER, message));
    has_come (rig, LONG, 1);
    dp_blob_release (&kept);
}

static void the_end_of_a_connection_gives_back_what_was_lent (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    dp_outgoing_t *message = lent (rig, PEER, payload (rig->arenas[PEER], LONG, 1));
    dp_outgoing_destroy (&message); /* lost on its way */
    assert_false (is_free (rig->arenas[PEER]));
    dp_sharing_destroy (&rig->sides[PEER]);
    assert_true (is_free (rig->arenas[PEER]));
}

static void where_memory_is_full_payloads_go_as_frames (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    dp_blob_t *most = payload (rig->arenas[PEER], dp_arena_len (rig->arenas[PEER]) - LONG / 2, 1);
    dp_outgoing_t *message = lent (rig, PEER, payload (NULL, LONG, 2));
    assert_int_equal (dp_blob_len (message->frames[0]), LONG);
    assert_true (take_in (rig, BROKER, message));
    has_come (rig, LONG, 2);
    dp_blob_release (&most);
}

static void where_the_inbox_is_full_payloads_are_copied_to_the_heap (void **state)
{
    rig_t *rig = *state;
    agree (rig);
    dp_blob_t *most = payload (rig->arenas[PEER], dp_arena_len (rig->arenas[PEER]) - LONG / 2, 1);
    assert_true (take_in (rig, PEER, lent (rig, BROKER, payload (rig->arenas[BROKER], LONG, 2))));
    has_come (rig, LONG, 2);
    dp_blob_release (&most);
}

static void a_counter_that_is_none_ends_no_loan (void **state)
{
    rig_t *rig = *state;
    wire_memory_t memory;
    dp_sharing_announce (rig->sides[PEER], &rig->out, 0);
    assert_true (next_memory (rig, &memory));
    memory.is_mapped = true;
    memory.counter = UINT64_MAX;
    dp_sharing_hear (rig->sides[BROKER], &memory, &rig->out, 0);
    for (int i = 0; i < 2; i++) {
        dp_outgoing_t *message = lent (rig, BROKER, payload (rig->arenas[BROKER], LONG, 1));
        assert_true (dp_blob_len (message->frames[0]) < 100);
        dp_outgoing_destroy (&message);
    }
    assert_false (is_free (rig->arenas[BROKER]));
}

static void there_are_so_many_counters_and_they_are_used_again (void **state)
{
    rig_t *rig = *state;
    static dp_sharing_t *others[DP_ARENA_COUNTERS];
    size_t n = 0;
    while ((others[n] = dp_sharing_new (rig->arenas[PEER], rig->arenas[PEER], &rig->totals[PEER])) != NULL)
        n++;
    assert_int_equal (n, DP_ARENA_COUNTERS - 1);
    dp_sharing_destroy (&others[5]);
    others[5] = dp_sharing_new (rig->arenas[PEER], rig->arenas[PEER], &rig->totals[PEER]);
    assert_non_null (others[5]);
    while (n > 0)
        dp_sharing_destroy (&others[--n]);
}

static void large_is_left_out_before_what_is_lent (void **state)
{
    rig_t *rig = *state;
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_number (&out, 0, WIRE_LARGE, 0, 2 * MOST);
    dp_outgoing_t *large = dp_outbox_take (&out);
    dp_outgoing_t *message = payload_message (WIRE_SUBMIT, payload (NULL, LONG, 1));
    dp_blob_release (&message->frames[0]);
    message->frames[0] = payload (NULL, 2 * MOST, 1);
    assert_true (dp_sharing_lend_ahead (NULL, large, message));
    assert_true (dp_sharing_lend_ahead (rig->sides[PEER], large, message)); /* nothing is agreed */
    agree (rig);
    assert_true (dp_sharing_lend_ahead (rig->sides[PEER], large, message)); /* there is no room */
    dp_blob_release (&message->frames[0]);
    message->frames[0] = payload (NULL, MOST / 2, 1);
    assert_false (dp_sharing_lend_ahead (rig->sides[PEER], large, message));
    assert_int_equal (dp_blob_len (message->frames[0]), DP_REFERENCE_LEN);
    assert_true (dp_sharing_lend_ahead (rig->sides[PEER], message, large));
    assert_true (dp_sharing_lend_ahead (rig->sides[PEER], large, NULL));
    dp_outgoing_destroy (&message);
    dp_outgoing_destroy (&large);
}

static void nothing_is_shared_without_an_arena (void **state)
{
    (void) state;
    dp_sharing_totals_t totals = { 0, 0 };
    assert_null (dp_sharing_new (NULL, NULL, &totals));
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (payloads_go_by_shared_memory_both_ways),
        TEST (payloads_of_the_heap_are_copied_and_lent),
        TEST (holds_what_is_lent_until_it_was_copied),
        TEST (before_all_is_agreed_payloads_go_as_frames),
        TEST (memory_that_is_not_what_it_is_said_to_be_is_not_mapped),
        TEST (what_is_told_after_memory_that_was_none_is_not_looked_at),
        TEST (our_own_memory_is_not_taken_for_theirs),
        TEST (references_to_nothing_are_refused),
        TEST (references_beyond_what_lies_there_are_refused),
        TEST (a_brokers_memory_is_not_taken_by_a_broker),
        TEST (memory_of_no_broker_is_not_taken_by_a_peer),
        TEST (whoever_asks_hears_of_memory_once_and_never_of_a_brokers),
        TEST (a_payload_that_is_too_long_is_refused),
        TEST (what_was_taken_back_is_never_read),
        TEST (what_was_taken_back_late_is_told_from_what_never_was_there),
        TEST (a_reference_where_nothing_is_mapped_is_malformed),
        TEST (what_is_kept_by_its_owner_can_be_read_after_the_connection),
        TEST (the_end_of_a_connection_gives_back_what_was_lent),
        TEST (where_memory_is_full_payloads_go_as_frames),
        TEST (where_the_inbox_is_full_payloads_are_copied_to_the_heap),
        TEST (a_counter_that_is_none_ends_no_loan),
        TEST (there_are_so_many_counters_and_they_are_used_again),
        TEST (large_is_left_out_before_what_is_lent),
        TEST (nothing_is_shared_without_an_arena),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
