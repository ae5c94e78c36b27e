/* SPDX-License-Identifier: MPL-2.0 */
/* Files in ZPL, read a line at a time: what stands where, and what is said of each fault. */
#include "tests/support/test.h"

#include "service/zpl.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static FILE *file;
static zpl_t *zpl;
static zpl_line_t line;
static const char *why;

static void open_text (const char *text, size_t len)
{
    file = tmpfile ();
    assert_non_null (file);
    assert_int_equal (fwrite (text, 1, len, file), len);
    rewind (file);
    zpl = zpl_new (file);
    assert_non_null (zpl);
}

static int tear_down (void **state)
{
    (void) state;
    zpl_destroy (&zpl);
    zpl_destroy (&zpl); /* harmless */
    fclose (file);
    return 0;
}

#define OPEN(text) open_text (text, sizeof (text) - 1)

static void expect_line (size_t number, size_t depth, const char *name, const char *value)
{
    assert_int_equal (zpl_next (zpl, &line, &why), 1);
    assert_int_equal (line.number, number);
    assert_int_equal (line.depth, depth);
    assert_string_equal (line.name, name);
    assert_string_equal (line.value, value);
}

static void expect_end (void)
{
    assert_int_equal (zpl_next (zpl, &line, &why), 0);
}

/* words: NULL where CZMQ has said what is wrong. */
static void expect_fault (size_t number, const char *words)
{
    assert_int_equal (zpl_next (zpl, &line, &why), -1);
    assert_int_equal (line.number, number);
    if (words == NULL)
        assert_null (why);
    else
        assert_contains (why, words);
}

static void tells_line_and_depth_of_each_setting (void **state)
{
    (void) state;
    OPEN ("# a comment\n\n"
          "one = 1\r\n"
          "two\n"
          "    \t \n"
          "    in = \"a # b\"  # a comment\n"
          "        deeper = 'c\"'\n"
          "        again\n"
          "    # a comment\n"
          "    in = d e  # a comment\n"
          "three = 3");
    expect_line (3, 0, "one", "1");
    expect_line (4, 0, "two", "");
    expect_line (6, 1, "in", "a # b");
    expect_line (7, 2, "deeper", "c\"");
    expect_line (8, 2, "again", "");
    expect_line (10, 1, "in", "d e");
    expect_line (11, 0, "three", "3");
    expect_end ();
    expect_end ();
}

static void finds_nothing_in_an_empty_file (void **state)
{
    (void) state;
    OPEN ("");
    expect_end ();
}

static void names_the_line_that_is_not_in_form (void **state)
{
    (void) state;
    OPEN ("one = 1\n\n    in = 'x\n");
    expect_line (1, 0, "one", "1");
    expect_fault (3, NULL);
}

/* Each belongs to something above it, one depth at a time. */
static void refuses_an_indent_that_belongs_to_nothing (void **state)
{
    (void) state;
    OPEN ("one\n    in = 1\ntwo\n        deep = 1\n");
    expect_line (1, 0, "one", "");
    expect_line (2, 1, "in", "1");
    expect_line (3, 0, "two", "");
    expect_fault (4, NULL);
}

static void refuses_an_indent_at_the_start (void **state)
{
    (void) state;
    OPEN ("\n    in = 1\n");
    expect_fault (2, NULL);
}

static void refuses_what_is_no_text (void **state)
{
    (void) state;
    OPEN ("one = 1\ntwo = \0\n");
    expect_line (1, 0, "one", "1");
    expect_fault (2, "no text");
}

/* A value of so many bytes, on a line of as many as it may have, at each depth; and then one more. */
static void takes_lines_of_the_longest_kind_and_no_longer (void **state)
{
    (void) state;
    static const char *const heads[] = { "one=", "    in=", "        deep=", "    again=" };
    enum { N = sizeof heads / sizeof heads[0] };
    char text[(N + 1) * (ZPL_MOST_LINE + 2)], *end = text;
    for (size_t i = 0; i <= N; i++)
        end += sprintf (end, "%s%0*d\n", heads[i % N],
                        (int) (ZPL_MOST_LINE - strlen (heads[i % N]) + (i == N ? 1 : 0)), 0);
    open_text (text, (size_t) (end - text));
    for (size_t i = 0; i < N; i++) {
        assert_int_equal (zpl_next (zpl, &line, &why), 1);
        assert_int_equal (line.number, i + 1);
        assert_int_equal (strlen (line.value), ZPL_MOST_LINE - strlen (heads[i]));
    }
    expect_fault (N + 1, "longer than 4096 bytes");
}

static void says_that_a_folder_cannot_be_read (void **state)
{
    (void) state;
    file = fopen ("/", "re");
    assert_non_null (file);
    zpl = zpl_new (file);
    expect_fault (1, "directory");
}

#define CASE(name) cmocka_unit_test_teardown (name, tear_down)

int main (void)
{
    static const struct CMUnitTest tests[] = {
        CASE (tells_line_and_depth_of_each_setting),
        CASE (finds_nothing_in_an_empty_file),
        CASE (names_the_line_that_is_not_in_form),
        CASE (refuses_an_indent_that_belongs_to_nothing),
        CASE (refuses_an_indent_at_the_start),
        CASE (refuses_what_is_no_text),
        CASE (takes_lines_of_the_longest_kind_and_no_longer),
        CASE (says_that_a_folder_cannot_be_read),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
