/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/scale/options.h"

#include <argp.h>
#include <stdlib.h>

static const struct argp_option known[] = {
    { "workers", 'w', "N", 0, "So many workers, of one process each (default: 1000)", 0 },
    { "clients", 'c', "N", 0, "So many clients (default: 100)", 0 },
    { "tasks", 't', "N", 0, "So many tasks of each client (default: 1000)", 0 },
    { "beats", 'b', "N", 0, "Watch the idle broker for so many heartbeats (default: 5)", 0 },
    { "within", 's', "SECONDS", 0, "It is a failure when they are not all registered by then", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static size_t number (const char *text, size_t most, struct argp_state *state)
{
    char *end;
    size_t n = strtoull (text, &end, 10);
    if (end == text || *end != '\0' || n < 1 || n > most)
        argp_error (state, "'%s' is no number from 1 to %zu", text, most);
    return n;
}

static error_t take_option (int option, char *text, struct argp_state *state)
{
    options_t *options = state->input;
    switch (option) {
    case 'w':
        options->n_workers = number (text, 60000, state);
        return 0;
    case 'c':
        options->n_clients = number (text, 4000, state);
        return 0;
    case 't':
        options->n_tasks = number (text, 1000000, state);
        return 0;
    case 'b':
        options->n_beats = number (text, 1000, state);
        return 0;
    case 's':
        options->within_s = (double) number (text, 1000, state);
        return 0;
    case ARGP_KEY_ARG:
        argp_error (state, "unexpected argument '%s'", text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void options_read (options_t *options, int argc, char **argv)
{
    static const struct argp argp
        = { .options = known,
            .parser = take_option,
            .doc
            = "Thousands of simulated workers and clients on one real broker, over tcp on 127.0.0.1: how "
              "soon they are registered, whether each task is done once and right, and what the broker "
              "takes for it." };
    *options = (options_t) { .n_workers = 1000, .n_clients = 100, .n_tasks = 1000, .n_beats = 5 };
    argp_parse (&argp, argc, argv, 0, NULL, options);
}
