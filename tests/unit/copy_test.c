/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/copy.h"
#include "core/memory.h"

#include <string.h>

enum { SIZE = 700000 };

/* From and to these offsets; what stands around is left alone. */
static void copies (uint8_t *to, const uint8_t *from, size_t at, size_t from_at, size_t len)
{
    memset (to, 0xee, SIZE);
    dp_copy (to + at, from + from_at, len);
    assert_memory_equal (to + at, from + from_at, len);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal (to[at + len + i], 0xee);
        if (i < at)
            assert_int_equal (to[at - 1 - i], 0xee);
    }
}

static void copies_any_length_from_anywhere_to_anywhere (void **state)
{
    (void) state;
    static const size_t lengths[] = { 0, 1, 63, 1000, 262143, 262144, 262145, 262144 + 63, 600001 };
    uint8_t *to = dp_must_alloc (SIZE), *from = dp_must_alloc (SIZE);
    for (size_t i = 0; i < SIZE; i++)
        from[i] = (uint8_t) (i * 7 + i / 251);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (size_t at = 0; at < 40; at += 8)
            copies (to, from, at, at / 3, lengths[i]);
    dp_free (to);
    dp_free (from);
}

int main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (copies_any_length_from_anywhere_to_anywhere) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
