/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/customer.h"

#include "tests/chaos/record.h"
#include "tests/chaos/task.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_APPLIES = 200, N_ITEMS = 300, SLICE_MS = 500, LONG_WAIT_MS = 30000, HANG_MS = 90000 };

typedef struct customer_s {
    counter_t *counter;
    uint64_t seed;
    unsigned n_answered; /* of the counter's questions */
} customer_t;

/* A call whose callback notes the outcome. */
typedef struct call_s {
    counter_t *counter;
    uint64_t number;
    dpool_async_result_t *result;
} call_t;

/* The items of a round, in the order in which they are submitted. */
typedef struct round_s {
    counter_t *counter;
    task_shape_t shape;
    uint64_t numbers[N_ITEMS];
    size_t n;
} round_t;

static _Noreturn void give_up (const char *what)
{
    fprintf (stderr, "chaos-client: %s: %s\n", what, dpool_last_error ()->message);
    exit (EXIT_FAILURE);
}

static uint64_t draw (customer_t *self)
{
    return self->seed = task_hash (self->seed);
}

static uint64_t new_task (counter_t *counter, task_shape_t shape)
{
    uint64_t number = task_number (counter->client, shape, atomic_fetch_add (&counter->next_index, 1));
    if (record_write (counter->log_fd, RECORD_SUBMIT, number, 0, 0) < 0)
        give_up ("cannot write its log");
    return number;
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

/* A damaged value is noted as one that no task has. */
static int64_t read_value (uint64_t number, const dpool_value_t *value)
{
    int64_t x;
    const void *data;
    size_t size, at = 0;
    if (dpool_value_get (value, "lb", &x, &data, &size) < 0 || size != task_bytes (number))
        return -1;
    const unsigned char *bytes = data;
    while (at < size && bytes[at] == task_byte (number, at))
        at++;
    return at == size ? x : -1;
}

static void note (counter_t *counter, uint64_t number, const dpool_value_t *value, const dpool_error_t *error)
{
    int64_t detail = error ? error->code : 0;
    if (error && !task_may_end_as (number, error->code))
        fprintf (stderr, "chaos-client: task %016" PRIx64 ": %s\n", number, error->message);
    if (record_write (counter->log_fd, RECORD_OUTCOME, number, detail,
                      error ? error->user_code : read_value (number, value))
        < 0)
        give_up ("cannot write its log");
}

static void note_item (counter_t *counter, uint64_t number, dpool_async_result_t *result, size_t index)
{
    const dpool_error_t *error = dpool_async_result_error (result, index);
    const dpool_value_t *value = error ? NULL : dpool_async_result_value (result, index);
    if (!error && !value)
        give_up ("an item has neither a value nor an error");
    note (counter, number, value, error);
}

static void note_call (dpool_async_result_t *result, void *user_data)
{
    call_t *call = user_data;
    note_item (call->counter, call->number, result, 0);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static void explain (customer_t *self, dpool_async_result_t *result, uint64_t number, int64_t waited_ms)
{
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    dpool_progress_t progress = DPOOL_PROGRESS_INIT;
    if (dpool_async_result_explain (result, &why) < 0)
        snprintf (why.sentence, sizeof why.sentence, "%s", dpool_last_error ()->message);
    dpool_async_result_progress (result, &progress);
    fprintf (stderr,
             "chaos-client %u: waits for %016" PRIx64 " (%s, %zu of %zu finished) since %" PRId64 " ms: %s\n",
             self->counter->client, number, task_shape_name (number), progress.finished, progress.total,
             waited_ms, why.sentence);
}

/* Is it time to say what it waits for? When asked, and after a long time. */
static bool is_asked (customer_t *self, int64_t waited_ms, int64_t *next_ms)
{
    unsigned n_questions = atomic_load (&self->counter->n_questions);
    if (self->n_answered == n_questions && waited_ms < *next_ms)
        return false;
    self->n_answered = n_questions;
    *next_ms = waited_ms + LONG_WAIT_MS;
    return true;
}

static void give_up_if_hung (const customer_t *self, int64_t waited_ms)
{
    if (waited_ms < HANG_MS)
        return;
    fprintf (stderr, "chaos-client %u: it hangs\n", self->counter->client);
    exit (EXIT_FAILURE);
}

static void await (customer_t *self, dpool_async_result_t *result, uint64_t number)
{
    int64_t start_us = record_now_us (), next_ms = LONG_WAIT_MS;
    while (dpool_async_result_wait (result, SLICE_MS) < 0) {
        int64_t waited_ms = (record_now_us () - start_us) / 1000;
        if (errno != ETIMEDOUT && errno != EINTR)
            give_up ("cannot wait for a result");
        if (is_asked (self, waited_ms, &next_ms))
            explain (self, result, number, waited_ms);
        give_up_if_hung (self, waited_ms);
    }
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

static void fill_bytes (uint64_t number, unsigned char **bytes, size_t *size)
{
    *size = task_bytes (number);
    *bytes = malloc (*size + 1);
    if (!*bytes)
        abort ();
    for (size_t i = 0; i < *size; i++)
        (*bytes)[i] = task_byte (number, i);
}

static dpool_call_options_t options_of (uint64_t number)
{
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.max_retries = TASK_RETRIES;
    options.at_most_once = task_is_once (number);
    options.time_limit_ms = task_kind (number) == TASK_ENDLESS ? TASK_LIMIT_MS : 0;
    options.priority = (int) (number % 3);
    return options;
}

static void apply (call_t *call)
{
    dpool_call_options_t options = options_of (call->number);
    unsigned char *bytes;
    size_t size;
    options.callback = options.error_callback = note_call;
    options.user_data = call;
    fill_bytes (call->number, &bytes, &size);
    call->result = dpool_apply_async_with (call->counter->pool, &options, TASK_FUNCTION, "ub", call->number,
                                           (const void *) bytes, size);
    free (bytes);
    if (!call->result)
        give_up ("cannot submit a call");
}

static void run_applies (customer_t *self)
{
    call_t *calls = calloc (N_APPLIES, sizeof *calls);
    if (!calls)
        abort ();
    for (size_t i = 0; i < N_APPLIES; i++) {
        calls[i].counter = self->counter;
        calls[i].number = new_task (self->counter, SHAPE_APPLY);
        apply (&calls[i]);
        size_t earlier = (size_t) (draw (self) % (i + 1));
        if (task_is_cancelled (calls[earlier].number))
            dpool_async_result_cancel (calls[earlier].result);
    }
    for (size_t i = 0; i < N_APPLIES; i++) {
        if (task_is_cancelled (calls[i].number))
            dpool_async_result_cancel (calls[i].result);
        await (self, calls[i].result, calls[i].number);
    }
    for (size_t i = 0; i < N_APPLIES; i++)
        dpool_async_result_destroy (&calls[i].result); /* waits for its callback */
    free (calls);
}

static void add_item (dpool_items_t *items, uint64_t number)
{
    unsigned char *bytes;
    size_t size;
    fill_bytes (number, &bytes, &size);
    if (dpool_items_add (items, "ub", number, (const void *) bytes, size) < 0)
        give_up ("cannot add an item");
    free (bytes);
}

static void run_map (customer_t *self, task_shape_t shape)
{
    round_t round = { .counter = self->counter, .shape = shape, .n = N_ITEMS };
    dpool_items_t *items = dpool_items_new ();
    for (size_t i = 0; i < round.n; i++) {
        round.numbers[i] = new_task (self->counter, shape);
        add_item (items, round.numbers[i]);
    }
    dpool_call_options_t options = options_of (round.numbers[0]);
    options.time_limit_ms = 0;
    options.chunk_size = (size_t) (draw (self) % 4) * 8; /* 0: chosen by the pool */
    dpool_async_result_t *result = dpool_map_async (self->counter->pool, TASK_FUNCTION, items, &options);
    dpool_items_destroy (&items);
    if (!result)
        give_up ("cannot submit a map");
    if (shape == SHAPE_MAP_CANCELLED) {
        dpool_async_result_wait (result, (int) (draw (self) % 200));
        dpool_async_result_cancel (result);
    }
    await (self, result, round.numbers[0]);
    for (size_t i = 0; i < round.n; i++)
        note_item (self->counter, round.numbers[i], result, i);
    dpool_async_result_destroy (&result);
}

static int draw_item (void *state, dpool_items_t *item)
{
    round_t *round = state;
    if (round->n == N_ITEMS)
        return 0;
    round->numbers[round->n] = new_task (round->counter, round->shape);
    add_item (item, round->numbers[round->n++]);
    return 1;
}

static void run_imap (customer_t *self, task_shape_t shape)
{
    round_t round = { .counter = self->counter, .shape = shape };
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.max_retries = TASK_RETRIES;
    dpool_source_t source = { draw_item, &round, NULL };
    dpool_imap_t *imap = shape == SHAPE_IMAP
                             ? dpool_imap (self->counter->pool, TASK_FUNCTION, source, &options)
                             : dpool_imap_unordered (self->counter->pool, TASK_FUNCTION, source, &options);
    if (!imap)
        give_up ("cannot begin an imap");
    int64_t start_us = record_now_us (), next_ms = LONG_WAIT_MS;
    const dpool_value_t *value;
    for (int rc; (rc = dpool_imap_next (imap, &value, SLICE_MS)) != 0;) {
        int64_t waited_ms = (record_now_us () - start_us) / 1000;
        if (rc < 0 && (errno == ETIMEDOUT || errno == EINTR)) {
            if (is_asked (self, waited_ms, &next_ms))
                fprintf (stderr, "chaos-client %u: waits for an %s since %" PRId64 " ms, %zu drawn\n",
                         self->counter->client, task_shape_name (round.numbers[0]), waited_ms, round.n);
            give_up_if_hung (self, waited_ms);
            continue;
        }
        if (rc < 0 && !dpool_imap_error (imap))
            give_up ("an imap failed");
        note (self->counter, round.numbers[dpool_imap_index (imap)], rc > 0 ? value : NULL,
              dpool_imap_error (imap));
        start_us = record_now_us ();
    }
    dpool_imap_destroy (&imap);
}

void customer_run (counter_t *counter, uint64_t seed)
{
    customer_t self = { .counter = counter, .seed = seed };
    self.n_answered = atomic_load (&counter->n_questions);
    while (!atomic_load (&counter->is_closing)) {
        switch (draw (&self) % 8) {
        case 0:
            run_imap (&self, SHAPE_IMAP);
            break;
        case 1:
            run_imap (&self, SHAPE_IMAP_UNORDERED);
            break;
        case 2:
            run_map (&self, SHAPE_MAP_ONCE);
            break;
        case 3:
            run_map (&self, SHAPE_MAP_CANCELLED);
            break;
        case 4:
        case 5:
            run_map (&self, SHAPE_MAP);
            break;
        default:
            run_applies (&self);
        }
    }
}
