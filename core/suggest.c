/* SPDX-License-Identifier: MPL-2.0 */
#include "core/suggest.h"

#include <string.h>

enum { MOST = 64 }; /* letters: longer words are not looked at */

static size_t least (size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Row by row of the table of all beginnings of both, where a path of "most" steps can lead. Those are the
   places at most so far from its diagonal; outside of them stands more. */
static size_t distance (const char *from, size_t len_from, const char *to, size_t len_to, size_t most)
{
    size_t row[MOST + 1] = { 0 };
    for (size_t k = 0; k <= len_to; k++)
        row[k] = k <= most ? k : most + 1;
    for (size_t i = 1; i <= len_from; i++) {
        size_t first = i > most ? i - most : 1, last = i + most < len_to ? i + most : len_to;
        size_t diagonal = row[first - 1], best = row[first - 1] = first == 1 && i <= most ? i : most + 1;
        for (size_t k = first; k <= last; k++) {
            size_t changed = diagonal + (from[i - 1] != to[k - 1]);
            diagonal = row[k];
            row[k] = least (changed, row[k] + 1, row[k - 1] + 1);
            best = row[k] < best ? row[k] : best;
        }
        if (best > most)
            return most + 1;
    }
    return row[len_to] <= most ? row[len_to] : most + 1;
}

size_t dp_edits (const char *from, size_t len_from, const char *to, size_t len_to, size_t most)
{
    if ((len_from > len_to ? len_from - len_to : len_to - len_from) > most)
        return most + 1;
    for (; len_from > 0 && len_to > 0 && *from == *to; len_from--, len_to--) {
        from++;
        to++;
    }
    for (; len_from > 0 && len_to > 0 && from[len_from - 1] == to[len_to - 1]; len_from--)
        len_to--;
    return len_from <= MOST && len_to <= MOST ? distance (from, len_from, to, len_to, most) : most + 1;
}

const char *dp_suggest (const char *word, const char *const *known, size_t n_known)
{
    const char *nearest = NULL;
    size_t best = MOST, len_word = strlen (word);
    if (len_word > MOST)
        return NULL;
    for (size_t i = 0; i < n_known; i++) {
        size_t len = strlen (known[i]), limit = len / 3 > 2 ? len / 3 : 2;
        size_t far = len <= MOST ? dp_edits (word, len_word, known[i], len, limit) : MOST;
        if (far <= limit && far < best && far < len) {
            best = far;
            nearest = known[i];
        }
    }
    return nearest;
}
