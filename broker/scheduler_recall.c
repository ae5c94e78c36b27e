/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_recall.c - what comes back to its client unstarted: tasks that it wants back, and the items that
   their worker has cut off a run. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

/* It names the run that is not to be, so that whatever was before it counts as it was. */
void scheduler_give_back (scheduler_t *self, task_t *task)
{
    if (!dp_list_is_empty (&task->in_place))
        scheduler_unqueue (self, task);
    uint64_t n_items = scheduler_n_items_of (task);
    dp_buffer_reset (&self->scratch);
    for (uint64_t i = 0; i < n_items; i++)
        if (outcome_put_not_started (&self->scratch) < 0)
            dp_no_memory (2 * (size_t) n_items);
    wire_result_t result = {
        .attempt = scheduler_last_attempt_of (task) + 1,
        .status = OUTCOME_NOT_STARTED,
        .is_final = true,
        .n_items = n_items,
        .payload = { self->scratch.data, self->scratch.len, 0 },
    };
    scheduler_hold (self, task, &result, NULL);
}

/* Its client wants back what has not started of it. A task that waits for the end of the grace may be running
   somewhere: then it does, and comes back as soon as that is known. */
void scheduler_recall (scheduler_t *self, task_t *task)
{
    if (task->state == TASK_FINISHED || task->is_cancelled)
        return;
    task->is_recalled = true;
    if (task->state == TASK_QUEUED && !task->is_graced)
        scheduler_give_back (self, task);
    else if (task->state == TASK_ASSIGNED
             && !scheduler_worker_of (task)->is_listing) { /* else RUNS is answered so */
        wire_run_t run = scheduler_run_of (task);
        scheduler_tell_run (self, scheduler_worker_of (task), WIRE_REVOKE, &run);
    }
}

bool scheduler_is_cut (const wire_result_t *result)
{
    return result->status == OUTCOME_NOT_STARTED && !result->is_final;
}

/* The worker has cut the present run: items from the first of this result on are the client's again, who
   makes new tasks of them. False where that cannot be, or was said before. */
bool scheduler_cut (scheduler_t *self, task_t *task, const wire_result_t *result)
{
    if (result->first == 0 || result->n_items == 0)
        return false;
    uint64_t n_items = scheduler_n_items_of (task);
    if (n_items == 0)
        return scheduler_take_part (self, task,
                                    result); /* adopted by its id: its client knows how long it was */
    if (result->first >= n_items || result->n_items != n_items - result->first)
        return false;
    task_runs_t *runs = scheduler_need_runs (self, task);
    runs->n_items = result->first;
    runs->is_cut = true;
    return true;
}
