/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/map.h"
#include "core/memory.h"

#define N 5000

static dp_map_node_t nodes[N];

static void put_all (dp_map_t *map, uint64_t base, uint64_t step)
{
    for (uint64_t i = 0; i < N; i++)
        assert_int_equal (dp_map_put (map, base + i * step, &nodes[i]), 0);
}

static void is_empty_at_first (void **state)
{
    (void) state;
    dp_map_t map = { 0 };
    assert_null (dp_map_get (&map, 1));
    assert_null (dp_map_take (&map, 1));
    assert_null (dp_map_first (&map));
    dp_map_fini (&map);
}

static void finds_what_was_put (void **state)
{
    (void) state;
    const uint64_t steps[] = { 1, 16, 1000, UINT64_C (1) << 32, UINT64_C (1) << 51 };
    for (size_t s = 0; s < 5; s++) {
        dp_map_t map = { 0 };
        put_all (&map, 0, steps[s]);
        assert_int_equal (map.count, N);
        for (uint64_t i = 0; i < N; i++)
            assert_ptr_equal (dp_map_get (&map, i * steps[s]), &nodes[i]);
        assert_null (dp_map_get (&map, N * steps[s] + 1));
        dp_map_fini (&map);
    }
}

static void takes_out (void **state)
{
    (void) state;
    dp_map_t map = { 0 };
    put_all (&map, 10, 1);
    for (uint64_t i = 0; i < N; i += 2)
        assert_ptr_equal (dp_map_take (&map, 10 + i), &nodes[i]);
    assert_int_equal (map.count, N / 2);
    for (uint64_t i = 0; i < N; i++)
        assert_ptr_equal (dp_map_get (&map, 10 + i), i % 2 ? &nodes[i] : NULL);
    assert_null (dp_map_take (&map, 10));
    dp_map_fini (&map);
}

static void walks_over_all_while_the_last_one_is_taken (void **state)
{
    (void) state;
    dp_map_t map = { 0 };
    put_all (&map, UINT64_MAX - N, 1);
    size_t n = 0;
    dp_map_node_t *next;
    for (dp_map_node_t *node = dp_map_first (&map); node; node = next) {
        next = dp_map_next (&map, node);
        assert_ptr_equal (dp_map_take (&map, node->key), node);
        n++;
    }
    assert_int_equal (n, N);
    assert_int_equal (map.count, 0);
    assert_null (dp_map_first (&map));
    dp_map_fini (&map);
}

static void spreads_sequential_keys (void **state)
{
    (void) state;
    dp_map_t map = { 0 };
    put_all (&map, 123456, 1);
    size_t longest = 0;
    for (size_t i = 0; i < map.n_buckets; i++) {
        size_t len = 0;
        for (dp_map_node_t *node = map.buckets[i]; node; node = node->next)
            len++;
        longest = len > longest ? len : longest;
    }
    assert_true (map.n_buckets >= N);
    assert_true (longest <= 3);
    dp_map_fini (&map);
}

static void goes_on_when_it_cannot_grow (void **state)
{
    (void) state;
    dp_map_t map = { 0 };
    dp_memory_fail_nth (1);
    assert_int_equal (dp_map_put (&map, 1, &nodes[0]), -1);
    for (uint64_t i = 0; i < 16; i++)
        assert_int_equal (dp_map_put (&map, i, &nodes[i]), 0);
    dp_memory_fail_nth (1);
    assert_int_equal (dp_map_put (&map, 16, &nodes[16]), 0);
    for (uint64_t i = 0; i < 17; i++)
        assert_ptr_equal (dp_map_get (&map, i), &nodes[i]);
    dp_map_fini (&map);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (is_empty_at_first),
        cmocka_unit_test (finds_what_was_put),
        cmocka_unit_test (takes_out),
        cmocka_unit_test (walks_over_all_while_the_last_one_is_taken),
        cmocka_unit_test (spreads_sequential_keys),
        cmocka_unit_test (goes_on_when_it_cannot_grow),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
