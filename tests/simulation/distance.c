/* SPDX-License-Identifier: MPL-2.0 */
/*
 * distance - how busy the processes are when client or workers are far from the broker: a map of short items
 * in a calm world, on the virtual clock. The same options always give the same figures.
 *
 *   distance [--items N] [--item-us US]   a table: round trips, and who is so far away
 *   distance --check                      1 if a round trip of 50 ms takes more than a fifth off
 */
#include "core/memory.h"
#include "tests/simulation/sim.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>

enum { WORKERS = 2, PROCESSES = 2, FAR_MS = 50, LEAST_PERCENT = 80 };

typedef struct options_s {
    uint64_t n_items, item_us;
    bool is_check;
} options_t;

/* Who is far from the broker. */
typedef enum { CLIENT, ALL_WORKERS, BOTH, WAYS } way_t;

static const char *const names[WAYS] = { "the client", "the workers", "both" };

/* The share of their time that the processes work, from the call to its last outcome, in percent. */
static double measure (const options_t *options, int64_t round_trip_ms, way_t way)
{
    scenario_t scenario;
    scenario_measure (&scenario, WORKERS, PROCESSES);
    scenario.steady_items = options->n_items;
    scenario.steady_us = (int64_t) options->item_us;
    scenario.client_way_us = way != ALL_WORKERS ? round_trip_ms * 500 : 0;
    scenario.worker_way_us = way != CLIENT ? round_trip_ms * 500 : 0;
    sim_t *sim = dp_must_alloc (sizeof *sim);
    sim_play_work (sim, 1, &scenario);
    if (sim_is_broken (sim)) {
        fprintf (stderr, "distance: with a round trip of %" PRId64 " ms this does not hold: %s: %s\n",
                 round_trip_ms, sim->judge.invariant, sim->judge.text);
        exit (1);
    }
    const call_t *call = &sim->workload.calls[0];
    double took_us = (double) (call->ended_us - SIM_BEGIN_US - call->starts_us);
    double worked_us = (double) options->n_items * (double) options->item_us;
    sim_fini (sim);
    dp_free (sim);
    return 100 * worked_us / (took_us * WORKERS * PROCESSES);
}

static void print_table (const options_t *options)
{
    static const int64_t round_trips_ms[] = { 0, 1, 5, 20, 50, 100, 200 };
    printf ("%d workers of %d processes; a map of %" PRIu64 " items of %" PRIu64
            " us. How busy they are, in percent, when\n\n%14s",
            WORKERS, PROCESSES, options->n_items, options->item_us, "round trip");
    for (way_t way = CLIENT; way < WAYS; way++)
        printf ("%14s", names[way]);
    puts (" are so far away");
    for (size_t i = 0; i < sizeof round_trips_ms / sizeof *round_trips_ms; i++) {
        printf ("%11" PRId64 " ms", round_trips_ms[i]);
        for (way_t way = CLIENT; way < WAYS; way++)
            printf ("%14.1f", measure (options, round_trips_ms[i], way));
        putchar ('\n');
    }
}

/* Near and far differ by no more than what a fifth of the time is. */
static int check (const options_t *options)
{
    int status = 0;
    double near = measure (options, 0, BOTH);
    for (way_t way = CLIENT; way < WAYS; way++) {
        double far = measure (options, FAR_MS, way);
        bool is_good = far >= near * LEAST_PERCENT / 100;
        printf ("%s %d ms away: processes are busy for %.1f %% of their time, and for %.1f %% when all are "
                "near%s\n",
                names[way], FAR_MS, far, near, is_good ? "" : ": that is too little");
        status |= !is_good;
    }
    return status;
}

enum { ITEMS = 'n', ITEM_US = 'u', CHECK = 'c' };

static error_t parse (int key, char *value, struct argp_state *state)
{
    options_t *options = state->input;
    if (key == CHECK) {
        options->is_check = true;
        return 0;
    }
    if (key != ITEMS && key != ITEM_US)
        return ARGP_ERR_UNKNOWN;
    char *end;
    uint64_t number = strtoull (value, &end, 10);
    if (*end != '\0' || number < 1 || number > 1000000)
        argp_error (state, "%s is not a number from 1 to 1000000", value);
    *(key == ITEMS ? &options->n_items : &options->item_us) = number;
    return 0;
}

int main (int argc, char **argv)
{
    static const struct argp_option known[] = {
        { "items", ITEMS, "N", 0, "So many items (10000)", 0 },
        { "item-us", ITEM_US, "US", 0, "Each takes so many microseconds (1000)", 0 },
        { "check", CHECK, NULL, 0, "Only say whether a far client and far workers cost too much", 0 },
        { 0 },
    };
    const struct argp argp
        = { .options = known,
            .parser = parse,
            .doc = "How busy processes are when clients or workers are far away: simulated." };
    options_t options = { .n_items = 10000, .item_us = 1000 };
    argp_parse (&argp, argc, argv, 0, NULL, &options);
    if (options.is_check)
        return check (&options);
    print_table (&options);
    return 0;
}
