/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/scheduler_walk.h"

#include <string.h>

uint64_t walk_draw (walk_t *w, uint64_t n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random >> 11) % n;
}

bool walk_happens (walk_t *w, unsigned percent)
{
    return walk_draw (w, 100) < percent && !w->is_quiet;
}

/* ---- Clients ----------------------------------------------------------------------------------- */

walk_task_t *walk_task (walk_t *w, uint64_t session, uint64_t id)
{
    for (int c = 0; c < WALK_CLIENTS; c++)
        if (w->clients[c].peer->id == session && id >= 1 && id <= w->clients[c].n_tasks)
            return &w->clients[c].tasks[id - 1];
    return NULL;
}

bool walk_client_is_done (const walk_client_t *client)
{
    for (size_t i = 0; i < client->n_tasks; i++)
        if (!client->tasks[i].is_finished)
            return false;
    return true;
}

static void finish (walk_task_t *task, outcome_status_t status)
{
    if (task->is_finished)
        return;
    task->is_finished = true;
    task->status = status;
}

static void submit (walk_t *w, walk_client_t *client, walk_task_t *task)
{
    static const char *const names[] = { "work", "other" };
    if (task->n_submits == 0)
        task->incarnation = client->incarnation;
    task->was_elsewhere |= task->incarnation != client->incarnation;
    srig_submit_t submit = { .function = names[task->id % 5 == 0],
                             .require = task->id % 7 == 0 ? "label" : NULL,
                             .priority = (int64_t) (task->id % 3),
                             .base = task->n_submits++ * 1000,
                             .is_at_most_once = task->is_at_most_once };
    w->t->payload_len = 1 + task->id * 37 % 900;
    srig_submit_as (w->t, client->number, task->id, task->id, submit);
    if (walk_happens (w, 5)) /* what is known already changes nothing */
        srig_submit_as (w->t, client->number, task->id, task->id, submit);
}

static void take_missing (walk_t *w, walk_client_t *client, walk_task_t *task)
{
    if (task->is_finished)
        return;
    task->was_elsewhere |= task->incarnation != client->incarnation;
    if (task->is_cancelled)
        finish (task, OUTCOME_CANCELLED);
    else if (task->is_at_most_once && task->was_elsewhere)
        finish (task, OUTCOME_LOST);
    else
        submit (w, client, task);
}

void walk_client_connect (walk_t *w, walk_client_t *client)
{
    srig_client_hello (w->t, client->number);
    client->incarnation += !client->peer->welcome.is_session_kept;
    for (size_t i = 0; i < client->n_tasks; i++) {
        const walk_task_t *task = &client->tasks[i];
        if (task->is_finished)
            continue;
        if (task->is_at_most_once)
            srig_claim_once (w->t, client->number, task->id, task->id);
        else
            srig_claim (w->t, client->number, task->id, task->id, false);
        if (walk_happens (w, 1)) {
            srig_break (w->t, client->peer);
            return;
        }
    }
    srig_claim_none (w->t, client->number);
    for (size_t i = 0; i < client->n_tasks; i++)
        if (client->tasks[i].is_cancelled && !client->tasks[i].is_finished)
            srig_cancel (w->t, client->number, client->tasks[i].id, client->tasks[i].id);
}

void walk_client_take (walk_t *w, walk_client_t *client)
{
    srig_peer_t *peer = client->peer;
    for (size_t i = 0; i < peer->results.n; i++) {
        const srig_row_t *row = &peer->results.rows[i];
        assert_in_range (row->id, 1, client->n_tasks);
        walk_task_t *task = &client->tasks[row->id - 1];
        task->n_results += row->is_final && !task->is_finished;
        if (row->is_final)
            finish (task, row->status);
    }
    size_t n_missing = peer->n_missing;
    for (size_t i = 0; i < n_missing && peer->connection != 0; i++)
        for (uint64_t id = peer->missing[i].first; id <= peer->missing[i].last; id++) {
            assert_in_range (id, 1, client->n_tasks);
            take_missing (w, client, &client->tasks[id - 1]);
        }
    if (peer->results.n > 0 && peer->connection != 0 && (w->is_quiet || walk_draw (w, 3) > 0))
        srig_ack (w->t, client->number);
}

