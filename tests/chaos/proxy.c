/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/proxy.h"

#include "tests/chaos/record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_LINKS = 64, PIPE_BYTES = 1 << 18, MAX_PIECES = 256, TICK_MS = 2 };

/* What arrived at one time: it may leave at due_us. */
typedef struct piece_s {
    size_t len;
    int64_t due_us;
} piece_t;

/* One direction of a connection: a ring of bytes, and of the pieces in which they came. */
typedef struct pipe_s {
    unsigned char bytes[PIPE_BYTES];
    size_t begin, len;
    piece_t pieces[MAX_PIECES];
    size_t first_piece, n_pieces;
    int64_t allowance_us; /* the limit of speed: the next byte may leave then */
    bool is_at_end;       /* nothing more comes in */
    bool is_shut;         /* and that was told */
} pipe_t;

typedef struct link_s {
    int fds[2]; /* [PROXY_FORTH]: who came; [PROXY_BACK]: who is behind. -1: none */
    pipe_t *pipes[2];
} link_t;

struct proxy_s {
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    proxy_weather_t weather;
    bool is_ending, is_cutting, is_half_closing[2];
    int wake_fd;
    int listen_fd;
    uint16_t port, port_behind;
    link_t links[MAX_LINKS]; /* of the thread only, as is the rest */
    proxy_weather_t now;
};

/* ---- Connections ----------------------------------------------------------------------------- */

static struct sockaddr_in address_of (uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
    address.sin_port = htons (port);
    return address;
}

