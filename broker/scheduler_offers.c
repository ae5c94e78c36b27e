/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_offers.c - names of functions and labels, and which workers have them. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

dp_list_t *scheduler_offered (scheduler_t *self, char kind)
{
    return kind == 'f' ? &self->offered_functions : &self->offered_labels;
}

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
    dp_list_init (&offer->in_offered);
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
    if (--offer->n_users > 0 || (offer->was_offered && self->n_offered <= SCHEDULER_MAX_NAMES))
        return;
    self->n_offered -= offer->was_offered;
    dp_list_remove (&offer->in_offered);
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

static void note_offered (scheduler_t *self, offer_t *offer)
{
    offer->n_users++;
    if (offer->was_offered)
        return;
    offer->was_offered = true;
    self->n_offered++;
    dp_list_append (scheduler_offered (self, offer->kind), &offer->in_offered);
}

/* Whoever says one twice offers it once. */
static offer_t **take_names (scheduler_t *self, char kind, dp_reader_t *names, size_t *n_p)
{
    size_t n = *n_p, n_left = 0;
    offer_t **offers = dp_must_alloc ((n + 1) * sizeof *offers);
    wire_text_t name;
    for (size_t i = 0, left = n; wire_next_name (names, &left, &name); i++) {
        offers[i] = scheduler_offer (self, kind, name);
        note_offered (self, offers[i]);
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
