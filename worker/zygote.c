/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/zygote.h"

#include "core/buffer.h"
#include "core/error.h"
#include "core/memory.h"
#include "worker/offers.h"
#include "worker/zygote_process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The program's one. */
static struct {
    pthread_mutex_t lock;
    bool is_running, has_fork_handler;
    int control_fd;
    const char **names; /* of its functions, in one block */
    size_t n_names;
} zygote = { .lock = PTHREAD_MUTEX_INITIALIZER, .control_fd = -1 };

/* A fork of the program has no zygote, and must not keep that of the program alive. */
static void forget_in_fork (void)
{
    pthread_mutex_init (&zygote.lock, NULL);
    if (zygote.control_fd >= 0)
        close (zygote.control_fd);
    zygote.control_fd = -1;
    zygote.is_running = false;
}

/* ---- Forking it ----------------------------------------------------------------------------- */

static int open_pidfd (void)
{
#ifdef SYS_pidfd_open
    return (int) syscall (SYS_pidfd_open, getpid (), 0);
#else
    return -1;
#endif
}

/* The one SIGCHLD of the process in between is not for the program's handler. One signal stands for all
   children that ended meanwhile, so where another waits to be reaped it is given back. */
static void swallow_signal (const sigset_t *watched, pid_t between)
{
    siginfo_t info = { .si_pid = 0 };
    const struct timespec now = { 0, 0 };
    if (sigtimedwait (watched, &info, &now) != SIGCHLD)
        return;
    siginfo_t other = { .si_pid = 0 };
    int rc = waitid (P_ALL, 0, &other, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT);
    if (info.si_pid != between || (rc == 0 && other.si_pid != 0))
        kill (getpid (), SIGCHLD);
}

/* Twice, so that it is nobody's child but the system's. 0 or -1. */
static int fork_twice (const zygote_birth_t *birth)
{
    sigset_t watched, before, pending;
    sigemptyset (&watched);
    sigaddset (&watched, SIGCHLD);
    pthread_sigmask (SIG_BLOCK, &watched, &before);
    sigpending (&pending);
    offers_lock ();
    pid_t between = fork ();
    if (between == 0) {
        offers_unlock ();
        pid_t pid = fork ();
        if (pid == 0)
            zygote_run (birth);
        _exit (pid < 0 ? errno & 0x7f : 0);
    }
    int code = errno;
    offers_unlock ();
    int status = 0;
    pid_t reaped = -1;
    if (between > 0) {
        do
            reaped = waitpid (between, &status, 0);
        while (reaped < 0 && errno == EINTR);
        if (!sigismember (&pending, SIGCHLD))
            swallow_signal (&watched, between);
    }
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    if (between > 0 && reaped == between && WIFEXITED (status) && WEXITSTATUS (status) != 0)
        code = WEXITSTATUS (status);
    else if (between > 0)
        return 0;
    errno = code;
    return dp_fail_errno ("cannot fork the process that forks the children");
}

/* ---- What it says --------------------------------------------------------------------------- */

static int read_start (int fd, dp_buffer_t *said)
{
    for (;;) {
        uint8_t *target = dp_buffer_extend (said, 4096);
        if (target == NULL)
            return dp_fail (ENOMEM, "no memory for the names of the functions");
        ssize_t n_read = read (fd, target, 4096);
        said->len -= 4096 - (n_read > 0 ? (size_t) n_read : 0);
        if (n_read == 0)
            return 0;
        if (n_read < 0 && errno != EINTR)
            return dp_fail_errno ("cannot read what the process that forks the children says");
    }
}

/* Keep the names: a table, and the texts behind it. */
static int keep_names (const char *said, size_t len, size_t n_names)
{
    const char **names = dp_alloc (n_names * sizeof *names + len + 1);
    if (names == NULL)
        return dp_fail (ENOMEM, "no memory for the names of the functions");
    char *texts = (char *) (names + n_names);
    memcpy (texts, said, len);
    size_t i = 0;
    for (char *line = texts; line < texts + len; line += strlen (line) + 1)
        if (line[0] == ZYGOTE_OFFERS)
            names[i++] = line + 1;
    dp_free (zygote.names); /* of the zygote of whom forked us */
    zygote.names = names;
    zygote.n_names = n_names;
    return 0;
}

