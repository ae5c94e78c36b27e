/* SPDX-License-Identifier: MPL-2.0 */
#include "core/copy.h"

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

enum { LONG = 256 * 1024 };

/* 64 bytes. Only the place that they go to must be a multiple of 16. */
static void copy_line (uint8_t *to, const uint8_t *from)
{
    __m128i words[4];
    for (size_t i = 0; i < 4; i++)
        words[i] = _mm_loadu_si128 ((const __m128i *) (const void *) (from + i * sizeof words[0]));
    for (size_t i = 0; i < 4; i++)
        _mm_stream_si128 ((__m128i *) (void *) (to + i * sizeof words[0]), words[i]);
}

void dp_copy (void *to, const void *from, size_t len)
{
    size_t n = len >= LONG && (uintptr_t) to % sizeof (__m128i) == 0 ? len / 64 * 64 : 0;
    for (size_t i = 0; i < n; i += 64)
        copy_line ((uint8_t *) to + i, (const uint8_t *) from + i);
    /* Before anything that is written from now on. */
    if (n > 0)
        _mm_sfence ();
    memcpy ((uint8_t *) to + n, (const uint8_t *) from + n, len - n);
}

#else

void dp_copy (void *to, const void *from, size_t len)
{
    memcpy (to, from, len);
}

#endif
