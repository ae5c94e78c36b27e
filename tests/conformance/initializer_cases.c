/* SPDX-License-Identifier: MPL-2.0 */
/* What runs in each process before its first task, and once a host. */
#include "tests/conformance/conformance.h"

/* A pool whose processes run the initializer with these arguments (NULL: without). */
static dpool_t *pool_with (const fixture_t *f, const char *initializer, dpool_items_t *arguments,
                           int max_tasks)
{
    dpool_options_t options = pool_options ();
    options.initializer = initializer;
    options.initializer_args = arguments;
    options.max_tasks_per_child = max_tasks;
    return another_pool (f, &options);
}

static dpool_items_t *number_and_path (int64_t number, const char *path)
{
    dpool_items_t *items = assert_made (dpool_items_new ());
    assert_ok (dpool_items_add (items, "ls", number, path));
    return items;
}

static dpool_items_t *nothings (size_t n)
{
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (size_t i = 0; i < n; i++)
        assert_ok (dpool_items_add (items, ""));
    return items;
}

/* Each process that ran an item wrote its pid exactly once, and kept the number. */
static void assert_initialized (dpool_async_result_t *result, const char *path, int64_t number)
{
    enum { MAX = 200 };
    long pids[MAX];
    size_t n_pids = read_numbers (path, pids, MAX);
    assert_in_range (n_pids, 1, MAX);
    for (size_t i = 0; i < n_pids; i++) {
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal (pids[i], pids[j]);
    }
    for (size_t i = 0; i < dpool_async_result_count (result); i++) {
        int64_t kept;
        int n_initialized, pid;
        assert_ok (
            dpool_value_get (dpool_async_result_value (result, i), "lii", &kept, &n_initialized, &pid));
        assert_int_equal (kept, number);
        assert_int_equal (n_initialized, 1);
        size_t at = 0;
        while (at < n_pids && pids[at] != pid)
            at++;
        assert_true (at < n_pids);
    }
}

/* test_pool_initializer */
static void runs_once_in_each_process_before_its_first_task (void **state)
{
    fixture_t *f = *state;
    static const int max_tasks[] = { 0, 1, 7 };
    static const char *const names[] = { "a", "b", "c" };
    for (size_t i = 0; i < 3; i++) {
        const char *path = folder_path (f->folder, names[i]);
        dpool_items_t *arguments = number_and_path (1000 + (int64_t) i, path);
        dpool_t *pool = pool_with (f, "set_initial", arguments, max_tasks[i]);
        dpool_items_destroy (&arguments);
        dpool_items_t *items = nothings (40);
        dpool_call_options_t options = chunks_of (1);
        dpool_async_result_t *result = assert_made (dpool_map (pool, "read_initial", items, &options));
        assert_ok (dpool_async_result_get (result, 0));
        assert_initialized (result, path, 1000 + (int64_t) i);
        dpool_async_result_destroy (&result);
        dpool_items_destroy (&items);
        dpool_destroy (&pool);
    }
}

static void runs_without_arguments (void **state)
{
    fixture_t *f = *state;
    dpool_t *pool = pool_with (f, "initialize_plainly", NULL, 0);
    dpool_value_t *value;
    int64_t kept;
    int n, pid;
    assert_ok (dpool_apply (pool, &value, "read_initial", ""));
    assert_ok (dpool_value_get (value, "lii", &kept, &n, &pid));
    assert_int_equal (kept, 99);
    assert_int_equal (n, 1);
    dpool_value_destroy (&value);
    dpool_destroy (&pool);
}

/* Its processes are its own: what one pool set, no other sees. */
static void keeps_pools_with_initializers_apart (void **state)
{
    fixture_t *f = *state;
    const char *path = folder_path (f->folder, "pids");
    dpool_t *pools[3] = { NULL, NULL, f->pool };
    for (int i = 0; i < 2; i++) {
        dpool_items_t *arguments = number_and_path (i + 1, path);
        pools[i] = pool_with (f, "set_initial", arguments, 0);
        dpool_items_destroy (&arguments);
    }
    dpool_items_t *items = nothings (20);
    for (int i = 0; i < 3; i++) {
        dpool_async_result_t *result = assert_made (dpool_map (pools[i], "read_initial", items, NULL));
        for (size_t j = 0; j < 20; j++) {
            int64_t kept;
            int n, pid;
            assert_ok (dpool_value_get (dpool_async_result_value (result, j), "lii", &kept, &n, &pid));
            assert_int_equal (kept, i == 2 ? 0 : i + 1);
        }
        dpool_async_result_destroy (&result);
    }
    dpool_items_destroy (&items);
    dpool_destroy (&pools[0]);
    dpool_destroy (&pools[1]);
}

