/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/child.h"

#include "core/memory.h"
#include "core/reader.h"
#include "worker/call.h"
#include "worker/descriptors.h"
#include "worker/frame.h"
#include "worker/limits.h"
#include "worker/offers.h"
#include "worker/stopwatch.h"
#include "worker/view.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 65536, LOOK_EVERY_MS = 200, INPUT_KEEP = 1024 * 1024, OOM_SHARE = 100 };

typedef struct child_s {
    pid_t pid;
    const volatile uint8_t *is_original; /* of memory that a fork of the child finds zero; or NULL */
    int channel;
    shared_t *shared;
    ring_t ring;
    shelf_t shelf;
    stopwatch_t stopwatch;
    view_t arena;
    dp_buffer_t input;      /* read from the channel */
    size_t at;              /* of it was used */
    dp_buffer_t outcome;    /* of the item that ran last */
    dp_buffer_t name;       /* of the function, NUL-ended */
    dpool_function_t *body; /* of that name */
    dpool_call_t call;
    char host[HOST_NAME_MAX + 1];
} child_t;

/* To ask whether there is anything costs less than to flush nothing. */
static void flush_output (void)
{
    if (__fpending (stdout) > 0)
        fflush (stdout);
    if (__fpending (stderr) > 0)
        fflush (stderr);
}

static _Noreturn void leave (int status)
{
    flush_output ();
    _exit (status);
}

/* ---- Out ------------------------------------------------------------------------------------ */

