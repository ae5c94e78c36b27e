/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/conformance/conformance.h"

static const char *pool_endpoint;                   /* of all fixtures; NULL: embedded */
static const char *pool_key_file, *pool_server_key; /* NULL: none */

dpool_options_t pool_options (void)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.processes = N_PROCESSES;
    options.connect_timeout_ms = PATIENCE_MS;
    options.key_file = pool_key_file;
    options.server_key = pool_server_key;
    return options;
}

void conformance_use_keys (const char *key_file, const char *server_key)
{
    pool_key_file = key_file;
    pool_server_key = server_key;
}

dpool_t *another_pool (const fixture_t *f, const dpool_options_t *options)
{
    dpool_options_t usual = pool_options ();
    return assert_made (dpool_open (f->endpoint, options ? options : &usual));
}

int fixture_setup (void **state)
{
    fixture_t *f = calloc (1, sizeof *f);
    if (!f)
        return -1;
    f->endpoint = pool_endpoint;
    f->folder = folder_new ();
    f->started = folder_path (f->folder, "started");
    f->gate = folder_path (f->folder, "gate");
    f->pool = another_pool (f, NULL);
    assert_ok (dpool_wait_workers (f->pool, N_PROCESSES, PATIENCE_MS));
    *state = f;
    return 0;
}

/* The gate is opened in any case, so that a case that failed leaves no process that waits for it. */
int fixture_teardown (void **state)
{
    fixture_t *f = *state;
    open_gate (f);
    dpool_destroy (&f->pool);
    assert_null (f->pool);
    folder_destroy (&f->folder);
    free (f);
    return 0;
}

int conformance_run_theme (const theme_t *theme)
{
    return _cmocka_run_group_tests (theme->name, theme->cases, theme->n_cases, NULL, NULL);
}

int conformance_run (const char *endpoint, const theme_t *more, int argc, char **argv)
{
    const theme_t *const themes[]
        = { &apply_theme,     &calls_theme,           &map_theme,      &imap_theme,     &source_theme,
            &errors_theme,    &crash_theme,           &lifetime_theme, &shutdown_theme, &options_theme,
            &callbacks_theme, &callback_thread_theme, &cancel_theme,   &payload_theme,  &progress_theme,
            &interrupt_theme, &initializer_theme,     &threads_theme,  &driving_theme,  more };
    int n_failed = 0;
    pool_endpoint = endpoint;
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    for (size_t i = 0; i < sizeof themes / sizeof themes[0]; i++) {
        if (themes[i])
            n_failed += conformance_run_theme (themes[i]);
    }
    return n_failed;
}

dpool_call_options_t chunks_of (size_t n)
{
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.chunk_size = n;
    return options;
}

dpool_items_t *numbers_from (int64_t first, size_t n)
{
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (size_t i = 0; i < n; i++)
        assert_ok (dpool_items_add (items, "l", first + (int64_t) i));
    assert_int_equal (dpool_items_count (items), n);
    return items;
}

dpool_items_t *same_texts (size_t n, const char *first, const char *second)
{
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (size_t i = 0; i < n; i++)
        assert_ok (second ? dpool_items_add (items, "ss", first, second)
                          : dpool_items_add (items, "s", first));
    return items;
}

dpool_async_result_t *occupy (fixture_t *f, size_t n)
{
    int64_t before = size_of (f->started);
    dpool_items_t *items = same_texts (n, f->started, f->gate);
    dpool_call_options_t options = chunks_of (1);
    dpool_async_result_t *result
        = assert_made (dpool_map_async (f->pool, "touch_then_wait", items, &options));
    dpool_items_destroy (&items);
    wait_for_size (f->started, before + (int64_t) n);
    return result;
}

static bool is_told_to_run (void *result)
{
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    return dpool_async_result_explain (result, &why) == 0 && why.reason == DPOOL_REASON_RUNNING;
}

void settle (dpool_async_result_t *running)
{
    if (!wait_until (is_told_to_run, running))
        fail_msg ("the pool does not say that it runs");
}

void open_gate (fixture_t *f)
{
    make_file (f->gate);
}

void assert_squares (const dpool_async_result_t *result, int64_t first, size_t n)
{
    assert_int_equal (dpool_async_result_count (result), n);
    for (size_t i = 0; i < n; i++) {
        int64_t x = first + (int64_t) i;
        assert_number (dpool_async_result_value (result, i), x * x);
    }
}

static int draw (void *state, dpool_items_t *item)
{
    counter_t *counter = state;
    if (counter->next == counter->fail_at) {
        errno = counter->error;
        return -1;
    }
    if (counter->next >= counter->end)
        return 0;
    if (dpool_items_add (item, "l", counter->next) < 0)
        return -1;
    counter->next++;
    return 1;
}

static void release (void *state)
{
    ((counter_t *) state)->n_released++;
}

dpool_source_t counter_source (counter_t *counter)
{
    return (dpool_source_t) { draw, counter, release };
}
