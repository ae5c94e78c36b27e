/* SPDX-License-Identifier: MPL-2.0 */
#include "client/job.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/utf8.h"
#include "core/wire.h"

#include <stdio.h>
#include <string.h>

enum {
    CHUNK_US = 4000,  /* what a chunk should take … */
    CALLS_US = 500,   /* … and one of calls, of which each may be waited for */
    MAX_CALLS = 1024, /* in a chunk */
    AHEAD_US = 10000, /* work that a process should have under way, … */
    NEAR_MS = 2,      /* … which is enough for a path of up to this; work for as long as a longer one comes
                         on top */
    MIN_AHEAD = 2,    /* tasks under way for each process, at least … */
    MAX_AHEAD = 1024, /* … and at most */
    CHUNK_BYTES = 4 << 20, /* arguments of one chunk, unless a single item is longer */
    MAX_CHUNK = WIRE_MAX_ITEMS,
    MAX_APPETITE = 1 << 16,
    MAX_STRETCH = 1 << 20,              /* items between the oldest that is not taken and the newest */
    MAX_STREAM_CHUNK = MAX_STRETCH / 2, /* a stream must be able to hold the chunk that it waits for */
    HISTORY_BYTES = 4096,               /* told of earlier attempts; the oldest are left out */
    USUAL_PROCESSES = 4,                /* assumed while the number is not known */
    APPETITE_BYTES = 64 << 20
};

static int init_list (job_t *self, dpool_items_t *items)
{
    size_t n = dpool_items_count (items);
    self->capacity = self->next = n;
    self->is_ended = true;
    if (n == 0)
        return 0;
    self->items = dp_alloc (n * sizeof *self->items);
    self->list_blob = dp_items_blob (items);
    return self->items != NULL && self->list_blob != NULL ? 0 : -1;
}

static void init_stream (job_t *self, bool is_calls)
{
    self->is_stream = true;
    if (self->chunk_size > MAX_STREAM_CHUNK)
        self->chunk_size = MAX_STREAM_CHUNK;
    self->is_eager = self->chunk_size <= 1;
    if (is_calls) {
        self->is_calls = self->is_unordered = true;
        self->is_eager = self->is_ended = true; /* nobody waits for more of them */
        self->chunk_size = 0;
    }
}

job_t *job_new (const job_spec_t *spec)
{
    job_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        return NULL;
    dp_list_init (&self->in_session);
    dp_list_init (&self->in_ready);
    dp_list_init (&self->in_changed);
    dp_list_init (&self->tasks);
    dp_list_init (&self->in_use);
    self->owner = spec->owner;
    self->function = dp_strdup (spec->function);
    self->require = dp_strdup (spec->require != NULL ? spec->require : "");
    self->priority = spec->priority;
    self->time_limit_ms = spec->time_limit_ms;
    self->max_retries = spec->max_retries;
    self->is_at_most_once = spec->is_at_most_once;
    self->chunk_size = spec->chunk_size < MAX_CHUNK ? spec->chunk_size : MAX_CHUNK;
    self->is_unordered = spec->is_unordered;
    self->chunk = 1;
    self->max_payload = DP_DEFAULT_MAX_PAYLOAD;
    self->first_finished = self->last_finished = self->lowest_failed = JOB_NONE;
    int rc = self->function != NULL && self->require != NULL ? 0 : -1;
    if (rc == 0 && spec->items != NULL)
        rc = init_list (self, spec->items);
    else if (rc == 0)
        init_stream (self, spec->is_calls);
    if (rc < 0)
        job_destroy (&self);
    else
        self->list = spec->items;
    return self;
}

void job_fini_item (job_item_t *item)
{
    dp_value_fini (&item->value);
    if (item->error != NULL)
        dp_free (item->error);
    item->error = NULL;
}

/* Values that stand side by side lie in one blob for the most part: its holds are counted first. */
static void fini_items (job_t *self)
{
    dp_blob_t *blob = NULL;
    size_t n = 0;
    for (size_t i = self->base; self->items != NULL && i < self->next; i++) {
        job_item_t *item = &self->items[job_place (self, i)];
        if (item->value.blob != blob) {
            dp_blob_drop_many (blob, n);
            blob = item->value.blob;
            n = 0;
        }
        n++;
        item->value.blob = NULL;
        job_fini_item (item);
        if (self->is_stream)
            argument_fini (&self->arguments[job_place (self, i)]);
    }
    dp_blob_drop_many (blob, n);
}

void job_destroy (job_t **self_p)
{
    job_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    fini_items (self);
    dp_list_remove (&self->in_session);
    dp_list_remove (&self->in_ready);
    dp_list_remove (&self->in_changed);
    dp_list_remove (&self->in_use);
    dp_free (self->items);
    dp_free (self->arguments);
    dp_free (self->calls);
    dp_blob_release (&self->list_blob);
    dpool_items_destroy (&self->list);
    dp_free (self->function);
    dp_free (self->require);
    dp_free (self);
}