static void leave (walk_t *w, walk_client_t *client)
{
    srig_bare (w->t, client->peer, WIRE_BYE);
    memset (client->tasks, 0, sizeof client->tasks);
    client->n_tasks = 0;
    client->peer->id = ++w->last_id;
    client->peer->n_hellos = 0;
}

void walk_client_act (walk_t *w, walk_client_t *client)
{
    if (client->peer->connection == 0)
        return;
    for (uint64_t n = walk_draw (w, 6); n > 0 && client->n_tasks < WALK_TASKS && !w->is_quiet; n--) {
        walk_task_t *task = &client->tasks[client->n_tasks++];
        *task = (walk_task_t) { .id = client->n_tasks, .is_at_most_once = walk_draw (w, 4) == 0 };
        submit (w, client, task);
    }
    if (client->n_tasks > 0 && walk_happens (w, 10)) {
        walk_task_t *task = &client->tasks[walk_draw (w, client->n_tasks)];
        task->is_cancelled |= !task->is_finished;
        if (task->is_cancelled)
            srig_cancel (w->t, client->number, task->id, task->id);
    }
    if (walk_happens (w, 5))
        srig_query (w->t, client->number, WIRE_QUERY_EXPLAIN, walk_draw (w, WALK_TASKS));
    if (walk_happens (w, 1))
        leave (w, client);
}

/* ---- Workers ----------------------------------------------------------------------------------- */

static void remove_run (walk_worker_t *worker, size_t i)
{
    worker->runs[i] = worker->runs[--worker->n_runs];
}

static walk_run_t *find_run (walk_worker_t *worker, uint64_t session, uint64_t id, uint64_t attempt)
{
    for (size_t i = 0; i < worker->n_runs; i++)
        if (worker->runs[i].session == session && worker->runs[i].id == id
            && worker->runs[i].attempt == attempt)
            return &worker->runs[i];
    return NULL;
}

void walk_worker_broken (walk_t *w, walk_worker_t *worker)
{
    for (size_t i = 0; i < worker->n_runs; i++) {
        if (!worker->runs[i].is_orphan)
            worker->runs[i].orphaned_at_ms = w->t->now_ms;
        worker->runs[i].is_orphan = true;
        worker->runs[i].is_sent = false;
    }
    worker->n_sent = 0;
    worker->n_acked = 0;
}

void walk_worker_connect (walk_t *w, walk_worker_t *worker)
{
    static const char *const names[] = { "work", "other" };
    worker->window = 1 + walk_draw (w, 8);
    srig_hello_t hello = { .window = worker->window, .processes = 1 + walk_draw (w, 3) };
    memcpy (hello.functions, names, sizeof names);
    hello.labels[0] = worker->number == 1 ? "label" : NULL;
    srig_worker_hello (w->t, worker->number, hello);
    wire_batch_t batch = { 0 };
    for (size_t i = 0; i < worker->n_runs; i++) {
        const walk_run_t *run = &worker->runs[i];
        wire_run_t row
            = { .session = run->session, .id = run->id, .attempt = run->attempt, .state = run->state };
        wire_add_run (&batch, &w->t->out, 0, WIRE_RUNS, &row);
    }
    wire_end_list (&batch, &w->t->out, 0, WIRE_RUNS, 0);
    srig_send (w->t, worker->peer->connection);
}

