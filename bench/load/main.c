/* SPDX-License-Identifier: MPL-2.0 */
/* dpool-load: one load on a whole dpool, in nanoseconds a task; or what all of its programs hold. */
#include "bench/die.h"
#include "bench/load/load.h"

#include <argp.h>
#include <string.h>

typedef struct {
    load_t load;
    bool is_memory;
} options_t;

static const struct argp_option argp_options[] = {
    { "memory", 'm', NULL, 0, "Print what is held, not what it takes", 0 },
    { "system", 's', "NAME", 0, "embedded or tcp (default: embedded)", 0 },
    { "tasks", 't', "N", 0, "So many tasks (default: 100000)", 0 },
    { "clients", 'c', "N", 0, "So many clients of a cluster, each in a thread of its own", 0 },
    { "functions", 'f', "N", 0, "So many functions", 0 },
    { "window", 'i', "N", 0, "So many unfinished tasks at a time (default: all)", 0 },
    { "payload", 'p', "BYTES", 0, "So long are a task's arguments and its result", 0 },
    { 0 },
};

static size_t number (const char *value, size_t most, struct argp_state *state)
{
    char *end;
    size_t n = strtoull (value, &end, 10);
    if (*end != '\0' || n > most)
        argp_error (state, "%s is more than %zu", value, most);
    return n;
}

static error_t parse (int key, char *value, struct argp_state *state)
{
    options_t *options = state->input;
    load_t *load = &options->load;
    switch (key) {
    case 'm':
        options->is_memory = true;
        return 0;
    case 's':
        if (strcmp (value, "tcp") != 0 && strcmp (value, "embedded") != 0)
            argp_error (state, "the system is embedded or tcp, not %s", value);
        load->bind = strcmp (value, "tcp") == 0 ? "tcp://127.0.0.1:*" : NULL;
        return 0;
    case 't':
        load->n_tasks = number (value, 100000000, state);
        return 0;
    case 'c':
        load->n_clients = number (value, MAX_CLIENTS, state);
        return 0;
    case 'f':
        load->n_functions = number (value, 1000, state);
        return 0;
    case 'i':
        load->window = number (value, 100000000, state);
        return 0;
    case 'p':
        load->payload = number (value, 64 << 20, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = { .options = argp_options,
                                  .parser = parse,
                                  .doc = "Puts one load on a whole dpool, with two workers." };

int main (int argc, char **argv)
{
    options_t options
        = { .load = { .n_tasks = 100000, .n_clients = 1, .n_functions = 1, .payload = 8, .n_workers = 2 } };
    argp_parse (&argp, argc, argv, 0, NULL, &options);
    const load_t *load = &options.load;
    if (load->n_tasks < 1 || load->n_clients < 1 || load->n_functions < 1
        || (load->n_clients > 1 && !load->bind))
        die ("options", "these do not go together");
    if (options.is_memory)
        memory_run (load->n_tasks);
    else
        printf ("%.1f\n", load_run (load));
    return 0;
}