/* Double a stream's room; items move, since their places depend on it. */
static int grow (job_t *self)
{
    enum { FEWEST = 4 }; /* calls that are all unlike have a job each */
    size_t capacity = self->capacity == 0 ? FEWEST : self->capacity * 2;
    job_item_t *items = dp_alloc (capacity * sizeof *items);
    argument_t *arguments = dp_alloc (capacity * sizeof *arguments);
    job_call_t *calls = self->is_calls ? dp_alloc (capacity * sizeof *calls) : NULL;
    if (items == NULL || arguments == NULL || (self->is_calls && calls == NULL)) {
        dp_free (items);
        dp_free (arguments);
        dp_free (calls);
        return -1;
    }
    for (size_t i = self->base; i < self->next; i++) {
        items[i & (capacity - 1)] = self->items[job_place (self, i)];
        arguments[i & (capacity - 1)] = self->arguments[job_place (self, i)];
        if (self->is_calls)
            calls[i & (capacity - 1)] = self->calls[job_place (self, i)];
    }
    dp_free (self->items);
    dp_free (self->arguments);
    dp_free (self->calls);
    self->items = items;
    self->arguments = arguments;
    self->calls = calls;
    self->capacity = capacity;
    return 0;
}

void job_shrink (job_t *self)
{
    enum { KEPT = 4096 };
    if (self->base < self->next || self->capacity <= KEPT)
        return;
    dp_free (self->items);
    dp_free (self->arguments);
    dp_free (self->calls);
    self->items = NULL;
    self->arguments = NULL;
    self->calls = NULL;
    self->capacity = 0;
}

static int append (job_t *self, const argument_t *arguments)
{
    if (self->next - self->base == self->capacity && grow (self) < 0)
        return -1;
    size_t place = job_place (self, self->next);
    memset (&self->items[place], 0, sizeof self->items[place]);
    argument_init_copy (&self->arguments[place], arguments);
    self->argument_bytes += argument_len (arguments);
    self->next++;
    return 0;
}

int job_append (job_t *self, dp_blob_t *arguments)
{
    argument_t argument;
    argument_init (&argument, arguments);
    int rc = append (self, &argument);
    argument_fini (&argument);
    return rc;
}

int job_append_call (job_t *self, const argument_t *arguments, void *owner)
{
    if (append (self, arguments) < 0)
        return -1;
    *job_call (self, self->next - 1) = (job_call_t) { owner, NULL };
    return 0;
}

bool job_is_finished (const job_t *self)
{
    return self->is_ended && self->n_finished == self->next;
}

/* ---- Chunks --------------------------------------------------------------------------------- */

static size_t at_least_one (size_t n)
{
    return n > 0 ? n : 1;
}

static size_t or_usual (size_t processes)
{
    return processes > 0 ? processes : USUAL_PROCESSES;
}

/* The arguments that wait fill what a stream may hold, and nothing is under way that could end: to wait for
   more items would be for ever. */
static bool is_stuck (const job_t *self)
{
    return self->n_tasks == 0 && self->argument_bytes > APPETITE_BYTES;
}

/* Long arguments are passed on where they lie, if they are the whole payload; several would be copied. */
static bool goes_alone (const job_t *self, size_t len)
{
    return self->chunk_size == 0 && len > WIRE_INLINE_MAX;
}

static size_t argument_len_at (const job_t *self, size_t index)
{
    return argument_len (&self->arguments[job_place (self, index)]);
}

/* How many of a stream's next items fit into a payload. A call that was cancelled has none. */
static size_t fit (const job_t *self, size_t most, size_t max_len)
{
    size_t n = 1, len = argument_len_at (self, self->unsent);
    if (goes_alone (self, len))
        return 1;
    for (; n < most; n++) {
        size_t next = argument_len_at (self, self->unsent + n);
        if (next == 0 || len + next > max_len || goes_alone (self, next))
            break;
        len += next;
    }
    return n;
}

void job_skip_cancelled (job_t *self)
{
    if (self->unsent < self->base)
        self->unsent = self->base;
    while (self->is_calls && self->unsent < self->next
           && self->items[job_place (self, self->unsent)].state == ITEM_FINISHED)
        self->unsent++;
}

size_t job_share (const job_t *self, size_t n, size_t processes)
{
    /* The last items of a job are shared out fairly, so that all processes end together. */
    size_t share = at_least_one (n / (or_usual (processes) * 2));
    return self->chunk < share ? self->chunk : share;
}

