/* SPDX-License-Identifier: MPL-2.0 */
/*
 * queue.h - the workloads of dpool-bench on a job queue with a client in C.
 *
 * usage: <peer> PORT WORKLOAD...     prints a line of JSON: the figure of each, in the unit of dpool-bench
 *        <peer> PORT --first         prints one result and ends; the first program's workers are there
 */
#ifndef BENCH_QUEUE_H_INCLUDED
#define BENCH_QUEUE_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

#define MAX_JOB (2 << 20) /* bytes of an argument or result */

/* One job: the first byte of the argument says what is to be done with the rest. */
typedef struct {
    const void *argument;
    size_t argument_len;
    size_t result_len; /* what it must be; 0 if it may be anything */
} job_t;

/* What a peer must define. They end the program when something fails. */
typedef struct {
    const char *name;
    size_t n_megabytes, n_blocks; /* how many payloads of 1 MiB and of 64 KiB */
    void *(*connect) (int port);
    /* Run all of these jobs and wait for their results. At most 1,000 are given where they are tiny. */
    void (*run) (void *client, const job_t *jobs, size_t n);
    /* Be a worker, for ever. */
    void (*work) (int port);
} queue_t;

/* The main program of a peer. */
int queue_main (const queue_t *queue, int argc, char **argv);

/* For its workers: do the job and fill result, of MAX_JOB bytes. The result's length. */
size_t queue_do (const void *argument, size_t argument_len, void *result);

#endif
