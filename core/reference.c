/* SPDX-License-Identifier: MPL-2.0 */
#include "core/reference.h"

/* The first word of each, so that a frame of this length that is something else is noticed. */
static const uint64_t magic = UINT64_C (0x316665726c6f6f70);

static void write_word (uint8_t *bytes, uint64_t word)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t) (word >> 8 * i);
}

static uint64_t read_word (const uint8_t *bytes)
{
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--)
        word = word << 8 | bytes[i];
    return word;
}

void dp_reference_write (const dp_reference_t *self, uint8_t bytes[DP_REFERENCE_LEN])
{
    write_word (bytes, magic);
    write_word (bytes + 8, self->at);
    write_word (bytes + 16, self->len);
    write_word (bytes + 24, self->generation);
}

bool dp_reference_is (const uint8_t *bytes, size_t len)
{
    return len == DP_REFERENCE_LEN && read_word (bytes) == magic;
}

bool dp_reference_read (dp_reference_t *self, const uint8_t *bytes, size_t len, uint64_t unit, uint64_t size)
{
    if (!dp_reference_is (bytes, len))
        return false;
    self->at = read_word (bytes + 8);
    self->len = read_word (bytes + 16);
    self->generation = read_word (bytes + 24);
    return self->at % unit == 0 && self->at < size && self->len > 0 && self->len <= size - self->at;
}
