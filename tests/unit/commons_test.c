/* SPDX-License-Identifier: MPL-2.0 */
/* The memory that a broker shares, and a peer of its machine that is in this process, too. */
#include "tests/support/test.h"

#include "broker/commons.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/reference.h"
#include "net/machine.h"
#include "tests/support/payload_message.h"

enum { LONG = 100000, MOST = 1 << 20, ID = 77 };

typedef struct rig_s {
    peers_t *peers;
    commons_t *commons;
    dp_arena_t *arena; /* the peer's */
    dp_sharing_t *sharing;
    dp_sharing_totals_t totals;
    dp_outbox_t out;
    uint32_t n_connections;
} rig_t;

static char log_text[4096];

static void log_line (const char *line)
{
    size_t len = strlen (log_text);
    snprintf (log_text + len, sizeof log_text - len, "%s\n", line);
}

static size_t n_logged (void)
{
    size_t n = 0;
    for (const char *at = log_text; (at = strchr (at, '\n')) != NULL; at++)
        n++;
    return n;
}

static int set_up (void **state)
{
    rig_t *rig = dp_must_alloc (sizeof *rig);
    *state = rig;
    log_text[0] = '\0';
    setenv ("DPOOL_SHARED_MEMORY", "1", 1);
    rig->peers = peers_new (2000);
    rig->commons = commons_new (rig->peers, log_line);
    rig->arena = dp_arena_new (DP_ARENA_PROGRAM);
    return rig->commons != NULL && rig->arena != NULL ? 0 : -1;
}

static int tear_down (void **state)
{
    rig_t *rig = *state;
    dp_outbox_fini (&rig->out);
    dp_sharing_destroy (&rig->sharing);
    dp_arena_release (&rig->arena);
    peers_destroy (&rig->peers);
    commons_destroy (&rig->commons);
    dp_free (rig);
    unsetenv ("DPOOL_SHARED_MEMORY");
    return 0;
}

/* What has been written: all of it is MEMORY. False where it is nothing. */
static bool next_memory (rig_t *rig, wire_memory_t *memory)
{
    static wire_message_t decoded;
    const char *why;
    dp_outgoing_t *message = dp_outbox_take (&rig->out);
    if (message == NULL)
        return false;
    wire_bytes_t frame = { message->envelope.data, message->envelope.len, 0 };
    assert_int_equal (wire_decode (&decoded, &frame, 1, &why), 0);
    assert_int_equal (decoded.kind, WIRE_MEMORY);
    *memory = decoded.memory;
    dp_outgoing_destroy (&message);
    return true;
}

/* A new connection of the peer, which says HELLO and goes along with what it is asked. */
static uint64_t connect_as (rig_t *rig, uint64_t id)
{
    wire_memory_t memory;
    uint64_t gone;
    uint32_t routing_id = ++rig->n_connections;
    uint64_t connection = peers_meet (rig->peers, 1, &routing_id, sizeof routing_id, -1, "", &gone);
    peers_greet (rig->peers, connection);
    dp_sharing_destroy (&rig->sharing);
    rig->sharing = dp_sharing_new (rig->arena, rig->arena, &rig->totals);
    commons_offer (rig->commons, connection, id, dp_machine (), &rig->out);
    for (int i = 0; next_memory (rig, &memory); i++)
        if (i % 2 == 0)
            dp_sharing_hear (rig->sharing, &memory, &rig->out, 0);
        else
            commons_hear (rig->commons, connection, &memory, &rig->out);
    return connection;
}

/* A message with a long payload, as the peer sends it. */
static dp_outgoing_t *lent (rig_t *rig)
{
    static const uint8_t bytes[LONG] = { 1 };
    dp_outgoing_t *message = payload_message (WIRE_SUBMIT, dp_blob_copy (bytes, sizeof bytes));
    dp_sharing_lend (rig->sharing, message);
    return message;
}

