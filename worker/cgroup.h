/* SPDX-License-Identifier: MPL-2.0 */
/* cgroup.h - reads the files of the control group (v1 or v2) that this process is in. */
#ifndef CGROUP_H_INCLUDED
#define CGROUP_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read a file of the group that "controller" has us in, "level" steps up from it; the text NUL-ended, "" when
   there is no such file. The v1 and v2 files have different names. False when the hierarchy has no such
   level. */
bool cgroup_read (const char *controller, const char *file_v1, const char *file_v2, unsigned level,
                  char *text, size_t size);

/* How many processes the kernel has killed for lack of memory in our group, or, where that is not known, on
   this host. It only ever rises. */
uint64_t cgroup_oom_kills (void);

#endif
