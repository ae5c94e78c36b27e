/* SPDX-License-Identifier: MPL-2.0 */
#include "core/map.h"

#include "core/memory.h"

#define FEWEST_BUCKETS 16
#define NEIGHBOURS 64

/* Hashing costs more than all else here, and the next key is mostly of a group that was used of late. */
static uint64_t secret_hash (dp_map_secret_t *secret, uint64_t group)
{
    uint64_t tag = ~group; /* never 0: groups have upper bits to spare */
    size_t place = group % DP_MAP_KNOWN;
    if (secret->known[place].tag != tag) {
        secret->known[place].tag = tag;
        secret->known[place].hash = dp_hash (&secret->key, &group, 1);
    }
    return secret->known[place].hash;
}

/* Ids here mostly follow one another, and are looked up in that order: NEIGHBOURS of them stand side by side,
   so that a large map is walked and not jumped about in. 2^64 divided by the golden ratio: the upper bits of
   the product spread such groups evenly over the buckets, and single keys that are far apart. */
static size_t bucket_of (const dp_map_t *self, uint64_t key)
{
    uint64_t group = key / NEIGHBOURS;
    uint64_t hash
        = self->secret != NULL ? secret_hash (self->secret, group) : group * UINT64_C (0x9E3779B97F4A7C15);
    hash >>= 64 - __builtin_ctzll (self->n_buckets);
    return (size_t) (hash ^ key % NEIGHBOURS) & (self->n_buckets - 1);
}

static int spread (dp_map_t *self, size_t n_buckets)
{
    dp_map_t other = *self;
    other.n_buckets = n_buckets;
    other.buckets = dp_alloc (n_buckets * sizeof (dp_map_node_t *));
    if (!other.buckets)
        return -1;
    for (size_t i = 0; i < self->n_buckets; i++) {
        dp_map_node_t *node = self->buckets[i];
        while (node) {
            dp_map_node_t *next = node->next;
            size_t bucket = bucket_of (&other, node->key);
            node->next = other.buckets[bucket];
            other.buckets[bucket] = node;
            node = next;
        }
    }
    dp_free (self->buckets);
    *self = other;
    return 0;
}

static int grow (dp_map_t *self)
{
    return spread (self, self->n_buckets > 0 ? self->n_buckets * 2 : FEWEST_BUCKETS);
}

void dp_map_shrink (dp_map_t *self)
{
    size_t n_buckets = FEWEST_BUCKETS;
    while (n_buckets < self->count)
        n_buckets *= 2;
    if (n_buckets < self->n_buckets / 4)
        spread (self, n_buckets);
}

int dp_map_put (dp_map_t *self, uint64_t key, dp_map_node_t *node)
{
    /* A map that cannot grow is slow, not full: only the first buckets are worth an error. */
    if (self->count >= self->n_buckets && grow (self) < 0 && self->n_buckets == 0)
        return -1;
    size_t bucket = bucket_of (self, key);
    node->key = key;
    node->next = self->buckets[bucket];
    self->buckets[bucket] = node;
    self->count++;
    return 0;
}

dp_map_node_t *dp_map_get (const dp_map_t *self, uint64_t key)
{
    if (self->count == 0)
        return NULL;
    dp_map_node_t *node = self->buckets[bucket_of (self, key)];
    while (node && node->key != key)
        node = node->next;
    return node;
}

dp_map_node_t *dp_map_next_same (const dp_map_node_t *node)
{
    dp_map_node_t *next = node->next;
    while (next && next->key != node->key)
        next = next->next;
    return next;
}

dp_map_node_t *dp_map_take (dp_map_t *self, uint64_t key)
{
    if (self->count == 0)
        return NULL;
    dp_map_node_t **link = &self->buckets[bucket_of (self, key)];
    while (*link && (*link)->key != key)
        link = &(*link)->next;
    dp_map_node_t *node = *link;
    if (node) {
        *link = node->next;
        node->next = NULL;
        self->count--;
    }
    return node;
}

void dp_map_remove (dp_map_t *self, dp_map_node_t *node)
{
    dp_map_node_t **link = &self->buckets[bucket_of (self, node->key)];
    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    node->next = NULL;
    self->count--;
}

static dp_map_node_t *first_from (const dp_map_t *self, size_t bucket)
{
    for (; bucket < self->n_buckets; bucket++)
        if (self->buckets[bucket])
            return self->buckets[bucket];
    return NULL;
}

dp_map_node_t *dp_map_first (const dp_map_t *self)
{
    return self->count > 0 ? first_from (self, 0) : NULL;
}

dp_map_node_t *dp_map_next (const dp_map_t *self, const dp_map_node_t *node)
{
    return node->next ? node->next : first_from (self, bucket_of (self, node->key) + 1);
}

void dp_map_fini (dp_map_t *self)
{
    dp_free (self->buckets);
    *self = (dp_map_t) { .secret = self->secret };
}
