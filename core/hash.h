/* SPDX-License-Identifier: MPL-2.0 */
/* hash.h - SipHash-1-3: whoever does not know the key cannot choose words, or bytes, that collide. */
#ifndef DP_HASH_H_INCLUDED
#define DP_HASH_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

typedef struct dp_hash_key_s { /* 128 random bits; zeros are a key that everybody knows */
    uint64_t k0, k1;
} dp_hash_key_t;

/* Of so many words, each as its eight bytes, the lowest first. */
uint64_t dp_hash (const dp_hash_key_t *key, const uint64_t *words, size_t n);

/* Of so many bytes. */
uint64_t dp_hash_bytes (const dp_hash_key_t *key, const void *data, size_t len);

#endif
