/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/limits.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { GRACE_S = 1 }; /* of CPU time, to do something about SIGXCPU */

/* One a process; children have their zygote's. */
static limits_t limits;

/* It kills whoever ignores SIGXCPU. The hard limit could not: nobody may raise it for the next item. */
static struct {
    bool is_set;
    timer_t timer;
} executioner;

void limits_set (const limits_t *given)
{
    limits = *given;
}

bool limits_are_confining (void)
{
    return limits.is_confined;
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

/* Without it the limit is what a function makes of it. */
static void call_executioner (void)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
    executioner.is_set = timer_create (CLOCK_PROCESS_CPUTIME_ID, &event, &executioner.timer) == 0;
}

int limits_enter (void)
{
    if (limits.cpu_s > 0)
        call_executioner ();
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
    long used_us = used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    rlim_t used_s = (rlim_t) (used.ru_utime.tv_sec + used.ru_stime.tv_sec + used_us / 1000000) + 1;
    limit.rlim_cur = used_s + (rlim_t) limits.cpu_s;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    setrlimit (RLIMIT_CPU, &limit);
    struct itimerspec end = { .it_value = { .tv_sec = (time_t) (used_s + limits.cpu_s + GRACE_S) } };
    if (executioner.is_set)
        timer_settime (executioner.timer, TIMER_ABSTIME, &end, NULL);
}
