/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/session_fixture.h"

#include "core/memory.h"

#include <string.h>

static void append_blob (job_t *job, size_t len)
{
    uint8_t *data;
    dp_blob_t *blob = dp_blob_new (len, &data);
    memset (data, 0xc0, len);
    assert_int_equal (job_append (job, blob), 0);
    dp_blob_release (&blob);
}

static void succeed (job_t *job, size_t index)
{
    dp_blob_t *blob = fixture_argument ((int) index + 1000);
    if (!job_succeed (job, index, blob, dp_blob_data (blob), dp_blob_len (blob))) /* else it took the hold */
        dp_blob_release (&blob);
}

/* As the session does when it sends. */
static size_t send (job_t *job, size_t processes)
{
    size_t n = job_cut (job, processes);
    job->unsent += n;
    job->n_tasks += n > 0;
    return n;
}

static void a_list_has_all_its_items_from_the_start (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 10, (job_spec_t) { 0 });
    assert_false (job->is_stream);
    assert_true (job->is_ended);
    assert_int_equal (job->next, 10);
    assert_non_null (job_item (job, 9));
    assert_null (job_item (job, 10));
    assert_false (job_is_finished (job));
    job_destroy (&job);
    job_destroy (&job);
}

static void long_arguments_of_a_stream_go_alone_and_as_they_are (void **state)
{
    (void) state;
    static const size_t lens[] = { 10, 10, 100000, 100000, 10 };
    job_t *job = fixture_stream (NULL, (job_spec_t) { .chunk_size = 0 });
    job->chunk = 8;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++)
        append_blob (job, lens[i]);
    dp_buffer_t scratch = DP_BUFFER_INIT;
    dp_blob_t *blob;
    assert_int_equal (send (job, 1), 2);
    job_payload (job, 0, 2, &scratch, &blob);
    assert_null (blob);
    assert_int_equal (send (job, 1), 1);
    wire_bytes_t payload = job_payload (job, 2, 1, &scratch, &blob);
    assert_ptr_equal (payload.data, dp_blob_data (blob));
    assert_int_equal (send (job, 1), 1);
    assert_int_equal (send (job, 1), 1);
    dp_buffer_fini (&scratch);
    job_destroy (&job);
}

static void an_empty_list_is_finished (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 0, (job_spec_t) { 0 });
    assert_true (job_is_finished (job));
    assert_int_equal (job_cut (job, 4), 0);
    job_destroy (&job);
}

static void a_stream_is_finished_when_it_ended_and_all_items_are (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { 0 });
    fixture_append (NULL, job, 2);
    succeed (job, 0);
    succeed (job, 1);
    assert_false (job_is_finished (job));
    job->is_ended = true;
    assert_true (job_is_finished (job));
    job_destroy (&job);
}

static void creation_without_memory_leaves_the_items_to_the_caller (void **state)
{
    (void) state;
    dpool_items_t *items = dpool_items_new ();
    dpool_items_add (items, "i", 1);
    dp_items_freeze (items);
    job_spec_t spec = { .function = "f", .items = items };
    for (long nth = 1; nth <= 5; nth++) {
        dp_memory_fail_nth (nth);
        assert_null (job_new (&spec));
    }
    dp_memory_fail_nth (0);
    job_t *job = job_new (&spec);
    assert_non_null (job);
    job_destroy (&job);
    dpool_items_destroy (&items);
}

static void an_append_without_memory_changes_nothing (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { 0 });
    fixture_append (NULL, job, 64);
    dp_blob_t *blob = fixture_argument (64);
    for (long nth = 1; nth <= 2; nth++) {
        dp_memory_fail_nth (nth);
        assert_int_equal (job_append (job, blob), -1);
    }
    dp_memory_fail_nth (0);
    assert_int_equal (job->next, 64);
    assert_int_equal (job_append (job, blob), 0);
    dp_blob_release (&blob);
    job_destroy (&job);
}

