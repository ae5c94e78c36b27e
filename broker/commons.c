/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/commons.h"

#include "core/memory.h"
#include "net/machine.h"

#include <stdio.h>

enum {
    MOST_FAILED = 64, /* peers that are known as such: the oldest is forgotten for a new one */
    LATE = 1,         /* what weighs a payload that its lender has taken back … */
    UNREADABLE = 5,   /* … and one that was never there: a peer that has so much is given up */
    TOLD = 10,        /* lines of the log, … */
    TELL_MS = 60000   /* … in so long */
};

/* A peer of which something could not be read, on whatever connection. */
typedef struct failed_s {
    uint64_t id; /* 0 = none */
    unsigned weight;
} failed_t;

struct commons_s {
    peers_t *peers;
    dp_arena_t *arena; /* NULL = no memory is shared */
    uint64_t machine;  /* 0 = likewise */
    dp_sharing_totals_t totals;
    failed_t failed[MOST_FAILED];
    size_t n_failed; /* in all */
    size_t n_told;   /* since then, and what was left out as too much */
    int64_t told_since_ms;
    bool has_told_of_full; /* that there is none for another peer */
    void (*log) (const char *line);
};

commons_t *commons_new (peers_t *peers, void (*log) (const char *line))
{
    commons_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        return NULL;
    self->peers = peers;
    self->log = log;
    self->arena = dp_arena_new (DP_ARENA_BROKER);
    self->machine = self->arena != NULL ? dp_machine () : 0;
    return self;
}

void commons_destroy (commons_t **self_p)
{
    commons_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    dp_arena_release (&self->arena);
    dp_free (self);
}

static failed_t *find_failed (commons_t *self, uint64_t id)
{
    for (size_t i = 0; i < MOST_FAILED && i < self->n_failed; i++)
        if (self->failed[i].id == id)
            return &self->failed[i];
    return NULL;
}

static bool is_given_up (commons_t *self, uint64_t id)
{
    const failed_t *failed = find_failed (self, id);
    return failed != NULL && failed->weight >= UNREADABLE;
}

/* There are as many as there is room for. That costs the others only speed: so it is said once. */
static void tell_of_full (commons_t *self)
{
    if (self->log != NULL && !self->has_told_of_full)
        self->log ("there is no shared memory for more peers: their long payloads go by the socket");
    self->has_told_of_full = true;
}

void commons_offer (commons_t *self, uint64_t connection, uint64_t id, uint64_t machine, dp_outbox_t *out)
{
    if (machine == 0 || machine != self->machine || peers_sharing (self->peers, connection) != NULL
        || is_given_up (self, id))
        return;
    dp_sharing_t *sharing = dp_sharing_new (self->arena, self->arena, &self->totals);
    if (sharing == NULL) {
        tell_of_full (self);
        return;
    }
    dp_sharing_invite (out, connection);
    peers_share (self->peers, connection, id, &sharing);
}

void commons_hear (commons_t *self, uint64_t connection, const wire_memory_t *memory, dp_outbox_t *out)
{
    dp_sharing_t *sharing = peers_sharing (self->peers, connection);
    if (sharing != NULL)
        dp_sharing_hear (sharing, memory, out, connection);
}

/* Whoever comes with one new id after the other shall not fill the log. */
static void tell (commons_t *self, int64_t now_ms, uint64_t id, const char *what, const char *why)
{
    char text[256];
    if (self->log == NULL)
        return;
    if (self->n_told == 0 || now_ms - self->told_since_ms >= TELL_MS) {
        if (self->n_told > TOLD) {
            snprintf (text, sizeof text, "the memory of %zu more peers could not be read",
                      self->n_told - TOLD);
            self->log (text);
        }
        self->n_told = 0;
        self->told_since_ms = now_ms;
    }
    if (++self->n_told > TOLD)
        return;
    snprintf (text, sizeof text, "%s peer %016llx%s: it sent %s", what, (unsigned long long) id,
              find_failed (self, id)->weight < UNREADABLE ? "" : ", and its long payloads go by the socket",
              why);
    self->log (text);
}

/* What could not be read comes again on its next connection. That may not go on for ever: so each is told of
   once when it begins, and once when it is given up. */
static void note_failure (commons_t *self, int64_t now_ms, uint64_t id, unsigned weight, const char *why)
{
    failed_t *failed = find_failed (self, id);
    if (failed == NULL) {
        failed = &self->failed[self->n_failed++ % MOST_FAILED];
        *failed = (failed_t) { .id = id };
    }
    unsigned before = failed->weight;
    if (before >= UNREADABLE)
        return;
    failed->weight += weight;
    if (failed->weight >= UNREADABLE)
        tell (self, now_ms, id, "memory is shared no more with", why);
    else if (before == 0)
        tell (self, now_ms, id, "a payload is asked for anew of", why);
}

bool commons_take (commons_t *self, int64_t now_ms, uint64_t connection, dp_incoming_t *incoming,
                   uint64_t max_payload)
{
    dp_taking_t taking = dp_sharing_take (peers_sharing (self->peers, connection), incoming, max_payload);
    if (taking != DP_TAKING_DONE)
        note_failure (self, now_ms, peers_sharer (self->peers, connection),
                      taking == DP_TAKING_LATE ? LATE : UNREADABLE, incoming->malformed);
    return taking == DP_TAKING_DONE;
}

dp_sharing_totals_t commons_totals (const commons_t *self)
{
    return self->totals;
}
