/* SPDX-License-Identifier: MPL-2.0 */
/* list.h - an intrusive, doubly linked, circular list: the node stands inside the element. */
#ifndef DP_LIST_H_INCLUDED
#define DP_LIST_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

/* A list's head, or an element's node. A node that is in no list points at itself. */
typedef struct dp_list_s {
    struct dp_list_s *next, *previous;
} dp_list_t;

/* The element that a node stands in. */
#define DP_CONTAINER(node, type, member) ((type *) (void *) ((char *) (node) -offsetof (type, member)))

/* Walk a list; the loop's body may remove "node", but no other. */
#define DP_LIST_EACH(head, node)                                                    \
    for (dp_list_t *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)

static inline void dp_list_init (dp_list_t *self)
{
    self->next = self->previous = self;
}

static inline bool dp_list_is_empty (const dp_list_t *self)
{
    return self->next == self;
}

/* Put "node" (in no list) in front of "self": at the end, where self is the head. */
static inline void dp_list_append (dp_list_t *self, dp_list_t *node)
{
    node->previous = self->previous;
    node->next = self;
    self->previous->next = node;
    self->previous = node;
}

/* Put "node" (in no list) behind "self": first, where self is the head. */
static inline void dp_list_prepend (dp_list_t *self, dp_list_t *node)
{
    dp_list_append (self->next, node);
}

/* Take a node out of its list; harmless when it is in none. */
static inline void dp_list_remove (dp_list_t *node)
{
    node->next->previous = node->previous;
    node->previous->next = node->next;
    dp_list_init (node);
}

/* Take out and return the first node, or NULL. */
static inline dp_list_t *dp_list_pop (dp_list_t *self)
{
    dp_list_t *node = self->next;
    if (node == self)
        return NULL;
    dp_list_remove (node);
    return node;
}

#endif
