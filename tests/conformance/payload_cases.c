/* SPDX-License-Identifier: MPL-2.0 */
/* Large arguments and results: the same bytes, whichever way they take. */
#include "tests/conformance/conformance.h"

/* Bytes that differ from offset to offset and from seed to seed. */
static uint8_t *make_bytes (size_t size, unsigned seed)
{
    uint8_t *bytes = malloc (size + 1);
    assert_non_null (bytes);
    uint32_t x = 2654435761u * (seed + 1);
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (uint8_t) (x >> 24);
    }
    return bytes;
}

static void assert_same_bytes (const dpool_async_result_t *result, size_t index, const uint8_t *bytes,
                               size_t size)
{
    const void *back;
    size_t back_size;
    assert_ok (dpool_value_get (dpool_async_result_value (result, index), "b", &back, &back_size));
    assert_int_equal (back_size, size);
    assert_true (memcmp (back, bytes, size) == 0);
}

static void echo (dpool_t *pool, size_t size, unsigned seed)
{
    uint8_t *bytes = make_bytes (size, seed);
    dpool_async_result_t *result = assert_made (dpool_apply_async (pool, "echo", "b", bytes, size));
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_same_bytes (result, 0, bytes, size);
    dpool_async_result_destroy (&result);
    free (bytes);
}

static void brings_the_same_bytes_back (void **state)
{
    fixture_t *f = *state;
    static const size_t sizes[] = { 0,     1,     16383,  32762,   32763,   32764,    32768,           65530,
                                    65536, 99999, 262144, 1000000, 1048576, 16777216, 64 * 1048576 - 6 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        echo (f->pool, sizes[i], (unsigned) i);
}

static void keeps_results_while_others_come_and_go (void **state)
{
    enum { N = 40, SIZE = 700001 };
    fixture_t *f = *state;
    dpool_async_result_t *results[N];
    uint8_t *bytes[N];
    for (unsigned i = 0; i < N; i++) {
        bytes[i] = make_bytes (SIZE, i);
        results[i] = assert_made (dpool_apply_async (f->pool, "echo", "b", bytes[i], (size_t) SIZE));
    }
    for (unsigned i = 0; i < N; i++) {
        assert_ok (dpool_async_result_get (results[i], PATIENCE_MS));
        if (i % 3 == 0)
            dpool_async_result_destroy (&results[i]);
    }
    for (unsigned i = 0; i < 20; i++)
        echo (f->pool, SIZE, 1000 + i);
    for (unsigned i = 0; i < N; i++) {
        if (results[i] != NULL)
            assert_same_bytes (results[i], 0, bytes[i], SIZE);
        dpool_async_result_destroy (&results[i]);
        free (bytes[i]);
    }
}

static void brings_large_items_of_a_map_back (void **state)
{
    enum { N = 30 };
    fixture_t *f = *state;
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (unsigned i = 0; i < N; i++) {
        uint8_t *bytes = make_bytes (20000 * (size_t) i, i);
        assert_ok (dpool_items_add (items, "b", bytes, 20000 * (size_t) i));
        free (bytes);
    }
    for (size_t chunk = 0; chunk < 8; chunk += 7) {
        dpool_call_options_t options = chunks_of (chunk);
        dpool_async_result_t *result = assert_made (dpool_map (f->pool, "echo", items, &options));
        assert_ok (dpool_async_result_get (result, PATIENCE_MS));
        for (unsigned i = 0; i < N; i++) {
            uint8_t *bytes = make_bytes (20000 * (size_t) i, i);
            assert_same_bytes (result, i, bytes, 20000 * (size_t) i);
            free (bytes);
        }
        dpool_async_result_destroy (&result);
    }
    dpool_items_destroy (&items);
}

static void outlives_children_that_crash_over_large_arguments (void **state)
{
    fixture_t *f = *state;
    size_t size = 3000000;
    uint8_t *bytes = make_bytes (size, 1);
    for (unsigned i = 0; i < 4; i++) {
        dpool_async_result_t *bad
            = assert_made (dpool_apply_async (f->pool, "crash_over", "ib", SIGABRT, bytes, size));
        echo (f->pool, size, i);
        assert_fails (dpool_async_result_get (bad, PATIENCE_MS), DPOOL_ECRASHED);
        dpool_async_result_destroy (&bad);
    }
    free (bytes);
}

static void keeps_results_of_children_that_were_replaced (void **state)
{
    enum { N = 12, SIZE = 500000 };
    fixture_t *f = *state;
    dpool_options_t options = pool_options ();
    options.max_tasks_per_child = 2;
    dpool_t *pool = another_pool (f, &options);
    dpool_async_result_t *results[N];
    uint8_t *bytes = make_bytes (SIZE, 5);
    for (unsigned i = 0; i < N; i++)
        results[i] = assert_made (dpool_apply_async (pool, "echo", "b", bytes, (size_t) SIZE));
    for (unsigned i = 0; i < N; i++)
        assert_ok (dpool_async_result_get (results[i], PATIENCE_MS));
    dpool_destroy (&pool);
    for (unsigned i = 0; i < N; i++) {
        assert_same_bytes (results[i], 0, bytes, SIZE);
        dpool_async_result_destroy (&results[i]);
    }
    free (bytes);
}

static const struct CMUnitTest cases[] = {
    CASE (brings_the_same_bytes_back),
    CASE (keeps_results_while_others_come_and_go),
    CASE (brings_large_items_of_a_map_back),
    CASE (outlives_children_that_crash_over_large_arguments),
    CASE (keeps_results_of_children_that_were_replaced),
};

THEME (payload, cases);
