/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_LINE 160

struct record_reader_s {
    char *path;
    int fd;
    unsigned n_faults;
    size_t begin, end; /* of what is read and not yet taken */
    char text[1 << 16];
};

int64_t record_now_us (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- Writing --------------------------------------------------------------------------------- */

int record_open (const char *path)
{
    return open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

int record_write (int fd, record_kind_t kind, uint64_t number, int64_t detail, int64_t value)
{
    char line[LONGEST_LINE];
    int length = snprintf (line, sizeof line, "%c %016" PRIx64 " %" PRId64 " %" PRId64 " %" PRId64 " %ld\n",
                           (char) kind, number, detail, value, record_now_us (), (long) getpid ());
    ssize_t written;
    do
        written = write (fd, line, (size_t) length);
    while (written < 0 && errno == EINTR);
    return written == length ? 0 : -1;
}

/* ---- Reading --------------------------------------------------------------------------------- */

record_reader_t *record_reader_new (const char *path)
{
    record_reader_t *self = calloc (1, sizeof *self);
    if (!self || !(self->path = strdup (path)))
        abort ();
    self->fd = -1;
    return self;
}

void record_reader_destroy (record_reader_t **self_p)
{
    record_reader_t *self = *self_p;
    if (!self)
        return;
    if (self->fd >= 0)
        close (self->fd);
    free (self->path);
    free (self);
    *self_p = NULL;
}

static bool fill (record_reader_t *self)
{
    if (self->fd < 0)
        self->fd = open (self->path, O_RDONLY | O_CLOEXEC);
    if (self->fd < 0)
        return false;
    memmove (self->text, self->text + self->begin, self->end - self->begin);
    self->end -= self->begin;
    self->begin = 0;
    ssize_t n = read (self->fd, self->text + self->end, sizeof self->text - self->end);
    if (n > 0)
        self->end += (size_t) n;
    return n > 0;
}

static bool parse (const char *line, record_t *record)
{
    char kind;
    if (sscanf (line, "%c %" SCNx64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %ld", &kind, &record->number,
                &record->detail, &record->value, &record->at_us, &record->pid)
        != 6)
        return false;
    record->kind = (record_kind_t) kind;
    return strchr ("sobe", kind) != NULL;
}

bool record_read (record_reader_t *self, record_t *record)
{
    for (;;) {
        char *line = self->text + self->begin;
        char *newline = memchr (line, '\n', self->end - self->begin);
        if (!newline && self->end - self->begin == sizeof self->text) {
            self->n_faults++; /* no line of ours is so long */
            self->begin = self->end;
        }
        if (!newline) {
            if (!fill (self))
                return false;
            continue;
        }
        *newline = '\0';
        self->begin += (size_t) (newline - line) + 1;
        if (parse (line, record))
            return true;
        self->n_faults++;
    }
}

unsigned record_reader_faults (const record_reader_t *self)
{
    return self->n_faults;
}
