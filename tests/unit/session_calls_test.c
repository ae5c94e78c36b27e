/* SPDX-License-Identifier: MPL-2.0 */
/* session_calls_test.c - applies: in chunks, each with an end of its own. */
#include "tests/unit/session_fixture.h"

#include "core/memory.h"

#include <string.h>

static const job_spec_t plain = { .max_retries = 2 };

/* A job of calls whose next chunk takes n of them: what was learned says that they are short. */
static job_t *quick_calls (fixture_t *f, size_t n)
{
    job_t *job = fixture_calls (f, 1, plain);
    fixture_work_off (f);
    job->chunk = n;
    job->item_us = 0.01;
    fixture_forget (f);
    return job;
}

/* The same with n calls in one task, which is noted as the first. */
static job_t *one_chunk (fixture_t **f_p, size_t n)
{
    fixture_t *f = *f_p = fixture_up (1);
    job_t *job = quick_calls (f, n);
    size_t left = 2 * n; /* half of what is left makes a chunk */
    while (left-- > 0)
        assert_ptr_equal (fixture_call (f, job->next, plain), job);
    fixture_turn (f);
    assert_int_equal (f->tasks[0].n, n);
    return job;
}

/* Index of the item that is the task's i-th. */
static size_t at (const fixture_task_t *task, size_t i)
{
    return (size_t) task->first + i;
}

static void calls_alike_share_a_job_and_others_do_not (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    job_t *job = fixture_calls (f, 3, plain);
    static const job_spec_t others[] = { { .max_retries = 3 },
                                         { .max_retries = 2, .priority = 1 },
                                         { .max_retries = 2, .require = "gpu" },
                                         { .max_retries = 2, .time_limit_ms = 9 },
                                         { .max_retries = 2, .is_at_most_once = true } };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_ptr_not_equal (fixture_calls (f, 1, others[i]), job);
    assert_int_equal (f->session->calls.count, 6);
    assert_ptr_equal (fixture_call (f, 3, plain), job);
    assert_int_equal (job->next, 4);
    fixture_free (&f);
}

static void calls_that_are_short_travel_in_chunks (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = one_chunk (&f, 16);
    size_t n_sent = 0;
    for (size_t i = 0; i < f->n_tasks; i++)
        n_sent += (size_t) f->tasks[i].n;
    assert_int_equal (n_sent, 32);
    assert_true (f->n_tasks < 12);
    fixture_work_off (f);
    assert_int_equal (job->n_finished, job->next);
    fixture_assert_value (job, job->next - 1);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void calls_that_take_long_go_one_by_one (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    job_t *job = fixture_calls (f, 1, plain);
    fixture_turn (f);
    job_learn (job, 1, 1000000);
    fixture_forget (f);
    fixture_calls (f, 0, plain);
    for (int i = 1; i <= 20; i++) {
        dp_blob_t *blob = fixture_argument (i);
        argument_t argument;
        argument_init (&argument, blob);
        job_append_call (job, &argument, f);
        dp_blob_release (&blob);
    }
    session_more (f->session, job);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 3); /* two for each process, with the first */
    for (size_t i = 0; i < f->n_tasks; i++)
        assert_int_equal (f->tasks[i].n, 1);
    fixture_free (&f);
}

static void a_call_that_cannot_go_yet_is_ready_with_the_next_result (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_calls (f, 2, plain);
    assert_true (session_has_ready (f->session));
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2); /* as many as a process should have */
    assert_false (session_has_ready (f->session));
    fixture_call (f, 2, plain);
    assert_false (session_has_ready (f->session));
    fixture_values (f, &f->tasks[0]);
    assert_true (session_has_ready (f->session));
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 3);
    assert_int_equal (f->tasks[2].first, job->next - 1);
    fixture_free (&f);
}

