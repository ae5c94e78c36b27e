/* SPDX-License-Identifier: MPL-2.0 */
/* Many calls at once: dpool_map and dpool_map_async. */
#include "tests/conformance/conformance.h"

static dpool_async_result_t *map_squares (dpool_t *pool, int64_t first, size_t n,
                                          const dpool_call_options_t *options)
{
    dpool_items_t *items = numbers_from (first, n);
    dpool_async_result_t *result = assert_made (dpool_map (pool, "square", items, options));
    dpool_items_destroy (&items);
    assert_true (dpool_async_result_ready (result));
    return result;
}

/* test_map, test_map_async, test_starmap: one call in C, since an item is a tuple of arguments. */
static void gives_results_in_the_order_of_the_items (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = map_squares (f->pool, 0, 10, NULL);
    assert_ok (dpool_async_result_get (result, 0));
    assert_squares (result, 0, 10);
    dpool_async_result_destroy (&result);

    dpool_call_options_t options = chunks_of (20);
    result = map_squares (f->pool, 0, 100, &options);
    assert_squares (result, 0, 100);
    dpool_async_result_destroy (&result);
}

static void unpacks_several_arguments (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t sizes[] = { chunks_of (0), chunks_of (1), chunks_of (20), chunks_of (1000) };
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int64_t i = 0; i < 100; i++)
        assert_ok (dpool_items_add (items, DPOOL_V (i, 1000 - i)));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "add2", items, &sizes[i]));
        assert_ok (dpool_async_result_get (result, PATIENCE_MS));
        assert_int_equal (dpool_async_result_count (result), 100);
        for (size_t j = 0; j < 100; j++)
            assert_number (dpool_async_result_value (result, j), 1000);
        dpool_async_result_destroy (&result);
    }
    dpool_items_destroy (&items);
}

static void maps_many_small_items (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = map_squares (f->pool, -5000, 20000, NULL);
    assert_true (dpool_async_result_successful (result));
    assert_squares (result, -5000, 20000);
    dpool_async_result_destroy (&result);
}

/* test_empty_iterable, test_map_chunksize */
static void is_ready_at_once_without_items (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t one = chunks_of (1);
    dpool_async_result_t *result = map_squares (f->pool, 0, 0, NULL);
    assert_int_equal (dpool_async_result_count (result), 0);
    assert_ok (dpool_async_result_get (result, 0));
    assert_true (dpool_async_result_successful (result));
    dpool_async_result_destroy (&result);

    dpool_items_t *items = assert_made (dpool_items_new ());
    result = assert_made (dpool_map_async (f->pool, "square", items, &one));
    assert_true (dpool_async_result_ready (result));
    assert_ok (dpool_async_result_get (result, 0));
    assert_not_made (dpool_async_result_value (result, 0), ERANGE);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

/* test_map_unplicklable and test_map_handle_iterable_exception: what fails while the list is made reaches
   the caller, twice in a row, and nothing is submitted. */
static void refuses_a_list_that_failed_to_be_built (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = numbers_from (0, 3);
    assert_fails (dpool_items_add (items, "s", "\xff\xfe"), DPOOL_EVALUE);
    assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (1)));
    for (int i = 0; i < 2; i++) {
        assert_not_made (dpool_map (f->pool, "square", items, NULL), DPOOL_EVALUE);
        assert_not_made (dpool_map_async (f->pool, "square", items, NULL), DPOOL_EVALUE);
    }
    dpool_items_destroy (&items);
}

static void refuses_to_add_to_a_list_in_use (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = same_texts (2, f->gate, NULL);
    dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "wait_for_file", items, NULL));
    assert_fails (dpool_items_add (items, "s", f->gate), EBUSY);
    open_gate (f);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static void uses_one_list_for_two_maps (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = numbers_from (7, 50);
    dpool_async_result_t *first = assert_made (dpool_map_async (f->pool, "square", items, NULL));
    dpool_async_result_t *second = assert_made (dpool_map_async (f->pool, "square", items, NULL));
    dpool_items_destroy (&items); /* they keep a hold of their own */
    assert_ok (dpool_async_result_get (second, PATIENCE_MS));
    assert_ok (dpool_async_result_get (first, PATIENCE_MS));
    assert_squares (first, 7, 50);
    assert_squares (second, 7, 50);
    dpool_async_result_destroy (&first);
    dpool_async_result_destroy (&second);
}

/* Better than the reference: the items after the failed one in its chunk run too. */
static void fails_only_the_item_that_failed (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = numbers_from (0, 10);
    dpool_call_options_t options = chunks_of (10);
    dpool_async_result_t *result = assert_made (dpool_map (f->pool, "fail_at_three", items, &options));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_EFAILED);
    assert_int_equal (dpool_last_error ()->index, 3);
    for (size_t i = 0; i < 10; i++) {
        if (i == 3) {
            assert_not_made (dpool_async_result_value (result, i), DPOOL_EFAILED);
            assert_code (dpool_async_result_error (result, i), DPOOL_EFAILED);
        } else {
            assert_number (dpool_async_result_value (result, i), (int64_t) i);
            assert_null (dpool_async_result_error (result, i));
            assert_int_equal (errno, 0);
        }
    }
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

