/* SPDX-License-Identifier: MPL-2.0 */
/* The real broker between strangers: whatever comes to its port, a peer that speaks properly is answered. */
#include "tests/support/test.h"

#include "net/clock.h"
#include "net/machine.h"
#include "net/sharing.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/payload_message.h"
#include "tests/support/wait.h"

#define MAX_PAYLOAD (64u << 20)
#define MAX_SOCKETS 256

typedef struct fixture_s {
    cluster_t *cluster;
    void *context;
    void *sockets[MAX_SOCKETS]; /* open ones: a test that fails leaves its own to tear_down */
    size_t n_sockets;
    uint64_t last_id, n_hellos;
    uint32_t random;
    dp_incoming_t incoming;
} fixture_t;

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->cluster = cluster_new (NULL);
    self->context = zmq_ctx_new ();
    self->random = 1;
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    for (size_t i = 0; i < self->n_sockets; i++)
        zmq_close (self->sockets[i]);
    zmq_ctx_term (self->context);
    cluster_destroy (&self->cluster);
    free (self);
    return 0;
}

static uint8_t random_byte (fixture_t *self)
{
    self->random = self->random * 1664525 + 1013904223;
    return (uint8_t) (self->random >> 24);
}

static void *open_socket (fixture_t *self, int type)
{
    int zero = 0;
    assert_true (self->n_sockets < MAX_SOCKETS);
    void *opened = zmq_socket (self->context, type);
    assert_non_null (opened);
    zmq_setsockopt (opened, ZMQ_LINGER, &zero, sizeof zero);
    return self->sockets[self->n_sockets++] = opened;
}

static void close_socket (fixture_t *self, void *opened)
{
    size_t i = 0;
    while (self->sockets[i] != opened)
        i++;
    self->sockets[i] = self->sockets[--self->n_sockets];
    zmq_close (opened);
}

/* A DEALER as strangers may have it. */
static void *open_dealer (fixture_t *self)
{
    void *dealer = open_socket (self, ZMQ_DEALER);
    assert_int_equal (zmq_connect (dealer, cluster_endpoint (self->cluster)), 0);
    return dealer;
}

/* version 0 = one that the broker speaks. */
static void say_hello_as (fixture_t *self, void *dealer, uint64_t version, uint64_t machine)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_hello_t hello = { .version_min = version > 0 ? version : WIRE_VERSION_MIN,
                           .version_max = version > 0 ? version : WIRE_VERSION,
                           .machine = machine,
                           .role = WIRE_ROLE_CLIENT,
                           .id = ++self->last_id,
                           .connection = ++self->n_hellos,
                           .host = { "here", 4 },
                           .name = { "test", 4 },
                           .pid = 1 };
    wire_put_hello (&out, 0, &hello, NULL, NULL);
    dp_outgoing_t *message = dp_outbox_take (&out);
    assert_int_equal (dp_outgoing_send (message, dealer, NULL, 0), 0);
    dp_outgoing_destroy (&message);
}

static void say_hello (fixture_t *self, void *dealer)
{
    say_hello_as (self, dealer, 0, 0);
}

/* The next message that comes is of this kind. */
static void assert_answered (fixture_t *self, void *dealer, wire_kind_t kind)
{
    zmq_pollitem_t item = { dealer, 0, ZMQ_POLLIN, 0 };
    assert_int_equal (zmq_poll (&item, 1, PATIENCE_MS), 1);
    assert_int_equal (dp_incoming_receive (&self->incoming, dealer, false, MAX_PAYLOAD), 1);
    assert_null (self->incoming.malformed);
    assert_string_equal (wire_kind_name (self->incoming.message.kind), wire_kind_name (kind));
    dp_incoming_fini (&self->incoming);
}

static void assert_serves (fixture_t *self)
{
    void *dealer = open_dealer (self);
    say_hello (self, dealer);
    assert_answered (self, dealer, WIRE_WELCOME);
    close_socket (self, dealer);
    assert_true (process_lives (process_pid (cluster_broker (self->cluster))));
}

