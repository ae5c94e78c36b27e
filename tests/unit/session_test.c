/* SPDX-License-Identifier: MPL-2.0 */
/* session_test.c - connecting, and what is submitted when. More: session_break, session_cancel,
 * session_results, session_walk. */
#include "tests/unit/session_fixture.h"

#include "core/memory.h"

#include <string.h>

static const job_spec_t plain = { .max_retries = 2 };

/* ---- Connecting ------------------------------------------------------------------------------ */

static void says_hello_first_and_claims_an_empty_list (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (10, 1 << 20);
    fixture_turn (f);
    assert_int_equal (f->n_opens, 1);
    assert_int_equal (f->n_hellos, 1);
    assert_int_equal (f->n_messages, 1);
    assert_false (session_is_connected (f->session));
    fixture_welcome (f, false, 3);
    fixture_turn (f);
    assert_int_equal (f->n_claim_ends, 1);
    assert_int_equal (f->n_claims, 0);
    assert_true (session_is_connected (f->session));
    assert_int_equal (session_processes (f->session), 3);
    fixture_free (&f);
}

static void creation_without_memory_is_NULL (void **state)
{
    (void) state;
    session_config_t config = { .id = 1, .n_endpoints = 1, .host = "h", .name = "n" };
    for (long nth = 1; nth <= 5; nth++) {
        dp_memory_fail_nth (nth);
        assert_null (session_new (&config, 0));
    }
    dp_memory_fail_nth (0);
    session_t *nothing = NULL;
    session_destroy (&nothing);
}

static void WHO_ends_the_connection_and_a_new_one_is_made (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    fixture_bare (f, WIRE_WHO);
    assert_false (session_is_connected (f->session));
    assert_int_equal (session_processes (f->session), 0);
    fixture_turn (f);
    assert_int_equal (f->n_closes, 1);
    assert_int_equal (f->n_opens, 2);
    assert_int_equal (f->hello_connection, 2);
    fixture_free (&f);
}

static void BYE_of_the_broker_ends_the_connection_too (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    fixture_bare (f, WIRE_BYE);
    fixture_turn (f);
    assert_int_equal (f->n_hellos, 2);
    fixture_free (&f);
}

static void answers_a_ping_and_pings_when_it_is_quiet (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    fixture_bare (f, WIRE_PING);
    fixture_turn (f);
    assert_int_equal (f->n_pongs, 1);
    fixture_pass (f, 1000);
    assert_int_equal (f->n_pings, 1);
    fixture_free (&f);
}

static void silence_of_the_broker_ends_the_connection (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    fixture_list (f, 3, plain);
    fixture_turn (f);
    fixture_pass (f, 5200);
    assert_false (session_is_connected (f->session));
    assert_int_equal (f->n_closes, 1);
    assert_int_equal (f->n_opens, 2);
    fixture_free (&f);
}

static void leaving_says_bye (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    session_leave (f->session);
    fixture_turn (f);
    assert_int_equal (f->n_byes, 1);
    fixture_free (&f);
}

static void what_was_meant_for_a_connection_does_not_go_out_on_the_next (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    fixture_bare (f, WIRE_PING); /* the PONG is still in the outbox */
    session_broken (f->session, f->now_ms);
    assert_int_equal (session_outbox (f->session)->count, 0);
    fixture_turn (f);
    assert_int_equal (f->n_pongs, 0);
    assert_int_equal (session_outbox (f->session)->count, 0);
    fixture_free (&f);
}

static void results_before_the_welcome_are_not_looked_at (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1, plain);
    fixture_turn (f);
    fixture_task_t task = f->tasks[0];
    session_broken (f->session, f->now_ms);
    fixture_values (f, &task); /* DOWN */
    fixture_turn (f);
    fixture_values (f, &task); /* GREETING */
    fixture_missing (f, 1, 1);
    assert_int_equal (job->n_finished, 0);
    fixture_free (&f);
}

