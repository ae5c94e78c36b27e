/* SPDX-License-Identifier: MPL-2.0 */
/*
 * worker.h - the worker's edge: sockets, children and clock around the crew. One loop; never runs user code.
 *
 * A loop is: items = worker_poll (…); poll (items until the last deadline);
 * worker_hear (items); deadline = worker_turn (…).
 * dpool_worker_main drives it alone; the embedded pool drives it in one thread with its broker and its
 * client.
 */
#ifndef WORKER_H_INCLUDED
#define WORKER_H_INCLUDED

#include "core/name.h"
#include "net/arena.h"
#include "net/exchange.h"
#include "net/keys.h"

#include <dpool/worker.h>

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct worker_s worker_t;

typedef struct worker_config_s {
    dp_exchange_t *exchange;      /* NULL: by sockets. Outlives the worker. */
    dp_arena_t *arena;            /* the program's; NULL: the worker makes its own */
    const char *const *endpoints; /* of the brokers */
    size_t n_endpoints;
    const dp_keys_t *keys; /* copied; NULL: nothing is encrypted */
    int processes;         /* 0 = usable CPUs */
    const char *name;      /* NULL = the host's name */
    const char *const *labels;
    size_t n_labels;
    bool is_embedded;               /* its children's stderr goes to ours; no log lines */
    bool is_quiet;                  /* log errors only */
    void (*log) (const char *line); /* or NULL */
} worker_config_t;

/* The zygote must run already. context outlives the worker. NULL with the thread's last error. */
worker_t *worker_new (void *context, const worker_config_t *config);
/* Kills its children and waits for the zygote to have reaped them (bounded). */
void worker_destroy (worker_t **self_p);

/* Fill items (room for at most "most"); returns how many. Valid until the next turn. */
size_t worker_poll (worker_t *self, struct pollfd *items, size_t most);
/* What the poll said of them. */
void worker_hear (worker_t *self, const struct pollfd *items);
/* An upper bound of what worker_poll fills in now. */
size_t worker_poll_max (const worker_t *self);

/* Take in all that has arrived (bounded), decide, send. Returns the next deadline in dp_clock_ms terms. */
int64_t worker_turn (worker_t *self);

/* SIGTERM: finish what runs, hand back the rest; is_now: kill what runs. */
void worker_drain (worker_t *self, bool is_now);
bool worker_is_gone (const worker_t *self);        /* drained; or its zygote is gone: see worker_failure */
const char *worker_failure (const worker_t *self); /* NULL, or why it cannot go on */

/* Fill in how many there are of what, but not the phase. Returns whether it is ready: a broker has taken it,
   or it was found that none can be reached now. */
bool worker_tell (const worker_t *self, dpool_worker_news_t *news);

/* What a worker is called that was given no name: the host's name, as far as it can be a worker's. */
void worker_usual_name (char name[DP_NAME_MAX + 1]);

/* The CPUs that this process may use: affinity mask and cgroup quota (v1, v2), at least 1. */
int worker_usable_cpus (void);

#endif
