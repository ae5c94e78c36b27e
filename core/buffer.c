/* SPDX-License-Identifier: MPL-2.0 */
#include "core/buffer.h"

#include "core/memory.h"

#include <errno.h>
#include <string.h>

#define SMALLEST 64

static int grow (dp_buffer_t *self, size_t wanted)
{
    size_t capacity = self->capacity < SMALLEST ? SMALLEST : self->capacity;
    while (capacity < wanted)
        capacity = capacity > SIZE_MAX / 2 ? wanted : capacity * 2;
    uint8_t *data = dp_realloc (self->data, capacity);
    if (!data)
        return -1;
    self->data = data;
    self->capacity = capacity;
    return 0;
}

uint8_t *dp_buffer_extend (dp_buffer_t *self, size_t len)
{
    if (len > self->capacity - self->len || !self->data) {
        if (len > SIZE_MAX - self->len || grow (self, self->len + len) < 0) {
            self->is_failed = true;
            errno = ENOMEM;
            return NULL;
        }
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

void dp_buffer_reset (dp_buffer_t *self)
{
    self->len = 0;
    self->is_failed = false;
}

void dp_buffer_fini (dp_buffer_t *self)
{
    dp_free (self->data);
    *self = (dp_buffer_t) DP_BUFFER_INIT;
}

int dp_buffer_msgpack_write (void *self, const char *data, size_t len)
{
    return dp_buffer_append (self, data, len);
}
