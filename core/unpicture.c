/* SPDX-License-Identifier: MPL-2.0 */
/* unpicture.c - unpacking by a picture: the other half of picture.c. */
#include "core/error.h"
#include "core/picture.h"
#include "core/reader.h"
#include "core/texts.h"
#include "core/utf8.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef struct unpacking_s {
    dp_texts_t *texts;
    dp_reader_t reader;
    const char *picture;
    size_t place, count; /* 1-based, for messages */
    va_list *arguments;
} unpacking_t;

static const char *noun_of (dp_type_t type)
{
    static const char *const nouns[] = {
        [DP_TYPE_NIL] = "nil",          [DP_TYPE_BOOL] = "a truth value", [DP_TYPE_UINT] = "an integer",
        [DP_TYPE_INT] = "an integer",   [DP_TYPE_DOUBLE] = "a float",     [DP_TYPE_STR] = "text",
        [DP_TYPE_BIN] = "bytes",        [DP_TYPE_ARRAY] = "an array",     [DP_TYPE_MAP] = "a map",
        [DP_TYPE_EXT] = "an extension", [DP_TYPE_END] = "malformed",
    };
    return nouns[type];
}

/* "value 2 of 3", or "the value" where there is but one. */
static const char *place_of (const unpacking_t *self, char *text, size_t size)
{
    if (self->count == 1)
        return "the value";
    snprintf (text, size, "value %zu of %zu", self->place, self->count);
    return text;
}

static int misfit (const unpacking_t *self, dp_type_t found, const char *wanted)
{
    char place[64];
    return dp_fail (DPOOL_EVALUE, "%s is %s, but the picture '%.64s' wants %s",
                    place_of (self, place, sizeof place), noun_of (found), self->picture, wanted);
}

static int refuse (const unpacking_t *self, const char *why)
{
    char place[64];
    return dp_fail (DPOOL_EVALUE, "%s (picture '%.64s') %s", place_of (self, place, sizeof place),
                    self->picture, why);
}

static int no_memory (void)
{
    return dp_fail (ENOMEM, "no memory to unpack a value");
}

/* 'i' and 'l': the integer, if it lies between the limits. */
static int unpack_signed (unpacking_t *self, int64_t low, int64_t high, const char *misfit_text, int64_t *x)
{
    dp_type_t type = dp_reader_type (&self->reader);
    if (type != DP_TYPE_UINT && type != DP_TYPE_INT)
        return misfit (self, type, "an integer");
    *x = dp_reader_int (&self->reader);
    if (self->reader.is_failed || *x < low || *x > high)
        return refuse (self, misfit_text);
    return 0;
}

static int unpack_int (unpacking_t *self)
{
    int *target = va_arg (*self->arguments, int *);
    int64_t x = 0;
    if (unpack_signed (self, INT_MIN, INT_MAX, "is an integer outside the range of int", &x) < 0)
        return -1;
    *target = (int) x;
    return 0;
}

static int unpack_int64 (unpacking_t *self)
{
    int64_t *target = va_arg (*self->arguments, int64_t *);
    return unpack_signed (self, INT64_MIN, INT64_MAX, "is an integer outside the range of int64_t", target);
}

static int unpack_uint64 (unpacking_t *self)
{
    uint64_t *target = va_arg (*self->arguments, uint64_t *);
    dp_type_t type = dp_reader_type (&self->reader);
    if (type == DP_TYPE_INT)
        return refuse (self, "is an integer outside the range of uint64_t");
    if (type != DP_TYPE_UINT)
        return misfit (self, type, "an integer");
    *target = dp_reader_uint (&self->reader);
    return 0;
}

static int unpack_double (unpacking_t *self)
{
    double *target = va_arg (*self->arguments, double *);
    dp_type_t type = dp_reader_type (&self->reader);
    if (type != DP_TYPE_DOUBLE && type != DP_TYPE_UINT && type != DP_TYPE_INT)
        return misfit (self, type, "a number");
    *target = dp_reader_double (&self->reader);
    if (self->reader.is_failed)
        return refuse (self, "is an integer that no double represents exactly");
    return 0;
}

static int unpack_bool (unpacking_t *self)
{
    bool *target = va_arg (*self->arguments, bool *);
    dp_type_t type = dp_reader_type (&self->reader);
    if (type != DP_TYPE_BOOL)
        return misfit (self, type, "a truth value");
    *target = dp_reader_bool (&self->reader);
    return 0;
}

static int unpack_nil (unpacking_t *self)
{
    dp_type_t type = dp_reader_type (&self->reader);
    if (type != DP_TYPE_NIL)
        return misfit (self, type, "nil");
    dp_reader_nil (&self->reader);
    return 0;
}

