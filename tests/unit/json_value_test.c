/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "client/cli/json_value.h"
#include "tests/support/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What comes back of these arguments, as JSON. */
static void assert_back (const char *const *arguments, size_t n_arguments, const char *expected)
{
    dp_buffer_t buffer = DP_BUFFER_INIT;
    char *text = NULL;
    size_t size;
    assert_ok (json_value_pack (&buffer, arguments, n_arguments));
    FILE *stream = open_memstream (&text, &size);
    assert_ok (json_value_print (stream, buffer.data, buffer.len));
    fclose (stream);
    assert_string_equal (text, expected);
    free (text);
    dp_buffer_fini (&buffer);
}

static void assert_same (const char *json)
{
    assert_back (&json, 1, json);
}

static void values_survive_the_way_there_and_back (void **state)
{
    (void) state;
    assert_same ("null");
    assert_same ("true");
    assert_same ("-9223372036854775808");
    assert_same ("9223372036854775807");
    assert_same ("0.1");
    assert_same ("1.0");
    assert_same ("\"a \\\"quoted\\\" \\\\ text\\n \\u0001\"");
    assert_same ("[1, [], {\"key\": [null, false]}]");
}

static void several_arguments_are_one_tuple_and_none_is_nil (void **state)
{
    (void) state;
    const char *const three[] = { "1", "\"two\"", "[3]" };
    assert_back (three, 3, "[1, \"two\", [3]]");
    assert_back (NULL, 0, "null");
}

static void an_argument_that_is_no_json_is_named (void **state)
{
    (void) state;
    dp_buffer_t buffer = DP_BUFFER_INIT;
    const char *const arguments[] = { "1", "word" };
    assert_fails (json_value_pack (&buffer, arguments, 2), EINVAL);
    assert_says ("argument 2, word, is no JSON value");
    assert_says ("'\"text\"'");
    dp_buffer_fini (&buffer);
}

static void assert_printed (const char *packed, size_t size, const char *expected)
{
    char *text = NULL;
    size_t len;
    FILE *stream = open_memstream (&text, &len);
    assert_ok (json_value_print (stream, packed, size));
    fclose (stream);
    assert_string_equal (text, expected);
    free (text);
}

static void what_json_lacks_is_written_so_that_it_is_json (void **state)
{
    (void) state;
    assert_printed ("\xc4\x01M", 3, "{\"base64\": \"TQ==\"}");
    assert_printed ("\xc4\x02Ma", 4, "{\"base64\": \"TWE=\"}");
    assert_printed ("\xc4\x03Man", 5, "{\"base64\": \"TWFu\"}");
    assert_printed ("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "18446744073709551615");
    assert_printed ("\xcb\x7f\xf0\0\0\0\0\0\0", 9, "null"); /* infinity */
    assert_printed ("\x81\x01\xa1"
                    "x",
                    4, "{\"1\": \"x\"}");
}

static void what_is_cut_is_an_error (void **state)
{
    (void) state;
    assert_fails (json_value_print (stdout, "\x92\x01", 2), DPOOL_EVALUE);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (values_survive_the_way_there_and_back),
        cmocka_unit_test (several_arguments_are_one_tuple_and_none_is_nil),
        cmocka_unit_test (an_argument_that_is_no_json_is_named),
        cmocka_unit_test (what_json_lacks_is_written_so_that_it_is_json),
        cmocka_unit_test (what_is_cut_is_an_error),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