size_t job_cut (const job_t *self, size_t processes)
{
    size_t left = self->next - self->unsent;
    if (left == 0)
        return 0;
    size_t most = self->chunk, max_len = self->max_payload;
    if (self->is_single)
        most = 1;
    else if (self->chunk_size > 0) {
        most = self->chunk_size;
        if (left < most && !self->is_ended && !self->is_eager && !is_stuck (self))
            return 0; /* the chunk that was asked for is not full yet */
    } else {
        max_len = max_len < CHUNK_BYTES ? max_len : CHUNK_BYTES;
        most = self->is_ended ? job_share (self, left, processes) : most;
    }
    most = most < left ? most : left;
    return self->is_stream ? fit (self, most, max_len)
                           : dp_items_fit (self->list, self->unsent, most, max_len);
}

/* How many tasks of the job should be under way for each process: those that are there, of which one runs,
   and those that are on their way. */
static size_t ahead (const job_t *self)
{
    double task_us = self->item_us * (double) (self->chunk_size > 0 ? self->chunk_size : self->chunk);
    double path_us = self->path_ms > NEAR_MS ? (double) self->path_ms * 1000 : 0;
    if (self->item_us <= 0)
        return MIN_AHEAD;
    if (task_us * MAX_AHEAD <= AHEAD_US + path_us)
        return MAX_AHEAD;
    size_t n = at_least_one ((size_t) (AHEAD_US / task_us));
    if (path_us > 0)
        n += (size_t) (path_us / task_us) + 1;
    return n < MIN_AHEAD ? MIN_AHEAD : n;
}

bool job_has_room (const job_t *self, size_t processes)
{
    return self->n_tasks < ahead (self) * or_usual (processes);
}

size_t job_appetite (const job_t *self, size_t processes)
{
    size_t chunk = self->chunk_size > 0 ? self->chunk_size : self->chunk;
    size_t most = chunk > MAX_APPETITE / 2 ? 2 * chunk : MAX_APPETITE;
    double wanted = 2.0 * (double) or_usual (processes) * (double) ahead (self) * (double) chunk;
    size_t n = wanted < (double) most ? (size_t) wanted : most;
    size_t untaken = self->next - self->n_forgotten;
    bool is_heavy = untaken > 0 && self->argument_bytes > APPETITE_BYTES;
    bool is_stretched = self->next - self->base > MAX_STRETCH; /* one slow item holds back thousands */
    return untaken >= n || is_heavy || is_stretched ? 0 : n - untaken;
}

void job_learn (job_t *self, size_t n_items, uint64_t run_us)
{
    if (n_items == 0)
        return;
    double item_us = ((double) run_us + 0.01) / (double) n_items;
    self->item_us = self->item_us <= 0 ? item_us : self->item_us * 0.75 + item_us * 0.25;
    if (self->chunk_size > 0)
        return;
    double fitting = (self->is_calls ? CALLS_US : CHUNK_US) / self->item_us;
    size_t most = self->is_calls ? MAX_CALLS : self->is_stream ? MAX_APPETITE / 2 : MAX_CHUNK;
    size_t wanted = fitting >= (double) most ? most : at_least_one ((size_t) fitting);
    /* Double at most: the first items may not be like the rest. */
    self->chunk
        = wanted > self->chunk * 2 ? (self->chunk <= n_items ? self->chunk * 2 : self->chunk) : wanted;
}

size_t job_payload_len (const job_t *self, size_t first, size_t n)
{
    size_t len = 0;
    if (!self->is_stream)
        dp_items_slice (self->list, first, n, &len);
    else
        for (size_t i = first; i < first + n; i++)
            len += argument_len_at (self, i);
    return len;
}

wire_bytes_t job_payload (job_t *self, size_t first, size_t n, dp_buffer_t *scratch, dp_blob_t **blob)
{
    wire_bytes_t payload = { NULL, 0, 0 };
    if (!self->is_stream) {
        payload.data = dp_items_slice (self->list, first, n, &payload.len);
        *blob = self->list_blob;
        return payload;
    }
    *blob = argument_blob (&self->arguments[job_place (self, first)]);
    if (n == 1 && *blob != NULL) {
        payload.data = dp_blob_data (*blob);
        payload.len = dp_blob_len (*blob);
        return payload;
    }
    *blob = NULL;
    dp_buffer_reset (scratch);
    for (size_t i = first; i < first + n; i++) {
        const argument_t *argument = &self->arguments[job_place (self, i)];
        size_t len = argument_len (argument);
        uint8_t *room = dp_buffer_extend (scratch, len);
        if (room != NULL)
            memcpy (room, argument_data (argument), len);
        else /* a task without its arguments must not go out */
            dp_no_memory (len);
    }
    payload.data = scratch->data;
    payload.len = scratch->len;
    return payload;
}

