/* SPDX-License-Identifier: MPL-2.0 */
/* Whole messages over real sockets: what is sent arrives, by reference where it is large, and what a hostile
   peer sends is read off the socket and refused. */
#include "tests/support/test.h"

#include "core/memory.h"
#include "net/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PAYLOAD (1u << 20)

typedef struct fixture_s {
    void *context, *router, *dealer;
    dp_incoming_t incoming;
} fixture_t;

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->context = zmq_ctx_new ();
    self->router = zmq_socket (self->context, ZMQ_ROUTER);
    self->dealer = zmq_socket (self->context, ZMQ_DEALER);
    int on = 1, off = 0;
    zmq_setsockopt (self->router, ZMQ_ROUTER_MANDATORY, &on, sizeof on);
    zmq_setsockopt (self->router, ZMQ_LINGER, &off, sizeof off);
    zmq_setsockopt (self->dealer, ZMQ_LINGER, &off, sizeof off);
    assert_int_equal (zmq_bind (self->router, "inproc://message"), 0);
    assert_int_equal (zmq_connect (self->dealer, "inproc://message"), 0);
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    zmq_close (self->dealer);
    zmq_close (self->router);
    zmq_ctx_term (self->context);
    free (self);
    return 0;
}

static int receive (fixture_t *self)
{
    return dp_incoming_receive (&self->incoming, self->router, true, MAX_PAYLOAD);
}

static dp_outgoing_t *ping (void)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_bare (&out, 0, WIRE_PING, 5);
    return dp_outbox_take (&out);
}

/* A SUBMIT of as many tasks, each with a frame of its own: this blob, or a new one of so many bytes. (The
   batches of wire.h would be sent off before they have many frames; other peers may write them otherwise.) */
static dp_outgoing_t *submit (size_t n_tasks, size_t len, dp_blob_t *blob)
{
    const uint8_t head[]
        = { 0x93, WIRE_SUBMIT, 0, 0x91, 0x94, 0xc0, 0xa1, 'f', 0x80, 0xdc, 0, (uint8_t) n_tasks };
    uint8_t *bytes;
    dp_outgoing_t *message = dp_must_alloc (sizeof *message);
    dp_buffer_append (&message->envelope, head, sizeof head);
    for (size_t i = 0; i < n_tasks; i++) {
        const uint8_t task[] = { 0x96, (uint8_t) (i + 1), 0, 1, (uint8_t) i, 1, (uint8_t) (i + 1) };
        dp_buffer_append (&message->envelope, task, sizeof task);
        message->frames[message->n_frames++] = blob != NULL ? dp_blob_hold (blob) : dp_blob_new (len, &bytes);
    }
    return message;
}

static void send_message (void *socket, dp_outgoing_t *message)
{
    assert_int_equal (dp_outgoing_send (message, socket, NULL, 0), 0);
    dp_outgoing_destroy (&message);
}

/* A valid message comes through: whatever was before it is off the socket, whole. */
static void assert_goes_on (fixture_t *self)
{
    send_message (self->dealer, ping ());
    assert_int_equal (receive (self), 1);
    assert_null (self->incoming.malformed);
    assert_int_equal (self->incoming.message.kind, WIRE_PING);
    dp_incoming_fini (&self->incoming);
    assert_int_equal (receive (self), 0);
}

static void assert_malformed (fixture_t *self, const char *words)
{
    assert_int_equal (receive (self), 1);
    assert_non_null (self->incoming.malformed);
    if (words != NULL && strstr (self->incoming.malformed, words) == NULL)
        fail_msg ("'%s' says nothing of '%s'", self->incoming.malformed, words);
    assert_true (self->incoming.routing_id_len > 0); /* so that it can be answered */
    dp_incoming_fini (&self->incoming);
}

/* ---- What should go well --------------------------------------------------------------------- */

static void carries_messages_both_ways (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (receive (self), 0);
    send_message (self->dealer, ping ());
    assert_int_equal (receive (self), 1);
    assert_null (self->incoming.malformed);
    assert_int_equal (self->incoming.message.ack, 5);
    assert_int_equal (self->incoming.routing_id_len, 5);

    dp_outgoing_t *answer = ping ();
    assert_int_equal (dp_outgoing_send (answer, self->router, self->incoming.routing_id,
                                        self->incoming.routing_id_len),
                      0);
    dp_outgoing_destroy (&answer);
    dp_incoming_fini (&self->incoming);
    assert_int_equal (dp_incoming_receive (&self->incoming, self->dealer, false, MAX_PAYLOAD), 1);
    assert_null (self->incoming.malformed);
    assert_int_equal (self->incoming.routing_id_len, 0);
    dp_incoming_fini (&self->incoming);
}

