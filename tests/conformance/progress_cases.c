/* SPDX-License-Identifier: MPL-2.0 */
/* How far it is, and why it is not finished. */
#include "tests/conformance/conformance.h"

/* What a wait below asks for. */
typedef struct hope_s {
    dpool_async_result_t *result;
    dpool_progress_t progress;
    dpool_explanation_t why;
    size_t running, finished;
    uint64_t done;
    dpool_reason_t reason;
} hope_t;

static hope_t hope_for (dpool_async_result_t *result)
{
    hope_t hope = { .result = result, .progress = DPOOL_PROGRESS_INIT, .why = DPOOL_EXPLANATION_INIT };
    return hope;
}

static bool has_progress (void *argument)
{
    hope_t *hope = argument;
    return dpool_async_result_progress (hope->result, &hope->progress) == 0
           && hope->progress.running == hope->running && hope->progress.finished == hope->finished
           && hope->progress.done == hope->done;
}

static bool has_reason (void *argument)
{
    hope_t *hope = argument;
    return dpool_async_result_explain (hope->result, &hope->why) == 0 && hope->why.reason == hope->reason;
}

static void assert_progress (hope_t *hope)
{
    if (!wait_until (has_progress, hope))
        fail_msg ("progress: running %zu, finished %zu, waiting %zu, done %llu of %llu",
                  hope->progress.running, hope->progress.finished, hope->progress.waiting,
                  (unsigned long long) hope->progress.done, (unsigned long long) hope->progress.steps);
    assert_int_equal (hope->progress.running + hope->progress.finished + hope->progress.waiting,
                      hope->progress.total);
}

static void assert_reason (hope_t *hope, dpool_reason_t reason)
{
    hope->reason = reason;
    if (!wait_until (has_reason, hope))
        fail_msg ("reason %d instead of %d: %s", (int) hope->why.reason, (int) reason, hope->why.sentence);
    assert_string_not_equal (hope->why.sentence, "");
}

static void counts_running_waiting_and_finished_items (void **state)
{
    fixture_t *f = *state;
    const char *open = folder_path (f->folder, "open");
    make_file (open);
    dpool_call_options_t options = chunks_of (1);
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int i = 0; i < 3; i++)
        assert_ok (dpool_items_add (items, "s", open));
    for (int i = 0; i < 17; i++)
        assert_ok (dpool_items_add (items, "s", f->gate));
    dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "wait_for_file", items, &options));
    hope_t hope = hope_for (result);
    hope.running = N_PROCESSES;
    hope.finished = 3;
    assert_progress (&hope);
    assert_int_equal (hope.progress.total, 20);
    assert_int_equal (hope.progress.waiting, 20 - 3 - N_PROCESSES);
    assert_int_equal (hope.progress.failed, 0);
    open_gate (f);
    hope.running = 0;
    hope.finished = 20;
    assert_progress (&hope);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static void counts_failed_items_as_finished (void **state)
{
    fixture_t *f = *state;
    dpool_progress_t progress = DPOOL_PROGRESS_INIT;
    dpool_items_t *items = numbers_from (0, 5);
    dpool_async_result_t *result = assert_made (dpool_map (f->pool, "fail_at_three", items, NULL));
    assert_ok (dpool_async_result_progress (result, &progress));
    assert_int_equal (progress.total, 5);
    assert_int_equal (progress.finished, 5);
    assert_int_equal (progress.failed, 1);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static void sums_the_steps_that_functions_tell (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t options = chunks_of (1);
    dpool_items_t *items = assert_made (dpool_items_new ());
    assert_ok (dpool_items_add (items, DPOOL_V (100u, f->gate)));
    assert_ok (dpool_items_add (items, DPOOL_V (250000u, f->gate)));
    dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "steps", items, &options));
    hope_t hope = hope_for (result);
    hope.running = 2;
    hope.done = 250100;
    assert_progress (&hope);
    assert_int_equal (hope.progress.steps, 250100);
    open_gate (f);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static void explains_what_is_running_and_what_is_queued (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *running = occupy (f, N_PROCESSES);
    dpool_items_t *items = numbers_from (0, 5000);
    dpool_call_options_t options = chunks_of (1);
    dpool_async_result_t *before = assert_made (dpool_map_async (f->pool, "square", items, &options));
    dpool_async_result_t *queued = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (1)));
    hope_t hope = hope_for (running);
    assert_reason (&hope, DPOOL_REASON_RUNNING);
    assert_string_not_equal (hope.why.worker, "");
    assert_int_equal (hope.why.attempt, 1);
    assert_true (hope.why.since_ms >= 0);
    hope = hope_for (queued);
    assert_reason (&hope, DPOOL_REASON_QUEUED);
    assert_in_range (hope.why.ahead, 1, 5000 + N_PROCESSES);
    open_gate (f);
    assert_ok (dpool_async_result_get (queued, PATIENCE_MS));
    hope = hope_for (queued);
    assert_reason (&hope, DPOOL_REASON_FINISHED);
    dpool_async_result_destroy (&running);
    dpool_async_result_destroy (&before);
    dpool_async_result_destroy (&queued);
    dpool_items_destroy (&items);
}

