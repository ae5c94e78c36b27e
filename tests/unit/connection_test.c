/* SPDX-License-Identifier: MPL-2.0 */
/* A peer's DEALER against a ROUTER, against what is no ROUTER, and against nobody. */
#include "tests/support/test.h"

#include "net/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sharing.h"
#include "tests/support/listener.h"
#include "tests/support/payload_message.h"
#include "tests/support/wait.h"

#define MAX_PAYLOAD (1u << 20)

typedef struct fixture_s {
    void *context, *router;
    char endpoint[256];
    dp_connection_t *connection;
    dp_incoming_t incoming;
} fixture_t;

static void open_router (fixture_t *self, const char *bind)
{
    int zero = 0;
    size_t size = sizeof self->endpoint;
    self->router = zmq_socket (self->context, ZMQ_ROUTER);
    zmq_setsockopt (self->router, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal (zmq_bind (self->router, bind), 0);
    assert_int_equal (zmq_getsockopt (self->router, ZMQ_LAST_ENDPOINT, self->endpoint, &size), 0);
}

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->context = zmq_ctx_new ();
    self->connection = dp_connection_new (self->context);
    assert_non_null (self->connection);
    open_router (self, "tcp://127.0.0.1:*");
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    dp_connection_destroy (&self->connection);
    assert_null (self->connection);
    dp_connection_destroy (&self->connection);
    if (self->router != NULL)
        zmq_close (self->router);
    zmq_ctx_term (self->context);
    free (self);
    return 0;
}

static void close_router (fixture_t *self)
{
    zmq_close (self->router);
    self->router = NULL;
}

/* One turn of a loop around the connection: wait for news or a while, then send what can be sent. */
static void turn (fixture_t *self)
{
    struct pollfd items[DP_CONNECTION_POLL];
    size_t n_items = dp_connection_poll (self->connection, items);
    assert_true (n_items <= DP_CONNECTION_POLL);
    poll (items, n_items, dp_connection_has_mail (self->connection) ? 0 : 20);
    assert_int_equal (dp_connection_hear (self->connection, items), n_items);
    dp_connection_flush (self->connection);
}

static void run_until_broken (fixture_t *self)
{
    int64_t end_ms = now_ms () + PATIENCE_MS;
    while (!dp_connection_is_broken (self->connection)) {
        assert_true (now_ms () < end_ms);
        turn (self);
    }
}

static void run_until_reach (fixture_t *self, dp_reach_t reach)
{
    int64_t end_ms = now_ms () + PATIENCE_MS;
    while (dp_connection_reach (self->connection) != reach) {
        assert_true (now_ms () < end_ms);
        assert_false (dp_connection_is_broken (self->connection));
        turn (self);
    }
}

static void push (fixture_t *self, wire_kind_t kind)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    if (kind == WIRE_HELLO) {
        wire_hello_t hello
            = { .version_min = 1, .version_max = 1, .role = WIRE_ROLE_CLIENT, .id = 1, .connection = 1 };
        wire_put_hello (&out, 0, &hello, NULL, NULL);
    } else {
        wire_put_bare (&out, 0, kind, 0);
    }
    dp_outgoing_t *message = dp_outbox_take (&out);
    dp_connection_push (self->connection, &message);
    assert_null (message);
}

/* The next message at the ROUTER is of this kind. */
static void assert_router_gets (fixture_t *self, wire_kind_t kind)
{
    int64_t end_ms = now_ms () + PATIENCE_MS;
    int rc;
    while ((rc = dp_incoming_receive (&self->incoming, self->router, true, MAX_PAYLOAD)) == 0) {
        assert_true (now_ms () < end_ms);
        dp_connection_is_broken (self->connection);
        turn (self);
    }
    assert_int_equal (rc, 1);
    assert_null (self->incoming.malformed);
    assert_string_equal (wire_kind_name (self->incoming.message.kind), wire_kind_name (kind));
    dp_incoming_fini (&self->incoming);
}

/* ---- Against a ROUTER ------------------------------------------------------------------------ */

