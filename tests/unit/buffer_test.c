/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/buffer.h"
#include "core/memory.h"

#include <errno.h>
#include <string.h>

static void grows_and_keeps_its_bytes (void **state)
{
    (void) state;
    dp_buffer_t buffer = DP_BUFFER_INIT;
    for (int i = 0; i < 10000; i++) {
        uint8_t byte = (uint8_t) i;
        assert_int_equal (dp_buffer_append (&buffer, &byte, 1), 0);
    }
    assert_int_equal (buffer.len, 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal (buffer.data[i], (uint8_t) i);
    dp_buffer_fini (&buffer);
    assert_null (buffer.data);
    assert_int_equal (buffer.capacity, 0);
}

static void takes_nothing_and_null (void **state)
{
    (void) state;
    dp_buffer_t buffer = DP_BUFFER_INIT;
    assert_int_equal (dp_buffer_append (&buffer, NULL, 0), 0);
    assert_int_equal (buffer.len, 0);
    dp_buffer_consume (&buffer, 0);
    dp_buffer_reset (&buffer);
    dp_buffer_fini (&buffer);
    dp_buffer_fini (&buffer);
}

static void consumes_from_the_front (void **state)
{
    (void) state;
    dp_buffer_t buffer = DP_BUFFER_INIT;
    dp_buffer_append (&buffer, "hello world", 11);
    dp_buffer_consume (&buffer, 6);
    assert_int_equal (buffer.len, 5);
    assert_memory_equal (buffer.data, "world", 5);
    dp_buffer_consume (&buffer, 5);
    assert_int_equal (buffer.len, 0);
    dp_buffer_fini (&buffer);
}

static void marks_itself_failed_when_memory_runs_out (void **state)
{
    (void) state;
    dp_buffer_t buffer = DP_BUFFER_INIT;
    dp_buffer_append (&buffer, "abc", 3);
    dp_memory_fail_nth (1);
    errno = 0;
    assert_null (dp_buffer_extend (&buffer, 1000));
    assert_int_equal (errno, ENOMEM);
    assert_true (buffer.is_failed);
    assert_int_equal (buffer.len, 3);
    assert_memory_equal (buffer.data, "abc", 3);
    assert_null (dp_buffer_extend (&buffer, SIZE_MAX));
    dp_buffer_reset (&buffer);
    assert_false (buffer.is_failed);
    assert_int_equal (dp_buffer_append (&buffer, "xy", 2), 0);
    dp_buffer_fini (&buffer);
}

static void begins_in_room_of_the_user_and_leaves_it_when_that_is_too_small (void **state)
{
    uint8_t room[8] = "";
    dp_buffer_t buffer = DP_BUFFER_IN (room, NULL);
    (void) state;
    assert_int_equal (dp_buffer_append (&buffer, "12345678", 8), 0);
    assert_ptr_equal (buffer.data, room);
    assert_int_equal (dp_buffer_append (&buffer, "9", 1), 0);
    assert_ptr_not_equal (buffer.data, room);
    assert_memory_equal (buffer.data, "123456789", 9);
    dp_buffer_fini (&buffer);
    assert_int_equal (buffer.capacity, 0);
}

static void serves_as_a_msgpack_sink (void **state)
{
    (void) state;
    dp_buffer_t buffer = DP_BUFFER_INIT;
    assert_int_equal (dp_buffer_msgpack_write (&buffer, "\x01\x02", 2), 0);
    dp_memory_fail_nth (1);
    char big[500] = { 0 };
    assert_int_equal (dp_buffer_msgpack_write (&buffer, big, sizeof big), -1);
    dp_buffer_fini (&buffer);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (grows_and_keeps_its_bytes),
        cmocka_unit_test (takes_nothing_and_null),
        cmocka_unit_test (consumes_from_the_front),
        cmocka_unit_test (marks_itself_failed_when_memory_runs_out),
        cmocka_unit_test (begins_in_room_of_the_user_and_leaves_it_when_that_is_too_small),
        cmocka_unit_test (serves_as_a_msgpack_sink),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
