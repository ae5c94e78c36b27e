/* SPDX-License-Identifier: MPL-2.0 */
/* One call: dpool_apply, dpool_apply_async and the waiting for their results. */
#include "tests/conformance/conformance.h"

#include <poll.h>

/* test_apply */
static void gives_what_the_function_gives (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value;
    assert_ok (dpool_apply (f->pool, &value, "square", "l", (int64_t) 5));
    assert_number (value, 25);
    dpool_value_destroy (&value);
    assert_ok (dpool_apply (f->pool, &value, "add2", DPOOL_V (40, -42)));
    assert_number (value, -2);
    dpool_value_destroy (&value);
    assert_null (value);
}

static void needs_no_place_for_the_value (void **state)
{
    fixture_t *f = *state;
    assert_ok (dpool_apply (f->pool, NULL, "touch_file", DPOOL_V (f->started)));
    assert_int_equal (size_of (f->started), 1);
}

static void clears_the_value_of_a_failed_call (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value = (dpool_value_t *) f;
    assert_fails (dpool_apply (f->pool, &value, "fail_with", DPOOL_V (1, "no")), DPOOL_EFAILED);
    assert_null (value);
}

static void passes_numbers_of_every_kind (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value;
    int i;
    int64_t l;
    uint64_t u;
    double d;
    bool yes, no;
    assert_ok (
        dpool_apply (f->pool, &value, "echo", "ilud??n", INT32_MIN, INT64_MIN, UINT64_MAX, 0.1, true, false));
    assert_ok (dpool_value_get (value, "ilud??n", &i, &l, &u, &d, &yes, &no));
    assert_int_equal (i, INT32_MIN);
    assert_true (l == INT64_MIN);
    assert_true (u == UINT64_MAX);
    assert_true (d >= 0.1 && d <= 0.1);
    assert_true (yes);
    assert_false (no);
    dpool_value_destroy (&value);
}

static void passes_texts_and_bytes (void **state)
{
    fixture_t *f = *state;
    static const char bytes[] = { 0, 1, 2, (char) 0xff, 0 };
    char copy[sizeof bytes];
    dpool_value_t *value;
    const char *text, *empty;
    const void *data;
    size_t size;
    assert_ok (dpool_apply (f->pool, &value, "echo", "ssbb", "gr\xc3\xbc\xc3\x9f", "", (const void *) bytes,
                            sizeof bytes, (const void *) bytes, sizeof bytes));
    assert_ok (dpool_value_get (value, "ssbB", &text, &empty, &data, &size, (void *) copy, sizeof copy));
    assert_string_equal (text, "gr\xc3\xbc\xc3\x9f");
    assert_string_equal (empty, "");
    assert_int_equal (size, sizeof bytes);
    assert_memory_equal (data, bytes, sizeof bytes);
    assert_memory_equal (copy, bytes, sizeof bytes);
    dpool_value_destroy (&value);
}

/* {"k": [1]}, packed by hand: what no picture says goes as "m". */
static void passes_values_that_are_packed_already (void **state)
{
    fixture_t *f = *state;
    static const char packed[] = { (char) 0x81, (char) 0xa1, 'k', (char) 0x91, 1 };
    dpool_value_t *value;
    const void *data;
    size_t size;
    assert_ok (dpool_apply (f->pool, &value, "echo", "m", (const void *) packed, sizeof packed));
    assert_ok (dpool_value_get (value, "m", &data, &size));
    assert_int_equal (size, sizeof packed);
    assert_memory_equal (data, packed, sizeof packed);
    assert_non_null (dpool_value_data (value, &size));
    assert_int_equal (size, sizeof packed);
    dpool_value_destroy (&value);
}

static void passes_nil_for_an_empty_picture (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value, *copy;
    assert_ok (dpool_apply (f->pool, &value, "echo", ""));
    assert_ok (dpool_value_get (value, "n"));
    copy = assert_made (dpool_value_copy (value));
    dpool_value_destroy (&value);
    assert_ok (dpool_value_get (copy, ""));
    dpool_value_destroy (&copy);
}

/* Larger than what stands in an envelope, and than what a socket buffers. */
static void passes_megabytes (void **state)
{
    fixture_t *f = *state;
    size_t size = 5u << 20, got;
    unsigned char *bytes = malloc (size);
    dpool_value_t *value;
    const void *data;
    assert_non_null (bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char) (i * 2654435761u >> 24);
    assert_ok (dpool_apply (f->pool, &value, "echo", "b", (const void *) bytes, size));
    assert_ok (dpool_value_get (value, "b", &data, &got));
    assert_int_equal (got, size);
    assert_memory_equal (data, bytes, size);
    dpool_value_destroy (&value);
    free (bytes);
}

/* test_async */
static void gives_an_async_result_after_the_task_s_time (void **state)
{
    fixture_t *f = *state;
    int64_t start = now_ms ();
    dpool_async_result_t *result = assert_made (dpool_apply_async (f->pool, "sleep", DPOOL_V (0.2)));
    double slept;
    assert_int_equal (dpool_async_result_count (result), 1);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_true (now_ms () - start >= 200);
    assert_ok (dpool_value_get (dpool_async_result_value (result, 0), "d", &slept));
    assert_true (slept >= 0.2 && slept <= 0.2);
    dpool_async_result_destroy (&result);
    assert_null (result);
}

