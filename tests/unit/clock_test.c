/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/link.h"
#include "net/clock.h"

#include <limits.h>

static void never_goes_back (void **state)
{
    (void) state;
    int64_t before_us = dp_clock_us ();
    for (int i = 0; i < 10000; i++) {
        int64_t now_us = dp_clock_us ();
        assert_true (now_us >= before_us);
        before_us = now_us;
    }
    int64_t ms = dp_clock_ms ();
    assert_true (ms >= before_us / 1000 && ms <= dp_clock_us () / 1000);
}

static void waits_in_terms_of_poll (void **state)
{
    (void) state;
    assert_int_equal (dp_clock_until (DP_NEVER, 5), -1);
    assert_int_equal (dp_clock_until (5, 5), 0);
    assert_int_equal (dp_clock_until (4, 5), 0);
    assert_int_equal (dp_clock_until (0, INT64_MAX - 1), 0);
    assert_int_equal (dp_clock_until (1005, 5), 1000);
    assert_int_equal (dp_clock_until (DP_NEVER - 1, 5), INT_MAX);
    assert_int_equal (dp_clock_until ((int64_t) INT_MAX + 6, 5), INT_MAX);
}

static void draws_bits_that_differ_and_are_not_zero (void **state)
{
    (void) state;
    uint64_t ones = 0, zeros = 0;
    for (int i = 0; i < 200; i++) {
        uint64_t bits = dp_random ();
        assert_true (bits != 0);
        ones |= bits;
        zeros |= ~bits;
    }
    assert_true (ones == UINT64_MAX
                 && zeros == UINT64_MAX); /* each bit was both: else the odds are 1 in 2^192 */
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (never_goes_back),
        cmocka_unit_test (waits_in_terms_of_poll),
        cmocka_unit_test (draws_bits_that_differ_and_are_not_zero),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
