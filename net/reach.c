/* SPDX-License-Identifier: MPL-2.0 */
#include "net/reach.h"

#include "core/error.h"

int dp_reach_fail (dp_reach_t reach, const char *endpoint)
{
    switch (reach) {
    case DP_CONNECTED:
    case DP_NOT_ZMQ:
    case DP_HANDSHAKEN:
        return dp_fail (DPOOL_ENOTDPOOL, "what listens at %s is not a dpool broker: check the port",
                        endpoint);
    case DP_UNKNOWN:
        return dp_fail (DPOOL_ENOBROKER, "the host of %s is not known: check how it is written, and DNS",
                        endpoint);
    case DP_LOOKING_UP:
        return dp_fail (DPOOL_ENOBROKER, "no name server told the address of %s in time: check DNS",
                        endpoint);
    case DP_REFUSED:
        return dp_fail (DPOOL_ENOBROKER,
                        "nothing listens at %s: start dpool-broker there, or check host and port", endpoint);
    default:
        return dp_fail (DPOOL_ENOBROKER, "%s does not answer: check host, network and firewall", endpoint);
    }
}