static void send_result (walk_t *w, walk_worker_t *worker, walk_run_t *run)
{
    wire_batch_t batch = { 0 };
    wire_result_t result = { .session = run->session,
                             .id = run->id,
                             .attempt = run->attempt,
                             .status = run->status,
                             .is_final = true,
                             .n_items = 1,
                             .run_us = walk_draw (w, 20000),
                             .payload = { (const uint8_t *) "\x00\x01", 2, 0 } };
    int n = walk_happens (w, 5) ? 2 : 1;
    for (int i = 0; i < n; i++) {
        assert_true (worker->n_sent < WALK_RUNS);
        worker->sent[worker->n_sent].session = run->session;
        worker->sent[worker->n_sent].id = run->id;
        worker->sent[worker->n_sent++].attempt = run->attempt;
        wire_add_result (&batch, &w->t->out, 0, &result, NULL);
    }
    run->is_sent = true;
    wire_flush (&batch, &w->t->out, 0, 0, 0);
    srig_send (w->t, worker->peer->connection);
}

static void take_task (walk_t *w, walk_worker_t *worker, const srig_row_t *row)
{
    if (find_run (worker, row->session, row->id, row->attempt) != NULL)
        return;
    walk_task_t *task = walk_task (w, row->session, row->id);
    for (size_t i = 0; task != NULL && i < task->n_given; i++)
        if (task->given[i] == row->attempt)
            fail_msg ("seed %lu: task %llu is given away twice as attempt %llu", w->seed,
                      (unsigned long long) row->id, (unsigned long long) row->attempt);
    if (task != NULL && task->n_given < 32)
        task->given[task->n_given++] = row->attempt;
    assert_true (worker->n_runs < WALK_RUNS);
    worker->runs[worker->n_runs++] = (walk_run_t) {
        .session = row->session, .id = row->id, .attempt = row->attempt, .state = WIRE_RUN_WAITING
    };
}

static void take_cancel (walk_worker_t *worker, const srig_row_t *row)
{
    walk_run_t *run = find_run (worker, row->session, row->id, row->attempt);
    if (run != NULL && run->is_orphan)
        remove_run (worker, (size_t) (run - worker->runs));
    else if (run != NULL)
        run->is_cancelled = true;
}

static void take_end (walk_worker_t *worker, uint64_t session)
{
    for (size_t i = worker->n_runs; i-- > 0;)
        if (worker->runs[i].session == session && !worker->runs[i].is_orphan)
            remove_run (worker, i);
}

static void take_acks (walk_worker_t *worker)
{
    assert_true (worker->peer->ack <= worker->n_sent);
    for (; worker->n_acked < worker->peer->ack; worker->n_acked++) {
        walk_run_t *run = find_run (worker, worker->sent[worker->n_acked].session,
                                    worker->sent[worker->n_acked].id, worker->sent[worker->n_acked].attempt);
        if (run != NULL)
            remove_run (worker, (size_t) (run - worker->runs));
    }
}

/* What is adopted later may be more than the window; what is given away may not. */
static void check_window (const walk_t *w, const walk_worker_t *worker)
{
    size_t n = 0;
    for (size_t i = 0; i < worker->n_runs; i++)
        n += !worker->runs[i].is_orphan && !worker->runs[i].is_adopted
             && worker->runs[i].state != WIRE_RUN_DONE;
    if (n > worker->window)
        fail_msg ("seed %lu: worker %d has %zu runs, its window is %llu", w->seed, worker->number, n,
                  (unsigned long long) worker->window);
}

void walk_worker_take (walk_t *w, walk_worker_t *worker)
{
    srig_peer_t *peer = worker->peer;
    take_acks (worker);
    for (size_t i = 0; i < peer->adopts.n; i++) {
        const srig_row_t *row = &peer->adopts.rows[i];
        walk_run_t *run = find_run (worker, row->session, row->id, row->attempt);
        if (run != NULL) {
            run->is_orphan = false;
            run->is_adopted = true;
        }
    }
    for (size_t i = 0; i < peer->tasks.n; i++)
        take_task (w, worker, &peer->tasks.rows[i]);
    for (size_t i = 0; i < peer->cancels.n; i++)
        take_cancel (worker, &peer->cancels.rows[i]);
    for (size_t i = 0; i < peer->n_ends; i++)
        take_end (worker, peer->ends[i]);
    if (peer->tasks.n > 0)
        check_window (w, worker);
}

