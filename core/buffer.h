/* SPDX-License-Identifier: MPL-2.0 */
/* buffer.h - a growable row of bytes, embedded by value. Not thread-safe. */
#ifndef DP_BUFFER_H_INCLUDED
#define DP_BUFFER_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a long buffer's memory comes from instead of the heap. */
typedef struct dp_buffer_source_s {
    /* A block of at least len bytes; *capacity says how many. NULL: it has none, and the heap is asked. */
    uint8_t *(*take) (void *context, size_t len, size_t *capacity);
    void (*give_back) (void *context, const uint8_t *block);
    void *context;
} dp_buffer_source_t;

#define DP_BUFFER_LONG (32u * 1024) /* bytes, from which on the source is asked */

typedef struct dp_buffer_s {
    uint8_t *data; /* NULL while empty and never grown */
    size_t len;
    size_t capacity;
    bool is_failed; /* memory ran out in an append: the content is incomplete; sticky until reset */
    bool is_lent;   /* data is the source's */
    bool is_room;   /* data is room of the user's, such as on the stack: it is left when it gets too small */
    const dp_buffer_source_t *source; /* NULL = the heap only; stays as it is in reset and fini */
} dp_buffer_t;

/* An all-zero struct is an empty buffer. */
#define DP_BUFFER_INIT                        \
    {                                         \
        NULL, 0, 0, false, false, false, NULL \
    }

/* An empty buffer that begins in room of the user's, which stays valid until dp_buffer_fini. */
#define DP_BUFFER_IN(room, its_source)                                                   \
    {                                                                                    \
        .data = (room), .capacity = sizeof (room), .is_room = true, .source = its_source \
    }

/* Make room for len more bytes and return where they go (len is counted in); NULL with ENOMEM. */
uint8_t *dp_buffer_extend_slowly (dp_buffer_t *self, size_t len);
static inline uint8_t *dp_buffer_extend (dp_buffer_t *self, size_t len)
{
    if (len > self->capacity - self->len || !self->data)
        return dp_buffer_extend_slowly (self, len);
    uint8_t *at = self->data + self->len;
    self->len += len;
    return at;
}

/* Append bytes. 0, or -1 with ENOMEM (is_failed is then set, so that a row of appends needs one check). */
int dp_buffer_append (dp_buffer_t *self, const void *data, size_t len);

/* Drop the first len bytes (len <= self->len). */
void dp_buffer_consume (dp_buffer_t *self, size_t len);

/* Empty it and keep its memory. */
static inline void dp_buffer_reset (dp_buffer_t *self)
{
    self->len = 0;
    self->is_failed = false;
}

/* Free its memory; it is then an empty buffer again. */
void dp_buffer_fini (dp_buffer_t *self);

/* A write function for msgpack_packer_init (&packer, buffer, dp_buffer_msgpack_write). */
int dp_buffer_msgpack_write (void *self, const char *data, size_t len);

#endif
