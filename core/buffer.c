/* SPDX-License-Identifier: MPL-2.0 */
#include "core/buffer.h"

#include "core/memory.h"

#include <errno.h>
#include <string.h>

#define SMALLEST 64

/* Enough for a row of small appends to cost little, each time. */
static size_t capacity_for (const dp_buffer_t *self, size_t wanted)
{
    size_t capacity = self->capacity < SMALLEST ? SMALLEST : self->capacity;
    while (capacity < wanted)
        capacity = capacity > SIZE_MAX / 2 ? wanted : capacity * 2;
    return capacity;
}

static void free_data (dp_buffer_t *self)
{
    if (self->is_lent)
        self->source->give_back (self->source->context, self->data);
    else if (!self->is_room)
        dp_free (self->data);
}

/* From one kind of memory to another, or to a larger block of the source's. */
static int move (dp_buffer_t *self, size_t wanted)
{
    bool is_lent = true;
    size_t capacity;
    /* The first block is hardly longer than needed: often it is the whole of one long value. */
    uint8_t *data = NULL;
    if (self->source && wanted >= DP_BUFFER_LONG)
        data = self->source->take (self->source->context,
                                   self->is_lent ? capacity_for (self, wanted) : wanted, &capacity);
    if (!data) {
        is_lent = false;
        capacity = capacity_for (self, wanted);
        data = dp_realloc (NULL, capacity);
    }
    if (!data)
        return -1;
    if (self->data)
        memcpy (data, self->data, self->len);
    free_data (self);
    self->data = data;
    self->capacity = capacity;
    self->is_lent = is_lent;
    self->is_room = false;
    return 0;
}

static int grow (dp_buffer_t *self, size_t wanted)
{
    if (self->is_lent || self->is_room
        || (self->source && wanted >= DP_BUFFER_LONG && self->capacity <= DP_BUFFER_LONG))
        return move (self, wanted);
    size_t capacity = capacity_for (self, wanted);
    uint8_t *data = dp_realloc (self->data, capacity);
    if (!data)
        return -1;
    self->data = data;
    self->capacity = capacity;
    return 0;
}

uint8_t *dp_buffer_extend_slowly (dp_buffer_t *self, size_t len)
{
    if (len > SIZE_MAX - self->len || grow (self, self->len + len) < 0) {
        self->is_failed = true;
        errno = ENOMEM;
        return NULL;
    }
    uint8_t *at = self->data + self->len;
    self->len += len;
    return at;
}

int dp_buffer_append (dp_buffer_t *self, const void *data, size_t len)
{
    uint8_t *at = dp_buffer_extend (self, len);
    if (!at)
        return -1;
    if (len > 0)
        memcpy (at, data, len);
    return 0;
}

void dp_buffer_consume (dp_buffer_t *self, size_t len)
{
    if (len == 0)
        return;
    self->len -= len;
    if (self->len > 0)
        memmove (self->data, self->data + len, self->len);
}

void dp_buffer_fini (dp_buffer_t *self)
{
    free_data (self);
    const dp_buffer_source_t *source = self->source;
    *self = (dp_buffer_t) DP_BUFFER_INIT;
    self->source = source;
}

int dp_buffer_msgpack_write (void *self, const char *data, size_t len)
{
    return dp_buffer_append (self, data, len);
}
