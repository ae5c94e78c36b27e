/* SPDX-License-Identifier: MPL-2.0 */
/* reach.h - why a broker was not reached, in words that say what to do. */
#ifndef DP_REACH_H_INCLUDED
#define DP_REACH_H_INCLUDED

#include "net/connection.h"

/* Set the thread's last error to what a connection that came so far and no further means: DPOOL_ENOBROKER or
   DPOOL_ENOTDPOOL. Always -1. */
int dp_reach_fail (dp_reach_t reach, const char *endpoint);

#endif
