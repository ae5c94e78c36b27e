/* SPDX-License-Identifier: MPL-2.0 */
/* quota_test.c - quotas as text, and a bucket on virtual time. */
#include "tests/support/test.h"

#include "broker/quota.h"

#include <errno.h>

#include "tests/support/check.h"

/* ---- Text ------------------------------------------------------------------------------------- */

static void reads_what_it_writes (void **state)
{
    (void) state;
    char text[QUOTA_TEXT];
    quota_t quota = { 0 };
    assert_ok (quota_read (&quota, " tasks=1000, bytes=64M\tsessions=4 workers=9 hellos=60,queries=none "));
    assert_int_equal (quota.tasks, 1000);
    assert_int_equal (quota.bytes, 64 << 20);
    assert_int_equal (quota.sessions, 4);
    assert_int_equal (quota.workers, 9);
    assert_int_equal (quota.hellos, 60);
    assert_true (quota.queries == QUOTA_NONE);
    quota_write (&quota, text);
    assert_string_equal (text, "tasks=1000 bytes=64M sessions=4 workers=9 hellos=60 queries=none");
    quota_t again = { 0 };
    assert_ok (quota_read (&again, text));
    assert_memory_equal (&again, &quota, sizeof quota);
}

static void the_longest_has_room (void **state)
{
    (void) state;
    char text[QUOTA_TEXT];
    quota_t quota
        = { QUOTA_NONE - 1, QUOTA_NONE, QUOTA_NONE - 1, QUOTA_NONE - 1, QUOTA_NONE - 1, QUOTA_NONE - 1 };
    quota_write (&quota, text);
    assert_contains (text, "queries=18446744073709551614");
}

static void leaves_alone_what_is_not_said (void **state)
{
    (void) state;
    quota_t quota = { 0 };
    const quota_t all = { 1, 2, 3, 4, 5, 6 };
    assert_ok (quota_read (&quota, "bytes=1023"));
    quota_complete (&quota, &all);
    assert_int_equal (quota.tasks, 1);
    assert_int_equal (quota.bytes, 1023);
    assert_int_equal (quota.queries, 6);
}

static void says_what_is_wrong_with_a_text (void **state)
{
    (void) state;
    static const char *const wrong[][2] = {
        { "", "is empty" },
        { " , ", "is empty" },
        { "tasks", "'tasks' is unknown" },
        { "task=1", "write tasks=" },
        { "tasks=", "a number from 1" },
        { "tasks=0", "a number from 1" },
        { "tasks=-1", "a number from 1" },
        { "tasks=1K", "a number from 1" },
        { "tasks=1000000001", "a number from 1" },
        { "bytes=1T", "with K, M or G" },
        { "bytes=1025G", "1 to 1024G" },
        { "bytes=1KK", "with K, M or G" },
        { "bytes=99999999999999999999", "1 to 1024G" },
        { "sessions=1 hellos=no", "'hellos=no'" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        quota_t quota = { 0 };
        assert_fails (quota_read (&quota, wrong[i][0]), EINVAL);
        assert_says (wrong[i][1]);
    }
}

/* ---- Buckets ---------------------------------------------------------------------------------- */

static unsigned take_all (quota_bucket_t *bucket, uint64_t a_minute, int64_t now_ms)
{
    unsigned n = 0;
    while (n < 1000 && quota_take (bucket, a_minute, now_ms))
        n++;
    return n;
}

static void holds_the_tokens_of_a_minute (void **state)
{
    (void) state;
    quota_bucket_t bucket = { 0 };
    assert_int_equal (take_all (&bucket, 60, 0), 60);
    assert_int_equal (take_all (&bucket, 60, 999), 0);
    assert_int_equal (take_all (&bucket, 60, 1000), 1); /* what was refused did not cost anything */
    assert_int_equal (take_all (&bucket, 60, 11000), 10);
    assert_int_equal (take_all (&bucket, 60, 1000000), 60);
    assert_int_equal (take_all (&bucket, 60, 999999), 0); /* a clock that goes back gives nothing */
}

static void obeys_a_rate_that_was_changed (void **state)
{
    (void) state;
    quota_bucket_t bucket = { 0 };
    assert_int_equal (take_all (&bucket, 100, 0), 100);
    assert_int_equal (take_all (&bucket, 10, 30000), 0); /* five came, and ninety are missing still */
    assert_int_equal (take_all (&bucket, 200, 30000), 105);
    assert_int_equal (take_all (&bucket, QUOTA_NONE, 30000), 1000);
}

static void gives_no_more_than_the_rate_in_the_long_run (void **state)
{
    (void) state;
    quota_bucket_t bucket = { 0 };
    unsigned n = 0;
    for (int64_t now_ms = 0; now_ms < 600000; now_ms += 7)
        n += quota_take (&bucket, 30, now_ms);
    assert_in_range (n, 30 + 299, 30 + 300);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (reads_what_it_writes),
        cmocka_unit_test (the_longest_has_room),
        cmocka_unit_test (leaves_alone_what_is_not_said),
        cmocka_unit_test (says_what_is_wrong_with_a_text),
        cmocka_unit_test (holds_the_tokens_of_a_minute),
        cmocka_unit_test (obeys_a_rate_that_was_changed),
        cmocka_unit_test (gives_no_more_than_the_rate_in_the_long_run),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
