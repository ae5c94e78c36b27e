/* SPDX-License-Identifier: MPL-2.0 */
/* Why a broker was not reached: how long one waits before that is said. */
#include "tests/support/test.h"

#include "net/reach.h"

#include <limits.h>

/* With what it takes to ask the peer how it speaks, where that is asked. */
static int longest_ms (dp_reach_t reach)
{
    bool is_asked = reach == DP_CONNECTED || reach == DP_NOT_ZMQ;
    return dp_reach_patience_ms (reach) + (is_asked ? DP_REACH_ASK_MS : 0);
}

static void is_patient_for_less_than_two_seconds (void **state)
{
    (void) state;
    assert_in_range (DP_REACH_MOST_MS, 1, 1800);
    for (dp_reach_t reach = DP_LOOKING_UP; reach <= DP_HANDSHAKEN; reach++)
        if (reach != DP_LOOKING_UP && reach != DP_CONNECTING)
            assert_in_range (longest_ms (reach), 1000, DP_REACH_MOST_MS);
}

static void gives_up_in_a_second_on_a_port_that_is_closed (void **state)
{
    (void) state;
    assert_int_equal (dp_reach_patience_ms (DP_REFUSED), 1000);
    assert_int_equal (dp_reach_patience_ms (DP_NOT_ZMQ), 1000);
}

/* It may boot, and its name may not be known yet. */
static void does_not_give_up_on_a_host_that_is_silent (void **state)
{
    (void) state;
    assert_int_equal (dp_reach_patience_ms (DP_CONNECTING), INT_MAX);
    assert_int_equal (dp_reach_patience_ms (DP_LOOKING_UP), INT_MAX);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (is_patient_for_less_than_two_seconds),
        cmocka_unit_test (gives_up_in_a_second_on_a_port_that_is_closed),
        cmocka_unit_test (does_not_give_up_on_a_host_that_is_silent),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
