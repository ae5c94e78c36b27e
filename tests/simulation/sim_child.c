/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/sim_child.h"

#include "core/memory.h"
#include "tests/simulation/sim.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { POLITE_US = 800 };
static const int64_t hang_us = INT64_C (3600) * 1000000;

static sim_t *sim_of (const sim_child_t *self)
{
    return self->worker->node.sim;
}

static void tell (const sim_child_t *self, const char *what, const item_t *item)
{
    sim_t *sim = sim_of (self);
    SIM_TELL (sim, self->worker->node.name, "child %zu %s item %zu of call %zu", self->place, what,
              item->index, item->call->number);
}

static void do_next (void *owner);
static void take_signal (void *owner);

sim_child_t *sim_child_new (sim_worker_t *worker, size_t place)
{
    sim_child_t *self = dp_must_alloc (sizeof *self);
    self->worker = worker;
    self->place = place;
    self->slot = aligned_alloc (_Alignof(slot_t), sizeof *self->slot);
    if (self->slot == NULL)
        dp_no_memory (sizeof *self->slot);
    event_init (&self->event, do_next, self);
    event_init (&self->doom, take_signal, self);
    dp_list_init (&self->channel);
    dp_list_init (&self->ring);
    return self;
}

static item_t *current (const sim_child_t *self)
{
    return self->order != NULL ? self->order->items[self->n_done] : NULL;
}

/* ---- What it writes ------------------------------------------------------------------------- */

static record_t *write_record (sim_child_t *self, record_kind_t kind)
{
    record_t *record = dp_must_alloc (sizeof *record);
    record->n = 1;
    dp_list_init (&record->in_ring);
    record->kind = kind;
    dp_list_append (&self->ring, &record->in_ring);
    return record;
}

static void wake_worker (sim_child_t *self)
{
    node_wake (&self->worker->node);
}

static void free_record (record_t *record)
{
    dp_list_remove (&record->in_ring);
    dp_buffer_fini (&record->outcome);
    dp_free (record);
}

static void write_outcome (sim_child_t *self, item_t *item)
{
    sim_t *sim = sim_of (self);
    record_t *record = write_record (self, RECORD_IS_OUTCOME);
    record->serial = self->order->serial;
    record->run_us = (uint64_t) (sim->schedule.now_us - self->item_since_us);
    if (item->deed == DEED_FAIL) {
        static const dpool_error_t no
            = { .message = "no", .function = "", .host = "", .stderr_tail = "", .user_code = 7 };
        item->n_failures++;
        outcome_put_error (&record->outcome, OUTCOME_FAILED, &no);
    } else {
        uint8_t value[WORKLOAD_VALUE];
        item->n_values++;
        workload_value (&sim->workload, item, value);
        outcome_put_value (&record->outcome, value, sizeof value);
    }
}

/* ---- Its end -------------------------------------------------------------------------------- */

static void free_orders (sim_child_t *self)
{
    DP_LIST_EACH (&self->channel, node) {
        dp_list_remove (node);
        dp_free (DP_CONTAINER (node, order_t, in_channel));
    }
    dp_free (self->order);
    self->order = NULL;
}

static void die (sim_child_t *self, int signal, int exit_status)
{
    self->state = CHILD_DEAD;
    self->signal = signal;
    self->exit_status = exit_status;
    free_orders (self);
    schedule_cancel (&sim_of (self)->schedule, &self->event);
    schedule_cancel (&sim_of (self)->schedule, &self->doom);
    node_wake (&self->worker->node);
}

/* A signal that its worker sent. What it was in is told apart: a time limit was over, or it was stopped. */
static void die_of_worker (sim_child_t *self, int signal)
{
    item_t *item = current (self);
    if (item != NULL) {
        int64_t ran_us = sim_of (self)->schedule.now_us - self->item_since_us;
        bool is_over = item->call->limit_ms > 0 && ran_us > (int64_t) item->call->limit_ms * 1000;
        *(is_over && signal == SIGKILL ? &item->n_overruns : &item->n_stops) += 1;
        tell (self, "is killed by its worker in", item);
        judge_stop (sim_of (self), item);
    }
    die (self, signal, 0);
}

