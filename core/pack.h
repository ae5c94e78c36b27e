/* SPDX-License-Identifier: MPL-2.0 */
/* pack.h - writes msgpack heads straight into memory, for where a function call an integer is too slow.
   Each writes at "at", where DP_PACK_MAX bytes must be free, and returns where it stopped. */
#ifndef DP_PACK_H_INCLUDED
#define DP_PACK_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

#define DP_PACK_MAX 9 /* bytes that any of these writes at most */

/* The lowest "len" bytes of x, the highest of them first. */
static inline uint8_t *dp_pack_big_endian (uint8_t *at, uint64_t x, size_t len)
{
    for (size_t i = len; i > 0; i--)
        *at++ = (uint8_t) (x >> (8 * (i - 1)));
    return at;
}

/* A byte that says what follows, and the number. */
static inline uint8_t *dp_pack_headed (uint8_t *at, uint8_t head, uint64_t x, size_t len)
{
    *at++ = head;
    return dp_pack_big_endian (at, x, len);
}

static inline uint8_t *dp_pack_uint (uint8_t *at, uint64_t x)
{
    if (x < 0x80) {
        *at++ = (uint8_t) x;
        return at;
    }
    if (x <= UINT8_MAX)
        return dp_pack_headed (at, 0xcc, x, 1);
    if (x <= UINT16_MAX)
        return dp_pack_headed (at, 0xcd, x, 2);
    if (x <= UINT32_MAX)
        return dp_pack_headed (at, 0xce, x, 4);
    return dp_pack_headed (at, 0xcf, x, 8);
}

/* Always of nine bytes, so that it can be changed when all else is written. */
static inline uint8_t *dp_pack_uint_wide (uint8_t *at, uint64_t x)
{
    return dp_pack_headed (at, 0xcf, x, 8);
}

static inline uint8_t *dp_pack_int (uint8_t *at, int64_t x)
{
    if (x >= 0)
        return dp_pack_uint (at, (uint64_t) x);
    if (x >= -32) {
        *at++ = (uint8_t) x;
        return at;
    }
    return dp_pack_headed (at, 0xd3, (uint64_t) x, 8);
}

static inline uint8_t *dp_pack_bool (uint8_t *at, int is_true)
{
    *at++ = is_true ? 0xc3 : 0xc2;
    return at;
}

static inline uint8_t *dp_pack_nil (uint8_t *at)
{
    *at++ = 0xc0;
    return at;
}

static inline uint8_t *dp_pack_str_head (uint8_t *at, size_t len)
{
    if (len < 32) {
        *at++ = (uint8_t) (0xa0 | len);
        return at;
    }
    if (len <= UINT8_MAX)
        return dp_pack_headed (at, 0xd9, len, 1);
    return len <= UINT16_MAX ? dp_pack_headed (at, 0xda, len, 2) : dp_pack_headed (at, 0xdb, len, 4);
}

static inline uint8_t *dp_pack_bin_head (uint8_t *at, size_t len)
{
    if (len <= UINT8_MAX)
        return dp_pack_headed (at, 0xc4, len, 1);
    return len <= UINT16_MAX ? dp_pack_headed (at, 0xc5, len, 2) : dp_pack_headed (at, 0xc6, len, 4);
}

static inline uint8_t *dp_pack_array_head (uint8_t *at, size_t n)
{
    if (n < 16) {
        *at++ = (uint8_t) (0x90 | n);
        return at;
    }
    return n <= UINT16_MAX ? dp_pack_headed (at, 0xdc, n, 2) : dp_pack_headed (at, 0xdd, n, 4);
}

static inline uint8_t *dp_pack_map_head (uint8_t *at, size_t n)
{
    if (n < 16) {
        *at++ = (uint8_t) (0x80 | n);
        return at;
    }
    return n <= UINT16_MAX ? dp_pack_headed (at, 0xde, n, 2) : dp_pack_headed (at, 0xdf, n, 4);
}

#endif
