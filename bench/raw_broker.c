/* SPDX-License-Identifier: MPL-2.0 */
/*
 * raw_broker.c - the smallest broker on plain libzmq: two ROUTERs in one process, and worker processes that
 * send back what they get, or sleep for so many seconds first. It hands messages to the workers in turn and
 * checks nothing.
 */
#include "bench/die.h"
#include "bench/ideal_table.h"
#include "bench/process.h"
#include "bench/wire.h"
#include "bench/work.h"

#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define MAX_WORKERS 8
#define N_DRAINED 1000 /* messages that are taken from one side before it looks at the other */

enum { FRONT, BACK, N_SIDES };

typedef struct {
    wire_t wire;
    process_t broker;
    process_t workers[MAX_WORKERS];
    int n_workers;
    const char *transport;
    int ends[2]; /* of a pipe, in which the broker tells its endpoints */
    char endpoints[N_SIDES][256];
} raw_broker_t;

static void work (void *argument)
{
    const raw_broker_t *self = argument;
    wire_t wire;
    wire_open (&wire, self->endpoints[BACK]);
    zmq_send (wire.socket, "", 0, 0); /* here I am */
    for (;;)
        wire_pass_on (wire.socket, wire.socket, 0);
}

/* Each message is a number of seconds to sleep for. */
static void work_asleep (void *argument)
{
    const raw_broker_t *self = argument;
    wire_t wire;
    wire_open (&wire, self->endpoints[BACK]);
    zmq_send (wire.socket, "", 0, 0);
    for (;;) {
        zmq_msg_t client;
        double seconds;
        zmq_msg_init (&client);
        if (zmq_msg_recv (&client, wire.socket, 0) < 0
            || zmq_recv (wire.socket, &seconds, sizeof seconds, 0) != (int) sizeof seconds)
            die ("raw broker", "a message without seconds");
        work_sleep (seconds);
        zmq_msg_send (&client, wire.socket, ZMQ_SNDMORE);
        zmq_send (wire.socket, &seconds, sizeof seconds, 0);
    }
}

/* Its address, the same for all time. */
static void greet_worker (void *back, zmq_msg_t *address)
{
    zmq_msg_t greeting;
    zmq_msg_init (address);
    zmq_msg_init (&greeting);
    if (zmq_msg_recv (address, back, 0) < 0 || zmq_msg_recv (&greeting, back, 0) < 0)
        die ("raw broker", "no worker");
    zmq_msg_close (&greeting);
}

/* From a client to a worker. False if there is none now. */
static bool hand_out (void *front, void *back, zmq_msg_t *worker)
{
    zmq_msg_t client, address;
    zmq_msg_init (&client);
    if (zmq_msg_recv (&client, front, ZMQ_DONTWAIT) < 0)
        return false;
    zmq_msg_init (&address);
    zmq_msg_copy (&address, worker);
    zmq_msg_send (&address, back, ZMQ_SNDMORE);
    zmq_msg_send (&client, back, ZMQ_SNDMORE);
    return wire_pass_on (front, back, 0);
}

/* From a worker to a client. False if there is none now. */
static bool bring_back (void *back, void *front)
{
    zmq_msg_t worker;
    zmq_msg_init (&worker);
    if (zmq_msg_recv (&worker, back, ZMQ_DONTWAIT) < 0)
        return false;
    zmq_msg_close (&worker);
    return wire_pass_on (back, front, 0);
}

