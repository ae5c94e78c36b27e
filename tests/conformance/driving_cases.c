/* SPDX-License-Identifier: MPL-2.0 */
/* One thread waits for the pool's only call, and so may run the pool meanwhile: whatever else happens to the
   pool, to that thread or to the program then must go on as if it did not. */
#include "tests/conformance/conformance.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

/* A thread that waits for one call. */
typedef struct caller_s {
    pthread_t thread;
    dpool_t *pool;
    const fixture_t *f;
    int code; /* errno of the call; 0 = it succeeded */
} caller_t;

/* The first calls leave the pool to whoever waits. */
static void warm_up (dpool_t *pool)
{
    for (int i = 0; i < 5; i++)
        assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (i)));
}

static void *call_and_wait (void *argument)
{
    caller_t *self = argument;
    int rc = dpool_apply (self->pool, NULL, "touch_then_wait", DPOOL_V (self->f->started, self->f->gate));
    self->code = rc < 0 ? errno : 0;
    return NULL;
}

/* A thread that is in the middle of its wait. */
static void start_caller (caller_t *self, const fixture_t *f)
{
    warm_up (f->pool);
    int64_t n_started = size_of (f->started);
    *self = (caller_t) { .pool = f->pool, .f = f };
    assert_int_equal (pthread_create (&self->thread, NULL, call_and_wait, self), 0);
    wait_for_size (f->started, n_started + 1);
}

/* A call that runs until the gate is opened, and which nobody waits for yet. */
static dpool_async_result_t *call (const fixture_t *f)
{
    warm_up (f->pool);
    int64_t n_started = size_of (f->started);
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (f->pool, "touch_then_wait", DPOOL_V (f->started, f->gate)));
    wait_for_size (f->started, n_started + 1);
    return result;
}

static int end_caller (const caller_t *self)
{
    pthread_join (self->thread, NULL);
    return self->code;
}

/* ---- The pool's end ------------------------------------------------------------------------- */

static void ends_the_wait_when_the_pool_is_terminated (void **state)
{
    fixture_t *f = *state;
    caller_t caller;
    start_caller (&caller, f);
    assert_ok (dpool_terminate (f->pool));
    assert_int_equal (end_caller (&caller), DPOOL_ETERMINATED);
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
}

static void ends_the_wait_when_the_pool_is_destroyed (void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 5; i++) {
        caller_t caller;
        start_caller (&caller, f);
        dpool_destroy (&f->pool);
        assert_int_equal (end_caller (&caller), DPOOL_ETERMINATED);
        f->pool = another_pool (f, NULL);
    }
}

static void *call_until_terminated (void *argument)
{
    caller_t *self = argument;
    while (dpool_apply (self->pool, NULL, "square", DPOOL_V (1)) == 0)
        continue;
    self->code = errno;
    return NULL;
}

/* At whatever point of a call, and of its hand over, the end comes. */
static void is_terminated_between_short_calls (void **state)
{
    fixture_t *f = *state;
    dpool_options_t options = pool_options ();
    options.processes = 1;
    for (int i = 0; i < 20; i++) {
        caller_t caller = { .pool = another_pool (f, &options) };
        assert_int_equal (pthread_create (&caller.thread, NULL, call_until_terminated, &caller), 0);
        poll (NULL, 0, i % 5);
        assert_ok (dpool_terminate (caller.pool));
        assert_int_equal (end_caller (&caller), DPOOL_ETERMINATED);
        dpool_destroy (&caller.pool);
    }
}

static void joins_while_one_waits (void **state)
{
    fixture_t *f = *state;
    caller_t caller;
    start_caller (&caller, f);
    assert_ok (dpool_close (f->pool));
    assert_fails (dpool_join (f->pool, 20), ETIMEDOUT);
    open_gate (f);
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_int_equal (end_caller (&caller), 0);
}

/* ---- What others do meanwhile --------------------------------------------------------------- */

