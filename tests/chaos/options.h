/* SPDX-License-Identifier: MPL-2.0 */
/* options.h - the command line of the chaos tests. */
#ifndef OPTIONS_H_INCLUDED
#define OPTIONS_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

typedef struct options_s {
    uint64_t seed, n_tasks;
    unsigned n_rounds;  /* of all kinds of faults, at least */
    unsigned n_brokers; /* 1 or 2; 0: both, one after the other */
    const char *faults; /* their names, or those of measurements, with commas between; NULL: all */
    unsigned gap_ms;    /* between two faults, on average */
    bool keeps;         /* the logs, also when all was well */
    bool has_figures;   /* measure instead */
    bool is_long;
    unsigned overload_s; /* how long the CPUs are overloaded in the measurement of false losses */
} options_t;

/* Read it, or say what is wrong and exit. */
void options_read (options_t *options, int argc, char **argv);

/* Is this fault, or this measurement, to take place? */
bool options_want (const options_t *options, const char *name);

#endif
