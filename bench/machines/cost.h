/* SPDX-License-Identifier: MPL-2.0 */
/*
 * cost.h - what the state machines cost by themselves: without sockets, processes, and a clock.
 *
 * A machine is driven through a load by peers that are simulated here; only its own calls are measured. Each
 * of them is made by a function whose name begins with cost_of_: by these names callgrind knows what to
 * count.
 */
#ifndef BENCH_COST_H_INCLUDED
#define BENCH_COST_H_INCLUDED

#include "bench/clock.h"
#include "core/wire.h"

typedef struct {
    uint64_t n_tasks, n_workers, n_clients, n_functions;
    uint64_t window;  /* tasks that a worker has at a time */
    uint64_t payload; /* bytes of a task's arguments */
    /* Clients beside them that wait for another function, whose only worker has its hands full. */
    uint64_t n_waiting;
} load_t;

/* Seconds of a CPU that were spent in the machine. The first part is all until the last task was there. */
typedef struct {
    double submit, serve;
} cost_t;

typedef struct {
    const char *name;
    const char *about;
    load_t load; /* the usual one */
    void *(*open) (const load_t *load);
    void (*run) (void *machine, cost_t *cost); /* all tasks of the load, once; may be called again */
    void (*close) (void *machine);
} machine_t;

extern const machine_t scheduler_machine, codec_machine, crew_machine, session_machine, map_machine;

#define COST_OF __attribute__ ((noinline))

/* Time what one statement takes. */
#define COST(seconds, statement)                \
    do {                                        \
        double cost_start = clock_cpu ();       \
        statement;                              \
        (seconds) += clock_cpu () - cost_start; \
    } while (0)

/* ---- Messages ---- */

#define MAX_BATCH WIRE_BATCH_RECORDS

/* Decode what was written, with its blobs (WIRE_MAX_FRAMES of them): it must be right. */
void deliver_decode (const dp_outgoing_t *outgoing, wire_message_t *message, dp_blob_t **blobs);

wire_text_t deliver_text (const char *text);

/* What all results say: a small number. */
wire_bytes_t deliver_value (void);

/* The tasks of a row of TASKS or SUBMIT. */
typedef struct {
    uint64_t session, id, attempt, first, n_items;
} sent_t;

typedef struct {
    sent_t *tasks;
    size_t n, capacity;
} sent_row_t;

/* Append all tasks of the message. */
void sent_add (sent_row_t *self, wire_message_t *message);
void sent_clear (sent_row_t *self); /* keeps its memory */
void sent_free (sent_row_t *self);

#endif
