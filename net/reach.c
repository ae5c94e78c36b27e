/* SPDX-License-Identifier: MPL-2.0 */
#include "net/reach.h"

#include "core/error.h"
#include "net/greeting.h"

#include <limits.h>

int dp_reach_patience_ms (dp_reach_t reach)
{
    switch (reach) {
    case DP_LOOKING_UP:
    case DP_CONNECTING:
        return INT_MAX;
    case DP_CONNECTED: /* it may be a broker that is busy */
    case DP_HANDSHAKEN:
        return DP_REACH_MOST_MS - DP_REACH_ASK_MS;
    default: /* one may be started just now */
        return 1000;
    }
}

static int fail_other_way (const char *endpoint, bool is_secure)
{
    if (is_secure)
        return dp_fail (
            DPOOL_ESERVERKEY,
            "what listens at %s does not encrypt, so it is not the broker with this server_key: check "
            "the port, and that the broker was started with --key-file",
            endpoint);
    return dp_fail (DPOOL_ECLIENTKEY,
                    "the broker at %s wants a key: give key_file and server_key, or DPOOL_KEY_FILE and "
                    "DPOOL_SERVER_KEY",
                    endpoint);
}

/* A broker that has no CPU to speak of is as silent. */
static int fail_silent (const char *endpoint)
{
    return dp_fail (
        DPOOL_ENOTDPOOL,
        "what listens at %s is not a dpool broker, or has been too busy to answer: check the port, "
        "or give it more time by connect_timeout_ms",
        endpoint);
}

static int fail_stranger (dp_reach_t reach, const char *endpoint, const dp_keys_t *keys, void *context)
{
    /* Whoever does not speak as we do hangs up, as many things do that are no broker, and the reason that it
       gives is often lost by that. So it is asked. */
    dp_greeting_t greeting = dp_greeting_of (context, endpoint, DP_REACH_ASK_MS);
    if (keys != NULL && greeting == DP_GREETING_ENCRYPTED)
        return dp_fail (
            DPOOL_ESERVERKEY,
            "the broker at %s does not have the key %s that server_key says: check the endpoint, and "
            "compare with the public key that the broker prints when it starts",
            endpoint, keys->server_key);
    if (greeting == (keys != NULL ? DP_GREETING_PLAIN : DP_GREETING_ENCRYPTED))
        return fail_other_way (endpoint, keys != NULL);
    if (reach == DP_CONNECTED)
        return fail_silent (endpoint);
    return dp_fail (DPOOL_ENOTDPOOL, "what listens at %s is not a dpool broker: check the port", endpoint);
}

int dp_reach_fail (dp_reach_t reach, const char *endpoint, const dp_keys_t *keys, void *context)
{
    switch (reach) {
    case DP_KEY_UNKNOWN:
        return dp_fail (
            DPOOL_ECLIENTKEY,
            "the broker at %s does not know our key %s: have it put into the broker's allowlist, and "
            "the broker told by SIGHUP",
            endpoint, keys != NULL ? keys->public_key : "");
    case DP_OTHER_WAY:
        return fail_other_way (endpoint, keys != NULL);
    case DP_CONNECTED:
    case DP_NOT_ZMQ:
        return fail_stranger (reach, endpoint, keys, context);
    case DP_HANDSHAKEN:
        return fail_silent (endpoint);
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

int dp_refusal_code (wire_refusal_t refusal)
{
    switch (refusal) {
    case WIRE_REFUSED_VERSION:
        return DPOOL_EVERSION;
    case WIRE_REFUSED_ROLE:
        return DPOOL_EROLE;
    case WIRE_REFUSED_KEY:
        return DPOOL_ECLIENTKEY;
    case WIRE_REFUSED_LIMIT:
        return DPOOL_EQUOTA;
    default:
        return DPOOL_EREFUSED;
    }
}