/* A plain TCP connection to the broker. Close it. */
static int open_tcp (fixture_t *self)
{
    int port = 0;
    assert_int_equal (sscanf (cluster_endpoint (self->cluster), "tcp://127.0.0.1:%d", &port), 1);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons ((uint16_t) port),
                                   .sin_addr = { htonl (INADDR_LOOPBACK) } };
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true (fd >= 0);
    assert_int_equal (connect (fd, (struct sockaddr *) &address, sizeof address), 0);
    return fd;
}

/* Errors are no surprise: the broker hangs up on some. */
static void write_tcp (int fd, const void *bytes, size_t len)
{
    if (send (fd, bytes, len, MSG_NOSIGNAL) < 0)
        return;
}

/* ---- At the port ----------------------------------------------------------------------------- */

static bool logs_strangers (void *cluster)
{
    char *text = cluster_log (cluster, -1);
    bool is_told = strstr (text, "did not speak ZeroMQ") != NULL;
    free (text);
    return is_told;
}

static void survives_random_bytes_at_its_port (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < 200; i++) {
        uint8_t bytes[2000];
        size_t len = 1 + random_byte (self) * 7u;
        for (size_t k = 0; k < len; k++)
            bytes[k] = random_byte (self);
        if (i % 2 == 0)
            bytes[0] = 0xff; /* how ZeroMQ begins */
        int fd = open_tcp (self);
        write_tcp (fd, bytes, len);
        close (fd);
    }
    assert_serves (self);
    assert_true (wait_until (logs_strangers, self->cluster));
}

static void survives_other_protocols (void **state)
{
    fixture_t *self = *state;
    static const char *const texts[] = { "GET / HTTP/1.1\r\nHost: broker\r\n\r\n",
                                         "SSH-2.0-OpenSSH_9.2\r\n",
                                         "\x16\x03\x01\x02\x01\x01\xfc\x03\x03",
                                         "EHLO here\r\n",
                                         "\n\n\n\n",
                                         "{\"jsonrpc\": \"2.0\"}\n" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int fd = open_tcp (self);
        write_tcp (fd, texts[i], strlen (texts[i]));
        assert_serves (self);
        close (fd);
    }
    assert_serves (self);
}

