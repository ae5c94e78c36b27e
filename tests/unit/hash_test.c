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
        cmocka_unit_test (depends_on_both_halves_of_the_key),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
