/* SPDX-License-Identifier: MPL-2.0 */
/* crew_tenant.c - sessions, and the pools of children that serve them. */
#include "worker/crew_internal.h"

#include "core/error.h"
#include "core/memory.h"

#include <string.h>

crew_pool_t *crew_pool_new (crew_t *self)
{
    crew_pool_t *pool = dp_must_alloc (sizeof *pool);
    dp_list_init (&pool->waiting);
    dp_list_init (&pool->idle);
    dp_list_init (&pool->busy);
    dp_list_append (&self->pools, &pool->in_crew);
    return pool;
}

void crew_pool_free (crew_pool_t **self_p)
{
    crew_pool_t *self = *self_p;
    if (!self)
        return;
    dp_list_remove (&self->in_crew);
    if (self->session.initializer)
        crew_session_fini (&self->session);
    dp_free (self->failure);
    dp_free (self);
    *self_p = NULL;
}

crew_tenant_t *crew_tenant_get (const crew_t *self, uint64_t session)
{
    dp_map_node_t *node = dp_map_get (&self->tenants, session);
    return node ? DP_CONTAINER (node, crew_tenant_t, by_id) : NULL;
}

static crew_session_t session_of (const wire_session_t *session, char *name)
{
    size_t len = session->initializer.len < DP_NAME_MAX ? session->initializer.len : DP_NAME_MAX;
    memcpy (name, session->initializer.data ? session->initializer.data : "", len);
    name[len] = '\0';
    return (crew_session_t) { .session = session->session,
                              .initializer = name,
                              .initializer_args = session->initializer_args.data,
                              .initializer_args_len = session->initializer_args.len,
                              .seed = session->seed };
}

static crew_tenant_t *tenant_new (crew_t *self, const wire_session_t *session)
{
    crew_tenant_t *tenant = dp_must_alloc (sizeof *tenant);
    tenant->seed = session->seed;
    tenant->first_key = dp_hash (&self->secret.key, &session->session, 1);
    tenant->known_by = dp_must_alloc (self->n_brokers * sizeof *tenant->known_by);
    tenant->pool = self->common;
    tenant->idle_since_ms = DP_NEVER;
    if (session->has_own_children) {
        char name[DP_NAME_MAX + 1];
        crew_session_t copied = session_of (session, name);
        tenant->pool = crew_pool_new (self);
        crew_session_copy (&tenant->pool->session, &copied);
        tenant->pool->max_tasks = session->max_tasks_per_child;
    }
    if (dp_map_put (&self->tenants, session->session, &tenant->by_id) < 0)
        dp_no_memory (sizeof *tenant);
    return tenant;
}

void crew_tenant_announce (crew_t *self, crew_broker_t *broker, const wire_session_t *session)
{
    crew_tenant_t *tenant = crew_tenant_get (self, session->session);
    if (!tenant)
        tenant = tenant_new (self, session);
    tenant->known_by[broker->number] = broker->link.connection;
}

/* ---- The end ---------------------------------------------------------------------------------- */

static void end_children (crew_t *self, int64_t now_ms, crew_pool_t *pool)
{
    for (size_t i = 0; i < self->n_places; i++)
        if (self->places[i]->pool == pool && self->places[i]->state != CHILD_EMPTY)
            crew_child_end (self, now_ms, self->places[i]);
}

/* Its runs are gone. The pool follows with its last child. */
static void tenant_free (crew_t *self, int64_t now_ms, crew_tenant_t *tenant)
{
    if (tenant->pool != self->common) {
        tenant->pool->is_ended = true;
        end_children (self, now_ms, tenant->pool);
        if (tenant->pool->n_children == 0)
            crew_pool_free (&tenant->pool);
    }
    dp_map_take (&self->tenants, tenant->by_id.key);
    dp_free (tenant->known_by);
    dp_free (tenant);
}

static bool is_known (const crew_t *self, const crew_tenant_t *tenant)
{
    for (size_t i = 0; i < self->n_brokers; i++)
        if (tenant->known_by[i] != 0)
            return true;
    return false;
}

void crew_tenant_end (crew_t *self, int64_t now_ms, crew_broker_t *broker, uint64_t session)
{
    crew_tenant_t *tenant = crew_tenant_get (self, session);
    if (!tenant)
        return;
    tenant->known_by[broker->number] = 0;
    DP_LIST_EACH (&broker->runs, node) {
        crew_run_t *run = DP_CONTAINER (node, crew_run_t, in_broker);
        if (run->tenant == tenant)
            crew_drop_run (self, now_ms, run);
    }
    if (is_known (self, tenant))
        return;
    if (tenant->pool != self->common)
        end_children (self, now_ms, tenant->pool);
    if (tenant->n_runs == 0)
        tenant_free (self, now_ms, tenant);
    else /* the sweep takes it when its last run has been stopped */
        tenant->idle_since_ms = now_ms - self->orphan_ms;
    self->sweep_at_ms = now_ms;
}

