/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/limits.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* One a process; children have their zygote's. */
static limits_t limits;

void limits_set (const limits_t *given)
{
    limits = *given;
}

/* Bytes of address space that this process has now; 0 when that cannot be found out. */
static uint64_t address_space (void)
{
    unsigned long long n_pages = 0;
    FILE *file = fopen ("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf (file, "%llu", &n_pages) != 1)
        n_pages = 0;
    fclose (file);
    return n_pages * (uint64_t) sysconf (_SC_PAGESIZE);
}

/* A limit that is lower already stays. */
static int lower (__rlimit_resource_t resource, uint64_t value)
{
    struct rlimit limit;
    if (getrlimit (resource, &limit) < 0)
        return -1;
    if (limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max)
        value = limit.rlim_max;
    limit.rlim_cur = value;
    limit.rlim_max = value;
    return setrlimit (resource, &limit);
}

int limits_enter (void)
{
    if (limits.is_confined && (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || lower (RLIMIT_CORE, 0) < 0))
        return -1;
    if (limits.memory_bytes == 0)
        return 0;
    return lower (RLIMIT_AS, address_space () + limits.memory_bytes);
}

/* The system counts from the start of the process, which runs many items: so the limit moves on. */
void limits_renew (void)
{
    struct rusage used;
    struct rlimit limit;
    if (limits.cpu_s == 0 || getrusage (RUSAGE_SELF, &used) < 0 || getrlimit (RLIMIT_CPU, &limit) < 0)
        return;
    /* What of a second is used up already counts for a whole one. */
    rlim_t used_s = (rlim_t) (used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1;
    limit.rlim_cur = used_s + (rlim_t) limits.cpu_s;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    setrlimit (RLIMIT_CPU, &limit);
}
