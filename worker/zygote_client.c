/* SPDX-License-Identifier: MPL-2.0 */
#include "core/error.h"
#include "core/memory.h"
#include "net/clock.h"
#include "worker/zygote_process.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { END_MS = 5000 };

struct zygote_client_s {
    int fd;
    pid_t owner; /* a fork of the program has no part in it */
};

zygote_client_t *zygote_client_new (void)
{
    int ends[2];
    zygote_client_t *self = dp_alloc (sizeof *self);
    if (self == NULL || socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        dp_fail_errno ("cannot connect to the process that forks the children");
        dp_free (self);
        return NULL;
    }
    self->fd = ends[0];
    self->owner = getpid ();
    int rc = zygote_introduce (ends[1]);
    int code = errno;
    close (ends[1]);
    if (rc < 0) {
        close (ends[0]);
        dp_free (self);
        errno = code;
        return NULL;
    }
    return self;
}

/* The zygote closes its end when the last child is reaped. */
static void await_end (int fd)
{
    zygote_report_t report;
    int64_t end_ms = dp_clock_ms () + END_MS;
    for (;;) {
        struct pollfd item = { fd, POLLIN, 0 };
        int rc = poll (&item, 1, dp_clock_until (end_ms, dp_clock_ms ()));
        if (rc == 0 || (rc < 0 && errno != EINTR))
            return;
        ssize_t received = rc > 0 ? recv (fd, &report, sizeof report, MSG_DONTWAIT) : 1;
        if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR))
            return;
    }
}

void zygote_client_destroy (zygote_client_t **self_p)
{
    zygote_client_t *self = *self_p;
    if (self == NULL)
        return;
    if (self->owner == getpid ()) {
        /* Not close: a fork of the program may hold it too. */
        shutdown (self->fd, SHUT_WR);
        await_end (self->fd);
    }
    close (self->fd);
    dp_free (self);
    *self_p = NULL;
}

int zygote_client_fd (const zygote_client_t *self)
{
    return self->fd;
}

static int request (zygote_client_t *self, const zygote_request_t *text, const int *fds, size_t n_fds)
{
    union {
        char bytes[CMSG_SPACE (ZYGOTE_FORK_FDS * sizeof (int))];
        struct cmsghdr alignment;
    } control;
    struct iovec part = { (void *) (uintptr_t) text, sizeof *text };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (n_fds > 0) {
        memset (&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
        struct cmsghdr *head = CMSG_FIRSTHDR (&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
        memcpy (CMSG_DATA (head), fds, n_fds * sizeof (int));
    }
    ssize_t sent;
    do
        sent = sendmsg (self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

int zygote_client_fork (zygote_client_t *self, uint32_t place, int channel_fd, int memory_fd, int stderr_fd,
                        int arena_fd)
{
    const int fds[ZYGOTE_FORK_FDS] = { channel_fd, memory_fd, stderr_fd, arena_fd };
    zygote_request_t text;
    memset (&text, 0, sizeof text);
    text.kind = ZYGOTE_FORK;
    text.place = place;
    return request (self, &text, fds, arena_fd >= 0 ? ZYGOTE_FORK_FDS : ZYGOTE_FORK_FDS - 1);
}

int zygote_client_signal (zygote_client_t *self, uint32_t place, int number)
{
    zygote_request_t text;
    memset (&text, 0, sizeof text);
    text.kind = ZYGOTE_SIGNAL;
    text.place = place;
    text.signal = number;
    return request (self, &text, NULL, 0);
}

int zygote_client_report (zygote_client_t *self, zygote_report_t *report)
{
    for (;;) {
        ssize_t received = recv (self->fd, report, sizeof *report, MSG_DONTWAIT);
        if (received == sizeof *report)
            return 1;
        if (received < 0 && errno == EINTR)
            continue;
        return received < 0 && errno == EAGAIN ? 0 : -1;
    }
}
