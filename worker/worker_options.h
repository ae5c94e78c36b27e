/* SPDX-License-Identifier: MPL-2.0 */
/* worker_options.h - the settings of a worker program: from its command line, the environment and a file. */
#ifndef WORKER_OPTIONS_H_INCLUDED
#define WORKER_OPTIONS_H_INCLUDED

#include "net/settings.h"

/* Texts, in the order in which they were given. They live as long as the options. */
typedef struct worker_list_s {
    const char **texts;
    size_t count;
} worker_list_t;

typedef struct worker_options_s {
    dp_settings_program_t program;
    dp_settings_t *settings; /* which the texts below belong to */
    worker_list_t endpoints, modules, labels;
    int processes;                     /* 0 = usable CPUs */
    const char *key_file, *server_key; /* NULL = none */
    const char *name;
    uint64_t task_memory_bytes; /* 0 = no limit */
    uint64_t task_cpu_s;        /* likewise */
    uint64_t shared_memory_mib; /* 0 = off */
    bool is_quiet;
} worker_options_t;

/* Fill in *options; read is for files of settings, NULL: there are none. --help, --version, --print-config
   and a wrong command line end the program. 0, or -1 with the thread's last error when something else is not
   right. */
int worker_options_read (worker_options_t *options, int argc, char **argv, dp_settings_read_t *read);
void worker_options_fini (worker_options_t *options);

#endif
