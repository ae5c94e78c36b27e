/* SPDX-License-Identifier: MPL-2.0 */
/*
 * session_walk_test.c - a session against a broker that does everything at random: values, failures, crashes,
 * time-outs, parts, lost workers, broken connections, lost WELCOMEs, restarts, expired leases, missing tasks.
 * At last all is quiet; then
 *
 *   - each item has exactly one outcome, and it is the right one for what the broker did with it;
 *   - what may run at most once was not started twice;
 *   - nothing is left in the session's books.
 */
#include "tests/unit/session_fixture.h"

#include "core/memory.h"
#include "tests/support/walks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_JOBS = 12, MAX_ITEMS = 40, MAX_TASKS = 2048, MAX_HELD = 8192, N_STEPS = 600 };

/* ---- The model ------------------------------------------------------------------------------- */

typedef struct call_s {
    job_t *job; /* NULL once released */
    job_spec_t spec;
    size_t n_items, n_appended, n_taken;
    bool is_stream, was_cancelled;
    unsigned n_starts[MAX_ITEMS], n_crashes[MAX_ITEMS];
    bool has_timed_out[MAX_ITEMS], is_taken[MAX_ITEMS];
} call_t;

typedef struct held_s { /* a result that is not acknowledged yet */
    fixture_task_t task;
    outcome_status_t status;
    bool is_final;
    size_t first, n;
    dp_buffer_t row;
} held_t;

typedef struct run_s { /* a task at the broker */
    fixture_task_t task;
    uint64_t attempt;
    size_t n_done, n_told; /* items that were run, and of them those that stand in results */
    bool is_over, is_cancelled, is_used;
} run_t;

typedef struct walk_s {
    fixture_t *f;
    uint64_t random;
    call_t calls[N_JOBS];
    size_t n_calls;
    run_t runs[MAX_TASKS];
    held_t held[MAX_HELD];
    size_t n_held, n_sent; /* the first n_sent of them went out on this connection */
    uint64_t n_acked;      /* on this connection */
    size_t n_hellos;
    bool has_session, is_quiet;
} walk_t;

static uint64_t draw (walk_t *w, uint64_t n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random >> 11) % n;
}

/* percent of the time, and never once it is to become quiet */
static bool happens (walk_t *w, unsigned percent)
{
    return draw (w, 100) < percent && !w->is_quiet;
}

static call_t *call_of (walk_t *w, const fixture_task_t *task)
{
    assert_in_range (task->job, 1, w->n_calls);
    return &w->calls[task->job - 1];
}

/* Some functions fail for some items, always. */
static bool must_fail (const call_t *call, size_t index)
{
    return (index * 7 + call->spec.chunk_size) % 11 == 3;
}

/* ---- The broker ------------------------------------------------------------------------------ */

static void drop_held (walk_t *w, size_t i)
{
    dp_buffer_fini (&w->held[i].row);
    memmove (&w->held[i], &w->held[i + 1], (--w->n_held - i) * sizeof w->held[0]);
}

static void forget_all (walk_t *w)
{
    while (w->n_held > 0)
        drop_held (w, w->n_held - 1);
    w->n_sent = 0;
    memset (w->runs, 0, sizeof w->runs);
    w->has_session = false;
}

static void send_held (walk_t *w)
{
    for (; w->n_sent < w->n_held && session_is_connected (w->f->session); w->n_sent++) {
        held_t *held = &w->held[w->n_sent];
        fixture_result (w->f, &held->task, held->status, held->is_final, held->first, held->n, &held->row);
    }
}

static run_t *run_of (walk_t *w, uint64_t id)
{
    for (size_t i = 0; i < MAX_TASKS; i++)
        if (w->runs[i].is_used && w->runs[i].task.id == id)
            return &w->runs[i];
    return NULL;
}

/* A result of what was run since the last; its row is filled in by the caller. */
static held_t *hold (walk_t *w, run_t *run, outcome_status_t status, bool is_final)
{
    assert_true (w->n_held < MAX_HELD);
    held_t *held = &w->held[w->n_held++];
    memset (held, 0, sizeof *held);
    held->task = run->task;
    held->task.base = run->attempt - 1; /* fixture_result adds one */
    held->status = status;
    held->is_final = is_final;
    held->first = run->n_told;
    const call_t *call = call_of (w, &run->task);
    for (size_t i = run->n_told; i < run->n_done; i++) {
        if (must_fail (call, run->task.first + i))
            outcome_put_error (&held->row, OUTCOME_FAILED, NULL);
        else
            fixture_put_values (&held->row, &run->task, i, 1);
    }
    held->n = run->n_done - run->n_told;
    run->n_told = run->n_done;
    run->is_over |= is_final;
    return held;
}

