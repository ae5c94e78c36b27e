/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/wire.h"

#include "bench/clock.h"
#include "bench/die.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define N_CALLS 2000
#define N_TASKS 100000

static void check (int rc, const char *what)
{
    if (rc < 0)
        die (what, zmq_strerror (zmq_errno ()));
}

#define KEY_SIZE 41 /* of a key in Z85, with its end */

static bool is_curve;
static char server_public[KEY_SIZE], server_secret[KEY_SIZE], client_public[KEY_SIZE],
    client_secret[KEY_SIZE];

void wire_use_curve (bool is_wanted)
{
    is_curve = is_wanted;
    if (!is_curve)
        return;
    check (zmq_curve_keypair (server_public, server_secret), "zmq_curve_keypair");
    check (zmq_curve_keypair (client_public, client_secret), "zmq_curve_keypair");
}

static void set_keys (void *socket, int type)
{
    static const int is_server = 1;
    if (type == ZMQ_ROUTER) {
        check (zmq_setsockopt (socket, ZMQ_CURVE_SERVER, &is_server, sizeof is_server), "ZMQ_CURVE_SERVER");
        check (zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, server_secret, KEY_SIZE), "ZMQ_CURVE_SECRETKEY");
        return;
    }
    check (zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, server_public, KEY_SIZE), "ZMQ_CURVE_SERVERKEY");
    check (zmq_setsockopt (socket, ZMQ_CURVE_PUBLICKEY, client_public, KEY_SIZE), "ZMQ_CURVE_PUBLICKEY");
    check (zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, client_secret, KEY_SIZE), "ZMQ_CURVE_SECRETKEY");
}

void *wire_socket (void *context, int type)
{
    int zero = 0;
    void *socket = zmq_socket (context, type);
    check (socket ? 0 : -1, "zmq_socket");
    zmq_setsockopt (socket, ZMQ_SNDHWM, &zero, sizeof zero);
    zmq_setsockopt (socket, ZMQ_RCVHWM, &zero, sizeof zero);
    zmq_setsockopt (socket, ZMQ_LINGER, &zero, sizeof zero);
    if (is_curve)
        set_keys (socket, type);
    return socket;
}

void wire_bind (void *socket, const char *transport, char *endpoint, size_t size)
{
    static int n_bound;
    if (strcmp (transport, "tcp") == 0)
        snprintf (endpoint, size, "tcp://127.0.0.1:*");
    else
        snprintf (endpoint, size, "ipc://@dpool-bench-%d-%d", (int) getpid (), n_bound++);
    check (zmq_bind (socket, endpoint), "zmq_bind");
    check (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size), "zmq_getsockopt");
}

bool wire_pass_on (void *from, void *to, int flags)
{
    for (bool has_more = true; has_more; flags = 0) {
        zmq_msg_t frame;
        zmq_msg_init (&frame);
        if (zmq_msg_recv (&frame, from, flags) < 0) {
            if (zmq_errno () == EAGAIN)
                return false;
            check (-1, "zmq_msg_recv");
        }
        has_more = zmq_msg_more (&frame);
        check (zmq_msg_send (&frame, to, has_more ? ZMQ_SNDMORE : 0), "zmq_msg_send");
    }
    return true;
}

void wire_open (wire_t *self, const char *endpoint)
{
    self->context = zmq_ctx_new ();
    self->socket = wire_socket (self->context, ZMQ_DEALER);
    check (zmq_connect (self->socket, endpoint), "zmq_connect");
}

void wire_close (wire_t *self)
{
    zmq_close (self->socket);
    zmq_ctx_term (self->context);
}

static void send_bytes (wire_t *self, size_t size)
{
    zmq_msg_t message;
    check (zmq_msg_init_size (&message, size), "zmq_msg_init_size");
    memset (zmq_msg_data (&message), 'x', size);
    check (zmq_msg_send (&message, self->socket, 0), "zmq_msg_send");
}

/* False if there is none now and flags say not to wait. */
static bool receive_bytes (wire_t *self, size_t size, int flags)
{
    zmq_msg_t message;
    zmq_msg_init (&message);
    int n = zmq_msg_recv (&message, self->socket, flags);
    if (n < 0 && zmq_errno () != EAGAIN)
        die ("zmq_msg_recv", zmq_strerror (zmq_errno ()));
    if (n >= 0 && (size_t) n != size)
        die ("zmq_msg_recv", "not what was sent");
    zmq_msg_close (&message);
    return n >= 0;
}

/* n messages, of which at most window are on their way: seconds. */
static double stream (wire_t *self, size_t size, size_t n, size_t window)
{
    size_t n_sent = 0, n_received = 0;
    double start = clock_now ();
    while (n_received < n) {
        for (; n_sent < n && n_sent - n_received < window; n_sent++)
            send_bytes (self, size);
        for (int flags = 0; n_received < n_sent && receive_bytes (self, size, flags); flags = ZMQ_DONTWAIT)
            n_received++;
    }
    return clock_now () - start;
}

static void run_w1 (void *system, double counts, series_t *series)
{
    for (size_t n = scaled (N_CALLS, counts); n > 0; n--)
        series_add (series, stream (system, 8, 1, 1) * 1e6);
}

static void run_w2 (void *system, double counts, series_t *series)
{
    size_t n = scaled (N_TASKS, counts);
    series_add (series, (double) n / stream (system, 8, n, 1000));
}

static void run_w3 (void *system, double counts, series_t *series)
{
    size_t n = scaled (500, counts);
    series_add (series, (double) n / stream (system, 1 << 20, n, 16));
}

static void run_64k (void *system, double counts, series_t *series)
{
    size_t n = scaled (4000, counts);
    series_add (series, (double) n / 16 / stream (system, 1 << 16, n, 64));
}

const workload_t wire_workloads[] = {
    { "w1", "us", "8 bytes there and back", run_w1, 0, false },
    { "w2", "tasks/s", "100,000 messages of 8 bytes there and back, 1,000 at a time", run_w2, 0, true },
    { "w3", "MiB/s", "1 MiB there and back, 500 times, 16 at a time", run_w3, 0, true },
    { "64k", "MiB/s", "64 KiB there and back, 4,000 times, 64 at a time", run_64k, 0, true },
    { NULL, NULL, NULL, NULL, 0, false },
};
