/* SPDX-License-Identifier: MPL-2.0 */
/* What goes wrong without a crash: failed calls, wrong arguments and results, names, sizes. */
#include "tests/conformance/conformance.h"

/* test_traceback, test_wrapped_exception: the error is the function's own, with where it came from. */
static void tells_the_whole_story_of_a_failed_call (void **state)
{
    fixture_t *f = *state;
    assert_fails (dpool_apply (f->pool, NULL, "fail_with", DPOOL_V (42, "the disk is full")), DPOOL_EFAILED);
    const dpool_error_t *error = dpool_last_error ();
    assert_int_equal (error->code, DPOOL_EFAILED);
    assert_int_equal (error->user_code, 42);
    assert_contains (error->message, "the disk is full");
    assert_string_equal (error->function, "fail_with");
    assert_int_equal (error->index, 0);
    assert_int_equal (error->attempts, 1); /* what fails is not tried again */
    assert_int_equal (error->signal, 0);
}

static void takes_any_code_of_the_user (void **state)
{
    fixture_t *f = *state;
    static const int codes[] = { 0, -1, INT32_MAX, INT32_MIN, ENOENT };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_fails (dpool_apply (f->pool, NULL, "fail_with", DPOOL_V (codes[i], "%s%n")), DPOOL_EFAILED);
        assert_int_equal (dpool_last_error ()->user_code, codes[i]);
        assert_says ("%s%n");
    }
}

static void runs_a_failed_call_once (void **state)
{
    fixture_t *f = *state;
    assert_fails (dpool_apply (f->pool, NULL, "touch_file", DPOOL_V ("/no/such/folder")), DPOOL_EFAILED);
    assert_int_equal (dpool_last_error ()->attempts, 1);
    assert_int_equal (dpool_last_error ()->user_code, ENOENT);
}

static void names_the_function_that_got_wrong_arguments (void **state)
{
    fixture_t *f = *state;
    assert_fails (dpool_apply (f->pool, NULL, "square", DPOOL_V ("five")), DPOOL_EVALUE);
    assert_says ("square");
    assert_fails (dpool_apply (f->pool, NULL, "add2", DPOOL_V (5)), DPOOL_EVALUE);
    assert_says ("add2");
    assert_fails (dpool_apply (f->pool, NULL, "add2", DPOOL_V (1, 2, 3)), DPOOL_EVALUE);
    assert_says ("add2");
    assert_fails (dpool_apply (f->pool, NULL, "square", DPOOL_V (0.5)), DPOOL_EVALUE);
    assert_string_equal (dpool_last_error ()->function, "square");
}

/* test_map_unplicklable: refused before anything is sent. */
static void refuses_arguments_that_cannot_be_packed (void **state)
{
    fixture_t *f = *state;
    assert_fails (dpool_apply (f->pool, NULL, "echo", "s", "\xff\xfe"), DPOOL_EVALUE);
    assert_not_made (dpool_apply_async (f->pool, "echo", "s", (const char *) NULL), DPOOL_EVALUE);
    assert_not_made (dpool_apply_async (f->pool, "echo", "[", 1), DPOOL_EVALUE);
    assert_not_made (dpool_apply_async (f->pool, "echo", "m", (const void *) "\xc1", (size_t) 1),
                     DPOOL_EVALUE);
}

static void refuses_to_read_a_value_as_what_it_is_not (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value;
    int i;
    const char *text;
    double d;
    int64_t l;
    assert_ok (dpool_apply (f->pool, &value, "echo", "l", INT64_C (1) << 40));
    assert_fails (dpool_value_get (value, "i", &i), DPOOL_EVALUE);
    assert_fails (dpool_value_get (value, "s", &text), DPOOL_EVALUE);
    assert_fails (dpool_value_get (value, "ll", &l, &l), DPOOL_EVALUE);
    assert_fails (dpool_value_get (value, "n"), DPOOL_EVALUE);
    assert_ok (dpool_value_get (value, "d", &d));
    assert_true (d >= 0x1p40 && d <= 0x1p40);
    assert_ok (dpool_value_get (value, "l", &l));
    dpool_value_destroy (&value);
    assert_ok (dpool_apply (f->pool, &value, "echo", "l", INT64_MAX));
    assert_fails (dpool_value_get (value, "d", &d), DPOOL_EVALUE); /* no double is exactly this */
    dpool_value_destroy (&value);
}

/* test_unpickleable_result: 20 in a row, and the processes live on. */
static void fails_a_result_that_cannot_be_packed_and_keeps_the_process (void **state)
{
    fixture_t *f = *state;
    dpool_options_t options = pool_options ();
    options.processes = 1;
    options.max_tasks_per_child = 1000; /* children of its own, on a cluster too */
    dpool_t *pool = another_pool (f, &options);
    dpool_items_t *items = numbers_from (0, 20);
    dpool_async_result_t *before = assert_made (dpool_map (pool, "pid", items, NULL));
    for (int i = 0; i < 10; i++) {
        assert_fails (dpool_apply (pool, NULL, "bad_return", DPOOL_V ("picture")), DPOOL_EVALUE);
        assert_fails (dpool_apply (pool, NULL, "bad_return", DPOOL_V ("packed")), DPOOL_EVALUE);
        assert_says ("bad_return");
    }
    if (!f->endpoint) {
        dpool_async_result_t *after = assert_made (dpool_map (pool, "pid", items, NULL));
        int pid_before, pid_after;
        assert_ok (dpool_value_get (dpool_async_result_value (before, 0), "i", &pid_before));
        assert_ok (dpool_value_get (dpool_async_result_value (after, 0), "i", &pid_after));
        assert_int_equal (pid_before, pid_after);
        dpool_async_result_destroy (&after);
    }
    dpool_async_result_destroy (&before);
    dpool_items_destroy (&items);
    dpool_destroy (&pool);
}