/* Is it taken? *why: what is wrong with it, whether it is or not. */
static bool is_taken (rig_t *rig, uint64_t connection, int64_t now_ms, const dp_outgoing_t *message,
                      const char **why)
{
    static dp_incoming_t incoming;
    incoming = (dp_incoming_t) { .n_frames = 2 };
    incoming.blobs[1] = dp_blob_hold (message->frames[0]);
    bool is_so = commons_take (rig->commons, now_ms, connection, &incoming, MOST);
    *why = incoming.malformed;
    dp_blob_release (&incoming.blobs[1]);
    return is_so;
}

/* The peer sends a payload, and the reference to it leads nowhere. */
static bool lies (rig_t *rig, uint64_t connection, int64_t now_ms, const char **why)
{
    dp_outgoing_t *message = lent (rig);
    static const dp_reference_t nowhere = { .at = 16384, .len = LONG, .generation = 12345 };
    uint8_t *bytes;
    dp_blob_release (&message->frames[0]);
    message->frames[0] = dp_blob_new (DP_REFERENCE_LEN, &bytes);
    dp_reference_write (&nowhere, bytes);
    bool is_so = is_taken (rig, connection, now_ms, message, why);
    dp_outgoing_destroy (&message);
    return is_so;
}

static bool is_sharing (rig_t *rig, uint64_t connection)
{
    dp_outgoing_t *message = lent (rig);
    const char *why;
    bool is_so = dp_blob_len (message->frames[0]) == DP_REFERENCE_LEN;
    assert_true (is_taken (rig, connection, 1, message, &why));
    assert_null (why);
    dp_outgoing_destroy (&message);
    return is_so;
}

static void shares_with_peers_of_its_machine (void **state)
{
    rig_t *rig = *state;
    uint64_t gone, other = peers_meet (rig->peers, 1, "other", 5, -1, "", &gone);
    assert_true (is_sharing (rig, connect_as (rig, ID)));
    assert_int_equal (commons_totals (rig->commons).n_taken, 1);
    commons_offer (rig->commons, other, 1, dp_machine () + 1, &rig->out);
    commons_offer (rig->commons, other, 1, 0, &rig->out);
    assert_null (rig->out.first);
}

static void a_peer_whose_memory_cannot_be_read_goes_by_frames_from_then_on (void **state)
{
    rig_t *rig = *state;
    const char *why;
    uint64_t connection = connect_as (rig, ID);
    assert_false (lies (rig, connection, 1, &why));
    assert_string_equal (why, "a payload that is not where it was said to be");
    assert_non_null (strstr (log_text, why));
    assert_non_null (strstr (log_text, "000000000000004d"));
    peers_forget (rig->peers, connection);
    for (int i = 0; i < 3; i++) {
        connection = connect_as (rig, ID);
        assert_null (peers_sharing (rig->peers, connection));
        assert_false (is_sharing (rig, connection));
    }
    assert_int_equal (n_logged (), 1);
    assert_true (is_sharing (rig, connect_as (rig, ID + 1))); /* it is nobody else's fault */
}

static void who_refers_to_memory_all_the_same_is_malformed (void **state)
{
    rig_t *rig = *state;
    const char *why;
    assert_false (lies (rig, connect_as (rig, ID), 1, &why));
    uint64_t connection = connect_as (rig, ID);
    for (int i = 0; i < 3; i++) {
        assert_true (
            lies (rig, connection, 1, &why)); /* it goes on to whatever is done with malformed ones */
        assert_string_equal (why, "a reference to memory that is not shared");
    }
    assert_int_equal (n_logged (), 1);
}

/* Payloads of its connection were read; then it gave that up, and took back the rest. */
static void take_back (rig_t *rig, uint64_t connection)
{
    const char *why;
    dp_outgoing_t *message = lent (rig);
    dp_sharing_destroy (&rig->sharing);
    assert_false (is_taken (rig, connection, 1, message, &why));
    assert_string_equal (why, "a payload that is not where it was said to be");
    dp_outgoing_destroy (&message);
}