static int unpack_text (unpacking_t *self)
{
    const char **target = va_arg (*self->arguments, const char **);
    dp_type_t type = dp_reader_type (&self->reader);
    if (type != DP_TYPE_STR)
        return misfit (self, type, "text");
    size_t len;
    const char *text = dp_reader_str (&self->reader, &len);
    if (self->reader.is_failed)
        return refuse (self, "is cut off");
    if (memchr (text, '\0', len))
        return refuse (self, "is text with a NUL inside, which a C string cannot hold");
    if (!dp_utf8_is_valid (text, len))
        return refuse (self, "is text that is not UTF-8");
    *target = dp_texts_get (self->texts, text, len);
    return *target ? 0 : no_memory ();
}

static int unpack_bytes (unpacking_t *self, bool is_copied)
{
    void *copy = NULL;
    const void **data_p = NULL;
    size_t wanted = 0, *len_p = NULL;
    if (is_copied) {
        copy = va_arg (*self->arguments, void *);
        wanted = va_arg (*self->arguments, size_t);
    } else {
        data_p = va_arg (*self->arguments, const void **);
        len_p = va_arg (*self->arguments, size_t *);
    }
    dp_type_t type = dp_reader_type (&self->reader);
    if (type != DP_TYPE_BIN)
        return misfit (self, type, "bytes");
    size_t len;
    const uint8_t *data = dp_reader_bin (&self->reader, &len);
    if (self->reader.is_failed)
        return refuse (self, "is cut off");
    if (!is_copied) {
        *data_p = data;
        *len_p = len;
        return 0;
    }
    if (len != wanted) {
        char place[64];
        return dp_fail (DPOOL_EVALUE, "%s has %zu bytes, but 'B' of the picture '%.64s' has a buffer of %zu",
                        place_of (self, place, sizeof place), len, self->picture, wanted);
    }
    if (len > 0)
        memcpy (copy, data, len);
    return 0;
}

static int unpack_packed (unpacking_t *self)
{
    const void **data_p = va_arg (*self->arguments, const void **);
    size_t *len_p = va_arg (*self->arguments, size_t *);
    size_t len;
    const uint8_t *data = dp_reader_skip (&self->reader, &len);
    if (!data)
        return refuse (self, "is malformed or nested too deeply");
    *data_p = data;
    *len_p = len;
    return 0;
}

static int unpack_object (unpacking_t *self)
{
    msgpack_object *target = va_arg (*self->arguments, msgpack_object *);
    size_t len;
    const uint8_t *data = dp_reader_skip (&self->reader, &len);
    if (!data)
        return refuse (self, "is malformed or nested too deeply");
    const msgpack_object *object = dp_texts_object (self->texts, data, len);
    if (!object)
        return no_memory ();
    *target = *object;
    return 0;
}

static int unpack_letter (unpacking_t *self, char letter)
{
    switch (letter) {
    case 'i':
        return unpack_int (self);
    case 'l':
        return unpack_int64 (self);
    case 'u':
        return unpack_uint64 (self);
    case 'd':
        return unpack_double (self);
    case '?':
        return unpack_bool (self);
    case 'n':
        return unpack_nil (self);
    case 's':
        return unpack_text (self);
    case 'b':
        return unpack_bytes (self, false);
    case 'B':
        return unpack_bytes (self, true);
    case 'm':
        return unpack_packed (self);
    case 'o':
        return unpack_object (self);
    default:
        return refuse (self, "has a letter that is none of i l u d ? n s b B m o");
    }
}

/* What stands around the values: nil for none, else an array of exactly that many. One stands alone. */
static int unpack_outside (unpacking_t *self)
{
    dp_type_t type = dp_reader_type (&self->reader);
    if (self->count == 0) {
        if (type != DP_TYPE_NIL)
            return dp_fail (DPOOL_EVALUE, "the value is %s, but the picture '' wants nil", noun_of (type));
        dp_reader_nil (&self->reader);
    } else {
        if (type != DP_TYPE_ARRAY)
            return dp_fail (DPOOL_EVALUE,
                            "the value is %s, but the picture '%.64s' wants an array of %zu values",
                            noun_of (type), self->picture, self->count);
        size_t n = dp_reader_array (&self->reader);
        if (!self->reader.is_failed && n != self->count)
            return dp_fail (DPOOL_EVALUE,
                            "the value is an array of %zu, but the picture '%.64s' wants %zu values", n,
                            self->picture, self->count);
    }
    return 0;
}

int dp_picture_unpack (dp_texts_t *texts, const void *data, size_t len, const char *picture,
                       va_list *arguments)
{
    if (!picture)
        return dp_fail (DPOOL_EVALUE, "the picture is NULL; for nil write \"\"");
    unpacking_t self = { .texts = texts, .picture = picture, .arguments = arguments };
    self.count = dp_picture_count (picture);
    dp_reader_init (&self.reader, data, len);
    int rc = self.count == 1 ? 0 : unpack_outside (&self);
    for (size_t i = 0; i < self.count && rc == 0; i++) {
        self.place = i + 1;
        rc = unpack_letter (&self, picture[i]);
    }
    if (rc == 0 && !dp_reader_is_done (&self.reader))
        rc = dp_fail (DPOOL_EVALUE, "the value is malformed: it is cut off or has bytes behind its end");
    return rc;
}
