/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/worker_internal.h"

#include "core/memory.h"
#include "worker/cgroup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS_A_TURN = 256,
    RECORDS_A_TURN = 8192,
    CHUNKS_A_TURN = 16,  /* of stderr */
    LAST_CHUNKS = 32,    /* of a dead child's: more than a pipe holds */
    RETRY_MS = 10,       /* the zygote's socket was full */
    FORK_FAILED_MS = 500 /* as long is a fork that failed kept from the crew, which would try again at once */
};

/* What epoll gives back: a place's number and which of its descriptors. */
enum { OF_CHANNEL, OF_STDERR, KINDS };
#define OF_ZYGOTE UINT64_MAX

static place_t *place_at (worker_t *self, size_t number)
{
    if (number >= self->n_places) {
        self->places = dp_must_realloc (self->places, (number + 1) * sizeof (place_t *));
        while (self->n_places <= number) {
            self->places[self->n_places] = place_new ((uint32_t) self->n_places, self->arena);
            self->n_places++;
        }
    }
    return self->places[number];
}

/* ---- Watching ------------------------------------------------------------------------------- */

static void watch (worker_t *self, int fd, uint64_t name, uint32_t *watched, uint32_t wanted)
{
    if (*watched == wanted || fd < 0)
        return;
    struct epoll_event event = { .events = wanted, .data.u64 = name };
    int operation = wanted == 0 ? EPOLL_CTL_DEL : *watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl (self->epoll_fd, operation, fd, &event) == 0)
        *watched = wanted;
}

/* A descriptor whose other end is closed reports that for ever, so it is not watched any more. */
static void watch_place (worker_t *self, place_t *place)
{
    uint32_t channel = EPOLLIN | (place_wants_to_write (place) ? EPOLLOUT : 0u);
    bool is_heard = place->said_len == 0 && !place->is_stderr_over;
    uint64_t name = (uint64_t) place->number * KINDS;
    watch (self, place->channel_fd, name + OF_CHANNEL, &place->watched_channel,
           place->is_channel_over || place->is_corrupt ? 0 : channel);
    watch (self, place->stderr_fd, name + OF_STDERR, &place->watched_stderr,
           is_heard ? (uint32_t) EPOLLIN : 0u);
}

/* Taken out by hand, since a fork of the program may keep the descriptors open behind our back. */
static void close_place (worker_t *self, place_t *place)
{
    watch (self, place->channel_fd, 0, &place->watched_channel, 0);
    watch (self, place->stderr_fd, 0, &place->watched_stderr, 0);
    place_close (place);
}

/* ---- stderr --------------------------------------------------------------------------------- */

/* A pipe that is ready to be written takes PIPE_BUF bytes at once. */
static bool can_write_stderr (void)
{
    struct pollfd item = { STDERR_FILENO, POLLOUT, 0 };
    return poll (&item, 1, 0) > 0;
}

