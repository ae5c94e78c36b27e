/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/place.h"

#include "core/memory.h"
#include "net/segment.h"
#include "worker/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DIRECT_FROM = 32 * 1024, OUTPUT_KEEP = 1024 * 1024, LONGEST_OUTCOME = (1 << 30) + 1024 };

place_t *place_new (uint32_t number, dp_arena_t *arena)
{
    place_t *self = dp_must_alloc (sizeof *self);
    self->number = number;
    self->arena = arena;
    self->channel_fd = self->stderr_fd = -1;
    for (size_t i = 0; i < 3; i++)
        self->child_fds[i] = -1;
    return self;
}

void place_destroy (place_t **self_p)
{
    place_t *self = *self_p;
    if (self == NULL)
        return;
    place_close (self);
    dp_free (self);
    *self_p = NULL;
}

/* ---- Beginning and end ---------------------------------------------------------------------- */

static void close_fd (int *fd)
{
    if (*fd >= 0)
        close (*fd);
    *fd = -1;
}

static void close_child_fds (place_t *self)
{
    for (size_t i = 0; i < 3; i++)
        close_fd (&self->child_fds[i]);
}

static void *map (int fd, size_t len)
{
    void *memory = mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

/* With a shelf behind what the two share anyway. */
static int make_long_memory (place_t *self, size_t shelf_len)
{
    int fd = shelf_len > 0 ? dp_segment_make ("dpool-place", SHELF_AT + shelf_len) : -1;
    shared_t *shared = fd >= 0 ? map (fd, SHELF_AT + shelf_len) : NULL;
    if (shared != NULL)
        self->shelf = shelf_map_new (shared, SHELF_AT + shelf_len, &shared->shelf, SHELF_AT);
    if (shared != NULL && self->shelf != NULL) {
        shared->shelf.len = shelf_len;
        self->child_fds[1] = fd;
        self->shared = shared;
        return 0;
    }
    if (shared != NULL)
        munmap (shared, SHELF_AT + shelf_len);
    if (fd >= 0)
        close (fd);
    return -1;
}

static int make_memory (place_t *self)
{
    if (make_long_memory (self, dp_segment_limit (SHELF_BYTES)) < 0) {
        self->child_fds[1] = dp_segment_make ("dpool-place", sizeof *self->shared);
        if (self->child_fds[1] < 0)
            return -1;
        self->shared = map (self->child_fds[1], sizeof *self->shared);
        if (self->shared == NULL)
            return -1;
    }
    ring_init (&self->ring, &self->shared->ring);
    return 0;
}

static int make_channels (place_t *self)
{
    int ends[2];
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    self->channel_fd = ends[0];
    self->child_fds[0] = ends[1];
    if (pipe2 (ends, O_CLOEXEC) < 0)
        return -1;
    self->stderr_fd = ends[0];
    self->child_fds[2] = ends[1];
    return fcntl (self->stderr_fd, F_SETFL, O_NONBLOCK);
}

static void put (place_t *self, const void *data, size_t len)
{
    if (dp_buffer_append (&self->output, data, len) < 0)
        dp_no_memory (len);
}

int place_open (place_t *self, const crew_session_t *session)
{
    if (make_memory (self) < 0 || make_channels (self) < 0) {
        int code = errno;
        place_close (self);
        errno = code;
        return -1;
    }
    frame_t greeting = { .kind = FRAME_GREETING };
    if (session != NULL) {
        const char *name = session->initializer != NULL ? session->initializer : "";
        greeting.seed = session->seed;
        greeting.name_len = (uint32_t) strlen (name);
        greeting.body_len = session->initializer_args_len;
        put (self, &greeting, sizeof greeting);
        put (self, name, greeting.name_len);
        put (self, session->initializer_args, session->initializer_args_len);
    } else
        put (self, &greeting, sizeof greeting);
    self->oom_kills = cgroup_oom_kills ();
    self->state = PLACE_WANTED;
    return 0;
}

int place_fork (place_t *self, zygote_client_t *zygote)
{
    int arena_fd = self->arena != NULL ? dp_arena_fd (self->arena) : -1;
    if (zygote_client_fork (zygote, self->number, self->child_fds[0], self->child_fds[1], self->child_fds[2],
                            arena_fd)
        < 0)
        return -1;
    close_child_fds (self);
    self->state = PLACE_ALIVE;
    return 0;
}

/* The child reads no more of "n" loans, from number "from" on. */
static void end_loans (place_t *self, size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++)
        dp_blob_release (&self->loans[i].payload);
    self->n_loans -= n;
    memmove (self->loans + from, self->loans + from + n, (self->n_loans - from) * sizeof *self->loans);
}

