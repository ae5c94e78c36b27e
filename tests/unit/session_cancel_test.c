/* SPDX-License-Identifier: MPL-2.0 */
/* session_cancel_test.c - cancel, release and terminate; and very many jobs. */
#include "tests/unit/session_fixture.h"

#include "core/memory.h"

#include <string.h>

static const job_spec_t plain = { .max_retries = 2 };
static const job_spec_t apply = { .max_retries = 2 };

/* ---- Cancel, release, terminate -------------------------------------------------------------- */

static void what_was_never_sent_is_cancelled_at_once (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_list (f, 10, plain);
    session_cancel (f->session, f->now_ms, job);
    for (size_t i = 0; i < 10; i++)
        fixture_assert_error (job, i, DPOOL_ECANCELLED);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    assert_int_equal (f->n_cancels, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_submitted_task_is_cancelled_by_the_brokers_word (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_list (f, 3, plain);
    fixture_turn (f);
    session_cancel (f->session, f->now_ms, job);
    fixture_turn (f);
    assert_int_equal (f->n_cancels, 2);
    fixture_assert_error (job, 2, DPOOL_ECANCELLED);
    assert_int_equal (job->n_finished, 1);
    session_cancel (f->session, f->now_ms, job); /* again: says nothing more */
    fixture_turn (f);
    assert_int_equal (f->n_cancels, 2);
    fixture_end (f, &f->tasks[0], OUTCOME_CANCELLED);
    fixture_end (f, &f->tasks[1], OUTCOME_KILLED);
    fixture_assert_error (job, 0, DPOOL_ECANCELLED);
    fixture_assert_error (job, 1, DPOOL_EKILLED);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void what_is_cancelled_before_it_starts_once_more_may_have_run (void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++) {
        fixture_t *f = fixture_up (1);
        job_t *job = fixture_list (f, 1, plain);
        fixture_turn (f);
        if (i == 0)
            fixture_end (f, &f->tasks[0], OUTCOME_CRASHED);
        fixture_turn (f); /* what crashed is sent once more */
        fixture_task_t last = f->tasks[f->n_tasks - 1];
        last.base += (uint64_t) i; /* what was lost had one run before */
        session_cancel (f->session, f->now_ms, job);
        fixture_end (f, &last, OUTCOME_CANCELLED);
        fixture_assert_error (job, 0, DPOOL_EKILLED);
        fixture_assert_clean (f);
        fixture_free (&f);
    }
}

static void a_value_that_came_first_wins_over_a_cancel (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    session_cancel (f->session, f->now_ms, job);
    fixture_values (f, &f->tasks[0]);
    fixture_assert_value (job, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_cancel_that_nobody_confirms_ends_after_5_s (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    session_cancel (f->session, f->now_ms, job);
    for (int i = 0; i < 49; i++) {
        fixture_bare (f, WIRE_PONG);
        fixture_pass (f, 100);
    }
    assert_false (job_is_finished (job));
    assert_true (fixture_turn (f) <= f->now_ms + 100);
    fixture_pass (f, 100);
    fixture_assert_error (job, 0, DPOOL_EKILLED);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_cancel_without_a_connection_expires_too (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_list (f, 5, plain);
    fixture_turn (f);
    session_broken (f->session, f->now_ms);
    session_cancel (f->session, f->now_ms, job);
    assert_int_equal (job->n_finished, 3);
    fixture_pass (f, 5000);
    assert_true (job_is_finished (job));
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_cancel_is_repeated_after_a_reconnect (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    session_broken (f->session, f->now_ms);
    session_cancel (f->session, f->now_ms, job);
    fixture_turn (f);
    assert_int_equal (f->n_cancels, 0);
    fixture_welcome (f, true, 1);
    fixture_turn (f);
    assert_int_equal (f->n_claims, 1);
    assert_int_equal (f->n_cancels, 1);
    fixture_missing (f, 1, 1); /* never arrived */
    fixture_assert_error (job, 0, DPOOL_ECANCELLED);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 1); /* the first time only */
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_cancelled_task_that_a_lost_broker_had_may_have_run (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    session_cancel (f->session, f->now_ms, job);
    fixture_reconnect (f, false);
    fixture_missing (f, 1, 1);
    fixture_assert_error (job, 0, DPOOL_EKILLED);
    fixture_free (&f);
}

static void a_task_that_is_cancelled_between_MISSING_and_the_next_turn_is_not_sent (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    fixture_reconnect (f, true);
    fixture_forget (f);
    fixture_missing (f, 1, 1);
    session_cancel (f->session, f->now_ms, job);
    assert_true (job_is_finished (job));
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void terminate_ends_everything_at_once (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    job_t *sent = fixture_list (f, 100, plain);
    job_t *cancelled = fixture_list (f, 1, plain);
    job_t *stream = fixture_stream (f, plain);
    fixture_append (f, stream, 2);
    fixture_turn (f);
    session_cancel (f->session, f->now_ms, cancelled);
    fixture_values (f, &f->tasks[0]);
    session_terminate (f->session, f->now_ms);
    fixture_assert_value (sent, 0);
    for (size_t i = 1; i < 100; i++)
        fixture_assert_error (sent, i, DPOOL_ETERMINATED);
    fixture_assert_error (cancelled, 0, DPOOL_ETERMINATED);
    assert_true (job_is_finished (stream));
    fixture_turn (f);
    assert_in_range (f->n_cancels, 6, 7);
    assert_int_equal (f->last_ack, 1);
    fixture_assert_clean (f);
    session_terminate (f->session, f->now_ms);
    job_t *late = fixture_list (f, 1, plain);
    fixture_assert_error (late, 0, DPOOL_ETERMINATED);
    fixture_free (&f);
}

static void a_released_finished_job_is_freed (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 20, plain);
    fixture_work_off (f);
    fixture_assert_value (job, 19);
    session_release (f->session, f->now_ms, job);
    assert_true (dp_list_is_empty (&f->session->done));
    fixture_free (&f);
}

static void a_job_released_before_its_end_is_cancelled_and_freed_when_nothing_is_under_way (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 20, plain);
    fixture_turn (f);
    session_release (f->session, f->now_ms, job);
    fixture_turn (f);
    assert_int_equal (f->n_cancels, 8);
    assert_false (dp_list_is_empty (&f->session->jobs));
    f->n_changed = 0;
    fixture_crash (f, &f->tasks[0], 0); /* not tried again */
    for (size_t i = 1; i < 8; i++)
        fixture_end (f, &f->tasks[i], OUTCOME_KILLED);
    assert_true (dp_list_is_empty (&f->session->jobs));
    fixture_turn (f);
    assert_int_equal (f->n_changed, 0); /* nobody is there to be told */
    assert_int_equal (f->n_tasks, 8);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_job_may_be_released_after_its_cancel_in_any_state (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *unsent = fixture_list (f, 1, plain);
    session_cancel (f->session, f->now_ms, unsent);
    session_release (f->session, f->now_ms, unsent);
    job_t *sent = fixture_list (f, 1, plain);
    fixture_turn (f);
    session_cancel (f->session, f->now_ms, sent);
    session_release (f->session, f->now_ms, sent);
    job_t *idle = fixture_stream (f, plain);
    session_release (f->session, f->now_ms, idle);
    assert_int_equal (f->session->jobs.next != &f->session->jobs, 1); /* only the sent one */
    fixture_pass (f, 5000);
    assert_true (dp_list_is_empty (&f->session->jobs));
    assert_true (dp_list_is_empty (&f->session->done));
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void many_released_jobs_are_freed_in_one_walk (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    for (int i = 0; i < 50; i++) {
        job_t *job = fixture_list (f, 1, plain);
        fixture_turn (f);
        session_release (f->session, f->now_ms, job);
    }
    if (f->n_tasks > 0)
        session_terminate (f->session, f->now_ms);
    assert_true (dp_list_is_empty (&f->session->jobs));
    fixture_assert_clean (f);
    fixture_free (&f);

    f = fixture_up (4);
    for (int i = 0; i < 50; i++)
        session_release (f->session, f->now_ms, fixture_list (f, (size_t) i, plain));
    for (int i = 0; i < 50; i++) {
        job_t *job = fixture_list (f, 1, plain);
        fixture_turn (f);
        session_release (f->session, f->now_ms, job);
    }
    fixture_pass (f, 5100); /* all expire together */
    assert_true (dp_list_is_empty (&f->session->jobs));
    fixture_free (&f);
}

static void items_appended_to_a_cancelled_stream_are_cancelled (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_stream (f, plain);
    session_cancel (f->session, f->now_ms, job);
    fixture_append (f, job, 2);
    fixture_assert_error (job, 1, DPOOL_ECANCELLED);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    fixture_free (&f);
}

/* ---- Many ------------------------------------------------------------------------------------ */

static void a_hundred_thousand_jobs_cost_no_more_each_than_one (void **state)
{
    (void) state;
    enum { N = 100000 };
    fixture_t *f = fixture_new (65536, 256 << 20);
    job_t **jobs = dp_must_alloc (N * sizeof *jobs);
    for (size_t i = 0; i < N; i++) {
        jobs[i] = fixture_stream (f, (job_spec_t) { .priority = (int64_t) (i % 7) });
        fixture_append (f, jobs[i], 1);
    }
    session_tick (f->session, f->now_ms);
    dp_outbox_fini (session_outbox (f->session));
    fixture_welcome (f, false, 4);
    session_tick (f->session, f->now_ms);
    dp_outbox_fini (session_outbox (f->session));
    assert_int_equal (f->session->tasks.count, 65536);
    session_cancel (f->session, f->now_ms, jobs[0]); /* never sent: priority 0 */
    session_cancel (f->session, f->now_ms, jobs[6]); /* a timer runs from here on */
    for (uint64_t id = 1; id <= N - 1; id++) {
        fixture_task_t task = { .id = id, .n = 1 };
        fixture_values (f, &task);
        if (id % 16 == 0) {
            session_tick (f->session, f->now_ms);
            dp_outbox_fini (session_outbox (f->session));
        }
    }
    fixture_assert_clean (f);
    for (size_t i = 0; i < N; i++)
        session_release (f->session, f->now_ms, jobs[i]);
    assert_true (dp_list_is_empty (&f->session->done));
    dp_free (jobs);
    fixture_free (&f);
}

static void destroying_frees_whatever_is_under_way (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    fixture_list (f, 100, plain);
    job_t *job = fixture_stream (f, apply);
    fixture_append (f, job, 1);
    fixture_turn (f);
    fixture_crash (f, &f->tasks[0], 0);
    fixture_reconnect (f, false);
    fixture_missing (f, 3, 4);
    fixture_list (f, 10, (job_spec_t) { .priority = 3 });
    session_cancel (f->session, f->now_ms, job);
    fixture_free (&f);
}

static void progress_is_noted_until_the_task_ends (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    fixture_task_t task = f->tasks[0];
    fixture_running (f, &task);
    fixture_running (f, &task);
    assert_int_equal (job->n_running, 1);
    const job_task_t *noted = DP_CONTAINER (job->tasks.next, job_task_t, in_job);
    assert_int_equal (noted->done, 3);
    assert_int_equal (noted->steps, 10);
    assert_int_equal (noted->running_at_ms, f->now_ms - 250);
    fixture_values (f, &task);
    assert_int_equal (job->n_running, 0);
    fixture_running (f, &task); /* late */
    assert_int_equal (job->n_running, 0);
    fixture_free (&f);
}

static void ten_thousand_crashes_in_one_turn_are_no_more_than_that (void **state)
{
    (void) state;
    enum { N = 10000 };
    fixture_t *f = fixture_up (4);
    job_t **jobs = dp_must_alloc (N * sizeof *jobs);
    for (size_t i = 0; i < N; i++)
        jobs[i] = fixture_list (f, 1, (job_spec_t) { .max_retries = 1 });
    for (uint64_t id = 1, round = 0; round < 2; round++) {
        session_tick (f->session, f->now_ms);
        dp_outbox_fini (session_outbox (f->session));
        for (size_t i = 0; i < N; i++, id++) {
            fixture_task_t task = { .id = id, .base = round, .n = 1 };
            fixture_crash (f, &task, 0);
        }
    }
    for (size_t i = 0; i < N; i++)
        fixture_assert_error (jobs[i], 0, DPOOL_ECRASHED);
    fixture_assert_clean (f);
    dp_free (jobs);
    fixture_free (&f);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (what_was_never_sent_is_cancelled_at_once),
        cmocka_unit_test (a_submitted_task_is_cancelled_by_the_brokers_word),
        cmocka_unit_test (what_is_cancelled_before_it_starts_once_more_may_have_run),
        cmocka_unit_test (a_value_that_came_first_wins_over_a_cancel),
        cmocka_unit_test (a_cancel_that_nobody_confirms_ends_after_5_s),
        cmocka_unit_test (a_cancel_without_a_connection_expires_too),
        cmocka_unit_test (a_cancel_is_repeated_after_a_reconnect),
        cmocka_unit_test (a_cancelled_task_that_a_lost_broker_had_may_have_run),
        cmocka_unit_test (a_task_that_is_cancelled_between_MISSING_and_the_next_turn_is_not_sent),
        cmocka_unit_test (terminate_ends_everything_at_once),
        cmocka_unit_test (a_released_finished_job_is_freed),
        cmocka_unit_test (a_job_released_before_its_end_is_cancelled_and_freed_when_nothing_is_under_way),
        cmocka_unit_test (a_job_may_be_released_after_its_cancel_in_any_state),
        cmocka_unit_test (many_released_jobs_are_freed_in_one_walk),
        cmocka_unit_test (items_appended_to_a_cancelled_stream_are_cancelled),
        cmocka_unit_test (a_hundred_thousand_jobs_cost_no_more_each_than_one),
        cmocka_unit_test (destroying_frees_whatever_is_under_way),
        cmocka_unit_test (progress_is_noted_until_the_task_ends),
        cmocka_unit_test (ten_thousand_crashes_in_one_turn_are_no_more_than_that),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
