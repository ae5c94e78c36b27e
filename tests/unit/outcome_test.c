/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/memory.h"
#include "core/outcome.h"

#include <limits.h>
#include <string.h>

static dp_buffer_t row, texts;

static int reset (void **state)
{
    (void) state;
    dp_buffer_fini (&row);
    dp_buffer_fini (&texts);
    return 0;
}

static void has_a_code_and_a_name_for_each_status (void **state)
{
    (void) state;
    assert_int_equal (outcome_code (OUTCOME_VALUE), 0);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        outcome_status_t status = (outcome_status_t) i;
        assert_true (strlen (outcome_name (status)) > 2);
        if (status != OUTCOME_VALUE && status != OUTCOME_NOT_STARTED) {
            assert_true (outcome_code (status) > DPOOL_ERRNO_BASE);
            assert_int_equal (outcome_status (outcome_code (status)), status);
        }
    }
    assert_int_equal (outcome_status (DPOOL_ECLOSED), OUTCOME_FAILED);
    assert_int_equal (outcome_status (5), OUTCOME_FAILED);
    assert_int_equal (outcome_code ((outcome_status_t) 99), DPOOL_EFAILED);
}

static const dpool_error_t sample = { .user_code = -7,
                                      .message = "m\xc3\xa4\x1b",
                                      .host = "node1",
                                      .stderr_tail = "a\n\xff",
                                      .attempts = 3,
                                      .pid = 4711,
                                      .signal = 9,
                                      .exit_status = 3,
                                      .out_of_memory = true,
                                      .peak_memory_bytes = UINT64_C (1) << 40,
                                      .cpu_time_us = 123456789 };

static void brings_a_row_across (void **state)
{
    (void) state;
    assert_int_equal (outcome_put_value (&row, "\x92\x01\x02", 3), 0);
    assert_int_equal (outcome_put_error (&row, OUTCOME_CRASHED, &sample), 0);
    assert_int_equal (outcome_put_not_started (&row), 0);
    dp_reader_t reader;
    dp_reader_init (&reader, row.data, row.len);
    outcome_status_t status;
    const uint8_t *body;
    size_t len;
    assert_int_equal (outcome_next (&reader, &status, &body, &len), 0);
    assert_int_equal (status, OUTCOME_VALUE);
    assert_int_equal (len, 3);
    assert_memory_equal (body, "\x92\x01\x02", 3);
    assert_int_equal (outcome_next (&reader, &status, &body, &len), 0);
    assert_int_equal (status, OUTCOME_CRASHED);
    dpool_error_t error = { .function = "f", .index = 8 };
    assert_int_equal (outcome_read_error (status, body, len, &texts, &error), 0);
    assert_int_equal (error.code, DPOOL_ECRASHED);
    assert_int_equal (error.user_code, -7);
    assert_string_equal (error.message, "m\xc3\xa4?");
    assert_string_equal (error.host, "node1");
    assert_string_equal (error.stderr_tail, "a\n?");
    assert_string_equal (error.function, "f");
    assert_int_equal (error.index, 8);
    assert_int_equal (error.attempts, 3);
    assert_int_equal (error.pid, 4711);
    assert_int_equal (error.signal, 9);
    assert_int_equal (error.exit_status, 3);
    assert_true (error.out_of_memory);
    assert_true (error.peak_memory_bytes == UINT64_C (1) << 40);
    assert_int_equal (error.cpu_time_us, 123456789);
    assert_int_equal (outcome_next (&reader, &status, &body, &len), 0);
    assert_int_equal (status, OUTCOME_NOT_STARTED);
    assert_true (dp_reader_is_done (&reader));
    assert_int_equal (outcome_next (&reader, &status, &body, &len), -1);
}

static void reads_what_is_missing_as_nothing (void **state)
{
    (void) state;
    dpool_error_t error = { 0 };
    assert_int_equal (outcome_read_error (OUTCOME_LOST, (const uint8_t *) "\x80", 1, &texts, &error), 0);
    assert_string_equal (error.message, "");
    assert_string_equal (error.host, "");
    assert_string_equal (error.stderr_tail, "");
    assert_int_equal (outcome_read_error (OUTCOME_LOST, (const uint8_t *) "\xc0", 1, &texts, &error), 0);
    assert_int_equal (error.code, DPOOL_ELOST);
    assert_int_equal (outcome_put_error (&row, OUTCOME_LOST, NULL), 0);
    assert_memory_equal (row.data, "\x06\x80", 2);
}

