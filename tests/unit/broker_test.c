/* SPDX-License-Identifier: MPL-2.0 */
/* The broker's edge in one thread with its peers: what reaches the scheduler, what leaves, and who is noticed
   to be gone. The silence that would tell it too is set far beyond the patience of these tests. */
#include "tests/support/test.h"

#include "broker/broker.h"
#include "net/clock.h"
#include "net/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/wait.h"

#define MAX_PAYLOAD (1u << 20)
#define MAX_PEERS 40

typedef struct fixture_s {
    void *context;
    broker_t *broker;
    dp_connection_t *peers[MAX_PEERS];
    size_t n_peers;
    dp_incoming_t incoming;
    dp_exchange_t *exchange; /* where its peers are in its own process, else NULL */
} fixture_t;

static char log_text[65536];

static void log_line (const char *line)
{
    size_t len = strlen (log_text);
    snprintf (log_text + len, sizeof log_text - len, "%s\n", line);
}

static void start_broker (fixture_t *self, const char *endpoint, size_t most_peers)
{
    broker_config_t config
        = { .endpoints = &endpoint, .n_endpoints = 1, .most_peers = most_peers, .log = log_line };
    config.exchange = self->exchange;
    config.scheduler.name = "tested";
    config.scheduler.max_payload_bytes = MAX_PAYLOAD;
    config.scheduler.worker_return_ms = 1;
    config.scheduler.worker_silence_ms = config.scheduler.client_lease_ms = 100 * PATIENCE_MS;
    self->broker = assert_made (broker_new (self->context, &config));
}

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    log_text[0] = '\0';
    self->context = zmq_ctx_new ();
    start_broker (self, "tcp://127.0.0.1:*", 0);
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    for (size_t i = 0; i < self->n_peers; i++)
        dp_connection_destroy (&self->peers[i]);
    broker_destroy (&self->broker);
    assert_null (self->broker);
    broker_destroy (&self->broker);
    dp_exchange_destroy (&self->exchange);
    zmq_ctx_term (self->context);
    free (self);
    return 0;
}

static dp_connection_t *add_peer (fixture_t *self)
{
    dp_connection_t *peer
        = self->exchange != NULL ? dp_connection_new_at (self->exchange) : dp_connection_new (self->context);
    assert_non_null (peer);
    assert_int_equal (dp_connection_open (peer, broker_endpoint (self->broker, 0)), 0);
    assert_true (self->n_peers < MAX_PEERS);
    return self->peers[self->n_peers++] = peer;
}

/* A turn of everybody: wait for news or the broker's deadline, not for long. */
static void turn (fixture_t *self)
{
    struct pollfd items[BROKER_POLL + MAX_PEERS * DP_CONNECTION_POLL];
    int64_t deadline_ms = broker_turn (self->broker);
    int wait_ms = dp_clock_until (deadline_ms, dp_clock_ms ());
    size_t n_broker = broker_poll (self->broker, items), n_items = n_broker;
    for (size_t i = 0; i < self->n_peers; i++) {
        n_items += dp_connection_poll (self->peers[i], items + n_items);
        if (dp_connection_has_mail (self->peers[i]))
            wait_ms = 0;
    }
    poll (items, n_items, wait_ms < 0 || wait_ms > 20 ? 20 : wait_ms);
    broker_hear (self->broker, items);
    n_items = n_broker;
    for (size_t i = 0; i < self->n_peers; i++) {
        n_items += dp_connection_hear (self->peers[i], items + n_items);
        dp_connection_is_broken (self->peers[i]);
        dp_connection_flush (self->peers[i]);
    }
}

static void push (dp_connection_t *peer, dp_outbox_t *out)
{
    dp_outgoing_t *message = dp_outbox_take (out);
    dp_connection_push (peer, &message);
}

static void say_hello (dp_connection_t *peer, wire_role_t role, uint64_t id)
{
    static const char *const functions[] = { "f" };
    char name[32];
    dp_outbox_t out = { NULL, NULL, 0 };
    snprintf (name, sizeof name, "peer-%llu", (unsigned long long) id);
    wire_hello_t hello = { .version_min = WIRE_VERSION_MIN,
                           .version_max = WIRE_VERSION,
                           .role = role,
                           .id = id,
                           .connection = 1,
                           .host = { "here", 4 },
                           .name = { name, strlen (name) },
                           .pid = 1 };
    if (role == WIRE_ROLE_WORKER) {
        hello.processes = hello.window_tasks = hello.n_functions = 1;
        hello.window_bytes = 1000;
    }
    wire_put_hello (&out, 0, &hello, functions, NULL);
    push (peer, &out);
}

/* Whether a message is there; it is thrown away. */
static bool throw_away (fixture_t *self, dp_connection_t *peer)
{
    if (dp_connection_receive (peer, &self->incoming, MAX_PAYLOAD) != 1)
        return false;
    dp_incoming_fini (&self->incoming);
    return true;
}

