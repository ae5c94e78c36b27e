/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/zygote_process.h"

#include "core/list.h"
#include "core/memory.h"
#include "worker/child.h"
#include "worker/limits.h"
#include "worker/orphans.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct peer_s {
    dp_list_t node;
    int fd;
    bool is_ending; /* it has gone: closed when its last child is reaped */
    size_t n_children;
    dp_list_t reports; /* that its socket did not take yet */
} peer_t;

typedef struct offspring_s {
    dp_list_t node;
    peer_t *peer;
    uint32_t place;
    pid_t pid;
    uint64_t number; /* that its orphans bear; never another's */
} offspring_t;

typedef struct letter_s {
    dp_list_t node;
    zygote_report_t report;
} letter_t;

/* One a process. */
static struct zygote_s {
    pid_t pid;
    int control_fd, program_fd, signal_fd;
    dp_list_t peers, children;
    size_t n_peers;
    struct pollfd *items;
    bool marks;        /* what a child leaves behind is ended with it, wherever it went */
    uint64_t n_forked; /* so many children so far */
} zygote;

/* ---- The end -------------------------------------------------------------------------------- */

static void kill_group (pid_t pid, int number)
{
    if (kill (-pid, number) < 0)
        kill (pid, number); /* it has not made its group yet */
}

static void kill_orphans (void)
{
    size_t n;
    const pid_t *pids = orphans_list (&n);
    for (size_t i = 0; i < n; i++)
        kill (pids[i], SIGKILL);
}

/* What was killed leaves us its own children in turn. Whoever forks and ends again and again without a pause
   could keep us here for ever, so there is a last time. */
static _Noreturn void end (void)
{
    enum { MOST_ROUNDS = 10000 };
    DP_LIST_EACH (&zygote.children, node)
        kill_group (DP_CONTAINER (node, offspring_t, node)->pid, SIGKILL);
    for (int i = 0; i < MOST_ROUNDS; i++) {
        kill_orphans ();
        if (wait (NULL) < 0 && errno != EINTR)
            break;
        while (waitpid (-1, NULL, WNOHANG) > 0)
            ;
    }
    _exit (0);
}

/* ---- Reports -------------------------------------------------------------------------------- */