static void items_keep_their_values_when_the_ring_grows (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { 0 });
    fixture_append (NULL, job, 64);
    for (size_t i = 0; i < 50; i++)
        succeed (job, i);
    for (size_t i = 0; i < 40; i++)
        job_forget (job, i);
    fixture_append (NULL, job, 200); /* wraps, then grows twice */
    assert_int_equal (job->capacity, 256);
    for (size_t i = 40; i < 50; i++)
        fixture_assert_value (job, i);
    assert_null (job_item (job, 39));
    dp_buffer_t scratch = DP_BUFFER_INIT;
    dp_blob_t *blob;
    wire_bytes_t payload = job_payload (job, 50, 214, &scratch, &blob);
    assert_int_equal (payload.len, 214 * 5);
    assert_int_equal (payload.data[5 * 213 + 3] * 256 + payload.data[5 * 213 + 4], 263);
    assert_int_equal (job_payload_len (job, 50, 214), payload.len);
    dp_buffer_fini (&scratch);
    job_destroy (&job);
}

static void a_stream_in_order_forgets_only_from_its_beginning (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { .is_unordered = true });
    fixture_append (NULL, job, 5);
    for (size_t i = 5; i-- > 0;)
        succeed (job, i);
    job_forget (job, 3);
    job_forget (job, 1);
    assert_int_equal (job->base, 0);
    job_forget (job, 0);
    assert_int_equal (job->base, 2);
    job_forget (job, 2);
    assert_int_equal (job->base, 4);
    job_forget (job, 2); /* harmless */
    assert_int_equal (job->n_forgotten, 4);
    job_destroy (&job);
}

static void unordered_items_come_in_the_order_of_their_arrival (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { .is_unordered = true });
    fixture_append (NULL, job, 100);
    assert_int_equal (job_next_finished (job), JOB_NONE);
    succeed (job, 7);
    succeed (job, 3);
    job_fail_as (job, 99, OUTCOME_FAILED, "no");
    assert_int_equal (job_next_finished (job), 7);
    job_forget (job, 7);
    fixture_append (NULL, job, 100); /* the order survives the ring's growth */
    succeed (job, 0);
    assert_int_equal (job_next_finished (job), 3);
    assert_int_equal (job_next_finished (job), 99);
    assert_int_equal (job_next_finished (job), 0);
    assert_int_equal (job_next_finished (job), JOB_NONE);
    succeed (job, 150);
    assert_int_equal (job_next_finished (job), 150);
    job_destroy (&job);
}

static void an_item_has_one_outcome (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 3, (job_spec_t) { 0 });
    succeed (job, 1);
    job_fail_as (job, 1, OUTCOME_FAILED, "late");
    succeed (job, 1);
    fixture_assert_value (job, 1);
    assert_int_equal (job->n_finished, 1);
    assert_int_equal (job->n_failed, 0);
    job_fail_as (job, 2, OUTCOME_FAILED, "no");
    job_fail_as (job, 0, OUTCOME_KILLED, "no");
    succeed (job, 0);
    succeed (job, 99); /* not there */
    fixture_assert_error (job, 0, DPOOL_EKILLED);
    assert_int_equal (job->lowest_failed, 0);
    assert_int_equal (job->n_failed, 2);
    assert_true (job_is_finished (job));
    job_destroy (&job);
}

static void an_error_reaches_the_caller_without_memory_too (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 1, (job_spec_t) { 0 });
    dp_memory_fail_nth (1);
    job_fail_as (job, 0, OUTCOME_LOST, "gone");
    dp_memory_fail_nth (0);
    assert_int_equal (job_item (job, 0)->error->code, DPOOL_ELOST);
    assert_string_equal (job_item (job, 0)->error->message, "");
    job_destroy (&job);
}

static void a_given_chunk_size_is_obeyed_to_the_short_last_chunk (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 10, (job_spec_t) { .chunk_size = 4 });
    job_learn (job, 4, 1);
    assert_int_equal (send (job, 1), 4);
    assert_int_equal (send (job, 100), 4);
    assert_int_equal (send (job, 0), 2);
    assert_int_equal (send (job, 1), 0);
    job_destroy (&job);
}