/* Run until the peer gets this kind; other kinds before it are left out. */
static void assert_gets (fixture_t *self, dp_connection_t *peer, wire_kind_t kind)
{
    int64_t end_ms = now_ms () + PATIENCE_MS;
    for (;;) {
        if (now_ms () > end_ms)
            fail_msg ("no %s came; the broker's log:\n%s", wire_kind_name (kind), log_text);
        turn (self);
        while (dp_connection_receive (peer, &self->incoming, MAX_PAYLOAD) == 1) {
            assert_null (self->incoming.malformed);
            bool is_it = self->incoming.message.kind == kind;
            if (is_it && kind == WIRE_WELCOME)
                assert_int_equal (self->incoming.message.welcome.max_payload, MAX_PAYLOAD);
            dp_incoming_fini (&self->incoming);
            if (is_it)
                return;
        }
    }
}

static void run_until_logged (fixture_t *self, const char *words)
{
    int64_t end_ms = now_ms () + PATIENCE_MS;
    while (strstr (log_text, words) == NULL) {
        if (now_ms () > end_ms)
            fail_msg ("'%s' was never logged, but this:\n%s", words, log_text);
        turn (self);
        for (size_t i = 0; i < self->n_peers; i++)
            while (throw_away (self, self->peers[i]))
                ;
    }
}

/* A worker says after WELCOME what it holds; then it has joined. */
static void list_no_runs (dp_connection_t *worker)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    wire_end_list (&batch, &out, 0, WIRE_RUNS, 0);
    push (worker, &out);
}

