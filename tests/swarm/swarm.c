/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/swarm/swarm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/list.h"
#include "net/clock.h"

enum {
    EVENTS_A_TURN = 256,
    MESSAGES_A_TURN = 256,
    SOCKETS_A_MEMBER = 3,     /* its own, and both ends of its monitor */
    DESCRIPTORS_A_MEMBER = 4, /* one a socket, and that of TCP */
    OTHER_DESCRIPTORS = 64,
    MAX_PAYLOAD = 64 << 20
};

struct swarm_s {
    const char *endpoint;
    const dp_keys_t *keys;
    void *context;
    int epoll_fd;
    dp_heap_t by_deadline;
    member_t *first_awake;
};

size_t swarm_descriptors (size_t n_members)
{
    return n_members * DESCRIPTORS_A_MEMBER + OTHER_DESCRIPTORS;
}

swarm_t *swarm_new (const char *endpoint, size_t most_members, const dp_keys_t *keys)
{
    swarm_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->endpoint = endpoint;
    self->keys = keys;
    self->context = zmq_ctx_new ();
    self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
    assert_true (self->context != NULL && self->epoll_fd >= 0);
    int n_sockets = (int) most_members * SOCKETS_A_MEMBER + OTHER_DESCRIPTORS;
    assert_int_equal (zmq_ctx_set (self->context, ZMQ_MAX_SOCKETS, n_sockets), 0);
    return self;
}

void swarm_destroy (swarm_t **self_p)
{
    swarm_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    dp_heap_fini (&self->by_deadline);
    close (self->epoll_fd);
    zmq_ctx_term (self->context);
    free (self);
}

void swarm_use_keys (swarm_t *self, const dp_keys_t *keys)
{
    self->keys = keys;
}

static void watch (const swarm_t *self, int fd, uint64_t data)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };
    assert_int_equal (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
}

void swarm_listen (swarm_t *self, int fd)
{
    watch (self, fd, 0);
}

/* ---- Members ------------------------------------------------------------------------------------- */

void swarm_join (swarm_t *self, member_t *member, const member_kind_t *kind)
{
    member->kind = kind;
    member->swarm = self;
    member->connection = dp_connection_new (self->context);
    assert_non_null (member->connection);
    if (self->keys != NULL)
        dp_connection_secure (member->connection, self->keys);
    member_wake (member);
}

void swarm_leave (member_t *member)
{
    swarm_t *swarm = member->swarm;
    member_close (member);
    dp_connection_destroy (&member->connection);
    dp_heap_remove (&swarm->by_deadline, &member->by_deadline);
    for (member_t **place = &swarm->first_awake; *place != NULL; place = &(*place)->next_awake)
        if (*place == member) {
            *place = member->next_awake;
            return;
        }
}

void member_wake (member_t *self)
{
    if (self->is_awake)
        return;
    self->is_awake = true;
    self->next_awake = self->swarm->first_awake;
    self->swarm->first_awake = self;
}

static void stop_watching (member_t *self)
{
    while (self->n_fds > 0)
        epoll_ctl (self->swarm->epoll_fd, EPOLL_CTL_DEL, self->fds[--self->n_fds], NULL);
}

/* The number of an item to poll is the lowest bit of what epoll keeps for it. */
static void watch_items (member_t *self)
{
    struct pollfd items[DP_CONNECTION_POLL];
    size_t n_items = dp_connection_poll (self->connection, items);
    for (; self->n_fds < n_items; self->n_fds++) {
        self->fds[self->n_fds] = items[self->n_fds].fd;
        watch (self->swarm, items[self->n_fds].fd, (uintptr_t) self | self->n_fds);
    }
}

static void break_off (member_t *self, int64_t now_ms)
{
    if (self->is_broken)
        return;
    self->is_broken = true;
    stop_watching (self);
    self->kind->broken (self, now_ms);
    member_wake (self);
}

void member_open (member_t *self, int64_t now_ms)
{
    stop_watching (self);
    self->is_broken = false;
    if (dp_connection_open (self->connection, self->swarm->endpoint) == 0)
        watch_items (self);
    else
        break_off (self, now_ms);
}

void member_close (member_t *self)
{
    stop_watching (self);
    dp_connection_close (self->connection, 0);
}

void member_push (member_t *self, dp_outbox_t *outbox)
{
    for (dp_outgoing_t *message; (message = dp_outbox_take (outbox)) != NULL;)
        dp_connection_push (self->connection, &message);
}

/* ---- A turn -------------------------------------------------------------------------------------- */

static bool is_up (const member_t *self)
{
    return !self->is_broken && dp_connection_is_open (self->connection);
}

static void hear (member_t *self, int64_t now_ms)
{
    if (!is_up (self))
        return;
    bool is_broken = dp_connection_is_broken (self->connection);
    int rc = 1;
    for (int n = 0; n < MESSAGES_A_TURN && rc > 0; n++) {
        dp_incoming_t incoming;
        rc = dp_connection_receive (self->connection, &incoming, MAX_PAYLOAD);
        if (rc <= 0)
            break;
        self->n_received++;
        if (incoming.malformed != NULL)
            rc = -1;
        else
            self->kind->receive (self, now_ms, &incoming);
        dp_incoming_fini (&incoming);
    }
    if (is_broken || rc < 0)
        break_off (self, now_ms);
}

static void act (member_t *self, int64_t now_ms)
{
    hear (self, now_ms);
    int64_t deadline_ms = self->kind->decide (self, now_ms);
    if (is_up (self)) {
        if (dp_connection_flush (self->connection) < 0)
            break_off (self, now_ms);
        else if (dp_connection_has_mail (self->connection))
            member_wake (self);
    }
    assert_int_equal (dp_heap_push (&self->swarm->by_deadline, &self->by_deadline, (uint64_t) deadline_ms),
                      0);
}

static void take_event (const struct epoll_event *event)
{
    member_t *member = (member_t *) (uintptr_t) (event->data.u64 & ~UINT64_C (1));
    struct pollfd items[DP_CONNECTION_POLL] = { { 0 } };
    items[event->data.u64 & 1].revents = POLLIN;
    dp_connection_hear (member->connection, items);
    member_wake (member);
}

static int64_t first_deadline_ms (const swarm_t *self)
{
    const dp_heap_node_t *node = dp_heap_first (&self->by_deadline);
    return node != NULL ? (int64_t) node->key : INT64_MAX;
}

bool swarm_turn (swarm_t *self, int64_t until_ms)
{
    struct epoll_event events[EVENTS_A_TURN];
    bool is_called = false;
    int64_t now_ms = dp_clock_ms ();
    if (first_deadline_ms (self) < until_ms)
        until_ms = first_deadline_ms (self);
    if (self->first_awake != NULL)
        until_ms = now_ms;
    int n = epoll_wait (self->epoll_fd, events, EVENTS_A_TURN, dp_clock_until (until_ms, now_ms));
    assert_true (n >= 0 || errno == EINTR);
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 == 0)
            is_called = true;
        else
            take_event (&events[i]);
    }
    now_ms = dp_clock_ms ();
    for (dp_heap_node_t *node; first_deadline_ms (self) <= now_ms;) {
        node = dp_heap_first (&self->by_deadline);
        dp_heap_remove (&self->by_deadline, node);
        member_wake (DP_CONTAINER (node, member_t, by_deadline));
    }
    member_t *member = self->first_awake; /* who wakes up from now on acts in the next turn */
    self->first_awake = NULL;
    while (member != NULL) {
        member_t *next = member->next_awake;
        member->is_awake = false;
        act (member, now_ms);
        member = next;
    }
    return is_called;
}
