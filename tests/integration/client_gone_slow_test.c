/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Clients that are gone: killed in the middle of a map, or stopped. What they had queued is dropped and what
 * they run is cancelled after their lease of 60 s, at once when they say goodbye, and nobody else waits for
 * it.
 *
 * The program is also the client: client_gone_slow <how it ends> <endpoint> <started>.
 */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/wait.h"

enum { N_TASKS = 50, LEASE_MS = 60000 };

static const char *program;

/* ---- The client ----------------------------------------------------------------------------------- */

static int be_client (const char *how, const char *endpoint, const char *started)
{
    dpool_t *pool = dpool_open (endpoint, NULL);
    dpool_items_t *items = dpool_items_new ();
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    long pids[2];
    options.chunk_size = 1;
    for (int i = 0; i < N_TASKS; i++)
        dpool_items_add (items, "s", started);
    dpool_async_result_t *result = dpool_map_async (pool, "spin", items, &options);
    if (!result)
        return 1;
    wait_for_numbers (started, pids, 2);
    puts ("running");
    fflush (stdout);
    if (strcmp (how, "wait") == 0)
        dpool_async_result_wait (result, -1);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
    dpool_destroy (&pool);
    return 0;
}

/* ---- The tests ------------------------------------------------------------------------------------ */

typedef struct fixture_s {
    cluster_t *cluster;
    folder_t *folder;
    const char *started;
    process_t *client;
    long pids[2]; /* of the processes that run its tasks */
} fixture_t;

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->folder = folder_new ();
    self->started = folder_path (self->folder, "started");
    self->cluster = cluster_new (NULL);
    cluster_add_worker (self->cluster, 2, NULL, "worker");
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    process_destroy (&self->client);
    cluster_destroy (&self->cluster);
    folder_destroy (&self->folder);
    free (self);
    return 0;
}

static void start_client (fixture_t *f, const char *how)
{
    const char *argv[] = { program, how, cluster_endpoint (f->cluster), f->started, NULL };
    char line[64];
    f->client = process_new (argv, NULL);
    assert_true (process_read_line (f->client, line, sizeof line));
    assert_string_equal (line, "running");
    assert_int_equal (read_numbers (f->started, f->pids, 2), 2);
}

/* Another client gets the processes; nothing more of the first one is started. */
static void assert_forgotten (fixture_t *f)
{
    dpool_t *pool = assert_opens (cluster_endpoint (f->cluster));
    dpool_async_result_t *result = assert_made (dpool_apply_async (pool, "square", DPOOL_V (3)));
    int64_t start = now_ms ();
    assert_ok (dpool_async_result_get (result, LEASE_MS + PATIENCE_MS));
    print_message ("           another one is served after %lld ms\n", (long long) (now_ms () - start));
    wait_for_end ((pid_t) f->pids[0]);
    wait_for_end ((pid_t) f->pids[1]);
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (3)));
    assert_int_equal (read_numbers (f->started, f->pids, 2), 2);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
}

static void what_a_client_had_ends_when_it_says_goodbye (void **state)
{
    fixture_t *f = *state;
    start_client (f, "leave");
    assert_int_equal (process_wait (f->client), 0);
    assert_forgotten (f);
}

static void what_a_killed_client_had_ends_after_its_lease (void **state)
{
    fixture_t *f = *state;
    start_client (f, "wait");
    process_signal (f->client, SIGKILL);
    process_wait (f->client);
    assert_forgotten (f);
}

/* When it goes on it is told that its session was forgotten, and submits again. */
static void a_client_that_is_stopped_for_longer_returns (void **state)
{
    fixture_t *f = *state;
    long pids[4];
    start_client (f, "wait");
    process_signal (f->client, SIGSTOP);
    assert_forgotten (f);
    process_signal (f->client, SIGCONT);
    wait_for_numbers (f->started, pids, 4);
    process_signal (f->client, SIGKILL);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST (what_a_client_had_ends_when_it_says_goodbye),
        TEST (what_a_killed_client_had_ends_after_its_lease),
        TEST (a_client_that_is_stopped_for_longer_returns),
    };
    if (argc == 4)
        return be_client (argv[1], argv[2], argv[3]);
    program = argv[0];
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
