/* SPDX-License-Identifier: MPL-2.0 */
/* exchange_test.c - messages between parts of one program, by the exchange and by connections that use it. */
#include "tests/support/test.h"

#include "core/memory.h"
#include "net/connection.h"

#include <string.h>

static dp_exchange_t *exchange;

static int set_up (void **state)
{
    (void) state;
    exchange = dp_exchange_new ();
    assert_non_null (exchange);
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    dp_exchange_destroy (&exchange);
    assert_null (exchange);
    dp_exchange_destroy (&exchange);
    return 0;
}

static dp_outgoing_t *message_of (wire_kind_t kind, uint64_t to)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    if (kind == WIRE_HELLO) {
        wire_hello_t hello
            = { .version_min = 1, .version_max = 1, .role = WIRE_ROLE_CLIENT, .id = 1, .connection = 1 };
        wire_put_hello (&out, to, &hello, NULL, NULL);
    } else
        wire_put_bare (&out, to, kind, 0);
    return dp_outbox_take (&out);
}

static void expect_next (uint64_t peer, wire_kind_t kind)
{
    uint64_t from = 0;
    dp_outgoing_t *message = dp_exchange_next (exchange, &from);
    assert_non_null (message);
    assert_int_equal (from, peer);
    assert_int_equal (message->kind, kind);
    dp_outgoing_destroy (&message);
}

static void submit (uint64_t peer, wire_kind_t kind)
{
    dp_outgoing_t *message = message_of (kind, 0);
    dp_exchange_submit (exchange, peer, &message);
    assert_null (message);
}

static void the_broker_gets_all_messages_in_the_order_of_their_coming (void **state)
{
    (void) state;
    uint64_t one = dp_exchange_join (exchange), other = dp_exchange_join (exchange);
    assert_true (one != 0 && other != 0 && one != other);
    assert_false (dp_exchange_has_next (exchange));
    submit (one, WIRE_PING);
    submit (other, WIRE_PONG);
    submit (one, WIRE_ACK);
    assert_true (dp_exchange_has_next (exchange));
    expect_next (one, WIRE_PING);
    expect_next (other, WIRE_PONG);
    expect_next (one, WIRE_ACK);
    uint64_t from;
    assert_null (dp_exchange_next (exchange, &from));
}

static void a_peer_gets_its_own_messages (void **state)
{
    (void) state;
    uint64_t one = dp_exchange_join (exchange), other = dp_exchange_join (exchange);
    dp_outgoing_t *message = message_of (WIRE_PONG, other);
    assert_int_equal (dp_exchange_deliver (exchange, &message), 0);
    assert_null (message);
    assert_false (dp_exchange_has_mail (exchange, one));
    assert_true (dp_exchange_has_mail (exchange, other));
    assert_null (dp_exchange_collect (exchange, one));
    message = dp_exchange_collect (exchange, other);
    assert_non_null (message);
    assert_int_equal (message->kind, WIRE_PONG);
    dp_outgoing_destroy (&message);
}

static void who_has_left_gets_nothing_and_its_number_is_not_given_again (void **state)
{
    (void) state;
    uint64_t peer = dp_exchange_join (exchange);
    dp_outgoing_t *message = message_of (WIRE_PONG, peer);
    assert_int_equal (dp_exchange_deliver (exchange, &message), 0);
    dp_exchange_leave (exchange, peer);
    dp_exchange_leave (exchange, peer);
    assert_null (dp_exchange_collect (exchange, peer));
    message = message_of (WIRE_PONG, peer);
    assert_int_equal (dp_exchange_deliver (exchange, &message), -1);
    assert_null (message);
    assert_true (dp_exchange_join (exchange) > peer);
}

/* ---- Connections ------------------------------------------------------------------------------- */

static void push (dp_connection_t *connection, wire_kind_t kind)
{
    dp_outgoing_t *message = message_of (kind, 0);
    dp_connection_push (connection, &message);
    assert_null (message);
}

