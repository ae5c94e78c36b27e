/* SPDX-License-Identifier: MPL-2.0 */
#include "core/reader.h"

#include <endian.h>
#include <string.h>

void dp_reader_init (dp_reader_t *self, const void *data, size_t len)
{
    /* Never NULL: arithmetic on a null pointer is undefined, even when it adds 0. */
    self->at = data ? data : (const uint8_t *) "";
    self->end = self->at + (data ? len : 0);
    self->is_failed = false;
}

static size_t bytes_left (const dp_reader_t *self)
{
    return (size_t) (self->end - self->at);
}

static void fail (dp_reader_t *self)
{
    self->is_failed = true;
}

/* A number of 1, 2, 4 or 8 bytes. */
static uint64_t big_endian (const uint8_t *at, size_t len)
{
    /* Of constant lengths compilers make one instruction. */
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (len) {
    case 1:
        return *at;
    case 2:
        memcpy (&two, at, sizeof two);
        return be16toh (two);
    case 4:
        memcpy (&four, at, sizeof four);
        return be32toh (four);
    default:
        memcpy (&eight, at, sizeof eight);
        return be64toh (eight);
    }
}

dp_type_t dp_reader_type (const dp_reader_t *self)
{
    if (self->is_failed || self->at == self->end)
        return DP_TYPE_END;
    uint8_t head = *self->at;
    if (head <= 0x7f)
        return DP_TYPE_UINT;
    if (head <= 0x8f)
        return DP_TYPE_MAP;
    if (head <= 0x9f)
        return DP_TYPE_ARRAY;
    if (head <= 0xbf)
        return DP_TYPE_STR;
    if (head >= 0xe0)
        return DP_TYPE_INT;
    static const uint8_t types[] = {
        DP_TYPE_NIL,  DP_TYPE_END,  DP_TYPE_BOOL, DP_TYPE_BOOL, DP_TYPE_BIN,    DP_TYPE_BIN,
        DP_TYPE_BIN,  DP_TYPE_EXT,  DP_TYPE_EXT,  DP_TYPE_EXT,  DP_TYPE_DOUBLE, DP_TYPE_DOUBLE,
        DP_TYPE_UINT, DP_TYPE_UINT, DP_TYPE_UINT, DP_TYPE_UINT, DP_TYPE_INT,    DP_TYPE_INT,
        DP_TYPE_INT,  DP_TYPE_INT,  DP_TYPE_EXT,  DP_TYPE_EXT,  DP_TYPE_EXT,    DP_TYPE_EXT,
        DP_TYPE_EXT,  DP_TYPE_STR,  DP_TYPE_STR,  DP_TYPE_STR,  DP_TYPE_ARRAY,  DP_TYPE_ARRAY,
        DP_TYPE_MAP,  DP_TYPE_MAP,
    };
    dp_type_t type = types[head - 0xc0];
    /* A signed form may well hold a number that is not negative. */
    if (type == DP_TYPE_INT && bytes_left (self) > 1 && self->at[1] < 0x80)
        return DP_TYPE_UINT;
    return type;
}

/* Any integer, as the 64 bits of its two's complement, and whether it is below 0. */
static bool integer (dp_reader_t *self, uint64_t *bits, bool *is_negative)
{
    *bits = 0;
    *is_negative = false;
    if (self->is_failed || self->at == self->end) {
        fail (self);
        return false;
    }
    uint8_t head = *self->at;
    if (head <= 0x7f || head >= 0xe0) {
        *bits = (uint64_t) (int64_t) (int8_t) head;
        *is_negative = head >= 0xe0;
        self->at++;
        return true;
    }
    size_t len = head >= 0xcc && head <= 0xd3 ? (size_t) 1 << (head & 3) : 0;
    if (len == 0 || bytes_left (self) <= len) {
        fail (self);
        return false;
    }
    uint64_t x = big_endian (self->at + 1, len);
    if (head >= 0xd0 && self->at[1] >= 0x80) {
        *is_negative = true;
        if (len < 8)
            x |= UINT64_MAX << (8 * len);
    }
    *bits = x;
    self->at += 1 + len;
    return true;
}

