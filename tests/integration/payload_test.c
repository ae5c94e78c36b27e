/* SPDX-License-Identifier: MPL-2.0 */
/* Large payloads while processes are killed: every byte arrives, and nothing is left behind. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

/* The work is linked in, for the embedded pool. */
#include "tests/modules/testwork.c"

enum { N = 48, SIZE = 1500000 };

static uint8_t *bytes;

static size_t count (const char *path, const char *prefix)
{
    size_t n = 0;
    DIR *folder = opendir (path);
    for (struct dirent *entry; folder != NULL && (entry = readdir (folder)) != NULL;)
        n += strncmp (entry->d_name, prefix, strlen (prefix)) == 0;
    if (folder != NULL)
        closedir (folder);
    return n;
}

static dpool_t *pool_at (const char *endpoint)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.processes = 2;
    options.broker_timeout_ms = 60000;
    options.connect_timeout_ms = PATIENCE_MS;
    return assert_made (dpool_open (endpoint, &options));
}

static void submit (dpool_t *pool, dpool_async_result_t **results)
{
    for (size_t i = 0; i < N; i++) {
        memset (bytes, (int) i + 1, SIZE);
        results[i] = assert_made (dpool_apply_async (pool, "echo", "b", (const void *) bytes, (size_t) SIZE));
    }
}

static void check (dpool_async_result_t **results, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const void *back;
        size_t size;
        memset (bytes, (int) i + 1, SIZE);
        assert_ok (dpool_async_result_get (results[i], PATIENCE_MS));
        assert_ok (dpool_value_get (dpool_async_result_value (results[i], 0), "b", &back, &size));
        assert_int_equal (size, SIZE);
        assert_true (memcmp (back, bytes, SIZE) == 0);
        dpool_async_result_destroy (&results[i]);
    }
}

/* "off" or NULL. */
static void use_shared_memory (const char *how)
{
    if (how != NULL)
        setenv ("DPOOL_SHARED_MEMORY", how, 1);
    else
        unsetenv ("DPOOL_SHARED_MEMORY");
}

static void lose_a_worker_and_the_broker (const char *shared_memory)
{
    dpool_async_result_t *results[N];
    size_t n_names = count ("/dev/shm", "dpool"), n_descriptors = count ("/proc/self/fd", "");
    use_shared_memory (shared_memory);
    cluster_t *cluster = cluster_new (NULL);
    cluster_add_worker (cluster, 1, NULL, "first");
    cluster_add_worker (cluster, 1, NULL, "second");
    dpool_t *pool = pool_at (cluster_endpoint (cluster));
    assert_ok (dpool_wait_workers (pool, 2, PATIENCE_MS));
    submit (pool, results);
    check (results, 0, N / 4);
    process_signal (cluster_worker (cluster, 0), SIGKILL);
    check (results, N / 4, N / 2);
    cluster_restart_broker (cluster);
    check (results, N / 2, N);
    dpool_destroy (&pool);
    cluster_destroy (&cluster);
    use_shared_memory (NULL);
    assert_int_equal (count ("/dev/shm", "dpool"), n_names);
    assert_int_equal (count ("/proc/self/fd", ""), n_descriptors);
}

static void loses_nothing_with_a_worker_and_the_broker (void **state)
{
    (void) state;
    lose_a_worker_and_the_broker (NULL);
}

static void loses_nothing_without_shared_memory (void **state)
{
    (void) state;
    lose_a_worker_and_the_broker ("off");
}

static void loses_nothing_with_little_shared_memory (void **state)
{
    (void) state;
    lose_a_worker_and_the_broker ("2");
}

/* The children of an embedded pool die over and over, and the memory that they shared with it. */
static void leaves_nothing_of_children_that_crash (void **state)
{
    (void) state;
    dpool_t *pool = pool_at (NULL);
    assert_ok (dpool_wait_workers (pool, 2, PATIENCE_MS));
    size_t n_before = 0;
    for (int round = 0; round < 12; round++) {
        dpool_async_result_t *results[N];
        dpool_async_result_t *bad = assert_made (
            dpool_apply_async (pool, "crash_over", "ib", SIGKILL, (const void *) bytes, (size_t) SIZE));
        submit (pool, results);
        check (results, 0, N);
        assert_fails (dpool_async_result_get (bad, PATIENCE_MS), DPOOL_ECRASHED);
        dpool_async_result_destroy (&bad);
        size_t n = count ("/proc/self/fd", "");
        if (round < 2)
            n_before = n > n_before ? n : n_before;
        assert_in_range (n, 1, n_before + 4); /* a child may be on its way */
    }
    dpool_destroy (&pool);
}

static int set_up (void **state)
{
    (void) state;
    bytes = malloc (SIZE);
    return bytes != NULL ? 0 : -1;
}

static int tear_down (void **state)
{
    (void) state;
    free (bytes);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (leaves_nothing_of_children_that_crash),
        TEST (loses_nothing_with_a_worker_and_the_broker),
        TEST (loses_nothing_without_shared_memory),
        TEST (loses_nothing_with_little_shared_memory),
    };
    if (dpool_prepare () < 0)
        return 1;
    return cmocka_run_group_tests (tests, NULL, NULL);
}
