/* SPDX-License-Identifier: MPL-2.0 */
/* reach.h - why a broker was not reached, in words that say what to do. */
#ifndef DP_REACH_H_INCLUDED
#define DP_REACH_H_INCLUDED

#include "core/wire.h"
#include "net/connection.h"

/* How long, in ms, whoever does not say it himself waits for a broker of which this is known: less, the surer
   it is that none will come. With what dp_reach_fail takes never more than DP_REACH_MOST_MS; but INT_MAX
   where nothing is known yet, as of a host that boots. */
int dp_reach_patience_ms (dp_reach_t reach);
enum { DP_REACH_MOST_MS = 1800, DP_REACH_ASK_MS = 300 };

/* Set the thread's last error to what a connection that came so far and no further means: DPOOL_ENOBROKER,
   DPOOL_ENOTDPOOL, DPOOL_ESERVERKEY or DPOOL_ECLIENTKEY. keys: those that it had; NULL = none. Where the
   peer does not speak as we do it may take DP_REACH_ASK_MS, and the context, to ask it how it does. Always
   -1.
 */
int dp_reach_fail (dp_reach_t reach, const char *endpoint, const dp_keys_t *keys, void *context);

/* The error that a broker's REFUSED is: DPOOL_EVERSION, DPOOL_EROLE, DPOOL_ECLIENTKEY, DPOOL_EQUOTA, or
   DPOOL_EREFUSED. */
int dp_refusal_code (wire_refusal_t refusal);

#endif
