/* SPDX-License-Identifier: MPL-2.0 */
/*
 * workload.h - what the clients' programs want done, drawn from the seed: calls of known right values. And
 * the history of each item: what truly happened to it in child processes, which no machine knows.
 */
#ifndef WORKLOAD_H_INCLUDED
#define WORKLOAD_H_INCLUDED

#include "client/job.h"
#include "tests/simulation/random.h"
#include "tests/simulation/schedule.h"

struct sim_s;
struct sim_client_s;

/* What an item's function does once it runs. */
typedef enum {
    DEED_VALUE, /* it gives its value */
    DEED_FAIL,  /* it says that it failed */
    DEED_CRASH, /* it kills its process: the first n_crashes times */
    DEED_HANG   /* it runs until it is stopped */
} deed_t;

typedef struct call_s call_t;

/* The name of a run that started an item, and where that was. */
typedef struct start_s {
    uint64_t id, attempt, life; /* life: of which worker, in which incarnation */
} start_t;

enum { ITEM_STARTS = 8 }; /* so many are remembered */

typedef struct item_s {
    call_t *call;
    size_t index; /* in the call */
    deed_t deed;
    size_t len; /* of its packed arguments: long ones take a frame of their own */
    int64_t run_us;
    unsigned n_crashes;
    bool is_polite;   /* it returns soon when its cancel flag is set */
    bool is_stubborn; /* it ignores SIGTERM */
    /* of an apply, which is a call by itself: */
    job_t *job; /* NULL: not there yet, or not any more */
    size_t place;
    bool is_cancelled;
    /* what happened */
    unsigned n_starts, n_values, n_failures;
    start_t starts[ITEM_STARTS];
    unsigned n_deaths;   /* its process died in it, of itself or by a stranger */
    unsigned n_overruns; /* it was killed after its time limit */
    unsigned n_stops;    /* it was killed otherwise by its worker */
    unsigned n_losses;   /* it died with its worker */
    /* what its program was told */
    bool has_outcome;
    int code; /* 0 = the value */
} item_t;

/* CALL_APPLIES: a burst of applies of one function. */
typedef enum { CALL_APPLIES, CALL_MAP, CALL_IMAP, CALL_IMAP_UNORDERED } call_kind_t;

struct call_s {
    struct sim_client_s *client;
    size_t number;
    call_kind_t kind;
    const char *function, *require;
    size_t chunk_size, n_items;
    int64_t priority;
    uint64_t limit_ms;
    unsigned max_retries;
    bool is_at_most_once;
    item_t *items;
    int64_t take_us; /* imap: how long its program works on each result; 0 = not at all */
    int64_t starts_us, cancels_us, releases_us; /* since the beginning; 0 = never */
    /* as it goes */
    sim_event_t event;
    job_t *job; /* NULL: not there yet, or not any more; or there are many */
    size_t n_appended, n_taken;
    int64_t ended_us; /* a map has all its outcomes since then; 0 = not yet */
    bool is_started, is_cancelled, is_released;
};

typedef struct workload_s {
    call_t *calls; /* of a client behind one another */
    size_t n_calls;
    item_t *items;
    size_t n_items;
    bool has_culprits; /* items that crash or run over their limit */
} workload_t;

void workload_init (workload_t *self, struct sim_s *sim);
void workload_fini (workload_t *self);

/* Its number in its job. */
size_t workload_place (const item_t *item);

/* Was its program ready to do without its outcome? */
bool workload_is_unwanted (const item_t *item);

/* The packed arguments of an item, which name it; and the item that they name. */
dp_blob_t *workload_arguments (const workload_t *self, const item_t *item);
item_t *workload_item (const workload_t *self, dp_reader_t *arguments);

/* The packed right value of an item: WORKLOAD_VALUE bytes. */
enum { WORKLOAD_VALUE = 9 };
void workload_value (const workload_t *self, const item_t *item, uint8_t *value);

#endif
