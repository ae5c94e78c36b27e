/* SPDX-License-Identifier: MPL-2.0 */
#include "core/suggest.h"

#include <string.h>

enum { MOST = 64 }; /* letters: longer words are not looked at */

static size_t least (size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many letters must be put in, taken out or changed: Levenshtein's distance, row by row. */
static size_t distance (const char *from, const char *to)
{
    size_t row[MOST + 1], n = strlen (to);
    for (size_t k = 0; k <= n; k++)
        row[k] = k;
    for (size_t i = 0; from[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 1; k <= n; k++) {
            size_t changed = diagonal + (from[i] != to[k - 1]);
            diagonal = row[k];
            row[k] = least (changed, row[k] + 1, row[k - 1] + 1);
        }
    }
    return row[n];
}

const char *dp_suggest (const char *word, const char *const *known, size_t n_known)
{
    const char *nearest = NULL;
    size_t best = MOST;
    if (strlen (word) > MOST)
        return NULL;
    for (size_t i = 0; i < n_known; i++) {
        size_t len = strlen (known[i]), limit = len / 3 > 2 ? len / 3 : 2;
        size_t far = len <= MOST ? distance (word, known[i]) : MOST;
        if (far <= limit && far < best && far < len) {
            best = far;
            nearest = known[i];
        }
    }
    return nearest;
}
