/* SPDX-License-Identifier: MPL-2.0 */
/* Long outcomes, which come as blobs. */
#include "tests/support/test.h"
#include "tests/unit/crew_rig.h"

#define WITH_RIG(processes) \
    (void) state;           \
    rig_t *rig = rig_new (processes, 1)

static size_t n_released;

static void count_release (void *hint)
{
    (void) hint;
    n_released++;
}

static dp_blob_t *long_outcome (void)
{
    static uint8_t bytes[50005] = { OUTCOME_VALUE, 0xc6, 0, 0, 0xc3, 0x4f };
    return dp_blob_adopt (bytes, sizeof bytes, count_release, NULL);
}

static void finish_long (rig_t *rig, uint64_t serial)
{
    dp_blob_t *outcome = long_outcome ();
    crew_item_finished_long (rig->crew, rig->now_ms, 0, serial, outcome, 1);
    dp_blob_release (&outcome);
}

static void a_long_outcome_is_a_part_of_its_own_and_is_not_copied (void **state)
{
    WITH_RIG (1);
    n_released = 0;
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 3 });
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 1);
    finish_long (rig, 1);
    rig_forget (rig);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 value 0+1 V, 7.1 value 1+1 V\n");
    finish_long (rig, 1);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 value final 2+1 V\n");
    assert_int_equal (n_released, 0);
    rig_destroy (&rig);
    assert_int_equal (n_released, 2);
}

/* Short ones, several at once. */
static void outcomes_that_come_together_are_a_part_of_that_many_items (void **state)
{
    static const uint8_t values[] = { OUTCOME_VALUE, 1, OUTCOME_VALUE, 2, OUTCOME_VALUE, 3 };
    WITH_RIG (1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 3 });
    rig_turn (rig, 0);
    crew_items_finished (rig->crew, rig->now_ms, 0, 1, 4, values, sizeof values,
                         1); /* there are only three */
    crew_items_finished (rig->crew, rig->now_ms, 0, 1, 3, values, sizeof values, 1);
    rig_forget (rig);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 value final 0+3 VVV\n");
    rig_destroy (&rig);
}

static void a_long_outcome_of_nobody_is_dropped (void **state)
{
    WITH_RIG (1);
    n_released = 0;
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    finish_long (rig, 99);
    assert_int_equal (n_released, 1);
    rig_destroy (&rig);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_long_outcome_is_a_part_of_its_own_and_is_not_copied),
        cmocka_unit_test (outcomes_that_come_together_are_a_part_of_that_many_items),
        cmocka_unit_test (a_long_outcome_of_nobody_is_dropped),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