static void only_the_calls_made_last_keep_the_room_of_a_burst (void **state)
{
    (void) state;
    enum { N = 5000, BURST = 8192 };
    fixture_t *f = fixture_up (1);
    job_t *job = NULL;
    for (size_t i = 0; i < N; i++)
        job = fixture_call (f, i, plain);
    for (size_t i = 0; i < N; i++) {
        session_cancel_call (f->session, f->now_ms, job, i);
        session_forget_call (f->session, job, job_next_finished (job));
    }
    assert_int_equal (job->capacity, BURST);
    job_t *other = fixture_call (f, 0, (job_spec_t) { .priority = 1 });
    assert_ptr_not_equal (other, job);
    assert_int_equal (job->capacity, 0);
    fixture_call (f, N, plain); /* there is room for it, and for what comes behind it */
    assert_int_equal (job->next, N + 1);
    session_cancel_call (f->session, f->now_ms, job, N);
    session_forget_call (f->session, job, job_next_finished (job));
    session_tidy (f->session);
    assert_true (job->capacity < BURST);
    fixture_free (&f);
}

static void a_call_that_was_never_sent_is_cancelled_at_once_and_skipped (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (65536, 256 << 20);
    job_t *job = fixture_calls (f, 5, plain);
    session_cancel_call (f->session, f->now_ms, job, 0);
    session_cancel_call (f->session, f->now_ms, job, 2);
    session_cancel_call (f->session, f->now_ms, job, 4);
    assert_int_equal (job->n_failed, 3);
    assert_int_equal (job_item (job, 2)->error->code, DPOOL_ECANCELLED);
    assert_int_equal (job_item (job, 2)->error->index, 0); /* of its result, it is the only one */
    fixture_turn (f);
    fixture_welcome (f, false, 1);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2);
    assert_int_equal (f->tasks[0].first, 1);
    assert_int_equal (f->tasks[1].first, 3);
    fixture_work_off (f);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_call_alone_in_its_task_is_cancelled_with_it (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_calls (f, 1, plain);
    fixture_turn (f);
    session_cancel_call (f->session, f->now_ms, job, 0);
    session_cancel_call (f->session, f->now_ms, job, 0); /* says nothing more */
    fixture_turn (f);
    assert_int_equal (f->n_cancels, 1);
    assert_int_equal (f->n_recalls, 0);
    fixture_end (f, &f->tasks[0], OUTCOME_KILLED);
    assert_int_equal (job_item (job, 0)->error->code, DPOOL_EKILLED);
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void a_call_among_others_is_cancelled_without_harm_to_them (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = one_chunk (&f, 8);
    fixture_task_t task = f->tasks[0];
    session_cancel_call (f->session, f->now_ms, job, at (&task, 5));
    session_cancel_call (f->session, f->now_ms, job, at (&task, 6));
    fixture_forget (f);
    fixture_turn (f);
    assert_int_equal (f->n_cancels, 0);
    assert_int_equal (f->n_recalls, 1);
    assert_int_equal (f->recalls[0].first, task.id);
    assert_int_equal (job_item (job, at (&task, 5))->state, ITEM_SENT);
    fixture_forget (f);
    fixture_give_back (f, &task, false, 4); /* it runs its fourth */
    assert_int_equal (job_item (job, at (&task, 5))->error->code, DPOOL_ECANCELLED);
    assert_int_equal (job_item (job, at (&task, 6))->error->code, DPOOL_ECANCELLED);
    fixture_turn (f);
    assert_int_equal (f->n_cancels, 0);
    assert_int_equal (f->n_tasks, 2); /* the others go out again */
    assert_int_equal (f->tasks[0].first, at (&task, 4));
    assert_int_equal (f->tasks[1].first, at (&task, 7));
    assert_int_equal (f->tasks[0].base, task.base);
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 0, 4);
    fixture_result (f, &task, OUTCOME_VALUE, true, 0, 4, &row);
    dp_buffer_fini (&row);
    for (size_t i = 0; i < 4; i++)
        fixture_assert_value (job, at (&task, i));
    fixture_free (&f);
}

static void a_call_that_runs_is_cancelled_when_the_others_have_come_back (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = one_chunk (&f, 8);
    fixture_task_t task = f->tasks[0];
    session_cancel_call (f->session, f->now_ms, job, at (&task, 1));
    fixture_turn (f);
    assert_int_equal (f->n_recalls, 1);
    fixture_forget (f);
    fixture_give_back (f, &task, false, 2);
    fixture_turn (f);
    assert_int_equal (f->n_recalls, 0); /* once was enough */
    assert_int_equal (f->n_cancels, 0); /* its first may be running */
    dp_buffer_t row = DP_BUFFER_INIT;
    fixture_put_values (&row, &task, 0, 1);
    fixture_result (f, &task, OUTCOME_VALUE, false, 0, 1, &row);
    dp_buffer_fini (&row);
    fixture_turn (f);
    assert_int_equal (f->n_cancels, 1);
    assert_int_equal (f->cancels[0].first, task.id);
    fixture_end (f, &task, OUTCOME_KILLED);
    assert_int_equal (job_item (job, at (&task, 1))->error->code, DPOOL_EKILLED);
    fixture_free (&f);
}