static void sends_what_was_pushed_before_it_was_up (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (dp_connection_open (self->connection, self->endpoint), 0);
    assert_true (dp_connection_is_open (self->connection));
    assert_int_equal (dp_connection_reach (self->connection), DP_CONNECTING);
    push (self, WIRE_HELLO);
    push (self, WIRE_PING);
    push (self, WIRE_ACK);
    assert_router_gets (self, WIRE_HELLO);
    assert_router_gets (self, WIRE_PING);
    assert_router_gets (self, WIRE_ACK);
    run_until_reach (self, DP_HANDSHAKEN);
    assert_false (dp_connection_is_broken (self->connection));
}

static void begins_with_hello_or_says_nothing (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (dp_connection_open (self->connection, self->endpoint), 0);
    push (self, WIRE_PING); /* meant for the connection before */
    push (self, WIRE_ACK);
    push (self, WIRE_HELLO);
    push (self, WIRE_BYE);
    assert_router_gets (self, WIRE_HELLO);
    assert_router_gets (self, WIRE_BYE);
}

static void receives_answers (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (dp_connection_open (self->connection, self->endpoint), 0);
    push (self, WIRE_HELLO);
    assert_router_gets (self, WIRE_HELLO);
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_bare (&out, 0, WIRE_PONG, 9);
    dp_outgoing_t *message = dp_outbox_take (&out);
    assert_int_equal (dp_outgoing_send (message, self->router, self->incoming.routing_id,
                                        self->incoming.routing_id_len),
                      0);
    dp_outgoing_destroy (&message);
    while (dp_connection_receive (self->connection, &self->incoming, MAX_PAYLOAD) == 0)
        turn (self);
    assert_int_equal (self->incoming.message.ack, 9);
    dp_incoming_fini (&self->incoming);
}

static void sees_a_router_go (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (dp_connection_open (self->connection, self->endpoint), 0);
    push (self, WIRE_HELLO);
    assert_router_gets (self, WIRE_HELLO);
    close_router (self);
    run_until_broken (self);
    assert_int_equal (dp_connection_reach (self->connection), DP_HANDSHAKEN);
    push (self, WIRE_PING);
    assert_int_equal (dp_connection_flush (self->connection), -1);
    assert_true (dp_connection_is_broken (self->connection)); /* it never comes back by itself */
}

static void starts_afresh_when_it_is_opened_again (void **state)
{
    fixture_t *self = *state;
    char endpoint[256];
    assert_int_equal (dp_connection_open (self->connection, self->endpoint), 0);
    push (self, WIRE_HELLO);
    assert_router_gets (self, WIRE_HELLO);
    close_router (self);
    run_until_broken (self);
    push (self, WIRE_ACK); /* written for the old one */
    memcpy (endpoint, self->endpoint, sizeof endpoint);
    open_router (self, endpoint);
    assert_int_equal (dp_connection_open (self->connection, endpoint), 0);
    assert_false (dp_connection_is_broken (self->connection));
    push (self, WIRE_PING);
    push (self, WIRE_HELLO);
    push (self, WIRE_PING);
    assert_router_gets (self, WIRE_HELLO);
    assert_router_gets (self, WIRE_PING);
}

static void delivers_a_last_message_when_it_is_closed (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (dp_connection_open (self->connection, self->endpoint), 0);
    push (self, WIRE_HELLO);
    assert_router_gets (self, WIRE_HELLO);
    push (self, WIRE_BYE);
    assert_int_equal (dp_connection_flush (self->connection), 0);
    dp_connection_close (self->connection, PATIENCE_MS);
    assert_false (dp_connection_is_open (self->connection));
    assert_router_gets (self, WIRE_BYE);
}

static void drops_what_is_pushed_while_it_is_closed (void **state)
{
    fixture_t *self = *state;
    push (self, WIRE_HELLO);
    assert_int_equal (dp_connection_flush (self->connection), 0);
    assert_int_equal (dp_connection_receive (self->connection, &self->incoming, MAX_PAYLOAD), 0);
    struct pollfd items[DP_CONNECTION_POLL];
    assert_int_equal (dp_connection_poll (self->connection, items), 0);
    assert_int_equal (dp_connection_open (self->connection, self->endpoint), 0);
    push (self, WIRE_PING);
    push (self, WIRE_HELLO);
    assert_router_gets (self, WIRE_HELLO);
}

/* ---- By name ---------------------------------------------------------------------------------- */