static void carries_envelopes_of_all_sizes (void **state)
{
    fixture_t *self = *state;
    static uint8_t bytes[60000];
    for (size_t len = 1; len < sizeof bytes; len = len * 2 + 7) {
        wire_group_t group = { .function = { "f", 1 } };
        dp_outbox_t out = { NULL, NULL, 0 };
        wire_batch_t batch = { 0 };
        wire_task_t task = { .id = 1, .job = 1, .n_items = 1, .payload = { bytes, len, 0 } };
        wire_add_task (&batch, &out, 0, WIRE_SUBMIT, &group, &task, NULL);
        wire_flush (&batch, &out, 0, 0, 0);
        send_message (self->dealer, dp_outbox_take (&out));
        assert_int_equal (receive (self), 1);
        assert_null (self->incoming.malformed);
        assert_true (wire_next_group (&self->incoming.message, &group));
        assert_true (wire_next_task (&self->incoming.message, &task));
        assert_int_equal (task.payload.len, len);
        dp_incoming_fini (&self->incoming);
    }
}

static void count_free (void *hint)
{
    (*(int *) hint)++;
}

static void passes_large_payloads_by_reference (void **state)
{
    fixture_t *self = *state;
    static uint8_t bytes[100000];
    int n_freed = 0;
    wire_group_t group;
    wire_task_t task;
    bytes[99999] = 42;
    dp_blob_t *blob = dp_blob_adopt (bytes, sizeof bytes, count_free, &n_freed);
    send_message (self->dealer, submit (3, sizeof bytes, blob));
    dp_blob_release (&blob);
    assert_int_equal (n_freed, 0);

    assert_int_equal (receive (self), 1);
    assert_null (self->incoming.malformed);
    assert_true (wire_next_group (&self->incoming.message, &group));
    for (size_t i = 1; i <= 3; i++) {
        assert_true (wire_next_task (&self->incoming.message, &task));
        assert_int_equal (task.payload.frame, i);
        assert_ptr_equal (task.payload.data, bytes); /* inproc: the very same memory, never copied */
        assert_ptr_equal (dp_blob_data (self->incoming.blobs[i]), bytes);
    }
    dp_blob_t *kept = dp_blob_hold (self->incoming.blobs[2]);
    dp_incoming_fini (&self->incoming);
    assert_int_equal (n_freed, 0);

    /* And on to the next peer, still without a copy. */
    send_message (self->dealer, submit (1, sizeof bytes, kept));
    dp_blob_release (&kept);
    assert_int_equal (receive (self), 1);
    assert_ptr_equal (dp_blob_data (self->incoming.blobs[1]), bytes);
    assert_int_equal (n_freed, 0);
    dp_incoming_fini (&self->incoming);
    assert_int_equal (n_freed, 1);
}

static void takes_as_many_frames_as_a_message_may_have (void **state)
{
    fixture_t *self = *state;
    send_message (self->dealer, submit (WIRE_MAX_FRAMES - 1, 100, NULL));
    assert_int_equal (receive (self), 1);
    assert_null (self->incoming.malformed);
    assert_int_equal (self->incoming.message.n_frames, WIRE_MAX_FRAMES);
    dp_incoming_fini (&self->incoming);
    assert_goes_on (self);
}

static void keeps_routing_ids_whole (void **state)
{
    fixture_t *self = *state;
    uint8_t id[255];
    memset (id, 'i', sizeof id);
    void *dealer = zmq_socket (self->context, ZMQ_DEALER);
    zmq_setsockopt (dealer, ZMQ_ROUTING_ID, id, sizeof id);
    assert_int_equal (zmq_connect (dealer, "inproc://message"), 0);
    send_message (dealer, ping ());
    assert_int_equal (receive (self), 1);
    assert_int_equal (self->incoming.routing_id_len, sizeof id);
    assert_memory_equal (self->incoming.routing_id, id, sizeof id);
    dp_incoming_fini (&self->incoming);
    zmq_close (dealer);
}

/* ---- What a peer may do to us ---------------------------------------------------------------- */

static void refuses_too_many_frames (void **state)
{
    fixture_t *self = *state;
    static const int counts[] = { WIRE_MAX_FRAMES + 1, WIRE_MAX_FRAMES + 2, 10000 };
    for (size_t c = 0; c < 3; c++) {
        for (int i = 0; i < counts[c]; i++)
            zmq_send (self->dealer, "x", 1, i + 1 < counts[c] ? ZMQ_SNDMORE : 0);
        assert_malformed (self, "more than 64 frames");
        assert_goes_on (self);
    }
}

static void refuses_frames_that_nothing_refers_to (void **state)
{
    fixture_t *self = *state;
    dp_outgoing_t *message = ping ();
    zmq_send (self->dealer, message->envelope.data, message->envelope.len, ZMQ_SNDMORE);
    zmq_send (self->dealer, "stray", 5, 0);
    dp_outgoing_destroy (&message);
    assert_malformed (self, NULL);
    assert_goes_on (self);
}

static void refuses_more_bytes_than_a_payload_may_have (void **state)
{
    fixture_t *self = *state;
    uint8_t *bytes = calloc (1, MAX_PAYLOAD);
    zmq_send (self->dealer, "x", 1, ZMQ_SNDMORE);
    for (int i = 0; i < 20; i++)
        zmq_send (self->dealer, bytes, MAX_PAYLOAD, i < 19 ? ZMQ_SNDMORE : 0);
    assert_malformed (self, "exceed");
    assert_goes_on (self);

    zmq_send (self->dealer, bytes, MAX_PAYLOAD,
              ZMQ_SNDMORE); /* and an envelope may have no more than 1 MiB */
    zmq_send (self->dealer, bytes, MAX_PAYLOAD, 0);
    assert_malformed (self, NULL);
    free (bytes);
    assert_goes_on (self);
}

