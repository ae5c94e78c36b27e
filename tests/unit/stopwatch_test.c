/* SPDX-License-Identifier: MPL-2.0 */
#include "net/clock.h"
#include "tests/support/test.h"
#include "worker/stopwatch.h"

static void tells_the_exact_time_when_asked_for_it (void **state)
{
    stopwatch_t watch = { 0 };
    (void) state;
    stopwatch_start (&watch);
    for (int i = 0; i < 1000; i++) {
        int64_t before_us = dp_clock_us ();
        int64_t now_us = stopwatch_lap (&watch, true);
        assert_true (before_us <= now_us && now_us <= dp_clock_us ());
    }
}

static void does_not_look_at_the_clock_after_each_short_lap (void **state)
{
    stopwatch_t watch = { 0 };
    (void) state;
    stopwatch_start (&watch);
    int64_t last_us = watch.at_us;
    for (bool was_skipped = false; !was_skipped;) {
        int64_t now_us = stopwatch_lap (&watch, false);
        assert_true (now_us >= last_us);
        was_skipped = now_us == last_us && watch.n_skipped > 0;
        last_us = now_us;
    }
}

static void tells_the_exact_time_after_a_lap_that_was_long (void **state)
{
    stopwatch_t watch = { 0 };
    (void) state;
    stopwatch_start (&watch);
    for (int i = 0; i < 20; i++) {
        for (int64_t tick = dp_clock_tick (); dp_clock_tick () == tick;)
            ;
        int64_t before_us = dp_clock_us ();
        assert_true (stopwatch_lap (&watch, false) >= before_us);
        for (int k = 0; k < 100; k++)
            stopwatch_lap (&watch, false);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (tells_the_exact_time_when_asked_for_it),
        cmocka_unit_test (does_not_look_at_the_clock_after_each_short_lap),
        cmocka_unit_test (tells_the_exact_time_after_a_lap_that_was_long),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