/* A greeting and a handshake of ZMTP 3.0 by hand, then frames that go wrong. */
static void survives_broken_zmtp (void **state)
{
    fixture_t *self = *state;
    static const uint8_t ready[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
                                   "DEALER";
    static const struct {
        const char *bytes;
        size_t len;
    } ends[] = {
        { "\x00\x05hello", 7 },                        /* one frame that is no message of ours */
        { "\x01\x05hello", 7 },                        /* one that says there are more, and no more */
        { "\x00\xff", 2 },                             /* cut */
        { "\x02\x7f\xff\xff\xff\xff\xff\xff\xff", 9 }, /* longer than all memory */
        { "\x02\xff\xff\xff\xff\xff\xff\xff\xff", 9 },
        { "\x02\x00\x00\x00\x00\x7f\xff\xff\xff", 9 },
        { "\xff\xff\xff\xff\xff\xff", 6 }, /* reserved flags */
        { "\x04\x05\x04PING", 7 },         /* a command cut short */
        { "\x00\x00", 2 },                 /* an empty frame */
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        uint8_t greeting[64] = { 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L' };
        int fd = open_tcp (self);
        write_tcp (fd, greeting, sizeof greeting);
        write_tcp (fd, ready, sizeof ready - 1);
        write_tcp (fd, ends[i].bytes, ends[i].len);
        assert_serves (self);
        close (fd);
    }
    assert_serves (self);
}

static void serves_beside_connections_that_say_nothing (void **state)
{
    fixture_t *self = *state;
    enum { MANY = 300 };
    int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = open_tcp (self);
        write_tcp (fds[i], "\xff\0\0\0\0\0\0\0\x01\x7f", (size_t) (i % 11)); /* half of a greeting, or none */
    }
    assert_serves (self);
    char byte; /* and in a few seconds it hangs up on them: reading ends, after its own greeting */
    while (recv (fds[0], &byte, 1, 0) > 0)
        ;
    for (int i = 0; i < MANY; i++)
        close (fds[i]);
    assert_serves (self);
}

/* ---- Behind the handshake -------------------------------------------------------------------- */

static void refuses_random_frames (void **state)
{
    fixture_t *self = *state;
    for (int i = 0; i < 300; i++) {
        void *dealer = open_dealer (self);
        uint8_t bytes[256];
        int n_frames = 1 + random_byte (self) % 5;
        for (int k = 0; k < n_frames; k++) {
            for (size_t b = 0; b < sizeof bytes; b++)
                bytes[b] = random_byte (self);
            zmq_send (dealer, bytes, random_byte (self), k + 1 < n_frames ? ZMQ_SNDMORE : 0);
        }
        assert_answered (self, dealer, WIRE_REFUSED);
        close_socket (self, dealer);
    }
    assert_serves (self);
}

static void refuses_too_many_frames_and_goes_on (void **state)
{
    fixture_t *self = *state;
    void *dealer = open_dealer (self);
    for (int i = 0; i < 5000; i++)
        zmq_send (dealer, "x", 1, i < 4999 ? ZMQ_SNDMORE : 0);
    assert_answered (self, dealer, WIRE_REFUSED);
    say_hello (self, dealer);
    assert_answered (self, dealer, WIRE_WELCOME);
    close_socket (self, dealer);
}

static void asks_who_is_there (void **state)
{
    fixture_t *self = *state;
    void *dealer = open_dealer (self);
    static const uint8_t pings[] = "\x92\x05\x00";
    for (int i = 0; i < 1000; i++)
        zmq_send (dealer, pings, 3, 0);
    for (int i = 0; i < 1000; i++)
        assert_answered (self, dealer, WIRE_WHO);
    say_hello (self, dealer);
    assert_answered (self, dealer, WIRE_WELCOME);
    close_socket (self, dealer);
}

/* One that does not reconnect, and the monitor that tells of the end of its connection. */
static void *open_watched_dealer (fixture_t *self, void **monitor)
{
    int never = -1;
    void *dealer = open_socket (self, ZMQ_DEALER);
    zmq_setsockopt (dealer, ZMQ_RECONNECT_IVL, &never, sizeof never);
    assert_int_equal (zmq_socket_monitor (dealer, "inproc://monitor", ZMQ_EVENT_DISCONNECTED), 0);
    *monitor = open_socket (self, ZMQ_PAIR);
    assert_int_equal (zmq_connect (*monitor, "inproc://monitor"), 0);
    assert_int_equal (zmq_connect (dealer, cluster_endpoint (self->cluster)), 0);
    return dealer;
}

static void assert_is_hung_up_on (fixture_t *self, void *dealer, void *monitor)
{
    zmq_pollitem_t item = { monitor, 0, ZMQ_POLLIN, 0 };
    assert_int_equal (zmq_poll (&item, 1, PATIENCE_MS), 1);
    close_socket (self, monitor);
    close_socket (self, dealer);
}

static void hangs_up_on_whoever_never_says_hello (void **state)
{
    fixture_t *self = *state;
    static const uint8_t ping[] = "\x92\x05\x00";
    void *monitor, *dealer = open_watched_dealer (self, &monitor);
    /* ZeroMQ does not notice the end while answers wait to be read. */
    zmq_pollitem_t news = { monitor, 0, ZMQ_POLLIN, 0 };
    int64_t deadline_ms = dp_clock_ms () + PATIENCE_MS;
    for (int wait_ms = 0; zmq_poll (&news, 1, wait_ms) == 0 && dp_clock_ms () < deadline_ms;) {
        wait_ms = zmq_send (dealer, ping, 3, ZMQ_DONTWAIT) < 0 ? 10 : 0;
        while (zmq_recv (dealer, NULL, 0, ZMQ_DONTWAIT) >= 0)
            ;
    }
    assert_is_hung_up_on (self, dealer, monitor);
    assert_serves (self);
}

static void hangs_up_on_frames_beyond_its_limit (void **state)
{
    fixture_t *self = *state;
    const size_t len = MAX_PAYLOAD + WIRE_MAX_ENVELOPE + 1;
    uint8_t *bytes = calloc (1, len);
    assert_non_null (bytes);
    void *monitor, *dealer = open_watched_dealer (self, &monitor);
    zmq_send (dealer, bytes, len, 0);
    assert_is_hung_up_on (self, dealer, monitor);
    free (bytes);
    assert_serves (self);
}

static void hangs_up_on_whoever_goes_on_with_what_is_refused (void **state)
{
    fixture_t *self = *state;
    enum { ENOUGH = 10 };
    void *monitor, *dealer = open_watched_dealer (self, &monitor);
    for (int i = 1; i < ENOUGH; i++) {
        zmq_send (dealer, "?", 1, 0);
        assert_answered (self, dealer, WIRE_REFUSED);
    }
    zmq_send (dealer, "?", 1, 0);
    assert_is_hung_up_on (self, dealer, monitor);
    assert_serves (self);
}

static void hangs_up_on_whoever_says_a_hello_that_is_refused_again_and_again (void **state)
{
    fixture_t *self = *state;
    enum { ENOUGH = 10 };
    void *monitor, *dealer = open_watched_dealer (self, &monitor);
    for (int i = 1; i < ENOUGH; i++) {
        say_hello_as (self, dealer, 99, 0);
        assert_answered (self, dealer, WIRE_REFUSED);
    }
    say_hello_as (self, dealer, 99, 0);
    assert_is_hung_up_on (self, dealer, monitor);
    assert_serves (self);
}

static void ping (void *dealer)
{
    zmq_send (dealer, "\x92\x05\x00", 3, 0);
}

static void asks_for_memory_once_and_only_whom_it_lets_in (void **state)
{
    fixture_t *self = *state;
    void *dealer = open_dealer (self);
    say_hello_as (self, dealer, 99, dp_machine ());
    assert_answered (self, dealer, WIRE_REFUSED);
    ping (dealer);
    assert_answered (self, dealer, WIRE_WHO);
    say_hello_as (self, dealer, 0, dp_machine ());
    assert_answered (self, dealer, WIRE_WELCOME);
    assert_answered (self, dealer, WIRE_MEMORY);
    assert_answered (self, dealer, WIRE_ROOM);
    say_hello_as (self, dealer, 0, dp_machine ());
    ping (dealer);
    assert_answered (self, dealer, WIRE_PONG);
    close_socket (self, dealer);
}

/* A task whose payload is said to lie where nothing does. */
static void send_reference_to_nothing (void *dealer)
{
    dp_outgoing_t *message = payload_message_to_nothing (WIRE_SUBMIT);
    assert_int_equal (dp_outgoing_send (message, dealer, NULL, 0), 0);
    dp_outgoing_destroy (&message);
}

/* Answer the broker's MEMORY; it maps what it was told of, and answers that. */
static void agree_on_memory (fixture_t *self, void *dealer, dp_sharing_t *sharing)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    assert_answered (self, dealer, WIRE_MEMORY);
    dp_sharing_announce (sharing, &out, 0);
    dp_outgoing_t *message = dp_outbox_take (&out);
    assert_int_equal (dp_outgoing_send (message, dealer, NULL, 0), 0);
    dp_outgoing_destroy (&message);
    assert_answered (self, dealer, WIRE_ROOM);
    assert_answered (self, dealer, WIRE_MEMORY);
}

