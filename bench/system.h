/* SPDX-License-Identifier: MPL-2.0 */
/*
 * system.h - what is measured: systems, each with the workloads that it can do.
 *
 * A system is opened before its workloads run and closed after them; it ends all that it started.
 */
#ifndef BENCH_SYSTEM_H_INCLUDED
#define BENCH_SYSTEM_H_INCLUDED

#include "bench/series.h"

#define N_WORKERS 2 /* processes that work, unless the workload says otherwise */

/* Each run adds what it has measured: many latencies or one rate. counts shrinks or multiplies how much is
   done; 1 is what the tables show. */
typedef void (workload_run_t) (void *system, double counts, series_t *series);

typedef struct {
    const char *name;
    const char *unit;
    const char *about;
    workload_run_t *run;
    int n_workers;       /* 0: N_WORKERS */
    bool is_more_better; /* a rate, not a time */
} workload_t;

typedef struct {
    const char *name;
    const char *about;
    void *(*open) (int n_workers);
    void (*close) (void *system);
    const workload_t *workloads; /* ended by one without a name */
} system_t;

/* count by counts, at least 1. */
static inline size_t scaled (size_t count, double counts)
{
    double n = (double) count * counts;
    return n < 1 ? 1 : (size_t) n;
}

/* dpool: in this program, with a broker and workers, the same with keys, and with a broker alone. */
extern const system_t embedded_system, ipc_system, tcp_system, far_system, curve_system, curve_far_system,
    queued_system;

/* What the machine allows, without dpool. */
extern const system_t direct_system, relay_system, hop_ipc_system, hop_tcp_system, broker_ipc_system,
    broker_tcp_system, broker_curve_system, sleepers_tcp_system, ideal_system;

#endif