static void start_item (walk_t *w, const run_t *run)
{
    call_t *call = call_of (w, &run->task);
    size_t index = run->task.first + run->n_done;
    if (++call->n_starts[index] > 1 && call->spec.is_at_most_once)
        fail_msg ("seed %lu: item %zu of call %llu is started twice", walk_seed, index,
                  (unsigned long long) run->task.job);
}

/* The item that runs ends the task. Workers do not always get to say what did not start. */
static void end_by_item (walk_t *w, run_t *run, outcome_status_t status)
{
    call_t *call = call_of (w, &run->task);
    size_t index = run->task.first + run->n_done;
    start_item (w, run);
    call->n_crashes[index] += status == OUTCOME_CRASHED;
    call->has_timed_out[index] |= status == OUTCOME_TIMED_OUT;
    held_t *held = hold (w, run, status, true);
    if (happens (w, 20))
        return;
    outcome_put_error (&held->row, status, NULL);
    held->n++;
    for (size_t i = run->n_done + 1; i < run->task.n && !happens (w, 3); i++, held->n++)
        outcome_put_not_started (&held->row);
}

static void end_task (walk_t *w, run_t *run, outcome_status_t status)
{
    hold (w, run, status, true);
}

static void lose_worker (walk_t *w, run_t *run)
{
    if (run->n_done > 0 && run->task.is_at_most_once)
        end_task (w, run, OUTCOME_LOST);
    else {
        run->attempt++;
        run->n_done = run->n_told; /* what was told is known; the rest is run again */
    }
}

static void work (walk_t *w, run_t *run)
{
    if (happens (w, 4))
        end_by_item (w, run, OUTCOME_CRASHED);
    else if (happens (w, 2))
        end_by_item (w, run, OUTCOME_TIMED_OUT);
    else if (happens (w, 3))
        lose_worker (w, run);
    else if (happens (w, 1) && run->n_done == 0 && session_is_connected (w->f->session)) {
        run->is_used = false;
        fixture_missing (w->f, run->task.id, run->task.id);
    } else if (run->is_cancelled && draw (w, 3) == 0)
        end_task (w, run, run->n_done > 0 ? OUTCOME_KILLED : OUTCOME_CANCELLED);
    else {
        if (happens (w, 5))
            fixture_running (w->f, &run->task);
        start_item (w, run);
        run->n_done++;
        if (run->n_done == run->task.n)
            end_task (w, run, OUTCOME_VALUE);
        else if (draw (w, 4) == 0)
            hold (w, run, OUTCOME_VALUE, false);
    }
}

/* ---- What the session says ------------------------------------------------------------------- */

static void take_acks (walk_t *w)
{
    assert_true (w->f->last_ack <= w->n_acked + w->n_sent);
    for (; w->n_acked < w->f->last_ack; w->n_acked++) {
        run_t *run = run_of (w, w->held[0].task.id);
        if (run != NULL && w->held[0].is_final)
            run->is_used = false;
        drop_held (w, 0);
        w->n_sent--;
    }
}

static bool is_claimed (const fixture_t *f, uint64_t id)
{
    for (size_t i = 0; i < f->n_claims; i++)
        if (id >= f->claims[i].first && id <= f->claims[i].last)
            return true;
    return false;
}

static void take_claims (walk_t *w)
{
    const fixture_t *f = w->f;
    for (size_t i = 0; i < MAX_TASKS; i++)
        if (w->runs[i].is_used && !is_claimed (f, w->runs[i].task.id))
            w->runs[i].is_used = false;
    for (size_t i = w->n_held; i-- > 0;)
        if (!is_claimed (f, w->held[i].task.id))
            drop_held (w, i);
    for (size_t i = 0; i < f->n_claims; i++)
        for (uint64_t id = f->claims[i].first; id <= f->claims[i].last; id++)
            if (run_of (w, id) == NULL)
                fixture_missing (w->f, id, id);
}

