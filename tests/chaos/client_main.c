/* SPDX-License-Identifier: MPL-2.0 */
/*
 * chaos-client ENDPOINTS NUMBER SEED LOG - a client of the chaos tests: submits tasks from several threads
 * until SIGTERM, then finishes what it has begun. SIGUSR1 makes it say what it waits for.
 */
#include "tests/chaos/customer.h"
#include "tests/chaos/record.h"
#include "tests/chaos/task.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_CUSTOMERS = 3 };

typedef struct seat_s {
    counter_t *counter;
    uint64_t seed;
    pthread_t thread;
} seat_t;

static void *sit (void *argument)
{
    seat_t *seat = argument;
    customer_run (seat->counter, seat->seed);
    return NULL;
}

static dpool_t *open_pool (const char *endpoints)
{
    for (;;) {
        dpool_t *pool = dpool_open (endpoints, NULL);
        if (pool)
            return pool;
        /* A proxy in front of a broker that is down accepts, and closes. */
        if (errno != DPOOL_ENOBROKER && errno != DPOOL_ENOTDPOOL) {
            fprintf (stderr, "chaos-client: cannot open %s: %s\n", endpoints, dpool_last_error ()->message);
            exit (EXIT_FAILURE);
        }
    }
}

/* The threads have these signals blocked: no call of theirs is interrupted. */
static void serve_signals (counter_t *counter, const sigset_t *signals)
{
    int number;
    while (!atomic_load (&counter->is_closing)) {
        if (sigwait (signals, &number) == 0 && number == SIGUSR1)
            atomic_fetch_add (&counter->n_questions, 1);
        else
            atomic_store (&counter->is_closing, true);
    }
}

/* Goes on answering questions while the customers finish. */
static void *answer (void *argument)
{
    counter_t *counter = argument;
    sigset_t asked;
    int number;
    sigemptyset (&asked);
    sigaddset (&asked, SIGUSR1);
    for (;;) {
        if (sigwait (&asked, &number) == 0)
            atomic_fetch_add (&counter->n_questions, 1);
    }
    return NULL;
}

int main (int argc, char **argv)
{
    sigset_t signals;
    counter_t counter = { .log_fd = -1 };
    seat_t seats[N_CUSTOMERS];
    pthread_t answerer;
    if (argc != 5)
        return 2;
    sigemptyset (&signals);
    sigaddset (&signals, SIGTERM);
    sigaddset (&signals, SIGUSR1);
    pthread_sigmask (SIG_BLOCK, &signals, NULL);
    puts ("ready"); /* for signals */
    fflush (stdout);
    counter.client = (unsigned) strtoul (argv[2], NULL, 10);
    counter.log_fd = record_open (argv[4]);
    counter.pool = open_pool (argv[1]);
    for (size_t i = 0; i < N_CUSTOMERS; i++) {
        seats[i].counter = &counter;
        seats[i].seed = task_hash (strtoull (argv[3], NULL, 10) * N_CUSTOMERS + i);
        if (pthread_create (&seats[i].thread, NULL, sit, &seats[i]) != 0)
            abort ();
    }
    serve_signals (&counter, &signals);
    pthread_create (&answerer, NULL, answer, &counter);
    for (size_t i = 0; i < N_CUSTOMERS; i++)
        pthread_join (seats[i].thread, NULL);
    dpool_close (counter.pool);
    if (dpool_join (counter.pool, 30000) < 0) {
        fprintf (stderr, "chaos-client: cannot join: %s\n", dpool_last_error ()->message);
        return EXIT_FAILURE;
    }
    dpool_destroy (&counter.pool);
    return EXIT_SUCCESS;
}
