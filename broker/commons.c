/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/commons.h"

#include "core/memory.h"
#include "net/machine.h"

#include <stdio.h>

enum {
    MOST_GIVEN_UP = 64, /* peers that are known as such: the oldest is forgotten for a new one */
    TELL_EVERY_MS = 10000
};

struct commons_s {
    peers_t *peers;
    dp_arena_t *arena; /* NULL = no memory is shared */
    uint64_t machine;  /* 0 = likewise */
    dp_sharing_totals_t totals;
    uint64_t given_up[MOST_GIVEN_UP]; /* ids of peers; 0 = none */
    size_t n_given_up;                /* in all */
    int64_t told_at_ms;               /* of one of them; 0 = never */
    bool has_told_of_full;            /* that there is none for another peer */
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

static bool is_given_up (const commons_t *self, uint64_t id)
{
    for (size_t i = 0; i < MOST_GIVEN_UP && i < self->n_given_up; i++)
        if (self->given_up[i] == id)
            return true;
    return false;
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
static void tell (commons_t *self, int64_t now_ms, uint64_t id, const char *why)
{
    char text[256];
    if (self->log == NULL || (self->told_at_ms != 0 && now_ms - self->told_at_ms < TELL_EVERY_MS))
        return;
    self->told_at_ms = now_ms;
    snprintf (
        text, sizeof text,
        "memory is shared no more with peer %016llx, and its long payloads go by the socket: it sent %s",
        (unsigned long long) id, why);
    self->log (text);
}

static void give_up (commons_t *self, int64_t now_ms, uint64_t id, const char *why)
{
    if (is_given_up (self, id))
        return;
    self->given_up[self->n_given_up++ % MOST_GIVEN_UP] = id;
    tell (self, now_ms, id, why);
}

bool commons_take (commons_t *self, int64_t now_ms, uint64_t connection, dp_incoming_t *incoming,
                   uint64_t max_payload)
{
    dp_taking_t taking = dp_sharing_take (peers_sharing (self->peers, connection), incoming, max_payload);
    if (taking == DP_TAKING_UNREADABLE)
        give_up (self, now_ms, peers_sharer (self->peers, connection), incoming->malformed);
    return taking == DP_TAKING_DONE;
}

dp_sharing_totals_t commons_totals (const commons_t *self)
{
    return self->totals;
}