static void a_refusal_ends_all_jobs_and_the_connection_for_good (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *list = fixture_list (f, 10, plain);
    job_t *stream = fixture_stream (f, plain);
    fixture_append (f, stream, 1);
    fixture_turn (f);
    fixture_refuse (f, WIRE_REFUSED_KIND, "too much");
    fixture_turn (f);
    for (size_t i = 0; i < 10; i++)
        fixture_assert_error (list, i, DPOOL_EREFUSED);
    assert_string_equal (job_item (list, 0)->error->message, "too much");
    fixture_assert_error (stream, 0, DPOOL_EREFUSED);
    fixture_assert_clean (f);
    const char *text;
    assert_int_equal (session_refusal (f->session, &text), WIRE_REFUSED_KIND);
    assert_string_equal (text, "too much");
    assert_int_equal (f->n_closes, 1);
    fixture_pass (f, 10000);
    assert_int_equal (f->n_opens, 1);
    fixture_free (&f);
}

/* There is none of the key's quota left now, or no room: whoever was let in once waits for it. */
static void a_limit_ends_the_connection_and_not_the_jobs (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *list = fixture_list (f, 10, plain);
    fixture_turn (f);
    fixture_refuse (f, WIRE_REFUSED_LIMIT, "too often");
    fixture_turn (f);
    assert_int_equal (f->n_closes, 1);
    assert_false (job_is_finished (list));
    const char *text;
    assert_int_equal (session_refusal (f->session, &text), 0);
    fixture_pass (f, 1000);
    assert_true (f->n_opens > 1);
    fixture_free (&f);
}

static void what_comes_after_a_refusal_is_refused_at_once (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *stream = fixture_stream (f, plain);
    fixture_refuse (f, WIRE_REFUSED_OTHER, "no");
    job_t *list = fixture_list (f, 2, plain);
    fixture_assert_error (list, 1, DPOOL_EREFUSED);
    assert_true (job_is_finished (list));
    fixture_append (f, stream, 1);
    assert_true (job_is_finished (stream));
    fixture_turn (f);
    assert_int_equal (f->n_changed, 2);
    fixture_free (&f);
}

/* ---- Submitting ------------------------------------------------------------------------------ */

static void nothing_is_submitted_before_the_welcome (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (100, 1 << 20);
    fixture_list (f, 1, plain);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    fixture_welcome (f, false, 1);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 1);
    fixture_free (&f);
}

static void a_list_comes_back_whole_and_in_place (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 1000, plain);
    assert_false (session_is_idle (f->session));
    size_t n_tasks = fixture_work_off (f);
    assert_in_range (n_tasks, 50, 500);
    for (size_t i = 0; i < 1000; i++)
        fixture_assert_value (job, i);
    assert_true (job_is_finished (job));
    fixture_assert_clean (f);
    fixture_free (&f);
}

static void an_empty_list_is_finished_and_told_at_once (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    job_t *job = fixture_list (f, 0, plain);
    assert_ptr_equal (session_next_changed (f->session), job);
    assert_null (session_next_changed (f->session));
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 0);
    fixture_free (&f);
}

static void a_stream_is_sent_as_it_comes_and_told_of_its_end (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_stream (f, plain);
    fixture_append (f, job, 3);
    fixture_work_off (f);
    assert_true (session_is_idle (f->session));
    assert_false (job_is_finished (job));
    f->n_changed = 0;
    job->is_ended = true;
    session_more (f->session, job);
    fixture_turn (f);
    assert_int_equal (f->n_changed, 1);
    session_more (f->session, job); /* says nothing new */
    fixture_turn (f);
    assert_int_equal (f->n_changed, 1);
    fixture_free (&f);
}

static void an_owner_is_told_once_however_many_results_came (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_list (f, 100, plain);
    fixture_turn (f);
    for (size_t i = 0; i < 4; i++)
        fixture_values (f, &f->tasks[i]);
    assert_ptr_equal (session_next_changed (f->session), job);
    assert_null (session_next_changed (f->session));
    fixture_free (&f);
}

