/* SPDX-License-Identifier: MPL-2.0 */
#include "core/utf8.h"

#include <stdint.h>

static bool is_tail (uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The length of the well-formed character that the text starts with; 0 when there is none. */
static size_t character (const uint8_t *text, size_t len)
{
    uint8_t lead = text[0];
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return len >= 2 && is_tail (text[1]) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (len < 3 || !is_tail (text[1]) || !is_tail (text[2]))
            return 0;
        bool is_overlong = lead == 0xE0 && text[1] < 0xA0;
        bool is_surrogate = lead == 0xED && text[1] >= 0xA0;
        return is_overlong || is_surrogate ? 0 : 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (len < 4 || !is_tail (text[1]) || !is_tail (text[2]) || !is_tail (text[3]))
            return 0;
        bool is_overlong = lead == 0xF0 && text[1] < 0x90;
        bool is_beyond = lead == 0xF4 && text[1] >= 0x90;
        return is_overlong || is_beyond ? 0 : 4;
    }
    return 0;
}

/* The control characters: below the space, DEL, and U+0080 to U+009F. */
static bool is_control (const uint8_t *text, size_t len)
{
    return text[0] < 0x20 || text[0] == 0x7F || (len == 2 && text[0] == 0xC2 && text[1] < 0xA0);
}

bool dp_utf8_is_valid (const char *text, size_t len)
{
    const uint8_t *at = (const uint8_t *) text;
    while (len > 0) {
        size_t n = character (at, len);
        if (n == 0)
            return false;
        at += n;
        len -= n;
    }
    return true;
}

bool dp_utf8_is_line (const char *text, size_t len)
{
    const uint8_t *at = (const uint8_t *) text;
    while (len > 0) {
        size_t n = character (at, len);
        if (n == 0 || is_control (at, n))
            return false;
        at += n;
        len -= n;
    }
    return true;
}

static void clean (char *text, size_t len, bool is_line)
{
    uint8_t *at = (uint8_t *) text;
    while (len > 0) {
        size_t n = character (at, len);
        bool is_kept = n > 0 && !is_control (at, n);
        if (!is_line && (at[0] == '\n' || at[0] == '\t'))
            is_kept = true;
        if (n == 0)
            n = 1;
        for (size_t i = 0; i < n && !is_kept; i++)
            at[i] = '?';
        at += n;
        len -= n;
    }
}

void dp_utf8_clean (char *text, size_t len)
{
    clean (text, len, false);
}

void dp_utf8_clean_line (char *text, size_t len)
{
    clean (text, len, true);
}

size_t dp_utf8_cut (const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t cut = max;
    while (cut > 0 && max - cut < 4 && is_tail ((uint8_t) text[cut]))
        cut--;
    return cut;
}
