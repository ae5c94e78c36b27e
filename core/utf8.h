/* SPDX-License-Identifier: MPL-2.0 */
/* utf8.h - checks text that comes from somebody else. */
#ifndef DP_UTF8_H_INCLUDED
#define DP_UTF8_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

/* Well-formed UTF-8 (no surrogates, no overlong forms)? */
bool dp_utf8_is_valid (const char *text, size_t len);

/* Well-formed, and of one line that is safe to print: no control characters at all? */
bool dp_utf8_is_line (const char *text, size_t len);

/* Replace, in place, what is no UTF-8 and all control characters but newline and tab by '?'. The length
   stays as it was. */
void dp_utf8_clean (char *text, size_t len);

/* The same for text of one line: newline and tab go too. */
void dp_utf8_clean_line (char *text, size_t len);

/* The most of len bytes, at most max, that do not end inside a character. */
size_t dp_utf8_cut (const char *text, size_t len, size_t max);

#endif
