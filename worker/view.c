/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/view.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void view_init (view_t *self, int fd)
{
    struct stat status;
    memset (self, 0, sizeof *self);
    self->fd = fd;
    if (fd < 0 || fstat (fd, &status) < 0)
        return;
    void *data = mmap (NULL, (size_t) status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return;
    self->data = data;
    self->len = (size_t) status.st_size;
}

/* The pages that what is being read lies on: ranges begin and end with pages, so they are nobody else's. */
static size_t pages (const view_t *self, size_t *from)
{
    size_t page = (size_t) sysconf (_SC_PAGESIZE), end = self->at + self->n_bytes;
    *from = self->at / page * page;
    return (end + page - 1) / page * page - *from;
}

const uint8_t *view_read (view_t *self, uint64_t at, size_t len)
{
    if (self->is_own) {
        size_t from, n = pages (self, &from);
        void *again = mmap (self->data + from, n, PROT_READ, MAP_SHARED | MAP_FIXED, self->fd, (off_t) from);
        if (again == MAP_FAILED)
            return NULL;
    }
    self->is_own = false;
    self->at = (size_t) at;
    self->n_bytes = len;
    return self->data + at;
}

void view_own (view_t *self)
{
    if (self->data == NULL || self->n_bytes == 0 || self->is_own)
        return;
    size_t from, n = pages (self, &from);
    void *copy = mmap (NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return;
    memcpy (copy, self->data + from, n);
    self->is_own = mremap (copy, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, self->data + from) != MAP_FAILED;
    if (!self->is_own)
        munmap (copy, n);
}
