/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A random walk: two brokers and all children are played at random, with breaks, restarts, crashes, cancels,
 * revokes and ends of sessions. Then the faults stop, the rest must come to its end, and the crew must drain.
 *
 * Checked throughout:
 *   1  a broker gets exactly one end of each run that it assigned or adopted: a final result or a RELEASE
 *   2  the items of a run's results follow one another, each with the value of just this item
 *   3  at most "processes" children have work, and only those that are up get any, of their own session
 *   4  no child is asked for at a place that has one
 *   5  it asks for its next turn in the future
 *   6  in the end nothing is held: BYE goes out, and the crew is gone
 */
#include "tests/unit/crew_walk.h"

#include "core/memory.h"
#include "tests/support/walks.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_QUEUE = 2048, N_STEPS = 1500 };

typedef struct handed_s {
    uint64_t serial, id, n_items, n_done;
} handed_t;

typedef struct child_s {
    enum { NONE, STARTING, UP, ENDING } state;
    uint64_t session;
    handed_t queue[MAX_QUEUE];
    size_t n_queue;
    crew_slot_t slot;
    bool is_claimed; /* the slot shows an item that is not finished */
    int signal;      /* it is about to die of */
} child_t;

/* ---- Children -------------------------------------------------------------------------------------- */

static void child_dies (crew_walk_t *self, size_t place, int signal, int status)
{
    child_t *child = &self->children[place];
    crew_exit_t exit = { .signal = signal, .exit_status = status, .stderr_tail = "", .slot = child->slot };
    TELL (self, "child %zu dies of %d at #%d", place, signal, (int) exit.slot.number);
    memset (child, 0, sizeof *child);
    crew_child_exited (self->rig->crew, self->rig->now_ms, place, &exit);
}

static void child_starts (crew_walk_t *self, size_t place)
{
    child_t *child = &self->children[place];
    if (self->has_faults && crew_walk_roll (self, 8) == 0) {
        dpool_error_t error = { .message = "no" };
        if (child->session == 5)
            crew_child_initializer_failed (self->rig->crew, self->rig->now_ms, place, &error);
        child_dies (self, place, 0, 1);
        return;
    }
    child->state = UP;
    crew_child_ready (self->rig->crew, self->rig->now_ms, place, 100);
}

static void child_finishes (crew_walk_t *self, size_t place)
{
    child_t *child = &self->children[place];
    handed_t *run = &child->queue[0];
    uint8_t outcome[8] = { OUTCOME_VALUE, 0xce };
    uint64_t value = run->id * 64 + run->n_done;
    for (int i = 0; i < 4; i++)
        outcome[2 + i] = (uint8_t) (value >> (24 - 8 * i));
    uint64_t serial = run->serial;
    TELL (self, "child %zu finishes #%d item %d of %d", place, (int) serial, (int) run->n_done,
          (int) run->id);
    child->is_claimed = false;
    if (++run->n_done == run->n_items)
        memmove (run, run + 1, --child->n_queue * sizeof *run);
    static const uint64_t times_us[] = { 1, 10, 100, 1000, 10000 };
    crew_items_finished (self->rig->crew, self->rig->now_ms, place, serial, 1, outcome, 6,
                         times_us[crew_walk_roll (self, 5)]);
}

static void child_step (crew_walk_t *self, size_t place)
{
    child_t *child = &self->children[place];
    if (child->state == NONE)
        return;
    if (child->signal != 0 && (child->signal == SIGKILL || crew_walk_roll (self, 2) == 0))
        child_dies (self, place, child->signal, 0);
    else if (child->state == STARTING)
        child_starts (self, place);
    else if (child->n_queue == 0) {
        if (child->state == ENDING)
            child_dies (self, place, 0, 0);
        else if (self->has_faults && crew_walk_roll (self, 60) == 0)
            child_dies (self, place, SIGKILL, 0);
    } else if (self->has_faults && crew_walk_roll (self, 25) == 0)
        child_dies (self, place, SIGSEGV, 0);
    else if (child->is_claimed)
        child_finishes (self, place);
    else {
        handed_t *run = &child->queue[0];
        child->slot
            = (crew_slot_t) { .number = run->serial + run->n_done, .started_at_ms = self->rig->now_ms };
        child->is_claimed = true;
    }
}

