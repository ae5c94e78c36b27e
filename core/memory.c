/* SPDX-License-Identifier: MPL-2.0 */
#include "core/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static _Thread_local long n_until_failure; /* 0 = allocations do not fail on purpose */

void dp_memory_fail_nth (long nth)
{
    n_until_failure = nth;
}

static bool fails_on_purpose (void)
{
    return n_until_failure > 0 && --n_until_failure == 0;
}

/* Rows of millions of items are touched once: most of what that costs is the kernel's, a page at a time,
   unless the pages are large. */
static void wish_for_large_pages (void *block, size_t len)
{
    enum { PAGE = 4096, LONG = 8 << 20 };
    if (len < LONG)
        return;
    size_t skipped = (PAGE - (uintptr_t) block % PAGE) % PAGE;
    int code = errno;
    madvise ((char *) block + skipped, (len - skipped) / PAGE * PAGE, MADV_HUGEPAGE);
    errno = code; /* some kernels have none */
}

void *dp_alloc (size_t len)
{
    void *block = fails_on_purpose () ? NULL : calloc (1, len > 0 ? len : 1);
    if (!block)
        errno = ENOMEM;
    else
        wish_for_large_pages (block, len);
    return block;
}

void *dp_realloc (void *block, size_t len)
{
    void *grown = fails_on_purpose () ? NULL : realloc (block, len > 0 ? len : 1);
    if (!grown)
        errno = ENOMEM;
    return grown;
}

void dp_no_memory (size_t len)
{
    fprintf (stderr, "dpool: out of memory (%zu bytes more were needed)\n", len);
    abort ();
}

void *dp_must_alloc (size_t len)
{
    void *block = calloc (1, len > 0 ? len : 1);
    if (!block)
        dp_no_memory (len);
    return block;
}

void *dp_must_alloc_raw (size_t len)
{
    void *block = malloc (len > 0 ? len : 1);
    if (!block)
        dp_no_memory (len);
    return block;
}

void *dp_must_realloc (void *block, size_t len)
{
    void *grown = realloc (block, len > 0 ? len : 1);
    if (!grown)
        dp_no_memory (len);
    return grown;
}

char *dp_strdup (const char *text)
{
    size_t size = strlen (text) + 1;
    char *copy = dp_alloc (size);
    if (copy)
        memcpy (copy, text, size);
    return copy;
}

char *dp_must_strdup (const char *text)
{
    size_t size = strlen (text) + 1;
    return memcpy (dp_must_alloc (size), text, size);
}

void dp_free (void *block)
{
    free (block);
}
