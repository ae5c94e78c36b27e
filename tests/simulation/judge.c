/* SPDX-License-Identifier: MPL-2.0 */
/* judge.c - what must hold at each step. */
#include "tests/simulation/judge.h"

#include "core/outcome.h"
#include "tests/simulation/sim.h"

#include <string.h>

enum { AUDIT_TURNS = 4 };

static bool is_calm (const sim_t *sim)
{
    return sim->scenario.kind == SCENARIO_CALM;
}

/* Nothing is lost but messages, and each peer comes back in time. */
static bool is_strict (const sim_t *sim)
{
    return sim->scenario.kind <= SCENARIO_CUT;
}

static unsigned n_ended (const item_t *item)
{
    return item->n_deaths + item->n_overruns + item->n_stops + item->n_losses;
}

/* "item 3 of call 1 (4 starts, 1 values …)" */
static void accuse (sim_t *sim, const char *invariant, const item_t *item, const char *what)
{
    sim_violate (sim, invariant,
                 "item %zu of call %zu of %s %s (starts %u, values %u, failures %u, deaths %u, overruns %u, "
                 "stops %u, losses %u)",
                 item->index, item->call->number, item->call->client->node.name, what, item->n_starts,
                 item->n_values, item->n_failures, item->n_deaths, item->n_overruns, item->n_stops,
                 item->n_losses);
}

/* ---- Children ------------------------------------------------------------------------------- */

/* A worker may try a run again itself when its process was killed for something else. */
static void judge_name (sim_t *sim, item_t *item, const start_t *name)
{
    for (size_t i = 0; i < ITEM_STARTS; i++) {
        const start_t *other = &item->starts[i];
        if (other->life != 0 && other->id == name->id && other->attempt == name->attempt
            && other->life != name->life)
            accuse (sim, "no two runs that start have the same name", item, "was started under a name again");
    }
    item->starts[item->n_starts % ITEM_STARTS] = *name;
}

void judge_start (sim_t *sim, item_t *item, const start_t *name)
{
    scenario_kind_t kind = sim->scenario.kind;
    unsigned n_running = item->n_starts - item->n_values - item->n_failures - n_ended (item);
    /* Part of a longer task may be known to its client: the rest then comes as another task. */
    bool is_adopted = kind == SCENARIO_RESTART && item->call->chunk_size == 1;
    if (item->call->is_at_most_once && item->n_starts > 1)
        accuse (sim, "at most once is never started twice", item, "was started again");
    if (is_adopted && n_running > 1)
        accuse (sim, "what runs is not started again", item, "runs twice at a time");
    if (is_strict (sim) && item->n_starts > 1 + n_ended (item))
        accuse (sim, "what has run is not started again", item, "was started again");
    judge_name (sim, item, name);
}

void judge_stop (sim_t *sim, const item_t *item)
{
    const call_t *call = item->call;
    bool is_wanted = !workload_is_unwanted (item) && !call->client->is_terminated;
    if (is_wanted && sim->scenario.kind <= SCENARIO_RESTART && call->chunk_size == 1 && item->n_stops > 0)
        accuse (sim, "what is wanted is not stopped", item, "was stopped");
}

void judge_hand (sim_t *sim, const sim_child_t *child, const item_t *item)
{
    const sim_client_t *client = item->call->client;
    const scenario_client_t *scenario = &sim->scenario.clients[client->number];
    bool has_own = scenario->initializer != INITIALIZER_NONE || scenario->max_tasks_per_child > 0;
    if (child->session != (has_own ? client->id : 0))
        accuse (sim, "children serve their session", item, "is given to a child of another session");
    if (child->state != CHILD_UP)
        accuse (sim, "work goes to children that are up", item, "is given to one that is not");
}

void judge_claim (sim_t *sim, const sim_child_t *child)
{
    const item_t *item = child->order->items[0];
    uint64_t n_most = sim->scenario.clients[item->call->client->number].max_tasks_per_child;
    if (n_most > 0 && child->n_given > n_most)
        accuse (sim, "a child has no more tasks than it may", item, "is one too many");
}

