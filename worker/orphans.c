/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/orphans.h"

#include "core/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The mark is a limit that stands in nobody's way: how long, in µs, one who runs by a real-time policy may go
   on without a pause. From here on that is longer than any machine is up, and what descends from a child can
   only lower it. */
#define MARKS ((rlim_t) 1 << 62)

static int list_fd = -1; /* of the zygote */

bool orphans_adopt (void)
{
    char path[64];
    snprintf (path, sizeof path, "/proc/self/task/%ld/children", (long) getpid ());
    list_fd = open (path, O_RDONLY | O_CLOEXEC);
    return list_fd >= 0 && prctl (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

void orphans_mark (uint64_t number)
{
    struct rlimit mark = { MARKS + number, MARKS + number };
    setrlimit (RLIMIT_RTTIME, &mark);
}

uint64_t orphans_mark_of (pid_t pid)
{
    struct rlimit mark;
    if (prlimit (pid, RLIMIT_RTTIME, NULL, &mark) < 0 || mark.rlim_max == RLIM_INFINITY
        || mark.rlim_max < MARKS)
        return 0;
    return mark.rlim_max - MARKS;
}

static pid_t *pids;
static size_t n_pids, capacity;

static void append (pid_t pid)
{
    if (n_pids == capacity) {
        capacity = capacity > 0 ? capacity * 2 : 64;
        pids = dp_must_realloc (pids, capacity * sizeof *pids);
    }
    pids[n_pids++] = pid;
}

/* The file has numbers with a blank behind each. */
const pid_t *orphans_list (size_t *n)
{
    char text[1024];
    ssize_t len;
    pid_t pid = 0;
    n_pids = 0;
    if (list_fd >= 0 && lseek (list_fd, 0, SEEK_SET) == 0)
        while ((len = read (list_fd, text, sizeof text)) > 0)
            for (ssize_t i = 0; i < len; i++) {
                if (text[i] >= '0' && text[i] <= '9')
                    pid = pid * 10 + (text[i] - '0');
                else if (pid > 0) {
                    append (pid);
                    pid = 0;
                }
            }
    *n = n_pids;
    return pids;
}
