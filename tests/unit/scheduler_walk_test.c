/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_walk_test.c - clients and workers that are connected, broken, restarted, killed, slow and said
 * twice at random, and a broker that is now and then started anew. After each step
 *
 *   - the scheduler's books agree with one another, and a task is in exactly one place;
 *   - no worker was given more than its window, and no attempt of a task twice;
 *   - what may run at most once was not started twice.
 *
 * At last all is quiet; then each task of each client that is still there has ended exactly once, by a result
 * or, where no broker knew it any more, by its client; and nothing is left.
 */
#include "tests/unit/scheduler_walk.h"

#include "core/memory.h"
#include "tests/support/walks.h"

#include <string.h>

enum { N_STEPS = 250, MOST_QUIET_STEPS = 3000 };

/* ---- What happens to peers ---------------------------------------------------------------------- */

static void forget (srig_peer_t *peer)
{
    peer->tasks.n = peer->adopts.n = peer->cancels.n = peer->results.n = peer->progress.n = 0;
    peer->n_missing = peer->n_sessions = peer->n_ends = 0;
}

/* What was on its way is lost with the connection. */
static void break_peer (walk_t *w, srig_peer_t *peer)
{
    if (peer->connection != 0)
        srig_break (w->t, peer);
    forget (peer);
}

static void restart_broker (walk_t *w)
{
    for (int c = 0; c < WALK_CLIENTS; c++)
        break_peer (w, w->clients[c].peer);
    for (int i = 0; i < WALK_WORKERS; i++) {
        break_peer (w, w->workers[i].peer);
        walk_worker_broken (w, &w->workers[i]);
    }
    scheduler_destroy (&w->t->scheduler);
    w->t->scheduler = scheduler_new (&(scheduler_config_t) { .epoch = ++w->epoch }, w->t->now_ms);
}

static void kill_worker (walk_t *w, walk_worker_t *worker)
{
    break_peer (w, worker->peer);
    walk_worker_broken (w, worker);
    worker->n_runs = 0;
    worker->peer->id = ++w->last_id;
    worker->peer->n_hellos = 0;
}

static void step_client (walk_t *w, walk_client_t *client)
{
    if (walk_happens (w, 2))
        break_peer (w, client->peer);
    if (client->peer->connection == 0 && (w->is_quiet || walk_draw (w, 5) == 0)) {
        forget (client->peer);
        walk_client_connect (w, client);
    }
    if (walk_happens (w, 10))
        return; /* slow: it reads next time */
    walk_client_take (w, client);
    forget (client->peer);
    walk_client_act (w, client);
}

static void step_worker (walk_t *w, walk_worker_t *worker)
{
    if (walk_happens (w, 3))
        break_peer (w, worker->peer);
    if (walk_happens (w, 1))
        kill_worker (w, worker);
    if (worker->peer->connection == 0) { /* broken; or it was slow, and the broker has given it up */
        forget (worker->peer);
        walk_worker_broken (w, worker);
        if (w->is_quiet || walk_draw (w, 3) == 0)
            walk_worker_connect (w, worker);
    }
    if (walk_happens (w, 10))
        return;
    if (worker->peer->connection != 0)
        walk_worker_take (w, worker);
    forget (worker->peer);
    walk_worker_act (w, worker);
    if (worker->peer->connection != 0)
        srig_bare (w->t, worker->peer, WIRE_PONG);
}

static void pass (walk_t *w)
{
    if (walk_happens (w, 1))
        srig_live (w->t, 61000); /* whoever is away now is gone */
    else if (walk_happens (w, 2))
        srig_pass (w->t, 2000 + (int64_t) walk_draw (w, 5000)); /* everybody is slow */
    else if (walk_happens (w, 2))
        srig_jump (w->t, 20000); /* the broker is */
    else
        w->t->now_ms += (int64_t) walk_draw (w, 300);
}

static void step (walk_t *w)
{
    if (walk_happens (w, 1))
        restart_broker (w);
    for (int c = 0; c < WALK_CLIENTS; c++)
        step_client (w, &w->clients[c]);
    for (int i = 0; i < WALK_WORKERS; i++)
        step_worker (w, &w->workers[i]);
    walk_check (w->t->scheduler);
    srig_turn (w->t);
    walk_check (w->t->scheduler);
    pass (w);
    walk_check (w->t->scheduler);
}

/* ---- Walks -------------------------------------------------------------------------------------- */

static bool is_done (const walk_t *w)
{
    for (int c = 0; c < WALK_CLIENTS; c++)
        if (!walk_client_is_done (&w->clients[c]))
            return false;
    scheduler_stats_t stats = srig_stats (w->t);
    return stats.n_queued + stats.n_assigned + stats.n_finished == 0;
}

static bool is_right (const walk_task_t *task)
{
    switch (task->status) {
    case OUTCOME_VALUE:
    case OUTCOME_CRASHED:
        return task->n_starts > 0;
    case OUTCOME_CANCELLED:
    case OUTCOME_KILLED:
        return task->is_cancelled;
    case OUTCOME_LOST: /* it takes ten losses of workers, too */
        return task->is_at_most_once || task->n_given >= SCHEDULER_MAX_LOSSES / 2;
    case OUTCOME_NO_FUNCTION: /* a new broker has not seen the only worker with the label */
        return task->id % 7 == 0;
    default:
        return task->status == OUTCOME_REFUSED; /* no worker came for long */
    }
}

static void check_outcomes (const walk_client_t *client)
{
    for (size_t i = 0; i < client->n_tasks; i++) {
        const walk_task_t *task = &client->tasks[i];
        assert_true (task->is_finished);
        assert_true (task->n_results <= 1);
        assert_true (task->n_results == 1 || task->is_cancelled || task->is_at_most_once);
        if (!is_right (task))
            fail_msg ("seed %lu: task %zu ended as '%s'", walk_seed, i + 1, outcome_name (task->status));
    }
}

static walk_t *new_walk (void)
{
    walk_t *w = dp_must_alloc (sizeof *w);
    w->t = srig_new ();
    w->seed = walk_seed;
    w->random = walk_seed * UINT64_C (0x9E3779B97F4A7C15) + 1;
    w->epoch = 7;
    w->last_id = 1000;
    for (int c = 0; c < WALK_CLIENTS; c++) {
        w->clients[c].number = c + 1;
        w->clients[c].peer = &w->t->clients[c + 1];
    }
    for (int i = 0; i < WALK_WORKERS; i++) {
        w->workers[i].number = i + 1;
        w->workers[i].peer = &w->t->workers[i + 1];
    }
    return w;
}

static void walk (void)
{
    walk_t *w = new_walk ();
    for (int i = 0; i < N_STEPS; i++)
        step (w);
    w->is_quiet = true;
    for (int i = 0; i < MOST_QUIET_STEPS && !is_done (w); i++)
        step (w);
    if (!is_done (w))
        fail_msg ("seed %lu: it never becomes quiet", walk_seed);
    for (int c = 0; c < WALK_CLIENTS; c++)
        check_outcomes (&w->clients[c]);
    srig_free (&w->t);
    dp_free (w);
}

int main (int argc, char **argv)
{
    return run_walks (argc, argv, "each_task_ends_exactly_once_whatever_happens", 60, walk);
}