void judge_worker (sim_t *sim, const sim_worker_t *worker)
{
    size_t n_running = 0, n_most = sim->scenario.processes[worker->number];
    for (size_t i = 0; i < SIM_WORKER_PLACES && worker->children[i] != NULL; i++)
        n_running += worker->children[i]->order != NULL;
    if (n_running > n_most)
        sim_violate (sim, "no more children work than there are processes", "%zu work at %s, which has %zu",
                     n_running, worker->node.name, n_most);
}

/* ---- Outcomes ------------------------------------------------------------------------------- */

static bool is_right (const sim_t *sim, const item_t *item, const job_item_t *held)
{
    uint8_t value[WORKLOAD_VALUE];
    workload_value (&sim->workload, item, value);
    return item->n_values > 0 && held->value.len == sizeof value
           && memcmp (held->value.data, value, sizeof value) == 0;
}

static bool may_be_absent (const sim_t *sim, const call_t *call)
{
    bool is_special = call->require != NULL || strcmp (call->function, "rare") == 0;
    return strcmp (call->function, "nobodys") == 0 || (is_special && !is_strict (sim));
}

/* Is an error what truly happened? */
static bool is_true (const sim_t *sim, const item_t *item, const dpool_error_t *error)
{
    const call_t *call = item->call;
    bool was_stopped = workload_is_unwanted (item);
    unsigned n_deaths = call->is_at_most_once ? 1 : call->max_retries + 1;
    initializer_t initializer = sim->scenario.clients[call->client->number].initializer;
    switch (error->code) {
    case DPOOL_EFAILED:
        return item->n_failures > 0 && error->user_code == 7;
    case DPOOL_ECRASHED:
        return is_strict (sim) ? item->n_deaths == n_deaths : item->n_deaths >= n_deaths;
    case DPOOL_ETIMELIMIT:
        return item->n_overruns > 0;
    case DPOOL_ECANCELLED:
        /* An item inside a chunk that was stopped for another's sake is told as not started. */
        return was_stopped && item->n_starts <= (call->chunk_size != 1 ? item->n_stops : 0);
    case DPOOL_EKILLED:
        /* On a slow path the word on it may come too late. */
        return was_stopped && (item->n_starts > 0 || !is_calm (sim) || sim->scenario.has_huge_items);
    case DPOOL_ELOST:
        return call->is_at_most_once
               && (!is_strict (sim) || item->n_stops > 0 || (!is_calm (sim) && item->n_starts == 0));
    case DPOOL_ENOFUNCTION:
        return may_be_absent (sim, call);
    case DPOOL_EINITIALIZER:
        return initializer >= INITIALIZER_SHAKY
               || (initializer == INITIALIZER_GOOD && sim->scenario.failing_starts > 0);
    case DPOOL_EREFUSED: /* no worker for long: it drains and finishes a task elsewhere, or a large message is
                            still on its way to it from a broker that is gone */
        return faults_include (sim, FAULT_DRAIN_WORKER) || (sim->scenario.has_huge_items && !is_calm (sim));
    case DPOOL_EQUOTA: /* clients keep to what they were told: only what a broker forgot may be too much */
        return sim->scenario.quota_tasks > 0 && !is_calm (sim);
    case DPOOL_ETERMINATED:
        return call->client->is_terminated;
    default:
        return false;
    }
}

