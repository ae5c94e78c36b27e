/* SPDX-License-Identifier: MPL-2.0 */
#include "net/segment.h"

#include <errno.h>
#include <fcntl.h>
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

size_t dp_segment_limit (size_t usual)
{
    const char *text = secure_getenv ("DPOOL_SHARED_MEMORY");
    if (text == NULL || text[0] == '\0')
        return usual;
    if (strcmp (text, "off") == 0)
        return 0;
    char *end;
    errno = 0;
    unsigned long long n = strtoull (text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] == '-' || n >= usual >> 20)
        return usual;
    return (size_t) n << 20;
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
