/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_offers.c - names of functions and labels, and which workers have them. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Peers choose the names. The kind keeps functions and labels apart. */
static uint64_t hash_of (const scheduler_t *self, char kind, wire_text_t name)
{
    return dp_hash_bytes (&self->secret.key, name.data, name.len) ^ (uint8_t) kind;
}

static offer_t *new_offer (scheduler_t *self, char kind, wire_text_t name)
{
    offer_t *offer = dp_must_alloc (sizeof *offer + name.len + 1);
    offer->kind = kind;
    offer->serial = ++self->n_names;
    offer->len = name.len;
    memcpy (offer->name, name.data, name.len);
    return offer;
}

offer_t *scheduler_offer (scheduler_t *self, char kind, wire_text_t name)
{
    uint64_t hash = hash_of (self, kind, name);
    dp_map_node_t *node = dp_map_get (&self->offers, hash);
    offer_t *first = node != NULL ? DP_CONTAINER (node, offer_t, by_hash) : NULL;
    for (offer_t *offer = first; offer != NULL; offer = offer->next_same)
        if (offer->kind == kind && offer->len == name.len && memcmp (offer->name, name.data, name.len) == 0)
            return offer;
    offer_t *offer = new_offer (self, kind, name);
    if (first == NULL)
        dp_map_put (&self->offers, hash, &offer->by_hash);
    else {
        offer->by_hash.key = hash;
        offer->next_same = first->next_same;
        first->next_same = offer;
    }
    return offer;
}

/* A route or a worker is done with it. What no worker ever offered is only as interesting as the tasks that
 * ask for it.
 */
void scheduler_release_offer (scheduler_t *self, offer_t *offer)
{
    if (--offer->n_users > 0 || (offer->was_offered && self->offers.count <= SCHEDULER_MAX_NAMES))
        return;
    uint64_t hash = offer->by_hash.key;
    offer_t *first = DP_CONTAINER (dp_map_get (&self->offers, hash), offer_t, by_hash);
    if (first == offer) {
        dp_map_take (&self->offers, hash);
        if (offer->next_same != NULL)
            dp_map_put (&self->offers, hash, &offer->next_same->by_hash);
    } else {
        while (first->next_same != offer)
            first = first->next_same;
        first->next_same = offer->next_same;
    }
    dp_free (offer);
}

/* ---- Workers -------------------------------------------------------------------------------- */

static int compare_addresses (const void *a, const void *b)
{
    const uintptr_t left = (uintptr_t) * (offer_t *const *) a, right = (uintptr_t) * (offer_t *const *) b;
    return left < right ? -1 : left > right;
}

/* Whoever says one twice offers it once. */
static offer_t **take_names (scheduler_t *self, char kind, dp_reader_t *names, size_t *n_p)
{
    size_t n = *n_p, n_left = 0;
    offer_t **offers = dp_must_alloc ((n + 1) * sizeof *offers);
    wire_text_t name;
    for (size_t i = 0, left = n; wire_next_name (names, &left, &name); i++) {
        offers[i] = scheduler_offer (self, kind, name);
        offers[i]->was_offered = true;
        offers[i]->n_users++;
    }
    qsort (offers, n, sizeof *offers, compare_addresses);
    for (size_t i = 0; i < n; i++) {
        if (n_left > 0 && offers[n_left - 1] == offers[i])
            offers[i]->n_users--;
        else
            offers[n_left++] = offers[i];
    }
    *n_p = n_left;
    return offers;
}

void scheduler_drop_offers (scheduler_t *self, worker_record_t *worker)
{
    for (size_t i = 0; i < worker->n_functions; i++)
        scheduler_release_offer (self, worker->functions[i]);
    for (size_t i = 0; i < worker->n_labels; i++)
        scheduler_release_offer (self, worker->labels[i]);
    dp_free (worker->functions);
    dp_free (worker->labels);
}

void scheduler_take_offers (scheduler_t *self, worker_record_t *worker, wire_hello_t *hello)
{
    scheduler_leave_trade (worker);
    scheduler_drop_offers (self, worker);
    worker->n_functions = hello->n_functions;
    worker->n_labels = hello->n_labels;
    worker->functions = take_names (self, 'f', &hello->functions, &worker->n_functions);
    worker->labels = take_names (self, 'l', &hello->labels, &worker->n_labels);
    scheduler_join_trade (self, worker);
}

static bool has (offer_t *const *offers, size_t n, const offer_t *offer)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (offers[middle] == offer)
            return true;
        if ((uintptr_t) offers[middle] < (uintptr_t) offer)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool scheduler_can_run (const worker_record_t *worker, const route_t *route)
{
    return has (worker->functions, worker->n_functions, route->function)
           && (route->require == NULL || has (worker->labels, worker->n_labels, route->require));
}