static void start_run (walk_t *w, walk_run_t *run)
{
    walk_task_t *task = walk_task (w, run->session, run->id);
    run->state = WIRE_RUN_RUNNING;
    if (task != NULL && ++task->n_starts > 1 && task->is_at_most_once)
        fail_msg ("seed %lu: task %llu is started twice", w->seed, (unsigned long long) run->id);
}

static void end_run (walk_t *w, walk_run_t *run)
{
    bool is_killed = run->is_cancelled && walk_draw (w, 2) == 0;
    run->status = is_killed ? OUTCOME_KILLED : walk_happens (w, 5) ? OUTCOME_CRASHED : OUTCOME_VALUE;
    run->state = WIRE_RUN_DONE;
}

/* What was handed back did not start: the same attempt may be given away again. */
static void forget_given (walk_t *w, const walk_run_t *run)
{
    walk_task_t *task = walk_task (w, run->session, run->id);
    for (size_t i = 0; task != NULL && i < task->n_given; i++)
        if (task->given[i] == run->attempt)
            task->given[i] = 0;
}

static bool hand_back (walk_t *w, walk_worker_t *worker, size_t i)
{
    walk_run_t *run = &worker->runs[i];
    if (run->is_orphan || run->is_cancelled || worker->peer->connection == 0 || !walk_happens (w, 10))
        return false;
    wire_batch_t batch = { 0 };
    wire_run_t row = { .session = run->session, .id = run->id, .attempt = run->attempt };
    wire_add_run (&batch, &w->t->out, 0, WIRE_RELEASE, &row);
    worker->window = walk_happens (w, 30) ? 1 + walk_draw (w, 8) : worker->window;
    wire_flush (&batch, &w->t->out, 0, worker->window, 0);
    forget_given (w, run);
    remove_run (worker, i);
    srig_send (w->t, worker->peer->connection);
    return true;
}

void walk_worker_act (walk_t *w, walk_worker_t *worker)
{
    for (size_t i = worker->n_runs; i-- > 0;) {
        walk_run_t *run = &worker->runs[i];
        if (run->is_orphan && w->t->now_ms - run->orphaned_at_ms > 60000) {
            remove_run (worker, i);
            continue;
        }
        if (run->state == WIRE_RUN_WAITING && walk_draw (w, 2) == 0) {
            if (hand_back (w, worker, i))
                continue;
            if (run->is_cancelled) {
                run->state = WIRE_RUN_DONE;
                run->status = OUTCOME_CANCELLED;
            } else
                start_run (w, run);
        } else if (run->state == WIRE_RUN_RUNNING && walk_draw (w, 3) == 0)
            end_run (w, run);
        if (run->state == WIRE_RUN_DONE && !run->is_orphan && !run->is_sent && worker->peer->connection != 0)
            send_result (w, worker, run);
    }
}

/* ---- The books --------------------------------------------------------------------------------- */

static size_t length (const dp_list_t *list)
{
    size_t n = 0;
    for (const dp_list_t *node = list->next; node != list; node = node->next)
        n++;
    return n;
}

static void check_task (const task_t *task)
{
    assert_true (!dp_list_is_empty (&task->in_place) || (task->state == TASK_FINISHED && task->has_runs));
    assert_true ((scheduler_worker_of (task) != NULL) == (task->state == TASK_ASSIGNED));
    if (task->state == TASK_QUEUED)
        assert_true (task->has_lane && !task->is_cancelled);
    if (task->state == TASK_FINISHED)
        assert_true (!task->has_lane && (!task->has_runs || !dp_list_is_empty (&task->by.runs->held)));
    if (task->has_runs)
        assert_true (task->by.runs->attempt <= task->by.runs->last_attempt);
}

