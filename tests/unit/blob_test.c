/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/blob.h"
#include "core/memory.h"

#include <errno.h>
#include <string.h>

static void copies_its_bytes (void **state)
{
    (void) state;
    char bytes[] = "payload";
    dp_blob_t *blob = dp_blob_copy (bytes, sizeof bytes);
    memset (bytes, 0, sizeof bytes);
    assert_int_equal (dp_blob_len (blob), 8);
    assert_memory_equal (dp_blob_data (blob), "payload", 8);
    dp_blob_release (&blob);
    assert_null (blob);
    dp_blob_release (&blob);
}

static void may_be_empty (void **state)
{
    (void) state;
    dp_blob_t *blob = dp_blob_copy (NULL, 0);
    assert_non_null (blob);
    assert_int_equal (dp_blob_len (blob), 0);
    dp_blob_release (&blob);
}

static void is_filled_before_it_is_shared (void **state)
{
    (void) state;
    uint8_t *data;
    dp_blob_t *blob = dp_blob_new (3, &data);
    memcpy (data, "abc", 3);
    assert_ptr_equal (dp_blob_data (blob), data);
    assert_memory_equal (dp_blob_data (blob), "abc", 3);
    dp_blob_release (&blob);
}

static void count_call (void *hint)
{
    ++*(int *) hint;
}

static void frees_an_adopted_one_once_with_its_last_hold (void **state)
{
    (void) state;
    int n_freed = 0;
    dp_blob_t *blob = dp_blob_adopt ("abc", 3, count_call, &n_freed);
    dp_blob_t *other = dp_blob_hold (blob);
    assert_ptr_equal (blob, other);
    dp_blob_release (&blob);
    assert_int_equal (n_freed, 0);
    assert_memory_equal (dp_blob_data (other), "abc", 3);
    dp_blob_release (&other);
    assert_int_equal (n_freed, 1);
}

static void holding_nothing_gives_nothing (void **state)
{
    (void) state;
    assert_null (dp_blob_hold (NULL));
}

static void leaves_adopted_bytes_alone_when_memory_runs_out (void **state)
{
    (void) state;
    int n_freed = 0;
    dp_memory_fail_nth (1);
    errno = 0;
    assert_null (dp_blob_adopt ("abc", 3, count_call, &n_freed));
    assert_int_equal (errno, ENOMEM);
    assert_int_equal (n_freed, 0);
    dp_memory_fail_nth (1);
    assert_null (dp_blob_copy ("abc", 3));
    uint8_t *data;
    assert_null (dp_blob_new (SIZE_MAX, &data));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (copies_its_bytes),
        cmocka_unit_test (may_be_empty),
        cmocka_unit_test (is_filled_before_it_is_shared),
        cmocka_unit_test (frees_an_adopted_one_once_with_its_last_hold),
        cmocka_unit_test (holding_nothing_gives_nothing),
        cmocka_unit_test (leaves_adopted_bytes_alone_when_memory_runs_out),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
