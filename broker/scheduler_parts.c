/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_parts.c - results of runs that go on: which of them are taken. An honest worker says each item's
 * outcome once, and once more after its connection broke; one that lies could say them for ever, and all that
 * it says is held for a client, and counts for that one's key. What is superfluous is dropped, as late
 * results are: nobody is punished for a duplicate.
 */
#include "broker/scheduler_internal.h"

/* More often no task's items are said: each of its attempts, of which there are SCHEDULER_MAX_LOSSES + 1,
   says them once, and what one has begun may be said by the next one in other parts. */
#define MOST_TIMES 16

/* An attempt says its items in their order, so what is told is a row. One that begins elsewhere, as that of a
   run of which an earlier broker was told the beginning, is not joined to it. */
static void note_told (task_runs_t *runs, uint64_t first, uint64_t end)
{
    bool is_none = runs->told_first == runs->told_end;
    if (!is_none && (first > runs->told_end || end < runs->told_first))
        return;
    if (is_none || first < runs->told_first)
        runs->told_first = first;
    if (is_none || end > runs->told_end)
        runs->told_end = end;
}

/* Its values are held or were sent. */
static bool is_told (const task_runs_t *runs, const wire_result_t *result)
{
    return result->status == OUTCOME_VALUE && result->first >= runs->told_first
           && result->first + result->n_items <= runs->told_end;
}

bool scheduler_take_part (scheduler_t *self, task_t *task, const wire_result_t *result)
{
    uint64_t n_items = scheduler_n_submitted_of (task), end = result->first + result->n_items;
    if (n_items == 0) /* adopted by its id: its client knows how long it is */
        n_items = WIRE_MAX_ITEMS;
    if (result->n_items == 0 || end > n_items)
        return false;
    task_runs_t *runs = scheduler_need_runs (self, task);
    if (is_told (runs, result) || result->n_items > n_items * MOST_TIMES - runs->n_said)
        return false;
    runs->n_said += result->n_items;
    if (result->status == OUTCOME_VALUE)
        note_told (runs, result->first, end);
    return true;
}
