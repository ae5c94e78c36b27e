/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/cgroup.h"
#include "worker/worker.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEVELS = 64 };

static long allowed_cpus (void)
{
    cpu_set_t set;
    if (sched_getaffinity (0, sizeof set, &set) == 0)
        return CPU_COUNT (&set);
    long online = sysconf (_SC_NPROCESSORS_ONLN); /* more than the set has room for */
    return online > 0 ? online : 1;
}

/* The least quota of our group and those above it, in whole CPUs, rounded up; "most" where there is none. */
static long quota_cpus (long most)
{
    char text[128], period_text[64];
    for (unsigned level = 0; level < LEVELS; level++) {
        long long quota = 0, period = 0;
        if (!cgroup_read ("cpu", "cpu.cfs_quota_us", "cpu.max", level, text, sizeof text))
            break;
        if (sscanf (text, "%lld %lld", &quota, &period) == 1) {
            cgroup_read ("cpu", "cpu.cfs_period_us", "cpu.max", level, period_text, sizeof period_text);
            period = strtoll (period_text, NULL, 10);
        }
        if (quota > 0 && period > 0 && (quota + period - 1) / period < most)
            most = (long) ((quota + period - 1) / period);
    }
    return most;
}

int worker_usable_cpus (void)
{
    long n_cpus = quota_cpus (allowed_cpus ());
    return n_cpus > 0 ? (int) n_cpus : 1;
}