static void a_queued_chunk_comes_back_whole (void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++) {
        fixture_t *f;
        job_t *job = one_chunk (&f, 8);
        fixture_task_t task = f->tasks[0];
        session_cancel_call (f->session, f->now_ms, job, at (&task, 0));
        fixture_forget (f);
        if (i == 0)
            fixture_give_back (f, &task, true, 0);
        else
            fixture_end (f, &task, OUTCOME_NOT_STARTED);
        assert_int_equal (job_item (job, at (&task, 0))->error->code, DPOOL_ECANCELLED);
        fixture_turn (f);
        size_t n_again = 0;
        for (size_t k = 0; k < f->n_tasks; k++)
            n_again += (size_t) f->tasks[k].n;
        assert_int_equal (n_again, 7);
        fixture_free (&f);
    }
}

static void a_recall_that_nobody_answers_ends_the_cancelled_calls_only (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = one_chunk (&f, 8);
    fixture_task_t task = f->tasks[0];
    session_cancel_call (f->session, f->now_ms, job, at (&task, 3));
    fixture_pass (f, SESSION_CANCEL_MS / 2);
    fixture_bare (f, WIRE_PONG);
    fixture_pass (f, SESSION_CANCEL_MS / 2 + 200);
    assert_int_equal (job_item (job, at (&task, 3))->error->code, DPOOL_EKILLED);
    assert_int_equal (job_item (job, at (&task, 4))->state, ITEM_SENT);
    fixture_values (f, &task);
    fixture_assert_value (job, at (&task, 4));
    assert_int_equal (job_item (job, at (&task, 3))->error->code, DPOOL_EKILLED);
    fixture_free (&f);
}

static void a_recall_is_said_again_on_a_new_connection (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = one_chunk (&f, 8);
    fixture_task_t task = f->tasks[0];
    session_cancel_call (f->session, f->now_ms, job, at (&task, 3));
    fixture_turn (f);
    fixture_forget (f);
    fixture_reconnect (f, true);
    assert_int_equal (f->n_recalls, 1);
    assert_int_equal (f->recalls[0].first, task.id);
    fixture_free (&f);
}

static void a_recalled_chunk_that_the_broker_lacks_goes_out_without_the_cancelled (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = one_chunk (&f, 8);
    fixture_task_t task = f->tasks[0];
    session_cancel_call (f->session, f->now_ms, job, at (&task, 3));
    fixture_turn (f);
    fixture_forget (f);
    fixture_missing (f, task.id, task.id);
    assert_non_null (job_item (job, at (&task, 3))->error);
    fixture_turn (f);
    for (size_t i = 0; i < f->n_tasks; i++)
        assert_false (f->tasks[i].first <= at (&task, 3)
                      && at (&task, 3) < f->tasks[i].first + f->tasks[i].n);
    assert_true (f->n_tasks > 1);
    fixture_free (&f);
}

static void what_an_older_submission_gives_back_does_not_count (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = one_chunk (&f, 8);
    fixture_task_t task = f->tasks[0];
    fixture_reconnect (f, false); /* to a broker that may find it running */
    fixture_missing (f, task.id, task.id);
    fixture_forget (f);
    fixture_turn (f); /* sent again, whole */
    assert_int_equal (f->tasks[0].id, task.id);
    assert_int_equal (f->tasks[0].base, task.base + SESSION_SUBMISSION_STEP);
    fixture_forget (f);
    fixture_give_back (f, &task, false, 3);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    assert_int_equal (job_item (job, at (&task, 5))->state, ITEM_SENT);
    fixture_free (&f);
}

