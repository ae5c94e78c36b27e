/* SPDX-License-Identifier: MPL-2.0 */
/*
 * worker.h - what a worker program may bring along, since libdpool has no library for it: a reader of files
 * of settings, and a supervisor that is told how the worker is. dpool-worker brings CZMQ and systemd.
 */
#ifndef DPOOL_WORKER_H_INCLUDED
#define DPOOL_WORKER_H_INCLUDED

#include <dpool/dpool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    DPOOL_WORKER_READY,   /* a broker has taken it, or it is known that none can be reached now */
    DPOOL_WORKER_STOPPING /* it finishes what runs, and ends */
} dpool_worker_phase_t;

/* How a worker is. */
typedef struct dpool_worker_news_s {
    dpool_worker_phase_t phase;
    size_t n_brokers;   /* that it was told of */
    size_t n_connected; /* of them: those that have taken it */
    size_t n_processes; /* that may have work at a time */
    size_t n_busy;      /* that have some */
} dpool_worker_news_t;

/* Start from DPOOL_WORKER_HOST_INIT. */
typedef struct dpool_worker_host_s {
    size_t size; /* set by DPOOL_WORKER_HOST_INIT */
    /* Give each setting of the file to take, in their order, with its line (0 = not known) and its value,
       NULL where it is a section; with NULL for a key, a line that nobody can read, and what is wrong with
       it; until take does not return 0. 0, or -1: take did not, or the file has not the right form. NULL:
       the worker has no --config. */
    int (*read_settings) (const char *path,
                          int (*take) (void *receiver, size_t line, const char *key, const char *value),
                          void *receiver);
    /* From the worker's loop, which waits for it: when it is ready, when it stops, and whenever so many
       milliseconds have passed as the last call returned; 0 = not before the phase changes. NULL: nobody. */
    int (*tell) (const dpool_worker_news_t *news);
} dpool_worker_host_t;

/* clang-format off */
#define DPOOL_WORKER_HOST_INIT { sizeof (dpool_worker_host_t), NULL, NULL }
/* clang-format on */

/* dpool_worker_main, of <dpool/function.h>, with these. host is not needed afterwards. */
DPOOL_EXPORT int dpool_worker_main_with (int argc, char **argv, const dpool_worker_host_t *host);

#ifdef __cplusplus
}
#endif

#endif