void sim_child_kill (sim_child_t *self, int signal)
{
    item_t *item = current (self);
    if (self->state != CHILD_FORKED && self->state != CHILD_UP)
        return;
    if (self->doom_signal == SIGKILL) { /* he is only sooner */
        die_of_worker (self, SIGKILL);
        return;
    }
    if (item != NULL) {
        item->n_deaths++;
        tell (self, "is killed by a stranger in", item);
    } else
        SIM_TELL (sim_of (self), self->worker->node.name, "child %zu is killed by a stranger", self->place);
    die (self, signal, 0);
}

void sim_child_lose (sim_child_t *self)
{
    item_t *item = current (self);
    if (item != NULL)
        item->n_losses++;
    if (self->state != CHILD_NONE)
        die (self, SIGKILL, 0);
    DP_LIST_EACH (&self->ring, node)
        free_record (DP_CONTAINER (node, record_t, in_ring));
    self->state = CHILD_NONE;
}

void sim_child_destroy (sim_child_t **self_p)
{
    sim_child_t *self = *self_p;
    *self_p = NULL;
    sim_child_lose (self);
    free (self->slot);
    dp_free (self);
}

void sim_child_stop (sim_child_t *self, int64_t until_us)
{
    self->stopped_until_us = until_us;
}

/* ---- Its work ------------------------------------------------------------------------------- */

static void go_on_at (sim_child_t *self, int64_t at_us)
{
    schedule_at (&sim_of (self)->schedule, &self->event, at_us);
}

static void begin_item (sim_child_t *self)
{
    sim_t *sim = sim_of (self);
    item_t *item = current (self);
    self->item_since_us = sim->schedule.now_us;
    slot_begin (self->slot, self->order->serial + self->n_done, sim->schedule.now_us / 1000);
    item->n_starts++;
    tell (self, "starts", item);
    judge_start (sim, item, &self->order->name);
    bool is_hanging = item->deed == DEED_HANG;
    bool is_told = item->is_polite && slot_is_cancelled (self->slot, self->order->serial);
    go_on_at (self, sim->schedule.now_us + (is_told ? POLITE_US : is_hanging ? hang_us : item->run_us));
}

static void end_order (sim_child_t *self)
{
    dp_free (self->order);
    self->order = NULL;
}

static void finish_item (sim_child_t *self)
{
    item_t *item = current (self);
    if (item->deed == DEED_CRASH && item->n_deaths < item->n_crashes) {
        item->n_deaths++;
        tell (self, "dies in", item);
        die (self, item->index % 2 ? SIGSEGV : 0, item->index % 2 ? 0 : 3);
        return;
    }
    tell (self, "finishes", item);
    write_outcome (self, item);
    if (++self->n_done < self->order->n_items
        && slot_claim (self->slot, self->order->serial + self->n_done)) {
        self->n_given++;
        begin_item (self);
        if (!self->is_loop_patient)
            wake_worker (self);
        return;
    }
    end_order (self);
    wake_worker (self);
}

/* Read the channel up to a run that may start. */
static void read_channel (sim_child_t *self)
{
    dp_list_t *node;
    while (self->order == NULL && (node = dp_list_pop (&self->channel)) != NULL) {
        order_t *order = DP_CONTAINER (node, order_t, in_channel);
        if (order->is_mark)
            slot_open_gate (self->slot, order->serial);
        else if (slot_claim (self->slot, order->serial)) {
            self->order = order;
            self->n_done = 0;
            self->n_given++;
            judge_claim (sim_of (self), self);
            begin_item (self);
            return;
        }
        dp_free (order);
    }
    if (self->order == NULL && self->is_ending)
        die (self, 0, 0);
}