static void looks_up_the_name_of_a_host (void **state)
{
    fixture_t *self = *state;
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "tcp://localhost:%s", strrchr (self->endpoint, ':') + 1);
    assert_int_equal (dp_connection_open (self->connection, endpoint), 0);
    assert_true (dp_connection_is_open (self->connection));
    assert_int_equal (dp_connection_reach (self->connection), DP_LOOKING_UP);
    push (self, WIRE_HELLO);
    assert_router_gets (self, WIRE_HELLO);
    run_until_reach (self, DP_HANDSHAKEN);
}

static void tells_a_name_that_nobody_knows (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (dp_connection_open (self->connection, "tcp://no..name:5555"), 0);
    push (self, WIRE_HELLO);
    run_until_broken (self);
    assert_int_equal (dp_connection_reach (self->connection), DP_UNKNOWN);
}

static void can_be_closed_while_it_looks_up (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal (dp_connection_open (self->connection, "tcp://localhost:5555"), 0);
        dp_connection_close (self->connection, 0);
        assert_false (dp_connection_is_open (self->connection));
    }
    assert_int_equal (dp_connection_open (self->connection, "tcp://no..name:5555"), 0);
}

/* ---- Against others -------------------------------------------------------------------------- */

static void is_refused_where_nobody_listens (void **state)
{
    fixture_t *self = *state;
    char endpoint[64];
    int fd = listen_tcp (endpoint, sizeof endpoint);
    close (fd); /* a port that was free a moment ago */
    assert_int_equal (dp_connection_open (self->connection, endpoint), 0);
    push (self, WIRE_HELLO);
    run_until_broken (self);
    assert_int_equal (dp_connection_reach (self->connection), DP_REFUSED);
    assert_int_equal (dp_connection_flush (self->connection), -1);
}

static void tells_a_server_that_is_not_zeromq (void **state)
{
    fixture_t *self = *state;
    static const char *const answers[]
        = { "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", "\x15\x03\x01\x00\x02\x02\x16", "" };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        char endpoint[64];
        int server = listen_tcp (endpoint, sizeof endpoint);
        assert_int_equal (dp_connection_open (self->connection, endpoint), 0);
        push (self, WIRE_HELLO);
        int fd = accept (server, NULL, NULL);
        assert_true (fd >= 0);
        assert_true (send (fd, answers[i], strlen (answers[i]), MSG_NOSIGNAL) >= 0);
        shutdown (fd, SHUT_WR);
        run_until_broken (self);
        assert_int_equal (dp_connection_reach (self->connection), DP_NOT_ZMQ);
        close (fd);
        close (server);
    }
}

static void waits_at_a_server_that_says_nothing (void **state)
{
    fixture_t *self = *state;
    char endpoint[64];
    int server = listen_tcp (endpoint, sizeof endpoint);
    assert_int_equal (dp_connection_open (self->connection, endpoint), 0);
    push (self, WIRE_HELLO);
    run_until_reach (self, DP_CONNECTED); /* from here on it is the link's 3 s that count */
    dp_connection_close (self->connection, 0);
    close (server);
}

/* ---- Memory that a broker lends ----------------------------------------------------------------- */

/* The router says something, behind the routing id of the message that came last. */
static void answer (fixture_t *self, dp_outgoing_t *message)
{
    assert_int_equal (dp_outgoing_send (message, self->router, self->incoming.routing_id,
                                        self->incoming.routing_id_len),
                      0);
    dp_outgoing_destroy (&message);
}

static void answer_all (fixture_t *self, dp_outbox_t *out)
{
    for (dp_outgoing_t *message; (message = dp_outbox_take (out)) != NULL;)
        answer (self, message);
}

/* The next message that the router gets, while the connection hears what was said to it: its kind. */
static wire_kind_t next_at_router (fixture_t *self)
{
    dp_incoming_t received;
    int64_t end_ms = now_ms () + PATIENCE_MS;
    while (dp_incoming_receive (&self->incoming, self->router, true, MAX_PAYLOAD) != 1) {
        assert_true (now_ms () < end_ms);
        turn (self);
        if (dp_connection_receive (self->connection, &received, MAX_PAYLOAD) == 1)
            dp_incoming_fini (&received);
    }
    assert_null (self->incoming.malformed);
    wire_kind_t kind = self->incoming.message.kind;
    dp_incoming_fini (&self->incoming);
    return kind;
}

