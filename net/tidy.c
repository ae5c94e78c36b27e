/* SPDX-License-Identifier: MPL-2.0 */
#include "net/tidy.h"

#include "core/link.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUIET_MS = 2000,
    LOW = 4 /* a quarter of the most is little */
};

/* Less than this is not worth it. */
#define LEAST (UINT64_C (4) * 1024 * 1024)

dp_tidy_t dp_tidy_new (void)
{
    const char *text = secure_getenv ("DPOOL_MALLOC_TRIM");
    return (dp_tidy_t) { .is_malloc_left = text != NULL && strcmp (text, "off") == 0 };
}

bool dp_tidy_is_due (dp_tidy_t *self, int64_t now_ms, uint64_t bytes)
{
    if (bytes > self->most)
        self->most = bytes;
    if (self->most < LEAST || bytes > self->most / LOW) {
        self->low_since_ms = 0;
        return false;
    }
    if (self->low_since_ms == 0)
        self->low_since_ms = now_ms;
    if (now_ms - self->low_since_ms < QUIET_MS)
        return false;
    self->most = bytes;
    self->low_since_ms = 0;
    return true;
}

int64_t dp_tidy_deadline_ms (const dp_tidy_t *self)
{
    return self->low_since_ms != 0 ? self->low_since_ms + QUIET_MS : DP_NEVER;
}

void dp_tidy_up (const dp_tidy_t *self)
{
#ifdef __GLIBC__
    if (!self->is_malloc_left)
        malloc_trim (0);
#else
    (void) self;
#endif
}
