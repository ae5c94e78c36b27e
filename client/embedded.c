/* SPDX-License-Identifier: MPL-2.0 */
/* The composition root of the embedded pool: the one place that knows broker, worker and client. */
#include "client/embedded.h"

#include "broker/broker.h"
#include "core/memory.h"
#include "net/clock.h"
#include "worker/worker.h"
#include "worker/zygote.h"

struct embedded_s {
    dp_exchange_t *exchange;
    dp_arena_t *arena;
    broker_t *broker;
    worker_t *worker;
};

int embedded_prepare (void)
{
    return zygote_start (NULL, 0);
}

embedded_t *embedded_new (int processes)
{
    embedded_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        return NULL;
    static const char *const endpoints[] = { EMBEDDED_ENDPOINT };
    self->exchange = dp_exchange_new ();
    broker_config_t broker = { .exchange = self->exchange };
    broker.scheduler.epoch = dp_random ();
    broker.scheduler.name = "embedded";
    broker.scheduler.is_embedded = true;
    self->arena = dp_arena_new (DP_ARENA_PROGRAM);
    worker_config_t worker = { .exchange = self->exchange,
                               .arena = self->arena,
                               .endpoints = endpoints,
                               .n_endpoints = 1,
                               .processes = processes,
                               .is_embedded = true };
    if (self->exchange != NULL)
        self->broker = broker_new (NULL, &broker);
    if (self->broker != NULL)
        self->worker = worker_new (NULL, &worker);
    if (self->worker == NULL)
        embedded_destroy (&self);
    return self;
}

void embedded_destroy (embedded_t **self_p)
{
    embedded_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    worker_destroy (&self->worker);
    broker_destroy (&self->broker);
    dp_exchange_destroy (&self->exchange);
    dp_arena_release (&self->arena);
    dp_free (self);
}

size_t embedded_poll_max (const embedded_t *self)
{
    return worker_poll_max (self->worker);
}

size_t embedded_poll (embedded_t *self, struct pollfd *items, size_t most)
{
    return worker_poll (self->worker, items, most);
}

void embedded_hear (embedded_t *self, const struct pollfd *items)
{
    worker_hear (self->worker, items); /* the broker has none */
}

dp_exchange_t *embedded_exchange (embedded_t *self)
{
    return self->exchange;
}

dp_arena_t *embedded_arena (embedded_t *self)
{
    return self->arena;
}

int64_t embedded_turn (embedded_t *self)
{
    /* Results go up and tasks go down in one turn: worker → broker → worker. */
    worker_turn (self->worker);
    int64_t broker_ms = broker_turn (self->broker);
    int64_t worker_ms = worker_turn (self->worker);
    if (dp_exchange_has_next (self->exchange))
        return dp_clock_ms ();
    return broker_ms < worker_ms ? broker_ms : worker_ms;
}

void embedded_tidy (embedded_t *self)
{
    broker_tidy (self->broker);
}

const char *embedded_failure (const embedded_t *self)
{
    return worker_failure (self->worker);
}