static void broke (void *argument)
{
    raw_broker_t *self = argument;
    void *context = zmq_ctx_new ();
    void *front = wire_socket (context, ZMQ_ROUTER), *back = wire_socket (context, ZMQ_ROUTER);
    wire_bind (front, self->transport, self->endpoints[FRONT], sizeof self->endpoints[FRONT]);
    wire_bind (back, self->transport, self->endpoints[BACK], sizeof self->endpoints[BACK]);
    for (int i = 0; i < N_SIDES; i++) {
        if (write (self->ends[1], self->endpoints[i], sizeof self->endpoints[i]) < 0)
            return;
    }

    zmq_msg_t workers[MAX_WORKERS];
    for (int i = 0; i < self->n_workers; i++)
        greet_worker (back, &workers[i]);
    int next = 0;
    zmq_pollitem_t items[] = { { front, 0, ZMQ_POLLIN, 0 }, { back, 0, ZMQ_POLLIN, 0 } };
    while (zmq_poll (items, 2, -1) >= 0) {
        for (int i = 0; i < N_DRAINED && hand_out (front, back, &workers[next]); i++)
            next = (next + 1) % self->n_workers;
        for (int i = 0; i < N_DRAINED && bring_back (back, front); i++) {
        }
    }
}

static void *open_broker (const char *transport, void (*worker) (void *argument), int n_workers)
{
    raw_broker_t *self = calloc (1, sizeof *self);
    if (!self || pipe (self->ends) < 0 || n_workers > MAX_WORKERS)
        die ("raw broker", "no memory or pipe");
    self->transport = transport;
    self->n_workers = n_workers;
    self->broker = process_fork (broke, self);
    for (int i = 0; i < N_SIDES; i++) {
        const ssize_t size = sizeof self->endpoints[i];
        if (read (self->ends[0], self->endpoints[i], (size_t) size) != size)
            die ("raw broker", "it does not listen");
    }
    for (int i = 0; i < n_workers; i++)
        self->workers[i] = process_fork (worker, self);
    wire_open (&self->wire, self->endpoints[FRONT]);
    return self;
}

static void *open_ipc (int n_workers)
{
    return open_broker ("ipc", work, n_workers);
}

static void *open_tcp (int n_workers)
{
    return open_broker ("tcp", work, n_workers);
}

/* Encrypted, but whoever has the broker's key gets in: nobody looks at those of clients. */
static void *open_curve (int n_workers)
{
    wire_use_curve (true);
    void *self = open_broker ("tcp", work, n_workers);
    wire_use_curve (false);
    return self;
}

static void *open_asleep (int n_workers)
{
    return open_broker ("tcp", work_asleep, n_workers);
}

static void close_broker (void *system)
{
    raw_broker_t *self = system;
    wire_close (&self->wire);
    for (int i = 0; i < self->n_workers; i++)
        process_end (&self->workers[i]);
    process_end (&self->broker);
    close (self->ends[0]);
    close (self->ends[1]);
    free (self);
}

static void row (void *system, const double *seconds, int n_sleeps)
{
    const raw_broker_t *self = system;
    double slept;
    for (int i = 0; i < n_sleeps; i++)
        if (zmq_send (self->wire.socket, &seconds[i], sizeof slept, 0) < 0)
            die ("zmq_send", zmq_strerror (zmq_errno ()));
    for (int i = 0; i < n_sleeps; i++)
        if (zmq_recv (self->wire.socket, &slept, sizeof slept, 0) != (int) sizeof slept)
            die ("zmq_recv", "not what was sent");
}

static void run_table (void *system, double counts, series_t *series)
{
    ideal_table_measure (row, system, counts, series);
}

static const workload_t asleep_workloads[] = {
    { "w4", "ms", "the table's sleeps alone: how much longer they take", run_table, IDEAL_TABLE_SLEEPERS,
      false },
    { NULL, NULL, NULL, NULL, 0, false },
};

const system_t broker_ipc_system
    = { "broker-ipc", "limit: a minimal broker on plain libzmq, 2 workers, over ipc", open_ipc, close_broker,
        wire_workloads };
const system_t broker_tcp_system
    = { "broker-tcp", "limit: a minimal broker on plain libzmq, 2 workers, over tcp", open_tcp, close_broker,
        wire_workloads };
const system_t broker_curve_system = { "broker-curve", "limit: the same broker over tcp with CURVE",
                                       open_curve, close_broker, wire_workloads };
const system_t sleepers_tcp_system
    = { "sleepers-tcp", "limit: the same broker over tcp, 4 workers that sleep", open_asleep, close_broker,
        asleep_workloads };
