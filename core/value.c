/* SPDX-License-Identifier: MPL-2.0 */
#include "core/value.h"

#include "core/error.h"
#include "core/memory.h"

#include <errno.h>
#include <string.h>

void dp_value_init_held (dpool_value_t *self, dp_blob_t *blob, const uint8_t *data, size_t len)
{
    self->blob = blob;
    self->data = data;
    self->len = len;
    atomic_init (&self->texts.first, NULL);
}

void dp_value_init (dpool_value_t *self, dp_blob_t *blob, const uint8_t *data, size_t len)
{
    dp_value_init_held (self, dp_blob_hold (blob), data, len);
}

void dp_value_settle (dpool_value_t *self, uint8_t *room)
{
    memcpy (room, self->data, self->len);
    self->data = room;
    dp_blob_release (&self->blob);
}

void dp_value_fini (dpool_value_t *self)
{
    dp_texts_fini (&self->texts);
    dp_blob_release (&self->blob);
    self->data = NULL;
    self->len = 0;
}

int dpool_value_get (const dpool_value_t *self, const char *picture, ...)
{
    if (!self || !self->data)
        return dp_fail (EINVAL, "there is no value to read");
    va_list arguments;
    va_start (arguments, picture);
    /* The content is immutable; only the copies of texts beside it grow, and they do so atomically. */
    dp_texts_t *texts = &((dpool_value_t *) self)->texts;
    int rc = dp_picture_unpack (texts, self->data, self->len, picture, &arguments);
    va_end (arguments);
    return rc;
}

const void *dpool_value_data (const dpool_value_t *self, size_t *size)
{
    if (size)
        *size = self ? self->len : 0;
    if (!self || !self->data) {
        dp_fail (EINVAL, "there is no value to read");
        return NULL;
    }
    return self->data;
}

dpool_value_t *dpool_value_copy (const dpool_value_t *self)
{
    if (!self || !self->data) {
        dp_fail (EINVAL, "there is no value to copy");
        return NULL;
    }
    dpool_value_t *copy = dp_alloc (sizeof *copy);
    if (!copy) {
        dp_fail (ENOMEM, "no memory to copy a value");
        return NULL;
    }
    if (self->blob) {
        dp_value_init (copy, self->blob, self->data, self->len);
        return copy;
    }
    dp_blob_t *blob = dp_blob_copy (self->data, self->len);
    if (!blob) {
        dp_free (copy);
        dp_fail (ENOMEM, "no memory to copy a value");
        return NULL;
    }
    dp_value_init (copy, blob, dp_blob_data (blob), self->len);
    dp_blob_release (&blob);
    return copy;
}

void dpool_value_destroy (dpool_value_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    dpool_value_t *self = *self_p;
    *self_p = NULL;
    dp_value_fini (self);
    dp_free (self);
}
