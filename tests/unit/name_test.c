/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/name.h"
#include "core/utf8.h"

#include <string.h>

static bool is_name (const char *name)
{
    return dp_name_is_valid (name, strlen (name));
}

static void takes_letters_digits_and_four_signs (void **state)
{
    (void) state;
    assert_true (is_name ("a"));
    assert_true (is_name ("geo.area:v2_fast-1"));
    assert_true (is_name ("AZaz09_.:-"));
}

static void refuses_all_else (void **state)
{
    (void) state;
    assert_false (is_name (""));
    assert_false (is_name ("a b"));
    assert_false (is_name ("a/b"));
    assert_false (is_name ("\xc3\xa4"));
    assert_false (dp_name_is_valid ("a\0b", 3));
    for (int c = 0; c < 256; c++) {
        char name = (char) c;
        bool is_good = c && strchr ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-", c);
        assert_int_equal (dp_name_is_valid (&name, 1), is_good);
    }
}

static void is_64_bytes_at_most (void **state)
{
    (void) state;
    char name[65];
    memset (name, 'x', sizeof name);
    assert_true (dp_name_is_valid (name, 64));
    assert_false (dp_name_is_valid (name, 65));
}

static void knows_utf8_from_other_bytes (void **state)
{
    (void) state;
    static const char *const good[] = { "",
                                        "abc",
                                        "\xc3\xa4",
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x98\x80",
                                        "\xf4\x8f\xbf\xbf",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80" };
    static const char *const bad[] = { "\x80",         "\xc3",         "\xc0\x80",         "\xc1\xbf",
                                       "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
                                       "\xf5",         "a\xff",        "\xe2\x82",         "\xf0\x9f\x98" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true (dp_utf8_is_valid (good[i], strlen (good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false (dp_utf8_is_valid (bad[i], strlen (bad[i])));
}

static void cleans_text_for_printing (void **state)
{
    (void) state;
    char text[] = "a\x1b[31m\n\tb\xff\xc2\x9b\xc3\xa4\x7f";
    dp_utf8_clean (text, sizeof text - 1);
    assert_string_equal (text, "a?[31m\n\tb???\xc3\xa4?");
    assert_false (dp_utf8_is_line (text, sizeof text - 1));
    dp_utf8_clean_line (text, sizeof text - 1);
    assert_string_equal (text, "a?[31m??b???\xc3\xa4?");
    assert_true (dp_utf8_is_line (text, sizeof text - 1));
}

static void cuts_between_characters (void **state)
{
    (void) state;
    assert_int_equal (dp_utf8_cut ("abc", 3, 5), 3);
    assert_int_equal (dp_utf8_cut ("abc", 3, 2), 2);
    assert_int_equal (dp_utf8_cut ("a\xe2\x82\xac", 4, 3), 1);
    assert_int_equal (dp_utf8_cut ("a\xe2\x82\xac!", 5, 4), 4);
    assert_int_equal (dp_utf8_cut ("\xe2\x82\xac", 3, 1), 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (takes_letters_digits_and_four_signs),
        cmocka_unit_test (refuses_all_else),
        cmocka_unit_test (is_64_bytes_at_most),
        cmocka_unit_test (knows_utf8_from_other_bytes),
        cmocka_unit_test (cleans_text_for_printing),
        cmocka_unit_test (cuts_between_characters),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
