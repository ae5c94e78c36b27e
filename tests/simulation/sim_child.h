/* SPDX-License-Identifier: MPL-2.0 */
/*
 * sim_child.h - a child process of a worker, played: it reads its channel, claims items at the gate of its
 * slot (the real one), works through them in virtual time, and dies where their deeds say so. It runs
 * though its worker's loop is stopped.
 */
#ifndef SIM_CHILD_H_INCLUDED
#define SIM_CHILD_H_INCLUDED

#include "core/buffer.h"
#include "core/list.h"
#include "tests/simulation/scenario.h"
#include "tests/simulation/workload.h"
#include "worker/crew.h"
#include "worker/slot.h"

struct sim_worker_s;

typedef enum { CHILD_NONE, CHILD_FORKED, CHILD_UP, CHILD_DEAD } sim_child_state_t;

/* What was written into its channel: a run, or a mark that opens the gate. */
typedef struct order_s {
    dp_list_t in_channel;
    uint64_t serial; /* or the mark */
    start_t name;
    bool is_mark;
    size_t n_items;
    item_t *items[];
} order_t;

/* What it has written for its worker. */
typedef enum { RECORD_IS_READY, RECORD_IS_UNFIT, RECORD_IS_OUTCOME } record_kind_t;
typedef struct record_s {
    dp_list_t in_ring;
    record_kind_t kind;
    uint64_t serial, run_us;
    size_t n; /* outcomes */
    dp_buffer_t outcome;
} record_t;

typedef struct sim_child_s {
    struct sim_worker_s *worker;
    size_t place;
    slot_t *slot;
    sim_child_state_t state;
    sim_event_t event; /* it is up, its item ends, or it reads on */
    initializer_t initializer;
    uint64_t session; /* whose it is; 0 = common */
    dp_list_t channel, ring;
    order_t *order; /* the run that it is in */
    size_t n_done;  /* of its items */
    size_t n_given; /* items that it has claimed */
    int64_t item_since_us;
    int64_t stopped_until_us; /* by a stranger */
    bool is_ending;           /* its channel was closed */
    bool is_loop_patient;     /* the worker is to be woken only for the last of a run, as ring_sleep says */
    sim_event_t doom;         /* a signal of its worker arrives: the zygote sends it */
    int doom_signal;
    int signal, exit_status; /* that it died of */
} sim_child_t;

sim_child_t *sim_child_new (struct sim_worker_s *worker, size_t place);
void sim_child_destroy (sim_child_t **self_p);

/* What the worker does. */
void sim_child_fork (sim_child_t *self, const crew_session_t *session);
void sim_child_hand (sim_child_t *self, uint64_t serial, const crew_task_t *task);
uint64_t sim_child_take_back (sim_child_t *self, uint64_t serial);
void sim_child_flag (sim_child_t *self, uint64_t serial);
void sim_child_signal (sim_child_t *self, int signal);
void sim_child_end (sim_child_t *self);

/* Pass on what it has written, and then its death; what its slot says now. */
void sim_child_hear (sim_child_t *self);

/* What strangers do: kill it, stop it for a while. */
void sim_child_kill (sim_child_t *self, int signal);
void sim_child_stop (sim_child_t *self, int64_t until_us);
/* It dies with its worker, and nobody hears of it. */
void sim_child_lose (sim_child_t *self);

/* Has it been given work that it has not reported? */
bool sim_child_is_busy (const sim_child_t *self);

#endif