/* With a reset, so that both sides see it at once. */
static void break_link (link_t *link)
{
    struct linger at_once = { 1, 0 };
    for (int side = 0; side < 2; side++) {
        if (link->fds[side] >= 0) {
            setsockopt (link->fds[side], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            close (link->fds[side]);
        }
        link->fds[side] = -1;
        free (link->pipes[side]);
        link->pipes[side] = NULL;
    }
}

static void smooth (int fd)
{
    int on = 1;
    fcntl (fd, F_SETFL, O_NONBLOCK);
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static link_t *free_link (proxy_t *self)
{
    for (size_t i = 0; i < MAX_LINKS; i++) {
        if (self->links[i].fds[0] < 0)
            return &self->links[i];
    }
    return NULL;
}

static void accept_link (proxy_t *self)
{
    struct sockaddr_in behind = address_of (self->port_behind);
    int fd = accept4 (self->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    link_t *link = free_link (self);
    if (fd < 0)
        return;
    int other = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!link || connect (other, (struct sockaddr *) &behind, sizeof behind) < 0) {
        close (other);
        close (fd);
        return;
    }
    link->fds[PROXY_FORTH] = fd;
    link->fds[PROXY_BACK] = other;
    for (int side = 0; side < 2; side++) {
        smooth (link->fds[side]);
        link->pipes[side] = calloc (1, sizeof *link->pipes[side]);
        if (!link->pipes[side])
            abort ();
    }
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static bool has_room (const pipe_t *pipe)
{
    return pipe->len < PIPE_BYTES && pipe->n_pieces < MAX_PIECES && !pipe->is_at_end;
}

/* Read what there is room for. False when the connection is broken. */
static bool take_in (proxy_t *self, pipe_t *pipe, int fd)
{
    size_t end = (pipe->begin + pipe->len) % PIPE_BYTES;
    size_t room = end >= pipe->begin && pipe->len < PIPE_BYTES ? PIPE_BYTES - end : pipe->begin - end;
    ssize_t n = read (fd, pipe->bytes + end, room);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0) {
        pipe->is_at_end = true;
        return true;
    }
    piece_t *piece = &pipe->pieces[(pipe->first_piece + pipe->n_pieces++) % MAX_PIECES];
    piece->len = (size_t) n;
    piece->due_us = record_now_us () + (int64_t) self->now.delay_ms * 1000;
    pipe->len += (size_t) n;
    return true;
}

/* How many bytes of the first piece may leave now. */
static size_t may_leave (const proxy_t *self, pipe_t *pipe, int64_t now_us)
{
    if (pipe->n_pieces == 0 || pipe->pieces[pipe->first_piece].due_us > now_us)
        return 0;
    size_t len = pipe->pieces[pipe->first_piece].len;
    if (len > PIPE_BYTES - pipe->begin)
        len = PIPE_BYTES - pipe->begin;
    if (self->now.bytes_per_s == 0)
        return len;
    if (pipe->allowance_us < now_us - 100000)
        pipe->allowance_us = now_us - 100000;
    size_t allowed = (size_t) ((now_us - pipe->allowance_us) * self->now.bytes_per_s / 1000000);
    return len < allowed ? len : allowed;
}

/* False when the connection is broken. */
static bool let_out (proxy_t *self, pipe_t *pipe, int fd)
{
    for (size_t len; (len = may_leave (self, pipe, record_now_us ())) > 0;) {
        ssize_t n = send (fd, pipe->bytes + pipe->begin, len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        piece_t *piece = &pipe->pieces[pipe->first_piece];
        pipe->begin = (pipe->begin + (size_t) n) % PIPE_BYTES;
        pipe->len -= (size_t) n;
        piece->len -= (size_t) n;
        if (self->now.bytes_per_s > 0)
            pipe->allowance_us += (int64_t) n * 1000000 / self->now.bytes_per_s;
        if (piece->len == 0) {
            pipe->first_piece = (pipe->first_piece + 1) % MAX_PIECES;
            pipe->n_pieces--;
        }
    }
    if (pipe->is_at_end && pipe->len == 0 && !pipe->is_shut) {
        pipe->is_shut = true;
        shutdown (fd, SHUT_WR);
    }
    return true;
}

/* ---- The thread ------------------------------------------------------------------------------ */

static void take_orders (proxy_t *self, bool *is_ending)
{
    uint64_t ignored;
    if (read (self->wake_fd, &ignored, sizeof ignored) < 0)
        return;
    pthread_mutex_lock (&self->lock);
    self->now = self->weather;
    *is_ending = self->is_ending;
    for (size_t i = 0; i < MAX_LINKS; i++) {
        link_t *link = &self->links[i];
        if (self->is_cutting)
            break_link (link);
        for (int side = 0; side < 2 && link->fds[0] >= 0; side++) {
            if (self->is_half_closing[side])
                link->pipes[side]->is_at_end = true;
        }
    }
    self->is_cutting = self->is_half_closing[PROXY_FORTH] = self->is_half_closing[PROXY_BACK] = false;
    pthread_mutex_unlock (&self->lock);
}

/* pipes[side] carries what is read from fds[side] to the other one. */
static void serve_link (proxy_t *self, link_t *link, const struct pollfd items[2])
{
    bool is_whole = true;
    for (int side = 0; side < 2 && is_whole; side++) {
        pipe_t *pipe = link->pipes[side];
        if (self->now.is_swallowing[side])
            continue;
        if ((items[side].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && has_room (pipe))
            is_whole = take_in (self, pipe, link->fds[side]);
        is_whole = is_whole && let_out (self, pipe, link->fds[1 - side]);
    }
    if (!is_whole || (link->pipes[0]->is_shut && link->pipes[1]->is_shut))
        break_link (link);
}

static void *run (void *argument)
{
    proxy_t *self = argument;
    struct pollfd items[2 + 2 * MAX_LINKS];
    bool is_ending = false;
    while (!is_ending) {
        bool is_busy = false;
        items[0] = (struct pollfd) { self->wake_fd, POLLIN, 0 };
        items[1] = (struct pollfd) { self->listen_fd, POLLIN, 0 };
        for (size_t i = 0; i < 2 * (size_t) MAX_LINKS; i++) {
            link_t *link = &self->links[i / 2];
            bool is_reading
                = link->fds[0] >= 0 && !self->now.is_swallowing[i % 2] && has_room (link->pipes[i % 2]);
            is_busy = is_busy || (link->fds[0] >= 0 && link->pipes[i % 2]->len > 0);
            items[2 + i] = (struct pollfd) { is_reading ? link->fds[i % 2] : -1, POLLIN, 0 };
        }
        poll (items, 2 + 2 * MAX_LINKS, is_busy ? TICK_MS : -1);
        for (size_t i = 0; i < MAX_LINKS; i++) {
            if (self->links[i].fds[0] >= 0)
                serve_link (self, &self->links[i], &items[2 + 2 * i]);
        }
        if (items[1].revents != 0)
            accept_link (self);
        if (items[0].revents != 0)
            take_orders (self, &is_ending);
    }
    for (size_t i = 0; i < MAX_LINKS; i++)
        break_link (&self->links[i]);
    return NULL;
}

/* ---- The interface --------------------------------------------------------------------------- */

proxy_t *proxy_new (uint16_t port_behind)
{
    proxy_t *self = calloc (1, sizeof *self);
    struct sockaddr_in address = address_of (0);
    socklen_t len = sizeof address;
    if (!self)
        abort ();
    for (size_t i = 0; i < MAX_LINKS; i++)
        self->links[i].fds[0] = self->links[i].fds[1] = -1;
    pthread_mutex_init (&self->lock, NULL);
    self->port_behind = port_behind;
    self->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->listen_fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind (self->listen_fd, (struct sockaddr *) &address, len) < 0 || listen (self->listen_fd, 64) < 0
        || getsockname (self->listen_fd, (struct sockaddr *) &address, &len) < 0
        || pthread_create (&self->thread, NULL, run, self) != 0)
        abort ();
    self->port = ntohs (address.sin_port);
    return self;
}

static void wake (proxy_t *self)
{
    uint64_t one = 1;
    if (write (self->wake_fd, &one, sizeof one) < 0)
        abort ();
}

void proxy_destroy (proxy_t **self_p)
{
    proxy_t *self = *self_p;
    if (!self)
        return;
    pthread_mutex_lock (&self->lock);
    self->is_ending = true;
    pthread_mutex_unlock (&self->lock);
    wake (self);
    pthread_join (self->thread, NULL);
    pthread_mutex_destroy (&self->lock);
    close (self->wake_fd);
    close (self->listen_fd);
    free (self);
    *self_p = NULL;
}

uint16_t proxy_port (const proxy_t *self)
{
    return self->port;
}

void proxy_set (proxy_t *self, const proxy_weather_t *weather)
{
    pthread_mutex_lock (&self->lock);
    self->weather = *weather;
    pthread_mutex_unlock (&self->lock);
    wake (self);
}

void proxy_cut (proxy_t *self)
{
    pthread_mutex_lock (&self->lock);
    self->is_cutting = true;
    pthread_mutex_unlock (&self->lock);
    wake (self);
}

void proxy_half_close (proxy_t *self, proxy_direction_t direction)
{
    pthread_mutex_lock (&self->lock);
    self->is_half_closing[direction] = true;
    pthread_mutex_unlock (&self->lock);
    wake (self);
}
