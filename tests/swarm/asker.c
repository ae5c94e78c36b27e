/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/swarm/asker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/session.h"
#include "core/list.h"
#include "core/pack.h"
#include "net/clock.h"
#include "tests/swarm/hand.h"

enum { WINDOW_TASKS = 1024, WINDOW_BYTES = 64 << 20, GOODBYE_MS = 500 };

struct asker_s {
    member_t member; /* first */
    const tally_t *tally;
    session_t *session;
    job_t *job; /* NULL = none under way */
    size_t number, n_submitted, n_results, n_wrong, n_broken;
};

/* ---- Results ------------------------------------------------------------------------------------- */

static bool is_right (const asker_t *self, const job_item_t *item, size_t task)
{
    uint64_t value;
    return item->state == ITEM_FINISHED && item->error == NULL
           && dpool_value_get (&item->value, "u", &value) == 0
           && value == tally_result (TALLY_ARGUMENT (self->number, task));
}

static void check (asker_t *self, int64_t now_ms)
{
    size_t n = self->job->next, first = self->n_submitted - n;
    for (size_t i = 0; i < n; i++)
        self->n_wrong += !is_right (self, job_item (self->job, i), first + i);
    self->n_results += n;
    session_release (self->session, now_ms, self->job);
    self->job = NULL;
}

/* ---- The member ---------------------------------------------------------------------------------- */

static void receive (member_t *member, int64_t now_ms, dp_incoming_t *incoming)
{
    session_receive (((asker_t *) member)->session, now_ms, &incoming->message, incoming->blobs);
}

static void broken (member_t *member, int64_t now_ms)
{
    asker_t *self = (asker_t *) member;
    self->n_broken++;
    session_broken (self->session, now_ms);
}

static int64_t decide (member_t *member, int64_t now_ms)
{
    asker_t *self = (asker_t *) member;
    int64_t deadline_ms = session_tick (self->session, now_ms);
    for (dp_link_command_t command; (command = session_next_command (self->session)) != LINK_NOTHING;) {
        if (command == LINK_OPEN)
            member_open (member, now_ms);
        else
            member_close (member);
    }
    while (session_next_changed (self->session) != NULL)
        ;
    if (self->job != NULL && job_is_finished (self->job)) {
        check (self, now_ms);
        deadline_ms = now_ms;
    }
    member_push (member, session_outbox (self->session));
    return deadline_ms;
}

asker_t *asker_new (swarm_t *swarm, const tally_t *tally, size_t number, uint64_t id)
{
    static const member_kind_t kind = { receive, broken, decide };
    char name[32];
    asker_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    snprintf (name, sizeof name, "asker-%zu", number);
    session_config_t config = {
        .id = id != 0 ? id : dp_random (),
        .n_endpoints = 1,
        .host = "swarm",
        .name = name,
        .pid = (uint64_t) getpid (),
        .seed = dp_random (),
        .max_tasks = WINDOW_TASKS,
        .max_bytes = WINDOW_BYTES,
    };
    self->session = session_new (&config, dp_clock_ms ());
    assert_non_null (self->session);
    self->tally = tally;
    self->number = number;
    swarm_join (swarm, &self->member, &kind);
    return self;
}

void asker_destroy (asker_t **self_p)
{
    asker_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    session_leave (self->session);
    member_push (&self->member, session_outbox (self->session));
    if (dp_connection_is_open (self->member.connection)) {
        dp_connection_flush (self->member.connection);
        dp_connection_close (self->member.connection, GOODBYE_MS);
    }
    swarm_leave (&self->member);
    session_destroy (&self->session);
    free (self);
}

void asker_submit (asker_t *self, size_t n)
{
    dpool_items_t *items = dpool_items_new (), *hold = items;
    assert_true (items != NULL && self->job == NULL && self->n_submitted + n <= self->tally->n_tasks);
    for (size_t i = 0; i < n; i++) {
        uint8_t argument[DP_PACK_MAX];
        const uint8_t *end = dp_pack_uint (argument, TALLY_ARGUMENT (self->number, self->n_submitted + i));
        assert_int_equal (dp_items_add_packed (items, argument, (size_t) (end - argument)), 0);
    }
    self->n_submitted += n;
    assert_int_equal (dp_items_freeze (items), 0);
    job_spec_t spec = { .function = HAND_FUNCTION, .chunk_size = 1, .items = items, .owner = self };
    self->job = job_new (&spec);
    assert_non_null (self->job);
    dpool_items_destroy (&hold);
    session_add (self->session, self->job);
    member_wake (&self->member);
}

bool asker_is_done (const asker_t *self)
{
    return self->job == NULL;
}

size_t asker_processes (const asker_t *self)
{
    return session_is_connected (self->session) ? session_processes (self->session) : 0;
}

size_t asker_n_wrong (const asker_t *self)
{
    return self->n_wrong;
}

size_t asker_n_results (const asker_t *self)
{
    return self->n_results;
}

size_t asker_n_broken (const asker_t *self)
{
    return self->n_broken;
}

uint64_t asker_n_received (const asker_t *self)
{
    return self->member.n_received;
}