/* A full socket is full of such bytes or of longer things, so the loop sees something in any case. */
static void wake_loop (child_t *self)
{
    uint8_t byte = CHANNEL_WAKE;
    while (send (self->channel, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

static void leave_when_alone (child_t *self)
{
    struct pollfd item = { self->channel, 0, 0 };
    if (poll (&item, 1, 0) > 0 && (item.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
        leave (0);
}

static void put_record (child_t *self, const ring_record_t *record, const void *bytes, bool is_urgent)
{
    bool must_wake;
    while (!ring_put (&self->ring, record, bytes, is_urgent, &must_wake)) {
        if (ring_must_wake (&self->ring))
            wake_loop (self);
        ring_wait_for_room (&self->ring, record->len, LOOK_EVERY_MS);
        leave_when_alone (self);
    }
    if (must_wake)
        wake_loop (self);
}

static void send_all (child_t *self, const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t sent = send (self->channel, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            leave (0);
        at += sent;
        len -= (size_t) sent;
    }
}

/* Hand over what is in self->outcome. */
static void put_outcome (child_t *self, ring_record_t record, bool is_last)
{
    uint64_t len = self->outcome.len;
    shelf_spot_t spot;
    if (shelf_hand_over (&self->shelf, &self->outcome, &spot)) {
        record.kind = RECORD_SHELF;
        record.len = sizeof spot;
        put_record (self, &record, &spot, true);
    } else if (len <= RING_LONGEST) {
        record.len = (uint32_t) len;
        put_record (self, &record, self->outcome.data, is_last);
    } else {
        const uint8_t tag = CHANNEL_LONG;
        record.kind = RECORD_LONG;
        record.len = 0;
        put_record (self, &record, NULL, true);
        send_all (self, &tag, 1);
        send_all (self, &len, sizeof len);
        send_all (self, self->outcome.data, self->outcome.len);
        dp_buffer_fini (&self->outcome);
    }
}

/* ---- In ------------------------------------------------------------------------------------- */

/* Have at least len unused bytes in the input. */
static void need (child_t *self, size_t len)
{
    while (self->input.len - self->at < len) {
        if (self->at == self->input.len && self->input.capacity > INPUT_KEEP) {
            dp_buffer_fini (&self->input);
            self->at = 0;
        }
        dp_buffer_consume (&self->input, self->at);
        self->at = 0;
        size_t lacking = len - self->input.len;
        size_t room = lacking > READ_BYTES ? lacking : READ_BYTES;
        uint8_t *target = dp_buffer_extend (&self->input, room);
        if (target == NULL)
            dp_no_memory (room);
        ssize_t n_read = recv (self->channel, target, room, 0);
        self->input.len -= room - (n_read > 0 ? (size_t) n_read : 0);
        if (n_read == 0 || (n_read < 0 && errno != EINTR))
            leave (0);
    }
}

/* Wait for the next frame, which then lies in the input whole, until the next call. */
static const uint8_t *next_frame (child_t *self, frame_t *frame)
{
    need (self, sizeof *frame);
    memcpy (frame, self->input.data + self->at, sizeof *frame);
    size_t len = sizeof *frame + frame->name_len + (frame->is_in_arena ? 0 : (size_t) frame->body_len);
    need (self, len);
    const uint8_t *name = self->input.data + self->at + sizeof *frame;
    self->at += len;
    return name;
}

/* Functions are looked up once for a row of tasks that name the same one. */
static void look_up (child_t *self, int kind, const uint8_t *name, uint32_t name_len)
{
    dp_buffer_t *known = &self->name;
    if (kind == DPOOL_KIND_FUNCTION && self->body != NULL && known->len == name_len + 1u
        && memcmp (known->data, name, name_len) == 0)
        return;
    dp_buffer_reset (known);
    if (dp_buffer_append (known, name, name_len) < 0 || dp_buffer_append (known, "", 1) < 0)
        dp_no_memory (name_len);
    self->body = offers_find (kind, (const char *) known->data);
    self->call.function = (const char *) known->data;
}

/* ---- Running -------------------------------------------------------------------------------- */

/* Has the function forked, and is this the copy? Asking the kernel for the pid would take longer than many a
   function. */
static bool is_copy (const child_t *self)
{
    return self->is_original != NULL ? *self->is_original == 0 : getpid () != self->pid;
}

static void run_item (child_t *self, dp_reader_t *values)
{
    dpool_call_t *call = &self->call;
    dp_buffer_reset (&self->outcome);
    call->arguments = dp_reader_skip (values, &call->arguments_len);
    if (self->body == NULL)
        call_refuse (call, OUTCOME_NO_FUNCTION, &self->outcome,
                     "this worker has no function '%s': it was offered by another of the same name, perhaps",
                     call->function);
    else if (call->arguments == NULL)
        call_refuse (call, OUTCOME_BAD_VALUE, &self->outcome, "the arguments of '%s' are malformed",
                     call->function);
    else
        call_run (call, self->body, OUTCOME_FAILED, &self->outcome);
    if (is_copy (self))
        _exit (0); /* the other one goes on */
}

static const uint8_t *body_of (child_t *self, const frame_t *frame, const uint8_t *name)
{
    if (!frame->is_in_arena)
        return name + frame->name_len;
    const uint8_t *body = view_read (&self->arena, frame->body_at, (size_t) frame->body_len);
    if (body == NULL)
        dp_no_memory ((size_t) frame->body_len);
    return body;
}

static void run_task (child_t *self, const frame_t *frame, const uint8_t *name)
{
    slot_t *slot = &self->shared->slot;
    dpool_call_t *call = &self->call;
    look_up (self, DPOOL_KIND_FUNCTION, name, frame->name_len);
    call->serial = frame->serial;
    call->seed = frame->seed;
    call->job = frame->job;
    call->attempt = frame->attempt;
    call->max_result = frame->max_result;
    dp_reader_t values;
    dp_reader_init (&values, body_of (self, frame, name), (size_t) frame->body_len);
    stopwatch_start (&self->stopwatch);
    int64_t started_at_us = self->stopwatch.at_us;
    for (uint64_t i = 0; i < frame->n_items; i++) {
        if (!slot_claim (slot, frame->serial + i)) {
            flush_output ();
            if (ring_must_wake (&self->ring)) /* the item before it was the last */
                wake_loop (self);
            return;
        }
        call->item = frame->first + i;
        limits_renew ();
        slot_begin (slot, frame->serial + i, started_at_us / 1000);
        run_item (self, &values);
        bool is_last = i + 1 == frame->n_items;
        if (frame->is_loose || is_last)
            flush_output ();
        int64_t now_us = stopwatch_lap (&self->stopwatch, is_last || frame->is_timed);
        ring_record_t record = { .kind = RECORD_OUTCOME,
                                 .serial = frame->serial,
                                 .item = i,
                                 .run_us = (uint64_t) (now_us - started_at_us) };
        put_outcome (self, record, is_last);
        started_at_us = now_us;
    }
}

/* Run the session's initializer; leave when it fails, since a process without it may run nothing. */
static void initialize (child_t *self)
{
    frame_t frame;
    bool has_succeeded = true;
    const uint8_t *name = next_frame (self, &frame);
    if (frame.name_len > 0) {
        static const uint8_t nil = 0xc0;
        dpool_call_t *call = &self->call;
        look_up (self, DPOOL_KIND_INITIALIZER, name, frame.name_len);
        call->seed = frame.seed;
        call->attempt = 1;
        call->arguments = frame.body_len > 0 ? name + frame.name_len : &nil;
        call->arguments_len = frame.body_len > 0 ? (size_t) frame.body_len : 1;
        if (self->body != NULL)
            has_succeeded = call_run (call, self->body, OUTCOME_INITIALIZER, &self->outcome);
        else {
            call_refuse (call, OUTCOME_INITIALIZER, &self->outcome,
                         "this worker has no initializer '%s': define it with DPOOL_INITIALIZER where the "
                         "functions are",
                         call->function);
            has_succeeded = false;
        }
    }
    flush_output ();
    self->body = NULL;
    ring_record_t record
        = { .kind = RECORD_READY, .item = (uint64_t) self->pid, .run_us = self->arena.data != NULL };
    if (!has_succeeded) {
        /* The text alone could make it too long for the ring only beyond what call.c lets through. */
        record.kind = RECORD_UNFIT;
        record.len = (uint32_t) self->outcome.len;
    }
    put_record (self, &record, self->outcome.data, true);
    if (!has_succeeded)
        leave (1);
}

/* ---- Beginning ------------------------------------------------------------------------------ */

/* Under memory pressure a child should go before the process that looks after all children. */
static void volunteer_for_oom (void)
{
    char text[16] = "";
    int fd = open ("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read (fd, text, sizeof text - 1) > 0) {
        long score = strtol (text, NULL, 10) + OOM_SHARE;
        int len = snprintf (text, sizeof text, "%ld", score > 1000 ? 1000 : score);
        if (write (fd, text, (size_t) len) < 0)
            errno = 0; /* then not */
    }
    close (fd);
}

/* A function that calls exit ends its own process, and must not run what the program wanted done at its end.
 */
static void leave_on_exit (int status, void *unused)
{
    (void) unused;
    leave (status);
}

static const volatile uint8_t *mark_as_original (void)
{
    uint8_t *page = mmap (NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || madvise (page, 1, MADV_WIPEONFORK) < 0)
        return NULL;
    *page = 1;
    return page;
}

static void take_signals_back (void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal (number, SIG_DFL);
    sigemptyset (&none);
    sigprocmask (SIG_SETMASK, &none, NULL);
}

/* ---- Shared memory -------------------------------------------------------------------------- */

static child_t the_child;

/* A function forks: the copy may go on with what it reads, and may not write where this one does. */
static void before_fork (void)
{
    view_own (&the_child.arena);
}

static void after_fork_there (void)
{
    the_child.shelf.is_closed = true;
}

static void map_memory (child_t *self, int memory_fd, int arena_fd)
{
    self->shared = mmap (NULL, sizeof *self->shared, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
    if (self->shared == MAP_FAILED)
        _exit (1);
    /* Whatever is not to be had is done without. */
    size_t len = self->shared->shelf.len > 0 ? SHELF_AT + (size_t) self->shared->shelf.len : 0;
    void *memory = MAP_FAILED;
    if (len > 0)
        memory = mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
    if (memory != MAP_FAILED
        && shelf_init (&self->shelf, &self->shared->shelf, memory, SHELF_AT, memory_fd) == 0)
        self->call.result.source = self->outcome.source = &self->shelf.source;
    view_init (&self->arena, arena_fd);
    pthread_atfork (before_fork, NULL, after_fork_there);
}

_Noreturn void child_run (pid_t zygote, int channel_fd, int memory_fd, int stderr_fd, int arena_fd)
{
    child_t *self = &the_child;
    setpgid (0, 0);
    prctl (PR_SET_NAME, "dpool-child");
    take_signals_back ();
    /* The zygote has one thread, so its end and no other is what this signal tells. */
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (getppid () != zygote)
        _exit (0);
    dup2 (stderr_fd, STDERR_FILENO);
    int fds[] = { descriptors_move_up (channel_fd), descriptors_move_up (memory_fd),
                  arena_fd >= 0 ? descriptors_move_up (arena_fd) : -1 };
    descriptors_close (fds, sizeof fds / sizeof fds[0]);
    self->channel = fds[0];
    map_memory (self, fds[1], fds[2]);
    volunteer_for_oom ();
    if (limits_enter () < 0) {
        perror ("dpool: a child cannot be limited as it should be");
        _exit (1);
    }

    on_exit (leave_on_exit, NULL);

    self->pid = getpid ();
    self->is_original = mark_as_original ();
    gethostname (self->host, sizeof self->host - 1);
    ring_init (&self->ring, &self->shared->ring);
    self->call.host = self->host;
    self->call.slot = &self->shared->slot;
    initialize (self);
    for (;;) {
        frame_t frame;
        const uint8_t *name = next_frame (self, &frame);
        if (frame.kind == FRAME_TASK)
            run_task (self, &frame, name);
        else if (frame.kind == FRAME_OPEN)
            slot_open_gate (&self->shared->slot, frame.serial);
    }
}
