/* SPDX-License-Identifier: MPL-2.0 */
/* child.h - the life of a child: it reads tasks from its channel and runs them, one at a time, until the
 * channel ends. */
#ifndef CHILD_H_INCLUDED
#define CHILD_H_INCLUDED

#include <sys/types.h>

/* Take over this process, freshly forked from the zygote. The descriptors are: the channel to the loop, the
   memory shared with it (shared_t and the shelf), what becomes stderr, and the worker's arena or -1. Never
   returns. */
_Noreturn void child_run (pid_t zygote, int channel_fd, int memory_fd, int stderr_fd, int arena_fd);

#endif