/* Its initializer has run, or it dies before that. */
static void come_up (sim_child_t *self)
{
    sim_t *sim = sim_of (self);
    bool is_shaky = self->initializer == INITIALIZER_SHAKY && random_happens (&sim->random, 30);
    if (random_happens (&sim->random, faults_are_over (sim) ? 0 : sim->scenario.failing_starts))
        die (self, SIGKILL, 0);
    else if (self->initializer == INITIALIZER_BAD || is_shaky) {
        write_record (self, RECORD_IS_UNFIT);
        die (self, 0, 1);
    } else {
        self->state = CHILD_UP;
        write_record (self, RECORD_IS_READY);
        wake_worker (self);
    }
}

static void do_next (void *owner)
{
    sim_child_t *self = owner;
    int64_t now_us = sim_of (self)->schedule.now_us;
    if (self->stopped_until_us > now_us) {
        go_on_at (self, self->stopped_until_us);
        return;
    }
    if (self->state == CHILD_FORKED)
        come_up (self);
    else if (self->order != NULL)
        finish_item (self);
    if (self->state == CHILD_UP && self->order == NULL)
        read_channel (self);
}

/* ---- What the worker does ------------------------------------------------------------------- */

static initializer_t initializer_of (const sim_t *sim, const crew_session_t *session)
{
    if (session == NULL || session->session == 0 || *session->initializer == '\0')
        return INITIALIZER_NONE;
    return sim->scenario.clients[SIM_NUMBER_OF (session->session)].initializer;
}

void sim_child_fork (sim_child_t *self, const crew_session_t *session)
{
    sim_t *sim = sim_of (self);
    if (self->state != CHILD_NONE)
        sim_violate (sim, "one child in a place", "%s forks a second one in place %zu",
                     self->worker->node.name, self->place);
    memset (self->slot, 0, sizeof *self->slot);
    self->state = CHILD_FORKED;
    self->session = session != NULL ? session->session : 0;
    self->initializer = initializer_of (sim, session);
    self->is_ending = false;
    self->doom_signal = 0;
    self->stopped_until_us = 0;
    self->n_given = 0;
    go_on_at (self, sim->schedule.now_us + random_between (&sim->random, 200, 3000));
}

static bool is_there (const sim_child_t *self)
{
    return self->state == CHILD_FORKED || self->state == CHILD_UP;
}

static void write_channel (sim_child_t *self, order_t *order)
{
    sim_t *sim = sim_of (self);
    dp_list_init (&order->in_channel);
    dp_list_append (&self->channel, &order->in_channel);
    if (self->state == CHILD_UP && self->order == NULL)
        schedule_by (&sim->schedule, &self->event,
                     sim->schedule.now_us + random_between (&sim->random, 5, 100));
}

void sim_child_hand (sim_child_t *self, uint64_t serial, const crew_task_t *task)
{
    sim_t *sim = sim_of (self);
    if (!is_there (self))
        return;
    order_t *order = dp_must_alloc (sizeof *order + task->n_items * sizeof (item_t *));
    dp_reader_t arguments;
    dp_reader_init (&arguments, task->payload.data, task->payload.len);
    order->serial = serial;
    order->n_items = task->n_items;
    order->name = sim_worker_name_of (self->worker, self->place, serial);
    for (size_t i = 0; i < task->n_items; i++) {
        order->items[i] = workload_item (&sim->workload, &arguments);
        if (order->items[i] == NULL || workload_place (order->items[i]) != task->first + i) {
            sim_violate (sim, "arguments arrive as they were sent", "%s: item %zu of run %llu",
                         self->worker->node.name, i, (unsigned long long) serial);
            dp_free (order);
            return;
        }
    }
    judge_hand (sim, self, order->items[0]);
    write_channel (self, order);
}

uint64_t sim_child_take_back (sim_child_t *self, uint64_t serial)
{
    if (!is_there (self))
        return serial;
    order_t *order = dp_must_alloc (sizeof *order);
    order->is_mark = true;
    uint64_t first = slot_take_back (self->slot, serial, &order->serial);
    write_channel (self, order);
    return first;
}

void sim_child_flag (sim_child_t *self, uint64_t serial)
{
    if (!is_there (self))
        return;
    slot_cancel (self->slot, serial);
    const item_t *item = current (self);
    schedule_t *schedule = &sim_of (self)->schedule;
    if (item != NULL && self->order->serial == serial && item->is_polite)
        schedule_by (schedule, &self->event, schedule->now_us + POLITE_US);
}

