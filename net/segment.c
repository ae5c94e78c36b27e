/* SPDX-License-Identifier: MPL-2.0 */
#include "net/segment.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int dp_segment_make (const char *name, size_t len)
{
    /* Beyond this limit the kernel does not say no, but sends a signal that ends the process. */
    struct rlimit limit;
    if (getrlimit (RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < len) {
        errno = EFBIG;
        return -1;
    }
    int fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (ftruncate (fd, (off_t) len) == 0
        && fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    int code = errno;
    close (fd);
    errno = code;
    return -1;
}

/* Of the whole process. */
static bool is_limited;
static uint64_t limit_mib;

static bool parse_limit (const char *text, uint64_t *mib)
{
    char *end;
    *mib = 0;
    if (strcmp (text, "off") == 0)
        return true;
    errno = 0;
    *mib = strtoull (text, &end, 10);
    return *text >= '0' && *text <= '9' && errno == 0 && *end == '\0';
}

size_t dp_segment_limit (size_t usual)
{
    uint64_t mib = limit_mib;
    if (!is_limited) {
        const char *text = secure_getenv ("DPOOL_SHARED_MEMORY");
        if (text == NULL || !parse_limit (text, &mib))
            return usual;
    }
    if (mib == 0)
        return 0;
    return mib >= usual >> 20 ? usual : (size_t) mib << 20;
}

void dp_segment_set_limit (uint64_t mib)
{
    is_limited = true;
    limit_mib = mib;
}

int dp_segment_read_limit (const char *text, uint64_t *mib)
{
    if (parse_limit (text, mib))
        return 0;
    return dp_fail (EINVAL, "shared_memory '%s' is unknown: write a number of MiB, or off", text);
}

int dp_segment_reserve (const dp_segment_t *self, size_t at, size_t len)
{
    int rc;
    do
        rc = fallocate (self->fd, 0, (off_t) at, (off_t) len);
    while (rc < 0 && errno == EINTR);
    return rc;
}

int dp_segment_back (dp_segment_t *self, size_t at, size_t len)
{
    size_t end = at + len;
    if (end <= self->backed || self->fd < 0)
        return 0;
    /* What is kept is backed without a gap, so that one number tells how far. */
    size_t from = self->backed < self->kept ? self->backed : at;
    if (dp_segment_reserve (self, self->offset + from, end - from) < 0)
        return -1;
    if (self->backed < self->kept)
        self->backed = end < self->kept ? end : self->kept;
    return 0;
}

void dp_segment_strip (const dp_segment_t *self, size_t at, size_t len)
{
    size_t end = at + len, from = at > self->kept ? at : self->kept;
    if (end > from)
        madvise (self->data + from, end - from, self->fd >= 0 ? MADV_REMOVE : MADV_DONTNEED);
}
