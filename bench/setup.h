/* SPDX-License-Identifier: MPL-2.0 */
/* setup.h - an open pool and the cluster behind it, if there is one; and what all workloads on it share. */
#ifndef BENCH_SETUP_H_INCLUDED
#define BENCH_SETUP_H_INCLUDED

#include "bench/process.h"

#include <dpool/dpool.h>

#include <stdbool.h>

#define MAX_WORKERS 8

typedef struct {
    dpool_t *pool;
    char endpoint[256]; /* "" for the embedded pool */
    char folder[64];    /* of its socket, or "" */
    process_t broker;
    process_t workers[MAX_WORKERS];
    int n_workers;
} setup_t;

/* Open the pool and wait for its workers. bind is where a broker shall listen ("ipc" for a socket in a folder
   of its own), NULL for the embedded pool. */
setup_t *setup_open (const char *bind, int n_workers);

/* More options of the programs, each NULL-ended, or NULL. */
typedef struct {
    const char *const *broker, *const *worker;
    bool is_apart; /* the broker shares no memory with the others, as if it were on another host */
} setup_options_t;

/* The same with more options of the programs, or NULL, and with options of the pool. */
setup_t *setup_open_with (const char *bind, int n_workers, const setup_options_t *more,
                          dpool_options_t *options);
void setup_close (setup_t *self);

/* For a broker that shall keep very many tasks. */
extern const setup_options_t setup_with_room;

/* End the benchmark with what the library says of its last call. */
_Noreturn void setup_die (const char *what);

/* Wait for a handle to finish well. Ends the benchmark otherwise, also if the handle is NULL. */
void setup_get (dpool_async_result_t *result, const char *what);

#endif
