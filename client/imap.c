/* SPDX-License-Identifier: MPL-2.0 */
/* imap.c - results one at a time, the input drawn only as fast as they are taken. */
#include "client/call_options.h"
#include "client/pool.h"
#include "core/error.h"
#include "core/memory.h"
#include "net/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Belongs to one thread at a time; the job and the waiters are guarded by the pool's lock. */
struct dpool_imap_s {
    pool_owner_t owner;
    dpool_t *pool; /* held */
    job_t *job;
    dpool_source_t source;
    dpool_items_t *scratch; /* what the source fills, one item at a time */
    dp_list_t waiters;
    bool is_unordered;
    bool is_exhausted;           /* nothing more comes from the source */
    bool is_source_empty;        /* it said EAGAIN just now */
    dpool_error_t *source_error; /* to be given once all items before it are delivered; owned */
    size_t next_index, index;    /* ordered: the item to give next; the item of the last answer */
    dpool_value_t value;         /* of the last answer */
    dpool_error_t *error;        /* of the last answer; owned */
};

static void on_changed (pool_owner_t *owner, job_t *job)
{
    (void) job;
    dpool_imap_t *self = DP_CONTAINER (owner, dpool_imap_t, owner);
    waiter_wake_all (&self->waiters);
    if (self->pool->is_joining)
        waiter_wake_all (&self->pool->waiters);
}

/* ---- Drawing -------------------------------------------------------------------------------- */

static void release_source (dpool_source_t *source)
{
    if (source->release != NULL)
        source->release (source->state);
    source->release = NULL;
}

/* The source is at its end, or has failed: nothing more is drawn. */
static void end_source (dpool_imap_t *self)
{
    self->is_exhausted = true;
    pool_lock (self->pool);
    self->job->is_ended = self->job->is_eager = true;
    session_more (self->pool->session, self->job);
    pool_unlock (self->pool);
    release_source (&self->source);
}

static void fail_source (dpool_imap_t *self, int code, const char *message)
{
    dp_fail (code, "%s", message);
    dpool_error_t error = *dpool_last_error ();
    error.function = self->job->function;
    error.index = self->job->next;
    self->source_error = dp_error_copy (&error);
    end_source (self);
}

/* next gave -1. Where a call of the library failed in it, that one's story is told. */
static void fail_source_by (dpool_imap_t *self, int code, const dpool_error_t *story)
{
    char message[128] = "the source failed and left errno 0";
    if (code != 0)
        snprintf (message, sizeof message, "the source failed: %s", dpool_strerror (code));
    fail_source (self, code != 0 ? code : DPOOL_ESOURCE,
                 story != NULL && story->code == code ? story->message : message);
}

static void fail_source_by_count (dpool_imap_t *self, size_t n, const dpool_error_t *story)
{
    char message[512] = "the source added more than one item at a time";
    if (n == 0 && story != NULL)
        snprintf (message, sizeof message, "the source said 1, but could not add the item: %s",
                  story->message);
    else if (n == 0)
        snprintf (message, sizeof message, "the source said 1, but added no item");
    fail_source (self, DPOOL_ESOURCE, message);
}

/* Let what was drawn go, though its chunk is not full: nothing more may come for a while. */
static void flush_chunk (dpool_imap_t *self)
{
    pool_lock (self->pool);
    self->job->is_eager = true;
    session_more (self->pool->session, self->job);
    pool_unlock (self->pool);
}

/* Give the one item in scratch to the session. */
static int append_item (dpool_imap_t *self)
{
    size_t len;
    const uint8_t *data = dp_items_slice (self->scratch, 0, 1, &len);
    dp_blob_t *blob = dp_blob_copy (data, len);
    int rc = blob != NULL ? 0 : -1;
    pool_lock (self->pool);
    uint64_t most = session_max_payload (self->pool->session);
    if (rc == 0 && len > most)
        rc = dp_fail (DPOOL_ETOOLARGE,
                      "the item takes %zu bytes, and the limit is %llu: pass a path or a key instead", len,
                      (unsigned long long) most);
    else if (rc == 0)
        rc = job_append (self->job, blob);
    self->job->is_eager = self->job->chunk_size <= 1 || self->pool->is_joining;
    if (rc == 0)
        session_more (self->pool->session, self->job);
    pool_unlock (self->pool);
    dp_blob_release (&blob);
    return rc;
}

/* Draw one item. True when another may be drawn. */
static bool draw_one (dpool_imap_t *self)
{
    dp_items_reset (self->scratch);
    unsigned n_failures = dp_fail_count ();
    errno = 0;
    int rc = self->source.next (self->source.state, self->scratch);
    int code = errno;
    const dpool_error_t *story = dp_fail_count () != n_failures ? dpool_last_error () : NULL;
    size_t n = dpool_items_count (self->scratch);
    if (rc == 0) {
        end_source (self);
        return false;
    }
    if (rc == -1 && code == EAGAIN) {
        self->is_source_empty = true;
        flush_chunk (self);
        return false;
    }
    if (rc == -1) {
        fail_source_by (self, code, story);
        return false;
    }
    if (rc != 1) {
        fail_source (self, DPOOL_ESOURCE, "the source's next must give 1, 0 or -1, and gave something else");
        return false;
    }
    if (n != 1) {
        fail_source_by_count (self, n, story);
        return false;
    }
    if (append_item (self) < 0) {
        fail_source (self, errno != 0 ? errno : ENOMEM, dpool_last_error ()->message);
        return false;
    }
    return true;
}

