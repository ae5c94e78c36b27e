/* SPDX-License-Identifier: MPL-2.0 */
/* usage.h - what a process takes of its machine, as the kernel tells. */
#ifndef USAGE_H_INCLUDED
#define USAGE_H_INCLUDED

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* CPU time of all its threads since its start, in microseconds. 0 when it is gone. */
int64_t usage_cpu_us (pid_t pid);

/* CPU time of all programs of the machine since its start, in microseconds. */
int64_t usage_machine_us (void);

/* Memory that it has in RAM, in KiB: now, and at most since usage_reset_peak. 0 when it is gone. */
size_t usage_memory_kib (pid_t pid);
size_t usage_peak_kib (pid_t pid);
void usage_reset_peak (pid_t pid);

/* Its open file descriptors. */
size_t usage_descriptors (pid_t pid);

/* Its mappings of files with this in their names. */
size_t usage_mappings (pid_t pid, const char *name);

#endif
