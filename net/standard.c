/* SPDX-License-Identifier: MPL-2.0 */
#include "net/standard.h"

#include <fcntl.h>
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

void dp_standard_raise_limit (void)
{
    struct rlimit limit;
    if (getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit (RLIMIT_NOFILE, &limit);
    }
}
