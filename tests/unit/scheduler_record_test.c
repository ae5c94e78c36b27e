/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_record_test.c - what a task's record gives back of what it was made of. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

static scheduler_t *scheduler;

static int setup (void **state)
{
    (void) state;
    scheduler = scheduler_new (&(scheduler_config_t) { .epoch = 7 }, 1000);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    scheduler_destroy (&scheduler);
    return 0;
}

static void check_body (const task_t *task, const task_numbers_t *numbers, const uint8_t *payload, size_t len)
{
    task_body_t body = scheduler_body_of (task);
    assert_memory_equal (&body.numbers, numbers, sizeof *numbers);
    assert_int_equal (body.payload.len, len);
    assert_memory_equal (body.payload.data, payload, len);
    assert_true ((body.blob != NULL) == (len > SCHEDULER_INLINE_PAYLOAD));
    assert_int_equal (scheduler_attempt_of (task), numbers->attempt);
    assert_int_equal (scheduler_n_items_of (task), numbers->n_items);
}

static void numbers_of_all_sizes_and_payloads_of_all_lengths_come_out_again (void **state)
{
    (void) state;
    uint8_t payload[1024];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t) (i * 7);
    static const size_t lengths[] = { 0, 1, 9, SCHEDULER_INLINE_PAYLOAD, SCHEDULER_INLINE_PAYLOAD + 1, 1024 };
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (unsigned bits = 0; bits < 64; bits++) {
            uint64_t power = UINT64_C (1) << bits;
            task_numbers_t numbers = { power, power - 1, ~power, power + 1, UINT64_MAX };
            wire_bytes_t bytes = { payload, lengths[l], 0 };
            task_t *task = scheduler_new_record (scheduler, 5, &numbers, &bytes, NULL);
            check_body (task, &numbers, payload, lengths[l]);
            scheduler_free_record (scheduler, task);
        }
}

static void a_long_payload_is_held_and_not_copied (void **state)
{
    (void) state;
    uint8_t *data;
    dp_blob_t *blob = dp_blob_new (5000, &data);
    memset (data, 'x', 5000);
    wire_bytes_t bytes = { data, 5000, 1 };
    task_t *task = scheduler_new_record (scheduler, 5, &(task_numbers_t) { .n_items = 1 }, &bytes, blob);
    assert_ptr_equal (scheduler_body_of (task).blob, blob);
    dp_blob_release (&blob);
    assert_memory_equal (scheduler_body_of (task).payload.data, data, 5000);
    scheduler_drop_payload (task);
    assert_int_equal (task->payload_len, 0);
    assert_null (scheduler_body_of (task).blob);
    scheduler_free_record (scheduler, task);
}

static task_t *new_task (uint64_t attempt)
{
    task_numbers_t numbers = { .attempt = attempt, .n_items = 3 };
    return scheduler_new_record (scheduler, 5, &numbers, &(wire_bytes_t) { (const uint8_t *) "\1\2\3", 3, 0 },
                                 NULL);
}

static void attempts_are_counted_from_the_submitted_one (void **state)
{
    (void) state;
    task_t *task = new_task (1000);
    scheduler_next_attempt (scheduler, task);
    assert_int_equal (scheduler_attempt_of (task), 1001);
    assert_false (task->has_runs);
    scheduler_take_attempt_back (task);
    assert_int_equal (scheduler_last_attempt_of (task), 1000);
    for (uint64_t n = 1; n <= 3; n++) {
        scheduler_next_attempt (scheduler, task);
        assert_int_equal (scheduler_attempt_of (task), 1000 + n);
        assert_int_equal (scheduler_last_attempt_of (task), 1000 + n);
    }
    assert_true (task->has_runs);
    scheduler_take_attempt_back (task);
    scheduler_take_attempt_back (task);
    scheduler_shed_runs (scheduler, task); /* it is as if it had been given once */
    assert_false (task->has_runs);
    assert_int_equal (scheduler_attempt_of (task), 1001);
    scheduler_free_record (scheduler, task);
}

static void what_runs_have_brought_is_kept (void **state)
{
    (void) state;
    task_t *task = new_task (0);
    scheduler_next_attempt (scheduler, task);
    scheduler_need_runs (scheduler, task)->n_told = 1;
    scheduler_shed_runs (scheduler, task);
    assert_int_equal (scheduler_n_told_of (task), 1);
    task->by.runs->n_told = 0;
    assert_true (scheduler_cut (scheduler, task, &(wire_result_t) { .first = 2, .n_items = 1 }));
    scheduler_shed_runs (scheduler, task);
    task_body_t body = scheduler_body_of (task);
    assert_int_equal (body.numbers.n_items, 2);
    assert_int_equal (body.payload.len, 2);
    scheduler_free_record (scheduler, task);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (numbers_of_all_sizes_and_payloads_of_all_lengths_come_out_again),
        TEST (a_long_payload_is_held_and_not_copied),
        TEST (attempts_are_counted_from_the_submitted_one),
        TEST (what_runs_have_brought_is_kept),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