/* Is there something to give at once? Under the lock. */
static bool has_finished (const dpool_imap_t *self)
{
    if (self->is_unordered)
        return self->job->first_finished != JOB_NONE;
    const job_item_t *item = job_item (self->job, self->next_index);
    return item != NULL && item->state == ITEM_FINISHED;
}

/* How many items to draw now: whole bursts, so that chunks can form, and none from a stopped pool. */
static size_t room_to_draw (dpool_imap_t *self, bool *has_result)
{
    pool_lock (self->pool);
    size_t room = job_appetite (self->job, session_processes (self->pool->session));
    size_t untaken = self->job->next - self->job->n_forgotten;
    *has_result = has_finished (self);
    if (self->pool->is_joined || self->pool->failure != 0 || (*has_result && room < untaken / 3))
        room = 0;
    pool_unlock (self->pool);
    return room;
}

/* Draw until enough is under way; but a slow source must not hold back results (or dpool_imap itself). */
static void draw (dpool_imap_t *self, bool is_first)
{
    enum { PATIENCE_US = 2000 };
    int64_t impatient_at_us = dp_clock_us () + PATIENCE_US;
    bool has_result;
    self->is_source_empty = false;
    while (!self->is_exhausted) {
        size_t room = room_to_draw (self, &has_result);
        if (room == 0 || (dp_clock_us () >= impatient_at_us && (has_result || is_first)))
            return;
        for (; room > 0; room--) {
            if (!draw_one (self))
                return;
            if (dp_clock_us () >= impatient_at_us)
                break;
        }
    }
}

/* ---- Birth and death ------------------------------------------------------------------------ */

static dpool_imap_t *new_imap (dpool_t *pool, const char *function, const dpool_call_options_t *options,
                               bool is_unordered)
{
    dpool_call_options_t taken;
    job_spec_t spec;
    if (call_options_take (&taken, options, function, &spec) < 0)
        return NULL;
    if (taken.callback != NULL || taken.error_callback != NULL) {
        dp_fail (EINVAL, "an imap takes no callbacks: its results are taken one by one");
        return NULL;
    }
    dpool_imap_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        return NULL;
    spec.owner = &self->owner;
    spec.is_unordered = self->is_unordered = is_unordered;
    self->owner.changed = on_changed;
    dp_list_init (&self->waiters);
    self->scratch = dpool_items_new ();
    self->job = job_new (&spec);
    if (self->scratch == NULL || self->job == NULL) {
        dpool_items_destroy (&self->scratch);
        job_destroy (&self->job);
        dp_free (self);
        dp_fail (ENOMEM, "out of memory");
        return NULL;
    }
    self->pool = pool_hold (pool);
    return self;
}

static dpool_imap_t *imap (dpool_t *pool, const char *function, dpool_source_t source,
                           const dpool_call_options_t *options, bool is_unordered)
{
    dpool_imap_t *self = NULL;
    if (pool == NULL)
        dp_fail (EINVAL, "the pool is NULL: did dpool_open fail?");
    else if (source.next == NULL)
        dp_fail (EINVAL, "the source has no next function");
    else
        self = new_imap (pool, function, options, is_unordered);
    if (self == NULL) {
        release_source (&source);
        return NULL;
    }
    self->source = source;
    pool_lock (pool);
    int rc = pool_check_open (pool);
    if (rc == 0)
        session_add (pool->session, self->job);
    pool_unlock (pool);
    if (rc < 0) {
        release_source (&source);
        job_destroy (&self->job);
        dpool_items_destroy (&self->scratch);
        pool_release (pool);
        dp_free (self);
        dp_fail_again ();
        return NULL;
    }
    draw (self, true);
    return self;
}

dpool_imap_t *dpool_imap (dpool_t *self, const char *function, dpool_source_t source,
                          const dpool_call_options_t *options)
{
    return imap (self, function, source, options, false);
}

dpool_imap_t *dpool_imap_unordered (dpool_t *self, const char *function, dpool_source_t source,
                                    const dpool_call_options_t *options)
{
    return imap (self, function, source, options, true);
}

static void drop_answer (dpool_imap_t *self)
{
    dp_value_fini (&self->value);
    dp_free (self->error);
    self->error = NULL;
}

void dpool_imap_destroy (dpool_imap_t **self_p)
{
    if (self_p == NULL || *self_p == NULL)
        return;
    dpool_imap_t *self = *self_p;
    *self_p = NULL;
    if (pool_is_foreign (self->pool))
        return;
    pool_lock (self->pool);
    session_release (self->pool->session, dp_clock_ms (), self->job);
    pool_unlock (self->pool);
    release_source (&self->source);
    drop_answer (self);
    dp_free (self->source_error);
    dpool_items_destroy (&self->scratch);
    pool_release (self->pool);
    dp_free (self);
}