static void explains_what_is_tried_again (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (f->pool, "crash_once_then_wait", DPOOL_V (f->started, f->gate)));
    wait_for_size (f->started, 2);
    hope_t hope = hope_for (result);
    assert_reason (&hope, DPOOL_REASON_RETRYING);
    assert_int_equal (hope.why.attempt, 2);
    assert_string_not_equal (hope.why.worker, "");
    assert_contains (hope.why.sentence, "last heard of");
    assert_contains (hope.why.sentence, "attempt 1: its process was killed by signal 9 (Killed)");
    open_gate (f);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    dpool_async_result_destroy (&result);
}

typedef struct asker_s {
    dpool_async_result_t *result;
    dpool_reason_t reason;
    bool was_wrong;
    dpool_explanation_t wrong;
} asker_t;

static void *ask_often (void *argument)
{
    asker_t *self = argument;
    int64_t end = now_ms () + PATIENCE_MS;
    for (int i = 0; i < 200;) {
        dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
        int rc = dpool_async_result_explain (self->result, &why);
        /* A busy machine may keep a broker from answering for a second. */
        if (rc == 0 && why.reason == DPOOL_REASON_UNREACHABLE && now_ms () < end)
            continue;
        if (rc < 0 || why.reason != self->reason) {
            self->was_wrong = true;
            self->wrong = why;
        }
        i++;
    }
    return NULL;
}

static void explains_to_several_threads_at_once (void **state)
{
    fixture_t *f = *state;
    pthread_t threads[2];
    dpool_async_result_t *running = occupy (f, N_PROCESSES);
    dpool_items_t *items = numbers_from (0, 5000); /* more than workers take ahead */
    dpool_call_options_t options = chunks_of (1);
    dpool_async_result_t *before = assert_made (dpool_map_async (f->pool, "square", items, &options));
    options = (dpool_call_options_t) DPOOL_CALL_OPTIONS_INIT;
    options.priority = -1;
    dpool_async_result_t *queued
        = assert_made (dpool_apply_async_with (f->pool, &options, "square", DPOOL_V (1)));
    hope_t hope = hope_for (running); /* that they run is told a little later */
    assert_reason (&hope, DPOOL_REASON_RUNNING);
    hope = hope_for (queued);
    assert_reason (&hope, DPOOL_REASON_QUEUED);
    asker_t askers[] = { { .result = running, .reason = DPOOL_REASON_RUNNING },
                         { .result = queued, .reason = DPOOL_REASON_QUEUED } };
    for (size_t i = 0; i < 2; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, ask_often, &askers[i]), 0);
    for (size_t i = 0; i < 2; i++) {
        pthread_join (threads[i], NULL);
        if (askers[i].was_wrong)
            fail_msg ("reason %d instead of %d: %s", (int) askers[i].wrong.reason, (int) askers[i].reason,
                      askers[i].wrong.sentence);
    }
    open_gate (f);
    assert_ok (dpool_async_result_get (queued, PATIENCE_MS));
    dpool_async_result_destroy (&before);
    dpool_items_destroy (&items);
    dpool_async_result_destroy (&running);
    dpool_async_result_destroy (&queued);
}

static const struct CMUnitTest cases[] = {
    CASE (counts_running_waiting_and_finished_items),
    CASE (counts_failed_items_as_finished),
    CASE (sums_the_steps_that_functions_tell),
    CASE (explains_what_is_running_and_what_is_queued),
    CASE (explains_what_is_tried_again),
    CASE (explains_to_several_threads_at_once),
};

THEME (progress, cases);