/* Those of runs that the child is through with. */
static void end_old_loans (place_t *self)
{
    size_t n = 0;
    while (n < self->n_loans && self->loans[n].end <= self->done_until)
        n++;
    if (n > 0)
        end_loans (self, 0, n);
}

void place_close (place_t *self)
{
    close_child_fds (self);
    close_fd (&self->channel_fd);
    close_fd (&self->stderr_fd);
    if (self->n_loans > 0)
        end_loans (self, 0, self->n_loans);
    dp_free (self->loans);
    if (self->shelf != NULL)
        shelf_map_release (&self->shelf);
    else if (self->shared != NULL)
        munmap (self->shared, sizeof *self->shared);
    dp_buffer_fini (&self->output);
    dp_buffer_fini (&self->row);
    dp_buffer_fini (&self->long_outcome);
    uint32_t number = self->number;
    dp_arena_t *arena = self->arena;
    memset (self, 0, sizeof *self);
    self->number = number;
    self->arena = arena;
    self->channel_fd = self->stderr_fd = -1;
    for (size_t i = 0; i < 3; i++)
        self->child_fds[i] = -1;
}

/* ---- To the child --------------------------------------------------------------------------- */

/* Long payloads go from where they lie into the socket; only what it does not take is copied. */
static size_t send_directly (place_t *self, const struct iovec *parts, size_t n_parts)
{
    struct msghdr message = { .msg_iov = (struct iovec *) (uintptr_t) parts, .msg_iovlen = n_parts };
    ssize_t sent;
    do
        sent = sendmsg (self->channel_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent > 0 ? (size_t) sent : 0;
}

static void keep_loan (place_t *self, uint64_t serial, const crew_task_t *task, dp_blob_t *payload)
{
    if (self->n_loans == self->loans_capacity) {
        self->loans_capacity = 2 * self->loans_capacity + 4;
        self->loans = dp_must_realloc (self->loans, self->loans_capacity * sizeof *self->loans);
    }
    self->loans[self->n_loans++] = (place_loan_t) { serial, serial + task->n_items, payload };
}

/* Have long arguments lie in the arena, if there is room. */
static void lend (place_t *self, uint64_t serial, const crew_task_t *task, frame_t *frame)
{
    if (!self->reads_arena || task->payload.len < DP_BUFFER_LONG)
        return;
    dp_blob_t *payload = NULL;
    if (task->blob != NULL
        && dp_arena_find (self->arena, task->payload.data, task->payload.len, &frame->body_at))
        payload = dp_blob_hold (task->blob);
    else
        payload = dp_arena_copy (self->arena, task->payload.data, task->payload.len);
    if (payload == NULL)
        return;
    dp_arena_find (self->arena, dp_blob_data (payload), dp_blob_len (payload), &frame->body_at);
    frame->is_in_arena = true;
    keep_loan (self, serial, task, payload);
}

void place_hand (place_t *self, uint64_t serial, const crew_task_t *task)
{
    frame_t frame = {
        .kind = FRAME_TASK,
        .name_len = (uint32_t) strlen (task->function),
        .body_len = task->payload.len,
        .serial = serial,
        .seed = task->session_seed,
        .job = task->job,
        .first = task->first,
        .n_items = task->n_items,
        .attempt = task->attempt,
        .max_result = task->max_result,
        .is_loose = task->is_loose,
        .is_timed = task->is_timed,
    };
    self->has_work = true;
    lend (self, serial, task, &frame);
    size_t payload_len = frame.is_in_arena ? 0 : task->payload.len;
    const struct iovec parts[] = {
        { &frame, sizeof frame },
        { (void *) (uintptr_t) task->function, frame.name_len },
        { (void *) (uintptr_t) task->payload.data, payload_len },
    };
    size_t skip = 0;
    if (payload_len >= DIRECT_FROM) {
        place_flush (self);
        if (!place_wants_to_write (self))
            skip = send_directly (self, parts, 3);
    }
    for (size_t i = 0; i < 3; i++) {
        size_t gone = skip < parts[i].iov_len ? skip : parts[i].iov_len;
        if (parts[i].iov_len > gone)
            put (self, (const uint8_t *) parts[i].iov_base + gone, parts[i].iov_len - gone);
        skip -= gone;
    }
}

uint64_t place_take_back (place_t *self, uint64_t number)
{
    frame_t frame = { .kind = FRAME_OPEN };
    uint64_t first = slot_take_back (&self->shared->slot, number, &frame.serial);
    put (self, &frame, sizeof frame);
    size_t n_kept = 0;
    while (n_kept < self->n_loans && self->loans[n_kept].serial < first)
        n_kept++;
    if (n_kept < self->n_loans)
        end_loans (self, n_kept, self->n_loans - n_kept);
    if (n_kept > 0 && self->loans[n_kept - 1].end > first) /* a run that was cut */
        self->loans[n_kept - 1].end = first;
    end_old_loans (self);
    return first;
}

void place_flag (place_t *self, uint64_t serial)
{
    slot_cancel (&self->shared->slot, serial);
}

void place_end (place_t *self)
{
    self->is_ending = true;
    place_flush (self);
}

bool place_wants_to_write (const place_t *self)
{
    return self->output_at < self->output.len;
}

void place_flush (place_t *self)
{
    if (self->channel_fd < 0 || (!place_wants_to_write (self) && !self->is_ending))
        return;
    while (place_wants_to_write (self)) {
        ssize_t sent = send (self->channel_fd, self->output.data + self->output_at,
                             self->output.len - self->output_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            dp_buffer_consume (&self->output, self->output_at);
            self->output_at = 0;
            return;
        }
        if (sent < 0) /* the child is dying: the zygote tells soon */
            self->output_at = self->output.len;
        else
            self->output_at += (size_t) sent;
    }
    self->output_at = 0;
    if (self->output.capacity > OUTPUT_KEEP)
        dp_buffer_fini (&self->output);
    else
        dp_buffer_reset (&self->output);
    /* Not close: results still come by it; and a fork of the program may hold it too. */
    if (self->is_ending)
        shutdown (self->channel_fd, SHUT_WR);
}

/* ---- From the child ------------------------------------------------------------------------- */

/* Take in wake-ups and the head of a long outcome. Returns how many of the bytes it used. */
static size_t take_bytes (place_t *self, const uint8_t *bytes, size_t len)
{
    size_t used = 0;
    while (used < len && self->long_head_len < sizeof self->long_head) {
        uint8_t byte = bytes[used++];
        if (self->long_head_len == 0 && byte != CHANNEL_LONG) {
            self->is_corrupt |= byte != CHANNEL_WAKE;
            continue;
        }
        self->long_head[self->long_head_len++] = byte;
    }
    if (self->long_head_len == sizeof self->long_head && self->long_len == 0) {
        memcpy (&self->long_len, self->long_head + 1, sizeof self->long_len);
        self->is_corrupt |= self->long_len == 0 || self->long_len > LONGEST_OUTCOME;
    }
    return used;
}

/* Read len bytes at most into the outcome, which it gets room for. */
static ssize_t read_outcome (place_t *self)
{
    size_t lacking = (size_t) self->long_len - self->long_outcome.len;
    uint8_t *target = dp_buffer_extend (&self->long_outcome, lacking);
    if (target == NULL)
        dp_no_memory (lacking);
    ssize_t n_read = recv (self->channel_fd, target, lacking, MSG_DONTWAIT);
    self->long_outcome.len -= lacking - (n_read > 0 ? (size_t) n_read : 0);
    self->is_long_whole = self->long_outcome.len == self->long_len;
    return n_read;
}

static ssize_t read_bytes (place_t *self)
{
    /* No more than what a head lacks, so that nothing of the outcome behind it has to be moved. */
    uint8_t bytes[sizeof self->long_head];
    ssize_t n_read = recv (self->channel_fd, bytes, sizeof bytes - self->long_head_len, MSG_DONTWAIT);
    if (n_read > 0)
        take_bytes (self, bytes, (size_t) n_read);
    return n_read;
}

void place_receive (place_t *self)
{
    enum { AT_A_TIME = 16 };
    for (int i = 0; i < AT_A_TIME && !self->is_channel_over && !self->is_long_whole && !self->is_corrupt;
         i++) {
        ssize_t n_read = self->long_len > 0 ? read_outcome (self) : read_bytes (self);
        if (n_read < 0 && errno == EINTR)
            continue;
        self->is_channel_over |= n_read == 0;
        if (n_read <= 0 || (self->long_head_len == 0 && (size_t) n_read < sizeof self->long_head))
            return; /* it has no more, or only just got it: then the kernel tells */
    }
}

static void forget_long (place_t *self)
{
    if (!self->is_long_given)
        return;
    dp_buffer_fini (&self->long_outcome);
    self->long_len = 0;
    self->long_head_len = 0;
    self->is_long_whole = self->is_long_given = false;
}

static void note_progress (place_t *self, const ring_record_t *record)
{
    if (record->kind == RECORD_READY || record->kind == RECORD_UNFIT)
        return;
    self->done_until = record->serial + record->item + 1;
    end_old_loans (self);
}

/* The outcome's bytes come by the channel. 1 when they are there. */
static int fetch_long (place_t *self, place_record_t *record)
{
    place_receive (self);
    if (!self->is_long_whole) {
        ring_unread (&self->ring, &record->head);
        self->is_long_awaited = true;
        return self->is_corrupt ? -1 : 0;
    }
    self->is_long_given = true;
    record->bytes = self->long_outcome.data;
    record->len = self->long_outcome.len;
    return 1;
}

static int fetch_from_shelf (place_t *self, place_record_t *record)
{
    shelf_spot_t spot;
    if (self->shelf != NULL && record->len == sizeof spot) {
        memcpy (&spot, record->bytes, sizeof spot);
        record->blob = shelf_map_blob (self->shelf, &spot);
    }
    self->is_corrupt = record->blob == NULL;
    return self->is_corrupt ? -1 : 1;
}

int place_next (place_t *self, place_record_t *record)
{
    if (self->shared == NULL)
        return 0;
    forget_long (self);
    self->is_long_awaited = false;
    record->blob = NULL;
    int rc = self->is_corrupt ? -1 : ring_next (&self->ring, &record->head, &record->bytes);
    self->is_corrupt = rc < 0;
    if (rc <= 0)
        return rc;
    record->len = record->head.len;
    record->n = 1;
    record->run_us = record->head.run_us;
    if (record->head.kind == RECORD_LONG)
        rc = fetch_long (self, record);
    else if (record->head.kind == RECORD_SHELF)
        rc = fetch_from_shelf (self, record);
    else if (record->head.kind == RECORD_READY)
        self->reads_arena = record->head.run_us != 0;
    if (rc > 0)
        note_progress (self, &record->head);
    return rc;
}

void place_gather (place_t *self, place_record_t *record)
{
    enum { MOST_BYTES = 16 * 1024 };
    dp_buffer_t *row = &self->row;
    const uint8_t *bytes = record->bytes;
    int rc = 0;
    dp_buffer_reset (row);
    do {
        dp_buffer_append (row, bytes, record->head.len);
        if (row->len > MOST_BYTES)
            break;
        rc = ring_next_alike (&self->ring, &record->head, &bytes);
        if (rc > 0) {
            record->n++;
            record->run_us += record->head.run_us;
        }
    } while (rc > 0);
    if (row->is_failed)
        dp_no_memory (row->len);
    self->is_corrupt |= rc < 0;
    record->bytes = row->data;
    record->len = row->len;
    note_progress (self, &record->head);
}

void place_release (place_t *self)
{
    forget_long (self);
    if (self->shared != NULL)
        ring_release (&self->ring);
}

/* ---- stderr --------------------------------------------------------------------------------- */

static void keep_tail (place_t *self, const uint8_t *bytes, size_t len)
{
    if (self->tail_len + len > sizeof self->tail) {
        size_t surplus = self->tail_len - PLACE_TAIL;
        memmove (self->tail, self->tail + surplus, PLACE_TAIL);
        self->tail_len = PLACE_TAIL;
    }
    memcpy (self->tail + self->tail_len, bytes, len);
    self->tail_len += len;
}

bool place_read_stderr (place_t *self)
{
    if (self->stderr_fd < 0 || self->is_stderr_over || self->said_len > 0)
        return false;
    ssize_t n_read;
    do
        n_read = read (self->stderr_fd, self->said, sizeof self->said);
    while (n_read < 0 && errno == EINTR);
    self->is_stderr_over = n_read == 0;
    if (n_read <= 0)
        return false;
    self->said_len = (size_t) n_read;
    keep_tail (self, self->said, self->said_len);
    return true;
}

const char *place_tail (place_t *self)
{
    size_t from = self->tail_len >= PLACE_TAIL ? self->tail_len - PLACE_TAIL + 1 : 0;
    if (self->tail_len == sizeof self->tail) {
        memmove (self->tail, self->tail + from, self->tail_len - from);
        self->tail_len -= from;
        from = 0;
    }
    self->tail[self->tail_len] = '\0';
    char *text = self->tail + from;
    for (char *at = text; at < self->tail + self->tail_len; at++)
        if (*at == '\0')
            *at = '?';
    char *line = from > 0 ? strchr (text, '\n') : NULL;
    return line != NULL && line[1] != '\0' ? line + 1 : text;
}