static void gives_up_memory_that_it_cannot_read_and_refuses_references_then (void **state)
{
    fixture_t *self = *state;
    dp_sharing_totals_t totals = { 0, 0 };
    dp_arena_t *arena = dp_arena_new (DP_ARENA_PROGRAM);
    dp_sharing_t *sharing = dp_sharing_new (arena, arena, &totals);
    void *dealer = open_dealer (self);
    say_hello_as (self, dealer, 0, dp_machine ());
    assert_answered (self, dealer, WIRE_WELCOME);
    agree_on_memory (self, dealer, sharing);
    send_reference_to_nothing (dealer);
    assert_answered (self, dealer, WIRE_WHO);
    cluster_await_words (self->cluster, "memory is shared no more with peer");
    close_socket (self, dealer);

    self->last_id--; /* the same peer, on another connection */
    dealer = open_dealer (self);
    say_hello_as (self, dealer, 0, dp_machine ());
    assert_answered (self, dealer, WIRE_WELCOME);
    send_reference_to_nothing (dealer);
    assert_answered (self, dealer, WIRE_REFUSED); /* and it is not asked for memory */
    cluster_await_words (self->cluster, "a reference to memory that is not shared");
    close_socket (self, dealer);
    assert_serves (self);
    dp_sharing_destroy (&sharing);
    dp_arena_release (&arena);
}

