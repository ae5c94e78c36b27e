/* SPDX-License-Identifier: MPL-2.0 */
/* The cases of conformance.h on an embedded pool, and what only an embedded pool has. */
#include "tests/conformance/conformance.h"

#include <sys/wait.h>

/* The work is linked in: the zygote of this program runs it. */
#include "tests/modules/testprocess.c"
#include "tests/modules/testwork.c"

static void starts_as_many_processes_as_asked (void **state)
{
    fixture_t *f = *state;
    dpool_options_t options = pool_options ();
    options.processes = 3;
    dpool_t *pool = another_pool (f, &options);
    assert_ok (dpool_wait_workers (pool, 3, PATIENCE_MS));
    assert_int_equal (dpool_workers (pool), 3);
    dpool_destroy (&pool);
}

static void starts_one_process_a_cpu_by_default (void **state)
{
    (void) state;
    dpool_t *pool = assert_made (dpool_open ("local", NULL));
    assert_ok (dpool_wait_workers (pool, 1, PATIENCE_MS));
    dpool_destroy (&pool);
}

/* test_make_pool */
static void refuses_a_negative_number_of_processes (void **state)
{
    (void) state;
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.processes = -1;
    assert_not_made (dpool_open (NULL, &options), EINVAL);
    assert_says ("processes");
}

static void takes_a_name_that_is_registered_late_as_ebusy (void **state)
{
    (void) state;
    assert_fails (dpool_register ("late", dpool_body_of_square), EBUSY);
    assert_ok (dpool_prepare ());
}

/* The terminal's signals reach only the program. */
static void runs_children_in_a_session_of_their_own (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value;
    int child, parent, group, session;
    assert_ok (dpool_apply (f->pool, &value, "ids", ""));
    assert_ok (dpool_value_get (value, "iiii", &child, &parent, &group, &session));
    dpool_value_destroy (&value);
    assert_int_not_equal (session, getsid (0));
    assert_int_not_equal (group, getpgrp ());
    assert_int_not_equal (child, getpid ());
}

static void leaves_wait_of_the_program_without_children (void **state)
{
    fixture_t *f = *state;
    int status;
    assert_fails (dpool_apply (f->pool, NULL, "crash", DPOOL_V (SIGKILL)), DPOOL_ECRASHED);
    assert_int_equal (waitpid (-1, &status, WNOHANG), -1);
    assert_int_equal (errno, ECHILD);
}

/* Opened before the zygote was forked: see main. */
static int inherited_fd = -1;

static void gives_children_no_descriptor_of_the_program (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value;
    bool is_open;
    int n;
    assert_ok (dpool_apply (f->pool, &value, "has_descriptor", DPOOL_V (inherited_fd)));
    assert_ok (dpool_value_get (value, "?", &is_open));
    dpool_value_destroy (&value);
    assert_false (is_open);
    assert_ok (dpool_apply (f->pool, &value, "count_descriptors", ""));
    assert_ok (dpool_value_get (value, "i", &n));
    dpool_value_destroy (&value);
    assert_in_range (n, 0, 8); /* the library's own */
}

static void opens_many_pools_side_by_side (void **state)
{
    fixture_t *f = *state;
    dpool_options_t options = pool_options ();
    dpool_t *pools[5];
    options.processes = 1;
    for (int i = 0; i < 5; i++)
        pools[i] = another_pool (f, &options);
    for (int i = 0; i < 5; i++) {
        dpool_value_t *value;
        assert_ok (dpool_apply (pools[i], &value, "square", DPOOL_V (i)));
        assert_number (value, i * i);
        dpool_value_destroy (&value);
    }
    for (int i = 0; i < 5; i++)
        dpool_destroy (&pools[i]);
}

/* A pool's processes are gone once it is destroyed. */
static void leaves_no_process_behind (void **state)
{
    fixture_t *f = *state;
    dpool_options_t options = pool_options ();
    dpool_t *pool = another_pool (f, &options);
    dpool_items_t *items = same_texts (N_PROCESSES, f->started, NULL);
    dpool_call_options_t one = chunks_of (1);
    dpool_async_result_t *result = assert_made (dpool_map_async (pool, "spin", items, &one));
    long pids[N_PROCESSES];
    wait_for_numbers (f->started, pids, N_PROCESSES);
    dpool_destroy (&pool);
    for (size_t i = 0; i < N_PROCESSES; i++)
        wait_for_end ((pid_t) pids[i]);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

/* The program has no other: no case can come behind this one. */
static void ends_the_wait_when_the_zygote_is_killed (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value;
    int child, zygote, group, session;
    assert_ok (dpool_apply (f->pool, &value, "ids", ""));
    assert_ok (dpool_value_get (value, "iiii", &child, &zygote, &group, &session));
    dpool_value_destroy (&value);
    assert_fails (dpool_apply (f->pool, NULL, "signal_then_wait", DPOOL_V (zygote, SIGKILL, f->gate)),
                  DPOOL_ETERMINATED);
    assert_fails (dpool_apply (f->pool, NULL, "square", DPOOL_V (1)), DPOOL_EBROKERLOST);
}

static const struct CMUnitTest embedded_cases[] = {
    CASE (starts_as_many_processes_as_asked),
    CASE (starts_one_process_a_cpu_by_default),
    CASE (refuses_a_negative_number_of_processes),
    CASE (takes_a_name_that_is_registered_late_as_ebusy),
    CASE (runs_children_in_a_session_of_their_own),
    CASE (leaves_wait_of_the_program_without_children),
    CASE (gives_children_no_descriptor_of_the_program),
    CASE (opens_many_pools_side_by_side),
    CASE (leaves_no_process_behind),
    CASE (ends_the_wait_when_the_zygote_is_killed),
};

int main (int argc, char **argv)
{
    static const theme_t embedded_theme
        = { "embedded only", embedded_cases, sizeof embedded_cases / sizeof embedded_cases[0] };
    setvbuf (stdout, NULL, _IOLBF, 0);
    unsetenv ("DPOOL_ENDPOINT");
    inherited_fd = dup2 (STDIN_FILENO, 100);
    return conformance_run (NULL, &embedded_theme, argc, argv);
}
