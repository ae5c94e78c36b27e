/* SPDX-License-Identifier: MPL-2.0 */
/* crew_run.c - one attempt of a task, and what it has brought so far. */
#include "worker/crew_internal.h"

#include "core/memory.h"

#include <string.h>

/* Whatever ids clients choose, they know neither where a session's keys begin nor how the map spreads them;
   and ids that follow one another have keys that do. */
static uint64_t key_of (const crew_tenant_t *tenant, uint64_t id)
{
    return tenant->first_key + id;
}

crew_run_t *crew_run_find (const crew_t *self, uint64_t session, uint64_t id, uint64_t attempt)
{
    const crew_tenant_t *tenant = crew_tenant_get (self, session);
    if (!tenant)
        return NULL;
    dp_map_node_t *node = dp_map_get (&self->runs, key_of (tenant, id));
    crew_run_t *run = node ? DP_CONTAINER (node, crew_run_t, by_key) : NULL;
    while (run && (run->id != id || run->attempt != attempt || run->tenant != tenant))
        run = run->same_key;
    return run;
}

/* The attempts of one task, and names whose keys happen to be equal: those runs stand in a chain behind the
 * one in the map. */
static void put_in_map (crew_t *self, crew_run_t *run)
{
    uint64_t key = key_of (run->tenant, run->id);
    dp_map_node_t *node = dp_map_get (&self->runs, key);
    if (node) {
        crew_run_t *other = DP_CONTAINER (node, crew_run_t, by_key);
        run->same_key = other->same_key;
        run->by_key.key = key;
        other->same_key = run;
    } else if (dp_map_put (&self->runs, key, &run->by_key) < 0)
        dp_no_memory (sizeof run);
}

static void take_from_map (crew_t *self, crew_run_t *run)
{
    dp_map_node_t *node = dp_map_get (&self->runs, run->by_key.key);
    if (node != &run->by_key) {
        crew_run_t *before = DP_CONTAINER (node, crew_run_t, by_key);
        while (before->same_key != run)
            before = before->same_key;
        before->same_key = run->same_key;
        return;
    }
    dp_map_take (&self->runs, run->by_key.key);
    if (run->same_key && dp_map_put (&self->runs, run->by_key.key, &run->same_key->by_key) < 0)
        dp_no_memory (sizeof run);
}

static dp_blob_t *keep_payload (const wire_bytes_t *payload, dp_blob_t *const *blobs)
{
    if (payload->frame > 0 && blobs && blobs[payload->frame])
        return dp_blob_hold (blobs[payload->frame]);
    dp_blob_t *copy = dp_blob_copy (payload->data, payload->len);
    if (!copy)
        dp_no_memory (payload->len);
    return copy;
}

crew_run_t *crew_run_new (crew_t *self, crew_broker_t *broker, crew_tenant_t *tenant,
                          const wire_group_t *group, const wire_task_t *task, dp_blob_t *const *blobs)
{
    crew_run_t *run = dp_must_alloc (sizeof *run);
    run->broker = broker;
    run->epoch = broker->epoch;
    run->tenant = tenant;
    run->pool = tenant->pool;
    run->id = task->id;
    run->attempt = task->attempt;
    run->job = task->job;
    run->first = task->first;
    run->n_items = task->n_items;
    run->time_limit_ms = group->time_limit_ms;
    run->is_at_most_once = group->is_at_most_once;
    run->is_loose = group->is_loose;
    size_t len = group->function.len < DP_NAME_MAX ? group->function.len : DP_NAME_MAX;
    memcpy (run->function, group->function.data, len);
    run->payload = keep_payload (&task->payload, blobs);
    run->payload_len = task->payload.len;
    run->order = ++self->last_order;
    run->state = RUN_WAITING;
    dp_list_init (&run->in_queue);
    dp_list_init (&run->parts);
    dp_list_append (&broker->runs, &run->in_broker);
    put_in_map (self, run);
    tenant->n_runs++;
    broker->n_unfinished++;
    self->n_unfinished++;
    return run;
}

void crew_run_unqueue (crew_t *self, crew_run_t *run)
{
    if (dp_list_is_empty (&run->in_queue))
        return;
    dp_list_remove (&run->in_queue);
    if (run->state == RUN_WAITING) {
        run->pool->n_waiting--;
        return;
    }
    run->child->n_runs--;
    if (run->child->n_runs == 0)
        self->n_working--;
    run->child = NULL;
}

