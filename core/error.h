/* SPDX-License-Identifier: MPL-2.0 */
/* error.h - this thread's last error, and how the library's own code sets it. */
#ifndef DP_ERROR_H_INCLUDED
#define DP_ERROR_H_INCLUDED

#include <dpool/dpool.h>

/* Set this thread's last error to a code and a message (printf), and errno to the code. Always returns
   -1, so that a function can say: return dp_fail (EINVAL, "chunk_size is …"). Never fails itself: a
   message that does not fit memory is cut. */
int dp_fail (int code, const char *format, ...) DPOOL_PRINTF (2, 3);

/* The same with errno's code and its text behind the message ("cannot open x: No such file …"). */
int dp_fail_errno (const char *format, ...) DPOOL_PRINTF (1, 2);

/* Set this thread's last error to a copy of a whole error; errno becomes its code. Always returns -1. */
int dp_fail_with (const dpool_error_t *error);

/* Set errno to the code of this thread's last error once more, after calls that may have changed it. Always
   returns -1. */
int dp_fail_again (void);

/* How often this thread's last error was set: tells whether it comes from what was called in between. */
unsigned dp_fail_count (void);

/* A deep copy in one block: free with dp_free. NULL with ENOMEM. */
dpool_error_t *dp_error_copy (const dpool_error_t *error);

#endif
