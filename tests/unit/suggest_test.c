/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/suggest.h"

static const char *const known[] = { "status", "wait", "apply", "map", "drain" };

static const char *nearest (const char *word)
{
    return dp_suggest (word, known, sizeof known / sizeof known[0]);
}

static void finds_what_was_mistyped (void **state)
{
    (void) state;
    assert_string_equal (nearest ("statsu"), "status");
    assert_string_equal (nearest ("aply"), "apply");
    assert_string_equal (nearest ("drian"), "drain");
    assert_string_equal (nearest ("maps"), "map");
}

static void says_nothing_of_what_is_far_from_all (void **state)
{
    (void) state;
    assert_null (nearest ("restart"));
    assert_null (nearest (""));
    assert_null (
        nearest ("a word that is far longer than any that there is, or that anybody would call a word"));
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (finds_what_was_mistyped),
        cmocka_unit_test (says_nothing_of_what_is_far_from_all),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