static void take_signal (void *owner)
{
    sim_child_t *self = owner;
    const item_t *item = current (self);
    if (is_there (self) && (self->doom_signal == SIGKILL || item == NULL || !item->is_stubborn))
        die_of_worker (self, self->doom_signal);
}

/* Meanwhile it may finish what it is in, and go on to the next. */
void sim_child_signal (sim_child_t *self, int signal)
{
    sim_t *sim = sim_of (self);
    if (!is_there (self))
        return;
    self->doom_signal = signal;
    schedule_by (&sim->schedule, &self->doom, sim->schedule.now_us + random_between (&sim->random, 20, 600));
}

void sim_child_end (sim_child_t *self)
{
    sim_t *sim = sim_of (self);
    if (!is_there (self))
        return;
    self->is_ending = true;
    if (self->state == CHILD_UP && self->order == NULL)
        schedule_by (&sim->schedule, &self->event,
                     sim->schedule.now_us + random_between (&sim->random, 5, 500));
}

/* ---- What the worker hears ------------------------------------------------------------------ */

static void pass_on (const sim_child_t *self, const record_t *record)
{
    crew_t *crew = self->worker->crew;
    int64_t now_ms = schedule_now_ms (&sim_of (self)->schedule);
    static const dpool_error_t unfit = { .code = DPOOL_EINITIALIZER,
                                         .message = "the initializer failed",
                                         .function = "",
                                         .host = "",
                                         .stderr_tail = "" };
    if (record->kind == RECORD_IS_READY)
        crew_child_ready (crew, now_ms, self->place, 1000 + (int64_t) self->place);
    else if (record->kind == RECORD_IS_UNFIT)
        crew_child_initializer_failed (crew, now_ms, self->place, &unfit);
    else
        crew_items_finished (crew, now_ms, self->place, record->serial, record->n, record->outcome.data,
                             record->outcome.len, record->run_us);
}

/* As place_gather does. */
static void gather (sim_child_t *self, record_t *record)
{
    while (record->kind == RECORD_IS_OUTCOME && record->in_ring.next != &self->ring) {
        record_t *next = DP_CONTAINER (record->in_ring.next, record_t, in_ring);
        if (next->kind != RECORD_IS_OUTCOME || next->serial != record->serial)
            return;
        if (dp_buffer_append (&record->outcome, next->outcome.data, next->outcome.len) < 0)
            dp_no_memory (next->outcome.len);
        record->n += next->n;
        record->run_us += next->run_us;
        free_record (next);
    }
}

static crew_slot_t read_slot (const sim_child_t *self)
{
    slot_view_t view = { .number = 0 };
    slot_read (self->slot, self->state == CHILD_DEAD, &view);
    return (crew_slot_t) { view.number, view.started_at_ms, view.done, view.steps };
}

void sim_child_hear (sim_child_t *self)
{
    int64_t now_ms = schedule_now_ms (&sim_of (self)->schedule);
    while (!dp_list_is_empty (&self->ring)) {
        record_t *record = DP_CONTAINER (self->ring.next, record_t, in_ring);
        gather (self, record);
        pass_on (self, record);
        free_record (record);
    }
    if (self->state == CHILD_DEAD) {
        crew_exit_t exit = { .signal = self->signal,
                             .exit_status = self->exit_status,
                             .stderr_tail = "",
                             .slot = read_slot (self) };
        self->state = CHILD_NONE;
        crew_child_exited (self->worker->crew, now_ms, self->place, &exit);
    } else if (self->state == CHILD_UP) {
        crew_slot_t slot = read_slot (self);
        if (slot.number != 0)
            crew_slot_seen (self->worker->crew, now_ms, self->place, &slot);
    }
}

bool sim_child_is_busy (const sim_child_t *self)
{
    return self->order != NULL || !dp_list_is_empty (&self->channel) || !dp_list_is_empty (&self->ring);
}