static void a_connection_begins_with_hello_and_is_up_at_once (void **state)
{
    (void) state;
    dp_connection_t *connection = dp_connection_new_at (exchange);
    assert_false (dp_connection_is_open (connection));
    assert_int_equal (dp_connection_open (connection, "wherever"), 0);
    assert_true (dp_connection_is_open (connection));
    assert_int_equal (dp_connection_reach (connection), DP_HANDSHAKEN);
    push (connection, WIRE_PING); /* was meant for the connection before */
    push (connection, WIRE_HELLO);
    push (connection, WIRE_PING);
    assert_int_equal (dp_connection_flush (connection), 0);
    assert_false (dp_connection_is_broken (connection));
    expect_next (1, WIRE_HELLO);
    expect_next (1, WIRE_PING);
    assert_false (dp_exchange_has_next (exchange));
    struct pollfd items[DP_CONNECTION_POLL];
    assert_int_equal (dp_connection_poll (connection, items), 0);
    dp_connection_destroy (&connection);
}

static void a_connection_receives_whole_messages_with_their_payloads (void **state)
{
    (void) state;
    static uint8_t row[WIRE_INLINE_MAX + 2];
    dp_connection_t *connection = dp_connection_new_at (exchange);
    assert_int_equal (dp_connection_open (connection, "wherever"), 0);
    wire_batch_t batch = { 0 };
    dp_outbox_t out = { NULL, NULL, 0 };
    dp_blob_t *blob = dp_blob_copy (row, sizeof row);
    wire_result_t result = { .id = 3, .is_final = true, .n_items = 1 };
    result.payload = (wire_bytes_t) { dp_blob_data (blob), sizeof row, 0 };
    wire_add_result (&batch, &out, 1, &result, blob);
    wire_flush (&batch, &out, 0, 0, 0);
    dp_outgoing_t *message = dp_outbox_take (&out);
    assert_int_equal (dp_exchange_deliver (exchange, &message), 0);
    assert_true (dp_connection_has_mail (connection));

    dp_incoming_t incoming;
    assert_int_equal (dp_connection_receive (connection, &incoming, 1 << 20), 1);
    assert_null (incoming.malformed);
    assert_int_equal (incoming.message.kind, WIRE_RESULTS);
    assert_true (wire_next_result (&incoming.message, &result));
    assert_int_equal (result.payload.frame, 1);
    assert_ptr_equal (incoming.blobs[1], blob); /* not a copy */
    dp_incoming_fini (&incoming);
    assert_false (dp_connection_has_mail (connection));
    assert_int_equal (dp_connection_receive (connection, &incoming, 1 << 20), 0);
    dp_blob_release (&blob);
    dp_connection_destroy (&connection);
}

static void a_connection_that_is_opened_again_is_another_peer (void **state)
{
    (void) state;
    dp_connection_t *connection = dp_connection_new_at (exchange);
    assert_int_equal (dp_connection_open (connection, "wherever"), 0);
    push (connection, WIRE_HELLO);
    assert_int_equal (dp_connection_open (connection, "wherever"), 0);
    push (connection, WIRE_HELLO);
    expect_next (1, WIRE_HELLO);
    expect_next (2, WIRE_HELLO);
    dp_connection_close (connection, 0);
    assert_false (dp_connection_is_open (connection));
    push (connection, WIRE_PING); /* is dropped */
    assert_false (dp_exchange_has_next (exchange));
    dp_connection_destroy (&connection);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (the_broker_gets_all_messages_in_the_order_of_their_coming),
        TEST (a_peer_gets_its_own_messages),
        TEST (who_has_left_gets_nothing_and_its_number_is_not_given_again),
        TEST (a_connection_begins_with_hello_and_is_up_at_once),
        TEST (a_connection_receives_whole_messages_with_their_payloads),
        TEST (a_connection_that_is_opened_again_is_another_peer),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
