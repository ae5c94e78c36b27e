/* SPDX-License-Identifier: MPL-2.0 */
#include "client/cli/command.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SECONDS 2e6 /* what an int of milliseconds holds */

#define ENDPOINT_OPTION                                                                                \
    {                                                                                                  \
        "endpoint", 'e', "ENDPOINT", 0,                                                                \
            "The broker, such as tcp://host:5555, or several with commas (default: the environment's " \
            "DPOOL_ENDPOINT)",                                                                         \
            0                                                                                          \
    }

static const struct argp_option endpoint_options[] = {
    ENDPOINT_OPTION,
    { NULL, 0, NULL, 0, NULL, 0 },
};

static const struct argp_option report_options[] = {
    ENDPOINT_OPTION,
    { "json", 'j', NULL, 0, "Print what was found as JSON", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

/* NOLINTNEXTLINE(readability-non-const-parameter): argp wants it so */
static error_t take_endpoint (int key, char *value, struct argp_state *state)
{
    if (key != 'e')
        return ARGP_ERR_UNKNOWN;
    *(const char **) state->input = value;
    return 0;
}

const struct argp command_endpoint_argp = { endpoint_options, take_endpoint, NULL, NULL, NULL, NULL, NULL };

static const char *endpoint_or_default (const char *given)
{
    const char *endpoint = given != NULL ? given : getenv ("DPOOL_ENDPOINT");
    return endpoint != NULL && *endpoint != '\0' ? endpoint : NULL;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): argp wants it so */
static error_t take_report (int key, char *value, struct argp_state *state)
{
    command_report_t *taken = state->input;
    switch (key) {
    case 'j':
        taken->is_json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (taken->endpoint != NULL)
            argp_error (state, "unexpected argument '%s'", value);
        taken->endpoint = value;
        return 0;
    case 'e':
        taken->endpoint = value;
        return 0;
    case ARGP_KEY_END:
        taken->endpoint = taken->does_without ? endpoint_or_default (taken->endpoint)
                                              : command_endpoint (taken->endpoint, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp command_report_argp = { report_options, take_report, NULL, NULL, NULL, NULL, NULL };

const char *command_endpoint (const char *given, struct argp_state *state)
{
    const char *endpoint = endpoint_or_default (given);
    if (endpoint == NULL)
        argp_error (state, "no broker is named: give --endpoint tcp://host:5555, or set DPOOL_ENDPOINT");
    return endpoint;
}

bool command_keys (const char **key_file, const char **server_key)
{
    *key_file = secure_getenv ("DPOOL_KEY_FILE");
    *server_key = secure_getenv ("DPOOL_SERVER_KEY");
    if (*key_file != NULL && **key_file == '\0')
        *key_file = NULL;
    if (*server_key != NULL && **server_key == '\0')
        *server_key = NULL;
    return *key_file != NULL || *server_key != NULL;
}

int command_seconds (const char *option, const char *text, struct argp_state *state)
{
    char *end;
    if (strcmp (text, "never") == 0)
        return -1;
    double seconds = strtod (text, &end);
    bool is_number = (*text >= '0' && *text <= '9') || *text == '.';
    if (!is_number || *end != '\0' || !(seconds <= MAX_SECONDS))
        argp_error (state, "--%s %s: write a number of seconds, or never", option, text);
    return (int) (seconds * 1000 + 0.5);
}

int command_complain (const char *program)
{
    const dpool_error_t *error = dpool_last_error ();
    fprintf (stderr, "%s: %s\n", program, error->message);
    if (*error->stderr_tail != '\0')
        fprintf (stderr, "%s: the last that its process wrote to stderr:\n%s\n", program, error->stderr_tail);
    switch (error->code) {
    case DPOOL_ENOBROKER:
    case DPOOL_ENOTDPOOL:
    case DPOOL_EVERSION:
    case DPOOL_ESERVERKEY:
    case DPOOL_ECLIENTKEY:
    case DPOOL_EROLE:
    case DPOOL_EREFUSED:
    case DPOOL_EBROKERLOST:
        return COMMAND_NO_BROKER;
    case ETIMEDOUT:
    case DPOOL_ETIMELIMIT:
        return COMMAND_TIMEOUT;
    case EINVAL:
        return COMMAND_USAGE;
    default:
        return COMMAND_FAILED;
    }
}
