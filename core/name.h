/* SPDX-License-Identifier: MPL-2.0 */
/* name.h - names of functions, labels and workers. */
#ifndef DP_NAME_H_INCLUDED
#define DP_NAME_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

#define DP_NAME_MAX 64

/* 1 to 64 of [A-Za-z0-9_.:-]? */
bool dp_name_is_valid (const char *name, size_t len);

#endif