/* A process that replaces a crashed one is initialized as well. */
static void runs_again_after_a_crash (void **state)
{
    fixture_t *f = *state;
    const char *path = folder_path (f->folder, "pids");
    dpool_items_t *arguments = number_and_path (5, path);
    dpool_t *pool = pool_with (f, "set_initial", arguments, 0);
    dpool_items_destroy (&arguments);
    dpool_items_t *items = nothings (20);
    assert_fails (dpool_apply (pool, NULL, "crash", DPOOL_V (SIGKILL)), DPOOL_ECRASHED);
    dpool_async_result_t *result = assert_made (dpool_map (pool, "read_initial", items, NULL));
    assert_ok (dpool_async_result_get (result, 0));
    assert_initialized (result, path, 5);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
    dpool_destroy (&pool);
}

/* cpython#87472: the reference starts processes without end. Here the tasks fail, with the reason. */
static void fails_the_tasks_when_it_fails (void **state)
{
    fixture_t *f = *state;
    const char *path = folder_path (f->folder, "pids");
    dpool_items_t *arguments = same_texts (1, path, NULL);
    dpool_t *pool = pool_with (f, "fail_initial", arguments, 0);
    dpool_items_destroy (&arguments);
    dpool_items_t *items = numbers_from (0, 50);
    dpool_async_result_t *result = assert_made (dpool_map_async (pool, "square", items, NULL));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_EINITIALIZER);
    assert_says ("no such data");
    assert_says ("fail_initial");
    assert_code (dpool_async_result_error (result, 49), DPOOL_EINITIALIZER);
    assert_fails (dpool_apply (pool, NULL, "square", DPOOL_V (1)), DPOOL_EINITIALIZER);
    long pids[1];
    size_t n_starts = read_numbers (path, pids, 1);
    assert_in_range (n_starts, 3, 40);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
    dpool_destroy (&pool);
    assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (1))); /* other pools do not suffer */
}

static void fails_the_tasks_when_it_crashes (void **state)
{
    fixture_t *f = *state;
    dpool_t *pool = pool_with (f, "crash_initial", NULL, 0);
    assert_fails (dpool_apply (pool, NULL, "square", DPOOL_V (1)), DPOOL_EINITIALIZER);
    assert_says ("crash_initial");
    dpool_destroy (&pool);
}

static void fails_the_tasks_when_there_is_none_of_its_name (void **state)
{
    fixture_t *f = *state;
    dpool_options_t options = pool_options ();
    options.initializer = "set_inital";
    dpool_t *pool = dpool_open (f->endpoint, &options);
    if (pool)
        assert_int_equal (dpool_apply (pool, NULL, "square", DPOOL_V (1)), -1);
    assert_true (errno == DPOOL_EINITIALIZER || errno == DPOOL_ENOFUNCTION);
    assert_says ("set_inital");
    dpool_destroy (&pool);
}

/* Once a host, in the process from which the others are forked. */
static void preloads_before_processes_are_forked (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = nothings (20);
    dpool_call_options_t options = chunks_of (1);
    dpool_async_result_t *result = assert_made (dpool_map (f->pool, "read_preload", items, &options));
    int loaders[2] = { 0, 0 }; /* a cluster has one for each of its two workers */
    for (size_t i = 0; i < 20; i++) {
        int loader, pid;
        assert_ok (dpool_value_get (dpool_async_result_value (result, i), "ii", &loader, &pid));
        assert_int_not_equal (loader, 0);
        assert_int_not_equal (loader, pid);
        size_t at = loaders[0] == 0 || loaders[0] == loader ? 0 : 1;
        assert_true (loaders[at] == 0 || loaders[at] == loader);
        loaders[at] = loader;
    }
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static const struct CMUnitTest cases[] = {
    CASE (runs_once_in_each_process_before_its_first_task),
    CASE (runs_without_arguments),
    CASE (keeps_pools_with_initializers_apart),
    CASE (runs_again_after_a_crash),
    CASE (fails_the_tasks_when_it_fails),
    CASE (fails_the_tasks_when_it_crashes),
    CASE (fails_the_tasks_when_there_is_none_of_its_name),
    CASE (preloads_before_processes_are_forked),
};

THEME (initializer, cases);
