/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/error.h"
#include "core/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void is_empty_before_the_first_failure (void **state)
{
    (void) state;
    const dpool_error_t *error = dpool_last_error ();
    assert_int_equal (error->code, 0);
    assert_string_equal (error->message, "");
    assert_string_equal (error->function, "");
    assert_string_equal (error->host, "");
    assert_string_equal (error->stderr_tail, "");
}

static void tells_code_and_message (void **state)
{
    (void) state;
    errno = 0;
    assert_int_equal (dp_fail (DPOOL_EVALUE, "value %d is %s", 2, "odd"), -1);
    assert_int_equal (errno, DPOOL_EVALUE);
    assert_int_equal (dpool_last_error ()->code, DPOOL_EVALUE);
    assert_string_equal (dpool_last_error ()->message, "value 2 is odd");
}

static void adds_what_the_system_says (void **state)
{
    (void) state;
    errno = ENOENT;
    dp_fail_errno ("cannot open %s", "x");
    assert_int_equal (errno, ENOENT);
    assert_string_equal (dpool_last_error ()->message, "cannot open x: No such file or directory");
}

static void may_quote_the_last_error (void **state)
{
    (void) state;
    dp_fail (EINVAL, "inner");
    dp_fail (EIO, "outer: %s", dpool_last_error ()->message);
    assert_string_equal (dpool_last_error ()->message, "outer: inner");
    dp_fail_with (dpool_last_error ());
    assert_string_equal (dpool_last_error ()->message, "outer: inner");
    assert_int_equal (dpool_last_error ()->code, EIO);
}

static void cuts_what_is_too_long_between_characters (void **state)
{
    (void) state;
    static char text[9000];
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy (text + i, "\xe2\x82\xac", 3);
    dp_fail (EINVAL, "%s", text);
    size_t len = strlen (dpool_last_error ()->message);
    assert_int_equal (len, 1023 / 3 * 3);
    snprintf (text + sizeof text - 4, 4, "END");
    dpool_error_t error = { .code = DPOOL_ECRASHED, .message = "m", .stderr_tail = text };
    dp_fail_with (&error);
    const char *tail = dpool_last_error ()->stderr_tail;
    len = strlen (tail);
    assert_true (len > 4000 && len <= 4096);
    assert_string_equal (tail + len - 3, "END");
    assert_memory_equal (tail, "\xe2\x82\xac", 3);
}

static const dpool_error_t sample = { .code = DPOOL_ECRASHED,
                                      .user_code = 7,
                                      .message = "died",
                                      .function = "square",
                                      .host = "node1",
                                      .stderr_tail = "oops\n",
                                      .index = 3,
                                      .attempts = 2,
                                      .pid = 99,
                                      .signal = 11,
                                      .out_of_memory = true,
                                      .peak_memory_bytes = 5,
                                      .cpu_time_us = 6 };

static void assert_is_sample (const dpool_error_t *error)
{
    assert_int_equal (error->code, DPOOL_ECRASHED);
    assert_int_equal (error->user_code, 7);
    assert_string_equal (error->message, "died");
    assert_string_equal (error->function, "square");
    assert_string_equal (error->host, "node1");
    assert_string_equal (error->stderr_tail, "oops\n");
    assert_int_equal (error->index, 3);
    assert_int_equal (error->attempts, 2);
    assert_int_equal (error->pid, 99);
    assert_int_equal (error->signal, 11);
    assert_true (error->out_of_memory);
    assert_int_equal (error->cpu_time_us, 6);
}

static void copies_a_whole_error (void **state)
{
    (void) state;
    dpool_error_t *copy = dp_error_copy (&sample);
    assert_is_sample (copy);
    assert_ptr_not_equal (copy->message, sample.message);
    dp_fail_with (copy);
    dp_free (copy);
    assert_is_sample (dpool_last_error ());
    assert_int_equal (errno, DPOOL_ECRASHED);
}

static void turns_missing_texts_into_empty_ones (void **state)
{
    (void) state;
    dpool_error_t bare = { .code = EIO };
    dpool_error_t *copy = dp_error_copy (&bare);
    assert_string_equal (copy->message, "");
    assert_string_equal (copy->stderr_tail, "");
    dp_free (copy);
    dp_fail_with (&bare);
    assert_string_equal (dpool_last_error ()->host, "");
    dp_memory_fail_nth (1);
    assert_null (dp_error_copy (&bare));
}

static void *fail_elsewhere (void *unused)
{
    (void) unused;
    dp_fail (EIO, "elsewhere");
    return NULL;
}

static void belongs_to_its_thread (void **state)
{
    (void) state;
    dp_fail (EINVAL, "here");
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join (thread, NULL);
    assert_string_equal (dpool_last_error ()->message, "here");
}

static void has_a_sentence_for_every_code (void **state)
{
    (void) state;
    for (int code = DPOOL_EVALUE; code <= DPOOL_EQUOTA; code++) {
        const char *text = dpool_strerror (code);
        assert_non_null (text);
        assert_true (strlen (text) > 10);
        for (int other = DPOOL_EVALUE; other < code; other++)
            assert_string_not_equal (text, dpool_strerror (other));
    }
    assert_string_equal (dpool_strerror (ENOENT), "No such file or directory");
    assert_non_null (dpool_strerror (0));
    static const int unknown[] = { -5, DPOOL_ERRNO_BASE, DPOOL_EQUOTA + 1 };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_string_equal (dpool_strerror (unknown[i]), "Unknown error"); /* static, as all texts */
}

static void names_its_version (void **state)
{
    (void) state;
    char version[32];
    snprintf (version, sizeof version, "%d.%d.%d", DPOOL_VERSION_MAJOR, DPOOL_VERSION_MINOR,
              DPOOL_VERSION_PATCH);
    assert_string_equal (dpool_version (), version);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (is_empty_before_the_first_failure),
        cmocka_unit_test (tells_code_and_message),
        cmocka_unit_test (adds_what_the_system_says),
        cmocka_unit_test (may_quote_the_last_error),
        cmocka_unit_test (cuts_what_is_too_long_between_characters),
        cmocka_unit_test (copies_a_whole_error),
        cmocka_unit_test (turns_missing_texts_into_empty_ones),
        cmocka_unit_test (belongs_to_its_thread),
        cmocka_unit_test (has_a_sentence_for_every_code),
        cmocka_unit_test (names_its_version),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