static void check_routes (const session_record_t *session)
{
    size_t n_queued = length (&session->graced), n_waiting = 0, n_idle = 0;
    for (const dp_map_node_t *node = dp_map_first (&session->routes); node != NULL;
         node = dp_map_next (&session->routes, node)) {
        const route_t *route = DP_CONTAINER (node, route_t, by_names);
        size_t n = 0, n_held = 0;
        for (const dp_map_node_t *at = dp_map_first (&route->lanes); at != NULL;
             at = dp_map_next (&route->lanes, at)) {
            const lane_t *lane = DP_CONTAINER (at, lane_t, by_priority);
            assert_int_equal (lane->n_queued, length (&lane->queue));
            assert_true ((lane->by_rank.place != 0) == (lane->n_queued > 0));
            assert_true (lane->n_tasks > 0 || lane == route->last);
            assert_true (lane->n_tasks >= lane->n_queued && lane->route == route);
            n += lane->n_queued;
            n_held += lane->n_tasks > 0;
        }
        assert_int_equal (n, route->n_queued);
        assert_true (dp_list_is_empty (&route->in_waiting) == (n == 0));
        n_queued += n;
        n_waiting += n > 0;
        assert_int_equal (n_held, route->n_held_lanes);
        n_idle += n_held == 0;
    }
    assert_int_equal (n_queued, session->n_queued);
    assert_int_equal (n_waiting, length (&session->waiting));
    assert_int_equal (n_idle, session->n_idle);
}

/* Returns their bytes. */
static uint64_t check_held (const dp_list_t *list, bool is_sent)
{
    uint64_t bytes = 0;
    for (const dp_list_t *node = list->next; node != list; node = node->next) {
        const held_t *held = DP_CONTAINER (node, held_t, in_session);
        assert_true (held->is_sent == is_sent);
        assert_true (held->task != NULL || held->is_sent);
        bytes += held->len;
    }
    return bytes;
}

static int64_t priority_of (const task_t *task)
{
    return (int64_t) task->of.lane->by_priority.key;
}

/* What is due next is what looking at all that is queued finds. */
static void check_order (const session_record_t *session)
{
    const task_t *first = NULL;
    for (const dp_list_t *node = session->waiting.next; node != &session->waiting; node = node->next) {
        const task_t *task = scheduler_next_task (DP_CONTAINER (node, route_t, in_waiting));
        if (first == NULL || priority_of (task) > priority_of (first)
            || (priority_of (task) == priority_of (first) && task->by_id.key < first->by_id.key))
            first = task;
    }
    assert_ptr_equal (first, scheduler_next_of_session (session));
}

/* The account of a session without a key has what the session has. */
static void check_account (const session_record_t *session, uint64_t n_unfinished)
{
    const account_t *account = session->peer.account;
    if (account->owner[0] != '\0')
        return; /* others have it too */
    assert_int_equal (account->n_tasks, n_unfinished);
    assert_int_equal (account->bytes, session->task_bytes + session->held_bytes);
    assert_int_equal (account->n_sessions, 1);
    assert_int_equal (account->n_peers, 1);
}

/* Whoever has a task that a worker could run now, and is there to take its result, is among those that are
   looked at for that worker. */
static void check_hunger (const scheduler_t *scheduler, const session_record_t *session)
{
    bool is_waiting = !dp_list_is_empty (&session->waiting);
    bool is_served = session->peer.connection != 0 && !session->is_full;
    for (size_t i = 0; i < SCHEDULER_TRADES; i++) {
        const trade_t *trade = &scheduler->trades[i];
        size_t place = session->by_use[i].place;
        assert_true (place == 0 || (is_waiting && trade->n_workers > 0));
        assert_true (place == 0 || trade->hungry.nodes[place - 1] == &session->by_use[i]);
    }
    for (const dp_list_t *node = scheduler->all_workers.next; is_served && node != &scheduler->all_workers;
         node = node->next) {
        const worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        for (const dp_list_t *at = session->waiting.next; at != &session->waiting; at = at->next)
            assert_true (!scheduler_can_run (worker, DP_CONTAINER (at, route_t, in_waiting))
                         || session->by_use[worker->trade - scheduler->trades].place != 0);
    }
}