static int understand (dp_buffer_t *said)
{
    const char *doing = "started";
    size_t n_names = 0;
    if (dp_buffer_append (said, "", 1) < 0) /* a last line that was cut off ends too */
        return dp_fail (ENOMEM, "no memory for the names of the functions");
    const char *end = (const char *) said->data + said->len;
    for (const char *line = (const char *) said->data; line < end; line += strlen (line) + 1) {
        if (line[0] == ZYGOTE_DOES)
            doing = line + 1;
        else if (line[0] == ZYGOTE_OFFERS)
            n_names++;
        else if (line[0] == ZYGOTE_READY)
            return keep_names ((const char *) said->data, said->len, n_names);
        else if (line[0] == ZYGOTE_FAILS) {
            char *text;
            int code = (int) strtol (line + 1, &text, 10);
            return dp_fail (code, "%s", *text == ' ' ? text + 1 : text);
        }
    }
    return dp_fail (
        ECHILD, "the process that forks the children died while it %s; what it wrote to stderr may tell why",
        doing);
}

/* ---- Starting it ---------------------------------------------------------------------------- */

static int start (const char *const *modules, size_t n_modules)
{
    int control[2], pipe_ends[2];
    if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return dp_fail_errno ("cannot make a socket");
    if (pipe2 (pipe_ends, O_CLOEXEC) < 0) {
        dp_fail_errno ("cannot make a pipe");
        close (control[0]);
        close (control[1]);
        return -1;
    }
    zygote_birth_t birth = { control[1], pipe_ends[1], open_pidfd (), modules, n_modules };
    int rc = fork_twice (&birth);
    close (control[1]);
    close (pipe_ends[1]);
    if (birth.program_fd >= 0)
        close (birth.program_fd);
    dp_buffer_t said = DP_BUFFER_INIT;
    if (rc == 0)
        rc = read_start (pipe_ends[0], &said);
    if (rc == 0)
        rc = understand (&said);
    dp_buffer_fini (&said);
    close (pipe_ends[0]);
    if (rc < 0)
        close (control[0]);
    else
        zygote.control_fd = control[0];
    return rc;
}

int zygote_start (const char *const *modules, size_t n_modules)
{
    int rc = 0;
    pthread_mutex_lock (&zygote.lock);
    if (!zygote.has_fork_handler)
        zygote.has_fork_handler = pthread_atfork (NULL, NULL, forget_in_fork) == 0;
    if (!zygote.is_running) {
        rc = offers_check ();
        if (rc == 0)
            rc = start (modules, n_modules);
        zygote.is_running = rc == 0;
        if (rc == 0)
            offers_close ();
    }
    int code = errno;
    pthread_mutex_unlock (&zygote.lock);
    errno = code;
    return rc;
}

int dpool_prepare (void)
{
    return zygote_start (NULL, 0);
}

bool zygote_is_running (void)
{
    pthread_mutex_lock (&zygote.lock);
    bool is_running = zygote.is_running;
    pthread_mutex_unlock (&zygote.lock);
    return is_running;
}

size_t zygote_functions (const char *const **names)
{
    pthread_mutex_lock (&zygote.lock);
    *names = zygote.names;
    size_t n_names = zygote.n_names;
    pthread_mutex_unlock (&zygote.lock);
    return n_names;
}

int zygote_introduce (int client_fd)
{
    union {
        char bytes[CMSG_SPACE (sizeof (int))];
        struct cmsghdr alignment;
    } control;
    char byte = 'c';
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof control.bytes };
    memset (&control, 0, sizeof control);
    struct cmsghdr *head = CMSG_FIRSTHDR (&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN (sizeof (int));
    memcpy (CMSG_DATA (head), &client_fd, sizeof (int));
    pthread_mutex_lock (&zygote.lock);
    ssize_t sent = -1;
    errno = ENOTCONN;
    if (zygote.is_running)
        do
            sent = sendmsg (zygote.control_fd, &message, MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
    int code = errno;
    pthread_mutex_unlock (&zygote.lock);
    errno = code;
    return sent < 0 ? dp_fail_errno ("the process that forks the children is gone") : 0;
}