static void count_as_finished (crew_t *self, crew_run_t *run)
{
    if (run->state == RUN_DONE)
        return;
    run->state = RUN_DONE;
    run->broker->n_unfinished--;
    self->n_unfinished--;
}

void crew_result_free (crew_result_t *result)
{
    dp_list_remove (&result->in_run);
    dp_list_remove (&result->in_broker);
    dp_blob_release (&result->outcomes);
    dp_free (result);
}

/* Results that are sent keep their number on the connection, so an empty record stays until it is
 * acknowledged. */
static void forget_results (crew_run_t *run)
{
    DP_LIST_EACH (&run->parts, node) {
        crew_result_t *result = DP_CONTAINER (node, crew_result_t, in_run);
        if (!result->is_sent) {
            crew_result_free (result);
            continue;
        }
        dp_list_remove (&result->in_run);
        dp_blob_release (&result->outcomes);
        result->run = NULL;
    }
}

void crew_run_free (crew_t *self, crew_run_t *run)
{
    if (run->is_told_of)
        crew_part_with (self, run);
    crew_run_unqueue (self, run);
    count_as_finished (self, run);
    forget_results (run);
    take_from_map (self, run);
    dp_list_remove (&run->in_broker);
    run->tenant->n_runs--;
    dp_blob_release (&run->payload);
    dp_buffer_fini (&run->outcomes);
    dp_blob_release (&run->outcome);
    dp_free (run);
}

