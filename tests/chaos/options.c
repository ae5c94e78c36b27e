/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[]
    = "usage: chaos [OPTION]...\n"
      "Runs brokers, workers and clients, hurts them in every way, and judges what became of the tasks.\n"
      "\n"
      "  --seed S      of the plan of faults and of the clients (1)\n"
      "  --tasks N     go on until so many have an outcome (100000)\n"
      "  --rounds N    and until every kind of fault came so often (4)\n"
      "  --brokers N   1, or 2 to fail over (half of all with 1, half with 2)\n"
      "  --faults LIST only these, with commas between; 'none', or 'list' to see all\n"
      "  --gap MS      between two faults, on average (900)\n"
      "  --long        1000000 tasks; with --figures: 600 s of overload\n"
      "  --keep        the logs, also when all was well\n"
      "  --figures     measure how soon faults are noticed instead; --faults then takes child-kill,\n"
      "                worker-kill, worker-stop, worker-cut, broker-kill, overload\n"
      "  --overload S  how long the CPUs are overloaded then (30)\n";

static _Noreturn void refuse (void)
{
    fputs (usage, stderr);
    exit (2);
}

static uint64_t read_number (const char *text)
{
    char *end;
    uint64_t number = strtoull (text, &end, 10);
    if (end == text || *end != '\0')
        refuse ();
    return number;
}

void options_read (options_t *options, int argc, char **argv)
{
    static const struct option known[] = {
        { "seed", required_argument, NULL, 's' },   { "tasks", required_argument, NULL, 't' },
        { "rounds", required_argument, NULL, 'r' }, { "brokers", required_argument, NULL, 'b' },
        { "faults", required_argument, NULL, 'f' }, { "gap", required_argument, NULL, 'g' },
        { "long", no_argument, NULL, 'l' },         { "keep", no_argument, NULL, 'k' },
        { "figures", no_argument, NULL, 'm' },      { "overload", required_argument, NULL, 'o' },
        { "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
    };
    *options = (options_t) {
        .seed = 1, .n_tasks = 100000, .n_rounds = 4, .n_brokers = 0, .gap_ms = 900, .overload_s = 30
    };
    for (int letter; (letter = getopt_long (argc, argv, "", known, NULL)) != -1;) {
        switch (letter) {
        case 's':
            options->seed = read_number (optarg);
            break;
        case 't':
            options->n_tasks = read_number (optarg);
            break;
        case 'r':
            options->n_rounds = (unsigned) read_number (optarg);
            break;
        case 'b':
            options->n_brokers = (unsigned) read_number (optarg);
            break;
        case 'f':
            options->faults = optarg;
            break;
        case 'g':
            options->gap_ms = (unsigned) read_number (optarg);
            break;
        case 'l':
            options->is_long = true;
            options->n_tasks = 1000000;
            options->overload_s = 600;
            break;
        case 'k':
            options->keeps = true;
            break;
        case 'm':
            options->has_figures = true;
            break;
        case 'o':
            options->overload_s = (unsigned) read_number (optarg);
            break;
        case 'h':
            fputs (usage, stdout);
            exit (0);
        default:
            refuse ();
        }
    }
    if (options->has_figures && options->n_brokers == 0)
        options->n_brokers = 1;
    if (optind != argc || options->n_brokers > 2)
        refuse ();
}

bool options_want (const options_t *options, const char *name)
{
    size_t length = strlen (name);
    for (const char *at = options->faults; at && (at = strstr (at, name)); at += length) {
        if ((at == options->faults || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
            return true;
    }
    return !options->faults;
}
