/* SPDX-License-Identifier: MPL-2.0 */
/* standard.h - a program's stdin, stdout and stderr, and how many descriptors it may have. */
#ifndef DP_STANDARD_H_INCLUDED
#define DP_STANDARD_H_INCLUDED

#include <stddef.h>

/* Open /dev/null in place of those that the program was started without: else a socket gets their number, and
   a peer gets our log. To be called before anything else is opened. 0, or -1 with errno. */
int dp_standard_fill (void);

/* Allow this process as many descriptors as the system lets it have: with the usual 1024 a thousand peers, or
   some five hundred children, are too many. 0, or -1 with EMFILE when fewer than these are allowed: where
   ZeroMQ lacks one it aborts the program. */
int dp_standard_raise_limit (size_t n_needed);

/* How many descriptors this process may have. */
size_t dp_standard_limit (void);

#endif
