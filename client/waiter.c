/* SPDX-License-Identifier: MPL-2.0 */
#include "client/waiter.h"

#include "core/link.h"
#include "net/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* One for each thread that ever waited: a thread waits for one thing at a time. */
typedef struct waiter_s {
    dp_list_t node;
    int fd; /* 0 = not opened yet: descriptor 0 would not be ours */
} waiter_t;

static _Thread_local waiter_t mine;
static pthread_key_t closer_key;
static pthread_once_t closer_once = PTHREAD_ONCE_INIT;

static void close_waiter (void *argument)
{
    waiter_t *self = argument;
    close (self->fd);
    self->fd = 0;
}

/* A forked child shares the eventfd with its parent, and would take the parent's wakes. */
static void leave_to_parent (void)
{
    if (mine.fd == 0)
        return;
    close_waiter (&mine);
    dp_list_init (&mine.node);
}

static void make_closer (void)
{
    pthread_key_create (&closer_key, close_waiter);
    pthread_atfork (NULL, NULL, leave_to_parent);
}

static int open_mine (void)
{
    if (mine.fd > 0)
        return 0;
    int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd == 0) { /* descriptor 0 was closed: take another one */
        fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
        close (0);
    }
    if (fd < 0)
        return -1;
    mine.fd = fd;
    dp_list_init (&mine.node);
    pthread_once (&closer_once, make_closer);
    pthread_setspecific (closer_key, &mine);
    return 0;
}

/* As poll. */
static int poll_mine (int64_t deadline_ms, int64_t now_ms, const sigset_t *signals)
{
    struct pollfd item = { mine.fd, POLLIN, 0 };
    int wait_ms = dp_clock_until (deadline_ms, now_ms);
    struct timespec wait = { wait_ms / 1000, wait_ms % 1000 * 1000000L };
    return ppoll (&item, 1, wait_ms < 0 ? NULL : &wait, signals);
}

/* On the list already, under the lock. As waiter_wait. */
static int wait_there (pthread_mutex_t *lock, int64_t deadline_ms, int64_t now_ms, const sigset_t *signals)
{
    pthread_mutex_unlock (lock);
    int rc = poll_mine (deadline_ms, now_ms, signals);
    int code = rc == 0 ? ETIMEDOUT : errno;
    if (mine.fd == 0) {
        /* The handler of a signal has forked, and this is the child: who holds the lock is not here. */
        pthread_mutex_init (lock, NULL);
        pthread_mutex_lock (lock);
        errno = EINTR;
        return -1;
    }
    pthread_mutex_lock (lock);
    dp_list_remove (&mine.node);
    uint64_t count;
    if (read (mine.fd, &count, sizeof count) > 0 && rc == 0)
        rc = 1; /* woken just after the time was up */
    errno = code;
    return rc > 0 ? 0 : -1;
}

int waiter_wait_with (dp_list_t *list, pthread_mutex_t *lock, int64_t deadline_ms, const sigset_t *signals)
{
    if (open_mine () < 0)
        return -1;
    int64_t now_ms = dp_clock_ms ();
    if (deadline_ms <= now_ms) {
        errno = ETIMEDOUT;
        return -1;
    }
    dp_list_append (list, &mine.node);
    int cancel_state;
    pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &cancel_state);
    int rc = wait_there (lock, deadline_ms, now_ms, signals);
    pthread_setcancelstate (cancel_state, NULL);
    return rc;
}

int waiter_wait (dp_list_t *list, pthread_mutex_t *lock, int64_t deadline_ms)
{
    return waiter_wait_with (list, lock, deadline_ms, NULL);
}

void waiter_ring (int fd)
{
    uint64_t one = 1;
    int cancel_state, code = errno;
    pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &cancel_state);
    ssize_t rc = write (fd, &one, sizeof one);
    (void) rc; /* an eventfd takes it, or is set already */
    pthread_setcancelstate (cancel_state, NULL);
    errno = code;
}

void waiter_wake_all (dp_list_t *list)
{
    DP_LIST_EACH (list, node) {
        waiter_ring (DP_CONTAINER (node, waiter_t, node)->fd);
        dp_list_remove (node);
    }
}

int64_t waiter_deadline (int timeout_ms)
{
    return timeout_ms < 0 ? DP_NEVER : dp_clock_ms () + timeout_ms;
}
