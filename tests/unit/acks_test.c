/* SPDX-License-Identifier: MPL-2.0 */
#include "core/acks.h"

#include "core/link.h"
#include "tests/support/test.h"

static void are_due_a_while_after_the_oldest_result (void **state)
{
    (void) state;
    dp_acks_t acks = { 0 };
    assert_int_equal (dp_acks_due_ms (&acks), DP_NEVER);
    dp_acks_take (&acks, 1000, 8);
    dp_acks_take (&acks, 1003, 8);
    assert_int_equal (acks.n_received, 2);
    assert_int_equal (dp_acks_due_ms (&acks), 1000 + ACKS_AFTER_MS);
    dp_acks_said (&acks);
    assert_int_equal (dp_acks_due_ms (&acks), DP_NEVER);
    dp_acks_take (&acks, 2000, 8);
    assert_int_equal (acks.n_received, 3);
    assert_int_equal (dp_acks_due_ms (&acks), 2000 + ACKS_AFTER_MS);
}

static void are_due_at_once_for_many_results (void **state)
{
    (void) state;
    dp_acks_t acks = { 0 };
    for (int i = 1; i < ACKS_MOST_RESULTS; i++)
        dp_acks_take (&acks, 1000, 8);
    assert_int_equal (dp_acks_due_ms (&acks), 1000 + ACKS_AFTER_MS);
    dp_acks_take (&acks, 1000, 8);
    assert_int_equal (dp_acks_due_ms (&acks), 0);
}

static void are_due_at_once_for_a_large_result (void **state)
{
    (void) state;
    dp_acks_t acks = { 0 };
    dp_acks_take (&acks, 1000, ACKS_MOST_BYTES);
    assert_int_equal (dp_acks_due_ms (&acks), 0);
    dp_acks_said (&acks);
    dp_acks_take (&acks, 1000, ACKS_MOST_BYTES - 1);
    assert_int_equal (dp_acks_due_ms (&acks), 1000 + ACKS_AFTER_MS);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (are_due_a_while_after_the_oldest_result),
        cmocka_unit_test (are_due_at_once_for_many_results),
        cmocka_unit_test (are_due_at_once_for_a_large_result),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
