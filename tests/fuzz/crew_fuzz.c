/* SPDX-License-Identifier: MPL-2.0 */
/*
 * crew_fuzz.c - a crew of two processes that two brokers say anything to, in any order, while connections
 * break and time passes. Its children are honest, as the worker's own code is, but slow, and they die at any
 * time.
 *
 * Steps of its own, of which "who" is the place of a child: 3 = it is up, or its initializer has failed; 4 =
 * it begins or finishes an item; 5 = it dies; 6 = the crew is drained. A byte behind 3, 4 and 5 says how.
 */
#include "tests/fuzz/fuzz.h"

#include "core/memory.h"
#include "worker/crew.h"

#include <signal.h>
#include <string.h>

enum { N_BROKERS = 2, MOST_STEPS = 400, MOST_ROUNDS = 100 };

typedef struct handed_s {
    uint64_t serial, n_items, n_done;
} handed_t;

typedef struct child_s {
    enum { NONE, STARTING, UP, ENDING } state;
    bool has_initializer, is_claimed; /* claimed: the slot shows an item that is not finished */
    handed_t *queue;
    size_t n_queue, capacity;
    crew_slot_t slot;
} child_t;

typedef struct stage_s {
    crew_t *crew;
    int64_t now_ms;
    bool is_open[N_BROKERS];
    child_t children[CREW_MAX_PLACES];
    size_t n_heard; /* bytes */
} stage_t;

/* ---- Children ------------------------------------------------------------------------------------ */

static void child_dies (stage_t *self, size_t place, int signal, bool is_out_of_memory)
{
    child_t *child = &self->children[place];
    if (child->state == NONE)
        return;
    crew_exit_t exit = { .signal = signal, .exit_status = 0, .stderr_tail = "boom", .slot = child->slot };
    exit.is_out_of_memory = is_out_of_memory;
    dp_free (child->queue);
    memset (child, 0, sizeof *child);
    crew_child_exited (self->crew, self->now_ms, place, &exit);
}

static void child_starts (stage_t *self, size_t place, uint8_t how)
{
    child_t *child = &self->children[place];
    dpool_error_t error = { .message = "no" };
    if (child->state != STARTING)
        return;
    if (how & 1 && child->has_initializer) {
        crew_child_initializer_failed (self->crew, self->now_ms, place, &error);
        child_dies (self, place, 0, false);
        return;
    }
    child->state = UP;
    crew_child_ready (self->crew, self->now_ms, place, 100 + (int64_t) place);
}

static void finish_item (stage_t *self, size_t place, uint8_t how)
{
    static const uint8_t value[] = { OUTCOME_VALUE, 0x2a };
    child_t *child = &self->children[place];
    handed_t *run = &child->queue[0];
    uint64_t serial = run->serial;
    child->is_claimed = false;
    if (++run->n_done == run->n_items)
        memmove (run, run + 1, --child->n_queue * sizeof *run);
    if (how & 1)
        crew_items_finished (self->crew, self->now_ms, place, serial, 1, value, sizeof value, how);
    else {
        dp_buffer_t row = DP_BUFFER_INIT;
        dpool_error_t error = { .message = "it failed", .user_code = how };
        outcome_put_error (&row, OUTCOME_FAILED, &error);
        dp_blob_t *blob = dp_blob_copy (row.data, row.len);
        crew_item_finished_long (self->crew, self->now_ms, place, serial, blob, 1000);
        dp_blob_release (&blob);
        dp_buffer_fini (&row);
    }
}

static void child_works (stage_t *self, size_t place, uint8_t how)
{
    child_t *child = &self->children[place];
    if (child->state == NONE || child->state == STARTING)
        return;
    if (child->n_queue == 0) {
        if (child->state == ENDING)
            child_dies (self, place, 0, false);
    } else if (child->is_claimed)
        finish_item (self, place, how);
    else {
        const handed_t *run = &child->queue[0];
        child->slot = (crew_slot_t) { .number = run->serial + run->n_done,
                                      .started_at_ms = self->now_ms,
                                      .done = how };
        child->is_claimed = true;
    }
}

/* As a child of the worker does: what it has begun it goes on with, and of the last run a part may be cut. */
static void take_back (stage_t *self, size_t place, uint64_t number)
{
    child_t *child = &self->children[place];
    if (number <= child->slot.number)
        number = child->slot.number + 1;
    while (child->n_queue > 0 && child->queue[child->n_queue - 1].serial >= number)
        child->n_queue--;
    handed_t *run = child->n_queue > 0 ? &child->queue[child->n_queue - 1] : NULL;
    if (run != NULL && number < run->serial + run->n_items) {
        run->n_items = number - run->serial;
        if (run->n_done == run->n_items)
            child->n_queue--;
    }
    crew_taken_back (self->crew, self->now_ms, place, number);
}

static void hand (child_t *child, const crew_action_t *action)
{
    FUZZ_CHECK (child->state == UP && action->task.n_items > 0);
    FUZZ_CHECK (action->serial > child->slot.number);
    if (child->n_queue == child->capacity) {
        child->capacity = child->capacity == 0 ? 16 : 2 * child->capacity;
        child->queue = dp_must_realloc (child->queue, child->capacity * sizeof *child->queue);
    }
    child->queue[child->n_queue++] = (handed_t) { action->serial, action->task.n_items, 0 };
}