static void *get_it (void *result)
{
    return (void *) (intptr_t) (dpool_async_result_get (result, PATIENCE_MS) < 0 ? errno : 0);
}

static void ends_the_wait_when_the_call_is_cancelled (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = call (f);
    pthread_t thread;
    void *code;
    assert_int_equal (pthread_create (&thread, NULL, get_it, result), 0);
    assert_ok (dpool_async_result_cancel (result));
    pthread_join (thread, &code);
    assert_int_equal ((intptr_t) code, DPOOL_EKILLED);
    dpool_async_result_destroy (&result);
}

/* A map and an iterator are no calls: who waits for the only call runs them, too. */
static void serves_maps_and_iterators_while_one_waits (void **state)
{
    fixture_t *f = *state;
    caller_t caller;
    start_caller (&caller, f);
    dpool_items_t *items = numbers_from (0, 2000);
    dpool_async_result_t *result = assert_made (dpool_map (f->pool, "square", items, NULL));
    assert_squares (result, 0, 2000);
    dpool_async_result_destroy (&result);
    dpool_imap_t *imap = assert_made (dpool_imap (f->pool, "square", dpool_source_from_items (items), NULL));
    for (int64_t x = 0; x < 2000; x++) {
        const dpool_value_t *value;
        assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
        assert_number (value, x * x);
    }
    dpool_imap_destroy (&imap);
    dpool_items_destroy (&items);
    open_gate (f);
    assert_int_equal (end_caller (&caller), 0);
}

static void *call_often (void *argument)
{
    caller_t *self = argument;
    for (int i = 0; i < 200 && self->code == 0; i++)
        if (dpool_apply (self->pool, NULL, "square", DPOOL_V (i)) < 0)
            self->code = errno;
    return NULL;
}

static void calls_while_another_maps (void **state)
{
    fixture_t *f = *state;
    caller_t caller = { .pool = f->pool };
    dpool_items_t *items = numbers_from (0, 5000);
    assert_int_equal (pthread_create (&caller.thread, NULL, call_often, &caller), 0);
    for (int i = 0; i < 10; i++) {
        dpool_async_result_t *result = assert_made (dpool_map (f->pool, "square", items, NULL));
        assert_squares (result, 0, 5000);
        dpool_async_result_destroy (&result);
    }
    assert_int_equal (end_caller (&caller), 0);
    dpool_items_destroy (&items);
}

