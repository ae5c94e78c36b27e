/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/crew.h"

#include "core/memory.h"
#include "worker/crew_internal.h"

#include <signal.h>

/* ---- Beginning and end -------------------------------------------------------------------------- */

static char **copy_texts (const char *const *texts, size_t n)
{
    char **copies = dp_must_alloc (n * sizeof *copies);
    for (size_t i = 0; i < n; i++)
        copies[i] = dp_must_strdup (texts[i]);
    return copies;
}

static void free_texts (char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dp_free (texts[i]);
    dp_free (texts);
}

static size_t clamp_processes (size_t processes)
{
    if (processes < 1)
        return 1;
    return processes < CREW_MAX_PROCESSES ? processes : CREW_MAX_PROCESSES;
}

crew_t *crew_new (const crew_config_t *config, int64_t now_ms)
{
    crew_t *self = dp_must_alloc (sizeof *self);
    self->worker = config->worker;
    self->pid = config->pid;
    self->machine = config->machine;
    self->processes = clamp_processes (config->processes);
    self->host = dp_must_strdup (config->host ? config->host : "");
    self->name = dp_must_strdup (config->name ? config->name : "");
    self->functions = copy_texts (config->functions, config->n_functions);
    self->n_functions = config->n_functions;
    self->labels = copy_texts (config->labels, config->n_labels);
    self->n_labels = config->n_labels;
    self->cancel_grace_ms = config->cancel_grace_ms > 0 ? config->cancel_grace_ms : 1000;
    self->orphan_ms = config->orphan_ms > 0 ? config->orphan_ms : 60000;
    self->secret.key = config->secret;
    self->runs.secret = self->tenants.secret = &self->secret;
    self->n_brokers = config->n_brokers;
    self->brokers = dp_must_alloc (self->n_brokers * sizeof *self->brokers);
    for (size_t i = 0; i < self->n_brokers; i++)
        crew_broker_init (self, &self->brokers[i], i, config->seed, now_ms);
    dp_list_init (&self->pools);
    dp_list_init (&self->vacant);
    self->common = crew_pool_new (self);
    for (size_t i = 0; i < self->processes; i++)
        crew_child_start (self, crew_child_vacant (self), self->common);
    return self;
}

void crew_destroy (crew_t **self_p)
{
    crew_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_brokers; i++) {
        DP_LIST_EACH (&self->brokers[i].runs, node) {
            crew_run_t *run = DP_CONTAINER (node, crew_run_t, in_broker);
            crew_run_free (self, run);
        }
        crew_broker_fini (&self->brokers[i]);
    }
    crew_tenant_free_all (self);
    for (size_t i = 0; i < self->n_places; i++)
        dp_free (self->places[i]);
    crew_action_free_all (self);
    dp_outbox_fini (&self->outbox);
    dp_map_fini (&self->runs);
    free_texts (self->functions, self->n_functions);
    free_texts (self->labels, self->n_labels);
    dp_free (self->brokers);
    dp_free (self->host);
    dp_free (self->name);
    dp_free (self);
    *self_p = NULL;
}

dp_outbox_t *crew_outbox (crew_t *self)
{
    return &self->outbox;
}

size_t crew_n_places (const crew_t *self)
{
    return self->n_places;
}

void crew_stats (const crew_t *self, crew_stats_t *stats)
{
    *stats = (crew_stats_t) { .n_processes = self->processes, .n_busy = self->n_working };
    for (size_t i = 0; i < self->n_brokers; i++)
        stats->n_connected += crew_broker_is_up (&self->brokers[i]);
}

void crew_broken (crew_t *self, int64_t now_ms, size_t broker)
{
    if (broker >= self->n_brokers || !self->brokers[broker].is_open)
        return;
    crew_broker_down (self, now_ms, &self->brokers[broker]);
}

/* ---- Draining ----------------------------------------------------------------------------------- */

static void drain_child (crew_t *self, crew_child_t *child)
{
    if (self->is_killing) {
        crew_child_kill (self, child, KILL_DRAIN, SIGKILL);
        return;
    }
    DP_LIST_EACH (&child->runs, node) {
        const crew_run_t *run = DP_CONTAINER (node, crew_run_t, in_queue);
        if (run->serial > child->slot.number && run->n_finished == 0) {
            crew_child_take_back (self, child, run->serial);
            return;
        }
    }
}

void crew_drain (crew_t *self, int64_t now_ms, bool is_now)
{
    if (self->is_killing || (self->is_draining && !is_now))
        return;
    crew_log (self, is_now ? "stopping: what runs is killed" : "draining: what runs is finished");
    self->is_draining = true;
    self->is_killing = is_now;
    for (size_t i = 0; i < self->n_brokers; i++) /* before it is handed back what it would give us again */
        crew_broker_tell_drain (self, &self->brokers[i]);
    for (size_t i = 0; i < self->n_places; i++)
        if (self->places[i]->n_runs > 0)
            drain_child (self, self->places[i]);
    crew_hand_back (self, now_ms);
    /* Whoever stops us waits, and whoever misses these runs can have them run elsewhere. */
    if (self->orphan_ms > CREW_DRAIN_ORPHAN_MS)
        self->orphan_ms = CREW_DRAIN_ORPHAN_MS;
    for (size_t i = 0; i < self->n_brokers; i++)
        self->brokers[i].orphans_at_ms = now_ms;
}

bool crew_is_gone (const crew_t *self)
{
    if (!self->is_draining || self->n_unfinished > 0)
        return false;
    for (size_t i = 0; i < self->n_brokers; i++)
        if (!self->brokers[i].has_left)
            return false;
    return true;
}

/* ---- The turn ------------------------------------------------------------------------------------ */

static void tick_brokers (crew_t *self, int64_t now_ms)
{
    for (size_t i = 0; i < self->n_brokers; i++)
        crew_broker_tick (self, now_ms, &self->brokers[i]);
}

int64_t crew_tick (crew_t *self, int64_t now_ms)
{
    self->deadline_ms = DP_NEVER;
    tick_brokers (self, now_ms);
    crew_hand_out (self, now_ms);
    crew_share_out (self);
    crew_hand_back (self, now_ms);
    crew_watch (self, now_ms);
    crew_tenant_sweep (self, now_ms);
    if (self->is_draining && self->n_unfinished == 0 && self->finished_at_ms == 0)
        self->finished_at_ms = now_ms;
    for (size_t i = 0; i < self->n_brokers; i++) {
        crew_broker_t *broker = &self->brokers[i];
        crew_broker_flush (self, now_ms, broker);
        crew_broker_part (self, now_ms, broker);
        if (broker->has_left)
            crew_broker_tick (self, now_ms, broker);
        else
            crew_due (self, dp_link_deadline_ms (&broker->link));
    }
    return self->deadline_ms;
}
