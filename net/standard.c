/* SPDX-License-Identifier: MPL-2.0 */
#include "net/standard.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

int dp_standard_fill (void)
{
    int fd;
    do
        fd = open ("/dev/null", O_RDWR); /* the lowest number that is free */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        return -1;
    close (fd);
    return 0;
}

int dp_standard_raise_limit (size_t n_needed)
{
    struct rlimit limit;
    if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
        return dp_fail_errno ("the limit of file descriptors cannot be read");
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (before < limit.rlim_max && setrlimit (RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = before;
    if (limit.rlim_cur >= n_needed)
        return 0;
    return dp_fail (EMFILE,
                    "%zu file descriptors are needed and %llu are allowed: raise the limit (ulimit -n)",
                    n_needed, (unsigned long long) limit.rlim_cur);
}

size_t dp_standard_limit (void)
{
    struct rlimit limit;
    return getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < SIZE_MAX ? (size_t) limit.rlim_cur
                                                                               : SIZE_MAX;
}