static void a_peer_that_took_back_its_own_is_asked_again (void **state)
{
    rig_t *rig = *state;
    uint64_t connection = connect_as (rig, ID);
    assert_true (is_sharing (rig, connection));
    take_back (rig, connection);
    assert_non_null (strstr (log_text, "asked for anew of peer 000000000000004d"));
    assert_true (is_sharing (rig, connect_as (rig, ID)));
    assert_int_equal (n_logged (), 1);
}

static void a_peer_that_does_so_again_and_again_is_not (void **state)
{
    rig_t *rig = *state;
    for (int i = 0; i < 5; i++) {
        uint64_t connection = connect_as (rig, ID);
        assert_true (is_sharing (rig, connection));
        assert_int_equal (n_logged (), i == 0 ? 0 : 1);
        take_back (rig, connection);
    }
    assert_non_null (strstr (log_text, "shared no more with peer 000000000000004d"));
    assert_false (is_sharing (rig, connect_as (rig, ID)));
    assert_int_equal (n_logged (), 2);
}

static void a_peer_that_takes_back_all_it_lends_is_not (void **state)
{
    rig_t *rig = *state;
    const char *why;
    uint64_t connection = connect_as (rig, ID);
    dp_outgoing_t *message = lent (rig);
    dp_sharing_destroy (&rig->sharing);
    assert_false (is_taken (rig, connection, 1, message, &why));
    dp_outgoing_destroy (&message);
    assert_false (is_sharing (rig, connect_as (rig, ID)));
    assert_int_equal (n_logged (), 1);
}

static void many_such_peers_fill_neither_log_nor_memory (void **state)
{
    rig_t *rig = *state;
    const char *why;
    for (uint64_t id = 1; id <= 200; id++)
        assert_false (lies (rig, connect_as (rig, id), 1, &why));
    assert_int_equal (n_logged (), 10);
    assert_null (peers_sharing (rig->peers, connect_as (rig, 200)));
    assert_non_null (peers_sharing (rig->peers, connect_as (rig, 1))); /* that is long ago */
    assert_false (lies (rig, connect_as (rig, 201), 70000, &why));
    assert_non_null (strstr (log_text, "the memory of 190 more peers could not be read"));
    assert_int_equal (n_logged (), 12);
}

static void those_for_whom_there_is_no_room_are_logged_once (void **state)
{
    rig_t *rig = *state;
    uint64_t gone, first = 0, connection = 0;
    for (uint32_t i = 0; i < DP_ARENA_COUNTERS + 5; i++) {
        connection = peers_meet (rig->peers, 1, &i, sizeof i, -1, "", &gone);
        first = i == 0 ? connection : first;
        peers_greet (rig->peers, connection);
        commons_offer (rig->commons, connection, 1 + i, dp_machine (), &rig->out);
        assert_int_equal (peers_sharing (rig->peers, connection) != NULL, i < DP_ARENA_COUNTERS);
        assert_int_equal (n_logged (), i < DP_ARENA_COUNTERS ? 0 : 1);
    }
    assert_non_null (strstr (log_text, "no shared memory for more peers"));
    peers_forget (rig->peers, first);
    commons_offer (rig->commons, connection, ID, dp_machine (), &rig->out);
    assert_non_null (peers_sharing (rig->peers, connection));
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (shares_with_peers_of_its_machine),
        TEST (a_peer_whose_memory_cannot_be_read_goes_by_frames_from_then_on),
        TEST (who_refers_to_memory_all_the_same_is_malformed),
        TEST (a_peer_that_took_back_its_own_is_asked_again),
        TEST (a_peer_that_does_so_again_and_again_is_not),
        TEST (a_peer_that_takes_back_all_it_lends_is_not),
        TEST (many_such_peers_fill_neither_log_nor_memory),
        TEST (those_for_whom_there_is_no_room_are_logged_once),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
