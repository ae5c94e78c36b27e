/* SPDX-License-Identifier: MPL-2.0 */
/* suggest.h - what somebody meant who mistyped a word. */
#ifndef DP_SUGGEST_H_INCLUDED
#define DP_SUGGEST_H_INCLUDED

#include <stddef.h>

/* How many letters must be put in, taken out or changed to make one word of the other (Levenshtein's
   distance); most + 1 when these are more. Takes time in proportion to "most" and what differs, and mostly
   less. */
size_t dp_edits (const char *from, size_t len_from, const char *to, size_t len_to, size_t most);

/* The known word that is nearest, if it is near: at most a third of its letters differ, or two. Else NULL. */
const char *dp_suggest (const char *word, const char *const *known, size_t n_known);

#endif