uint64_t dp_reader_uint (dp_reader_t *self)
{
    uint64_t bits;
    bool is_negative;
    if (integer (self, &bits, &is_negative) && is_negative)
        fail (self);
    return self->is_failed ? 0 : bits;
}

int64_t dp_reader_int (dp_reader_t *self)
{
    uint64_t bits;
    bool is_negative;
    if (integer (self, &bits, &is_negative) && !is_negative && bits > INT64_MAX)
        fail (self);
    return self->is_failed ? 0 : (int64_t) bits;
}

/* An integer as a double, where that loses nothing. */
static double integer_as_double (dp_reader_t *self)
{
    uint64_t bits;
    bool is_negative;
    if (!integer (self, &bits, &is_negative))
        return 0;
    uint64_t magnitude = is_negative ? 0 - bits : bits;
    double x = (double) magnitude;
    if (x >= 0x1p64 || (uint64_t) x != magnitude) {
        fail (self);
        return 0;
    }
    return is_negative ? -x : x;
}

double dp_reader_double (dp_reader_t *self)
{
    if (dp_reader_type (self) != DP_TYPE_DOUBLE)
        return integer_as_double (self);
    size_t len = *self->at == 0xca ? 4 : 8;
    if (bytes_left (self) <= len) {
        fail (self);
        return 0;
    }
    uint64_t bits = big_endian (self->at + 1, len);
    self->at += 1 + len;
    double x;
    if (len == 4) {
        uint32_t half = (uint32_t) bits;
        float single;
        memcpy (&single, &half, sizeof single);
        x = (double) single;
    } else
        memcpy (&x, &bits, sizeof x);
    return x;
}

void dp_reader_nil (dp_reader_t *self)
{
    if (dp_reader_type (self) == DP_TYPE_NIL)
        self->at++;
    else
        fail (self);
}

bool dp_reader_bool (dp_reader_t *self)
{
    if (dp_reader_type (self) != DP_TYPE_BOOL) {
        fail (self);
        return false;
    }
    return *self->at++ == 0xc3;
}

/* What a value's head says: how many bytes of its own follow, and how many values stand inside it. */
typedef struct head_s {
    size_t len;
    size_t n_children;
    bool is_container;
} head_t;

/* A head whose length or count stands in the next "width" bytes. */
static bool wide (dp_reader_t *self, size_t width, uint64_t *x)
{
    if (bytes_left (self) <= width)
        return false;
    *x = big_endian (self->at + 1, width);
    self->at += 1 + width;
    return true;
}

/* Consume a head; what follows is checked against the bytes that are left. */
static bool head (dp_reader_t *self, head_t *head)
{
    dp_type_t type = dp_reader_type (self);
    uint64_t x = 0;
    bool is_good = type != DP_TYPE_END;
    if (!is_good)
        goto end;
    uint8_t byte = *self->at;
    switch (type) {
    case DP_TYPE_MAP:
    case DP_TYPE_ARRAY:
        if (byte <= 0x9f) {
            x = byte & 0x0f;
            self->at++;
        } else
            is_good = wide (self, byte & 1 ? 4 : 2, &x);
        break;
    case DP_TYPE_STR:
        if (byte <= 0xbf) {
            x = byte & 0x1f;
            self->at++;
        } else
            is_good = wide (self, (size_t) 1 << ((byte - 0xd9) & 3), &x);
        break;
    case DP_TYPE_BIN:
        is_good = wide (self, (size_t) 1 << ((byte - 0xc4) & 3), &x);
        break;
    case DP_TYPE_EXT: /* and one byte for its type */
        if (byte >= 0xd4) {
            x = (uint64_t) 1 << (byte - 0xd4);
            self->at++;
        } else
            is_good = wide (self, (size_t) 1 << ((byte - 0xc7) & 3), &x);
        x++;
        break;
    default: /* the scalars: after the byte 0xca to 0xd3 come 4, 8, then 1, 2, 4, 8 twice */
        self->at++;
        if (byte >= 0xca && byte <= 0xd3)
            x = byte < 0xcc ? (uint64_t) 4 << (byte & 1) : (uint64_t) 1 << (byte & 3);
        break;
    }
    head->is_container = type == DP_TYPE_ARRAY || type == DP_TYPE_MAP;
    uint64_t left = bytes_left (self);
    if (type == DP_TYPE_MAP) /* a pair takes two bytes at least; halving cannot overflow */
        left /= 2;
    is_good = is_good && x <= left;
    head->len = head->is_container ? 0 : (size_t) x;
    head->n_children = !head->is_container ? 0 : type == DP_TYPE_MAP ? (size_t) x * 2 : (size_t) x;
end:
    if (!is_good)
        fail (self);
    return is_good;
}

