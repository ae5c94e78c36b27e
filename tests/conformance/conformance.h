/* SPDX-License-Identifier: MPL-2.0 */
/*
 * conformance.h - the cases that say what a pool does. Each is written once and run on an embedded pool of
 * 4 processes (embedded_test.c) and on a broker with two workers of 2 processes each, without keys
 * (cluster_test.c) and with them (secure_test.c).
 *
 * The reference is multiprocessing.Pool of CPython: a case that has a counterpart in its test suite names
 * it. Where dpool does better than the reference on purpose, the case asserts the better behaviour. These
 * of its tests have no case:
 *
 *   test_apply with keyword arguments       C has none
 *   test_map_handle_iterable_exception of   a list of items is built before the call; what fails there marks
 *     an iterable with a length             the list, see refuses_a_list_that_failed_to_be_built
 *   test_make_pool with 0 processes         0 means "as many as CPUs" in the options
 *   test_pool_maxtasksperchild_invalid 0    0 means "no limit" in the options; 0.5 and "12" do not compile
 *   test_resource_warning                   an object that was never destroyed is found by LeakSanitizer
 *   non-callable function or initializer    they are names; a wrong one is tested as such
 *   float chunksize                         does not compile
 *   test_enter, with                        C has no scopes; use after close and terminate is tested
 *   test_release_task_refs                  the whole run is free of leaks under AddressSanitizer
 *   a callback that raises                  callbacks return nothing
 *   NotLeakOnFailure                        a process that cannot be started needs a fault injected
 */
#ifndef CONFORMANCE_H_INCLUDED
#define CONFORMANCE_H_INCLUDED

#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/interrupter.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

/* How many processes the pool under test has. */
#define N_PROCESSES 4

/* What a case gets as its state: a pool of its own with N_PROCESSES ready, and a folder for its files. */
typedef struct fixture_s {
    const char *endpoint; /* NULL: the embedded pool */
    dpool_t *pool;
    folder_t *folder;
    const char *started; /* two paths in the folder, for functions that tell and wait */
    const char *gate;
} fixture_t;

int fixture_setup (void **state);
int fixture_teardown (void **state);

#define CASE(function) cmocka_unit_test_setup_teardown (function, fixture_setup, fixture_teardown)

typedef struct theme_s {
    const char *name;
    const struct CMUnitTest *cases;
    size_t n_cases;
} theme_t;

#define THEME(id, cases) const theme_t id##_theme = { #id, cases, sizeof (cases) / sizeof (cases)[0] }

extern const theme_t apply_theme, calls_theme, map_theme, imap_theme, source_theme, errors_theme, crash_theme,
    lifetime_theme, shutdown_theme, callbacks_theme, callback_thread_theme, cancel_theme, options_theme,
    interrupt_theme, initializer_theme, payload_theme, progress_theme, threads_theme, driving_theme;
extern const theme_t cluster_theme; /* where there are two workers, "red" and "blue" */

/* Run all themes, and then more (may be NULL), on the pool at the endpoint (NULL: embedded). argv[1] may
   choose cases by a pattern such as "cancels_*". How many failed. */
int conformance_run (const char *endpoint, const theme_t *more, int argc, char **argv);

/* Run one more after that. */
int conformance_run_theme (const theme_t *theme);

/* From now on pools are opened with this key of a client, and expect that of the broker. Borrowed. */
void conformance_use_keys (const char *key_file, const char *server_key);

/* ---- For the cases --------------------------------------------------------------------------- */

/* Options of a pool like the one under test. */
dpool_options_t pool_options (void);

/* Another pool at the fixture's endpoint, with these options (NULL: pool_options). Destroy it. */
dpool_t *another_pool (const fixture_t *f, const dpool_options_t *options);

/* Chunk size n, else nothing. */
dpool_call_options_t chunks_of (size_t n);

/* A list of n items "l": first, first + 1, … Destroy it. */
dpool_items_t *numbers_from (int64_t first, size_t n);

/* A list of n equal items of one or two texts (second may be NULL). Destroy it. */
dpool_items_t *same_texts (size_t n, const char *first, const char *second);

/* Fill n processes with touch_then_wait, and wait until all have started. They end when the fixture's
   gate is opened. Destroy the result. */
dpool_async_result_t *occupy (fixture_t *f, size_t n);

/* Wait until the pool has dealt with what it was told before, such as a cancel: while this one runs, it is
   asked something, and does one after the other. */
void settle (dpool_async_result_t *running);

/* Open the fixture's gate. */
void open_gate (fixture_t *f);

/* All of its values are the squares of first, first + 1, … */
void assert_squares (const dpool_async_result_t *result, int64_t first, size_t n);

/* A source of numbers: first, first + 1, … below end, or the error before item fail_at. */
typedef struct counter_s {
    int64_t next, end;
    int64_t fail_at; /* -1: never */
    int error;
    size_t n_released;
} counter_t;

#define COUNTER_TO(limit)    \
    {                        \
        0, (limit), -1, 0, 0 \
    }
#define COUNTER_FAILING_AT(at, limit, code) \
    {                                       \
        0, (limit), (at), (code), 0         \
    }

dpool_source_t counter_source (counter_t *counter);

#endif