/* test_async_timeout */
static void times_out_after_the_time_given (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = occupy (f, 1);
    int64_t start = now_ms ();
    assert_fails (dpool_async_result_get (result, 150), ETIMEDOUT);
    assert_true (now_ms () - start >= 150);
    assert_fails (dpool_async_result_get (result, 0), ETIMEDOUT);
    assert_fails (dpool_async_result_wait (result, 0), ETIMEDOUT);
    assert_fails (dpool_async_result_wait (result, 20), ETIMEDOUT);
    open_gate (f);
    assert_ok (dpool_async_result_wait (result, -1)); /* a time-out ends the wait, not the task */
    assert_ok (dpool_async_result_get (result, -1));
    dpool_async_result_destroy (&result);
}

static void gives_the_same_result_again (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *good = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (3)));
    dpool_async_result_t *bad = assert_made (dpool_apply_async (f->pool, "fail_with", DPOOL_V (8, "eight")));
    for (int i = 0; i < 2; i++) {
        assert_ok (dpool_async_result_wait (good, PATIENCE_MS));
        assert_ok (dpool_async_result_get (good, PATIENCE_MS));
        assert_number (dpool_async_result_value (good, 0), 9);
        assert_ok (dpool_async_result_wait (bad, PATIENCE_MS));
        assert_fails (dpool_async_result_get (bad, PATIENCE_MS), DPOOL_EFAILED);
        assert_int_equal (dpool_last_error ()->user_code, 8);
        assert_says ("eight");
    }
    dpool_async_result_destroy (&good);
    dpool_async_result_destroy (&bad);
}

static void tells_whether_it_is_ready_and_successful (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = occupy (f, 1);
    assert_false (dpool_async_result_ready (result));
    assert_false (dpool_async_result_successful (result));
    assert_int_equal (errno, EAGAIN);
    open_gate (f);
    assert_ok (dpool_async_result_wait (result, PATIENCE_MS));
    assert_true (dpool_async_result_ready (result));
    assert_true (dpool_async_result_successful (result));
    dpool_async_result_destroy (&result);

    result = assert_made (dpool_apply_async (f->pool, "fail_with", DPOOL_V (1, "no")));
    assert_ok (dpool_async_result_wait (result, PATIENCE_MS));
    assert_true (dpool_async_result_ready (result));
    assert_false (dpool_async_result_successful (result));
    assert_int_equal (errno, 0);
    dpool_async_result_destroy (&result);
}

static void tells_by_a_descriptor_that_it_is_finished (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = occupy (f, 1);
    int fd = dpool_async_result_fd (result);
    assert_true (fd >= 0);
    struct pollfd poller = { fd, POLLIN, 0 };
    assert_int_equal (poll (&poller, 1, 0), 0);
    open_gate (f);
    assert_int_equal (poll (&poller, 1, PATIENCE_MS), 1);
    assert_true (dpool_async_result_ready (result));
    assert_int_equal (dpool_async_result_fd (result), fd);
    assert_int_equal (poll (&poller, 1, 0), 1); /* and stays so */
    dpool_async_result_destroy (&result);

    result = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (3)));
    assert_ok (dpool_async_result_wait (result, PATIENCE_MS));
    poller.fd = dpool_async_result_fd (result); /* first asked for after the end */
    assert_int_equal (poll (&poller, 1, 0), 1);
    dpool_async_result_destroy (&result);
}

static void keeps_a_thousand_calls_apart (void **state)
{
    fixture_t *f = *state;
    enum { N = 1000 };
    dpool_async_result_t *results[N];
    for (int i = 0; i < N; i++)
        results[i] = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (i)));
    for (int i = 0; i < N; i++) {
        assert_ok (dpool_async_result_get (results[i], PATIENCE_MS));
        assert_number (dpool_async_result_value (results[i], 0), i * i);
        dpool_async_result_destroy (&results[i]);
    }
}

static void detaches_from_a_call_that_goes_on (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (f->pool, "touch_file", DPOOL_V (f->started)));
    dpool_async_result_detach (&result);
    assert_null (result);
    dpool_async_result_detach (&result);
    wait_for_size (f->started, 1);
}

static const struct CMUnitTest cases[] = {
    CASE (gives_what_the_function_gives),
    CASE (needs_no_place_for_the_value),
    CASE (clears_the_value_of_a_failed_call),
    CASE (passes_numbers_of_every_kind),
    CASE (passes_texts_and_bytes),
    CASE (passes_values_that_are_packed_already),
    CASE (passes_nil_for_an_empty_picture),
    CASE (passes_megabytes),
    CASE (gives_an_async_result_after_the_task_s_time),
    CASE (times_out_after_the_time_given),
    CASE (gives_the_same_result_again),
    CASE (tells_whether_it_is_ready_and_successful),
    CASE (tells_by_a_descriptor_that_it_is_finished),
    CASE (keeps_a_thousand_calls_apart),
    CASE (detaches_from_a_call_that_goes_on),
};

THEME (apply, cases);
