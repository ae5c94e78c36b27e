/* SPDX-License-Identifier: MPL-2.0 */
/* dpool-cost: what the state machines take for a task, in nanoseconds, or in instructions under callgrind. */
#include "bench/die.h"
#include "bench/machines/cost.h"

#include <argp.h>
#include <gnu/libc-version.h>
#include <string.h>
#include <sys/utsname.h>

static const machine_t *const machines[]
    = { &scheduler_machine, &codec_machine, &crew_machine, &session_machine, &map_machine, NULL };

typedef struct {
    const machine_t *machine;
    load_t given; /* 0 = the machine's own */
    uint64_t least_tasks;
} options_t;

enum { MADE_BY = 256 };

static const struct argp_option argp_options[] = {
    { "tasks", 't', "N", 0, "So many tasks at a time", 0 },
    { "workers", 'w', "N", 0, "So many workers", 0 },
    { "clients", 'c', "N", 0, "So many clients", 0 },
    { "functions", 'f', "N", 0, "So many functions", 0 },
    { "window", 'i', "N", 0, "So many tasks at a worker", 0 },
    { "waiting", 'q', "N", 0, "So many clients that wait for something else (scheduler)", 0 },
    { "payload", 'p', "BYTES", 0, "So long are a task's arguments", 0 },
    { "at-least", 'a', "N", 0, "Run the load again until there were so many tasks (default: once)", 0 },
    { "made-by", MADE_BY, NULL, 0, "Say what this program's speed depends on, and end", 0 },
    { 0 },
};

/* What else makes other instructions of the same source. */
static void say_made_by (void)
{
    struct utsname host;
    uname (&host);
#if defined __clang__
    const char *compiler = "";
#else
    const char *compiler = "gcc ";
#endif
#if defined __OPTIMIZE__ && defined NDEBUG
    const char *kind = "release";
#else
    const char *kind = "debug";
#endif
    printf ("%s%s, libc %s, %s, %s\n", compiler, __VERSION__, gnu_get_libc_version (), host.machine, kind);
}

static uint64_t number (const char *value, struct argp_state *state)
{
    char *end;
    uint64_t n = strtoull (value, &end, 10);
    if (*end != '\0' || n < 1 || n > 1000000000)
        argp_error (state, "%s is not from 1 to 1000000000", value);
    return n;
}

static error_t parse (int key, char *value, struct argp_state *state)
{
    options_t *options = state->input;
    load_t *load = &options->given;
    uint64_t *const places[]
        = { ['t'] = &load->n_tasks,     ['w'] = &load->n_workers,     ['c'] = &load->n_clients,
            ['f'] = &load->n_functions, ['i'] = &load->window,        ['p'] = &load->payload,
            ['q'] = &load->n_waiting,   ['a'] = &options->least_tasks };
    if (key > 0 && (size_t) key < sizeof places / sizeof *places && places[key]) {
        *places[key] = number (value, state);
        return 0;
    }
    if (key == MADE_BY) {
        say_made_by ();
        exit (0);
    }
    if (key == ARGP_KEY_ARG) {
        for (size_t i = 0; machines[i]; i++)
            if (strcmp (machines[i]->name, value) == 0)
                options->machine = machines[i];
        return 0;
    }
    if (key == ARGP_KEY_END && !options->machine)
        argp_error (state, "which machine? scheduler, codec, crew, session or map");
    return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse,
    .args_doc = "MACHINE",
    .doc
    = "Measures a state machine alone: scheduler, codec, crew, session or map.\vPrints nanoseconds a task:"
      " in all, until all tasks were there, and after that.",
};

static void choose (uint64_t *place, uint64_t given)
{
    if (given > 0)
        *place = given;
}

static load_t load_of (const options_t *options)
{
    load_t load = options->machine->load;
    choose (&load.n_tasks, options->given.n_tasks);
    choose (&load.n_workers, options->given.n_workers);
    choose (&load.n_clients, options->given.n_clients);
    choose (&load.n_functions, options->given.n_functions);
    choose (&load.window, options->given.window);
    choose (&load.payload, options->given.payload);
    choose (&load.n_waiting, options->given.n_waiting);
    return load;
}

int main (int argc, char **argv)
{
    options_t options = { .machine = NULL };
    argp_parse (&argp, argc, argv, 0, NULL, &options);
    load_t load = load_of (&options);
    void *machine = options.machine->open (&load);
    cost_t cost = { 0, 0 };
    uint64_t n = 0;
    do {
        options.machine->run (machine, &cost);
        n += load.n_tasks;
    } while (n < options.least_tasks);
    options.machine->close (machine);
    double to_ns = 1e9 / (double) n;
    printf ("%s %.1f %.1f %.1f\n", options.machine->name, (cost.submit + cost.serve) * to_ns,
            cost.submit * to_ns, cost.serve * to_ns);
    return 0;
}
