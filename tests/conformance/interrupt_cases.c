/* SPDX-License-Identifier: MPL-2.0 */
/* Every call that waits returns with EINTR after a signal handler ran on its thread, so that Ctrl-C works. */
#include "tests/conformance/conformance.h"

static void interrupts_every_wait (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = same_texts (2, f->gate, NULL);
    dpool_imap_t *imap
        = assert_made (dpool_imap (f->pool, "wait_for_file", dpool_source_from_items (items), NULL));
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (f->pool, "wait_for_file", DPOOL_V (f->gate)));
    for (int is_restarting = 0; is_restarting < 2; is_restarting++) {
        interrupter_t *interrupter = interrupter_new (is_restarting);
        assert_fails (dpool_async_result_wait (result, PATIENCE_MS), EINTR);
        assert_fails (dpool_async_result_get (result, -1), EINTR);
        assert_fails (dpool_imap_next (imap, NULL, -1), EINTR);
        assert_fails (dpool_wait_workers (f->pool, 1000, PATIENCE_MS), EINTR);
        interrupter_destroy (&interrupter);
    }
    assert_ok (dpool_close (f->pool));
    interrupter_t *interrupter = interrupter_new (false);
    assert_fails (dpool_join (f->pool, -1), EINTR);
    interrupter_destroy (&interrupter);

    open_gate (f); /* nothing was lost: the same calls go on */
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 1);
    assert_int_equal (dpool_imap_index (imap), 0);
    assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 1);
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    dpool_imap_destroy (&imap);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

/* These give no handle to go on with, so they cancel their work. */
static void cancels_apply_and_map_that_are_interrupted (void **state)
{
    fixture_t *f = *state;
    const char *never = folder_path (f->folder, "never");
    dpool_async_result_t *gated = occupy (f, N_PROCESSES);
    dpool_items_t *items = same_texts (100, never, NULL);
    dpool_value_t *value = (dpool_value_t *) f;
    interrupter_t *interrupter = interrupter_new (false);
    assert_fails (dpool_apply (f->pool, &value, "touch_file", DPOOL_V (never)), EINTR);
    assert_null (value);
    assert_not_made (dpool_map (f->pool, "touch_file", items, NULL), EINTR);
    interrupter_destroy (&interrupter);
    settle (gated);
    open_gate (f);
    assert_ok (dpool_async_result_get (gated, PATIENCE_MS));
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_int_equal (size_of (never), 0);
    dpool_async_result_destroy (&gated);
    dpool_items_destroy (&items);
}

static void interrupts_the_wait_for_room_in_the_window (void **state)
{
    fixture_t *f = *state;
    dpool_options_t options = pool_options ();
    options.max_unfinished_tasks = 1;
    dpool_t *pool = another_pool (f, &options);
    dpool_async_result_t *result = assert_made (dpool_apply_async (pool, "wait_for_file", DPOOL_V (f->gate)));
    interrupter_t *interrupter = interrupter_new (false);
    assert_not_made (dpool_apply_async (pool, "square", DPOOL_V (1)), EINTR);
    interrupter_destroy (&interrupter);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
}

/* Signals hit only what waits: calls that have something to give still give it in the end. */
static void works_under_a_rain_of_signals (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = numbers_from (0, 300);
    interrupter_t *interrupter = interrupter_new (false);
    dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "square", items, NULL));
    int64_t end = now_ms () + PATIENCE_MS;
    while (dpool_async_result_get (result, PATIENCE_MS) < 0) {
        assert_int_equal (errno, EINTR);
        assert_true (now_ms () < end);
    }
    assert_squares (result, 0, 300);
    dpool_async_result_destroy (&result);

    dpool_imap_t *imap = assert_made (dpool_imap (f->pool, "square", dpool_source_from_items (items), NULL));
    for (int64_t x = 0; x < 300;) {
        const dpool_value_t *value;
        int rc = dpool_imap_next (imap, &value, PATIENCE_MS);
        assert_true (now_ms () < end);
        if (rc == 1) {
            assert_number (value, x * x);
            x++;
        } else {
            assert_int_equal (rc, -1);
            assert_int_equal (errno, EINTR);
        }
    }
    interrupter_destroy (&interrupter);
    assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 0);
    dpool_imap_destroy (&imap);
    dpool_items_destroy (&items);
}

/* The library installs no handlers and takes no signals from its user's threads. */
static void leaves_the_program_s_handlers_alone (void **state)
{
    (void) state;
    static const int numbers[] = { SIGINT, SIGTERM, SIGCHLD, SIGHUP, SIGSEGV, SIGALRM, SIGUSR2 };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action;
        assert_int_equal (sigaction (numbers[i], NULL, &action), 0);
        if (numbers[i] != SIGSEGV) /* cmocka takes that one */
            assert_true (action.sa_handler == SIG_DFL);
    }
}

static const struct CMUnitTest cases[] = {
    CASE (interrupts_every_wait),
    CASE (cancels_apply_and_map_that_are_interrupted),
    CASE (interrupts_the_wait_for_room_in_the_window),
    CASE (works_under_a_rain_of_signals),
    CASE (leaves_the_program_s_handlers_alone),
};

THEME (interrupt, cases);
