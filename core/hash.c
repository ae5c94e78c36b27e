/* SPDX-License-Identifier: MPL-2.0 */
#include "core/hash.h"

typedef struct state_s {
    uint64_t a, b, c, d;
} state_t;

static uint64_t turn (uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void mix (state_t *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = turn (s->b, 13) ^ s->a;
    s->d = turn (s->d, 16) ^ s->c;
    s->a = turn (s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = turn (s->b, 17) ^ s->c;
    s->d = turn (s->d, 21) ^ s->a;
    s->c = turn (s->c, 32);
}

static inline void take (state_t *s, uint64_t word)
{
    s->d ^= word;
    mix (s);
    s->a ^= word;
}

static state_t begin (const dp_hash_key_t *key)
{
    return (state_t) { key->k0 ^ UINT64_C (0x736f6d6570736575), key->k1 ^ UINT64_C (0x646f72616e646f6d),
                       key->k0 ^ UINT64_C (0x6c7967656e657261), key->k1 ^ UINT64_C (0x7465646279746573) };
}

/* The last word is of the bytes that are left, and of the whole length in its last one. */
static uint64_t end (state_t *s, uint64_t last, size_t len)
{
    take (s, last | (uint64_t) len << 56);
    s->c ^= 0xff;
    for (int i = 0; i < 3; i++)
        mix (s);
    return s->a ^ s->b ^ s->c ^ s->d;
}

uint64_t dp_hash (const dp_hash_key_t *key, const uint64_t *words, size_t n)
{
    state_t s = begin (key);
    for (size_t i = 0; i < n; i++)
        take (&s, words[i]);
    return end (&s, 0, n * 8);
}

static uint64_t word_of (const uint8_t *bytes, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t) bytes[i] << 8 * i;
    return word;
}

uint64_t dp_hash_bytes (const dp_hash_key_t *key, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    state_t s = begin (key);
    size_t n_whole = len / 8 * 8;
    for (size_t i = 0; i < n_whole; i += 8)
        take (&s, word_of (bytes + i, 8));
    return end (&s, word_of (bytes + n_whole, len - n_whole), len);
}