/* No broker takes more. */
static void no_chunk_is_longer_than_a_task_may_be (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, WIRE_MAX_ITEMS + 3, (job_spec_t) { .chunk_size = SIZE_MAX });
    assert_int_equal (send (job, 1), WIRE_MAX_ITEMS);
    assert_int_equal (send (job, 1), 3);
    job_destroy (&job);
}

static void a_stream_waits_for_a_full_chunk_unless_it_is_eager_or_ended (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { .chunk_size = 4 });
    fixture_append (NULL, job, 3);
    assert_int_equal (job_cut (job, 1), 0);
    job->is_eager = true;
    assert_int_equal (job_cut (job, 1), 3);
    job->is_eager = false;
    fixture_append (NULL, job, 4);
    assert_int_equal (send (job, 1), 4);
    assert_int_equal (job_cut (job, 1), 0);
    job->is_ended = true;
    assert_int_equal (send (job, 1), 3);
    job_destroy (&job);
}

static void chunks_grow_until_one_takes_some_milliseconds (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 1000000, (job_spec_t) { 0 });
    assert_int_equal (job_cut (job, 4), 1);
    size_t last = 1;
    for (int i = 0; i < 30; i++) {
        size_t n = job_cut (job, 4);
        assert_true (n <= 2 * last);
        last = n;
        job_learn (job, n, 10 * n); /* 10 us an item */
    }
    assert_in_range (last, 300, 500);
    job_learn (job, last, 1000000); /* items became slow: no need to double anything */
    assert_true (job_cut (job, 4) < 20);
    job_destroy (&job);
}

static void results_of_smaller_chunks_do_not_make_chunks_grow (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 100000, (job_spec_t) { 0 });
    for (int i = 0; i < 8; i++) /* eight tasks of one item were under way */
        job_learn (job, 1, 1);
    assert_int_equal (job->chunk, 2);
    job_destroy (&job);
}

static void slow_items_go_one_by_one (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 1000, (job_spec_t) { 0 });
    for (int i = 0; i < 5; i++)
        job_learn (job, 1, 50000);
    assert_int_equal (job_cut (job, 4), 1);
    job->n_tasks = 7;
    assert_true (job_has_room (job, 4));
    job->n_tasks = 8;
    assert_false (job_has_room (job, 4));
    job->n_tasks = 0;
    job_destroy (&job);
}

static void many_short_tasks_may_be_under_way (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 100000, (job_spec_t) { .chunk_size = 1 });
    job->n_tasks = 1000;
    assert_false (job_has_room (job, 4));
    job_learn (job, 1, 20);
    assert_true (job_has_room (job, 4));
    job->n_tasks = 2001;
    assert_false (job_has_room (job, 4));
    job->n_tasks = 0;
    job_destroy (&job);
}

/* How many tasks of so long each it may have under way for each of two processes, so far away. */
static size_t ahead_of (uint64_t task_us, int64_t path_ms)
{
    job_t *job = fixture_list (NULL, 100000, (job_spec_t) { .chunk_size = 1 });
    job_learn (job, 1, task_us);
    job->path_ms = path_ms;
    while (job_has_room (job, 2))
        job->n_tasks++;
    assert_int_equal (job->n_tasks % 2, 0);
    size_t n = job->n_tasks / 2;
    job->n_tasks = 0;
    job_destroy (&job);
    return n;
}

static void more_tasks_are_under_way_where_the_way_is_long (void **state)
{
    (void) state;
    assert_int_equal (ahead_of (1000, 0), 9); /* a hundredth of a microsecond keeps it from being 0 */
    assert_int_equal (ahead_of (1000, 2), 9); /* near */
    assert_int_equal (ahead_of (1000, 50), 9 + 50);
    assert_int_equal (ahead_of (30000, 50), 3); /* one runs, and two are on their way */
    assert_int_equal (ahead_of (1000000, 50), 2);
    assert_int_equal (ahead_of (20, 300), 1024);
}