/* With a window of one there is never another unfinished call, only others that wait for room. */
static void hands_the_window_on (void **state)
{
    fixture_t *f = *state;
    enum { N = 3 };
    dpool_options_t options = pool_options ();
    options.max_unfinished_tasks = 1;
    dpool_t *pool = another_pool (f, &options);
    caller_t callers[N];
    for (int i = 0; i < N; i++) {
        callers[i] = (caller_t) { .pool = pool };
        assert_int_equal (pthread_create (&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal (end_caller (&callers[i]), 0);
    dpool_destroy (&pool);
}

static void runs_two_pools_in_two_threads (void **state)
{
    fixture_t *f = *state;
    dpool_t *other = another_pool (f, NULL);
    caller_t callers[4];
    for (int i = 0; i < 4; i++) {
        callers[i] = (caller_t) { .pool = i % 2 == 0 ? f->pool : other };
        assert_int_equal (pthread_create (&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal (end_caller (&callers[i]), 0);
    dpool_destroy (&other);
}

/* Finished for its waiter only when the callback has returned, which calls the same pool. */
static void call_again (dpool_async_result_t *result, void *user_data)
{
    (void) result;
    caller_t *self = user_data;
    if (dpool_apply (self->pool, NULL, "square", DPOOL_V (3)) < 0)
        self->code = errno;
}

static void waits_for_a_callback_that_calls (void **state)
{
    fixture_t *f = *state;
    static caller_t caller; /* not on the stack: a case that failed may still be called back */
    caller = (caller_t) { .pool = f->pool };
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.callback = call_again;
    options.user_data = &caller;
    for (int i = 0; i < 100; i++) {
        warm_up (f->pool);
        dpool_async_result_t *result
            = assert_made (dpool_apply_async_with (f->pool, &options, "square", DPOOL_V (2)));
        assert_ok (dpool_async_result_get (result, PATIENCE_MS));
        dpool_async_result_destroy (&result);
        assert_int_equal (caller.code, 0);
    }
}

static void times_out_and_goes_on (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = call (f);
    for (int i = 0; i < 50; i++)
        assert_fails (dpool_async_result_get (result, i % 3), ETIMEDOUT);
    open_gate (f);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    dpool_async_result_destroy (&result);
}

/* ---- What happens to the thread ------------------------------------------------------------- */

/* What waits alone is ended by a signal, and leaves the pool as it was. */
static void is_interrupted_alone (void **state)
{
    fixture_t *f = *state;
    for (int is_restarting = 0; is_restarting < 2; is_restarting++)
        for (int i = 0; i < 2; i++) {
            warm_up (f->pool);
            interrupter_t *interrupter = interrupter_new (is_restarting);
            assert_fails (dpool_apply (f->pool, NULL, "wait_for_file", DPOOL_V (f->gate)), EINTR);
            interrupter_destroy (&interrupter);
        }
    warm_up (f->pool);
}

static void *wait_and_be_cancelled (void *argument)
{
    call_and_wait (argument);
    pthread_testcancel ();
    return NULL;
}

/* pthread_cancel does not tear a thread out of its wait, which would leave the pool without it. */
static void cancels_a_thread_behind_its_wait (void **state)
{
    fixture_t *f = *state;
    caller_t caller = { .pool = f->pool, .f = f, .code = -1 };
    /* Beside another call: so it does not run the pool. */
    dpool_async_result_t *result = call (f);
    assert_int_equal (pthread_create (&caller.thread, NULL, wait_and_be_cancelled, &caller), 0);
    wait_for_size (f->started, 2);
    assert_int_equal (pthread_cancel (caller.thread), 0);
    open_gate (f);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    dpool_async_result_destroy (&result);
    void *end;
    pthread_join (caller.thread, &end);
    assert_ptr_equal (end, PTHREAD_CANCELED);
    assert_int_equal (caller.code, 0);

    caller.code = -1;
    warm_up (f->pool);
    assert_int_equal (pthread_create (&caller.thread, NULL, wait_and_be_cancelled, &caller), 0);
    assert_int_equal (pthread_cancel (caller.thread), 0);
    pthread_join (caller.thread, &end);
    assert_ptr_equal (end, PTHREAD_CANCELED);
    assert_int_equal (caller.code, 0);
    warm_up (f->pool);
}

static void forks_while_another_waits (void **state)
{
    fixture_t *f = *state;
    caller_t caller;
    start_caller (&caller, f);
    pid_t pid = fork ();
    if (pid == 0) {
        dpool_destroy (&f->pool); /* there only a shell */
        _exit (f->pool == NULL ? 0 : 1);
    }
    int status;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    open_gate (f);
    assert_int_equal (end_caller (&caller), 0);
    warm_up (f->pool);
}

/* Sanitizers need more stack, and do not bear forks of a program with threads that go on with more than exec.
 */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static volatile sig_atomic_t forked;

static void fork_in_handler (int number)
{
    (void) number;
    if (forked == 0)
        forked = fork ();
    if (forked == 0)
        forked = -1; /* the child */
}

/* The child returns into the wait: it ends there as by any handler. */
static void fork_in_a_wait (const fixture_t *f)
{
    struct sigaction action = { .sa_handler = fork_in_handler }, before;
    forked = 0;
    sigaction (SIGUSR1, &action, &before);
    int rc = dpool_apply (f->pool, NULL, "signal_then_wait", DPOOL_V ((int) getpid (), SIGUSR1, f->gate));
    if (forked == -1)
        _exit (rc < 0 && errno == EINTR ? 0 : 1);
    sigaction (SIGUSR1, &before, NULL);
    assert_int_equal (rc, -1);
    int status;
    assert_int_equal (waitpid ((pid_t) forked, &status, 0), forked);
    assert_int_equal (status, 0);
}

static void leaves_the_parent_its_loop_when_a_handler_forks (void **state)
{
    fixture_t *f = *state;
    warm_up (f->pool);
    fork_in_a_wait (f);
    open_gate (f);
    for (int i = 0; i < 100; i++)
        assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (i)));
}

/* A child that waits as if it had a descriptor of its own to be woken by would read descriptor 0. */
static void leaves_the_parent_its_input_when_a_handler_forks (void **state)
{
    fixture_t *f = *state;
    static const uint64_t one = 1;
    int ends[2], kept = dup (STDIN_FILENO), n_bytes = 0;
    assert_int_equal (pipe (ends), 0);
    assert_int_equal (write (ends[1], &one, sizeof one), sizeof one);
    dup2 (ends[0], STDIN_FILENO);
    /* Beside another call, so that it does not run the loop. */
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (f->pool, "wait_for_file", DPOOL_V (f->gate)));
    fork_in_a_wait (f);
    assert_int_equal (ioctl (STDIN_FILENO, FIONREAD, &n_bytes), 0);
    dup2 (kept, STDIN_FILENO);
    close (kept);
    close (ends[0]);
    close (ends[1]);
    assert_int_equal (n_bytes, sizeof one);
    open_gate (f);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    dpool_async_result_destroy (&result);
}

static void *call_in_many_ways (void *pool)
{
    dpool_async_result_t *result = NULL;
    for (int i = 0; i < 100; i++)
        if (dpool_apply (pool, NULL, "square", DPOOL_V (i)) < 0)
            return pool;
    if (dpool_apply (pool, NULL, "fail_with", DPOOL_V (3, "no")) == 0
        || dpool_apply (pool, NULL, "crash", DPOOL_V (SIGKILL)) == 0
        || dpool_apply (pool, NULL, "big_result", DPOOL_V ((int64_t) 1000000)) < 0)
        return pool;
    dpool_items_t *items = numbers_from (0, 1000);
    result = dpool_map (pool, "square", items, NULL);
    void *fault = result != NULL ? NULL : pool;
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
    return fault;
}

/* As dpool.h promises. */
static void runs_on_a_stack_of_64_KiB (void **state)
{
    fixture_t *f = *state;
    pthread_attr_t attributes;
    pthread_t thread;
    void *fault;
    pthread_attr_init (&attributes);
    assert_int_equal (pthread_attr_setstacksize (&attributes, 64 << 10), 0);
    assert_int_equal (pthread_create (&thread, &attributes, call_in_many_ways, f->pool), 0);
    pthread_join (thread, &fault);
    assert_null (fault);
    pthread_attr_destroy (&attributes);
}
#endif

static const struct CMUnitTest cases[] = {
    CASE (ends_the_wait_when_the_pool_is_terminated),
    CASE (ends_the_wait_when_the_pool_is_destroyed),
    CASE (is_terminated_between_short_calls),
    CASE (joins_while_one_waits),
    CASE (ends_the_wait_when_the_call_is_cancelled),
    CASE (serves_maps_and_iterators_while_one_waits),
    CASE (calls_while_another_maps),
    CASE (hands_the_window_on),
    CASE (runs_two_pools_in_two_threads),
    CASE (waits_for_a_callback_that_calls),
    CASE (times_out_and_goes_on),
    CASE (is_interrupted_alone),
    CASE (cancels_a_thread_behind_its_wait),
    CASE (forks_while_another_waits),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CASE (leaves_the_parent_its_loop_when_a_handler_forks),
    CASE (leaves_the_parent_its_input_when_a_handler_forks),
    CASE (runs_on_a_stack_of_64_KiB),
#endif
};

THEME (driving, cases);