static void options_travel_with_the_tasks (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    fixture_list (f, 1, (job_spec_t) { .priority = -5, .is_at_most_once = true });
    fixture_turn (f);
    assert_int_equal (f->tasks[0].priority, -5);
    assert_true (f->tasks[0].is_at_most_once);
    assert_int_equal (f->tasks[0].base, 0);
    assert_int_equal (f->tasks[0].job, 1);
    fixture_free (&f);
}

static void a_given_chunk_size_is_what_is_sent (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    fixture_list (f, 10, (job_spec_t) { .chunk_size = 4 });
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 3);
    assert_int_equal (f->tasks[0].n, 4);
    assert_int_equal (f->tasks[1].first, 4);
    assert_int_equal (f->tasks[2].n, 2);
    assert_int_equal (f->tasks[2].arguments[1], 9);
    fixture_free (&f);
}

static void a_stream_with_a_chunk_size_waits_until_it_is_eager (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    job_t *job = fixture_stream (f, (job_spec_t) { .chunk_size = 4 });
    fixture_append (f, job, 6);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 1);
    job->is_eager = true;
    session_more (f->session, job);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2);
    assert_int_equal (f->tasks[1].n, 2);
    fixture_free (&f);
}

static void a_job_sends_little_ahead_so_that_chunks_can_grow (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (4);
    fixture_list (f, 100000, plain);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 8);
    fixture_free (&f);
}

static void more_processes_get_work_without_waiting_for_a_result (void **state)
{
    (void) state;
    fixture_t *f = fixture_up (1);
    fixture_list (f, 1000, plain);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2);
    fixture_workers (f, 10);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 20);
    assert_int_equal (session_processes (f->session), 10);
    fixture_workers (f, 5);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 20);
    fixture_workers (f, UINT64_MAX);
    assert_int_equal (session_processes (f->session), 1 << 20);
    fixture_free (&f);
}

static void the_window_limits_tasks (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (5, 1 << 20);
    fixture_turn (f);
    fixture_welcome (f, false, 100);
    job_t *jobs[8];
    for (int i = 0; i < 8; i++)
        jobs[i] = fixture_list (f, 1, plain);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 5);
    fixture_task_t second = f->tasks[1];
    fixture_forget (f);
    fixture_values (f, &second);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 1);
    assert_int_equal (f->tasks[0].job, 6);
    assert_true (job_is_finished (jobs[1]));
    fixture_free (&f);
}

static void the_window_limits_bytes_but_lets_one_long_task_through (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (100, 10);
    fixture_turn (f);
    fixture_welcome (f, false, 100);
    job_t *job = fixture_stream (f, (job_spec_t) { .chunk_size = 1 });
    fixture_append (f, job, 4); /* of 5 bytes each */
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2);
    job_t *other = fixture_stream (f, (job_spec_t) { .chunk_size = 5, .priority = 1 });
    fixture_append (f, other, 5); /* 25 bytes: longer than the window */
    fixture_values (f, &f->tasks[0]);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 2);
    fixture_values (f, &f->tasks[1]);
    fixture_turn (f);
    assert_int_equal (f->n_tasks, 3);
    assert_int_equal (f->tasks[2].n, 5);
    fixture_free (&f);
}

static void higher_priorities_go_first_and_equal_ones_in_their_order (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (100, 1 << 20);
    static const int64_t priorities[] = { 0, 5, -1, 5, 0, 9, INT64_MIN, INT64_MAX };
    static const uint64_t expected[] = { 8, 6, 2, 4, 1, 5, 3, 7 };
    for (size_t i = 0; i < 8; i++)
        fixture_list (f, 1, (job_spec_t) { .priority = priorities[i] });
    fixture_turn (f);
    fixture_welcome (f, false, 100);
    fixture_turn (f);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal (f->tasks[i].job, expected[i]);
    fixture_free (&f);
}

