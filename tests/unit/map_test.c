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

/* How many nodes are looked at to find all of them. */
static size_t steps_to_find_all (const dp_map_t *map)
{
    size_t n = 0;
    for (size_t i = 0; i < map->n_buckets; i++) {
        size_t len = 0;
        for (const dp_map_node_t *node = map->buckets[i]; node; node = node->next)
            n += ++len;
    }
    return n;
}

/* Keys all of which fall into one bucket of a map without a secret: the constant that it multiplies by is
   turned round. */
static void put_colliding (dp_map_t *map)
{
    const uint64_t inverse = UINT64_C (0xF1DE83E19937733D); /* of 0x9E3779B97F4A7C15 */
    size_t n = 0;
    for (uint64_t i = 1; n < N; i++)
        if (i * inverse < UINT64_C (1) << 58)
            assert_int_equal (dp_map_put (map, i * inverse * 64, &nodes[n++]), 0);
}

static void keys_made_to_collide_cost_no_more_than_others (void **state)
{
    (void) state;
    dp_map_secret_t secret = { .key = { 0x1234, 0x5678 } }, other = { .key = { 0x1234, 0x5679 } };
    dp_map_t open = { 0 }, map = { .secret = &secret }, far = { .secret = &other };
    put_colliding (&open);
    assert_true (steps_to_find_all (&open) > (size_t) N * N / 4); /* they do collide */
    dp_map_fini (&open);
    put_colliding (&map);
    assert_true (steps_to_find_all (&map) < 2 * N);
    for (size_t i = 0; i < N; i++)
        assert_ptr_equal (dp_map_get (&map, nodes[i].key), &nodes[i]);
    dp_map_fini (&map);
    put_all (&far, 0, UINT64_C (1) << 40);
    assert_true (steps_to_find_all (&far) < 2 * N);
    dp_map_fini (&far);
}

static void neighbours_stay_beside_each_other_under_a_secret (void **state)
{
    (void) state;
    dp_map_secret_t secret = { .key = { 1, 2 } };
    dp_map_t map = { .secret = &secret };
    put_all (&map, 0, 1);
    assert_true (steps_to_find_all (&map) < 2 * N);
    for (size_t i = 0; i < map.n_buckets; i += 64) { /* whole groups stand in 64 buckets in a row */
        size_t n_in = 0;
        for (size_t j = i; j < i + 64; j++)
            for (const dp_map_node_t *node = map.buckets[j]; node; node = node->next)
                n_in++;
        assert_true (n_in % 64 == 0 || n_in % 64 == N % 64);
    }
    dp_map_fini (&map);
}

static void nodes_of_one_key_are_told_apart (void **state)
{
    (void) state;
    dp_map_secret_t secret = { .key = { 1, 2 } };
    dp_map_t map = { .secret = &secret };
    for (size_t i = 0; i < 100; i++)
        assert_int_equal (dp_map_put (&map, i % 2, &nodes[i]), 0);
    size_t n = 0;
    for (dp_map_node_t *node = dp_map_get (&map, 1); node; node = dp_map_next_same (node))
        n += node->key == 1;
    assert_int_equal (n, 50);
    for (size_t i = 1; i < 100; i += 2)
        dp_map_remove (&map, &nodes[i]);
    assert_null (dp_map_get (&map, 1));
    assert_int_equal (map.count, 50);
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

static void shrinks_when_few_are_left_of_many (void **state)
{
    (void) state;
    enum { N_NODES = 5000, N_LEFT = 10 };
    static dp_map_node_t many[N_NODES];
    dp_map_t map = { 0 };
    dp_map_shrink (&map);
    for (uint64_t i = 0; i < N_NODES; i++)
        assert_int_equal (dp_map_put (&map, i * 1000, &many[i]), 0);
    size_t n_buckets = map.n_buckets;
    dp_map_shrink (&map);
    assert_int_equal (map.n_buckets, n_buckets);
    for (uint64_t i = N_LEFT; i < N_NODES; i++)
        dp_map_take (&map, i * 1000);
    dp_memory_fail_nth (1);
    dp_map_shrink (&map);
    dp_memory_fail_nth (0);
    assert_int_equal (map.n_buckets, n_buckets);
    dp_map_shrink (&map);
    assert_int_equal (map.n_buckets, 16);
    for (uint64_t i = 0; i < N_LEFT; i++)
        assert_ptr_equal (dp_map_get (&map, i * 1000), &many[i]);
    assert_int_equal (map.count, N_LEFT);
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
        cmocka_unit_test (keys_made_to_collide_cost_no_more_than_others),
        cmocka_unit_test (neighbours_stay_beside_each_other_under_a_secret),
        cmocka_unit_test (nodes_of_one_key_are_told_apart),
        cmocka_unit_test (goes_on_when_it_cannot_grow),
        cmocka_unit_test (shrinks_when_few_are_left_of_many),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