static void take_task (walk_t *w, const fixture_task_t *task)
{
    assert_null (run_of (w, task->id));
    for (size_t i = 0; i < MAX_TASKS; i++)
        if (!w->runs[i].is_used) {
            w->runs[i] = (run_t) { .task = *task, .attempt = task->base + 1, .is_used = true };
            return;
        }
    fail_msg ("seed %lu: the broker is full", walk_seed);
}

static void take_cancels (walk_t *w)
{
    for (size_t i = 0; i < w->f->n_cancels; i++) {
        uint64_t id = w->f->cancels[i].first;
        run_t *run = run_of (w, id);
        if (run != NULL)
            run->is_cancelled = true;
        else
            fixture_missing (w->f, id, id);
    }
}

static void greet (walk_t *w)
{
    if (happens (w, 10))
        forget_all (w), w->f->epoch++; /* it was restarted in between */
    if (happens (w, 10))
        forget_all (w); /* the lease is over */
    bool is_kept = w->has_session;
    w->has_session = true;
    w->n_sent = 0;
    w->n_acked = 0;
    if (happens (w, 15))
        session_broken (w->f->session, w->f->now_ms); /* the WELCOME is lost */
    else
        fixture_welcome (w->f, is_kept, 1 + draw (w, 6));
}

static void turn (walk_t *w)
{
    fixture_turn (w->f);
    if (w->f->n_hellos > w->n_hellos) {
        w->n_hellos = w->f->n_hellos;
        fixture_forget (w->f);
        greet (w);
        fixture_turn (w->f);
    }
    if (happens (w, 3)) { /* what was just sent is lost with the connection */
        session_broken (w->f->session, w->f->now_ms);
        fixture_forget (w->f);
        return;
    }
    take_acks (w);
    take_cancels (w);
    if (w->f->n_claim_ends > 0)
        take_claims (w);
    for (size_t i = 0; i < w->f->n_tasks; i++)
        take_task (w, &w->f->tasks[i]);
    fixture_forget (w->f);
    send_held (w);
}

/* ---- The user -------------------------------------------------------------------------------- */

static void add_call (walk_t *w)
{
    call_t *call = &w->calls[w->n_calls++];
    call->spec = (job_spec_t) { .chunk_size = draw (w, 6),
                                .priority = (int64_t) draw (w, 3),
                                .max_retries = (unsigned) draw (w, 3),
                                .is_at_most_once = draw (w, 3) == 0,
                                .is_unordered = draw (w, 2) == 0 };
    call->is_stream = draw (w, 2) == 0;
    call->n_items = draw (w, MAX_ITEMS + 1);
    if (call->is_stream && draw (w, 3) == 0)
        call->n_items = 1;
    call->job = call->is_stream ? fixture_stream (w->f, call->spec)
                                : fixture_list (w->f, call->n_items, call->spec);
    call->n_appended = call->is_stream ? 0 : call->n_items;
}

static void append (walk_t *w, call_t *call)
{
    size_t left = call->n_items - call->n_appended;
    size_t n = left > 0 ? 1 + draw (w, left) : 0;
    call->n_appended += n;
    call->job->is_ended = call->n_appended == call->n_items;
    if (draw (w, 3) == 0)
        call->job->is_eager = true;
    fixture_append (w->f, call->job, n);
}

static void check_item (const call_t *call, size_t index)
{
    const job_item_t *item = job_item (call->job, index);
    assert_non_null (item);
    assert_int_equal (item->state, ITEM_FINISHED);
    bool was_sent = call->n_starts[index] > 0;
    if (item->error == NULL) {
        fixture_assert_value (call->job, index);
        assert_true (was_sent && !must_fail (call, index));
        return;
    }
    switch (item->error->code) {
    case DPOOL_EFAILED:
        assert_true (was_sent && must_fail (call, index));
        break;
    case DPOOL_ECRASHED:
        assert_true (call->n_crashes[index] > (call->spec.is_at_most_once ? 0 : call->spec.max_retries));
        break;
    case DPOOL_ETIMELIMIT:
        assert_true (call->has_timed_out[index]);
        break;
    case DPOOL_ELOST:
        assert_true (call->spec.is_at_most_once);
        break;
    case DPOOL_ECANCELLED:
    case DPOOL_EKILLED:
        assert_true (call->was_cancelled);
        break;
    default:
        fail_msg ("seed %lu: item %zu: %s", walk_seed, index, item->error->message);
    }
}

