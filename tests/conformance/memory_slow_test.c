/* SPDX-License-Identifier: MPL-2.0 */
/*
 * memory_slow_test.c - a broker with a memory limit under those who would break it: 10 GB that pass through
 * it, a client that stops reading, and one that submits without end. It stays within the limit, and nobody
 * else is held up for ever.
 *
 * The program is also the client that misbehaves: memory_slow <what it does> <endpoint>.
 */
#include "tests/modules/testwork.c"
#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT "256M"

enum {
    LIMIT_KIB = 256 * 1024,
    SLACK_KIB = 64 * 1024, /* what is no payload, and what an allocator keeps */
    ITEM = 1024 * 1024,
    N_ITEMS = 10 * 1024, /* 10 GiB of arguments, and as much of results */
    N_RESULTS = 600,
    PATIENCE = 120000
};

static cluster_t *cluster;
static const char *program;

static int set_up (void **state)
{
    static const char *const arguments[] = { "--memory-limit", LIMIT, NULL };
    (void) state;
    cluster = cluster_new (arguments);
    cluster_add_worker (cluster, 1, NULL, "one");
    cluster_add_worker (cluster, 1, NULL, "two");
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    cluster_destroy (&cluster);
    return 0;
}

/* The most resident memory that a process ever had. */
static long peak_kib (pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf (path, sizeof path, "/proc/%d/status", (int) pid);
    FILE *file = fopen (path, "r");
    while (file != NULL && fgets (line, sizeof line, file) != NULL)
        if (sscanf (line, "VmHWM: %ld", &kib) == 1)
            break;
    if (file != NULL)
        fclose (file);
    return kib;
}

static void check_broker (const char *what)
{
    long broker = peak_kib (process_pid (cluster_broker (cluster)));
    print_message ("%s: at most %ld MiB in the broker, %ld and %ld in the workers\n", what, broker / 1024,
                   peak_kib (process_pid (cluster_worker (cluster, 0))) / 1024,
                   peak_kib (process_pid (cluster_worker (cluster, 1))) / 1024);
    assert_true (broker > 0 && broker < LIMIT_KIB + SLACK_KIB);
}

static void others_work (void)
{
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    for (int64_t i = 0; i < 200; i++) {
        dpool_value_t *value;
        assert_ok (dpool_apply (pool, &value, "square", DPOOL_V (i)));
        assert_number (value, i * i);
        dpool_value_destroy (&value);
    }
    dpool_destroy (&pool);
}

/* ---- 10 GB ------------------------------------------------------------------------------------- */

static int next_item (void *state, dpool_items_t *item)
{
    static char bytes[ITEM];
    int *n = state;
    if (*n == N_ITEMS)
        return 0;
    memcpy (bytes, n, sizeof *n);
    ++*n;
    return dpool_items_add (item, "b", (const void *) bytes, sizeof bytes) == 0 ? 1 : -1;
}

static void ten_gigabytes_pass_within_the_limit (void **state)
{
    (void) state;
    int n = 0, answer;
    size_t n_taken = 0;
    const dpool_value_t *value;
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    dpool_source_t source = { next_item, &n, NULL };
    dpool_imap_t *imap = assert_made (dpool_imap (pool, "echo", source, NULL));
    while ((answer = dpool_imap_next (imap, &value, PATIENCE)) == 1) {
        const void *bytes;
        size_t size;
        int number;
        assert_ok (dpool_value_get (value, "b", &bytes, &size));
        assert_int_equal (size, ITEM);
        memcpy (&number, bytes, sizeof number);
        assert_int_equal (number, n_taken);
        n_taken++;
    }
    assert_int_equal (answer, 0);
    assert_int_equal (n_taken, N_ITEMS);
    dpool_imap_destroy (&imap);
    dpool_destroy (&pool);
    check_broker ("10 GiB");
    print_message ("and %ld MiB in the client\n", peak_kib (getpid ()) / 1024);
}

/* ---- A client that stops reading ----------------------------------------------------------------- */

static process_t *misbehave (const char *how)
{
    const char *argv[] = { program, how, cluster_endpoint (cluster), NULL };
    process_t *client = process_new (argv, NULL);
    char line[64];
    assert_true (process_read_line (client, line, sizeof line));
    assert_string_equal (line, "submitted");
    return client;
}

static int ask_for_much (dpool_t *pool)
{
    dpool_async_result_t *results[N_RESULTS];
    for (int i = 0; i < N_RESULTS; i++)
        if ((results[i] = dpool_apply_async (pool, "big_result", DPOOL_V ((uint64_t) ITEM))) == NULL)
            return 1;
    puts ("submitted");
    fflush (stdout);
    for (int i = 0; i < N_RESULTS; i++) {
        if (dpool_async_result_get (results[i], PATIENCE) < 0)
            return 2;
        dpool_async_result_destroy (&results[i]);
    }
    return 0;
}

static void a_client_that_stops_reading_holds_up_nobody_else (void **state)
{
    (void) state;
    process_t *client = misbehave ("ask");
    process_signal (client, SIGSTOP);
    others_work ();
    check_broker ("600 results of 1 MiB that nobody reads");
    process_signal (client, SIGCONT);
    assert_int_equal (process_wait (client), 0);
    process_destroy (&client);
    check_broker ("and when they are read");
}

/* ---- A client that submits without end ------------------------------------------------------------ */

static int submit_much (dpool_t *pool)
{
    static char bytes[64 * 1024];
    size_t n = 0;
    dpool_async_result_t *result;
    dpool_call_options_t gpu = DPOOL_CALL_OPTIONS_INIT;
    gpu.require = "gpu";
    while ((result = dpool_apply_async_with (pool, &gpu, "echo", "b", (const void *) bytes, sizeof bytes))
           != NULL) {
        dpool_async_result_detach (&result);
        n++;
    }
    if (errno != EAGAIN)
        return 1;
    printf ("submitted\n");
    fflush (stdout);
    pause ();
    return (int) (n & 1);
}

static void a_client_that_submits_without_end_holds_up_nobody_else (void **state)
{
    (void) state;
    cluster_add_worker (cluster, 1, "gpu", "three");
    process_t *worker = cluster_worker (cluster, 2);
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    assert_ok (dpool_wait_workers (pool, 3, PATIENCE));
    dpool_destroy (&pool);
    process_signal (worker, SIGSTOP);
    process_t *client = misbehave ("submit");
    others_work ();
    check_broker ("1 GiB of arguments for a worker that does not take them");
    process_signal (worker, SIGCONT);
    process_destroy (&client);
}

/* ---- The program ------------------------------------------------------------------------------- */

static int misbehaving (const char *how, const char *endpoint)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.submit_timeout_ms = 0;
    options.max_unfinished_bytes = (size_t) 1 << 30;
    dpool_t *pool = dpool_open (endpoint, &options);
    if (pool == NULL)
        return 3;
    int status = strcmp (how, "ask") == 0 ? ask_for_much (pool) : submit_much (pool);
    if (status != 0)
        fprintf (stderr, "%s: %s\n", how, dpool_last_error ()->message);
    dpool_destroy (&pool);
    return status;
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    if (argc == 3)
        return misbehaving (argv[1], argv[2]);
    program = argv[0];
    const struct CMUnitTest tests[] = {
        TEST (ten_gigabytes_pass_within_the_limit),
        TEST (a_client_that_stops_reading_holds_up_nobody_else),
        TEST (a_client_that_submits_without_end_holds_up_nobody_else),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