void crew_run_wait (crew_t *self, int64_t now_ms, crew_run_t *run)
{
    crew_run_unqueue (self, run);
    run->state = RUN_WAITING;
    run->serial = 0;
    run->started_at_ms = run->told_at_ms = run->part_since_ms = 0;
    run->waiting_since_ms = now_ms;
    /* A new one belongs at the end; one that is taken back is older than all or nearly all that wait. */
    dp_list_t *head = &run->pool->waiting, *before = head;
    if (!dp_list_is_empty (head) && DP_CONTAINER (head->previous, crew_run_t, in_queue)->order > run->order)
        for (before = head->next; DP_CONTAINER (before, crew_run_t, in_queue)->order < run->order;)
            before = before->next;
    dp_list_append (before, &run->in_queue);
    run->pool->n_waiting++;
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

static void check (const crew_run_t *run)
{
    if (run->outcomes.is_failed)
        dp_no_memory (run->outcomes.len);
}

void crew_run_put_not_started (crew_run_t *run, uint64_t n)
{
    for (; n > 0; n--, run->n_finished++)
        outcome_put_not_started (&run->outcomes);
    check (run);
}

void crew_run_put_error (crew_run_t *run, outcome_status_t status, const dpool_error_t *error)
{
    outcome_put_error (&run->outcomes, status, error);
    run->n_finished++;
    check (run);
}

static void free_buffer (void *hint)
{
    dp_free (hint);
}

/* The buffer's memory becomes the blob's: results are not copied. */
static dp_blob_t *take_outcomes (crew_run_t *run)
{
    dp_blob_t *blob = run->outcome;
    run->outcome = NULL;
    if (run->outcomes.len == 0)
        return blob;
    blob = dp_blob_adopt (run->outcomes.data, run->outcomes.len, free_buffer, run->outcomes.data);
    if (!blob)
        dp_no_memory (run->outcomes.len);
    memset (&run->outcomes, 0, sizeof run->outcomes);
    return blob;
}

static crew_result_t *new_result (crew_t *self, crew_run_t *run, outcome_status_t status, bool is_final)
{
    crew_result_t *result = dp_must_alloc (sizeof *result);
    result->run = run;
    result->session = run->tenant->by_id.key;
    result->id = run->id;
    result->attempt = run->attempt;
    result->order = ++self->last_result;
    result->status = status;
    result->is_final = is_final;
    dp_list_init (&result->in_broker);
    dp_list_append (&run->parts, &result->in_run);
    return result;
}

static void post (crew_run_t *run, crew_result_t *result)
{
    if (!run->is_orphan)
        crew_broker_post (run->broker, result);
}

static void make_result (crew_t *self, crew_run_t *run, outcome_status_t status, bool is_final)
{
    crew_result_t *result = new_result (self, run, status, is_final);
    result->first = run->part_first;
    result->n_items = run->n_finished - run->part_first;
    result->run_us = run->part_us;
    result->outcomes = take_outcomes (run);
    run->part_first = run->n_finished;
    run->part_us = 0;
    run->part_since_ms = 0;
    post (run, result);
}

/* A row of what is said of items that will not start. */
static dp_blob_t *row_behind (outcome_status_t status, uint64_t n)
{
    static const dpool_error_t cancelled = { .message = "cancelled before it started" };
    dp_buffer_t row = DP_BUFFER_INIT;
    for (uint64_t i = 0; i < n; i++)
        if (status == OUTCOME_NOT_STARTED)
            outcome_put_not_started (&row);
        else
            outcome_put_error (&row, status, i < CREW_MAX_TOLD_ITEMS ? &cancelled : NULL);
    dp_blob_t *blob = row.is_failed ? NULL : dp_blob_adopt (row.data, row.len, free_buffer, row.data);
    if (!blob)
        dp_no_memory (row.len);
    return blob;
}

void crew_run_cut (crew_t *self, crew_run_t *run, uint64_t n, uint64_t run_us)
{
    uint64_t n_behind = run->n_items - n;
    run->n_items = n;
    if (run->is_unwanted)
        return;
    bool is_for_cancel = run->cancel != CANCEL_NONE && !run->is_revoked;
    outcome_status_t status = is_for_cancel ? OUTCOME_CANCELLED : OUTCOME_NOT_STARTED;
    crew_result_t *result = new_result (self, run, status, false);
    result->first = n;
    result->n_items = n_behind;
    result->run_us = run_us;
    result->outcomes = row_behind (status, n_behind);
    post (run, result);
}

static void count_items (crew_run_t *run, size_t n, uint64_t run_us)
{
    run->n_finished += n;
    run->part_us += run_us;
    run->total_us += run_us;
}

void crew_run_add (crew_t *self, crew_run_t *run, size_t n, const void *outcomes, size_t len, uint64_t run_us)
{
    if (run->outcomes.len > 0 && run->outcomes.len + len > CREW_PART_BYTES)
        crew_run_report (self, run);
    dp_buffer_append (&run->outcomes, outcomes, len);
    check (run);
    count_items (run, n, run_us);
}

void crew_run_add_long (crew_t *self, crew_run_t *run, dp_blob_t *outcome, uint64_t run_us)
{
    crew_run_report (self, run); /* what came before it */
    if (!run->is_unwanted)
        run->outcome = dp_blob_hold (outcome);
    count_items (run, 1, run_us);
    if (run->n_finished < run->n_items)
        crew_run_report (self, run);
}

void crew_run_report (crew_t *self, crew_run_t *run)
{
    if (run->n_finished > run->part_first && !run->is_unwanted)
        make_result (self, run, OUTCOME_VALUE, false);
}

void crew_run_finish (crew_t *self, crew_run_t *run, outcome_status_t status)
{
    if (run->is_unwanted) {
        crew_run_free (self, run);
        return;
    }
    crew_run_unqueue (self, run);
    count_as_finished (self, run);
    dp_blob_release (&run->payload);
    make_result (self, run, status, true);
}

void crew_run_end (crew_t *self, crew_run_t *run, outcome_status_t status, const dpool_error_t *error)
{
    dpool_error_t told = *error;
    told.attempts = (unsigned) run->attempt;
    for (size_t n = 0; run->n_finished < run->n_items; n++) {
        crew_run_put_error (run, status, n < CREW_MAX_TOLD_ITEMS ? &told : NULL);
        told.stderr_tail = "";
    }
    crew_run_finish (self, run, status);
}

void crew_run_release (crew_t *self, crew_run_t *run)
{
    if (run->was_started) { /* what is released did not start: this one was stopped */
        crew_run_finish (self, run, OUTCOME_KILLED);
        return;
    }
    /* One that is not adopted yet stands in the list that its broker has: it may still count on it. */
    if (crew_broker_is_up (run->broker) && !run->is_unwanted)
        crew_broker_say_released (self, run->broker, run->tenant->by_id.key, run->id, run->attempt);
    crew_run_free (self, run);
}