/* A new connection, whose broker asks for memory. */
static void open_and_ask (fixture_t *self)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    assert_int_equal (dp_connection_open (self->connection, self->endpoint), 0);
    push (self, WIRE_HELLO);
    assert_int_equal (next_at_router (self), WIRE_HELLO);
    dp_sharing_invite (&out, 0);
    answer_all (self, &out);
}

static int receive_one (fixture_t *self, dp_incoming_t *message)
{
    int64_t end_ms = now_ms () + PATIENCE_MS;
    int rc;
    while ((rc = dp_connection_receive (self->connection, message, MAX_PAYLOAD)) == 0) {
        assert_true (now_ms () < end_ms);
        turn (self);
    }
    return rc;
}

/* Whoever could not read what a broker lent does not let it lend any more, on whatever connection. */
static void shares_no_more_with_a_broker_whose_memory_it_cannot_read (void **state)
{
    fixture_t *self = *state;
    dp_sharing_totals_t totals = { 0, 0 };
    dp_outbox_t out = { NULL, NULL, 0 };
    dp_incoming_t received;
    dp_arena_t *its = dp_arena_new (DP_ARENA_BROKER), *own = dp_arena_new (DP_ARENA_PROGRAM);
    dp_sharing_t *sharing = dp_sharing_new (its, its, &totals);
    assert_non_null (sharing);
    dp_connection_share (self->connection, own, own);
    open_and_ask (self);
    assert_int_equal (next_at_router (self), WIRE_MEMORY);
    dp_sharing_hear (sharing, &self->incoming.message.memory, &out, 0);
    answer_all (self, &out);
    assert_int_equal (next_at_router (self), WIRE_MEMORY);
    assert_null (dp_connection_take_complaint (self->connection));
    answer (self, payload_message_to_nothing (WIRE_TASKS));
    assert_int_equal (receive_one (self, &received), -1);
    assert_true (dp_connection_is_broken (self->connection));
    assert_string_equal (dp_connection_take_complaint (self->connection),
                         "a payload that is not where it was said to be");
    assert_null (dp_connection_take_complaint (self->connection));

    open_and_ask (self);
    answer (self, payload_message_to_nothing (WIRE_TASKS));
    assert_int_equal (receive_one (self, &received), 1);
    assert_string_equal (received.malformed, "a reference to memory that is not shared");
    dp_incoming_fini (&received);
    push (self, WIRE_PING);
    assert_int_equal (next_at_router (self), WIRE_PING); /* and nothing of memory before */
    dp_sharing_destroy (&sharing);
    dp_arena_release (&its);
    dp_arena_release (&own);
}

static void refuses_what_is_no_endpoint (void **state)
{
    fixture_t *self = *state;
    static const char *const endpoints[] = { "",
                                             "nowhere",
                                             "tcp://",
                                             "tcp://host",
                                             "tcp://host:x",
                                             "tcp://127.0.0.1:0",
                                             "tcp://127.0.0.1:65536",
                                             "foo://host:1" };
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        errno = 0;
        assert_int_equal (dp_connection_open (self->connection, endpoints[i]), -1);
        assert_int_not_equal (errno, 0);
        assert_false (dp_connection_is_open (self->connection));
    }
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (sends_what_was_pushed_before_it_was_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown (begins_with_hello_or_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown (receives_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown (sees_a_router_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown (starts_afresh_when_it_is_opened_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown (delivers_a_last_message_when_it_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown (drops_what_is_pushed_while_it_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown (looks_up_the_name_of_a_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown (tells_a_name_that_nobody_knows, set_up, tear_down),
        cmocka_unit_test_setup_teardown (can_be_closed_while_it_looks_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown (is_refused_where_nobody_listens, set_up, tear_down),
        cmocka_unit_test_setup_teardown (tells_a_server_that_is_not_zeromq, set_up, tear_down),
        cmocka_unit_test_setup_teardown (waits_at_a_server_that_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown (shares_no_more_with_a_broker_whose_memory_it_cannot_read, set_up,
                                         tear_down),
        cmocka_unit_test_setup_teardown (refuses_what_is_no_endpoint, set_up, tear_down),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
