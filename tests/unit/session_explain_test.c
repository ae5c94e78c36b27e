/* SPDX-License-Identifier: MPL-2.0 */
/* session_explain_test.c - why a job is not finished, and what is told of attempts that failed. */
#include "tests/unit/session_fixture.h"

#include <stdio.h>
#include <string.h>

static const job_spec_t plain = { .chunk_size = 1, .max_retries = 2 };

static session_question_t question;

static void explain_knows_what_needs_no_question (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (1, 1 << 20);
    job_t *first = fixture_list (f, 1, plain), *second = fixture_list (f, 1, plain),
          *stream = fixture_stream (f, plain);
    assert_true (session_explain (f->session, f->now_ms + 500, first, JOB_NONE, &question));
    assert_int_equal (question.answer.reason, DPOOL_REASON_UNREACHABLE);
    assert_int_equal (question.answer.since_ms, 500);
    fixture_turn (f);
    fixture_welcome (f, false, 1);
    fixture_turn (f);
    assert_true (session_explain (f->session, f->now_ms, second, JOB_NONE, &question));
    assert_int_equal (question.answer.reason, DPOOL_REASON_SUBMITTING);
    assert_true (session_explain (f->session, f->now_ms, stream, JOB_NONE, &question));
    assert_string_equal (question.answer.sentence, "it waits for its source's next item");
    fixture_values (f, &f->tasks[0]);
    assert_true (session_explain (f->session, f->now_ms, first, JOB_NONE, &question));
    assert_int_equal (question.answer.reason, DPOOL_REASON_FINISHED);
    assert_int_equal (f->n_queries, 0);
    fixture_free (&f);
}

static void answer_as (fixture_t *f, uint64_t number, dpool_reason_t reason, uint64_t attempt,
                       const char *worker, const char *text)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_answer_t answer = { .query = number,
                             .reason = (uint64_t) reason,
                             .ahead = 17,
                             .since_ms = 5,
                             .attempt = attempt,
                             .worker = { worker, strlen (worker) },
                             .text = { text, strlen (text) } };
    wire_put_answer (&out, 0, 0, &answer);
    fixture_say (f, &out);
}

