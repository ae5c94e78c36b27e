/* SPDX-License-Identifier: MPL-2.0 */
#include "net/borrowed.h"

#include "core/reference.h"
#include "net/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES (UINT64_C (4) << 30) /* of address space, for each connection */

/* ---- Mapping -------------------------------------------------------------------------------- */

/* Is it a file in memory, so that to open it does nothing, and of the same user? That he is the same holds
   even where he is root, who could open any: only among processes of one user, who can read one another
   anyway, is nothing given away.
 */
static bool is_memory (int place, const char *path)
{
    static const char name[] = "/memfd:dpool-arena";
    char target[sizeof name];
    struct stat status;
    ssize_t len = readlink (path, target, sizeof name - 1);
    return len == sizeof name - 1 && memcmp (target, name, sizeof name - 1) == 0
           && fstat (place, &status) == 0 && S_ISREG (status.st_mode) && status.st_uid == geteuid ();
}

/* Only where it is, at first (O_PATH): what is looked at then is what is opened, whatever the other program
   does with its descriptor meanwhile. */

static int open_file (const wire_memory_t *memory)
{
    char path[64];
    if (memory->pid == 0 || memory->pid > INT_MAX || memory->fd > INT_MAX || memory->bytes == 0
        || memory->bytes > MOST_BYTES || memory->bytes % DP_SEGMENT_UNIT != 0)
        return -1;
    snprintf (path, sizeof path, "/proc/%d/fd/%d", (int) memory->pid, (int) memory->fd);
    int place = open (path, O_PATH | O_CLOEXEC);
    if (place < 0)
        return -1;
    snprintf (path, sizeof path, "/proc/self/fd/%d", place);
    int fd = is_memory (place, path) ? open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    close (place);
    return fd;
}

/* Once it cannot shrink any more, whoever reads it does not get SIGBUS. */
static bool is_fit (int fd, const wire_memory_t *memory)
{
    struct stat status;
    int seals = fcntl (fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && fstat (fd, &status) == 0
           && (uint64_t) status.st_size == dp_arena_file_len ((size_t) memory->bytes);
}

static const dp_arena_tail_t *tail_of (const dp_borrowed_t *self)
{
    return (const dp_arena_tail_t *) (const void *) (self->data + self->len);
}

int dp_borrowed_map (dp_borrowed_t *self, const wire_memory_t *memory, dp_arena_kind_t kind)
{
    int fd = open_file (memory);
    void *data = MAP_FAILED;
    if (fd >= 0 && is_fit (fd, memory))
        data = mmap (NULL, dp_arena_file_len ((size_t) memory->bytes), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close (fd);
    if (data == MAP_FAILED)
        return -1;
    self->data = data;
    self->len = (size_t) memory->bytes;
    const dp_arena_tail_t *tail = tail_of (self);
    if (tail->magic == DP_ARENA_MAGIC && tail->secret[0] == memory->secret
        && tail->secret[1] == memory->secret_2 && tail->kind == kind)
        return 0;
    dp_borrowed_unmap (self);
    return -1;
}

void dp_borrowed_unmap (dp_borrowed_t *self)
{
    if (self->data != NULL)
        munmap ((void *) (uintptr_t) self->data, dp_arena_file_len (self->len));
    self->data = NULL;
}

/* ---- Reading -------------------------------------------------------------------------------- */

uint64_t dp_borrowed_counter (const dp_borrowed_t *self, uint64_t counter)
{
    if (counter >= DP_ARENA_COUNTERS)
        return 0;
    /* Acquire: it had read all of them before it counted them. */
    return atomic_load_explicit (&tail_of (self)->counters[counter], memory_order_acquire);
}

/* A loan of this generation goes on, and is as long as that. If not, *is_late says whether it may have been
   so before: in between its length is 0, and the generation is raised after that. */
static bool is_lent (const dp_borrowed_t *self, const dp_reference_t *reference, bool *is_late)
{
    const dp_arena_range_t *range = &tail_of (self)->ranges[reference->at / DP_SEGMENT_UNIT];
    uint64_t generation = atomic_load_explicit (&range->generation, memory_order_acquire);
    uint64_t len = atomic_load_explicit (&range->len, memory_order_relaxed);
    *is_late = generation > reference->generation || (generation == reference->generation && len == 0);
    return generation == reference->generation && reference->len <= len;
}

dp_blob_t *dp_borrowed_copy (const dp_borrowed_t *self, const uint8_t *bytes, size_t len, uint64_t most,
                             dp_arena_t *arena, dp_borrowed_failure_t *why)
{
    dp_reference_t reference;
    *why = (dp_borrowed_failure_t) { "a payload that is not where it was said to be", false };
    if (!dp_reference_read (&reference, bytes, len, DP_SEGMENT_UNIT, self->len)
        || !is_lent (self, &reference, &why->is_late))
        return NULL;
    *why = (dp_borrowed_failure_t) { "a payload that is longer than the limit", false };
    if (reference.len > most)
        return NULL;
    *why = (dp_borrowed_failure_t) { "a payload for which there is no memory", true };
    const uint8_t *from = self->data + reference.at;
    dp_blob_t *blob = dp_arena_copy (arena, from, (size_t) reference.len);
    if (blob == NULL)
        blob = dp_blob_copy (from, (size_t) reference.len);
    /* All of it is read before the generation is looked at: were anything written over it, that was raised
     * before. */
    atomic_thread_fence (memory_order_acquire);
    if (blob != NULL && !is_lent (self, &reference, &why->is_late)) {
        why->text = "a payload that was taken back while it was copied";
        dp_blob_release (&blob);
    }
    if (blob != NULL)
        *why = (dp_borrowed_failure_t) { NULL, false };
    return blob;
}
