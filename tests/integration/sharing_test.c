/* SPDX-License-Identifier: MPL-2.0 */
/* Long payloads between programs of one machine: by shared memory where that can be, whoever dies. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

enum { N = 24, SIZE = 1500000 };

static cluster_t *cluster;
static folder_t *folder;
static char ipc[256];
static uint8_t *bytes;

static int set_up (void **state)
{
    (void) state;
    folder = folder_new ();
    bytes = malloc (SIZE);
    return bytes != NULL ? 0 : -1;
}

static int tear_down (void **state)
{
    (void) state;
    unsetenv ("DPOOL_SHARED_MEMORY");
    cluster_destroy (&cluster);
    folder_destroy (&folder);
    free (bytes);
    return 0;
}

/* ---- What happens at the broker -------------------------------------------------------------- */

typedef struct shared_s {
    long in, out; /* payloads that came to the broker, and went from it, by shared memory */
} shared_t;

static long number_of (const char *text, const char *name)
{
    const char *at = strstr (text, name);
    assert_non_null (at);
    return strtol (at + strlen (name), NULL, 10);
}

static char told[1 << 16];

/* Has the broker told its status, as JSON? One that others keep off the CPUs may not do so in time. */
static bool has_told (void *unused)
{
    (void) unused;
    const char *const argv[]
        = { DPOOL_BIN_DIR "/dpool", "status", "--json", "--endpoint", cluster_endpoint (cluster), NULL };
    process_t *process = process_new (argv, NULL);
    process_read_all (process, told, sizeof told);
    int status = process_wait (process);
    process_destroy (&process);
    return status == 0;
}

static const char *status (void)
{
    assert_true (wait_until (has_told, NULL));
    return told;
}

static shared_t shared (void)
{
    const char *text = status ();
    return (shared_t) { number_of (text, "\"shared_in\":"), number_of (text, "\"shared_out\":") };
}

static bool has_no_more_clients (void *n)
{
    return number_of (status (), "\"n_clients\":") <= *(const long *) n;
}

/* A broker at tcp and ipc. */
static void start_broker (void)
{
    static const char *arguments[] = { "--bind", ipc, NULL };
    snprintf (ipc, sizeof ipc, "ipc://%s", folder_path (folder, "broker"));
    cluster = cluster_new (arguments);
}

static void start (const char *endpoint)
{
    start_broker ();
    for (int i = 0; i < 2; i++)
        cluster_add_worker_at (cluster, endpoint != NULL ? endpoint : cluster_endpoint (cluster), 1, NULL);
}

/* ---- Work ------------------------------------------------------------------------------------ */

static dpool_t *pool_at (const char *endpoint)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.broker_timeout_ms = 60000;
    options.connect_timeout_ms = PATIENCE_MS;
    dpool_t *pool = assert_made (dpool_open (endpoint, &options));
    assert_ok (dpool_wait_workers (pool, 2, PATIENCE_MS));
    return pool;
}

static dpool_async_result_t *call (dpool_t *pool, int byte)
{
    memset (bytes, byte, SIZE);
    return assert_made (dpool_apply_async (pool, "echo", "b", (const void *) bytes, (size_t) SIZE));
}

static void submit (dpool_t *pool, dpool_async_result_t **results)
{
    for (int i = 0; i < N; i++)
        results[i] = call (pool, i + 1);
}

static void check_one (dpool_async_result_t **result, int byte)
{
    const void *back;
    size_t size;
    assert_ok (dpool_async_result_get (*result, PATIENCE_MS));
    assert_ok (dpool_value_get (dpool_async_result_value (*result, 0), "b", &back, &size));
    assert_int_equal (size, SIZE);
    memset (bytes, byte, SIZE);
    assert_true (memcmp (back, bytes, SIZE) == 0);
    dpool_async_result_destroy (result);
}

static void check (dpool_async_result_t **results, int from, int to)
{
    for (int i = from; i < to; i++)
        check_one (&results[i], i + 1);
}

static void echo_all (dpool_t *pool)
{
    dpool_async_result_t *results[N];
    submit (pool, results);
    check (results, 0, N);
}

/* One call, all of which goes by shared memory: no memory is lost to what became of others. */
static bool is_all_shared (void *pool)
{
    shared_t before = shared ();
    dpool_async_result_t *result = call (pool, 1);
    check_one (&result, 1);
    shared_t after = shared ();
    return after.in - before.in == 2 && after.out - before.out == 2;
}

/* ---- Where it goes by ------------------------------------------------------------------------ */

static void goes_by_shared_memory_at (const char *endpoint)
{
    start (endpoint);
    dpool_t *pool = pool_at (endpoint != NULL ? endpoint : cluster_endpoint (cluster));
    echo_all (pool); /* the first may come before all is agreed */
    shared_t before = shared ();
    echo_all (pool);
    shared_t now = shared ();
    assert_in_range (now.in - before.in, 2 * N, 3 * N);
    assert_in_range (now.out - before.out, 2 * N, 3 * N);
    dpool_destroy (&pool);
}