static void pass_on (worker_t *self, place_t *place)
{
    if (place->said_len == 0)
        return;
    if (!can_write_stderr ()) {
        self->is_stderr_blocked = true;
        return;
    }
    ssize_t written = write (STDERR_FILENO, place->said, place->said_len);
    if (written < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (written < 0 || (size_t) written == place->said_len)
        place->said_len = 0; /* nobody reads it: then it is lost */
    else {
        place->said_len -= (size_t) written;
        memmove (place->said, place->said + written, place->said_len);
    }
}

/* What was left over in the turns before. */
static void pass_on_all (worker_t *self)
{
    self->is_stderr_blocked = false;
    for (size_t i = 0; i < self->n_places && !self->is_stderr_blocked; i++)
        pass_on (self, self->places[(self->next_to_speak + i) % self->n_places]);
    if (self->n_places > 0)
        self->next_to_speak = (self->next_to_speak + 1) % self->n_places;
}

static void hear_stderr (worker_t *self, place_t *place, int n_chunks)
{
    for (int i = 0; i < n_chunks && place_read_stderr (place); i++)
        pass_on (self, place);
}

/* ---- Records -------------------------------------------------------------------------------- */

static void tell_unfit (worker_t *self, int64_t now_ms, place_t *place, const uint8_t *bytes, size_t len)
{
    dp_reader_t row;
    outcome_status_t status;
    const uint8_t *body;
    size_t body_len;
    dp_buffer_t texts = DP_BUFFER_INIT;
    dpool_error_t error
        = { .message = "the initializer failed", .function = "", .host = "", .stderr_tail = "" };
    dp_reader_init (&row, bytes, len);
    if (outcome_next (&row, &status, &body, &body_len) == 0)
        outcome_read_error (status, body, body_len, &texts, &error);
    error.code = DPOOL_EINITIALIZER;
    crew_child_initializer_failed (self->crew, now_ms, place->number, &error);
    dp_buffer_fini (&texts);
}

static void tell_record (worker_t *self, int64_t now_ms, place_t *place, const place_record_t *record)
{
    const ring_record_t *head = &record->head;
    switch (head->kind) {
    case RECORD_OUTCOME:
    case RECORD_LONG:
        crew_items_finished (self->crew, now_ms, place->number, head->serial, record->n, record->bytes,
                             record->len, record->run_us);
        return;
    case RECORD_SHELF:
        crew_item_finished_long (self->crew, now_ms, place->number, head->serial, record->blob, head->run_us);
        return;
    case RECORD_READY:
        place->pid = (pid_t) head->item;
        crew_child_ready (self->crew, now_ms, place->number, place->pid);
        return;
    case RECORD_UNFIT:
        tell_unfit (self, now_ms, place, record->bytes, record->len);
        return;
    default:
        place->is_corrupt = true;
    }
}

static void hear_ring (worker_t *self, int64_t now_ms, place_t *place)
{
    place_record_t record;
    bool was_corrupt = place->is_corrupt;
    for (size_t n = 0; n < RECORDS_A_TURN && place_next (place, &record) > 0; n += record.n) {
        if (record.head.kind == RECORD_OUTCOME)
            place_gather (place, &record);
        tell_record (self, now_ms, place, &record);
        dp_blob_release (&record.blob);
    }
    place_release (place);
    if (place->is_corrupt && !was_corrupt) {
        worker_log (self, "child %ld has overwritten the memory that it shares with the worker; it is killed",
                    (long) place->pid);
        worker_signal (self, place->number, SIGKILL);
        place->killed_by = 0; /* its own doing, so it is told as a crash */
    }
}

static void tell_slot (worker_t *self, int64_t now_ms, place_t *place)
{
    slot_view_t view;
    if (!place->has_work || !slot_read (&place->shared->slot, false, &view) || view.number == 0)
        return;
    crew_slot_t slot = { view.number, view.started_at_ms, view.done, view.steps };
    crew_slot_seen (self->crew, now_ms, place->number, &slot);
}

/* ---- The zygote's reports ------------------------------------------------------------------- */

static void fail_place (int64_t now_ms, place_t *place, int code)
{
    place->state = PLACE_FAILED;
    place->fork_error = code;
    place->failed_until_ms = now_ms + FORK_FAILED_MS;
}

static void tell_failed (worker_t *self, int64_t now_ms, place_t *place)
{
    char text[128];
    snprintf (text, sizeof text, "no process could be forked: %s", strerror (place->fork_error));
    crew_exit_t exit = { .stderr_tail = text };
    worker_log (self, "%s", text);
    close_place (self, place);
    crew_child_exited (self->crew, now_ms, place->number, &exit);
}

/* Did the kernel end it, since memory ran out? It only counts how often it did so, and each time is one
 * child's. */
static bool was_out_of_memory (worker_t *self, const place_t *place, const zygote_report_t *report)
{
    if (report->signal != SIGKILL || place->killed_by == SIGKILL || place->is_corrupt)
        return false;
    uint64_t before = place->oom_kills > self->oom_kills ? place->oom_kills : self->oom_kills;
    if (cgroup_oom_kills () <= before)
        return false;
    self->oom_kills = before + 1;
    return true;
}

static void tell_exited (worker_t *self, int64_t now_ms, place_t *place, const zygote_report_t *report)
{
    slot_view_t view = { .number = 0 };
    hear_ring (self, now_ms, place);
    hear_stderr (self, place, LAST_CHUNKS);
    for (int i = 0; i < LAST_CHUNKS && place->said_len > 0; i++) {
        /* Ours takes no more now: the rest only goes into the tail. */
        place->said_len = 0;
        place_read_stderr (place);
    }
    slot_read (&place->shared->slot, true, &view);
    crew_exit_t exit = {
        .signal = report->signal,
        .exit_status = report->exit_status,
        .is_out_of_memory = was_out_of_memory (self, place, report),
        .peak_memory_bytes = report->peak_memory_bytes,
        .cpu_time_us = report->cpu_time_us,
        .stderr_tail = place_tail (place),
        .slot = { view.number, view.started_at_ms, view.done, view.steps },
    };
    crew_child_exited (self->crew, now_ms, place->number, &exit);
    close_place (self, place);
}

static void hear_zygote (worker_t *self, int64_t now_ms)
{
    zygote_report_t report;
    int rc;
    while ((rc = zygote_client_report (self->zygote, &report)) > 0) {
        place_t *place = place_at (self, report.place);
        if (place->state != PLACE_ALIVE)
            continue;
        if (report.kind == ZYGOTE_FORKED)
            place->pid = report.pid;
        else if (report.kind == ZYGOTE_EXITED)
            tell_exited (self, now_ms, place, &report);
        else
            fail_place (now_ms, place, report.code);
    }
    if (rc < 0)
        self->failure = "the process that forks the children is gone, and the children with it";
}

/* ---- The turn's parts ----------------------------------------------------------------------- */

void worker_hear_places (worker_t *self, int64_t now_ms)
{
    struct epoll_event events[EVENTS_A_TURN];
    bool has_reports = false;
    for (size_t i = 0; i < self->n_places; i++)
        if (self->places[i]->shared != NULL)
            ring_stay_awake (&self->places[i]->ring);
    if (self->is_stderr_blocked)
        pass_on_all (self);
    int n_events = self->is_epoll_ready ? epoll_wait (self->epoll_fd, events, EVENTS_A_TURN, 0) : 0;
    self->is_epoll_ready = false;
    for (int i = 0; i < n_events; i++) {
        if (events[i].data.u64 == OF_ZYGOTE) {
            has_reports = true;
            continue;
        }
        place_t *place = place_at (self, (size_t) (events[i].data.u64 / KINDS));
        if (events[i].data.u64 % KINDS == OF_STDERR)
            hear_stderr (self, place, CHUNKS_A_TURN);
        else if (events[i].events & ~(uint32_t) EPOLLOUT)
            place_receive (place);
    }
    for (size_t i = 0; i < self->n_places; i++)
        hear_ring (self, now_ms, self->places[i]);
    if (has_reports)
        hear_zygote (self, now_ms);
    for (size_t i = 0; i < self->n_places; i++) {
        if (self->places[i]->state == PLACE_FAILED && now_ms >= self->places[i]->failed_until_ms)
            tell_failed (self, now_ms, self->places[i]);
        tell_slot (self, now_ms, self->places[i]);
    }
}

/* Zygote and its socket are slower than us at times: what they do not take now they get in a later turn. */
static void flush_place (worker_t *self, int64_t now_ms, place_t *place)
{
    if (place->state == PLACE_WANTED && place_fork (place, self->zygote) < 0 && errno != EAGAIN)
        fail_place (now_ms, place, errno);
    if (place->state == PLACE_ALIVE && place->owed_signal != 0) {
        int rc = zygote_client_signal (self->zygote, place->number, place->owed_signal);
        if (rc == 0 || errno != EAGAIN)
            place->owed_signal = 0;
    }
    place_flush (place);
}

void worker_flush_places (worker_t *self, int64_t now_ms)
{
    for (size_t i = 0; i < self->n_places; i++)
        flush_place (self, now_ms, self->places[i]);
}

int64_t worker_watch_places (worker_t *self, int64_t now_ms)
{
    int64_t deadline_ms = DP_NEVER;
    for (size_t i = 0; i < self->n_places; i++) {
        place_t *place = self->places[i];
        int64_t due_ms = DP_NEVER;
        if (place->state == PLACE_EMPTY)
            continue;
        watch_place (self, place);
        if (place->state == PLACE_FAILED)
            due_ms = place->failed_until_ms;
        else if (place->state == PLACE_WANTED || place->owed_signal != 0)
            due_ms = now_ms + RETRY_MS;
        if (!place->is_corrupt && !place->is_long_awaited && place->state == PLACE_ALIVE
            && !ring_sleep (&place->ring, crew_will_look (self->crew, now_ms, place->number)))
            due_ms = now_ms;
        if (due_ms < deadline_ms)
            deadline_ms = due_ms;
    }
    return deadline_ms;
}

void worker_destroy_places (worker_t *self)
{
    for (size_t i = 0; i < self->n_places; i++)
        place_destroy (&self->places[i]);
    dp_free (self->places);
    self->places = NULL;
    self->n_places = 0;
}

/* ---- Actions -------------------------------------------------------------------------------- */

void worker_start_child (worker_t *self, int64_t now_ms, size_t number, const crew_session_t *session)
{
    place_t *place = place_at (self, number);
    if (place->state == PLACE_EMPTY && place_open (place, session) < 0)
        fail_place (now_ms, place, errno);
    flush_place (self, now_ms, place);
}

static bool has_child (const place_t *place)
{
    return place->state == PLACE_WANTED || place->state == PLACE_ALIVE;
}

void worker_hand (worker_t *self, const crew_action_t *action)
{
    place_t *place = place_at (self, action->place);
    if (has_child (place))
        place_hand (place, action->serial, &action->task);
}

void worker_take_back (worker_t *self, int64_t now_ms, const crew_action_t *action)
{
    place_t *place = place_at (self, action->place);
    uint64_t first = has_child (place) ? place_take_back (place, action->serial) : action->serial;
    crew_taken_back (self->crew, now_ms, action->place, first);
}

void worker_flag (worker_t *self, const crew_action_t *action)
{
    place_t *place = place_at (self, action->place);
    if (has_child (place))
        place_flag (place, action->serial);
}

void worker_signal (worker_t *self, size_t number, int signal_number)
{
    place_t *place = place_at (self, number);
    if (!has_child (place))
        return;
    place->killed_by = signal_number;
    if (place->state == PLACE_WANTED || zygote_client_signal (self->zygote, place->number, signal_number) < 0)
        place->owed_signal = signal_number;
}

void worker_end_child (worker_t *self, size_t number)
{
    place_t *place = place_at (self, number);
    if (has_child (place))
        place_end (place);
}