static void *open_dealer_as (fixture_t *self, const void *routing_id, size_t len)
{
    void *dealer = open_socket (self, ZMQ_DEALER);
    zmq_setsockopt (dealer, ZMQ_ROUTING_ID, routing_id, len);
    assert_int_equal (zmq_connect (dealer, cluster_endpoint (self->cluster)), 0);
    return dealer;
}

/* ZeroMQ gives ids of a zero and four bytes to whoever comes without one, and aborts when it gives one that
   is taken (docs/security.md): here that is as likely as to guess a number of 32 bits. */
static void serves_peers_that_chose_a_routing_id (void **state)
{
    fixture_t *self = *state;
    static const uint8_t like_zeromq[] = { 0, 0x80, 1, 2, 3 }, lowest[sizeof like_zeromq];
    uint8_t longest[255];
    memset (longest, 'i', sizeof longest);
    const struct {
        const uint8_t *id;
        size_t len;
    } ids[] = { { longest, 1 }, { longest, 128 },          { longest, 255 },
                { lowest, 1 },  { lowest, sizeof lowest }, { like_zeromq, sizeof like_zeromq } };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        void *dealer = open_dealer_as (self, ids[i].id, ids[i].len);
        ping (dealer);
        assert_answered (self, dealer, WIRE_WHO);
        say_hello (self, dealer);
        assert_answered (self, dealer, WIRE_WELCOME);
        close_socket (self, dealer);
    }
    assert_serves (self);
}

/* What has the id of another is not heard, and that other goes on. */
static void hears_nothing_from_whoever_takes_the_routing_id_of_another (void **state)
{
    fixture_t *self = *state;
    static const uint8_t id[] = { 0, 0x80, 1, 2, 3 };
    void *first = open_dealer_as (self, id, sizeof id);
    ping (first);
    assert_answered (self, first, WIRE_WHO);
    void *second = open_dealer_as (self, id, sizeof id);
    ping (second);
    assert_serves (self);
    zmq_pollitem_t item = { second, 0, ZMQ_POLLIN, 0 };
    assert_int_equal (zmq_poll (&item, 1, 0), 0);
    close_socket (self, second);
    ping (first);
    assert_answered (self, first, WIRE_WHO);
    close_socket (self, first);
    assert_serves (self);
}

