/* SPDX-License-Identifier: MPL-2.0 */
#include "core/heap.h"

#include "core/memory.h"

/* Places count from 1, so that the children of place p are 2 p and 2 p + 1, and 0 means "not in". */

static void put (dp_heap_t *self, size_t place, dp_heap_node_t *node)
{
    self->nodes[place - 1] = node;
    node->place = place;
}

static dp_heap_node_t *at (const dp_heap_t *self, size_t place)
{
    return self->nodes[place - 1];
}

static void sift_up (dp_heap_t *self, dp_heap_node_t *node, size_t place)
{
    while (place > 1 && at (self, place / 2)->key > node->key) {
        put (self, place, at (self, place / 2));
        place /= 2;
    }
    put (self, place, node);
}

static void sift_down (dp_heap_t *self, dp_heap_node_t *node, size_t place)
{
    while (place <= self->n_nodes / 2) {
        size_t child = place * 2;
        if (child < self->n_nodes && at (self, child + 1)->key < at (self, child)->key)
            child++;
        if (at (self, child)->key >= node->key)
            break;
        put (self, place, at (self, child));
        place = child;
    }
    put (self, place, node);
}

/* Find the place for a node that may go anywhere from the free place "place". */
static void settle (dp_heap_t *self, dp_heap_node_t *node, size_t place)
{
    if (place > 1 && at (self, place / 2)->key > node->key)
        sift_up (self, node, place);
    else
        sift_down (self, node, place);
}

int dp_heap_push (dp_heap_t *self, dp_heap_node_t *node, uint64_t key)
{
    if (node->place == 0) {
        if (self->n_nodes == self->capacity) {
            size_t capacity = self->capacity > 0 ? self->capacity * 2 : 16;
            dp_heap_node_t **nodes = dp_realloc (self->nodes, capacity * sizeof *nodes);
            if (!nodes)
                return -1;
            self->nodes = nodes;
            self->capacity = capacity;
        }
        put (self, ++self->n_nodes, node);
    }
    node->key = key;
    settle (self, node, node->place);
    return 0;
}

void dp_heap_remove (dp_heap_t *self, dp_heap_node_t *node)
{
    size_t place = node->place;
    if (place == 0)
        return;
    dp_heap_node_t *last = at (self, self->n_nodes--);
    node->place = 0;
    if (last != node)
        settle (self, last, place);
}

dp_heap_node_t *dp_heap_first (const dp_heap_t *self)
{
    return self->n_nodes > 0 ? self->nodes[0] : NULL;
}

void dp_heap_fini (dp_heap_t *self)
{
    dp_free (self->nodes);
    *self = (dp_heap_t) { NULL, 0, 0 };
}
