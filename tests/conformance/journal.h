/* SPDX-License-Identifier: MPL-2.0 */
/* journal.h - what the callbacks of a case leave behind. */
#ifndef JOURNAL_H_INCLUDED
#define JOURNAL_H_INCLUDED

#include "tests/conformance/conformance.h"

#include <semaphore.h>

/* Written by the callback thread, read after a wait. */
typedef struct journal_s {
    int n_success, n_failure;
    int64_t sum;         /* of the values seen */
    dpool_error_t error; /* only its numbers */
    bool was_ready;      /* as seen in the callback */
    int rc, code;        /* of what the callback called */
    pthread_t thread;
    dpool_t *pool;
    dpool_async_result_t *other;
    sem_t entered, leave;
} journal_t;

void journal_init (journal_t *journal, dpool_t *pool);

/* Wait until a callback has posted "entered"; fail the test if none does. */
void journal_wait (journal_t *journal);

/* Options with these callbacks, and the journal as their user_data. */
dpool_call_options_t journal_options (dpool_callback_t *callback, dpool_callback_t *error_callback,
                                      journal_t *journal);

/* Callbacks that count the call and note what they see. */
void journal_success (dpool_async_result_t *result, void *user_data);
void journal_failure (dpool_async_result_t *result, void *user_data);

#endif
