/* SPDX-License-Identifier: MPL-2.0 */
/* call.h - one call of a function, as the process that makes it sees it. */
#ifndef CALL_H_INCLUDED
#define CALL_H_INCLUDED

#include "core/buffer.h"
#include "core/outcome.h"
#include "core/picture.h"
#include "worker/slot.h"

#include <dpool/function.h>

/* Reused from call to call: all zero before the first. */
struct dpool_call_s {
    const char *function;     /* its name */
    const char *host;         /* where it runs */
    const uint8_t *arguments; /* one packed value */
    size_t arguments_len;
    uint64_t serial, seed, job, item, attempt;
    uint64_t max_result; /* bytes of a packed result; 0 = the default */
    slot_t *slot;        /* NULL: nobody watches (preload) */
    dp_texts_t texts;    /* that dpool_call_args gave out */
    dp_buffer_t result;  /* as an outcome */
    uint64_t n_random;   /* numbers given out */
    unsigned n_results;
    bool has_failed; /* by dpool_call_fail */
    int user_code;
    outcome_status_t trouble;       /* of a result that could not be handed over; OUTCOME_VALUE = none */
    outcome_status_t bad_arguments; /* likewise */
    dp_buffer_t message;            /* of has_failed or trouble; NUL-ended */
    dp_buffer_t complaint;          /* of bad_arguments; NUL-ended */
};

/* Forget the call before; the members from "function" to "slot" are the caller's to set, before or after. */
void call_reset (dpool_call_t *self);

/* Run a body, and append the outcome to the buffer: the result, or the failure, which has the status
   "failed_as" where the function itself says so. True when it succeeded. Out of memory aborts. */
bool call_run (dpool_call_t *self, dpool_function_t *body, outcome_status_t failed_as, dp_buffer_t *outcome);

/* Append a failure that needs no run. */
void call_refuse (dpool_call_t *self, outcome_status_t status, dp_buffer_t *outcome, const char *format, ...)
    DPOOL_PRINTF (4, 5);

void call_fini (dpool_call_t *self);

#endif
