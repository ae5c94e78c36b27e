/* SPDX-License-Identifier: MPL-2.0 */
/* map.h - an intrusive hash map from 64-bit keys to elements. Grows by itself, by powers of two. */
#ifndef DP_MAP_H_INCLUDED
#define DP_MAP_H_INCLUDED

#include "core/hash.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dp_map_node_s {
    struct dp_map_node_s *next;
    uint64_t key;
} dp_map_node_t;

/* What maps have in common whose keys others choose: a secret, and what came of it for the keys that were
   used last. One thread uses it. An all-zero struct is a secret that everybody knows. */
enum { DP_MAP_KNOWN = 256 };
typedef struct dp_map_secret_s {
    dp_hash_key_t key;
    struct {
        uint64_t tag, hash;
    } known[DP_MAP_KNOWN];
} dp_map_secret_t;

/* An all-zero struct is an empty map. Whoever chooses its keys can make it slow, unless it has a secret. */
typedef struct dp_map_s {
    dp_map_node_t **buckets;
    size_t n_buckets, count;
    dp_map_secret_t *secret; /* outlives the map; set before the first use, or NULL */
} dp_map_t;

/* Put a node in. Its key may be there already, for those who tell nodes of one key apart. 0, or -1 with
 * ENOMEM. */
int dp_map_put (dp_map_t *self, uint64_t key, dp_map_node_t *node);

/* The node of a key (any, of several), or NULL; and another of its key behind it, or NULL. */
dp_map_node_t *dp_map_get (const dp_map_t *self, uint64_t key);
dp_map_node_t *dp_map_next_same (const dp_map_node_t *node);

/* Take the node of a key out and return it, or NULL; or this very node, which must be in. */
dp_map_node_t *dp_map_take (dp_map_t *self, uint64_t key);
void dp_map_remove (dp_map_t *self, dp_map_node_t *node);

/* Its buckets go where many more elements were in than are now. Without memory for fewer all stays. */
void dp_map_shrink (dp_map_t *self);

/* Walk: the first node, and the one after it, in no particular order; NULL at the end. The map must
   not change during a walk, except that the node before the current one may be taken out. */
dp_map_node_t *dp_map_first (const dp_map_t *self);
dp_map_node_t *dp_map_next (const dp_map_t *self, const dp_map_node_t *node);

/* Free its memory, not the elements. It is empty then, and has its secret still. */
void dp_map_fini (dp_map_t *self);

#endif
