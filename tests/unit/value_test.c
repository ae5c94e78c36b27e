/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/memory.h"
#include "core/value.h"

#include <errno.h>
#include <string.h>

/* Two values in one blob: "hi" and [1, 2]. */
#define BYTES "\xa2hi\x92\x01\x02"

static dpool_value_t text, pair;

static int setup (void **state)
{
    (void) state;
    dp_blob_t *blob = dp_blob_copy (BYTES, sizeof BYTES - 1);
    dp_value_init (&text, blob, dp_blob_data (blob), 3);
    dp_value_init (&pair, blob, dp_blob_data (blob) + 3, 3);
    dp_blob_release (&blob);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    dp_value_fini (&text);
    dp_value_fini (&pair);
    return 0;
}

static void is_read_by_a_picture (void **state)
{
    (void) state;
    const char *s;
    int a, b;
    assert_int_equal (dpool_value_get (&text, "s", &s), 0);
    assert_string_equal (s, "hi");
    assert_int_equal (dpool_value_get (&pair, "ii", &a, &b), 0);
    assert_int_equal (a * 10 + b, 12);
    errno = 0;
    assert_int_equal (dpool_value_get (&pair, "s", &s), -1);
    assert_int_equal (errno, DPOOL_EVALUE);
}

static void shows_its_bytes (void **state)
{
    (void) state;
    size_t size;
    assert_memory_equal (dpool_value_data (&text, &size), "\xa2hi", 3);
    assert_int_equal (size, 3);
    assert_non_null (dpool_value_data (&text, NULL));
}

static void shares_its_content_with_a_copy_that_outlives_it (void **state)
{
    (void) state;
    dpool_value_t *copy = dpool_value_copy (&text);
    assert_ptr_equal (dpool_value_data (copy, NULL), dpool_value_data (&text, NULL));
    teardown (NULL);
    const char *s;
    assert_int_equal (dpool_value_get (copy, "s", &s), 0);
    assert_string_equal (s, "hi");
    dpool_value_destroy (&copy);
    assert_null (copy);
    dpool_value_destroy (&copy);
    dpool_value_destroy (NULL);
}

static void is_all_zero_when_finished (void **state)
{
    (void) state;
    static const dpool_value_t zero;
    teardown (NULL);
    assert_memory_equal (&text, &zero, sizeof zero);
    dp_value_fini (&text);
}

static void refuses_no_value (void **state)
{
    (void) state;
    dpool_value_t none = { 0 };
    size_t size = 5;
    errno = 0;
    assert_int_equal (dpool_value_get (&none, ""), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (dpool_value_get (NULL, ""), -1);
    assert_null (dpool_value_data (NULL, &size));
    assert_int_equal (size, 0);
    assert_null (dpool_value_copy (&none));
    assert_null (dpool_value_copy (NULL));
}

static void reports_lack_of_memory_for_a_copy (void **state)
{
    (void) state;
    dp_memory_fail_nth (1);
    errno = 0;
    assert_null (dpool_value_copy (&text));
    assert_int_equal (errno, ENOMEM);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (is_read_by_a_picture, setup, teardown),
        cmocka_unit_test_setup_teardown (shows_its_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown (shares_its_content_with_a_copy_that_outlives_it, setup, teardown),
        cmocka_unit_test_setup_teardown (is_all_zero_when_finished, setup, teardown),
        cmocka_unit_test_setup_teardown (refuses_no_value, setup, teardown),
        cmocka_unit_test_setup_teardown (reports_lack_of_memory_for_a_copy, setup, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
