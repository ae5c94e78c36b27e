/* SPDX-License-Identifier: MPL-2.0 */
/* picture.c - packing. Unpacking is in unpicture.c. */
#include "core/picture.h"

#include "core/error.h"
#include "core/pack.h"
#include "core/reader.h"
#include "core/utf8.h"

#include <errno.h>
#include <msgpack.h>
#include <string.h>

typedef struct packing_s {
    dp_buffer_t *buffer;
    msgpack_packer packer;
    const char *picture;
    size_t place, count; /* 1-based, for messages */
    va_list *arguments;  /* a copy of the list would cost more than most values */
} packing_t;

static int refuse (const packing_t *self, const char *why)
{
    return dp_fail (DPOOL_EVALUE, "value %zu of %zu (picture '%.64s') %s", self->place, self->count,
                    self->picture, why);
}

/* Room in a message is counted in 32 bits, in msgpack as well. */
static int check_len (const packing_t *self, size_t len)
{
    if (len <= UINT32_MAX)
        return 0;
    return dp_fail (DPOOL_ETOOLARGE,
                    "value %zu of %zu (picture '%.64s') has %zu bytes, above the %lu that msgpack knows",
                    self->place, self->count, self->picture, len, (unsigned long) UINT32_MAX);
}

static int pack_text (packing_t *self)
{
    const char *text = va_arg (*self->arguments, const char *);
    if (!text)
        return refuse (self, "is a NULL string; for nil write 'n'");
    size_t len = strlen (text);
    if (check_len (self, len) < 0)
        return -1;
    if (!dp_utf8_is_valid (text, len))
        return refuse (self, "is text that is not UTF-8; for other bytes write 'b'");
    msgpack_pack_str (&self->packer, len);
    msgpack_pack_str_body (&self->packer, text, len);
    return 0;
}

static int pack_bytes (packing_t *self)
{
    const void *data = va_arg (*self->arguments, const void *);
    size_t len = va_arg (*self->arguments, size_t);
    if (!data && len > 0)
        return refuse (self, "is NULL with a size above 0");
    if (check_len (self, len) < 0)
        return -1;
    msgpack_pack_bin (&self->packer, len);
    msgpack_pack_bin_body (&self->packer, len > 0 ? data : "", len);
    return 0;
}

/* Is it one whole value that, inside the array of several, keeps to the nesting that receivers allow? */
static int check_packed (const packing_t *self, const void *data, size_t len)
{
    dp_reader_t reader;
    dp_reader_init (&reader, data, len);
    size_t skipped;
    dp_reader_skip_nested (&reader, self->count > 1 ? DP_MAX_NESTING - 1 : DP_MAX_NESTING, &skipped);
    if (!dp_reader_is_done (&reader))
        return refuse (self, "is not one whole msgpack value of at most 16 nested levels");
    return 0;
}

static int pack_packed (packing_t *self)
{
    const void *data = va_arg (*self->arguments, const void *);
    size_t len = va_arg (*self->arguments, size_t);
    if (!data)
        return refuse (self, "is NULL");
    if (check_packed (self, data, len) < 0)
        return -1;
    dp_buffer_append (self->buffer, data, len);
    return 0;
}

static int pack_object (packing_t *self)
{
    const msgpack_object *object = va_arg (*self->arguments, const msgpack_object *);
    if (!object)
        return refuse (self, "is a NULL object; for nil write 'n'");
    size_t start = self->buffer->len;
    if (msgpack_pack_object (&self->packer, *object) < 0 && !self->buffer->is_failed)
        return refuse (self, "is an object of an unknown type");
    if (self->buffer->is_failed)
        return 0;
    return check_packed (self, self->buffer->data + start, self->buffer->len - start);
}

static void pack_uint (const packing_t *self, uint64_t x)
{
    uint8_t *room = dp_buffer_extend (self->buffer, DP_PACK_MAX);
    if (room)
        self->buffer->len -= (size_t) (room + DP_PACK_MAX - dp_pack_uint (room, x));
}

static void pack_int (packing_t *self, int64_t x)
{
    if (x >= 0)
        pack_uint (self, (uint64_t) x);
    else
        msgpack_pack_int64 (&self->packer, x);
}

static int pack_letter (packing_t *self, char letter)
{
    switch (letter) {
    case 'i':
        pack_int (self, va_arg (*self->arguments, int));
        return 0;
    case 'l':
        pack_int (self, va_arg (*self->arguments, int64_t));
        return 0;
    case 'u':
        pack_uint (self, va_arg (*self->arguments, uint64_t));
        return 0;
    case 'd':
        msgpack_pack_double (&self->packer, va_arg (*self->arguments, double));
        return 0;
    case '?':
        if (va_arg (*self->arguments, int))
            msgpack_pack_true (&self->packer);
        else
            msgpack_pack_false (&self->packer);
        return 0;
    case 'n':
        msgpack_pack_nil (&self->packer);
        return 0;
    case 's':
        return pack_text (self);
    case 'b':
    case 'B':
        return pack_bytes (self);
    case 'm':
        return pack_packed (self);
    case 'o':
        return pack_object (self);
    default:
        return refuse (self, "has a letter that is none of i l u d ? n s b B m o");
    }
}

int dp_picture_pack (dp_buffer_t *buffer, const char *picture, va_list *arguments)
{
    if (!picture)
        return dp_fail (DPOOL_EVALUE, "the picture is NULL; for no arguments write \"\"");
    packing_t self = { .buffer = buffer, .picture = picture, .arguments = arguments };
    self.count = dp_picture_count (picture);
    msgpack_packer_init (&self.packer, buffer, dp_buffer_msgpack_write);
    size_t start = buffer->len;
    bool was_failed = buffer->is_failed;
    int rc = 0;
    if (self.count == 0)
        msgpack_pack_nil (&self.packer);
    else if (self.count > 1)
        msgpack_pack_array (&self.packer, self.count);
    for (size_t i = 0; i < self.count && rc == 0; i++) {
        self.place = i + 1;
        rc = pack_letter (&self, picture[i]);
    }
    if (rc == 0 && buffer->is_failed)
        rc = dp_fail (ENOMEM, "no memory to pack %zu values", self.count);
    if (rc < 0) {
        buffer->len = start;
        buffer->is_failed = was_failed;
    }
    return rc;
}
