/* SPDX-License-Identifier: MPL-2.0 */
/* Results one at a time: dpool_imap, dpool_imap_unordered and dpool_imap_next. */
#include "tests/conformance/conformance.h"

static dpool_imap_t *imap_of (fixture_t *f, const char *function, dpool_items_t *items, size_t chunk_size)
{
    dpool_call_options_t options = chunks_of (chunk_size);
    return assert_made (dpool_imap (f->pool, function, dpool_source_from_items (items), &options));
}

/* Take n results that are the squares of first, first + 1, … */
static void take_squares (dpool_imap_t *imap, int64_t first, size_t n)
{
    const dpool_value_t *value;
    for (size_t i = 0; i < n; i++) {
        int64_t x = first + (int64_t) i;
        int rc = dpool_imap_next (imap, &value, PATIENCE_MS);
        assert_ok (rc);
        assert_int_equal (rc, 1);
        assert_number (value, x * x);
        assert_null (dpool_imap_error (imap));
    }
}

static void assert_end (dpool_imap_t *imap)
{
    const dpool_value_t *value;
    for (int i = 0; i < 3; i++) /* for ever */
        assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 0);
}

/* test_imap */
static void iterates_in_the_order_of_the_items (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = numbers_from (0, 10);
    dpool_imap_t *imap = imap_of (f, "square", items, 0);
    take_squares (imap, 0, 10);
    assert_int_equal (dpool_imap_index (imap), 9);
    assert_end (imap);
    dpool_imap_destroy (&imap);
    assert_null (imap);
    dpool_items_destroy (&items);

    items = numbers_from (0, 1000);
    imap = imap_of (f, "square", items, 100);
    dpool_items_destroy (&items); /* the source has a hold of its own */
    take_squares (imap, 0, 1000);
    assert_end (imap);
    dpool_imap_destroy (&imap);
}

/* test_imap_unordered */
static void iterates_without_order_over_each_item_once (void **state)
{
    fixture_t *f = *state;
    static const size_t sizes[] = { 0, 1, 100 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        enum { N = 500 };
        bool is_seen[N] = { false };
        dpool_items_t *items = numbers_from (0, N);
        dpool_call_options_t options = chunks_of (sizes[i]);
        const dpool_value_t *value;
        dpool_imap_t *imap = assert_made (
            dpool_imap_unordered (f->pool, "square", dpool_source_from_items (items), &options));
        for (int n = 0; n < N; n++) {
            assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
            size_t index = dpool_imap_index (imap);
            assert_in_range (index, 0, N - 1);
            assert_false (is_seen[index]);
            is_seen[index] = true;
            assert_number (value, (int64_t) (index * index));
        }
        assert_end (imap);
        dpool_imap_destroy (&imap);
        dpool_items_destroy (&items);
    }
}

/* The first item waits for a gate that is opened only when the second has been read. */
static void gives_unordered_results_as_they_finish (void **state)
{
    fixture_t *f = *state;
    const char *open = folder_path (f->folder, "open");
    make_file (open);
    dpool_items_t *items = assert_made (dpool_items_new ());
    assert_ok (dpool_items_add (items, "s", f->gate));
    assert_ok (dpool_items_add (items, "s", open));
    dpool_source_t source = dpool_source_from_items (items);
    dpool_call_options_t options = chunks_of (1);
    dpool_imap_t *imap = assert_made (dpool_imap_unordered (f->pool, "wait_for_file", source, &options));
    assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 1);
    assert_int_equal (dpool_imap_index (imap), 1);
    assert_fails (dpool_imap_next (imap, NULL, 0), ETIMEDOUT);
    open_gate (f);
    assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 1);
    assert_int_equal (dpool_imap_index (imap), 0);
    assert_end (imap);
    dpool_imap_destroy (&imap);
    dpool_items_destroy (&items);
}

/* test_empty_iterable */
static void ends_at_once_without_items (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = assert_made (dpool_items_new ());
    dpool_imap_t *imap = imap_of (f, "square", items, 0);
    assert_end (imap);
    dpool_imap_destroy (&imap);
    imap = assert_made (dpool_imap_unordered (f->pool, "square", dpool_source_from_items (items), NULL));
    assert_end (imap);
    dpool_imap_destroy (&imap);
    dpool_items_destroy (&items);
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
}

