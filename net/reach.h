/* SPDX-License-Identifier: MPL-2.0 */
/* reach.h - why a broker was not reached, in words that say what to do. */
#ifndef DP_REACH_H_INCLUDED
#define DP_REACH_H_INCLUDED

#include "core/wire.h"
#include "net/connection.h"

/* Set the thread's last error to what a connection that came so far and no further means: DPOOL_ENOBROKER,
   DPOOL_ENOTDPOOL, DPOOL_ESERVERKEY or DPOOL_ECLIENTKEY. keys: those that it had; NULL = none. Where it had
   some it may take 300 ms, and the context, to find out whether the broker's key is the wrong one. Always -1.
 */
int dp_reach_fail (dp_reach_t reach, const char *endpoint, const dp_keys_t *keys, void *context);

/* The error that a broker's REFUSED is: DPOOL_EVERSION, DPOOL_EROLE, DPOOL_ECLIENTKEY, DPOOL_EQUOTA, or
   DPOOL_EREFUSED. */
int dp_refusal_code (wire_refusal_t refusal);

#endif