static void check_session (const scheduler_t *scheduler, const session_record_t *session,
                           scheduler_stats_t *sum)
{
    size_t n_assigned = 0;
    check_routes (session);
    uint64_t sent = check_held (&session->sent, true), unsent = check_held (&session->unsent, false);
    uint64_t n_sent = length (&session->sent), n_unsent = length (&session->unsent);
    assert_int_equal (session->sent_bytes, sent + n_sent * WIRE_RECORD_BYTES);
    assert_int_equal (session->held_bytes, sent + unsent + (n_sent + n_unsent) * WIRE_RECORD_BYTES);
    sum->payload_bytes += sent + unsent;
    uint64_t task_bytes = 0, n_unfinished = 0;
    for (const dp_map_node_t *node = dp_map_first (&session->tasks); node != NULL;
         node = dp_map_next (&session->tasks, node)) {
        const task_t *task = DP_CONTAINER (node, task_t, by_id);
        check_task (task);
        sum->payload_bytes += task->payload_len;
        n_unfinished += task->state != TASK_FINISHED;
        task_bytes += task->state == TASK_FINISHED ? 0 : task->payload_len + WIRE_RECORD_BYTES;
        sum->n_queued += task->state == TASK_QUEUED;
        sum->n_finished += task->state == TASK_FINISHED;
        n_assigned += task->state == TASK_ASSIGNED;
    }
    check_order (session);
    check_hunger (scheduler, session);
    assert_int_equal (n_assigned, session->n_assigned);
    assert_int_equal (task_bytes, session->task_bytes);
    check_account (session, n_unfinished);
    sum->n_assigned += n_assigned;
}

static void check_worker (const scheduler_t *scheduler, const worker_record_t *worker)
{
    uint64_t bytes = 0;
    for (const dp_list_t *node = worker->runs.next; node != &worker->runs; node = node->next)
        bytes += DP_CONTAINER (node, task_t, in_place)->payload_len;
    assert_int_equal (bytes, worker->run_bytes);
    size_t n = length (&worker->runs) + worker->ghosts.count;
    assert_int_equal (length (&worker->runs), worker->n_runs);
    bool has_room = worker->peer.connection != 0 && !worker->is_draining && !worker->is_listing
                    && !worker->is_suspect && n < worker->window
                    && (n == 0 || bytes < scheduler_window_bytes (scheduler, worker));
    assert_true ((worker->by_load.place != 0) == has_room);
}

void walk_check (const scheduler_t *scheduler)
{
    scheduler_stats_t stats, sum = { 0 };
    scheduler_stats (scheduler, &stats);
    for (const dp_map_node_t *node = dp_map_first (&scheduler->sessions); node != NULL;
         node = dp_map_next (&scheduler->sessions, node))
        check_session (scheduler, DP_CONTAINER (node, session_record_t, peer.by_id), &sum);
    size_t n_runs = 0, n_orphans = 0;
    for (const dp_map_node_t *node = dp_map_first (&scheduler->workers); node != NULL;
         node = dp_map_next (&scheduler->workers, node)) {
        const worker_record_t *worker = DP_CONTAINER (node, worker_record_t, peer.by_id);
        check_worker (scheduler, worker);
        n_runs += worker->n_runs;
        n_orphans += length (&worker->orphans);
    }
    assert_int_equal (stats.n_queued, sum.n_queued);
    assert_int_equal (stats.n_assigned, sum.n_assigned);
    assert_int_equal (stats.n_assigned, n_runs);
    assert_int_equal (stats.n_finished, sum.n_finished);
    assert_int_equal (stats.payload_bytes, sum.payload_bytes);
    assert_int_equal (scheduler->orphans.count, n_orphans);
}
