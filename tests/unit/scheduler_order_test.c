/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_order_test.c - the order in which tasks are given out, against looking at all that wait. */
#include "tests/unit/scheduler_rig.h"

#include <stdio.h>
#include <stdlib.h>

static srig_t *t;

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
    srig_client (t, 1);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

enum { MODEL_TASKS = 600 };
static const char *const model_functions[] = { "a", "b", "c", "d" };
static struct {
    int64_t priority;
    size_t function;
    bool is_waiting;
} model[MODEL_TASKS + 1];

/* What this worker must get: number 1 runs all, number 2 "b" and "d". 0 = nothing. */
static uint64_t model_next (int worker)
{
    uint64_t best = 0;
    for (uint64_t id = 1; id <= MODEL_TASKS; id++)
        if (model[id].is_waiting && (worker == 1 || model[id].function % 2 == 1)
            && (best == 0 || model[id].priority > model[best].priority))
            best = id;
    return best;
}

/* It answers its task, and gets the one that is due. */
static void model_serve (uint64_t *has, int worker)
{
    srig_forget (t);
    if (has[worker] > 0)
        srig_result (t, worker, 1, has[worker], 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_ack (t, 1);
    uint64_t next = model_next (worker);
    char text[24] = "";
    if (next > 0)
        snprintf (text, sizeof text, "%llu", (unsigned long long) next);
    srig_expect_tasks (t, worker, text);
    model[next].is_waiting = false;
    has[worker] = next;
}

static void model_submit (uint64_t id)
{
    model[id].function = (size_t) rand () % 4;
    model[id].priority = rand () % 5 - 2;
    model[id].is_waiting = true;
    srig_submit_as (t, 1, id, id,
                    (srig_submit_t) { .function = model_functions[model[id].function],
                                      .priority = model[id].priority });
}

static void gives_what_is_due_of_all_that_a_worker_can_run (void **state)
{
    (void) state;
    srand (20);
    uint64_t has[3] = { 0 }, id = 0;
    while (id < 40) /* enough for both to be busy until the end: who is served then is no question */
        model_submit (++id);
    srig_worker_hello (t, 1, (srig_hello_t) { .window = 1, .functions = { "a", "b", "c", "d" } });
    srig_runs_end (t, 1);
    model_serve (has, 1);
    srig_worker_hello (t, 2, (srig_hello_t) { .window = 1, .functions = { "b", "d" } });
    srig_runs_end (t, 2);
    model_serve (has, 2);
    while (id < MODEL_TASKS) {
        for (int n = rand () % 12; n >= 0 && id < MODEL_TASKS; n--)
            model_submit (++id);
        for (int n = rand () % 3; n >= 0; n--)
            model_serve (has, 1 + rand () % 2);
        uint64_t cancelled = (uint64_t) rand () % id + 1;
        if (model[cancelled].is_waiting)
            srig_cancel (t, 1, cancelled, cancelled);
        model[cancelled].is_waiting = false;
    }
    while (model_next (1) > 0)
        model_serve (has, 1);
    model_serve (has, 1);
    model_serve (has, 2);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (gives_what_is_due_of_all_that_a_worker_can_run, setup, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
