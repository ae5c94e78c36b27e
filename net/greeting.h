/* SPDX-License-Identifier: MPL-2.0 */
/* greeting.h - does what listens at an endpoint encrypt? As it says itself in the greeting of ZMTP (RFC 23).
 */
#ifndef DP_GREETING_H_INCLUDED
#define DP_GREETING_H_INCLUDED

typedef enum {
    DP_GREETING_NONE, /* it says nothing, or does not speak ZeroMQ */
    DP_GREETING_PLAIN,
    DP_GREETING_ENCRYPTED
} dp_greeting_t;

/* Connect to a tcp endpoint and wait for its greeting, for so long at most. Our own is sent up to the place
   where it would say how we speak: a side that does not like it hangs up, often before it has said its own.
   Blocks; may be called by any thread. */
dp_greeting_t dp_greeting_of (void *context, const char *endpoint, int timeout_ms);

#endif
