/* SPDX-License-Identifier: MPL-2.0 */
/*
 * relay.c - what one tiny task costs at least on this machine, when a process runs it.
 *
 * direct: the caller writes to a child over a socketpair and reads its answer. relay: between them a thread,
 * woken by an eventfd, which polls as the loop of a library does.
 */
#include "bench/clock.h"
#include "bench/die.h"
#include "bench/process.h"
#include "bench/system.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_CALLS 2000

typedef struct {
    int ends[2]; /* the caller's and the child's */
    process_t child;
    int to_thread, from_thread; /* eventfds */
    pthread_t thread;
} relay_t;

static void put (int fd, uint64_t number)
{
    if (write (fd, &number, sizeof number) != (ssize_t) sizeof number)
        die ("write", strerror (errno));
}

static uint64_t get (int fd)
{
    uint64_t number;
    if (read (fd, &number, sizeof number) != (ssize_t) sizeof number)
        die ("read", strerror (errno));
    return number;
}

static void answer (void *self)
{
    int end = ((relay_t *) self)->ends[1];
    for (;;)
        put (end, get (end));
}

/* Until the caller sends 2. */
static void *pass_on (void *argument)
{
    relay_t *self = argument;
    struct pollfd fds[] = { { self->to_thread, POLLIN, 0 }, { self->ends[0], POLLIN, 0 } };
    for (;;) {
        if (poll (fds, 2, -1) < 0 && errno != EINTR)
            die ("poll", strerror (errno));
        if (fds[0].revents) {
            uint64_t number = get (self->to_thread);
            if (number == 2)
                return NULL;
            put (self->ends[0], number);
        }
        if (fds[1].revents)
            put (self->from_thread, get (self->ends[0]));
    }
}

static void *open_direct (int n_workers)
{
    (void) n_workers; /* one is enough for one task at a time */
    relay_t *self = calloc (1, sizeof *self);
    if (!self || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->ends) < 0)
        die ("socketpair", strerror (errno));
    self->child = process_fork (answer, self);
    return self;
}

static void close_direct (void *system)
{
    relay_t *self = system;
    process_end (&self->child);
    close (self->ends[0]);
    close (self->ends[1]);
    free (self);
}

static void *open_relay (int n_workers)
{
    relay_t *self = open_direct (n_workers);
    self->to_thread = eventfd (0, EFD_CLOEXEC);
    self->from_thread = eventfd (0, EFD_CLOEXEC);
    if (self->to_thread < 0 || self->from_thread < 0
        || pthread_create (&self->thread, NULL, pass_on, self) != 0)
        die ("relay", "cannot start its thread");
    return self;
}

static void close_relay (void *system)
{
    relay_t *self = system;
    put (self->to_thread, 2);
    pthread_join (self->thread, NULL);
    close (self->to_thread);
    close (self->from_thread);
    close_direct (self);
}

static void run (int to, int from, double counts, series_t *series)
{
    for (size_t n = scaled (N_CALLS, counts); n > 0; n--) {
        double start = clock_now ();
        put (to, 1);
        get (from);
        series_add (series, (clock_now () - start) * 1e6);
    }
}

static void run_direct (void *system, double counts, series_t *series)
{
    relay_t *self = system;
    run (self->ends[0], self->ends[0], counts, series);
}

static void run_relay (void *system, double counts, series_t *series)
{
    relay_t *self = system;
    run (self->to_thread, self->from_thread, counts, series);
}

static const workload_t direct_workloads[] = {
    { "w1", "us", "8 bytes there and back", run_direct, 0, false },
    { NULL, NULL, NULL, NULL, 0, false },
};

static const workload_t relay_workloads[] = {
    { "w1", "us", "8 bytes there and back", run_relay, 0, false },
    { NULL, NULL, NULL, NULL, 0, false },
};

const system_t direct_system = { "direct", "limit: the caller and a child process, over a socketpair",
                                 open_direct, close_direct, direct_workloads };
const system_t relay_system
    = { "relay", "limit: the caller, a thread (eventfd) and a child process (socketpair)", open_relay,
        close_relay, relay_workloads };