static void a_stalled_chunk_is_shared_out (void **state)
{
    (void) state;
    fixture_t *f;
    job_t *job = one_chunk (&f, 8);
    fixture_task_t task = f->tasks[0];
    fixture_workers (f, 4);
    fixture_forget (f);
    fixture_give_back (f, &task, false, 1);
    fixture_turn (f);
    assert_true (f->n_tasks >= 7); /* seven calls on four processes */
    for (size_t i = 0; i < 7; i++)
        assert_int_equal (f->tasks[i].n, 1);
    assert_int_equal (job->n_failed, 0);
    fixture_free (&f);
}

static void a_crash_blames_one_call_and_tells_it_as_the_first_item (void **state)
{
    (void) state;
    fixture_t *f;
    one_chunk (&f, 8);
    job_t *job = NULL;
    fixture_task_t task = f->tasks[0];
    fixture_forget (f);
    fixture_crash (f, &task, 2);
    fixture_turn (f);
    for (size_t i = 0; i < f->n_tasks; i++) {
        if (f->tasks[i].first == at (&task, 2)) {
            assert_int_equal (f->tasks[i].n, 1);
            task = f->tasks[i];
        }
    }
    fixture_crash (f, &task, 0);
    fixture_turn (f);
    for (size_t i = 0; i < f->n_tasks; i++)
        if (f->tasks[i].first == task.first && f->tasks[i].id > task.id)
            task = f->tasks[i];
    fixture_crash (f, &task, 0);
    job = DP_CONTAINER (f->session->calls_in_use.previous, job_t, in_use);
    const dpool_error_t *error = job_item (job, (size_t) task.first)->error;
    assert_int_equal (error->code, DPOOL_ECRASHED);
    assert_int_equal (error->index, 0);
    assert_non_null (strstr (error->message, "item 0"));
    fixture_free (&f);
}

static void a_slow_call_does_not_keep_the_room_of_all_behind_it (void **state)
{
    (void) state;
    enum { N = 200000 };
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_calls (f, 1, plain), *first = job;
    uint64_t number = job->number;
    job_spec_t spec = plain;
    spec.function = "f";
    spec.is_calls = true;
    dp_blob_t *blob = fixture_argument (0);
    argument_t argument;
    argument_init (&argument, blob);
    dp_blob_release (&blob);
    size_t index = 0;
    for (size_t i = 1; i < N; i++) {
        job = session_call (f->session, &spec, &argument, NULL, &index);
        assert_int_equal (index, i); /* goes on in the next job too */
        assert_int_equal (job->number, number);
        session_cancel_call (f->session, f->now_ms, job, index);
        assert_int_equal (job_next_finished (job), index);
        session_forget_call (f->session, job, index);
    }
    assert_ptr_not_equal (job, first);
    assert_true (first->capacity <= 2 * 65536);
    assert_int_equal (job_item (first, 0)->state, ITEM_WAITING);
    argument_fini (&argument);
    fixture_turn (f);
    fixture_values (f, &f->tasks[0]);
    assert_int_equal (job_next_finished (first), 0);
    assert_true (session_forget_call (f->session, first, 0)); /* nothing was left of it */
    fixture_free (&f);
}

static job_t *end_call_of_kind (fixture_t *f, int kind)
{
    job_t *job = fixture_calls (f, 1, (job_spec_t) { .priority = kind });
    size_t index = job->next - 1;
    session_release_call (f->session, f->now_ms, job, index);
    assert_int_equal (job_next_finished (job), index);
    session_forget_call (f->session, job, index);
    return job;
}

/* So what was learned of their time is not learned anew. */
static void a_thousand_kinds_in_turn_are_remembered (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (65536, 256 << 20);
    job_t *first = end_call_of_kind (f, 0);
    for (int i = 1; i < 1000; i++)
        end_call_of_kind (f, i);
    assert_ptr_equal (end_call_of_kind (f, 0), first);
    fixture_free (&f);
}

static void kinds_that_are_not_used_any_more_are_forgotten (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (65536, 256 << 20);
    for (int i = 0; i < 3 * SESSION_MAX_KINDS; i++)
        end_call_of_kind (f, i);
    assert_true (f->session->calls.count <= SESSION_MAX_KINDS + 1);
    fixture_calls (f, 1, (job_spec_t) { .priority = 0 });
    fixture_free (&f);
}