static dp_connection_t *add_greeted_peer (fixture_t *self, wire_role_t role, uint64_t id)
{
    dp_connection_t *peer = add_peer (self);
    say_hello (peer, role, id);
    assert_gets (self, peer, WIRE_WELCOME);
    if (role == WIRE_ROLE_WORKER)
        list_no_runs (peer);
    return peer;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void answers_hello_with_welcome (void **state)
{
    fixture_t *self = *state;
    add_greeted_peer (self, WIRE_ROLE_CLIENT, 1);
    add_greeted_peer (self, WIRE_ROLE_WORKER, 2);
    run_until_logged (self, "joined");
}

static void answers_those_that_did_not_say_hello_with_who (void **state)
{
    fixture_t *self = *state;
    void *dealer = zmq_socket (self->context, ZMQ_DEALER);
    int zero = 0;
    zmq_setsockopt (dealer, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal (zmq_connect (dealer, broker_endpoint (self->broker, 0)), 0);
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_bare (&out, 0, WIRE_PING, 0);
    dp_outgoing_t *ping = dp_outbox_take (&out);
    assert_int_equal (dp_outgoing_send (ping, dealer, NULL, 0), 0);
    dp_outgoing_destroy (&ping);
    zmq_send (dealer, "what is this", 12, 0);
    static const wire_kind_t kinds[] = { WIRE_WHO, WIRE_REFUSED };
    for (size_t i = 0; i < 2; i++) {
        int64_t end_ms = now_ms () + PATIENCE_MS;
        while (dp_incoming_receive (&self->incoming, dealer, false, MAX_PAYLOAD) == 0) {
            assert_true (now_ms () < end_ms);
            turn (self);
        }
        assert_null (self->incoming.malformed);
        assert_int_equal (self->incoming.message.kind, kinds[i]);
        dp_incoming_fini (&self->incoming);
    }
    zmq_close (dealer);
}

static void keeps_a_peer_that_has_been_refused_away (void **state)
{
    fixture_t *self = *state;
    dp_connection_t *peer = add_greeted_peer (self, WIRE_ROLE_CLIENT, 1);
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_bare (&out, 0, WIRE_WHO, 0); /* no client may say so */
    push (peer, &out);
    assert_gets (self, peer, WIRE_REFUSED);
    wire_put_bare (&out, 0, WIRE_PING, 0);
    push (peer, &out);
    assert_gets (self, peer, WIRE_WHO); /* its connection was forgotten */
}

static void notices_at_once_that_a_worker_is_gone (void **state)
{
    fixture_t *self = *state;
    dp_connection_t *worker = add_greeted_peer (self, WIRE_ROLE_WORKER, 7);
    add_greeted_peer (self, WIRE_ROLE_WORKER, 8);
    dp_connection_close (worker, 0);
    run_until_logged (self, "lost");
    assert_null (strstr (strstr (log_text, "lost") + 1, "lost")); /* the other one is not */
}

static void notices_many_that_go_together (void **state)
{
    fixture_t *self = *state;
    for (uint64_t id = 1; id <= MAX_PEERS; id++)
        add_greeted_peer (self, WIRE_ROLE_WORKER, id);
    for (size_t i = 0; i < MAX_PEERS; i++)
        dp_connection_close (self->peers[i], 0);
    size_t n_lost = 0;
    int64_t end_ms = now_ms () + PATIENCE_MS;
    while (n_lost < MAX_PEERS) {
        assert_true (now_ms () < end_ms);
        turn (self);
        n_lost = 0;
        for (const char *at = log_text; (at = strstr (at, "lost")) != NULL; at++)
            n_lost++;
    }
}

static void notices_one_that_went_right_after_its_hello (void **state)
{
    fixture_t *self = *state;
    size_t n_joined = 0;
    for (uint64_t id = 1; id <= 20; id++) {
        dp_connection_t *worker = add_peer (self);
        say_hello (worker, WIRE_ROLE_WORKER, id);
        list_no_runs (worker);
        int64_t end_ms = now_ms () + PATIENCE_MS;
        while (dp_connection_reach (worker)
               != DP_HANDSHAKEN) { /* the broker does not turn: HELLO stays unread */
            assert_true (now_ms () < end_ms);
            struct pollfd items[DP_CONNECTION_POLL];
            poll (items, dp_connection_poll (worker, items), 20);
            dp_connection_hear (worker, items);
            dp_connection_is_broken (worker);
        }
        dp_connection_flush (worker);
        dp_connection_close (worker, 200);
        log_text[0] = '\0';
        self->n_peers = 0;
        dp_connection_destroy (&worker);
        dp_connection_t *other = add_greeted_peer (self, WIRE_ROLE_CLIENT, 1000 + id);
        if (strstr (log_text, "joined") != NULL) { /* it may also have closed before HELLO left */
            n_joined++;
            run_until_logged (self, "lost");
        }
        dp_connection_destroy (&other);
        self->n_peers = 0;
    }
    assert_true (n_joined > 0);
}

static void tells_the_peer_that_finds_no_room_and_the_operator (void **state)
{
    fixture_t *self = *state;
    broker_destroy (&self->broker);
    start_broker (self, "tcp://127.0.0.1:*", 2);
    add_greeted_peer (self, WIRE_ROLE_CLIENT, 1);
    dp_connection_t *second = add_greeted_peer (self, WIRE_ROLE_WORKER, 2), *third = add_peer (self);
    say_hello (third, WIRE_ROLE_CLIENT, 3);
    assert_gets (self, third, WIRE_REFUSED);
    assert_non_null (strstr (log_text, "no room for more than 2"));
    dp_connection_close (second, 0);
    run_until_logged (self, "lost");
    add_greeted_peer (self, WIRE_ROLE_CLIENT, 3);
}

static void says_goodbye_to_all (void **state)
{
    fixture_t *self = *state;
    dp_connection_t *client = add_greeted_peer (self, WIRE_ROLE_CLIENT, 1);
    dp_connection_t *worker = add_greeted_peer (self, WIRE_ROLE_WORKER, 2);
    broker_shutdown (self->broker);
    assert_gets (self, client, WIRE_BYE);
    assert_gets (self, worker, WIRE_BYE);
}

static void serves_peers_of_its_own_process (void **state)
{
    fixture_t *self = *state;
    struct pollfd items[BROKER_POLL];
    broker_destroy (&self->broker);
    self->exchange = dp_exchange_new ();
    start_broker (self, NULL, 0);
    assert_null (broker_endpoint (self->broker, 0));
    assert_int_equal (broker_poll (self->broker, items), 0);
    add_greeted_peer (self, WIRE_ROLE_CLIENT, 1);
    add_greeted_peer (self, WIRE_ROLE_WORKER, 2);
    run_until_logged (self, "joined");
    dp_connection_t *stranger = add_peer (self);
    broker_shutdown (self->broker);
    assert_gets (self, self->peers[0], WIRE_BYE);
    assert_false (dp_connection_has_mail (stranger));
}

static void names_the_endpoint_that_it_cannot_bind (void **state)
{
    fixture_t *self = *state;
    const char *endpoints[] = { "tcp://127.0.0.1:*", broker_endpoint (self->broker, 0) };
    broker_config_t config = { .endpoints = endpoints, .n_endpoints = 2 };
    assert_not_made (broker_new (self->context, &config), EADDRINUSE);
    assert_says (endpoints[1]);
    config.n_endpoints = 0;
    assert_not_made (broker_new (self->context, &config), EINVAL);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (answers_hello_with_welcome, set_up, tear_down),
        cmocka_unit_test_setup_teardown (answers_those_that_did_not_say_hello_with_who, set_up, tear_down),
        cmocka_unit_test_setup_teardown (keeps_a_peer_that_has_been_refused_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown (notices_at_once_that_a_worker_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown (notices_many_that_go_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown (notices_one_that_went_right_after_its_hello, set_up, tear_down),
        cmocka_unit_test_setup_teardown (tells_the_peer_that_finds_no_room_and_the_operator, set_up,
                                         tear_down),
        cmocka_unit_test_setup_teardown (says_goodbye_to_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown (serves_peers_of_its_own_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown (names_the_endpoint_that_it_cannot_bind, set_up, tear_down),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