static void the_last_items_are_shared_out_fairly (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 1000, (job_spec_t) { 0 });
    job->chunk = 400;
    assert_int_equal (send (job, 4), 125);
    assert_int_equal (send (job, 4), 109);
    while (job->unsent < 992)
        assert_true (send (job, 4) <= (1000 - job->unsent) / 4 + 1);
    assert_int_equal (job_cut (job, 4), 1);
    job->n_tasks = 0;
    job_destroy (&job);
}

static void an_unknown_number_of_processes_does_not_make_one_chunk_of_half_the_job (void **state)
{
    (void) state;
    job_t *job = fixture_list (NULL, 1000, (job_spec_t) { 0 });
    job->chunk = 100000;
    assert_int_equal (job_cut (job, 0), 125);
    job_destroy (&job);
}

static void a_chunk_has_at_most_4_MiB_of_arguments (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { 0 });
    job->chunk = 1000;
    for (int i = 0; i < 300; i++)
        append_blob (job, 1 << 14);
    assert_int_equal (job_cut (job, 1), 256);
    job_destroy (&job);
    job = fixture_stream (NULL, (job_spec_t) { 0 });
    append_blob (job, 5 << 20); /* one alone may be longer */
    append_blob (job, 1);
    assert_int_equal (job_cut (job, 1), 1);
    job_destroy (&job);
}

static void a_given_chunk_size_goes_beyond_that_up_to_the_payload_limit (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { .chunk_size = 8 });
    for (int i = 0; i < 8; i++)
        append_blob (job, 1 << 20);
    assert_int_equal (job_cut (job, 1), 8);
    job->max_payload = 3 << 20;
    assert_int_equal (job_cut (job, 1), 3);
    job_destroy (&job);
}

static void a_stream_that_may_hold_no_more_gives_a_short_chunk (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { .chunk_size = 1000 });
    while (job_appetite (job, 2) > 0) {
        assert_int_equal (job_cut (job, 2), 0);
        append_blob (job, 1 << 20);
    }
    assert_int_equal (job->next, 65);
    assert_true (job_cut (job, 2) > 0);
    job_destroy (&job);
}

static void appetite_follows_the_processes_and_what_was_taken (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { 0 });
    assert_int_equal (job_appetite (job, 4), 16);
    assert_int_equal (job_appetite (job, 0), 16);
    assert_int_equal (job_appetite (job, 1), 4);
    fixture_append (NULL, job, 10);
    assert_int_equal (job_appetite (job, 4), 6);
    fixture_append (NULL, job, 10);
    assert_int_equal (job_appetite (job, 4), 0);
    for (size_t i = 0; i < 8; i++) {
        succeed (job, i);
        assert_int_equal (job_appetite (job, 4), i > 4 ? i - 4 : 0);
        job_forget (job, i);
    }
    assert_int_equal (job_appetite (job, 4), 4);
    job_destroy (&job);
}

static void appetite_has_a_bound (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { .chunk_size = SIZE_MAX });
    assert_int_equal (job->chunk_size, 524288);
    assert_int_equal (job_appetite (job, 1 << 20), 1048576);
    job_destroy (&job);
    job = fixture_stream (NULL, (job_spec_t) { .chunk_size = 1 });
    job_learn (job, 1, 0);
    assert_int_equal (job_appetite (job, 1 << 20), 65536);
    job_destroy (&job);
}