static void times_out_and_gives_the_item_later (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = same_texts (1, f->gate, NULL);
    dpool_imap_t *imap = imap_of (f, "wait_for_file", items, 1);
    int64_t start = now_ms ();
    assert_fails (dpool_imap_next (imap, NULL, 0), ETIMEDOUT);
    assert_fails (dpool_imap_next (imap, NULL, 100), ETIMEDOUT);
    assert_true (now_ms () - start >= 100);
    open_gate (f);
    assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 1);
    assert_int_equal (dpool_imap_index (imap), 0);
    assert_end (imap);
    dpool_imap_destroy (&imap);
    dpool_items_destroy (&items);
}

/* Better than the reference, which loses the whole chunk and ends: 0, 1, 2, error, 4, 5. */
static void goes_on_after_a_failed_item (void **state)
{
    fixture_t *f = *state;
    static const size_t sizes[] = { 1, 2, 6 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        dpool_items_t *items = numbers_from (0, 6);
        dpool_imap_t *imap = imap_of (f, "fail_at_three", items, sizes[i]);
        for (int64_t x = 0; x < 6; x++) {
            const dpool_value_t *value;
            if (x == 3) {
                assert_fails (dpool_imap_next (imap, &value, PATIENCE_MS), DPOOL_EFAILED);
                assert_says ("three");
                assert_code (dpool_imap_error (imap), DPOOL_EFAILED);
                assert_int_equal (dpool_imap_error (imap)->user_code, 33);
                assert_int_equal (dpool_imap_error (imap)->index, 3);
            } else {
                assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
                assert_number (value, x);
                assert_null (dpool_imap_error (imap));
            }
            assert_int_equal (dpool_imap_index (imap), x);
        }
        assert_end (imap);
        dpool_imap_destroy (&imap);
        dpool_items_destroy (&items);
    }
}

static void goes_on_after_a_crashed_item (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = numbers_from (0, 6);
    dpool_imap_t *imap = imap_of (f, "crash_at_three", items, 3);
    for (int64_t x = 0; x < 6; x++) {
        const dpool_value_t *value;
        if (x == 3) {
            assert_fails (dpool_imap_next (imap, &value, PATIENCE_MS), DPOOL_ECRASHED);
        } else {
            assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
            assert_number (value, x);
        }
    }
    assert_end (imap);
    dpool_imap_destroy (&imap);
    dpool_items_destroy (&items);
}

static void never_called (dpool_async_result_t *result, void *user_data)
{
    (void) result;
    ++*(int *) user_data;
}

static void refuses_callbacks (void **state)
{
    fixture_t *f = *state;
    counter_t counter = COUNTER_TO (10);
    int n_calls = 0;
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.user_data = &n_calls;
    options.callback = never_called;
    assert_not_made (dpool_imap (f->pool, "square", counter_source (&counter), &options), EINVAL);
    assert_int_equal (counter.n_released, 1);
    options.callback = NULL;
    options.error_callback = never_called;
    assert_not_made (dpool_imap_unordered (f->pool, "square", counter_source (&counter), &options), EINVAL);
    assert_int_equal (counter.n_released, 2);
    assert_int_equal (n_calls, 0);
}

static void destroys_an_iterator_with_work_unfinished (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = same_texts (100, f->gate, NULL);
    dpool_imap_t *imap = imap_of (f, "wait_for_file", items, 1);
    assert_fails (dpool_imap_next (imap, NULL, 0), ETIMEDOUT);
    dpool_imap_destroy (&imap);
    dpool_imap_destroy (&imap);
    dpool_items_destroy (&items);
    assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (1))); /* its processes are free again */
}

static const struct CMUnitTest cases[] = {
    CASE (iterates_in_the_order_of_the_items),
    CASE (iterates_without_order_over_each_item_once),
    CASE (gives_unordered_results_as_they_finish),
    CASE (ends_at_once_without_items),
    CASE (times_out_and_gives_the_item_later),
    CASE (goes_on_after_a_failed_item),
    CASE (goes_on_after_a_crashed_item),
    CASE (refuses_callbacks),
    CASE (destroys_an_iterator_with_work_unfinished),
};

THEME (imap, cases);