/* Where nothing else fails, an item's deed decides. 0 = a value; -1 = it cannot be told. */
static int foretell (const sim_t *sim, const item_t *item)
{
    const call_t *call = item->call;
    initializer_t initializer = sim->scenario.clients[call->client->number].initializer;
    if (workload_is_unwanted (item) || call->client->is_terminated || initializer == INITIALIZER_SHAKY
        || item->n_stops > 0)
        return -1;
    if (call->is_at_most_once && item->n_starts == 0 && !is_calm (sim))
        return -1; /* it may have been lost on its way */
    if (strcmp (call->function, "nobodys") == 0)
        return DPOOL_ENOFUNCTION;
    if (initializer == INITIALIZER_BAD)
        return DPOOL_EINITIALIZER;
    unsigned n_deaths = call->is_at_most_once ? 1 : call->max_retries + 1;
    switch (item->deed) {
    case DEED_FAIL:
        return DPOOL_EFAILED;
    case DEED_CRASH:
        return item->n_crashes >= n_deaths ? DPOOL_ECRASHED : 0;
    case DEED_HANG:
        return DPOOL_ETIMELIMIT;
    default:
        return 0;
    }
}

static void judge_outcome (sim_t *sim, item_t *item, const job_item_t *held)
{
    int code = held->error != NULL ? held->error->code : 0;
    item->has_outcome = true;
    item->code = code;
    if (held->error != NULL)
        SIM_TELL (sim, item->call->client->node.name, "item %zu of call %zu: %s", item->index,
                  item->call->number, held->error->message);
    if (code == 0 && !is_right (sim, item, held))
        accuse (sim, "values are right", item, "has another's value");
    else if (code != 0 && !is_true (sim, item, held->error))
        accuse (sim, "errors tell what happened", item, held->error->message);
    else if (is_strict (sim) && foretell (sim, item) >= 0 && foretell (sim, item) != code)
        accuse (sim, "outcomes are foretold where little fails", item,
                held->error != NULL ? held->error->message : "has a value");
}

void judge_call (sim_t *sim, call_t *call)
{
    const job_t *job = call->job;
    for (size_t i = job->base; i < job->next; i++) {
        const job_item_t *held = job_item (job, i);
        item_t *item = &call->items[i];
        bool is_finished = held->state == ITEM_FINISHED;
        if (is_finished && !item->has_outcome)
            judge_outcome (sim, item, held);
        else if (held->is_taken)
            continue;
        else if (item->has_outcome != is_finished
                 || (is_finished && item->code != (held->error != NULL ? held->error->code : 0)))
            accuse (sim, "an outcome is final", item, "has another outcome now");
    }
}

void judge_apply (sim_t *sim, item_t *item, const job_item_t *held)
{
    if (item->has_outcome)
        accuse (sim, "an outcome is final", item, "has another outcome now");
    judge_outcome (sim, item, held);
}

void judge_take (sim_t *sim, const call_t *call, size_t index)
{
    const item_t *item = &call->items[index];
    const job_item_t *held = job_item (call->job, index);
    if (!item->has_outcome)
        judge_outcome (sim, &call->items[index], held);
    if (held->is_taken)
        accuse (sim, "an imap gives each item once", item, "is given again");
}

/* ---- Turns ---------------------------------------------------------------------------------- */

void judge_client (sim_t *sim, const sim_client_t *client)
{
    size_t n_most = sim->scenario.clients[client->number].window_tasks;
    size_t n_tasks = sim_client_n_tasks (client);
    /* What has to be tried again goes before all else, whatever the window says. */
    if (is_calm (sim) && !sim->workload.has_culprits && !client->was_given_back && n_tasks > n_most)
        sim_violate (sim, "a client keeps to its window", "%s has %zu tasks under way, and may have %zu",
                     client->node.name, n_tasks, n_most);
}

void judge_broker (sim_t *sim, const sim_broker_t *broker)
{
    char text[256];
    sim_broker_audit_connections (broker, text, sizeof text);
    if (text[0] != '\0')
        sim_violate (sim, "a peer has one connection at a time", "%s", text);
    if (broker->node.n_turns % AUDIT_TURNS != 0)
        return;
    sim_broker_audit (broker, text, sizeof text);
    if (text[0] != '\0')
        sim_violate (sim, "a broker's figures are right", "%s", text);
    sim_broker_audit_room (broker, text, sizeof text);
    if (text[0] != '\0')
        sim_violate (sim, "a broker keeps to its memory", "%s", text);
}
