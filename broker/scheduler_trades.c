/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_trades.c - workers that offer the same, and the sessions that may have tasks for them.
 *
 * A session that has none that workers of a trade can run is looked at once for it, and not again before that
 * may be otherwise: when the first task of a function and a label is queued, when its client is back, and
 * when it is full no more. So those whose workers are busy or away cost the others nothing.
 */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <string.h>

/* ---- Sessions -------------------------------------------------------------------------------- */

static void make_hungry_for (scheduler_t *self, session_record_t *session, size_t i)
{
    if (self->trades[i].n_workers > 0 && session->by_use[i].place == 0
        && !dp_list_is_empty (&session->waiting))
        dp_heap_push (&self->trades[i].hungry, &session->by_use[i], session->used_us);
}

void scheduler_make_hungry (scheduler_t *self, session_record_t *session)
{
    for (size_t i = 0; i < self->n_trades; i++)
        make_hungry_for (self, session, i);
}

void scheduler_make_sated (scheduler_t *self, session_record_t *session)
{
    for (size_t i = 0; i < self->n_trades; i++)
        dp_heap_remove (&self->trades[i].hungry, &session->by_use[i]);
}

void scheduler_note_use (scheduler_t *self, session_record_t *session)
{
    for (size_t i = 0; i < self->n_trades; i++)
        if (session->by_use[i].place != 0)
            dp_heap_push (&self->trades[i].hungry, &session->by_use[i], session->used_us);
}

/* ---- Workers --------------------------------------------------------------------------------- */

static bool are_same (offer_t *const *offers, size_t n, offer_t *const *others, size_t n_others)
{
    return n == n_others && memcmp (offers, others, n * sizeof *offers) == 0;
}

static bool is_of (const worker_record_t *worker, const trade_t *trade)
{
    return trade->n_workers > 0
           && are_same (worker->functions, worker->n_functions, trade->functions, trade->n_functions)
           && are_same (worker->labels, worker->n_labels, trade->labels, trade->n_labels);
}

static offer_t **copy (offer_t *const *offers, size_t n)
{
    offer_t **copied = dp_must_alloc ((n + 1) * sizeof *copied);
    memcpy (copied, offers, n * sizeof *copied);
    return copied;
}

/* Its own, else a new one, else that of all others. */
static trade_t *find (scheduler_t *self, const worker_record_t *worker)
{
    trade_t *found = &self->trades[SCHEDULER_MIXED_TRADE];
    for (size_t i = SCHEDULER_MIXED_TRADE; i-- > 0;) {
        trade_t *trade = &self->trades[i];
        if (is_of (worker, trade))
            return trade;
        if (trade->n_workers == 0)
            found = trade;
    }
    return found;
}

static void begin (scheduler_t *self, trade_t *trade, const worker_record_t *worker)
{
    size_t number = (size_t) (trade - self->trades);
    if (number != SCHEDULER_MIXED_TRADE) {
        trade->functions = copy (worker->functions, worker->n_functions);
        trade->labels = copy (worker->labels, worker->n_labels);
        trade->n_functions = worker->n_functions;
        trade->n_labels = worker->n_labels;
    }
    if (self->n_trades <= number)
        self->n_trades = number + 1;
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node))
        make_hungry_for (self, DP_CONTAINER (node, session_record_t, peer.by_id), number);
}

void scheduler_join_trade (scheduler_t *self, worker_record_t *worker)
{
    trade_t *trade = worker->trade = find (self, worker);
    if (trade->n_workers++ == 0)
        begin (self, trade, worker);
}

void scheduler_leave_trade (worker_record_t *worker)
{
    trade_t *trade = worker->trade;
    if (trade == NULL)
        return;
    worker->trade = NULL;
    dp_heap_remove (&trade->idle, &worker->by_load);
    if (--trade->n_workers > 0)
        return;
    while (trade->hungry.n_nodes > 0)
        dp_heap_remove (&trade->hungry, trade->hungry.nodes[trade->hungry.n_nodes - 1]);
    dp_heap_fini (&trade->hungry);
    dp_heap_fini (&trade->idle);
    dp_free (trade->functions);
    dp_free (trade->labels);
    *trade = (trade_t) { .functions = NULL };
}
