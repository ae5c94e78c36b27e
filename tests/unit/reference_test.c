/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/reference.h"

#include <string.h>

enum { UNIT = 16384, SIZE = 10 * UNIT };

static bool comes_through (uint64_t at, uint64_t len)
{
    dp_reference_t reference = { at, len, UINT64_MAX - 1 }, read;
    uint8_t bytes[DP_REFERENCE_LEN];
    dp_reference_write (&reference, bytes);
    if (!dp_reference_read (&read, bytes, sizeof bytes, UNIT, SIZE))
        return false;
    assert_memory_equal (&read, &reference, sizeof read);
    return true;
}

static void comes_through_as_it_was (void **state)
{
    (void) state;
    assert_true (comes_through (0, 1));
    assert_true (comes_through (0, SIZE));
    assert_true (comes_through (9 * UNIT, UNIT));
}

static void refers_to_nothing_outside (void **state)
{
    (void) state;
    assert_false (comes_through (0, 0));
    assert_false (comes_through (0, SIZE + 1));
    assert_false (comes_through (9 * UNIT, UNIT + 1));
    assert_false (comes_through (SIZE, 1));
    assert_false (comes_through (UNIT, UINT64_MAX - UNIT + 1));
    assert_false (comes_through (UINT64_MAX - UNIT + 1, UNIT));
}

static void begins_with_a_range (void **state)
{
    (void) state;
    assert_false (comes_through (1, 1));
    assert_false (comes_through (UNIT + 8, 1));
}

static void other_bytes_are_none (void **state)
{
    (void) state;
    dp_reference_t reference = { 0, 1, 2 }, read;
    uint8_t bytes[DP_REFERENCE_LEN + 1] = { 0 };
    assert_false (dp_reference_read (&read, bytes, DP_REFERENCE_LEN, UNIT, SIZE));
    dp_reference_write (&reference, bytes);
    assert_false (dp_reference_read (&read, bytes, DP_REFERENCE_LEN - 1, UNIT, SIZE));
    assert_false (dp_reference_read (&read, bytes, DP_REFERENCE_LEN + 1, UNIT, SIZE));
    bytes[0] ^= 1;
    assert_false (dp_reference_read (&read, bytes, DP_REFERENCE_LEN, UNIT, SIZE));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (comes_through_as_it_was),
        cmocka_unit_test (refers_to_nothing_outside),
        cmocka_unit_test (begins_with_a_range),
        cmocka_unit_test (other_bytes_are_none),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
