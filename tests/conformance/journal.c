/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/conformance/conformance.h"

#include "tests/conformance/journal.h"

#include <time.h>

void journal_init (journal_t *journal, dpool_t *pool)
{
    memset (journal, 0, sizeof *journal);
    sem_init (&journal->entered, 0, 0);
    sem_init (&journal->leave, 0, 0);
    journal->pool = pool;
}

void journal_wait (journal_t *journal)
{
    struct timespec end;
    clock_gettime (CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_MS / 1000;
    if (sem_timedwait (&journal->entered, &end) < 0)
        fail_msg ("the callback was not called");
}

dpool_call_options_t journal_options (dpool_callback_t *callback, dpool_callback_t *error_callback,
                                      journal_t *journal)
{
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.callback = callback;
    options.error_callback = error_callback;
    options.user_data = journal;
    return options;
}

void journal_success (dpool_async_result_t *result, void *user_data)
{
    journal_t *journal = user_data;
    journal->n_success++;
    journal->was_ready = dpool_async_result_ready (result);
    journal->thread = pthread_self ();
    for (size_t i = 0; i < dpool_async_result_count (result); i++) {
        int64_t x = 0;
        dpool_value_get (dpool_async_result_value (result, i), "l", &x);
        journal->sum += x;
    }
}

void journal_failure (dpool_async_result_t *result, void *user_data)
{
    journal_t *journal = user_data;
    journal->n_failure++;
    journal->was_ready = dpool_async_result_ready (result);
    if (dpool_async_result_get (result, -1) < 0)
        journal->error = *dpool_last_error ();
}
