/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/memory.h"
#include "core/ranges.h"

#include <stdlib.h>
#include <string.h>

static void takes_the_lowest_that_fits (void **state)
{
    (void) state;
    dp_ranges_t ranges;
    assert_int_equal (dp_ranges_init (&ranges, 200), 0);
    assert_int_equal (dp_ranges_take (&ranges, 10), 0);
    assert_int_equal (dp_ranges_take (&ranges, 100), 10);
    assert_int_equal (dp_ranges_take (&ranges, 1), 110);
    assert_int_equal (dp_ranges_give_back (&ranges, 0), 10);
    assert_int_equal (dp_ranges_take (&ranges, 11), 111);
    assert_int_equal (dp_ranges_take (&ranges, 9), 0);
    assert_int_equal (dp_ranges_take (&ranges, 1), 9);
    assert_int_equal (ranges.n_taken, 122);
    dp_ranges_fini (&ranges);
}

static void says_when_there_is_no_room (void **state)
{
    (void) state;
    dp_ranges_t ranges;
    assert_int_equal (dp_ranges_init (&ranges, 70), 0);
    assert_true (dp_ranges_take (&ranges, 71) == DP_RANGES_NONE);
    assert_true (dp_ranges_take (&ranges, SIZE_MAX) == DP_RANGES_NONE);
    assert_int_equal (dp_ranges_take (&ranges, 70), 0);
    assert_true (dp_ranges_take (&ranges, 1) == DP_RANGES_NONE);
    assert_int_equal (dp_ranges_give_back (&ranges, 0), 70);
    assert_int_equal (dp_ranges_take (&ranges, 70), 0);
    dp_ranges_fini (&ranges);
}

static void takes_back_nothing_that_is_not_the_beginning_of_a_range (void **state)
{
    (void) state;
    dp_ranges_t ranges;
    assert_int_equal (dp_ranges_init (&ranges, 100), 0);
    assert_int_equal (dp_ranges_take (&ranges, 5), 0);
    assert_int_equal (dp_ranges_take (&ranges, 5), 5);
    assert_int_equal (dp_ranges_give_back (&ranges, 1), 0);
    assert_int_equal (dp_ranges_give_back (&ranges, 10), 0);
    assert_int_equal (dp_ranges_give_back (&ranges, 100), 0);
    assert_int_equal (dp_ranges_give_back (&ranges, SIZE_MAX), 0);
    assert_int_equal (dp_ranges_give_back (&ranges, 5), 5);
    assert_int_equal (dp_ranges_give_back (&ranges, 5), 0);
    assert_int_equal (ranges.n_taken, 5);
    dp_ranges_fini (&ranges);
}

static void tells_of_lack_of_memory (void **state)
{
    (void) state;
    dp_ranges_t ranges;
    dp_memory_fail_nth (1);
    assert_int_equal (dp_ranges_init (&ranges, 10), -1);
    dp_memory_fail_nth (0);
    dp_ranges_fini (&ranges);
}

/* Against books that are kept in the simplest way. */
static void agrees_with_a_plain_table (void **state)
{
    (void) state;
    enum { UNITS = 333, STEPS = 20000 };
    static unsigned owner[UNITS]; /* 0 = free; else 1 + the first unit of its range */
    memset (owner, 0, sizeof owner);
    dp_ranges_t ranges;
    assert_int_equal (dp_ranges_init (&ranges, UNITS), 0);
    unsigned seed = 1;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1103515245u + 12345u;
        size_t x = seed >> 16;
        if (x % 2 == 0) {
            size_t n = 1 + x / 2 % (x % 16 == 0 ? 150 : 12), first = 0, free = 0;
            for (; first + free < UNITS && free < n; free++)
                if (owner[first + free] != 0) {
                    first += free + 1;
                    free = SIZE_MAX;
                }
            size_t taken = dp_ranges_take (&ranges, n);
            assert_true (taken == (free == n ? first : DP_RANGES_NONE));
            for (size_t i = 0; free == n && i < n; i++)
                owner[first + i] = (unsigned) first + 1;
        } else {
            size_t first = x / 2 % UNITS, n = 0;
            while (first + n < UNITS && owner[first + n] == first + 1)
                owner[first + n++] = 0;
            assert_int_equal (dp_ranges_give_back (&ranges, first), n);
        }
    }
    dp_ranges_fini (&ranges);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (takes_the_lowest_that_fits),
        cmocka_unit_test (says_when_there_is_no_room),
        cmocka_unit_test (takes_back_nothing_that_is_not_the_beginning_of_a_range),
        cmocka_unit_test (tells_of_lack_of_memory),
        cmocka_unit_test (agrees_with_a_plain_table),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
