/* SPDX-License-Identifier: MPL-2.0 */
/* heap.h - a binary min-heap of elements that know their place in it: any of them leaves in O(log n). */
#ifndef DP_HEAP_H_INCLUDED
#define DP_HEAP_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

/* Embedded in an element. Zeroed = in no heap. */
typedef struct dp_heap_node_s {
    uint64_t key;
    size_t place; /* 1-based; 0 = in no heap */
} dp_heap_node_t;

typedef struct dp_heap_s {
    dp_heap_node_t **nodes;
    size_t n_nodes, capacity;
} dp_heap_t;

/* Elements of equal keys come out in no particular order. An all-zero struct is an empty heap. */

/* Put a node in under a key, or move it when it is in already. 0, or -1 with ENOMEM. */
int dp_heap_push (dp_heap_t *self, dp_heap_node_t *node, uint64_t key);

/* Take a node out; harmless when it is not in. */
void dp_heap_remove (dp_heap_t *self, dp_heap_node_t *node);

/* The node with the least key, or NULL. It stays in. */
dp_heap_node_t *dp_heap_first (const dp_heap_t *self);

/* Free its memory, not the elements. */
void dp_heap_fini (dp_heap_t *self);

#endif
