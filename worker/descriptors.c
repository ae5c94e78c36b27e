/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ABOVE = 1024, MOST = 65536 };

static bool is_kept (int fd, const int *keep, size_t n_keep)
{
    for (size_t i = 0; i < n_keep; i++)
        if (keep[i] == fd)
            return true;
    return fd <= STDERR_FILENO;
}

/* Call "function" for every open descriptor that is not kept. */
static void each (const int *keep, size_t n_keep, void (*function) (int fd, int argument), int argument)
{
    DIR *folder = opendir ("/proc/self/fd");
    if (folder != NULL) {
        for (struct dirent *entry; (entry = readdir (folder)) != NULL;) {
            int fd = atoi (entry->d_name);
            if (fd != dirfd (folder) && !is_kept (fd, keep, n_keep))
                function (fd, argument);
        }
        closedir (folder);
        return;
    }
    struct rlimit limit;
    int most = getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < MOST ? (int) limit.rlim_cur : MOST;
    for (int fd = STDERR_FILENO + 1; fd < most; fd++)
        if (!is_kept (fd, keep, n_keep) && fcntl (fd, F_GETFD) >= 0)
            function (fd, argument);
}

static void silence (int fd, int null_fd)
{
    if (fd != null_fd)
        dup3 (null_fd, fd, O_CLOEXEC);
}

void descriptors_silence (const int *keep, size_t n_keep)
{
    int null_fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return;
    each (keep, n_keep, silence, null_fd);
    close (null_fd);
}

static void close_one (int fd, int unused)
{
    (void) unused;
    close (fd);
}

static bool close_span (unsigned from, unsigned to)
{
#ifdef SYS_close_range
    return from > to || syscall (SYS_close_range, from, to, 0) == 0;
#else
    (void) from;
    (void) to;
    return false;
#endif
}

/* One call for each gap between the kept ones; they are few, so the next one is simply looked for. */
static bool close_gaps (const int *keep, size_t n_keep)
{
    unsigned from = STDERR_FILENO + 1;
    for (;;) {
        unsigned next = ~0u;
        for (size_t i = 0; i < n_keep; i++)
            if (keep[i] >= 0 && (unsigned) keep[i] >= from && (unsigned) keep[i] < next)
                next = (unsigned) keep[i];
        if (next == ~0u)
            return close_span (from, ~0u);
        if (!close_span (from, next - 1))
            return false;
        from = next + 1;
    }
}

void descriptors_close (const int *keep, size_t n_keep)
{
    if (!close_gaps (keep, n_keep))
        each (keep, n_keep, close_one, 0);
}

/* The limit counts only when a number is given out, so it need not stay raised. */
static int duplicate_above (int fd)
{
    struct rlimit before;
    if (getrlimit (RLIMIT_NOFILE, &before) < 0)
        return -1;
    struct rlimit raised = before;
    if (raised.rlim_cur < 2 * ABOVE)
        raised.rlim_cur = raised.rlim_max < 2 * ABOVE ? raised.rlim_max : 2 * ABOVE;
    setrlimit (RLIMIT_NOFILE, &raised);
    int moved = fcntl (fd, F_DUPFD_CLOEXEC, ABOVE);
    setrlimit (RLIMIT_NOFILE, &before);
    return moved;
}

int descriptors_move_up (int fd)
{
    int moved = duplicate_above (fd);
    if (moved < 0) {
        fcntl (fd, F_SETFD, FD_CLOEXEC);
        return fd;
    }
    close (fd);
    return moved;
}

void descriptors_to_null (int fd)
{
    int null_fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return;
    if (null_fd == fd) {
        fcntl (fd, F_SETFD, 0);
        return;
    }
    dup2 (null_fd, fd);
    close (null_fd);
}
