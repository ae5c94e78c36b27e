/* SPDX-License-Identifier: MPL-2.0 */
#include "core/texts.h"

#include "core/memory.h"

#include <errno.h>
#include <msgpack.h>
#include <stdbool.h>
#include <string.h>

/* One copied text, or one object. Nodes are only ever added, so walking needs no lock. */
struct dp_text_s {
    struct dp_text_s *next;
    const void *source;
    bool is_object;
    msgpack_zone *zone; /* NULL of a text, and of an object that needs no memory beside itself */
    msgpack_object object;
    char text[];
};

static void destroy (struct dp_text_s *node)
{
    if (node->zone)
        msgpack_zone_free (node->zone);
    dp_free (node);
}

void dp_texts_fini (dp_texts_t *self)
{
    struct dp_text_s *node = atomic_load_explicit (&self->first, memory_order_acquire);
    if (!node)
        return;
    atomic_store_explicit (&self->first, NULL, memory_order_relaxed); /* nobody else uses it any more */
    while (node) {
        struct dp_text_s *next = node->next;
        destroy (node);
        node = next;
    }
}

/* From "node" up to, not including, "end". A text and an object may begin at the same byte. */
static struct dp_text_s *find (struct dp_text_s *node, const struct dp_text_s *end, const void *source,
                               bool is_object)
{
    for (; node != end; node = node->next)
        if (node->source == source && node->is_object == is_object)
            return node;
    return NULL;
}

/* Put a new node in, unless another thread was faster: then drop it and return the other's. */
static struct dp_text_s *add (dp_texts_t *self, struct dp_text_s *node, struct dp_text_s *seen)
{
    struct dp_text_s *first = seen;
    for (;;) {
        node->next = first;
        if (atomic_compare_exchange_weak (&self->first, &first, node))
            return node;
        struct dp_text_s *other = find (first, seen, node->source, node->is_object);
        if (other) {
            destroy (node);
            return other;
        }
    }
}

const char *dp_texts_get (dp_texts_t *self, const char *source, size_t len)
{
    struct dp_text_s *first = atomic_load (&self->first);
    struct dp_text_s *node = find (first, NULL, source, false);
    if (node)
        return node->text;
    node = dp_alloc (sizeof *node + len + 1);
    if (!node)
        return NULL;
    node->source = source;
    if (len > 0)
        memcpy (node->text, source, len);
    return add (self, node, first)->text;
}

const msgpack_object *dp_texts_object (dp_texts_t *self, const void *source, size_t len)
{
    struct dp_text_s *first = atomic_load (&self->first);
    struct dp_text_s *node = find (first, NULL, source, true);
    if (node)
        return &node->object;
    msgpack_unpacked unpacked;
    msgpack_unpacked_init (&unpacked);
    size_t offset = 0;
    node = dp_alloc (sizeof *node);
    msgpack_unpack_return result = MSGPACK_UNPACK_NOMEM_ERROR;
    if (node)
        result = msgpack_unpack_next (&unpacked, source, len, &offset);
    if (result != MSGPACK_UNPACK_SUCCESS) {
        msgpack_unpacked_destroy (&unpacked);
        dp_free (node);
        errno = ENOMEM;
        return NULL;
    }
    node->source = source;
    node->is_object = true;
    node->object = unpacked.data;
    node->zone = msgpack_unpacked_release_zone (&unpacked);
    return &add (self, node, first)->object;
}
