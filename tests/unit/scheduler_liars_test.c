/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_liars_test.c - workers that say what cannot be. */
#include "broker/scheduler_internal.h"
#include "tests/unit/scheduler_rig.h"

#include <stdio.h>
#include <string.h>

static srig_t *t;

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
    srig_client (t, 1);
    srig_worker (t, 1, 10);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

/* A worker that does not offer the function cannot have run the task, whatever it says. */
static void believes_no_worker_of_what_it_could_not_have_run (void **state)
{
    (void) state;
    srig_worker_as (t, 2, (srig_hello_t) { .window = 5, .functions = { "other" } });
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_result (t, 2, 1, 1, 1, OUTCOME_VALUE);
    srig_part (t, 2, 1, 1, 1, 0, 1, false);
    srig_turn (t);
    srig_expect_results (t, 1, "");
    assert_int_equal (srig_stats (t).total_late_results, 2);
    srig_worker_as (t, 3, (srig_hello_t) { .window = 5 }); /* which could, and may have had it once */
    srig_result (t, 3, 1, 1, 1, OUTCOME_VALUE);
    srig_turn (t);
    srig_expect_results (t, 1, "1");
}

static void gives_no_task_to_a_worker_that_says_it_has_it_and_cannot (void **state)
{
    (void) state;
    srig_lose (t, 1);
    srig_submit (t, 1, 1, 2);
    srig_turn (t);
    srig_worker_hello (t, 2, (srig_hello_t) { .window = 5, .functions = { "other" } });
    srig_run (t, 2, 1, 1, 1, WIRE_RUN_RUNNING); /* queued here */
    srig_run (t, 2, 1, 3, 1, WIRE_RUN_RUNNING); /* comes later */
    srig_runs_end (t, 2);
    srig_submit (t, 1, 3, 3);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, 3);
    assert_int_equal (t->workers[2].n_kinds[WIRE_ADOPT], 0);
}

/* Names that a worker has offered are remembered when it is gone, but not of all who ever come. */
static void remembers_so_many_names_and_no_more (void **state)
{
    (void) state;
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .function = "work" });
    srig_turn (t);
    for (unsigned i = 0; i < SCHEDULER_MAX_NAMES / 6 + 100; i++) {
        char names[6][24];
        for (unsigned k = 0; k < 6; k++)
            snprintf (names[k], sizeof names[k], "n%u", i * 6 + k);
        srig_worker_as (t, 2,
                        (srig_hello_t) { .functions = { "work", names[0], names[1], names[2] },
                                         .labels = { names[3], names[4], names[5] } });
        srig_bare (t, &t->workers[2], WIRE_BYE);
    }
    assert_int_equal (t->scheduler->offers.count, SCHEDULER_MAX_NAMES);
    assert_int_equal (srig_work (t), 1); /* who is there is not forgotten */
    srig_expect_results (t, 1, "1");
}

static void offers_twice_what_is_said_twice_only_once (void **state)
{
    (void) state;
    srig_worker_as (t, 2,
                    (srig_hello_t) { .functions = { "new", "work", "new", "new" },
                                     .labels = { "big", "big" } });
    const worker_record_t *worker
        = DP_CONTAINER (dp_map_get (&t->scheduler->workers, t->workers[2].id), worker_record_t, peer.by_id);
    assert_int_equal (worker->n_functions, 2);
    assert_int_equal (worker->n_labels, 1);
    offer_t *offer = scheduler_offer (t->scheduler, 'f', (wire_text_t) { "new", 3 });
    assert_int_equal (offer->n_users, 1);
    srig_bare (t, &t->workers[2], WIRE_BYE);
    t->workers[2].connection = 0;
    assert_int_equal (offer->n_users, 0);
}

/* A worker comes that has so many functions, or labels. */
static void offer_many (int number, size_t n, bool are_labels)
{
    static char names[WIRE_MAX_NAMES + 1][24];
    static const char *pointers[WIRE_MAX_NAMES + 1];
    for (size_t i = 0; i < n; i++) {
        snprintf (names[i], sizeof names[i], "n%zu", i);
        pointers[i] = names[i];
    }
    srig_peer_t *peer = &t->workers[number];
    wire_hello_t hello = { .version_min = WIRE_VERSION_MIN,
                           .version_max = WIRE_VERSION,
                           .role = WIRE_ROLE_WORKER,
                           .id = peer->id,
                           .connection = ++peer->n_hellos,
                           .host = { "here", 4 },
                           .name = { "many", 4 },
                           .initializer = { "", 0 },
                           .processes = 1,
                           .window_tasks = 1 };
    *(are_labels ? &hello.n_labels : &hello.n_functions) = n;
    peer->connection = srig_connection (t);
    wire_put_hello (&t->out, 0, &hello, pointers, pointers);
    srig_send (t, peer->connection);
    srig_turn (t);
}

static void refuses_a_worker_with_too_many_names (void **state)
{
    (void) state;
    for (int are_labels = 0; are_labels < 2; are_labels++) {
        srig_peer_t *peer = &t->workers[2 + are_labels];
        offer_many (2 + are_labels, WIRE_MAX_NAMES + 1, are_labels);
        assert_int_equal (peer->refusal, WIRE_REFUSED_LIMIT);
        assert_non_null (strstr (peer->text, "4097"));
        offer_many (2 + are_labels, WIRE_MAX_NAMES, are_labels);
        assert_int_equal (peer->n_kinds[WIRE_WELCOME], 1);
    }
}

/* Whoever lists more and more runs of sessions that are not there leaves room for others. */
static void one_liar_cannot_fill_the_table_of_runs (void **state)
{
    (void) state;
    enum { MOST = 1000, MORE = 100 };
    srig_free (&t);
    t = srig_new_with (&(scheduler_config_t) { .epoch = 7, .most_orphans = 2 * MOST });
    srig_worker_hello (t, 2, (srig_hello_t) { .window = 2 });
    wire_batch_t batch = { 0 };
    for (uint64_t id = 1; id <= MOST + MORE; id++)
        wire_add_run (&batch, &t->out, 0, WIRE_RUNS,
                      &(wire_run_t) { .session = 9, .id = id, .attempt = 1, .state = WIRE_RUN_RUNNING });
    wire_flush (&batch, &t->out, 0, 0, 0);
    srig_send (t, t->workers[2].connection);
    srig_turn (t);
    assert_int_equal (t->scheduler->orphans.count, MOST);
    assert_int_equal (t->workers[2].cancels.n, MORE);
    srig_worker_hello (t, 3, (srig_hello_t) { .window = 2 });
    srig_run (t, 3, 2, 1, 1, WIRE_RUN_RUNNING);
    srig_runs_end (t, 3);
    assert_int_equal (t->scheduler->orphans.count, MOST + 1);
    srig_client_hello (t, 2);
    srig_claim (t, 2, 1, 1, true);
    srig_turn (t);
    srig_expect_runs (&t->workers[3].adopts, "1.1");
    srig_lose (t, 2);
    assert_int_equal (t->scheduler->orphans.count, 0);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (believes_no_worker_of_what_it_could_not_have_run, setup, teardown),
        cmocka_unit_test_setup_teardown (gives_no_task_to_a_worker_that_says_it_has_it_and_cannot, setup,
                                         teardown),
        cmocka_unit_test_setup_teardown (remembers_so_many_names_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown (offers_twice_what_is_said_twice_only_once, setup, teardown),
        cmocka_unit_test_setup_teardown (refuses_a_worker_with_too_many_names, setup, teardown),
        cmocka_unit_test_setup_teardown (one_liar_cannot_fill_the_table_of_runs, setup, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