static bool post (peer_t *peer, const zygote_report_t *report)
{
    return send (peer->fd, report, sizeof *report, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0
           || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void post_letters (peer_t *peer)
{
    while (!dp_list_is_empty (&peer->reports)) {
        letter_t *letter = DP_CONTAINER (peer->reports.next, letter_t, node);
        if (!post (peer, &letter->report))
            return;
        dp_list_remove (&letter->node);
        dp_free (letter);
    }
}

static void report (peer_t *peer, const zygote_report_t *text)
{
    if (peer->is_ending)
        return;
    if (dp_list_is_empty (&peer->reports) && post (peer, text))
        return;
    letter_t *letter = dp_must_alloc (sizeof *letter);
    letter->report = *text;
    dp_list_append (&peer->reports, &letter->node);
}

/* ---- Children ------------------------------------------------------------------------------- */

static void close_peer (peer_t *peer)
{
    for (dp_list_t *node; (node = dp_list_pop (&peer->reports)) != NULL;)
        dp_free (DP_CONTAINER (node, letter_t, node));
    dp_list_remove (&peer->node);
    zygote.n_peers--;
    close (peer->fd);
    dp_free (peer);
}

static void fork_child (peer_t *peer, uint32_t place, const int fds[ZYGOTE_FORK_FDS])
{
    uint64_t number = ++zygote.n_forked;
    pid_t pid = fork ();
    if (pid == 0 && zygote.marks)
        orphans_mark (number);
    if (pid == 0)
        child_run (zygote.pid, fds[0], fds[1], fds[2], fds[3]);
    if (pid < 0) {
        report (peer, &(zygote_report_t) { .kind = ZYGOTE_FORK_FAILED, .place = place, .code = errno });
        return;
    }
    setpgid (pid, pid); /* in both, so that it is done when either goes on */
    offspring_t *child = dp_must_alloc (sizeof *child);
    child->peer = peer;
    child->place = place;
    child->pid = pid;
    child->number = number;
    dp_list_append (&zygote.children, &child->node);
    peer->n_children++;
    report (peer, &(zygote_report_t) { .kind = ZYGOTE_FORKED, .place = place, .pid = pid });
}

static offspring_t *find_child (pid_t pid)
{
    DP_LIST_EACH (&zygote.children, node)
        if (DP_CONTAINER (node, offspring_t, node)->pid == pid)
            return DP_CONTAINER (node, offspring_t, node);
    return NULL;
}

static void bury (offspring_t *child, int status, const struct rusage *usage)
{
    peer_t *peer = child->peer;
    report (peer, &(zygote_report_t) {
                      .kind = ZYGOTE_EXITED,
                      .place = child->place,
                      .pid = child->pid,
                      .signal = WIFSIGNALED (status) ? WTERMSIG (status) : 0,
                      .exit_status = WIFEXITED (status) ? WEXITSTATUS (status) : 0,
                      .peak_memory_bytes = (uint64_t) usage->ru_maxrss * 1024,
                      .cpu_time_us = (uint64_t) (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000
                                     + (uint64_t) (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec),
                  });
    dp_list_remove (&child->node);
    dp_free (child);
    peer->n_children--;
    if (peer->is_ending && peer->n_children == 0)
        close_peer (peer);
}

static bool has_child (uint64_t number)
{
    DP_LIST_EACH (&zygote.children, node)
        if (DP_CONTAINER (node, offspring_t, node)->number == number)
            return true;
    return false;
}

/* Of children that are no more. What was of none (a preload's helper) stays. */
static void end_orphans (void)
{
    size_t n;
    const pid_t *pids = orphans_list (&n);
    for (size_t i = 0; i < n; i++) {
        uint64_t number = orphans_mark_of (pids[i]);
        if (number != 0 && find_child (pids[i]) == NULL && !has_child (number))
            kill (pids[i], SIGKILL);
    }
}

/* What a child has left of its process group goes with it. Until it is reaped its number is not given to
 * another. */
static void reap (void)
{
    bool has_ended = false;
    for (;; has_ended = true) {
        siginfo_t info = { .si_pid = 0 };
        struct rusage usage;
        int status;
        if (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
            break;
        offspring_t *child = find_child (info.si_pid);
        if (child != NULL)
            kill (-child->pid, SIGKILL);
        if (wait4 (info.si_pid, &status, 0, &usage) > 0 && child != NULL)
            bury (child, status, &usage);
    }
    if (has_ended && zygote.marks)
        end_orphans ();
}

/* ---- Requests ------------------------------------------------------------------------------- */

/* Receive one message and the descriptors with it; the rest of fds is -1. As recvmsg. */
static ssize_t receive (int socket, void *data, size_t len, int *fds, size_t most)
{
    union {
        char bytes[CMSG_SPACE (ZYGOTE_FORK_FDS * sizeof (int))];
        struct cmsghdr alignment;
    } control;
    struct iovec part = { data, len };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof control.bytes };
    for (size_t i = 0; i < most; i++)
        fds[i] = -1;
    ssize_t received = recvmsg (socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received <= 0)
        return received;
    for (struct cmsghdr *head = CMSG_FIRSTHDR (&message); head != NULL; head = CMSG_NXTHDR (&message, head))
        if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
            size_t n_bytes = head->cmsg_len - CMSG_LEN (0);
            memcpy (fds, CMSG_DATA (head), n_bytes < most * sizeof (int) ? n_bytes : most * sizeof (int));
        }
    return received;
}

static void end_peer (peer_t *peer)
{
    peer->is_ending = true;
    DP_LIST_EACH (&zygote.children, node) {
        offspring_t *child = DP_CONTAINER (node, offspring_t, node);
        if (child->peer == peer)
            kill_group (child->pid, SIGKILL);
    }
    if (peer->n_children == 0)
        close_peer (peer);
}

static void signal_child (peer_t *peer, uint32_t place, int number)
{
    DP_LIST_EACH (&zygote.children, node) {
        offspring_t *child = DP_CONTAINER (node, offspring_t, node);
        if (child->peer == peer && child->place == place)
            kill_group (child->pid, number);
    }
}

static void serve_peer (peer_t *peer)
{
    enum { AT_A_TIME = 64 };
    for (int i = 0; i < AT_A_TIME; i++) {
        zygote_request_t request;
        int fds[ZYGOTE_FORK_FDS];
        ssize_t received = receive (peer->fd, &request, sizeof request, fds, ZYGOTE_FORK_FDS);
        if (received < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (received <= 0) {
            end_peer (peer);
            return;
        }
        if (received == sizeof request && request.kind == ZYGOTE_FORK)
            fork_child (peer, request.place, fds);
        else if (received == sizeof request && request.kind == ZYGOTE_SIGNAL)
            signal_child (peer, request.place, request.signal);
        for (size_t k = 0; k < ZYGOTE_FORK_FDS; k++)
            if (fds[k] >= 0)
                close (fds[k]);
    }
}

static void serve_program (void)
{
    char byte;
    int fd;
    ssize_t received = receive (zygote.control_fd, &byte, 1, &fd, 1);
    if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR))
        end ();
    if (received < 0 || fd < 0)
        return;
    peer_t *peer = dp_must_alloc (sizeof *peer);
    peer->fd = fd;
    dp_list_init (&peer->reports);
    dp_list_append (&zygote.peers, &peer->node);
    zygote.n_peers++;
}

/* ---- The loop ------------------------------------------------------------------------------- */

enum { FIXED_ITEMS = 3 };

/* An ending peer's socket stays readable for ever, so it is no longer asked. */
static size_t fill_items (void)
{
    size_t n_items = FIXED_ITEMS;
    zygote.items = dp_must_realloc (zygote.items, (FIXED_ITEMS + zygote.n_peers) * sizeof *zygote.items);
    zygote.items[0] = (struct pollfd) { zygote.control_fd, POLLIN, 0 };
    zygote.items[1] = (struct pollfd) { zygote.signal_fd, POLLIN, 0 };
    zygote.items[2] = (struct pollfd) { zygote.program_fd, POLLIN, 0 };
    DP_LIST_EACH (&zygote.peers, node) {
        peer_t *peer = DP_CONTAINER (node, peer_t, node);
        int events = POLLIN | (dp_list_is_empty (&peer->reports) ? 0 : POLLOUT);
        zygote.items[n_items++] = (struct pollfd) { peer->is_ending ? -1 : peer->fd, (short) events, 0 };
    }
    return n_items;
}

static void turn (void)
{
    size_t n_items = fill_items (), at = FIXED_ITEMS;
    if (poll (zygote.items, n_items, -1) < 0)
        return;
    if (zygote.items[2].revents != 0)
        end ();
    if (zygote.items[1].revents != 0) {
        struct signalfd_siginfo info;
        while (read (zygote.signal_fd, &info, sizeof info) > 0)
            ;
    }
    /* First the peers, in the order in which they were asked: what comes after may take some out. */
    DP_LIST_EACH (&zygote.peers, node) {
        peer_t *peer = DP_CONTAINER (node, peer_t, node);
        short seen = zygote.items[at++].revents;
        if (seen & POLLOUT)
            post_letters (peer);
        if (seen & ~POLLOUT)
            serve_peer (peer);
    }
    reap ();
    if (zygote.items[0].revents != 0)
        serve_program ();
}

_Noreturn void zygote_run (const zygote_birth_t *birth)
{
    zygote_become (birth);
    sigset_t watched;
    sigemptyset (&watched);
    sigaddset (&watched, SIGCHLD);
    sigprocmask (SIG_BLOCK, &watched, NULL);
    /* A service manager that signals everybody means the program, which then decides. */
    signal (SIGTERM, SIG_IGN);
    signal (SIGINT, SIG_IGN);
    signal (SIGHUP, SIG_IGN);
    zygote.pid = getpid ();
    zygote.control_fd = birth->control_fd;
    zygote.program_fd = birth->program_fd;
    zygote.signal_fd = signalfd (-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    dp_list_init (&zygote.peers);
    dp_list_init (&zygote.children);
    /* Below a child of another worker all bear its mark, and may not be able to have their own. */
    zygote.marks = limits_are_confining () && orphans_adopt () && orphans_mark_of (zygote.pid) == 0;
    if (zygote.signal_fd < 0)
        _exit (1);
    for (;;)
        turn ();
}
