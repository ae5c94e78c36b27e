/* SPDX-License-Identifier: MPL-2.0 */
#include "net/greeting.h"

#include "net/clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zmq.h>

enum {
    MECHANISM_AT = 12, /* of a greeting: behind the signature and two bytes of version … */
    MECHANISM_LEN = 20,
    ENOUGH = MECHANISM_AT + MECHANISM_LEN,
    ID_MAX = 255
};

typedef struct {
    uint8_t id[ID_MAX], bytes[ENOUGH];
    size_t id_len, n_bytes;
    bool is_over; /* it hung up */
} peer_t;

/* The signature, and that we speak ZMTP 3. */
static bool greet (void *stream, const peer_t *peer)
{
    static const uint8_t start[] = { 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3 };
    return zmq_send (stream, peer->id, peer->id_len, ZMQ_SNDMORE) >= 0
           && zmq_send (stream, start, sizeof start, 0) >= 0;
}

/* A STREAM gives the connection's id and then bytes; none of them says that the connection came or went. */
static void hear (void *stream, peer_t *peer)
{
    uint8_t bytes[1024];
    int id_len = zmq_recv (stream, peer->id, sizeof peer->id, ZMQ_DONTWAIT);
    int len = id_len < 0 ? -1 : zmq_recv (stream, bytes, sizeof bytes, ZMQ_DONTWAIT);
    if (len < 0)
        return;
    bool is_new = peer->id_len == 0;
    peer->id_len = (size_t) id_len;
    if (len == 0) {
        peer->is_over = !is_new || !greet (stream, peer);
        return;
    }
    size_t n = (size_t) len < sizeof bytes ? (size_t) len : sizeof bytes;
    size_t n_room = ENOUGH - peer->n_bytes;
    memcpy (peer->bytes + peer->n_bytes, bytes, n < n_room ? n : n_room);
    peer->n_bytes += n < n_room ? n : n_room;
}

static dp_greeting_t judge (const peer_t *peer)
{
    static const char plain[MECHANISM_LEN] = "NULL", curve[MECHANISM_LEN] = "CURVE";
    const uint8_t *mechanism = peer->bytes + MECHANISM_AT;
    if (peer->n_bytes < ENOUGH || peer->bytes[0] != 0xff)
        return DP_GREETING_NONE;
    if (memcmp (mechanism, plain, MECHANISM_LEN) == 0)
        return DP_GREETING_PLAIN;
    return memcmp (mechanism, curve, MECHANISM_LEN) == 0 ? DP_GREETING_ENCRYPTED : DP_GREETING_NONE;
}

static dp_greeting_t listen_to (void *stream, int timeout_ms)
{
    peer_t peer = { .id_len = 0 };
    int64_t deadline_ms = dp_clock_ms () + timeout_ms, left_ms;
    while (!peer.is_over && peer.n_bytes < ENOUGH && (left_ms = deadline_ms - dp_clock_ms ()) > 0) {
        zmq_pollitem_t item = { stream, 0, ZMQ_POLLIN, 0 };
        if (zmq_poll (&item, 1, (long) left_ms) > 0)
            hear (stream, &peer);
    }
    return judge (&peer);
}

dp_greeting_t dp_greeting_of (void *context, const char *endpoint, int timeout_ms)
{
    static const int off = 0, on = 1;
    void *stream = zmq_socket (context, ZMQ_STREAM);
    if (stream == NULL)
        return DP_GREETING_NONE;
    zmq_setsockopt (stream, ZMQ_LINGER, &off, sizeof off);
    zmq_setsockopt (stream, ZMQ_IPV6, &on, sizeof on);
    dp_greeting_t greeting
        = zmq_connect (stream, endpoint) < 0 ? DP_GREETING_NONE : listen_to (stream, timeout_ms);
    zmq_close (stream);
    return greeting;
}