/* ---- Outcomes ------------------------------------------------------------------------------- */

static void finish (job_t *self, size_t index, job_item_t *item)
{
    item->state = ITEM_FINISHED;
    self->n_finished++;
    if (!self->is_stream)
        return;
    /* What it was called with is needed no more. */
    argument_t *argument = &self->arguments[job_place (self, index)];
    self->argument_bytes -= argument_len (argument);
    argument_fini (argument);
    if (self->is_calls)
        job_call (self, index)->task = NULL;
    if (!self->is_unordered)
        return;
    item->next_finished = JOB_NONE;
    if (self->last_finished == JOB_NONE)
        self->first_finished = index;
    else
        job_item (self, self->last_finished)->next_finished = index;
    self->last_finished = index;
}

size_t job_told_index (const job_t *self, size_t index)
{
    return self->is_calls ? 0 : index;
}

bool job_succeed (job_t *self, size_t index, dp_blob_t *blob, const uint8_t *data, size_t len)
{
    job_item_t *item = job_item (self, index);
    if (item == NULL || item->state == ITEM_FINISHED)
        return false;
    if (item->error != NULL)
        dp_free (item->error);
    item->error = NULL;
    dp_value_init_held (&item->value, blob, data, len);
    finish (self, index, item);
    return true;
}

/* What an attempt ended by, as a line behind those of the attempts before it. */
static void tell_history (char text[HISTORY_BYTES], const dpool_error_t *error)
{
    enum { MAX_CAUSE = 300 };
    char line[MAX_CAUSE + 400];
    const char *before = error->history;
    snprintf (line, sizeof line, "attempt %u: %.*s (pid %ld on %s)\n", error->attempts,
              (int) dp_utf8_cut (error->message, strlen (error->message), MAX_CAUSE), error->message,
              (long) error->pid, *error->host ? error->host : "an unknown host");
    size_t len = strlen (line), before_len = strlen (before);
    for (; before_len + len >= HISTORY_BYTES; before_len = strlen (before)) /* the oldest go */
        before = strchr (before, '\n') + 1;
    memcpy (text, before, before_len);
    memcpy (text + before_len, line, len + 1);
}

/* Keep what the last attempt ended by, with the history of the item. */
static void keep_error (job_item_t *item, const dpool_error_t *error)
{
    char history[HISTORY_BYTES] = "";
    dpool_error_t whole = *error;
    if (item->error != NULL)
        tell_history (history, item->error);
    whole.history = history;
    dpool_error_t *copy = dp_error_copy (&whole);
    dp_free (item->error);
    item->error = copy;
}

void job_try_again (job_t *self, size_t index, const dpool_error_t *error)
{
    job_item_t *item = job_item (self, index);
    if (item == NULL || item->state == ITEM_FINISHED)
        return;
    keep_error (item, error);
    item->state = ITEM_WAITING;
}

void job_fail (job_t *self, size_t index, const dpool_error_t *error)
{
    job_item_t *item = job_item (self, index);
    if (item == NULL || item->state == ITEM_FINISHED)
        return;
    dpool_error_t whole = *error;
    whole.function = self->function;
    whole.index = job_told_index (self, index);
    keep_error (item, &whole);
    if (item->error == NULL) { /* at least its code must reach the caller */
        item->error = dp_must_alloc (sizeof *item->error);
        *item->error = (dpool_error_t) { .code = whole.code,
                                         .message = "",
                                         .function = "",
                                         .host = "",
                                         .stderr_tail = "",
                                         .index = whole.index,
                                         .history = "" };
    }
    self->n_failed++;
    if (self->lowest_failed == JOB_NONE || index < self->lowest_failed)
        self->lowest_failed = index;
    finish (self, index, item);
}

void job_fail_as (job_t *self, size_t index, outcome_status_t status, const char *message)
{
    dpool_error_t error
        = { .code = outcome_code (status), .message = message, .host = "", .stderr_tail = "" };
    job_fail (self, index, &error);
}

size_t job_next_finished (job_t *self)
{
    size_t index = self->first_finished;
    if (index == JOB_NONE)
        return JOB_NONE;
    self->first_finished = job_item (self, index)->next_finished;
    if (self->first_finished == JOB_NONE)
        self->last_finished = JOB_NONE;
    return index;
}

void job_forget (job_t *self, size_t index)
{
    job_item_t *item = job_item (self, index);
    if (item == NULL)
        return;
    job_fini_item (item);
    item->is_taken = true;
    self->n_forgotten++;
    while (self->base < self->next && self->items[job_place (self, self->base)].is_taken)
        self->base++;
    if (!self->keeps_room)
        job_shrink (self);
}