/* ---- What the crew wants ------------------------------------------------------------------------- */

static void carry_out (stage_t *self, const crew_action_t *action)
{
    FUZZ_CHECK (action->place < crew_n_places (self->crew) || action->place == 0);
    child_t *child = &self->children[action->place];
    switch (action->kind) {
    case CREW_OPEN:
        self->is_open[action->broker] = true;
        return;
    case CREW_CLOSE:
        self->is_open[action->broker] = false;
        return;
    case CREW_START:
        FUZZ_CHECK (child->state == NONE);
        child->state = STARTING;
        child->has_initializer = action->session != NULL && action->session->initializer[0] != '\0';
        return;
    case CREW_HAND:
        hand (child, action);
        return;
    case CREW_TAKE_BACK:
        FUZZ_CHECK (child->state != NONE);
        take_back (self, action->place, action->serial);
        return;
    case CREW_SIGNAL:
        FUZZ_CHECK (child->state != NONE);
        if (action->signal == SIGKILL)
            child_dies (self, action->place, SIGKILL, false);
        return;
    case CREW_END:
        FUZZ_CHECK (child->state != NONE);
        child->state = ENDING;
        return;
    case CREW_FLAG:
    case CREW_LOG:
        return;
    }
}

/* A turn of the worker's loop, as long as answers to actions lead to more of them. */
static void turn (stage_t *self)
{
    bool is_idle = false;
    for (int round = 0; !is_idle && round < MOST_ROUNDS; round++) {
        crew_action_t action;
        for (size_t i = 0; i < crew_n_places (self->crew); i++)
            if (self->children[i].n_queue > 0)
                crew_slot_seen (self->crew, self->now_ms, i, &self->children[i].slot);
        crew_tick (self->crew, self->now_ms);
        for (is_idle = true; crew_next_action (self->crew, &action); is_idle = false)
            carry_out (self, &action);
    }
    FUZZ_CHECK (is_idle);
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (crew_outbox (self->crew))) != NULL) {
        FUZZ_CHECK (outgoing->to < N_BROKERS);
        fuzz_check_outgoing (outgoing);
    }
}

/* ---- Steps --------------------------------------------------------------------------------------- */

static void break_off (stage_t *self, size_t broker)
{
    if (self->is_open[broker])
        crew_broken (self->crew, self->now_ms, broker);
    self->is_open[broker] = false;
}

static void hear (stage_t *self, size_t broker, fuzz_input_t *input)
{
    static wire_message_t message;
    fuzz_message_t raw;
    const char *why;
    fuzz_take_message (input, &raw);
    self->n_heard += raw.n_bytes;
    if (wire_decode (&message, raw.frames, raw.n_frames, &why) < 0)
        break_off (self, broker);
    else if (self->is_open[broker])
        crew_receive (self->crew, self->now_ms, broker, &message, raw.blobs);
    fuzz_message_fini (&raw);
}

static void step (stage_t *self, unsigned what, unsigned who, fuzz_input_t *input)
{
    size_t place = who % crew_n_places (self->crew);
    switch (what) {
    case FUZZ_MESSAGE:
        hear (self, who % N_BROKERS, input);
        return;
    case FUZZ_TIME:
        self->now_ms += fuzz_ms (who);
        turn (self);
        return;
    case FUZZ_BREAK:
        break_off (self, who % N_BROKERS);
        return;
    case FUZZ_OWN:
        child_starts (self, place, fuzz_take_byte (input));
        return;
    case FUZZ_OWN + 1:
        child_works (self, place, fuzz_take_byte (input));
        return;
    case FUZZ_OWN + 2:
        child_dies (self, place, SIGSEGV, fuzz_take_byte (input) & 1);
        return;
    case FUZZ_OWN + 3:
        crew_drain (self->crew, self->now_ms, who & 1);
        return;
    default:
        turn (self);
        return;
    }
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static const char *const functions[] = { "f", "square" }, *const labels[] = { "gpu" };
    static stage_t stage;
    crew_config_t config = { .worker = 78,
                             .n_brokers = N_BROKERS,
                             .processes = 2,
                             .host = "here",
                             .name = "w",
                             .pid = 42,
                             .functions = functions,
                             .n_functions = 2,
                             .labels = labels,
                             .n_labels = 1,
                             .seed = 5 };
    fuzz_input_t input = { data, data + size };
    memset (&stage, 0, sizeof stage);
    stage.now_ms = 1000000;
    fuzz_bound_begin ();
    stage.crew = crew_new (&config, stage.now_ms);
    turn (&stage);
    unsigned what, who;
    for (int i = 0; i < MOST_STEPS && fuzz_next_step (&input, &what, &who); i++)
        step (&stage, what, who, &input);
    turn (&stage);
    for (size_t i = 0; i < CREW_MAX_PLACES; i++)
        dp_free (stage.children[i].queue);
    crew_destroy (&stage.crew);
    fuzz_bound_end_of_machine (size + stage.n_heard);
    return 0;
}
