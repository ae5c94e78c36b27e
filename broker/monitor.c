/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/monitor.h"

#include "core/link.h"
#include "core/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

/* After the event ZeroMQ's thread has some commands left to send to the ROUTER, which takes microseconds, or
   longer on a busy machine. */
static const int64_t look_after_ms[] = { 0, 3, 30, 300 };
#define N_LOOKS (sizeof look_after_ms / sizeof look_after_ms[0])

#define MOST_SUSPECTS 65536 /* those beyond it are noticed by their silence */
#define REFUSAL_EVERY_MS 10000
#define STRANGERS_EVERY_MS 600000
#define EVENTS                                                                               \
    (ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL \
     | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)

typedef struct suspect_s {
    int fd;
    size_t n_looks;
    int64_t closed_at_ms;
} suspect_t;

struct monitor_s {
    void *watched, *socket;
    dp_watch_t watch; /* of the second */
    suspect_t *suspects;
    size_t n_suspects, capacity;
    size_t next;        /* where monitor_next_suspect goes on */
    int64_t look_at_ms; /* no suspect is due before */
    int refusal;
    size_t n_strangers;
    int64_t refusal_at_ms, strangers_at_ms; /* the last ones that were told; 0 = never */
};

monitor_t *monitor_new (void *context, void *socket)
{
    monitor_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        return NULL;
    self->watched = socket;
    self->look_at_ms = DP_NEVER;
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "inproc://dpool-broker-monitor-%p", socket);
    /* Without limit on the row of events, since ZeroMQ's thread would wait for a reader that lags. */
    int unlimited = 0;
    if (zmq_socket_monitor (socket, endpoint, EVENTS) == 0) {
        self->socket = zmq_socket (context, ZMQ_PAIR);
        if (self->socket != NULL
            && zmq_setsockopt (self->socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited) == 0
            && zmq_setsockopt (self->socket, ZMQ_LINGER, &unlimited, sizeof unlimited) == 0
            && zmq_connect (self->socket, endpoint) == 0 && dp_watch_begin (&self->watch, self->socket) == 0)
            return self;
    }
    int code = errno;
    monitor_destroy (&self);
    errno = code;
    return NULL;
}

void monitor_destroy (monitor_t **self_p)
{
    monitor_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    zmq_socket_monitor (self->watched, NULL, 0);
    if (self->socket != NULL)
        zmq_close (self->socket);
    dp_free (self->suspects);
    dp_free (self);
}

dp_watch_t *monitor_watch (monitor_t *self)
{
    return &self->watch;
}

static void suspect_fd (monitor_t *self, int64_t now_ms, int fd)
{
    if (self->n_suspects == self->capacity) {
        size_t capacity = self->capacity > 0 ? self->capacity * 2 : 64;
        suspect_t *grown
            = capacity > MOST_SUSPECTS ? NULL : dp_realloc (self->suspects, capacity * sizeof *grown);
        if (grown == NULL)
            return;
        self->suspects = grown;
        self->capacity = capacity;
    }
    self->suspects[self->n_suspects++] = (suspect_t) { fd, 0, now_ms };
    self->look_at_ms = now_ms;
}

/* An event's first frame is its number (16 bits) and its value (32 bits), in the machine's order. */
static bool read_event (monitor_t *self, uint16_t *event, int32_t *value)
{
    uint8_t head[sizeof *event + sizeof *value] = { 0 };
    uint8_t address[256];
    int more = 0;
    size_t len = sizeof more;
    int n;
    do
        n = zmq_recv (self->socket, head, sizeof head, ZMQ_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        dp_watch_emptied (&self->watch);
        return false;
    }
    memcpy (event, head, sizeof *event);
    memcpy (value, head + sizeof *event, sizeof *value);
    while (zmq_getsockopt (self->socket, ZMQ_RCVMORE, &more, &len) == 0 && more)
        if (zmq_recv (self->socket, address, sizeof address, 0) < 0 && errno != EINTR)
            break;
    return true;
}

void monitor_read (monitor_t *self, int64_t now_ms)
{
    uint16_t event;
    int32_t value;
    while (self->watch.has_news && read_event (self, &event, &value)) {
        if (event == ZMQ_EVENT_DISCONNECTED)
            suspect_fd (self, now_ms, (int) value);
        else if (event == ZMQ_EVENT_ACCEPT_FAILED)
            self->refusal = value;
        else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL || value == EAGAIN) /* EAGAIN: in time */
            self->n_strangers++;
    }
}

static int64_t due_at_ms (const suspect_t *suspect)
{
    return suspect->closed_at_ms + look_after_ms[suspect->n_looks];
}

/* End of a round: drop those that were looked into often enough, and see when the next is due. */
static void tidy (monitor_t *self)
{
    size_t n_kept = 0;
    self->look_at_ms = DP_NEVER;
    for (size_t i = 0; i < self->n_suspects; i++) {
        if (self->suspects[i].n_looks == N_LOOKS)
            continue;
        suspect_t suspect = self->suspects[n_kept++] = self->suspects[i];
        if (due_at_ms (&suspect) < self->look_at_ms)
            self->look_at_ms = due_at_ms (&suspect);
    }
    self->n_suspects = n_kept;
    self->next = 0;
}

bool monitor_next_suspect (monitor_t *self, int64_t now_ms, int *fd)
{
    if (now_ms < self->look_at_ms)
        return false;
    while (self->next < self->n_suspects) {
        suspect_t *suspect = &self->suspects[self->next++];
        if (now_ms < due_at_ms (suspect))
            continue;
        while (suspect->n_looks < N_LOOKS && now_ms >= due_at_ms (suspect))
            suspect->n_looks++;
        *fd = suspect->fd;
        return true;
    }
    tidy (self);
    return false;
}

int64_t monitor_deadline_ms (const monitor_t *self)
{
    return self->look_at_ms;
}

static size_t take_strangers (monitor_t *self, int64_t now_ms)
{
    size_t n = self->n_strangers;
    if (n == 0 || (self->strangers_at_ms != 0 && now_ms - self->strangers_at_ms < STRANGERS_EVERY_MS))
        return 0;
    self->n_strangers = 0;
    self->strangers_at_ms = now_ms;
    return n;
}

static int take_refusal (monitor_t *self, int64_t now_ms)
{
    int refusal = self->refusal;
    self->refusal = 0;
    if (refusal == 0 || (self->refusal_at_ms != 0 && now_ms - self->refusal_at_ms < REFUSAL_EVERY_MS))
        return 0;
    self->refusal_at_ms = now_ms;
    return refusal;
}

bool monitor_next_line (monitor_t *self, int64_t now_ms, bool is_quiet, char *line, size_t size)
{
    int refusal = take_refusal (self, now_ms);
    if (refusal != 0) {
        bool is_full = refusal == EMFILE || refusal == ENFILE;
        snprintf (line, size, "cannot accept more connections: %s%s", zmq_strerror (refusal),
                  is_full ? " (raise the limit: ulimit -n, or LimitNOFILE=)" : "");
        return true;
    }
    size_t n = is_quiet ? 0 : take_strangers (self, now_ms);
    if (n == 0)
        return false;
    snprintf (line, size, "%zu connection%s closed that did not speak ZeroMQ: no dpool program made %s", n,
              n == 1 ? " was" : "s were", n == 1 ? "it" : "them");
    return true;
}