static void long_payloads_go_by_shared_memory_over_tcp (void **state)
{
    (void) state;
    goes_by_shared_memory_at (NULL);
}

static void long_payloads_go_by_shared_memory_over_ipc (void **state)
{
    (void) state;
    snprintf (ipc, sizeof ipc, "ipc://%s", folder_path (folder, "broker"));
    goes_by_shared_memory_at (ipc);
}

static void none_do_where_it_is_off (void **state)
{
    (void) state;
    setenv ("DPOOL_SHARED_MEMORY", "off", 1);
    start (NULL);
    dpool_t *pool = pool_at (cluster_endpoint (cluster));
    echo_all (pool);
    shared_t now = shared ();
    assert_int_equal (now.in, 0);
    assert_int_equal (now.out, 0);
    dpool_destroy (&pool);
}

static void programs_without_it_are_served_beside_those_with_it (void **state)
{
    (void) state;
    start_broker ();
    setenv ("DPOOL_SHARED_MEMORY", "off", 1);
    cluster_add_worker (cluster, 2, NULL, NULL);
    unsetenv ("DPOOL_SHARED_MEMORY");
    dpool_t *pool = pool_at (cluster_endpoint (cluster));
    echo_all (pool);
    shared_t now = shared ();
    assert_int_equal (now.in, N);
    assert_int_equal (now.out, N);
    dpool_destroy (&pool);
}

/* A container, as it were: what is told of memory leads nowhere there. */
static void a_worker_among_other_process_ids_is_served_by_the_socket (void **state)
{
    (void) state;
    const char *const trial[] = { "/usr/bin/unshare", "--user", "--pid", "--fork", "/bin/true", NULL };
    process_t *process = process_new (trial, "/dev/null");
    int status = process_wait (process);
    process_destroy (&process);
    if (status != 0)
        skip (); /* it is not allowed here, or there is no such program */
    start_broker ();
    const char *const worker[] = { "/usr/bin/unshare",
                                   "--user",
                                   "--pid",
                                   "--fork",
                                   "--kill-child",
                                   DPOOL_BIN_DIR "/dpool-worker",
                                   "--module",
                                   DPOOL_MODULE_DIR "/libtestwork.so",
                                   "--processes",
                                   "2",
                                   cluster_endpoint (cluster),
                                   NULL };
    process = process_new (worker, NULL);
    dpool_t *pool = pool_at (cluster_endpoint (cluster));
    echo_all (pool);
    shared_t now = shared ();
    assert_int_equal (now.in, N);
    assert_int_equal (now.out, N);
    dpool_destroy (&pool);
    process_destroy (&process);
}

/* ---- Who dies -------------------------------------------------------------------------------- */

/* Little memory, so that what is never given back would soon be all. */
static void use_little_memory (void)
{
    setenv ("DPOOL_SHARED_MEMORY", "8", 1);
}

static void kill_a_worker (size_t round)
{
    process_signal (cluster_worker (cluster, round), SIGKILL);
    cluster_add_worker (cluster, 1, NULL, NULL);
}

static void kill_the_broker (size_t round)
{
    (void) round;
    cluster_restart_broker (cluster);
}

/* Somebody is killed in mid-work, again and again. */
static void nothing_is_lost_when (void (*kill_one) (size_t round))
{
    use_little_memory ();
    start (NULL);
    dpool_t *pool = pool_at (cluster_endpoint (cluster));
    for (int round = 0; round < 4; round++) {
        dpool_async_result_t *results[N];
        submit (pool, results);
        check (results, 0, 2 + round);
        kill_one ((size_t) round);
        check (results, 2 + round, N);
    }
    assert_true (wait_until (is_all_shared, pool));
    dpool_destroy (&pool);
}

static void nothing_is_lost_with_workers_that_are_killed (void **state)
{
    (void) state;
    nothing_is_lost_when (kill_a_worker);
}

static void nothing_is_lost_with_a_broker_that_is_killed (void **state)
{
    (void) state;
    nothing_is_lost_when (kill_the_broker);
}

/* Until it is killed. */
static _Noreturn void be_a_client (void)
{
    dpool_t *pool = dpool_open (cluster_endpoint (cluster), NULL);
    for (;;) {
        dpool_async_result_t *results[N];
        for (int i = 0; pool != NULL && i < N; i++)
            results[i] = dpool_apply_async (pool, "echo", "b", (const void *) bytes, (size_t) SIZE);
        for (int i = 0; pool != NULL && i < N; i++) {
            dpool_async_result_get (results[i], PATIENCE_MS);
            dpool_async_result_destroy (&results[i]);
        }
    }
}

