/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SCALE_OPTIONS_H_INCLUDED
#define SCALE_OPTIONS_H_INCLUDED

#include <stddef.h>

typedef struct options_s {
    size_t n_workers, n_clients;
    size_t n_tasks;  /* of each client */
    size_t n_beats;  /* heartbeats that the idle time lasts for */
    double within_s; /* all are to be registered within so many seconds; 0 = that is not judged */
} options_t;

/* Read the command line. What it cannot be ends the program, with its usage. */
void options_read (options_t *options, int argc, char **argv);

#endif
