/* SPDX-License-Identifier: MPL-2.0 */
/* crew_action.c - what the crew wants of its edge, in order, with copies of all that the actions point at. */
#include "worker/crew_internal.h"

#include "core/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void crew_session_copy (crew_session_t *self, const crew_session_t *other)
{
    *self = *other;
    self->initializer = dp_must_strdup (other->initializer);
    uint8_t *args = dp_must_alloc (other->initializer_args_len);
    if (other->initializer_args_len > 0)
        memcpy (args, other->initializer_args, other->initializer_args_len);
    self->initializer_args = args;
}

void crew_session_fini (crew_session_t *self)
{
    dp_free ((void *) (uintptr_t) self->initializer);
    dp_free ((void *) (uintptr_t) self->initializer_args);
    memset (self, 0, sizeof *self);
}

static void free_queued (crew_queued_t **queued_p)
{
    crew_queued_t *queued = *queued_p;
    if (!queued)
        return;
    if (queued->session.initializer)
        crew_session_fini (&queued->session);
    dp_blob_release (&queued->payload);
    dp_free (queued->text);
    dp_free (queued);
    *queued_p = NULL;
}

static crew_queued_t *enqueue (crew_t *self, crew_action_kind_t kind)
{
    crew_queued_t *queued = dp_must_alloc (sizeof *queued);
    queued->action.kind = kind;
    if (self->last_action)
        self->last_action->next = queued;
    else
        self->first_action = queued;
    self->last_action = queued;
    return queued;
}

crew_action_t *crew_want (crew_t *self, crew_action_kind_t kind)
{
    return &enqueue (self, kind)->action;
}

void crew_want_place (crew_t *self, crew_action_kind_t kind, size_t place, uint64_t serial, int signal)
{
    crew_action_t *action = crew_want (self, kind);
    action->place = place;
    action->serial = serial;
    action->signal = signal;
}

void crew_want_start (crew_t *self, size_t place, const crew_session_t *session)
{
    crew_queued_t *queued = enqueue (self, CREW_START);
    queued->action.place = place;
    if (session->session == 0)
        return;
    crew_session_copy (&queued->session, session);
    queued->action.session = &queued->session;
}

void crew_want_hand (crew_t *self, size_t place, const crew_run_t *run)
{
    crew_queued_t *queued = enqueue (self, CREW_HAND);
    queued->payload = dp_blob_hold (run->payload);
    queued->text = dp_must_strdup (run->function);
    crew_action_t *action = &queued->action;
    action->place = place;
    action->serial = run->serial;
    action->task = (crew_task_t) { .function = queued->text,
                                   .session_seed = run->tenant->seed,
                                   .max_result = run->broker->max_payload,
                                   .job = run->job,
                                   .first = run->first,
                                   .n_items = run->n_items,
                                   .attempt = run->attempt,
                                   .is_loose = run->is_loose,
                                   .is_timed = run->time_limit_ms > 0 };
    action->task.payload.data = dp_blob_data (run->payload);
    action->task.payload.len = dp_blob_len (run->payload);
    action->task.blob = run->payload;
}

static void log_line (crew_t *self, bool is_error, const char *format, va_list arguments)
{
    char line[512];
    vsnprintf (line, sizeof line, format, arguments);
    crew_queued_t *queued = enqueue (self, CREW_LOG);
    queued->text = dp_must_strdup (line);
    queued->action.text = queued->text;
    queued->action.is_error = is_error;
}

void crew_log (crew_t *self, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    log_line (self, false, format, arguments);
    va_end (arguments);
}

void crew_log_error (crew_t *self, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    log_line (self, true, format, arguments);
    va_end (arguments);
}

static bool is_for_child (crew_action_kind_t kind)
{
    return kind == CREW_HAND || kind == CREW_TAKE_BACK || kind == CREW_FLAG || kind == CREW_SIGNAL
           || kind == CREW_END;
}

void crew_unwant_place (crew_t *self, size_t place)
{
    crew_queued_t **at = &self->first_action;
    self->last_action = NULL;
    while (*at) {
        crew_queued_t *queued = *at;
        if (is_for_child (queued->action.kind) && queued->action.place == place) {
            *at = queued->next;
            free_queued (&queued);
        } else {
            self->last_action = queued;
            at = &queued->next;
        }
    }
}

bool crew_next_action (crew_t *self, crew_action_t *action)
{
    crew_queued_t *queued = self->first_action;
    if (!queued)
        return false;
    self->first_action = queued->next;
    if (!self->first_action)
        self->last_action = NULL;
    free_queued (&self->fetched[1]);
    self->fetched[1] = self->fetched[0];
    self->fetched[0] = queued;
    *action = queued->action;
    return true;
}

void crew_action_free_all (crew_t *self)
{
    while (self->first_action) {
        crew_queued_t *queued = self->first_action;
        self->first_action = queued->next;
        free_queued (&queued);
    }
    self->last_action = NULL;
    free_queued (&self->fetched[0]);
    free_queued (&self->fetched[1]);
}
