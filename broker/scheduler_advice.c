/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_advice.c - what is said of a function or a label that nobody offers. Whoever asks for many such
 * names shall not take our time: only names that workers offer are looked at, a bounded number of them, and
 * at the cost of his share of our time for answers. What does not fit into that goes without advice.
 */
#include "broker/scheduler_internal.h"

#include "core/suggest.h"

#include <stdio.h>
#include <string.h>

enum {
    LIKE_MOST = 2,    /* edits: what is further away was not meant */
    LIST_MOST = 10,   /* names */
    LOOK_MOST = 4096, /* names, for one that is like another */
    PART = 256        /* so many of them take as much of a share as an answer */
};

/* The names that were offered, as many as fit, the earliest first. */
static void list_offers (dp_list_t *offered, char *list, size_t size)
{
    size_t n = 0, at = 0;
    snprintf (list, size, "none");
    DP_LIST_EACH (offered, node) {
        const offer_t *offer = DP_CONTAINER (node, offer_t, in_offered);
        if (++n > LIST_MOST || at + offer->len + 8 > size) {
            snprintf (list + at, size - at, ", …");
            return;
        }
        at += (size_t) snprintf (list + at, size - at, "%s%s", at > 0 ? ", " : "", offer->name);
    }
}

/* The offered name that is most like the wanted one; NULL = none is. */
static const char *find_like (scheduler_t *self, int64_t now_ms, peer_t *peer, const offer_t *wanted)
{
    const char *nearest = NULL;
    size_t least = LIKE_MOST + 1, n = 0;
    if (!scheduler_has_share (self, now_ms, peer))
        return NULL;
    DP_LIST_EACH (scheduler_offered (self, wanted->kind), node) {
        const offer_t *offer = DP_CONTAINER (node, offer_t, in_offered);
        size_t edits = dp_edits (wanted->name, wanted->len, offer->name, offer->len, least - 1);
        if (edits < least) {
            least = edits;
            nearest = offer->name;
        }
        if (++n == LOOK_MOST || least == 1) /* nothing that is another name is nearer */
            break;
    }
    scheduler_take_share (self, now_ms, peer, 1 + n / PART);
    return nearest;
}

void scheduler_explain_hopeless (scheduler_t *self, int64_t now_ms, peer_t *peer, const route_t *route,
                                 char *text, size_t size)
{
    char list[512];
    bool is_label = route->function->was_offered;
    const offer_t *wanted = is_label ? route->require : route->function;
    const char *nearest = find_like (self, now_ms, peer, wanted);
    list_offers (scheduler_offered (self, wanted->kind), list, sizeof list);
    int n = is_label ? snprintf (text, size, "no worker has the label '%s'", wanted->name)
                     : snprintf (text, size, "no worker offers a function '%s'", wanted->name);
    if (nearest != NULL)
        n += snprintf (text + n, size - (size_t) n, "; did you mean '%s'?", nearest);
    snprintf (text + n, size - (size_t) n, " (%s: %s)", is_label ? "labels" : "offered", list);
}

dpool_reason_t scheduler_explain_offer (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_text_t name,
                                        uint64_t *n_processes, char *text, size_t size)
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
            scheduler_explain_hopeless (self, now_ms, peer, &route, text, size);
    } else if (*n_processes == 0) {
        reason = DPOOL_REASON_DRAINING;
        snprintf (text, size, "all workers that offer '%s' are draining", route.function->name);
    } else
        snprintf (text, size, "'%s' is offered by %zu worker%s", route.function->name, n_workers,
                  n_workers == 1 ? "" : "s");
    scheduler_release_offer (self, route.function);
    return reason;
}