static void skips_keys_from_the_future (void **state)
{
    (void) state;
    static const char body[] = "\x82\xa3new\x92\x01\x02\xa7message\xa2hi";
    dpool_error_t error = { 0 };
    assert_int_equal (outcome_read_error (OUTCOME_FAILED, (const uint8_t *) body, sizeof body - 1, &texts,
                                          &error),
                      0);
    assert_string_equal (error.message, "hi");
    dp_reader_t reader;
    dp_reader_init (&reader, "\x63\x80", 2);
    outcome_status_t status;
    const uint8_t *bytes;
    size_t len;
    assert_int_equal (outcome_next (&reader, &status, &bytes, &len), 0);
    assert_int_equal (status, OUTCOME_FAILED);
}

static void refuses_malformed_errors (void **state)
{
    (void) state;
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        { "", 0 },
        { "\x01", 1 },
        { "\x81", 1 },
        { "\x81\x01\x02", 3 },
        { "\x81\xa7message\x01", 10 },
        { "\x81\xa3pid\xff", 6 },
        { "\x81\xa3pid\xce\xff\xff\xff\xff", 10 },
        { "\x81\xa3oom\x01", 6 },
        { "\x80\x80", 2 },
        { "\x81\xa4"
          "exit\xce\x80\x00\x00\x00",
          11 },
        { "\xdf\xff\xff\xff\xff", 5 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dpool_error_t error = { 0 };
        assert_int_equal (outcome_read_error (OUTCOME_FAILED, (const uint8_t *) bad[i].bytes, bad[i].len,
                                              &texts, &error),
                          -1);
    }
}

static void survives_every_cut_and_flip (void **state)
{
    (void) state;
    outcome_put_error (&row, OUTCOME_CRASHED, &sample);
    outcome_status_t status;
    const uint8_t *body;
    size_t len;
    dp_reader_t reader;
    dpool_error_t error = { 0 };
    for (size_t cut = 0; cut < row.len; cut++) {
        uint8_t *copy = dp_alloc (cut);
        memcpy (copy, row.data, cut);
        dp_reader_init (&reader, copy, cut);
        assert_int_equal (outcome_next (&reader, &status, &body, &len), -1);
        if (cut > 0)
            assert_int_equal (outcome_read_error (OUTCOME_CRASHED, copy + 1, cut - 1, &texts, &error), -1);
        dp_free (copy);
    }
    for (size_t i = 0; i < row.len; i++)
        for (int flip = 1; flip < 256; flip++) {
            row.data[i] = (uint8_t) (row.data[i] ^ flip);
            dp_reader_init (&reader, row.data, row.len);
            if (outcome_next (&reader, &status, &body, &len) == 0)
                outcome_read_error (status, body, len, &texts, &error);
            row.data[i] = (uint8_t) (row.data[i] ^ flip);
        }
}

static void reports_lack_of_memory (void **state)
{
    (void) state;
    dp_memory_fail_nth (1);
    assert_int_equal (outcome_put_error (&row, OUTCOME_CRASHED, &sample), -1);
    dp_buffer_fini (&row);
    dp_memory_fail_nth (2);
    assert_int_equal (outcome_put_error (&row, OUTCOME_CRASHED, &sample), -1);
    dp_memory_fail_nth (0);
    dp_buffer_fini (&row);
    outcome_put_error (&row, OUTCOME_CRASHED, &sample);
    dpool_error_t error = { 0 };
    dp_memory_fail_nth (1);
    assert_int_equal (outcome_read_error (OUTCOME_CRASHED, row.data + 1, row.len - 1, &texts, &error), -1);
    assert_int_equal (outcome_read_error (OUTCOME_CRASHED, row.data + 1, row.len - 1, &texts, &error), 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown (has_a_code_and_a_name_for_each_status, reset),
        cmocka_unit_test_teardown (brings_a_row_across, reset),
        cmocka_unit_test_teardown (reads_what_is_missing_as_nothing, reset),
        cmocka_unit_test_teardown (skips_keys_from_the_future, reset),
        cmocka_unit_test_teardown (refuses_malformed_errors, reset),
        cmocka_unit_test_teardown (survives_every_cut_and_flip, reset),
        cmocka_unit_test_teardown (reports_lack_of_memory, reset),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