static void explain_asks_the_broker_of_the_first_unfinished_task (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    job_t *job = fixture_list (f, 4, plain);
    char text[400];
    memset (text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fixture_turn (f);
    fixture_values (f, &f->tasks[0]);
    fixture_reconnect (f, true); /* claimed: the broker has it though this connection did not carry it */
    assert_false (session_explain (f->session, f->now_ms, job, JOB_NONE, &question));
    fixture_turn (f);
    assert_int_equal (f->n_queries, 1);
    assert_int_equal (f->query.id, 2);
    answer_as (f, question.number + 1, DPOOL_REASON_RUNNING, 1, "w", "to somebody else");
    assert_false (question.is_answered);
    answer_as (f, question.number, DPOOL_REASON_QUEUED, 0, "", text);
    assert_true (question.is_answered);
    assert_int_equal (question.answer.reason, DPOOL_REASON_QUEUED);
    assert_int_equal (question.answer.ahead, 17);
    assert_int_equal (question.answer.attempt, 1); /* the one that it waits for */
    assert_int_equal (strlen (question.answer.sentence), sizeof question.answer.sentence - 1);
    fixture_free (&f);
}

static void two_that_ask_at_once_get_an_answer_each (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    session_question_t other;
    job_t *first = fixture_list (f, 1, plain), *second = fixture_list (f, 1, plain);
    fixture_turn (f);
    assert_false (session_explain (f->session, f->now_ms, first, JOB_NONE, &question));
    assert_false (session_explain (f->session, f->now_ms, second, JOB_NONE, &other));
    fixture_turn (f);
    answer_as (f, question.number, DPOOL_REASON_RUNNING, 1, "w", "first");
    answer_as (f, other.number, DPOOL_REASON_QUEUED, 0, "", "second");
    assert_string_equal (question.answer.sentence, "first");
    assert_string_equal (other.answer.sentence, "second");
    fixture_free (&f);
}

static void a_connection_that_breaks_answers_too (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    assert_false (session_explain (f->session, f->now_ms, job, JOB_NONE, &question));
    session_broken (f->session, f->now_ms);
    assert_true (question.is_answered);
    assert_int_equal (question.answer.reason, DPOOL_REASON_UNREACHABLE);
    fixture_free (&f);
}

static void a_question_may_be_forgotten (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    assert_false (session_explain (f->session, f->now_ms, job, JOB_NONE, &question));
    session_forget_question (&question);
    answer_as (f, question.number, DPOOL_REASON_RUNNING, 1, "w", "too late");
    assert_false (question.is_answered);
    session_forget_question (&question);
    fixture_free (&f);
}

/* The numbers of attempts are a thousand apart from one submission to the next: nobody is told of these. */
static void explain_tells_the_attempt_and_what_the_last_one_ended_by (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    fixture_crash (f, &f->tasks[0], 0);
    fixture_forget (f);
    fixture_turn (f);
    assert_false (session_explain (f->session, f->now_ms, job, JOB_NONE, &question));
    answer_as (f, question.number, DPOOL_REASON_QUEUED, f->tasks[0].base, "", "it is queued");
    assert_int_equal (question.answer.reason, DPOOL_REASON_RETRYING);
    assert_int_equal (question.answer.attempt, 2);
    assert_non_null (strstr (question.answer.sentence, "it is queued; attempt 1: "));

    fixture_reconnect (f, false);
    fixture_missing (f, 2, 2);
    fixture_turn (f);
    assert_false (session_explain (f->session, f->now_ms, job, JOB_NONE, &question));
    answer_as (f, question.number, DPOOL_REASON_RUNNING, 1002, "w", "it runs");
    assert_int_equal (question.answer.reason, DPOOL_REASON_RETRYING);
    assert_int_equal (question.answer.attempt, 2);
    fixture_work_off (f);
    fixture_assert_value (job, 0);
    assert_null (job_item (job, 0)->error);
    fixture_free (&f);
}

/* ---- The history of an item ------------------------------------------------------------------ */

static void an_error_lists_the_attempts_before_it (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    for (int i = 0; i < 3; i++) {
        fixture_task_t task = f->tasks[0];
        fixture_forget (f);
        assert_false (job_is_finished (job));
        fixture_crash (f, &task, 0);
        fixture_turn (f);
    }
    fixture_assert_error (job, 0, DPOOL_ECRASHED);
    const char *history = job_item (job, 0)->error->history, *first = strstr (history, "attempt 1: "),
               *second = strstr (history, "attempt 2: ");
    assert_ptr_equal (first, history);
    assert_true (second != NULL && second[-1] == '\n');
    assert_null (strstr (history, "attempt 3: ")); /* that is what the error itself tells */
    fixture_free (&f);
}

static void of_very_many_attempts_the_last_are_listed (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (2);
    job_t *job = fixture_list (f, 1, (job_spec_t) { .chunk_size = 1, .max_retries = 500 });
    fixture_turn (f);
    for (int i = 0; i <= 500; i++) {
        fixture_task_t task = f->tasks[0];
        fixture_forget (f);
        fixture_crash (f, &task, 0);
        fixture_turn (f);
    }
    fixture_assert_error (job, 0, DPOOL_ECRASHED);
    const char *history = job_item (job, 0)->error->history;
    assert_in_range (strlen (history), 3500, 4095);
    assert_memory_equal (history, "attempt ", 8); /* whole lines */
    assert_non_null (strstr (history, "attempt 500: "));
    fixture_free (&f);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (explain_knows_what_needs_no_question),
        cmocka_unit_test (explain_asks_the_broker_of_the_first_unfinished_task),
        cmocka_unit_test (two_that_ask_at_once_get_an_answer_each),
        cmocka_unit_test (a_connection_that_breaks_answers_too),
        cmocka_unit_test (a_question_may_be_forgotten),
        cmocka_unit_test (explain_tells_the_attempt_and_what_the_last_one_ended_by),
        cmocka_unit_test (an_error_lists_the_attempts_before_it),
        cmocka_unit_test (of_very_many_attempts_the_last_are_listed),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