/* ---- Taking --------------------------------------------------------------------------------- */

/* Take a finished item over into the answer. Under the lock. False = none is there. */
static bool take_finished (dpool_imap_t *self)
{
    size_t index = self->is_unordered ? job_next_finished (self->job) : self->next_index;
    job_item_t *item = job_item (self->job, index);
    if (item == NULL || item->state != ITEM_FINISHED)
        return false;
    self->index = index;
    self->next_index++;
    self->value = item->value;
    self->error = item->error;
    memset (&item->value, 0, sizeof item->value);
    item->error = NULL;
    job_forget (self->job, index);
    return true;
}

/* What to say when nothing is left under way. 0 = the end, -1 with the thread's last error; 1 = wait on. */
static int at_rest (dpool_imap_t *self)
{
    if (self->job->n_finished < self->job->next)
        return 1;
    self->index = self->job->next;
    if (self->source_error != NULL) {
        self->error = self->source_error; /* once; from now on it is the end */
        self->source_error = NULL;
        return dp_fail_with (self->error);
    }
    if (self->is_exhausted)
        return 0;
    if (self->pool->failure != 0)
        return dp_fail (self->pool->failure, "%s", self->pool->failure_text);
    if (self->pool->is_joined)
        return dp_fail (DPOOL_ECLOSED, "the pool stopped drawing before the source was at its end");
    if (self->is_source_empty)
        return dp_fail (EAGAIN, "the source has nothing now, and nothing is unfinished");
    return 1;
}

/* A chunk that is not full must not wait for more items while we wait for its own. Under the lock. */
static void flush_wanted (dpool_imap_t *self)
{
    job_t *job = self->job;
    bool is_wanted = self->is_unordered ? job->n_tasks == 0 : self->next_index >= job->unsent;
    if (!is_wanted || job->unsent == job->next || job->is_eager)
        return;
    job->is_eager = true;
    session_more (self->pool->session, job);
    pool_wake_io (self->pool);
}

/* Under the lock: 1 taken, 0 the end, -1 with the thread's last error. */
static int take (dpool_imap_t *self, int64_t deadline_ms)
{
    pool_deliver (self->pool);
    while (!take_finished (self)) {
        int rc = at_rest (self);
        if (rc <= 0)
            return rc;
        flush_wanted (self);
        if (waiter_wait (&self->waiters, &self->pool->lock, deadline_ms) == 0)
            continue;
        int code = errno;
        if (code == ETIMEDOUT && take_finished (self))
            return 1;
        return dp_fail (code, "%s",
                        code == ETIMEDOUT ? "no result yet"
                        : code == EINTR   ? "interrupted by a signal"
                                          : "cannot wait");
    }
    return 1;
}

int dpool_imap_next (dpool_imap_t *self, const dpool_value_t **value, int timeout_ms)
{
    if (value != NULL)
        *value = NULL;
    if (self == NULL)
        return dp_fail (EINVAL, "the iterator is NULL: did dpool_imap fail?");
    drop_answer (self);
    draw (self, false);
    int64_t deadline_ms = waiter_deadline (timeout_ms);
    pool_lock (self->pool);
    int rc = take (self, deadline_ms);
    pool_unlock (self->pool);
    if (rc < 0)
        return dp_fail_again ();
    if (rc == 0)
        return 0;
    if (self->error != NULL)
        return dp_fail_with (self->error);
    if (value != NULL)
        *value = &self->value;
    return 1;
}

size_t dpool_imap_index (const dpool_imap_t *self)
{
    return self != NULL ? self->index : 0;
}

const dpool_error_t *dpool_imap_error (const dpool_imap_t *self)
{
    return self != NULL ? self->error : NULL;
}

/* ---- A source over a list ------------------------------------------------------------------- */

typedef struct list_source_s {
    dpool_items_t *items;
    size_t next;
} list_source_t;

static int next_of_list (void *state, dpool_items_t *item)
{
    list_source_t *self = state;
    if (self->items == NULL || self->next == dpool_items_count (self->items))
        return 0;
    size_t len;
    const uint8_t *data = dp_items_slice (self->items, self->next++, 1, &len);
    return dp_items_add_packed (item, data, len) == 0 ? 1 : -1;
}

/* A list that cannot be taken: its reason comes as the source's error. */
static int next_of_failed_list (void *state, dpool_items_t *item)
{
    (void) item;
    dpool_error_t *error = state;
    if (error == NULL)
        errno = ENOMEM;
    else
        dp_fail_with (error);
    return -1;
}

static void release_list (void *state)
{
    list_source_t *self = state;
    dpool_items_destroy (&self->items);
    dp_free (self);
}

dpool_source_t dpool_source_from_items (dpool_items_t *items)
{
    list_source_t *self = dp_alloc (sizeof *self);
    if (self != NULL && dp_items_freeze (items) == 0) {
        self->items = items;
        return (dpool_source_t) { next_of_list, self, release_list };
    }
    dp_free (self);
    return (dpool_source_t) { next_of_failed_list, dp_error_copy (dpool_last_error ()), dp_free };
}