static void as_many_kinds_as_calls_cost_no_more_each_and_leave_nothing (void **state)
{
    (void) state;
    enum { N = 100000 };
    fixture_t *f = fixture_new (65536, 256 << 20);
    job_t **jobs = dp_must_alloc (N * sizeof *jobs);
    for (size_t i = 0; i < N; i++)
        jobs[i] = fixture_calls (f, 1, (job_spec_t) { .time_limit_ms = i + 1 });
    assert_int_equal (f->session->calls.count, N);
    for (size_t i = 0; i < N; i++) {
        session_cancel_call (f->session, f->now_ms, jobs[i], 0);
        assert_int_equal (job_next_finished (jobs[i]), 0);
        session_forget_call (f->session, jobs[i], 0);
    }
    assert_in_range (f->session->calls.count, 1, SESSION_MAX_KINDS);
    dp_free (jobs);
    fixture_free (&f);
}

static void a_call_behind_others_is_explained_by_them (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_calls (f, 10, plain);
    session_question_t question;
    assert_true (session_explain (f->session, f->now_ms, job, 9, &question));
    assert_int_equal (question.answer.reason, DPOOL_REASON_SUBMITTING);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2);
    assert_false (session_explain (f->session, f->now_ms, job, 9, &question));
    fixture_turn (f);
    assert_int_equal (f->query.id, f->tasks[1].id);
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_answer_t answer = { .query = f->query.query,
                             .reason = DPOOL_REASON_RUNNING,
                             .worker = { "w", 1 },
                             .text = { "it runs", 7 } };
    wire_put_answer (&out, 0, 0, &answer);
    fixture_say (f, &out);
    assert_true (question.is_answered);
    assert_int_equal (question.answer.reason, DPOOL_REASON_QUEUED);
    assert_int_equal (question.answer.ahead, 8);
    assert_string_equal (question.answer.worker, "");
    fixture_free (&f);
}

static void terminated_calls_all_end (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_calls (f, 10, plain);
    fixture_turn (f);
    session_terminate (f->session, f->now_ms);
    assert_int_equal (job->n_failed, 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal (job_item (job, i)->error->code, DPOOL_ETERMINATED);
    for (size_t i = 0; i < 10; i++)
        assert_int_not_equal (job_next_finished (job), JOB_NONE);
    assert_int_equal (job_next_finished (job), JOB_NONE);
    fixture_free (&f);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (calls_alike_share_a_job_and_others_do_not),
        cmocka_unit_test (calls_that_are_short_travel_in_chunks),
        cmocka_unit_test (calls_that_take_long_go_one_by_one),
        cmocka_unit_test (a_call_that_cannot_go_yet_is_ready_with_the_next_result),
        cmocka_unit_test (only_the_calls_made_last_keep_the_room_of_a_burst),
        cmocka_unit_test (a_call_that_was_never_sent_is_cancelled_at_once_and_skipped),
        cmocka_unit_test (a_call_alone_in_its_task_is_cancelled_with_it),
        cmocka_unit_test (a_call_among_others_is_cancelled_without_harm_to_them),
        cmocka_unit_test (a_call_that_runs_is_cancelled_when_the_others_have_come_back),
        cmocka_unit_test (a_queued_chunk_comes_back_whole),
        cmocka_unit_test (a_recall_that_nobody_answers_ends_the_cancelled_calls_only),
        cmocka_unit_test (a_recall_is_said_again_on_a_new_connection),
        cmocka_unit_test (a_recalled_chunk_that_the_broker_lacks_goes_out_without_the_cancelled),
        cmocka_unit_test (what_an_older_submission_gives_back_does_not_count),
        cmocka_unit_test (a_stalled_chunk_is_shared_out),
        cmocka_unit_test (a_crash_blames_one_call_and_tells_it_as_the_first_item),
        cmocka_unit_test (a_slow_call_does_not_keep_the_room_of_all_behind_it),
        cmocka_unit_test (a_thousand_kinds_in_turn_are_remembered),
        cmocka_unit_test (kinds_that_are_not_used_any_more_are_forgotten),
        cmocka_unit_test (as_many_kinds_as_calls_cost_no_more_each_and_leave_nothing),
        cmocka_unit_test (a_call_behind_others_is_explained_by_them),
        cmocka_unit_test (terminated_calls_all_end),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
