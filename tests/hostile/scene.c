/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/hostile/attack.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/memory.h"
#include "net/clock.h"
#include "net/message.h"

uint64_t scene_random (scene_t *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random;
}

/* ---- Plain connections --------------------------------------------------------------------------- */

int scene_tcp (const scene_t *self)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons ((uint16_t) self->port),
                                   .sin_addr = { htonl (INADDR_LOOPBACK) } };
    struct linger at_once = { 1, 0 }; /* no port stays behind for a minute */
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (connect (fd, (struct sockaddr *) &address, sizeof address) == 0 || errno == EINPROGRESS)
        return fd;
    close (fd);
    return -1;
}

bool scene_write (int fd, const void *bytes, size_t len)
{
    return send (fd, bytes, len, MSG_NOSIGNAL) >= 0 || errno == EAGAIN || errno == ENOTCONN;
}

bool scene_is_over (int fd)
{
    char bytes[4096];
    ssize_t n;
    while ((n = recv (fd, bytes, sizeof bytes, 0)) > 0)
        ;
    return n == 0 || (errno != EAGAIN && errno != ENOTCONN);
}

void scene_keep_fds (scene_t *self, size_t n)
{
    self->fds = malloc (n * sizeof *self->fds);
    assert_non_null (self->fds);
    for (size_t i = 0; i < n; i++)
        self->fds[i] = -1;
    self->n_fds = n;
}

int *scene_next_fd (scene_t *self, bool *is_new)
{
    int *fd = &self->fds[self->next_fd++ % self->n_fds];
    if (*fd >= 0 && scene_is_over (*fd)) {
        close (*fd);
        *fd = -1;
    }
    *is_new = *fd < 0;
    if (*is_new)
        *fd = scene_tcp (self);
    return fd;
}

const uint8_t *scene_handshake (size_t *len)
{
    static const uint8_t ready[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
                                   "DEALER";
    static uint8_t bytes[64 + sizeof ready - 1]
        = { 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L' };
    memcpy (bytes + 64, ready, sizeof ready - 1);
    *len = sizeof bytes;
    return bytes;
}

/* ---- Peers --------------------------------------------------------------------------------------- */

static void *new_dealer (const scene_t *self, attack_role_t role, const char *endpoint)
{
    int zero = 0, never = -1, few = 1000;
    void *dealer;
    while ((dealer = zmq_socket (self->context, ZMQ_DEALER)) == NULL && errno == EMFILE)
        sched_yield (); /* ZeroMQ closes the ones before it a while later */
    assert_non_null (dealer);
    zmq_setsockopt (dealer, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt (dealer, ZMQ_RECONNECT_IVL, &never, sizeof never);
    zmq_setsockopt (dealer, ZMQ_SNDHWM, &few, sizeof few);
    if (self->keys[role] != NULL)
        assert_int_equal (dp_keys_apply (self->keys[role], dealer), 0);
    assert_int_equal (zmq_connect (dealer, endpoint), 0);
    return dealer;
}

void *scene_dealer (scene_t *self, attack_role_t role)
{
    assert_true (self->n_sockets < sizeof self->sockets / sizeof self->sockets[0]);
    return self->sockets[self->n_sockets++] = new_dealer (self, role, self->endpoint);
}

static void *next_dealer (scene_t *self, attack_role_t role, size_t n, const char *endpoint)
{
    assert_true (n <= sizeof self->sockets / sizeof self->sockets[0]);
    void **place = &self->sockets[self->next_socket++ % n];
    if (self->n_sockets < n)
        self->n_sockets++;
    else
        zmq_close (*place);
    return *place = new_dealer (self, role, endpoint);
}

void *scene_next_dealer (scene_t *self, attack_role_t role, size_t n)
{
    return next_dealer (self, role, n, self->endpoint);
}

void *scene_next_near_dealer (scene_t *self, attack_role_t role, size_t n)
{
    return next_dealer (self, role, n, self->next_socket % 2 == 0 ? self->endpoint : self->ipc);
}

void scene_send (void *dealer, dp_outbox_t *out)
{
    for (dp_outgoing_t *message; (message = dp_outbox_take (out)) != NULL;) {
        (void) dp_outgoing_send (message, dealer, NULL, 0);
        dp_outgoing_destroy (&message);
    }
}

static void say_hello (scene_t *self, void *dealer, wire_hello_t *hello)
{
    static const char *const functions[] = { ATTACK_FUNCTION };
    dp_outbox_t out = { NULL, NULL, 0 };
    hello->version_min = WIRE_VERSION_MIN;
    hello->version_max = WIRE_VERSION;
    hello->host = hello->name = (wire_text_t) { "evil", 4 };
    hello->pid = 666;
    if (hello->id == 0)
        hello->id = scene_random (self);
    wire_put_hello (&out, 0, hello, functions, NULL);
    scene_send (dealer, &out);
    self->n_hellos++;
}

void scene_hello (scene_t *self, void *dealer, wire_role_t role, uint64_t id, uint64_t connection,
                  uint64_t processes)
{
    wire_hello_t hello = { .role = role, .id = id, .connection = connection };
    if (role == WIRE_ROLE_WORKER) {
        hello.processes = processes;
        hello.window_tasks = processes * 2;
        hello.window_bytes = UINT64_C (1) << 40;
        hello.n_functions = 1;
    }
    say_hello (self, dealer, &hello);
}

void scene_hello_of (scene_t *self, void *dealer, uint64_t machine)
{
    wire_hello_t hello = { .role = WIRE_ROLE_CLIENT, .connection = 1, .machine = machine };
    say_hello (self, dealer, &hello);
}

void scene_list_nothing (void *dealer, wire_role_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    wire_end_list (&batch, &out, 0, role == WIRE_ROLE_WORKER ? WIRE_RUNS : WIRE_CLAIM, 0);
    scene_send (dealer, &out);
}

size_t scene_drain (void *dealer)
{
    enum { MOST = 1000, MAX_PAYLOAD = 64 << 20 };
    dp_incoming_t incoming;
    size_t n = 0;
    while (n < MOST && dp_incoming_receive (&incoming, dealer, false, MAX_PAYLOAD) > 0) {
        dp_incoming_fini (&incoming);
        n++;
    }
    return n;
}

void scene_submit (void *dealer, uint64_t first, size_t n, size_t payload)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    wire_group_t group = { .function = { ATTACK_FUNCTION, sizeof ATTACK_FUNCTION - 1 } };
    uint8_t *bytes = dp_must_alloc (payload + 1);
    for (size_t i = 0; i < n; i++) {
        wire_task_t task
            = { .id = first + i, .job = 1, .first = i, .n_items = 1, .payload = { bytes, payload, 0 } };
        wire_add_task (&batch, &out, 0, WIRE_SUBMIT, &group, &task, NULL);
    }
    wire_flush (&batch, &out, 0, 0, 0);
    dp_free (bytes);
    scene_send (dealer, &out);
}

void scene_clear (scene_t *self)
{
    for (size_t i = 0; i < self->n_fds; i++)
        if (self->fds[i] >= 0)
            close (self->fds[i]);
    for (size_t i = 0; i < self->n_sockets; i++)
        zmq_close (self->sockets[i]);
    if (self->mapped != NULL)
        munmap (self->mapped, self->n_mapped);
    free (self->fds);
    free (self->bytes);
    memset (&self->fds, 0, sizeof *self - offsetof (scene_t, fds));
}
