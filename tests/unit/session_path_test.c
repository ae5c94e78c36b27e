/* SPDX-License-Identifier: MPL-2.0 */
/* How a session finds out how long tasks are on their way, and what it does about it. */
#include "tests/unit/session_fixture.h"

static const job_spec_t single = { .chunk_size = 1 };

static void the_first_tasks_tell_how_long_the_way_is (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    fixture_list (f, 1000, single);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 4);
    fixture_task_t tasks[4];
    memcpy (tasks, f->tasks, sizeof tasks);
    f->now_ms += 41;
    fixture_values (f, &tasks[1]); /* it ran for one of them */
    assert_int_equal (f->session->path_ms, 40);
    f->now_ms += 60;
    fixture_values (f, &tasks[0]); /* it has waited somewhere */
    assert_int_equal (f->session->path_ms, 40);
    fixture_forget (f);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2 * (9 + 40) - 2);
    fixture_free (&f);
}

static void tasks_that_queue_behind_others_tell_nothing (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    fixture_list (f, 1000, single);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2);
    fixture_task_t second = f->tasks[1];
    f->now_ms += 41;
    fixture_values (f, &second);
    assert_true (f->session->is_path_old);
    assert_int_equal (f->session->path_ms, 0);
    fixture_free (&f);
}

/* One task of a session that has nothing else under way takes so long, 1 ms of it in a child. */
static void take_one (fixture_t *f, int64_t took_ms)
{
    fixture_forget (f);
    fixture_list (f, 1, single);
    fixture_turn (f);
    fixture_task_t task = fixture_take (f);
    f->now_ms += took_ms;
    fixture_values (f, &task);
    fixture_turn (f);
}

static void the_shortest_way_counts (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    take_one (f, 21);
    take_one (f, 51);
    assert_int_equal (f->session->path_ms, 20);
    take_one (f, 11);
    assert_int_equal (f->session->path_ms, 10);
    take_one (f, 0); /* a child's clock is finer than ours */
    assert_int_equal (f->session->path_ms, 0);
    fixture_free (&f);
}

static void no_way_is_believed_to_be_endless (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    take_one (f, 4000);
    assert_int_equal (f->session->path_ms, SESSION_MAX_PATH_MS);
    fixture_free (&f);
}

static void another_broker_or_other_workers_may_be_farther_away (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    take_one (f, 2);
    fixture_workers (f, 4);
    take_one (f, 81);
    assert_int_equal (f->session->path_ms, 80);
    fixture_reconnect (f, true);
    assert_int_equal (f->session->path_ms, 80); /* until one tells more */
    take_one (f, 91);
    assert_int_equal (f->session->path_ms, 90);
    fixture_free (&f);
}

static void all_parts_of_a_run_count_as_its_run (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    fixture_list (f, 20, (job_spec_t) { .chunk_size = 20 });
    fixture_turn (f);
    fixture_task_t task = fixture_take (f);
    dp_buffer_t row = DP_BUFFER_INIT;
    f->now_ms += 20;
    fixture_put_values (&row, &task, 0, 10);
    fixture_result (f, &task, OUTCOME_VALUE, false, 0, 10, &row);
    f->now_ms += 10;
    dp_buffer_reset (&row);
    fixture_put_values (&row, &task, 10, 10);
    fixture_result (f, &task, OUTCOME_VALUE, true, 10, 10, &row);
    assert_int_equal (f->session->path_ms, 10);
    dp_buffer_fini (&row);
    fixture_free (&f);
}

static void a_broker_that_is_far_is_known_before_the_first_task (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (65536, 256 << 20);
    f->is_far = true;
    fixture_turn (f);
    fixture_welcome (f, false, 1);
    fixture_turn (f);
    f->now_ms += 31;
    fixture_bare (f, WIRE_PONG);
    job_t *job = fixture_list (f, 100, single);
    fixture_turn (f);
    assert_int_equal (job->path_ms, 30);
    fixture_free (&f);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_first_tasks_tell_how_long_the_way_is),
        cmocka_unit_test (tasks_that_queue_behind_others_tell_nothing),
        cmocka_unit_test (the_shortest_way_counts),
        cmocka_unit_test (no_way_is_believed_to_be_endless),
        cmocka_unit_test (another_broker_or_other_workers_may_be_farther_away),
        cmocka_unit_test (all_parts_of_a_run_count_as_its_run),
        cmocka_unit_test (a_broker_that_is_far_is_known_before_the_first_task),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
