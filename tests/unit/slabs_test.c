/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/memory.h"
#include "core/slabs.h"

#include <stdbool.h>
#include <string.h>

enum { SIZE = 20, MANY = 1000 };

typedef struct block_s {
    uint8_t *bytes, number;
} block_t;

static block_t take (dp_slabs_t *slabs)
{
    block_t block;
    block.bytes = dp_slabs_take (slabs, &block.number);
    return block;
}

static void put (dp_slabs_t *slabs, block_t block)
{
    dp_slabs_put (slabs, block.bytes, block.number);
}

static void blocks_are_apart_from_each_other (void **state)
{
    (void) state;
    dp_slabs_t slabs;
    block_t blocks[MANY];
    dp_slabs_init (&slabs, SIZE, 1);
    for (int i = 0; i < MANY; i++) {
        blocks[i] = take (&slabs);
        assert_int_equal ((uintptr_t) blocks[i].bytes % sizeof (uint64_t), 0);
        memset (blocks[i].bytes, i & 0xff, SIZE);
    }
    for (int i = 0; i < MANY; i++)
        for (int at = 0; at < SIZE; at++)
            assert_int_equal (blocks[i].bytes[at], i & 0xff);
    for (int i = 0; i < MANY; i++)
        put (&slabs, blocks[i]);
    dp_slabs_fini (&slabs);
}

/* Whatever was the order in which they went. */
static void what_went_comes_again_in_the_order_of_addresses (void **state)
{
    (void) state;
    dp_slabs_t slabs;
    block_t blocks[DP_SLAB_BLOCKS], again[DP_SLAB_BLOCKS];
    dp_slabs_init (&slabs, SIZE, 1);
    for (int i = 0; i < DP_SLAB_BLOCKS; i++)
        blocks[i] = take (&slabs);
    for (int i = 0; i < DP_SLAB_BLOCKS; i++)
        put (&slabs, blocks[i * 37 % DP_SLAB_BLOCKS]);
    for (int i = 0; i < DP_SLAB_BLOCKS; i++) {
        again[i] = take (&slabs);
        assert_ptr_equal (again[i].bytes, blocks[i].bytes);
    }
    for (int i = 0; i < DP_SLAB_BLOCKS; i++)
        put (&slabs, again[i]);
    dp_slabs_fini (&slabs);
}

static void holes_are_filled_before_there_are_new_slabs (void **state)
{
    (void) state;
    dp_slabs_t slabs;
    block_t blocks[3 * DP_SLAB_BLOCKS];
    dp_slabs_init (&slabs, SIZE, 1);
    for (int i = 0; i < 3 * DP_SLAB_BLOCKS; i++)
        blocks[i] = take (&slabs);
    assert_true (dp_list_is_empty (&slabs.open));
    for (int i = 0; i < 3 * DP_SLAB_BLOCKS; i += 2)
        put (&slabs, blocks[i]);
    for (int i = 0; i < 3 * DP_SLAB_BLOCKS; i += 2) {
        assert_false (dp_list_is_empty (&slabs.open));
        blocks[i] = take (&slabs);
    }
    assert_true (dp_list_is_empty (&slabs.open));
    for (int i = 0; i < 3 * DP_SLAB_BLOCKS; i++)
        put (&slabs, blocks[i]);
    dp_slabs_fini (&slabs);
}

static void only_so_many_unused_slabs_are_kept (void **state)
{
    (void) state;
    dp_slabs_t slabs;
    block_t blocks[MANY];
    dp_slabs_init (&slabs, SIZE, 2);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            blocks[i] = take (&slabs);
        assert_int_equal (slabs.n_unused, 0);
        for (int i = 0; i < MANY; i++)
            put (&slabs, blocks[i]);
        assert_int_equal (slabs.n_unused, 2);
    }
    blocks[0] = take (&slabs);
    assert_int_equal (slabs.n_unused, 1);
    dp_slabs_trim (&slabs);
    assert_int_equal (slabs.n_unused, 0);
    put (&slabs, blocks[0]);
    assert_int_equal (slabs.n_unused, 1);
    dp_slabs_fini (&slabs);
}

static void what_is_reserved_needs_no_memory_any_more (void **state)
{
    (void) state;
    dp_slabs_t slabs;
    dp_slabs_init (&slabs, SIZE, SIZE_MAX);
    dp_memory_fail_nth (1);
    assert_false (dp_slabs_reserve (&slabs));
    assert_true (dp_list_is_empty (&slabs.open));
    assert_true (dp_slabs_reserve (&slabs));
    assert_true (dp_slabs_reserve (&slabs)); /* the same block */
    assert_int_equal (slabs.n_unused, 1);
    dp_memory_fail_nth (1);
    block_t block = take (&slabs);
    assert_true (dp_slabs_reserve (&slabs)); /* there are more in its slab */
    dp_memory_fail_nth (0);
    put (&slabs, block);
    dp_slabs_fini (&slabs);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (blocks_are_apart_from_each_other),
        cmocka_unit_test (what_went_comes_again_in_the_order_of_addresses),
        cmocka_unit_test (holes_are_filled_before_there_are_new_slabs),
        cmocka_unit_test (only_so_many_unused_slabs_are_kept),
        cmocka_unit_test (what_is_reserved_needs_no_memory_any_more),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
