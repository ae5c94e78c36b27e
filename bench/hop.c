/* SPDX-License-Identifier: MPL-2.0 */
/* hop.c - one hop of plain libzmq: a DEALER and, in another process, a ROUTER that sends all back. */
#include "bench/die.h"
#include "bench/process.h"
#include "bench/wire.h"

#include <unistd.h>
#include <zmq.h>

typedef struct {
    wire_t wire;
    process_t echo;
    const char *transport;
    int ends[2]; /* of a pipe, in which the echo tells its endpoint */
} hop_t;

static void send_back (void *argument)
{
    hop_t *self = argument;
    char endpoint[256] = "";
    void *socket = wire_socket (zmq_ctx_new (), ZMQ_ROUTER);
    wire_bind (socket, self->transport, endpoint, sizeof endpoint);
    if (write (self->ends[1], endpoint, sizeof endpoint) < 0)
        return;
    for (;;)
        wire_pass_on (socket, socket, 0);
}

static void *open_hop (const char *transport)
{
    char endpoint[256];
    hop_t *self = calloc (1, sizeof *self);
    if (!self || pipe (self->ends) < 0)
        die ("hop", "no memory or pipe");
    self->transport = transport;
    self->echo = process_fork (send_back, self);
    if (read (self->ends[0], endpoint, sizeof endpoint) != (ssize_t) sizeof endpoint)
        die ("hop", "it does not listen");
    wire_open (&self->wire, endpoint);
    return self;
}

static void *open_ipc (int n_workers)
{
    (void) n_workers;
    return open_hop ("ipc");
}

static void *open_tcp (int n_workers)
{
    (void) n_workers;
    return open_hop ("tcp");
}

static void close_hop (void *system)
{
    hop_t *self = system;
    wire_close (&self->wire);
    process_end (&self->echo);
    close (self->ends[0]);
    close (self->ends[1]);
    free (self);
}

const system_t hop_ipc_system = { "hop-ipc", "limit: plain libzmq, DEALER to ROUTER and back, over ipc",
                                  open_ipc, close_hop, wire_workloads };
const system_t hop_tcp_system = { "hop-tcp", "limit: plain libzmq, DEALER to ROUTER and back, over tcp",
                                  open_tcp, close_hop, wire_workloads };
