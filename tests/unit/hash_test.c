/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/hash.h"

/* What Python says of the same bytes, whose hash () is SipHash-1-3 with a key of zeros when PYTHONHASHSEED is
 * 0. */
static void is_what_others_make_of_it (void **state)
{
    (void) state;
    dp_hash_key_t zeros = { 0, 0 };
    assert_true (dp_hash (&zeros, (uint64_t[]) { 1 }, 1) == UINT64_C (0x1e9f734161d62dd9));
    assert_true (dp_hash (&zeros, (uint64_t[]) { 0x0123456789abcdef }, 1) == UINT64_C (0x8662046e52264db8));
    assert_true (dp_hash (&zeros, (uint64_t[]) { 1, 2, 3 }, 3) == UINT64_C (0x8acb65135d8f2da1));
}

static void bytes_are_hashed_as_others_do_it (void **state)
{
    (void) state;
    dp_hash_key_t zeros = { 0, 0 };
    assert_true (dp_hash_bytes (&zeros, "a", 1) == UINT64_C (0x407448d2b89b1813));
    assert_true (dp_hash_bytes (&zeros, "abcdefg", 7) == UINT64_C (0x6db12aae9070f506));
    assert_true (dp_hash_bytes (&zeros, "abcdefgh", 8) == UINT64_C (0x3f7b849c0b8e35ea));
    assert_true (dp_hash_bytes (&zeros, "function.number.one", 19) == UINT64_C (0xb782b1d92875ac58));
    assert_true (dp_hash_bytes (&zeros, "", 0) == dp_hash (&zeros, NULL, 0));
}

static void depends_on_both_halves_of_the_key (void **state)
{
    (void) state;
    uint64_t word = 7;
    uint64_t hash = dp_hash (&(dp_hash_key_t) { 1, 2 }, &word, 1);
    assert_true (hash != dp_hash (&(dp_hash_key_t) { 1, 3 }, &word, 1));
    assert_true (hash != dp_hash (&(dp_hash_key_t) { 0, 2 }, &word, 1));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (is_what_others_make_of_it),
        cmocka_unit_test (bytes_are_hashed_as_others_do_it),
        cmocka_unit_test (depends_on_both_halves_of_the_key),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