static bool has_begun (void *before)
{
    return shared ().out > *(const long *) before + N;
}

static void others_are_served_when_clients_are_killed (void **state)
{
    (void) state;
    start (NULL);
    for (int round = 0; round < 3; round++) {
        long before = shared ().out;
        memset (bytes, 99, SIZE);
        pid_t client = fork ();
        if (client == 0)
            be_a_client ();
        assert_true (client > 0);
        assert_true (wait_until (has_begun, &before));
        kill (client, SIGKILL);
        waitpid (client, NULL, 0);
    }
    dpool_t *pool = pool_at (cluster_endpoint (cluster));
    echo_all (pool);
    assert_true (wait_until (is_all_shared, pool));
    dpool_destroy (&pool);
}

/* Its work is done by another meanwhile, and the memory that it was in is used for other work. */
static void a_worker_that_was_stopped_reads_nothing_else_than_it_was_sent (void **state)
{
    (void) state;
    dpool_async_result_t *results[N], *others[N];
    use_little_memory ();
    start (NULL);
    dpool_t *pool = pool_at (cluster_endpoint (cluster));
    submit (pool, results);
    check (results, 0, 2);
    process_signal (cluster_worker (cluster, 0), SIGSTOP);
    check (results, 2, N);
    for (int i = 0; i < N; i++)
        others[i] = call (pool, 100 + i);
    process_signal (cluster_worker (cluster, 0), SIGCONT);
    for (int i = 0; i < N; i++)
        check_one (&others[i], 100 + i);
    assert_true (wait_until (is_all_shared, pool));
    dpool_destroy (&pool);
}

static void *terminate (void *pool)
{
    dpool_terminate (pool);
    return NULL;
}

/* Leave in mid-payload. Returns whether that took less time than a client gives a broker to hear him: of one
   that others kept off the CPUs for so long nothing can be told. */
static bool leave_in_time (void)
{
    enum { GOODBYE_MS = 500 };
    dpool_async_result_t *results[N];
    pthread_t thread;
    dpool_t *pool = pool_at (cluster_endpoint (cluster));
    echo_all (pool);
    process_signal (cluster_broker (cluster), SIGSTOP);
    submit (pool, results);
    int64_t start_ms = now_ms ();
    assert_int_equal (pthread_create (&thread, NULL, terminate, pool), 0);
    process_signal (cluster_broker (cluster), SIGCONT);
    pthread_join (thread, NULL);
    for (int i = 0; i < N; i++)
        dpool_async_result_destroy (&results[i]);
    dpool_destroy (&pool);
    return now_ms () - start_ms < GOODBYE_MS;
}

/* Its BYE comes behind payloads that the broker has yet to copy, and gets there all the same. */
static void a_client_that_leaves_in_mid_payload_is_gone_at_once (void **state)
{
    (void) state;
    long n_left = 0; /* those that were too slow may be waited for, which takes 60 s */
    start (NULL);
    while (!leave_in_time ())
        if (++n_left == 5)
            skip ();
    assert_true (wait_until (has_no_more_clients, &n_left));
}

/* What a program has read stays as it is for its fork, though the program goes on. */
static void a_fork_keeps_the_results_that_it_has_seen (void **state)
{
    (void) state;
    const void *back;
    size_t size;
    int go[2];
    start (NULL);
    dpool_t *pool = pool_at (cluster_endpoint (cluster));
    dpool_async_result_t *result = call (pool, 7);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_ok (dpool_value_get (dpool_async_result_value (result, 0), "b", &back, &size));
    assert_int_equal (pipe (go), 0);
    pid_t child = fork ();
    if (child == 0) {
        char byte;
        close (go[1]);
        ssize_t rc = read (go[0], &byte, 1);
        memset (bytes, 7, SIZE);
        _exit (rc == 0 && memcmp (back, bytes, SIZE) == 0 ? 0 : 1);
    }
    close (go[0]);
    dpool_async_result_destroy (&result);
    echo_all (pool);
    close (go[1]);
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_int_equal (status, 0);
    dpool_destroy (&pool);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (long_payloads_go_by_shared_memory_over_tcp),
        TEST (long_payloads_go_by_shared_memory_over_ipc),
        TEST (none_do_where_it_is_off),
        TEST (programs_without_it_are_served_beside_those_with_it),
        TEST (a_worker_among_other_process_ids_is_served_by_the_socket),
        TEST (nothing_is_lost_with_workers_that_are_killed),
        TEST (nothing_is_lost_with_a_broker_that_is_killed),
        TEST (others_are_served_when_clients_are_killed),
        TEST (a_worker_that_was_stopped_reads_nothing_else_than_it_was_sent),
        TEST (a_client_that_leaves_in_mid_payload_is_gone_at_once),
        TEST (a_fork_keeps_the_results_that_it_has_seen),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