/* The bytes of a value that has to be of a type. */
static const uint8_t *bytes_of (dp_reader_t *self, dp_type_t type, size_t *len)
{
    head_t h;
    *len = 0;
    if (dp_reader_type (self) != type)
        fail (self);
    if (self->is_failed || !head (self, &h))
        return (const uint8_t *) "";
    const uint8_t *data = self->at;
    self->at += h.len;
    *len = h.len;
    return data;
}

const char *dp_reader_str (dp_reader_t *self, size_t *len)
{
    return (const char *) bytes_of (self, DP_TYPE_STR, len);
}

const uint8_t *dp_reader_bin (dp_reader_t *self, size_t *len)
{
    return bytes_of (self, DP_TYPE_BIN, len);
}

static size_t children_of (dp_reader_t *self, dp_type_t type)
{
    head_t h;
    if (dp_reader_type (self) != type)
        fail (self);
    return self->is_failed || !head (self, &h) ? 0 : h.n_children;
}

size_t dp_reader_array (dp_reader_t *self)
{
    return children_of (self, DP_TYPE_ARRAY);
}

size_t dp_reader_map (dp_reader_t *self)
{
    return children_of (self, DP_TYPE_MAP) / 2;
}

/* Skip the n values in a container at depth 1. */
static bool skip_children (dp_reader_t *self, size_t n, size_t max_nesting)
{
    size_t n_due[DP_MAX_NESTING + 1] = { 0, n }; /* values still to come, at each depth */
    size_t depth = 1;
    for (;;) {
        while (depth > 0 && n_due[depth] == 0)
            depth--;
        if (depth == 0)
            return true;
        n_due[depth]--;
        head_t h;
        if (!head (self, &h))
            return false;
        if (!h.is_container)
            self->at += h.len;
        else if (depth < max_nesting && depth < DP_MAX_NESTING)
            n_due[++depth] = h.n_children;
        else {
            fail (self);
            return false;
        }
    }
}

/* How long a value of this head is, where the head alone says so: numbers, nil, truth values, short text.
   Else 0. */
static size_t whole_len (uint8_t head)
{
    if (head <= 0x7f || head >= 0xe0)
        return 1;
    if (head >= 0xa0 && head <= 0xbf)
        return 1 + (size_t) (head & 0x1f);
    static const uint8_t lens[] = { 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9 };
    return head >= 0xc0 && head <= 0xd3 ? lens[head - 0xc0] : 0;
}

const uint8_t *dp_reader_skip_nested (dp_reader_t *self, size_t max_nesting, size_t *len)
{
    const uint8_t *start = self->at;
    head_t h;
    *len = 0;
    size_t whole = !self->is_failed && start < self->end ? whole_len (*start) : 0;
    if (whole > 0 && whole <= bytes_left (self)) {
        self->at += whole;
        *len = whole;
        return start;
    }
    if (!head (self, &h))
        return NULL;
    if (!h.is_container)
        self->at += h.len;
    else if (max_nesting == 0) {
        fail (self);
        return NULL;
    } else if (!skip_children (self, h.n_children, max_nesting))
        return NULL;
    *len = (size_t) (self->at - start);
    return start;
}

const uint8_t *dp_reader_skip (dp_reader_t *self, size_t *len)
{
    return dp_reader_skip_nested (self, DP_MAX_NESTING, len);
}

bool dp_reader_is_done (const dp_reader_t *self)
{
    return !self->is_failed && self->at == self->end;
}