static void serves_many_at_once (void **state)
{
    fixture_t *self = *state;
    enum { MANY = 200 };
    void *dealers[MANY];
    for (int i = 0; i < MANY; i++)
        say_hello (self, dealers[i] = open_dealer (self));
    for (int i = 0; i < MANY; i++)
        assert_answered (self, dealers[i], WIRE_WELCOME);
    for (int i = 0; i < MANY; i++)
        close_socket (self, dealers[i]);
    assert_serves (self);
}

/* ---- Its own ends ---------------------------------------------------------------------------- */

static void ends_with_0_whatever_was_before (void **state)
{
    fixture_t *self = *state;
    int fd = open_tcp (self);
    write_tcp (fd, "GET", 3);
    void *dealer = open_dealer (self);
    say_hello (self, dealer);
    assert_answered (self, dealer, WIRE_WELCOME);
    process_signal (cluster_broker (self->cluster), SIGHUP); /* which does not end it */
    assert_serves (self);
    process_signal (cluster_broker (self->cluster), SIGTERM);
    int status = process_wait (cluster_broker (self->cluster));
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    do /* a peer that is there is told */
        assert_int_equal (zmq_poll (&(zmq_pollitem_t) { dealer, 0, ZMQ_POLLIN, 0 }, 1, PATIENCE_MS), 1);
    while (dp_incoming_receive (&self->incoming, dealer, false, MAX_PAYLOAD) == 1
           && (dp_incoming_fini (&self->incoming), self->incoming.message.kind != WIRE_BYE));
    close_socket (self, dealer);
    close (fd);
}

static void does_not_take_an_ipc_path_from_another (void **state)
{
    fixture_t *self = *state;
    folder_t *folder = folder_new ();
    char address[4200], line[4400];
    snprintf (address, sizeof address, "ipc://%s", folder_path (folder, "socket"));
    const char *argv[] = { DPOOL_BIN_DIR "/dpool-broker", "--bind", address, NULL };
    process_t *first = process_new (argv, folder_path (folder, "first"));
    assert_true (process_read_line (first, line, sizeof line));
    process_t *second = process_new (argv, folder_path (folder, "second"));
    int status = process_wait (second);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 1);
    char *text = read_text (folder_path (folder, "second"));
    assert_contains (text, "in use");
    free (text);
    process_destroy (&second);

    process_signal (first, SIGKILL); /* which leaves its socket and its lock there */
    process_wait (first);
    process_destroy (&first);
    second = process_new (argv, folder_path (folder, "second"));
    assert_true (process_read_line (second, line, sizeof line));
    assert_contains (line, address);
    process_destroy (&second);
    folder_destroy (&folder);
    assert_serves (self);
}

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (survives_random_bytes_at_its_port, set_up, tear_down),
        cmocka_unit_test_setup_teardown (survives_other_protocols, set_up, tear_down),
        cmocka_unit_test_setup_teardown (survives_broken_zmtp, set_up, tear_down),
        cmocka_unit_test_setup_teardown (serves_beside_connections_that_say_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown (refuses_random_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown (refuses_too_many_frames_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown (asks_who_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown (hangs_up_on_frames_beyond_its_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown (hangs_up_on_whoever_never_says_hello, set_up, tear_down),
        cmocka_unit_test_setup_teardown (hangs_up_on_whoever_goes_on_with_what_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown (hangs_up_on_whoever_says_a_hello_that_is_refused_again_and_again,
                                         set_up, tear_down),
        cmocka_unit_test_setup_teardown (asks_for_memory_once_and_only_whom_it_lets_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown (gives_up_memory_that_it_cannot_read_and_refuses_references_then,
                                         set_up, tear_down),
        cmocka_unit_test_setup_teardown (serves_peers_that_chose_a_routing_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown (hears_nothing_from_whoever_takes_the_routing_id_of_another, set_up,
                                         tear_down),
        cmocka_unit_test_setup_teardown (serves_many_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown (ends_with_0_whatever_was_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown (does_not_take_an_ipc_path_from_another, set_up, tear_down),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