/* Take what is finished of a stream. */
static void take (call_t *call)
{
    for (;;) {
        size_t index = call->n_taken;
        if (call->spec.is_unordered)
            index = job_next_finished (call->job);
        else if (index >= call->job->next || job_item (call->job, index)->state != ITEM_FINISHED)
            return;
        if (index == JOB_NONE)
            return;
        assert_false (call->is_taken[index]);
        call->is_taken[index] = true;
        check_item (call, index);
        job_forget (call->job, index);
        call->n_taken++;
    }
}

static void use (walk_t *w, call_t *call)
{
    if (call->job == NULL)
        return;
    if (call->is_stream && !call->job->is_ended)
        append (w, call);
    if (call->is_stream && draw (w, 2) == 0)
        take (call);
    if (happens (w, 1)) {
        call->was_cancelled = true;
        session_cancel (w->f->session, w->f->now_ms, call->job);
    }
    if (happens (w, 1)) {
        session_release (w->f->session, w->f->now_ms, call->job);
        call->job = NULL;
    }
}

/* ---- Walks ----------------------------------------------------------------------------------- */

static void step (walk_t *w)
{
    if (w->n_calls < N_JOBS && draw (w, 20) == 0)
        add_call (w);
    if (w->n_calls > 0)
        use (w, &w->calls[draw (w, w->n_calls)]);
    turn (w);
    for (size_t i = 0; i < MAX_TASKS; i++)
        if (w->runs[i].is_used && !w->runs[i].is_over && draw (w, 3) == 0)
            work (w, &w->runs[i]);
    w->f->now_ms += (int64_t) draw (w, 300);
    fixture_bare (w->f, WIRE_PONG);
    if (happens (w, 2))
        session_broken (w->f->session, w->f->now_ms);
    if (happens (w, 3))
        fixture_workers (w->f, draw (w, 8));
}

static bool is_done (const walk_t *w)
{
    if (!session_is_idle (w->f->session) || !dp_list_is_empty (&w->f->session->submitted))
        return false;
    for (size_t i = 0; i < w->n_calls; i++)
        if (w->calls[i].job != NULL && !job_is_finished (w->calls[i].job))
            return false;
    return true;
}

static void check_call (walk_t *w, call_t *call)
{
    if (call->job == NULL)
        return;
    assert_int_equal (call->job->n_finished, call->job->next);
    assert_int_equal (call->job->n_tasks, 0);
    assert_int_equal (call->job->n_running, 0);
    assert_int_equal (call->job->argument_bytes, 0);
    if (call->is_stream) {
        take (call);
        assert_int_equal (call->n_taken, call->job->next);
    } else
        for (size_t i = 0; i < call->n_items; i++)
            check_item (call, i);
    session_release (w->f->session, w->f->now_ms, call->job);
}

static void walk (void)
{
    walk_t *w = dp_must_alloc (sizeof *w);
    w->f = fixture_new (1 + walk_seed % 50, 20 + walk_seed % 1000);
    w->random = walk_seed * UINT64_C (0x9E3779B97F4A7C15) + 1;
    for (int i = 0; i < N_STEPS; i++)
        step (w);
    w->is_quiet = true;
    while (w->n_calls < N_JOBS)
        add_call (w);
    for (int i = 0; i < 5000 && !is_done (w); i++) {
        for (size_t c = 0; c < w->n_calls; c++)
            use (w, &w->calls[c]);
        step (w);
    }
    assert_true (is_done (w));
    for (size_t i = 0; i < w->n_calls; i++)
        check_call (w, &w->calls[i]);
    fixture_assert_clean (w->f);
    assert_true (dp_list_is_empty (&w->f->session->jobs));
    assert_true (dp_list_is_empty (&w->f->session->done));
    forget_all (w);
    fixture_free (&w->f);
    dp_free (w);
}

int main (int argc, char **argv)
{
    return run_walks (argc, argv, "each_item_has_one_right_outcome_whatever_happens", 150, walk);
}