/* Better than the reference, which reports what failed first in time. */
static void reports_the_lowest_failed_index (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = assert_made (dpool_items_new ());
    dpool_call_options_t options = chunks_of (1);
    for (int i = 0; i < 20; i++)
        assert_ok (dpool_items_add (items, DPOOL_V (100 + i, "wrong")));
    dpool_async_result_t *result = assert_made (dpool_map (f->pool, "fail_with", items, &options));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_EFAILED);
    assert_int_equal (dpool_last_error ()->index, 0);
    assert_int_equal (dpool_last_error ()->user_code, 100);
    for (int i = 0; i < 20; i++) {
        const dpool_error_t *error = dpool_async_result_error (result, (size_t) i);
        assert_code (error, DPOOL_EFAILED);
        assert_int_equal (error->user_code, 100 + i);
        assert_int_equal (error->index, i);
    }
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

/* test_map_no_failfast: with an error of a mebibyte, while another item is still running. */
static void waits_for_all_items_when_one_failed (void **state)
{
    fixture_t *f = *state;
    size_t size = 1u << 20;
    char *text = malloc (size + 1);
    assert_non_null (text);
    memset (text, 'e', size);
    text[size] = '\0';
    dpool_async_result_t *running = occupy (f, 1);
    dpool_async_result_t *failed = assert_made (dpool_apply_async (f->pool, "fail_with", "is", 1, text));
    assert_fails (dpool_async_result_get (failed, PATIENCE_MS), DPOOL_EFAILED);
    dpool_async_result_destroy (&failed);
    dpool_async_result_destroy (&running);
    free (text);

    dpool_items_t *items = assert_made (dpool_items_new ());
    assert_ok (dpool_items_add (items, "s", f->gate)); /* too few: fails at once */
    assert_ok (dpool_items_add (items, "ss", f->started, f->gate));
    dpool_call_options_t options = chunks_of (1);
    int64_t before = size_of (f->started);
    dpool_async_result_t *result
        = assert_made (dpool_map_async (f->pool, "touch_then_wait", items, &options));
    wait_for_size (f->started, before + 1);
    assert_fails (dpool_async_result_wait (result, 50), ETIMEDOUT);
    open_gate (f);
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_EVALUE);
    assert_non_null (dpool_async_result_value (result, 1));
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
}

static bool first_is_there (void *result)
{
    return dpool_async_result_value (result, 0) != NULL;
}

static void lets_items_be_read_as_they_finish (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = assert_made (dpool_items_new ());
    dpool_call_options_t options = chunks_of (1);
    make_file (folder_path (f->folder, "open"));
    assert_ok (dpool_items_add (items, "s", folder_path (f->folder, "open")));
    assert_ok (dpool_items_add (items, "s", f->gate));
    dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "wait_for_file", items, &options));
    assert_true (wait_until (first_is_there, result));
    assert_not_made (dpool_async_result_value (result, 1), EAGAIN);
    assert_not_made (dpool_async_result_take (result, 1), EAGAIN);
    assert_null (dpool_async_result_error (result, 1));
    assert_int_equal (errno, EAGAIN);
    assert_not_made (dpool_async_result_value (result, 2), ERANGE);
    assert_null (dpool_async_result_error (result, 2));
    assert_int_equal (errno, ERANGE);
    open_gate (f);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static void gives_values_away (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = map_squares (f->pool, 1, 3, NULL);
    dpool_value_t *value = assert_made (dpool_async_result_take (result, 1));
    assert_not_made (dpool_async_result_take (result, 1), ENOENT);
    assert_number (dpool_async_result_value (result, 2), 9);
    assert_not_made (dpool_async_result_take (result, 3), ERANGE);
    dpool_async_result_destroy (&result);
    assert_number (value, 4); /* outlives its result */
    dpool_value_destroy (&value);
}

static const struct CMUnitTest cases[] = {
    CASE (gives_results_in_the_order_of_the_items),
    CASE (unpacks_several_arguments),
    CASE (maps_many_small_items),
    CASE (is_ready_at_once_without_items),
    CASE (refuses_a_list_that_failed_to_be_built),
    CASE (refuses_to_add_to_a_list_in_use),
    CASE (uses_one_list_for_two_maps),
    CASE (fails_only_the_item_that_failed),
    CASE (reports_the_lowest_failed_index),
    CASE (waits_for_all_items_when_one_failed),
    CASE (lets_items_be_read_as_they_finish),
    CASE (gives_values_away),
};

THEME (map, cases);
