/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/swarm/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t usage_cpu_us (pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid (pid, &clock) != 0 || clock_gettime (clock, &time) < 0)
        return 0;
    return (int64_t) time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t usage_machine_us (void)
{
    long long user = 0, nice = 0, system = 0, idle, wait, irq = 0, softirq = 0, steal = 0;
    FILE *file = fopen ("/proc/stat", "re");
    if (!file)
        return 0;
    if (fscanf (file, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &system, &idle, &wait,
                &irq, &softirq, &steal)
        != 8)
        user = nice = system = irq = softirq = steal = 0;
    fclose (file);
    return (user + nice + system + irq + softirq + steal) * (1000000 / sysconf (_SC_CLK_TCK));
}

static size_t read_status_kib (pid_t pid, const char *key)
{
    char path[64], line[256];
    size_t kib = 0, len = strlen (key);
    snprintf (path, sizeof path, "/proc/%ld/status", (long) pid);
    FILE *file = fopen (path, "re");
    while (file && fgets (line, sizeof line, file))
        if (strncmp (line, key, len) == 0)
            kib = strtoull (line + len, NULL, 10);
    if (file)
        fclose (file);
    return kib;
}

size_t usage_memory_kib (pid_t pid)
{
    return read_status_kib (pid, "VmRSS:");
}

size_t usage_peak_kib (pid_t pid)
{
    return read_status_kib (pid, "VmHWM:");
}

void usage_reset_peak (pid_t pid)
{
    char path[64];
    snprintf (path, sizeof path, "/proc/%ld/clear_refs", (long) pid);
    int fd = open (path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write (fd, "5", 1) != 1)
        perror (path);
    if (fd >= 0)
        close (fd);
}

size_t usage_descriptors (pid_t pid)
{
    char path[64];
    size_t n = 0;
    snprintf (path, sizeof path, "/proc/%ld/fd", (long) pid);
    DIR *stream = opendir (path);
    for (struct dirent *entry; stream && (entry = readdir (stream));)
        n += entry->d_name[0] != '.';
    if (stream)
        closedir (stream);
    return n;
}

size_t usage_mappings (pid_t pid, const char *name)
{
    char line[512];
    size_t n = 0;
    snprintf (line, sizeof line, "/proc/%ld/maps", (long) pid);
    FILE *file = fopen (line, "re");
    while (file && fgets (line, sizeof line, file))
        n += strstr (line, name) != NULL;
    if (file)
        fclose (file);
    return n;
}