static void one_slow_item_stops_the_drawing_after_a_million (void **state)
{
    (void) state;
    job_t *job = fixture_stream (NULL, (job_spec_t) { .is_unordered = true });
    dp_blob_t *blob = fixture_argument (0);
    for (size_t i = 0; i <= 1 << 20; i++) {
        assert_int_equal (job_append (job, blob), 0);
        if (i > 0) {
            job_succeed (job, i, dp_blob_hold (blob), dp_blob_data (blob), dp_blob_len (blob));
            assert_int_equal (job_next_finished (job), i);
            job_forget (job, i);
        }
    }
    assert_int_equal (job_appetite (job, 4), 0);
    succeed (job, 0);
    job_forget (job, 0);
    assert_int_equal (job_appetite (job, 4), 16);
    dp_blob_release (&blob);
    job_destroy (&job);
}

static void a_single_argument_is_sent_without_a_copy (void **state)
{
    (void) state;
    static const uint8_t bytes[ARGUMENT_SHORT + 1] = { 0xc4, ARGUMENT_SHORT - 1 };
    job_t *job = fixture_stream (NULL, (job_spec_t) { 0 });
    dp_blob_t *argument = dp_blob_copy (bytes, sizeof bytes), *blob;
    assert_int_equal (job_append (job, argument), 0);
    fixture_append (NULL, job, 1); /* but for a short one */
    dp_buffer_t scratch = DP_BUFFER_INIT;
    wire_bytes_t payload = job_payload (job, 0, 1, &scratch, &blob);
    assert_ptr_equal (blob, argument);
    assert_ptr_equal (payload.data, dp_blob_data (blob));
    assert_int_equal (scratch.len, 0);
    payload = job_payload (job, 1, 1, &scratch, &blob);
    assert_null (blob);
    assert_ptr_equal (payload.data, scratch.data);
    assert_int_equal (payload.len, 5);
    dp_buffer_fini (&scratch);
    dp_blob_release (&argument);
    job_destroy (&job);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_list_has_all_its_items_from_the_start),
        cmocka_unit_test (long_arguments_of_a_stream_go_alone_and_as_they_are),
        cmocka_unit_test (an_empty_list_is_finished),
        cmocka_unit_test (a_stream_is_finished_when_it_ended_and_all_items_are),
        cmocka_unit_test (creation_without_memory_leaves_the_items_to_the_caller),
        cmocka_unit_test (an_append_without_memory_changes_nothing),
        cmocka_unit_test (items_keep_their_values_when_the_ring_grows),
        cmocka_unit_test (a_stream_in_order_forgets_only_from_its_beginning),
        cmocka_unit_test (unordered_items_come_in_the_order_of_their_arrival),
        cmocka_unit_test (an_item_has_one_outcome),
        cmocka_unit_test (an_error_reaches_the_caller_without_memory_too),
        cmocka_unit_test (no_chunk_is_longer_than_a_task_may_be),
        cmocka_unit_test (a_given_chunk_size_is_obeyed_to_the_short_last_chunk),
        cmocka_unit_test (a_stream_waits_for_a_full_chunk_unless_it_is_eager_or_ended),
        cmocka_unit_test (chunks_grow_until_one_takes_some_milliseconds),
        cmocka_unit_test (results_of_smaller_chunks_do_not_make_chunks_grow),
        cmocka_unit_test (slow_items_go_one_by_one),
        cmocka_unit_test (many_short_tasks_may_be_under_way),
        cmocka_unit_test (more_tasks_are_under_way_where_the_way_is_long),
        cmocka_unit_test (the_last_items_are_shared_out_fairly),
        cmocka_unit_test (an_unknown_number_of_processes_does_not_make_one_chunk_of_half_the_job),
        cmocka_unit_test (a_chunk_has_at_most_4_MiB_of_arguments),
        cmocka_unit_test (a_given_chunk_size_goes_beyond_that_up_to_the_payload_limit),
        cmocka_unit_test (a_stream_that_may_hold_no_more_gives_a_short_chunk),
        cmocka_unit_test (appetite_follows_the_processes_and_what_was_taken),
        cmocka_unit_test (appetite_has_a_bound),
        cmocka_unit_test (one_slow_item_stops_the_drawing_after_a_million),
        cmocka_unit_test (a_single_argument_is_sent_without_a_copy),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