static void refuses_garbage (void **state)
{
    fixture_t *self = *state;
    static const char *const texts[]
        = { "", "x", "GET / HTTP/1.1\r\n\r\n", "\x92\x05", "\x92\x05\x00\x00", "\xdd\xff\xff\xff\xff" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        zmq_send (self->dealer, texts[i], strlen (texts[i]), 0);
        assert_malformed (self, NULL);
    }
    uint32_t random = 1;
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[64];
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t) ((random = random * 1664525 + 1013904223) >> 24);
        int n_frames = 1 + bytes[1] % 4;
        for (int k = 0; k < n_frames; k++)
            zmq_send (self->dealer, bytes + k, bytes[k + 2] % 60, k + 1 < n_frames ? ZMQ_SNDMORE : 0);
        assert_int_equal (receive (self), 1);
        dp_incoming_fini (&self->incoming);
    }
    assert_goes_on (self);
}

static void reads_a_message_off_when_there_is_no_memory (void **state)
{
    fixture_t *self = *state;
    send_message (self->dealer, submit (3, WIRE_INLINE_MAX + 1, NULL));
    dp_memory_fail_nth (2);
    assert_malformed (self, "could not be received");
    dp_memory_fail_nth (0);
    assert_goes_on (self);
}

/* ---- What cannot be sent --------------------------------------------------------------------- */

static void says_that_a_peer_is_not_there (void **state)
{
    fixture_t *self = *state;
    dp_outgoing_t *message = submit (2, 40000, NULL);
    assert_int_equal (dp_outgoing_send (message, self->router, "nobody", 6), -1);
    assert_int_equal (errno, EHOSTUNREACH);
    dp_outgoing_destroy (&message);

    /* The next one is whole: nothing of the failed one is in front of it. */
    send_message (self->dealer, ping ());
    assert_int_equal (receive (self), 1);
    message = submit (2, 40000, NULL);
    assert_int_equal (dp_outgoing_send (message, self->router, self->incoming.routing_id,
                                        self->incoming.routing_id_len),
                      0);
    dp_outgoing_destroy (&message);
    dp_incoming_fini (&self->incoming);
    assert_int_equal (dp_incoming_receive (&self->incoming, self->dealer, false, MAX_PAYLOAD), 1);
    assert_null (self->incoming.malformed);
    dp_incoming_fini (&self->incoming);
}

static void does_not_wait_for_a_peer_that_takes_nothing (void **state)
{
    fixture_t *self = *state;
    int one = 1, n_sent = 0, rc = 0;
    void *source = zmq_socket (self->context, ZMQ_DEALER), *sink = zmq_socket (self->context, ZMQ_DEALER);
    zmq_setsockopt (source, ZMQ_SNDHWM, &one, sizeof one);
    zmq_setsockopt (sink, ZMQ_RCVHWM, &one, sizeof one);
    assert_int_equal (zmq_bind (sink, "inproc://full"), 0);
    assert_int_equal (zmq_connect (source, "inproc://full"), 0);
    while (rc == 0 && n_sent < 100) {
        dp_outgoing_t *message = submit (2, 40000, NULL);
        rc = dp_outgoing_send (message, source, NULL, 0);
        dp_outgoing_destroy (&message);
        n_sent += rc == 0;
    }
    assert_int_equal (rc, -1);
    assert_int_equal (errno, EAGAIN);
    for (int i = 0; i < n_sent; i++) {
        assert_int_equal (dp_incoming_receive (&self->incoming, sink, false, MAX_PAYLOAD), 1);
        assert_null (self->incoming.malformed);
        dp_incoming_fini (&self->incoming);
    }
    assert_int_equal (dp_incoming_receive (&self->incoming, sink, false, MAX_PAYLOAD), 0);
    zmq_close (source);
    zmq_close (sink);
}

static void says_that_a_socket_is_unusable (void **state)
{
    fixture_t *self = *state;
    zmq_ctx_shutdown (self->context);
    assert_int_equal (receive (self), -1);
    assert_int_equal (errno, ETERM);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (carries_messages_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown (carries_envelopes_of_all_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown (passes_large_payloads_by_reference, set_up, tear_down),
        cmocka_unit_test_setup_teardown (takes_as_many_frames_as_a_message_may_have, set_up, tear_down),
        cmocka_unit_test_setup_teardown (keeps_routing_ids_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown (refuses_too_many_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown (refuses_frames_that_nothing_refers_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown (refuses_more_bytes_than_a_payload_may_have, set_up, tear_down),
        cmocka_unit_test_setup_teardown (refuses_garbage, set_up, tear_down),
        cmocka_unit_test_setup_teardown (reads_a_message_off_when_there_is_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown (says_that_a_peer_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown (does_not_wait_for_a_peer_that_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown (says_that_a_socket_is_unusable, set_up, tear_down),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