static void jobs_of_one_priority_share_a_small_window (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (4, 1 << 20);
    fixture_turn (f);
    fixture_welcome (f, false, 1);
    job_t *map = fixture_list (f, 1000, plain);
    fixture_turn (f);
    job_t *call = fixture_list (f, 1, plain);
    fixture_turn (f);
    assert_int_equal (f->tasks[2].job, call->number); /* not behind the whole map */
    (void) map;
    fixture_free (&f);
}

static void an_item_above_the_brokers_limit_fails_alone (void **state)
{
    (void) state;
    fixture_t *f = fixture_new (100, 1 << 20);
    fixture_turn (f);
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_welcome_t welcome = {
        .version = 1, .epoch = 7, .max_payload = 12, .heartbeat_ms = 1000, .processes = 4, .name = { "b", 1 }
    };
    wire_put_welcome (&out, 0, &welcome);
    fixture_say (f, &out);
    job_t *job = fixture_stream (f, (job_spec_t) { .chunk_size = 4 });
    uint8_t *data;
    dp_blob_t *blob = dp_blob_new (13, &data);
    memset (data, 0xc0, 13);
    fixture_append (NULL, job, 4);
    job_append (job, blob);
    dp_blob_release (&blob);
    fixture_append (NULL, job, 1);
    job->is_ended = true;
    session_more (f->session, job);
    fixture_turn (f);
    fixture_assert_error (job, 4, DPOOL_ETOOLARGE);
    assert_non_null (strstr (job_item (job, 4)->error->message, "13"));
    assert_int_equal (f->n_tasks, 3); /* 2 + 2 + 1: what is too long together is sent apart */
    fixture_work_off (f);
    assert_true (job_is_finished (job));
    assert_int_equal (job->n_failed, 1);
    fixture_assert_clean (f);
    fixture_free (&f);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (says_hello_first_and_claims_an_empty_list),
        cmocka_unit_test (creation_without_memory_is_NULL),
        cmocka_unit_test (WHO_ends_the_connection_and_a_new_one_is_made),
        cmocka_unit_test (BYE_of_the_broker_ends_the_connection_too),
        cmocka_unit_test (answers_a_ping_and_pings_when_it_is_quiet),
        cmocka_unit_test (silence_of_the_broker_ends_the_connection),
        cmocka_unit_test (leaving_says_bye),
        cmocka_unit_test (what_was_meant_for_a_connection_does_not_go_out_on_the_next),
        cmocka_unit_test (results_before_the_welcome_are_not_looked_at),
        cmocka_unit_test (a_refusal_ends_all_jobs_and_the_connection_for_good),
        cmocka_unit_test (a_limit_ends_the_connection_and_not_the_jobs),
        cmocka_unit_test (what_comes_after_a_refusal_is_refused_at_once),
        cmocka_unit_test (nothing_is_submitted_before_the_welcome),
        cmocka_unit_test (a_list_comes_back_whole_and_in_place),
        cmocka_unit_test (an_empty_list_is_finished_and_told_at_once),
        cmocka_unit_test (a_stream_is_sent_as_it_comes_and_told_of_its_end),
        cmocka_unit_test (an_owner_is_told_once_however_many_results_came),
        cmocka_unit_test (options_travel_with_the_tasks),
        cmocka_unit_test (a_given_chunk_size_is_what_is_sent),
        cmocka_unit_test (a_stream_with_a_chunk_size_waits_until_it_is_eager),
        cmocka_unit_test (a_job_sends_little_ahead_so_that_chunks_can_grow),
        cmocka_unit_test (more_processes_get_work_without_waiting_for_a_result),
        cmocka_unit_test (the_window_limits_tasks),
        cmocka_unit_test (the_window_limits_bytes_but_lets_one_long_task_through),
        cmocka_unit_test (higher_priorities_go_first_and_equal_ones_in_their_order),
        cmocka_unit_test (jobs_of_one_priority_share_a_small_window),
        cmocka_unit_test (an_item_above_the_brokers_limit_fails_alone),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
