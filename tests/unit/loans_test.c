/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/loans.h"
#include "core/memory.h"

static int n_dropped;

static void note_drop (void *hint)
{
    (void) hint;
    n_dropped++;
}

/* Lend a payload of which nobody else has a hold. */
static bool lend (dp_loans_t *loans)
{
    dp_blob_t *blob = dp_blob_adopt ("payload", 7, note_drop, NULL);
    assert_non_null (blob);
    bool is_lent = dp_loans_lend (loans, blob);
    dp_blob_release (&blob);
    return is_lent;
}

static int set_up (void **state)
{
    static dp_loans_t loans;
    loans = (dp_loans_t) { .blobs = NULL };
    n_dropped = 0;
    *state = &loans;
    return 0;
}

static int tear_down (void **state)
{
    dp_loans_fini (*state);
    return 0;
}

static void holds_what_is_lent_until_it_was_copied (void **state)
{
    dp_loans_t *loans = *state;
    for (int i = 0; i < 40; i++)
        assert_true (lend (loans));
    dp_loans_settle (loans, 0);
    assert_int_equal (n_dropped, 0);
    dp_loans_settle (loans, 39);
    assert_int_equal (n_dropped, 39);
    assert_true (lend (loans));
    dp_loans_settle (loans, 41);
    assert_int_equal (n_dropped, 41);
    assert_int_equal (loans->count, 0);
}

static void drops_the_oldest_first_also_when_the_ring_turns (void **state)
{
    dp_loans_t *loans = *state;
    uint64_t n_lent = 0, n_copied = 0;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 1 + round % 13; i++, n_lent++)
            assert_true (lend (loans));
        n_copied += (n_lent - n_copied) / 2;
        dp_loans_settle (loans, n_copied);
        assert_int_equal (n_dropped, n_copied);
        assert_int_equal (loans->count, n_lent - n_copied);
    }
}

static void a_peer_that_counts_too_far_ends_its_own_loans_only (void **state)
{
    dp_loans_t *loans = *state;
    assert_true (lend (loans));
    dp_loans_settle (loans, UINT64_MAX);
    assert_int_equal (n_dropped, 1);
    assert_true (lend (loans));
    assert_int_equal (loans->count, 1);
    dp_loans_settle (loans, 1); /* back again: of no effect */
    assert_int_equal (n_dropped, 1);
}

static void drops_all_with_the_connection (void **state)
{
    dp_loans_t *loans = *state;
    for (int i = 0; i < 5; i++)
        assert_true (lend (loans));
    dp_loans_settle (loans, 2);
    dp_loans_fini (loans);
    assert_int_equal (n_dropped, 5);
}

static void lends_no_more_than_so_many (void **state)
{
    dp_loans_t *loans = *state;
    for (unsigned i = 0; i < DP_LOANS_MAX; i++)
        assert_true (lend (loans));
    assert_false (lend (loans));
    assert_int_equal (n_dropped, 1); /* that one: it is to be sent in another way */
    dp_loans_settle (loans, 1);
    assert_true (lend (loans));
}

static void lends_nothing_without_memory (void **state)
{
    dp_loans_t *loans = *state;
    dp_memory_fail_nth (2); /* behind the blob's own */
    assert_false (lend (loans));
    dp_memory_fail_nth (0);
    assert_int_equal (n_dropped, 1);
    assert_true (lend (loans));
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (holds_what_is_lent_until_it_was_copied),
        TEST (drops_the_oldest_first_also_when_the_ring_turns),
        TEST (a_peer_that_counts_too_far_ends_its_own_loans_only),
        TEST (drops_all_with_the_connection),
        TEST (lends_no_more_than_so_many),
        TEST (lends_nothing_without_memory),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
