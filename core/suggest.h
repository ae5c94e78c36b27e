/* SPDX-License-Identifier: MPL-2.0 */
/* suggest.h - what somebody meant who mistyped a word. */
#ifndef DP_SUGGEST_H_INCLUDED
#define DP_SUGGEST_H_INCLUDED

#include <stddef.h>

/* The known word that is nearest, if it is near: at most a third of its letters differ, or two. Else NULL. */
const char *dp_suggest (const char *word, const char *const *known, size_t n_known);

#endif
