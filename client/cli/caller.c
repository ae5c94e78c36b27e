/* SPDX-License-Identifier: MPL-2.0 */
#include "client/cli/caller.h"

#include "core/error.h"

#include <string.h>

static const struct argp_option options[] = {
    { "json", 'j', NULL, 0, "Print JSON, as is done without it too", 0 },
    { "limit", 'l', "SECONDS", 0, "Stop a call that runs longer (default: never)", 0 },
    { "require", 'r', "LABEL", 0, "Run it on workers of this label only", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};
static const struct argp_child children[] = { { &command_endpoint_argp, 0, NULL, 0 }, { NULL, 0, NULL, 0 } };

static error_t take_option (int key, char *value, struct argp_state *state)
{
    caller_options_t *taken = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &taken->endpoint;
        return 0;
    case 'j':
        return 0;
    case 'l':
        taken->time_limit_ms = command_seconds ("limit", value, state);
        return 0;
    case 'r':
        taken->require = value;
        return 0;
    case ARGP_KEY_END:
        taken->endpoint = command_endpoint (taken->endpoint, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp caller_argp = { options, take_option, NULL, NULL, children, NULL, NULL };

dpool_t *caller_open (const caller_options_t *taken)
{
    dpool_options_t pool_options = DPOOL_OPTIONS_INIT;
    pool_options.connect_timeout_ms = COMMAND_ANSWER_MS;
    command_keys (&pool_options.key_file, &pool_options.server_key);
    dpool_t *pool = dpool_open (taken->endpoint, &pool_options);
    if (pool != NULL && strcmp (taken->endpoint, "local") != 0 && dpool_workers (pool) == 0) {
        dpool_destroy (&pool);
        dp_fail (DPOOL_ENOFUNCTION,
                 "no worker is connected to the broker at %s: start dpool-worker, or wait "
                 "for one with dpool wait",
                 taken->endpoint);
    }
    return pool;
}

dpool_call_options_t caller_call_options (const caller_options_t *taken)
{
    dpool_call_options_t call = DPOOL_CALL_OPTIONS_INIT;
    call.require = taken->require;
    call.time_limit_ms = taken->time_limit_ms > 0 ? taken->time_limit_ms : 0;
    return call;
}
