/* SPDX-License-Identifier: MPL-2.0 */
/* map.h - an intrusive hash map from 64-bit keys to elements. Grows by itself, by powers of two. */
#ifndef DP_MAP_H_INCLUDED
#define DP_MAP_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

typedef struct dp_map_node_s {
    struct dp_map_node_s *next;
    uint64_t key;
} dp_map_node_t;

/* An all-zero struct is an empty map. */
typedef struct dp_map_s {
    dp_map_node_t **buckets;
    size_t n_buckets, count;
} dp_map_t;

/* Put a node in; the key must not be there yet. 0, or -1 with ENOMEM. */
int dp_map_put (dp_map_t *self, uint64_t key, dp_map_node_t *node);

/* The node of a key, or NULL. */
dp_map_node_t *dp_map_get (const dp_map_t *self, uint64_t key);

/* Take the node of a key out and return it, or NULL. */
dp_map_node_t *dp_map_take (dp_map_t *self, uint64_t key);

/* Walk: the first node, and the one after it, in no particular order; NULL at the end. The map must
   not change during a walk, except that the node before the current one may be taken out. */
dp_map_node_t *dp_map_first (const dp_map_t *self);
dp_map_node_t *dp_map_next (const dp_map_t *self, const dp_map_node_t *node);

/* Free its memory, not the elements. */
void dp_map_fini (dp_map_t *self);

#endif