static void names_functions_that_break_the_rules_of_returning (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value;
    assert_fails (dpool_apply (f->pool, NULL, "bad_return", DPOOL_V ("silent")), DPOOL_EFAILED);
    assert_says ("no reason");
    assert_fails (dpool_apply (f->pool, NULL, "bad_return", DPOOL_V ("twice")), DPOOL_EFAILED);
    assert_string_equal (dpool_last_error ()->function, "bad_return");
    assert_ok (dpool_apply (f->pool, &value, "bad_return", DPOOL_V ("nothing")));
    assert_ok (dpool_value_get (value, "n"));
    dpool_value_destroy (&value);
}

static void lists_what_is_offered_when_a_function_is_missing (void **state)
{
    fixture_t *f = *state;
    assert_fails (dpool_apply (f->pool, NULL, "sqare", DPOOL_V (5)), DPOOL_ENOFUNCTION);
    assert_says ("sqare");
    assert_says ("square");
    assert_string_equal (dpool_last_error ()->function, "sqare");

    dpool_items_t *items = numbers_from (0, 3);
    dpool_async_result_t *result = assert_made (dpool_map (f->pool, "sqare", items, NULL));
    assert_fails (dpool_async_result_get (result, 0), DPOOL_ENOFUNCTION);
    assert_code (dpool_async_result_error (result, 2), DPOOL_ENOFUNCTION);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
    assert_fails (dpool_apply (f->pool, NULL, "set_initial", DPOOL_V (5)), DPOOL_ENOFUNCTION);
}

/* 64 MiB is the limit: refused here and there by its size, before it is sent. */
static void refuses_arguments_above_the_limit (void **state)
{
    fixture_t *f = *state;
    size_t size = (64u << 20) + 1;
    char *bytes = calloc (1, size);
    assert_non_null (bytes);
    assert_not_made (dpool_apply_async (f->pool, "square", "b", (const void *) bytes, size), DPOOL_ETOOLARGE);
    assert_true (strpbrk (dpool_last_error ()->message, "0123456789") != NULL);
    dpool_items_t *items = assert_made (dpool_items_new ());
    if (dpool_items_add (items, "b", (const void *) bytes, size) < 0)
        assert_int_equal (errno, DPOOL_ETOOLARGE);
    assert_not_made (dpool_map (f->pool, "square", items, NULL), DPOOL_ETOOLARGE);
    dpool_items_destroy (&items);
    free (bytes);
    assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (5)));
}

static void fails_a_result_above_the_limit (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value;
    const void *data;
    size_t size;
    assert_fails (dpool_apply (f->pool, NULL, "big_result", DPOOL_V (65ul << 20)), DPOOL_ETOOLARGE);
    assert_string_equal (dpool_last_error ()->function, "big_result");
    assert_ok (dpool_apply (f->pool, &value, "big_result", DPOOL_V (8ul << 20)));
    assert_ok (dpool_value_get (value, "b", &data, &size));
    assert_int_equal (size, 8u << 20);
    dpool_value_destroy (&value);
}

static void has_a_text_for_every_code (void **state)
{
    (void) state;
    for (int code = DPOOL_EVALUE; code <= DPOOL_EQUOTA; code++) {
        const char *text = dpool_strerror (code);
        assert_non_null (text);
        assert_null (strstr (text, "nknown error"));
        for (int other = DPOOL_EVALUE; other < code; other++)
            assert_string_not_equal (text, dpool_strerror (other));
    }
    assert_string_equal (dpool_strerror (ENOENT), strerror (ENOENT));
}

static void *read_last_error (void *code)
{
    const dpool_error_t *error = dpool_last_error ();
    *(int *) code = error->code == 0 && error->message && !*error->message ? 0 : -1;
    return NULL;
}

static void keeps_the_last_error_of_each_thread_apart (void **state)
{
    fixture_t *f = *state;
    pthread_t thread;
    int code = -1;
    assert_fails (dpool_apply (f->pool, NULL, "fail_with", DPOOL_V (1, "mine")), DPOOL_EFAILED);
    assert_int_equal (pthread_create (&thread, NULL, read_last_error, &code), 0);
    pthread_join (thread, NULL);
    assert_int_equal (code, 0);
    assert_says ("mine");
}

static const struct CMUnitTest cases[] = {
    CASE (tells_the_whole_story_of_a_failed_call),
    CASE (takes_any_code_of_the_user),
    CASE (runs_a_failed_call_once),
    CASE (names_the_function_that_got_wrong_arguments),
    CASE (refuses_arguments_that_cannot_be_packed),
    CASE (refuses_to_read_a_value_as_what_it_is_not),
    CASE (fails_a_result_that_cannot_be_packed_and_keeps_the_process),
    CASE (names_functions_that_break_the_rules_of_returning),
    CASE (lists_what_is_offered_when_a_function_is_missing),
    CASE (refuses_arguments_above_the_limit),
    CASE (fails_a_result_above_the_limit),
    CASE (has_a_text_for_every_code),
    CASE (keeps_the_last_error_of_each_thread_apart),
};

THEME (errors, cases);
