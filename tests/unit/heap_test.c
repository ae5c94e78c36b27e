/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/heap.h"
#include "core/memory.h"

#define N 2000

static uint32_t seed;

static uint32_t some (void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* Is each node where it believes to be, and no child before its parent? */
static void check (const dp_heap_t *heap)
{
    for (size_t i = 0; i < heap->n_nodes; i++) {
        assert_int_equal (heap->nodes[i]->place, i + 1);
        if (i > 0)
            assert_true (heap->nodes[(i - 1) / 2]->key <= heap->nodes[i]->key);
    }
}

static void is_empty_at_first (void **state)
{
    (void) state;
    dp_heap_t heap = { 0 };
    dp_heap_node_t node = { 0 };
    assert_null (dp_heap_first (&heap));
    dp_heap_remove (&heap, &node);
    dp_heap_fini (&heap);
}

static void gives_least_first (void **state)
{
    (void) state;
    static dp_heap_node_t nodes[N];
    dp_heap_t heap = { 0 };
    seed = 1;
    for (int i = 0; i < N; i++)
        assert_int_equal (dp_heap_push (&heap, &nodes[i], some () % 500), 0);
    check (&heap);
    uint64_t last = 0;
    for (int i = 0; i < N; i++) {
        dp_heap_node_t *node = dp_heap_first (&heap);
        assert_true (node->key >= last);
        last = node->key;
        dp_heap_remove (&heap, node);
        assert_int_equal (node->place, 0);
    }
    assert_null (dp_heap_first (&heap));
    dp_heap_fini (&heap);
}

static void survives_random_pushes_moves_and_removals (void **state)
{
    (void) state;
    static dp_heap_node_t nodes[64];
    dp_heap_t heap = { 0 };
    seed = 7;
    for (int i = 0; i < 20000; i++) {
        dp_heap_node_t *node = &nodes[some () % 64];
        if (some () % 3 == 0)
            dp_heap_remove (&heap, node);
        else
            assert_int_equal (dp_heap_push (&heap, node, some () % 100), 0);
        check (&heap);
        for (int j = 0; j < 64; j++)
            if (nodes[j].place > 0)
                assert_true (dp_heap_first (&heap)->key <= nodes[j].key);
    }
    dp_heap_fini (&heap);
}

static void refuses_when_memory_runs_out (void **state)
{
    (void) state;
    dp_heap_t heap = { 0 };
    dp_heap_node_t node = { 0 };
    dp_memory_fail_nth (1);
    assert_int_equal (dp_heap_push (&heap, &node, 1), -1);
    assert_int_equal (node.place, 0);
    assert_int_equal (dp_heap_push (&heap, &node, 1), 0);
    dp_heap_fini (&heap);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (is_empty_at_first),
        cmocka_unit_test (gives_least_first),
        cmocka_unit_test (survives_random_pushes_moves_and_removals),
        cmocka_unit_test (refuses_when_memory_runs_out),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