bool scheduler_has_say (const worker_record_t *worker, const task_t *task)
{
    return scheduler_worker_of (task) == worker || !task->has_lane
           || scheduler_can_run (worker, task->of.lane->route);
}

/* Nobody who is or was there offers it, though somebody is there. */
bool scheduler_is_hopeless (const scheduler_t *self, const route_t *route)
{
    if (dp_list_is_empty (&self->all_workers) || self->is_in_grace)
        return false;
    return !route->function->was_offered || (route->require != NULL && !route->require->was_offered);
}

/* ---- Saying so ------------------------------------------------------------------------------ */

/* How many single edits lead from one name to the other, for names of up to 64. */
static size_t distance (const char *a, const char *b)
{
    size_t row[66], len_b = strlen (b);
    for (size_t j = 0; j <= len_b; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len_b; j++) {
            size_t replaced = corner + (a[i] != b[j]);
            size_t shorter = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            corner = row[j + 1];
            row[j + 1] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[len_b];
}

/* The names of a kind that were offered, as many as fit, and the one that is most like another name. */
static const char *list_offers (const scheduler_t *self, char kind, const char *like, char *list, size_t size)
{
    enum { LIKE_MOST = 2, LIST_MOST = 10 };
    const char *nearest = NULL;
    size_t least = LIKE_MOST + 1, n = 0, at = 0;
    list[0] = '\0';
    for (dp_map_node_t *node = dp_map_first (&self->offers); node != NULL;
         node = dp_map_next (&self->offers, node))
        for (const offer_t *offer = DP_CONTAINER (node, offer_t, by_hash); offer != NULL;
             offer = offer->next_same) {
            if (offer->kind != kind || !offer->was_offered)
                continue;
            size_t edits = distance (like, offer->name);
            if (edits < least) {
                least = edits;
                nearest = offer->name;
            }
            if (++n > LIST_MOST || at + strlen (offer->name) + 8 > size)
                continue;
            at += (size_t) snprintf (list + at, size - at, "%s%s", at > 0 ? ", " : "", offer->name);
        }
    if (n > LIST_MOST)
        snprintf (list + at, size - at, ", …");
    return nearest;
}

void scheduler_explain_hopeless (const scheduler_t *self, const route_t *route, char *text, size_t size)
{
    char list[512];
    bool is_label = route->function->was_offered;
    const offer_t *wanted = is_label ? route->require : route->function;
    const char *nearest = list_offers (self, is_label ? 'l' : 'f', wanted->name, list, sizeof list);
    int n = is_label ? snprintf (text, size, "no worker has the label '%s'", wanted->name)
                     : snprintf (text, size, "no worker offers a function '%s'", wanted->name);
    if (nearest != NULL)
        n += snprintf (text + n, size - (size_t) n, "; did you mean '%s'?", nearest);
    snprintf (text + n, size - (size_t) n, " (%s: %s)", is_label ? "labels" : "offered",
              list[0] != '\0' ? list : "none");
}

dpool_reason_t scheduler_explain_offer (scheduler_t *self, wire_text_t name, uint64_t *n_processes,
                                        char *text, size_t size)
{
    route_t route = { .function = scheduler_offer (self, 'f', name) };
    dpool_reason_t reason = DPOOL_REASON_QUEUED;
    size_t n_workers = 0;
    route.function->n_users++;
    *n_processes = 0;
    DP_LIST_EACH (&self->all_workers, node) {
        const worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        bool is_able = worker->peer.connection != 0 && scheduler_can_run (worker, &route);
        n_workers += is_able;
        *n_processes += is_able && !worker->is_draining ? worker->processes : 0;
    }
    if (dp_list_is_empty (&self->all_workers)) {
        reason = DPOOL_REASON_NO_WORKER;
        snprintf (text, size, "no worker is connected to the broker: start one with dpool-worker");
    } else if (n_workers == 0) {
        reason = DPOOL_REASON_NO_FUNCTION;
        if (route.function->was_offered)
            snprintf (text, size, "'%s' was offered, but no worker that is there now does",
                      route.function->name);
        else
            scheduler_explain_hopeless (self, &route, text, size);
    } else if (*n_processes == 0) {
        reason = DPOOL_REASON_DRAINING;
        snprintf (text, size, "all workers that offer '%s' are draining", route.function->name);
    } else
        snprintf (text, size, "'%s' is offered by %zu worker%s", route.function->name, n_workers,
                  n_workers == 1 ? "" : "s");
    scheduler_release_offer (self, route.function);
    return reason;
}
