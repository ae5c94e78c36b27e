/* SPDX-License-Identifier: MPL-2.0 */
/* suggest.h - what somebody meant who mistyped a word. */
#ifndef SUGGEST_H_INCLUDED
#define SUGGEST_H_INCLUDED

#include <stddef.h>

/* The known word that is nearest, if it is near: at most a third of its letters differ, or two. Else NULL. */
const char *suggest_nearest (const char *word, const char *const *known, size_t n_known);

#endif
