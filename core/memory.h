/* SPDX-License-Identifier: MPL-2.0 */
/* memory.h - allocation, with one place where a test can make it fail. */
#ifndef DP_MEMORY_H_INCLUDED
#define DP_MEMORY_H_INCLUDED

#include <stddef.h>

/* Zeroed memory, or NULL with errno ENOMEM. Free with dp_free. */
void *dp_alloc (size_t len);

/* As realloc; NULL with ENOMEM leaves the old block as it was. */
void *dp_realloc (void *block, size_t len);

/* Zeroed memory; prints a line and aborts when there is none. For the machines of broker and worker
   processes, where going on with half a state would be worse than a restart. */
void *dp_must_alloc (size_t len);
void *dp_must_alloc_raw (size_t len); /* uninitialised */
void *dp_must_realloc (void *block, size_t len);

/* A copy of a NUL-ended string; dp_strdup gives NULL with ENOMEM, dp_must_strdup aborts. */
char *dp_strdup (const char *text);
char *dp_must_strdup (const char *text);

/* Accepts NULL. */
void dp_free (void *block);

/* Say that there is no memory for len more bytes, and abort. For what has no caller to report to. */
_Noreturn void dp_no_memory (size_t len);

/* For tests: this thread's nth allocation from now on (1 = the next) fails once; 0 takes that back. The
   dp_must_… functions neither count nor fail. */
void dp_memory_fail_nth (long nth);

#endif