void crew_tenant_forget_broker (crew_t *self, const crew_broker_t *broker)
{
    for (dp_map_node_t *node = dp_map_first (&self->tenants); node; node = dp_map_next (&self->tenants, node))
        DP_CONTAINER (node, crew_tenant_t, by_id)->known_by[broker->number] = 0;
}

/* Does any broker speak of it on the connection that it has now, or did it on the last? */
static bool is_spoken_of (const crew_t *self, const crew_tenant_t *tenant)
{
    for (size_t i = 0; i < self->n_brokers; i++)
        if (tenant->known_by[i] != 0 && tenant->known_by[i] == self->brokers[i].link.connection)
            return true;
    return false;
}

static void end_idle_children (crew_t *self, int64_t now_ms, const crew_pool_t *pool)
{
    for (size_t i = 0; i < self->n_places; i++)
        if (self->places[i]->pool == pool && self->places[i]->state == CHILD_IDLE)
            crew_child_end (self, now_ms, self->places[i]);
}

/* An end may have been said while its broker was away. So the children of a silent session end after a time;
   the session itself is kept while a broker might send tasks of it without another word. */
static void sweep_tenant (crew_t *self, int64_t now_ms, crew_tenant_t *tenant)
{
    if (tenant->n_runs > 0 || is_spoken_of (self, tenant)) {
        if (tenant->idle_since_ms == DP_NEVER || is_known (self, tenant))
            tenant->idle_since_ms = DP_NEVER;
        return;
    }
    if (tenant->idle_since_ms == DP_NEVER)
        tenant->idle_since_ms = now_ms;
    if (now_ms - tenant->idle_since_ms < self->orphan_ms)
        return;
    if (!is_known (self, tenant))
        tenant_free (self, now_ms, tenant);
    else if (tenant->pool != self->common)
        end_idle_children (self, now_ms, tenant->pool);
}

void crew_tenant_sweep (crew_t *self, int64_t now_ms)
{
    if (self->tenants.count == 0)
        return;
    if (now_ms >= self->sweep_at_ms) {
        dp_map_node_t *node = dp_map_first (&self->tenants);
        while (node) {
            dp_map_node_t *next = dp_map_next (&self->tenants, node);
            sweep_tenant (self, now_ms, DP_CONTAINER (node, crew_tenant_t, by_id));
            node = next;
        }
        self->sweep_at_ms = now_ms + (self->orphan_ms < 1000 ? self->orphan_ms : 1000);
    }
    if (self->tenants.count > 0)
        crew_due (self, self->sweep_at_ms);
}

void crew_tenant_free_all (crew_t *self)
{
    dp_map_node_t *node = dp_map_first (&self->tenants);
    while (node) {
        dp_map_node_t *next = dp_map_next (&self->tenants, node);
        crew_tenant_t *tenant = DP_CONTAINER (node, crew_tenant_t, by_id);
        dp_free (tenant->known_by);
        dp_free (tenant);
        node = next;
    }
    dp_map_fini (&self->tenants);
    dp_list_t *pool;
    while ((pool = dp_list_pop (&self->pools))) {
        crew_pool_t *free_me = DP_CONTAINER (pool, crew_pool_t, in_crew);
        crew_pool_free (&free_me);
    }
}

/* ---- Failed starts ---------------------------------------------------------------------------- */

void crew_pool_fail_waiting (crew_t *self, crew_pool_t *pool)
{
    DP_LIST_EACH (&pool->waiting, node)
        crew_run_end (self, DP_CONTAINER (node, crew_run_t, in_queue), OUTCOME_INITIALIZER, pool->failure);
}

void crew_pool_failed (crew_t *self, int64_t now_ms, crew_pool_t *pool, const dpool_error_t *error)
{
    dp_free (pool->failure);
    pool->failure = dp_error_copy (error);
    if (!pool->failure)
        dp_no_memory (sizeof *error);
    pool->n_failed_starts++;
    crew_log_error (self, "a child could not start (%u in a row): %s", pool->n_failed_starts,
                    pool->failure->message);
    bool has_initializer = pool->session.initializer && *pool->session.initializer;
    if (has_initializer) {
        if (pool->n_failed_starts >= CREW_MAX_FAILED_STARTS)
            pool->is_broken = true;
        if (pool->is_broken)
            crew_pool_fail_waiting (self, pool);
        return;
    }
    int64_t backoff_ms = CREW_MIN_BACKOFF_MS;
    for (unsigned i = 1; i < pool->n_failed_starts && backoff_ms < CREW_MAX_BACKOFF_MS; i++)
        backoff_ms *= 2;
    pool->retry_at_ms = now_ms + (backoff_ms < CREW_MAX_BACKOFF_MS ? backoff_ms : CREW_MAX_BACKOFF_MS);
}
