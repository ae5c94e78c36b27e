/* SPDX-License-Identifier: MPL-2.0 */
/* worker_options.h - the command line of a worker program. */
#ifndef WORKER_OPTIONS_H_INCLUDED
#define WORKER_OPTIONS_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts, in the order in which they were given. They point into argv, or into a copy that lives until the
 * end. */
typedef struct worker_list_s {
    const char **texts;
    size_t count;
} worker_list_t;

typedef struct worker_options_s {
    worker_list_t endpoints, modules, labels;
    int processes;                     /* 0 = usable CPUs */
    const char *key_file, *server_key; /* NULL = none */
    const char *name;                  /* NULL = the host's */
    uint64_t task_memory_bytes;        /* 0 = no limit */
    uint64_t task_cpu_s;               /* likewise */
    bool is_quiet;
} worker_options_t;

/* Fill in *options; prints what is wrong and leaves the program with status 2 where something is, and with 0
   after --help and --version. */
void worker_options_parse (worker_options_t *options, int argc, char **argv);
void worker_options_fini (worker_options_t *options);

#endif