/* The last run that is left may be cut. */
static void cut (crew_walk_t *self, child_t *child, uint64_t number)
{
    handed_t *run = child->n_queue > 0 ? &child->queue[child->n_queue - 1] : NULL;
    if (run == NULL || number >= run->serial + run->n_items)
        return;
    TELL (self, "#%d is cut at item %d", (int) run->serial, (int) (number - run->serial));
    self->runs[run->id].n_items = run->n_items = number - run->serial;
    if (run->n_done == run->n_items)
        child->n_queue--;
}

static void take_back (crew_walk_t *self, size_t place, uint64_t number)
{
    child_t *child = &self->children[place];
    if (number <= child->slot.number)
        number = child->slot.number + 1;
    while (child->n_queue > 0 && child->queue[child->n_queue - 1].serial >= number)
        child->n_queue--;
    cut (self, child, number);
    crew_taken_back (self->rig->crew, self->rig->now_ms, place, number);
}

static void hand (crew_walk_t *self, const crew_action_t *action)
{
    child_t *child = &self->children[action->place];
    uint64_t id = action->task.job;
    CHECK (self, child->state == UP);
    CHECK (self, child->n_queue < MAX_QUEUE);
    CHECK (self, child->session == (self->runs[id].session >= 5 ? self->runs[id].session : 0));
    CHECK (self, action->task.n_items == self->runs[id].n_items
                     && action->task.payload.len == self->runs[id].n_uncut);
    CHECK (self, child->n_queue == 0 || child->queue[child->n_queue - 1].serial < action->serial);
    child->queue[child->n_queue++] = (handed_t) { action->serial, id, action->task.n_items, 0 };
}

static void on_action (crew_walk_t *self, const crew_action_t *action)
{
    CHECK (self, action->place < CREW_MAX_PLACES);
    child_t *child = &self->children[action->place];
    TELL (self, "action %d place %zu #%d task %d signal %d", (int) action->kind, action->place,
          (int) action->serial, (int) action->task.job, action->signal);
    switch (action->kind) {
    case CREW_OPEN:
        self->brokers[action->broker].is_open = true;
        self->brokers[action->broker].is_welcomed = false;
        break;
    case CREW_CLOSE:
        self->brokers[action->broker].is_open = self->brokers[action->broker].is_welcomed = false;
        break;
    case CREW_START:
        CHECK (self, child->state == NONE);
        child->state = STARTING;
        child->session = action->session ? action->session->session : 0;
        break;
    case CREW_HAND:
        hand (self, action);
        break;
    case CREW_TAKE_BACK:
        CHECK (self, child->state != NONE);
        take_back (self, action->place, action->serial);
        break;
    case CREW_SIGNAL:
        CHECK (self, child->state != NONE);
        child->signal = action->signal;
        break;
    case CREW_END:
        CHECK (self, child->state != NONE);
        child->state = ENDING;
        break;
    default:
        break;
    }
}

/* ---- The walk --------------------------------------------------------------------------------------- */

static void turn (crew_walk_t *self)
{
    crew_t *crew = self->rig->crew;
    size_t n_working = 0;
    for (size_t i = 0; i < crew_n_places (crew); i++)
        if (self->children[i].n_queue > 0)
            crew_slot_seen (crew, self->rig->now_ms, i, &self->children[i].slot);
    self->rig->deadline_ms = crew_tick (crew, self->rig->now_ms);
    crew_action_t action;
    while (crew_next_action (crew, &action))
        on_action (self, &action);
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (crew_outbox (crew)))) {
        crew_walk_hear (self, outgoing);
        dp_outgoing_destroy (&outgoing);
    }
    while (crew_next_action (crew, &action)) /* what the brokers' answers led to */
        on_action (self, &action);
    for (size_t i = 0; i < crew_n_places (crew); i++)
        n_working += self->children[i].n_queue > 0;
    CHECK (self, n_working <= self->rig->processes);
}

