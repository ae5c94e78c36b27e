/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/items.h"
#include "core/memory.h"

#include <errno.h>
#include <string.h>

/* Items 0 to n - 1, each of one byte. */
static dpool_items_t *numbers (int n)
{
    dpool_items_t *items = dpool_items_new ();
    for (int i = 0; i < n; i++)
        assert_int_equal (dpool_items_add (items, "i", i), 0);
    return items;
}

static void counts_and_slices (void **state)
{
    (void) state;
    dpool_items_t *items = numbers (100);
    assert_int_equal (dpool_items_add (items, "is", 5, "text"), 0);
    assert_int_equal (dpool_items_count (items), 101);
    assert_int_equal (dpool_items_count (NULL), 0);
    size_t len;
    const uint8_t *bytes = dp_items_slice (items, 10, 3, &len);
    assert_int_equal (len, 3);
    assert_memory_equal (bytes, "\x0a\x0b\x0c", 3);
    bytes = dp_items_slice (items, 100, 1, &len);
    assert_int_equal (len, 7);
    assert_memory_equal (bytes, "\x92\x05\xa4text", 7);
    dp_items_slice (items, 101, 0, &len);
    assert_int_equal (len, 0);
    assert_int_equal (dp_items_longest (items), 7);
    dpool_items_destroy (&items);
    assert_null (items);
    dpool_items_destroy (&items);
    dpool_items_destroy (NULL);
}

static void says_how_many_fit (void **state)
{
    (void) state;
    dpool_items_t *items = numbers (50);
    assert_int_equal (dp_items_fit (items, 0, 50, 1000), 50);
    assert_int_equal (dp_items_fit (items, 0, 50, 50), 50);
    assert_int_equal (dp_items_fit (items, 0, 50, 49), 49);
    assert_int_equal (dp_items_fit (items, 20, 30, 7), 7);
    assert_int_equal (dp_items_fit (items, 20, 3, 7), 3);
    assert_int_equal (dp_items_fit (items, 49, 1, 100), 1);
    assert_int_equal (dp_items_fit (items, 0, 50, 0), 1);
    dpool_items_destroy (&items);
}

static void refuses_additions_once_frozen (void **state)
{
    (void) state;
    dpool_items_t *items = numbers (3), *job = items;
    assert_int_equal (dp_items_freeze (items), 0);
    errno = 0;
    assert_int_equal (dpool_items_add (items, "i", 4), -1);
    assert_int_equal (errno, EBUSY);
    assert_int_equal (dp_items_add_packed (items, "\x01", 1), -1);
    assert_int_equal (dp_items_freeze (items), 0); /* a second job; EBUSY is no fault of the list */
    dpool_items_t *second = items;
    dpool_items_destroy (&items);
    dpool_items_destroy (&second);
    size_t len;
    assert_memory_equal (dp_items_slice (job, 0, 3, &len), "\x00\x01\x02", 3);
    dpool_items_destroy (&job);
}

static void lends_its_bytes_to_a_blob (void **state)
{
    (void) state;
    dpool_items_t *items = numbers (3);
    assert_int_equal (dp_items_freeze (items), 0);
    dpool_items_t *job = items;
    dp_blob_t *blob = dp_items_blob (items);
    size_t len;
    assert_ptr_equal (dp_blob_data (blob), dp_items_slice (items, 0, 3, &len));
    dpool_items_destroy (&items);
    dpool_items_destroy (&job);
    assert_int_equal (dp_blob_len (blob), 3);
    assert_memory_equal (dp_blob_data (blob), "\x00\x01\x02", 3);
    dp_blob_release (&blob);
    items = dpool_items_new ();
    dp_memory_fail_nth (1);
    assert_null (dp_items_blob (items));
    blob = dp_items_blob (items);
    dpool_items_destroy (&items);
    assert_int_equal (dp_blob_len (blob), 0);
    dp_blob_release (&blob);
}

static void remembers_its_first_failed_add (void **state)
{
    (void) state;
    dpool_items_t *items = numbers (2);
    assert_int_equal (dpool_items_add (items, "s", "\xff"), -1);
    dp_items_set_max_payload (items, 4);
    errno = 0;
    assert_int_equal (dpool_items_add (items, "s", "too long"), -1);
    assert_int_equal (errno, DPOOL_ETOOLARGE);
    assert_non_null (strstr (dpool_last_error ()->message, "9 bytes"));
    assert_non_null (strstr (dpool_last_error ()->message, "limit of 4"));
    assert_int_equal (dpool_items_add (items, "s", "abc"), 0);
    assert_int_equal (dpool_items_count (items), 3);
    errno = 0;
    assert_int_equal (dp_items_freeze (items), -1);
    assert_int_equal (errno, DPOOL_EVALUE);
    assert_non_null (strstr (dpool_last_error ()->message, "UTF-8"));
    dp_items_reset (items);
    assert_int_equal (dpool_items_count (items), 0);
    assert_int_equal (dp_items_longest (items), 0);
    assert_int_equal (dp_items_freeze (items), 0);
    dpool_items_t *job = items;
    dpool_items_destroy (&items);
    dpool_items_destroy (&job);
}

static void takes_packed_values (void **state)
{
    (void) state;
    dpool_items_t *items = dpool_items_new ();
    assert_int_equal (dp_items_add_packed (items, "\x92\x01\x02", 3), 0);
    errno = 0;
    assert_int_equal (dp_items_add_packed (items, "\x01\x02", 2), -1);
    assert_int_equal (errno, DPOOL_EVALUE);
    assert_int_equal (dpool_items_count (items), 1);
    dpool_items_destroy (&items);
}

static void refuses_no_list (void **state)
{
    (void) state;
    errno = 0;
    assert_int_equal (dpool_items_add (NULL, "i", 1), -1);
    assert_int_equal (errno, EINVAL);
    errno = 0;
    assert_int_equal (dp_items_freeze (NULL), -1);
    assert_int_equal (errno, EINVAL);
}

static void survives_lack_of_memory_anywhere (void **state)
{
    (void) state;
    for (long nth = 1; nth < 20; nth++) {
        dp_memory_fail_nth (nth);
        dpool_items_t *items = dpool_items_new ();
        if (!items) {
            assert_int_equal (errno, ENOMEM);
            continue;
        }
        int n_failed = 0;
        for (int i = 0; i < 40; i++)
            if (dpool_items_add (items, "s", "some text of about this length") < 0) {
                assert_int_equal (errno, ENOMEM);
                n_failed++;
            }
        assert_int_equal (dpool_items_count (items), 40 - n_failed);
        dp_memory_fail_nth (n_failed > 0 ? 0 : nth);
        assert_int_equal (dp_items_freeze (items), n_failed > 0 ? -1 : 0);
        dp_memory_fail_nth (0);
        if (n_failed > 0)
            assert_int_equal (errno, ENOMEM);
        else {
            dpool_items_t *job = items;
            dpool_items_destroy (&job);
        }
        dpool_items_destroy (&items);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (counts_and_slices),
        cmocka_unit_test (says_how_many_fit),
        cmocka_unit_test (refuses_additions_once_frozen),
        cmocka_unit_test (lends_its_bytes_to_a_blob),
        cmocka_unit_test (remembers_its_first_failed_add),
        cmocka_unit_test (takes_packed_values),
        cmocka_unit_test (refuses_no_list),
        cmocka_unit_test (survives_lack_of_memory_anywhere),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
