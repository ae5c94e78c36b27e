/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/link.h"
#include "net/tidy.h"

#include <malloc.h>
#include <stdlib.h>

enum { MIB = 1 << 20 };

static void is_due_once_a_burst_has_been_over_for_a_while (void **state)
{
    (void) state;
    dp_tidy_t tidy = { 0 };
    assert_false (dp_tidy_is_due (&tidy, 1000, 100 * MIB));
    assert_true (dp_tidy_deadline_ms (&tidy) == DP_NEVER);
    assert_false (dp_tidy_is_due (&tidy, 2000, 1 * MIB));
    assert_int_equal (dp_tidy_deadline_ms (&tidy), 4000);
    assert_false (dp_tidy_is_due (&tidy, 3999, 1 * MIB));
    assert_true (dp_tidy_is_due (&tidy, 4000, 1 * MIB));
    assert_false (dp_tidy_is_due (&tidy, 90000, 0)); /* not again without another burst */
    assert_true (dp_tidy_deadline_ms (&tidy) == DP_NEVER);
}

static void waits_while_bursts_follow_one_another (void **state)
{
    (void) state;
    dp_tidy_t tidy = { 0 };
    for (int64_t ms = 1000; ms < 60000; ms += 1500) {
        assert_false (dp_tidy_is_due (&tidy, ms, 100 * MIB));
        assert_false (dp_tidy_is_due (&tidy, ms + 100, 0));
    }
}

static void waits_while_half_of_it_is_in_use (void **state)
{
    (void) state;
    dp_tidy_t tidy = { 0 };
    assert_false (dp_tidy_is_due (&tidy, 1000, 100 * MIB));
    for (int64_t ms = 2000; ms < 60000; ms += 1000)
        assert_false (dp_tidy_is_due (&tidy, ms, 50 * MIB));
}

static void a_little_is_not_worth_it (void **state)
{
    (void) state;
    dp_tidy_t tidy = { 0 };
    assert_false (dp_tidy_is_due (&tidy, 1000, MIB));
    assert_false (dp_tidy_is_due (&tidy, 2000, 0));
    assert_false (dp_tidy_is_due (&tidy, 60000, 0));
}

static int n_trims;

/* In place of the C library's. */
int malloc_trim (size_t pad)
{
    (void) pad;
    n_trims++;
    return 0;
}

/* How often malloc gave back its pages while a burst was tidied up. */
static int trims (void)
{
    dp_tidy_t tidy = dp_tidy_new ();
    n_trims = 0;
    assert_false (dp_tidy_is_due (&tidy, 1000, 100 * MIB));
    assert_false (dp_tidy_is_due (&tidy, 2000, 0));
    assert_true (dp_tidy_is_due (&tidy, 9000, 0));
    dp_tidy_up (&tidy);
    return n_trims;
}

static void malloc_is_left_alone_where_the_environment_says_so (void **state)
{
    (void) state;
    unsetenv ("DPOOL_MALLOC_TRIM");
    assert_int_equal (trims (), 1);
    setenv ("DPOOL_MALLOC_TRIM", "off", 1);
    assert_int_equal (trims (), 0);
    setenv ("DPOOL_MALLOC_TRIM", "", 1);
    assert_int_equal (trims (), 1);
    unsetenv ("DPOOL_MALLOC_TRIM");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (is_due_once_a_burst_has_been_over_for_a_while),
        cmocka_unit_test (waits_while_bursts_follow_one_another),
        cmocka_unit_test (waits_while_half_of_it_is_in_use),
        cmocka_unit_test (malloc_is_left_alone_where_the_environment_says_so),
        cmocka_unit_test (a_little_is_not_worth_it),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