static void pass_time (crew_walk_t *self)
{
    int64_t now_ms = self->rig->now_ms, asked_ms = self->rig->deadline_ms;
    int64_t step_ms = (int64_t) crew_walk_roll (self, 4) == 0 ? (int64_t) crew_walk_roll (self, 300)
                                                              : (int64_t) crew_walk_roll (self, 6);
    self->rig->now_ms
        = asked_ms < now_ms + step_ms ? (asked_ms > now_ms ? asked_ms : now_ms) : now_ms + step_ms;
}

static void step (crew_walk_t *self)
{
    size_t b = (size_t) crew_walk_roll (self, N_BROKERS);
    switch (crew_walk_roll (self, self->has_faults ? 100 : 60)) {
    case 60:
        crew_walk_break (self, b);
        break;
    case 61:
        crew_walk_end_session (self, b);
        break;
    case 62:
    case 63:
    case 64:
        crew_walk_stop (self, b, WIRE_CANCEL);
        break;
    case 65:
    case 66:
    case 67:
        crew_walk_stop (self, b, WIRE_REVOKE);
        break;
    case 0:
    case 1:
    case 2:
        crew_walk_welcome (self, b);
        break;
    case 3:
        crew_walk_answer (self, b);
        break;
    case 4:
    case 5:
        crew_walk_acknowledge (self, b);
        break;
    case 6:
        pass_time (self);
        break;
    default:
        if (self->has_faults && crew_walk_roll (self, 3) == 0)
            for (uint64_t n = 1 + crew_walk_roll (self, 4); n > 0; n--)
                crew_walk_assign (self, b);
        else
            child_step (self, (size_t) crew_walk_roll (self, crew_n_places (self->rig->crew)));
    }
    if (crew_walk_roll (self, 3) > 0)
        turn (self);
}

/* When nothing happens, the crew does not ask for one turn after the other. */
static void check_rest (crew_walk_t *self)
{
    for (int i = 0; i < 3; i++)
        turn (self);
    CHECK (self, self->rig->deadline_ms > self->rig->now_ms);
}

static bool is_settled (const crew_walk_t *self)
{
    for (size_t b = 0; b < N_BROKERS; b++)
        if (!self->brokers[b].is_welcomed || self->brokers[b].n_held > 0
            || self->brokers[b].n_acked < self->brokers[b].n_received)
            return false;
    return true;
}

static void heal (crew_walk_t *self)
{
    self->has_faults = false;
    for (int i = 0; i < 100000 && !is_settled (self); i++)
        step (self);
    CHECK (self, is_settled (self));
    for (uint64_t id = 1; id <= self->n_runs; id++)
        for (size_t b = 0; b < N_BROKERS; b++)
            CHECK (self, !self->runs[id].at[b].is_assigned);
}

static void drain (crew_walk_t *self)
{
    crew_drain (self->rig->crew, self->rig->now_ms, crew_walk_roll (self, 2) == 0);
    int64_t end_ms = self->rig->now_ms + 60000;
    while (!crew_is_gone (self->rig->crew) && self->rig->now_ms < end_ms)
        step (self);
    CHECK (self, crew_is_gone (self->rig->crew));
}

static void walk (void)
{
    crew_walk_t *self = dp_must_alloc (sizeof *self);
    self->seed = walk_seed;
    self->is_loud = walk_is_loud;
    self->random = (walk_seed + 1) * 0x9e3779b97f4a7c15u;
    self->children = dp_must_alloc (32 * sizeof *self->children);
    size_t processes = 1 + (size_t) crew_walk_roll (self, 3);
    self->is_orphan_short = crew_walk_roll (self, 2) == 0;
    self->rig = rig_new_raw (processes, N_BROKERS, self->is_orphan_short ? 50 : 0);
    self->has_faults = true;
    turn (self);
    for (int i = 0; i < N_STEPS; i++) {
        step (self);
        CHECK (self, crew_n_places (self->rig->crew) <= 32);
        if (i % 50 == 0)
            check_rest (self);
    }
    if (crew_walk_roll (self, 3) > 0)
        heal (self);
    else
        self->has_faults = false;
    drain (self);
    rig_destroy (&self->rig);
    dp_free (self->children);
    dp_free (self);
}

int main (int argc, char **argv)
{
    return run_walks (argc, argv, "every_run_ends_exactly_once_whatever_happens", 300, walk);
}
