/* SPDX-License-Identifier: MPL-2.0 */
/* Large numbers of tiny tasks, ten times over: all right, and no process grows. On both pools. */
#include "tests/modules/testwork.c"
#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    N_APPLIES = 100000,
    N_ITEMS = 1000000,
    N_ENDLESS = 10000000,
    N_ROUNDS = 10,
    SLACK_KIB = 24 * 1024 /* an allocator keeps some of what was freed */
};

typedef struct volume_s {
    cluster_t *cluster; /* NULL = embedded */
    dpool_t *pool;
} volume_t;

/* Resident memory of all processes of a pool, in KiB. */
static long resident_kib (pid_t pid)
{
    char path[64];
    long total = 0, resident = 0;
    snprintf (path, sizeof path, "/proc/%d/statm", (int) pid);
    FILE *file = fopen (path, "r");
    if (file == NULL)
        return 0;
    int n = fscanf (file, "%ld %ld", &total, &resident);
    fclose (file);
    return n == 2 ? resident * (sysconf (_SC_PAGESIZE) / 1024) : 0;
}

static long memory_kib (const volume_t *v)
{
    long sum = resident_kib (getpid ());
    if (v->cluster != NULL) {
        sum += resident_kib (process_pid (cluster_broker (v->cluster)));
        for (size_t i = 0; i < 2; i++)
            sum += resident_kib (process_pid (cluster_worker (v->cluster, i)));
    }
    return sum;
}

/* The first rounds fill the allocators' pools: the rest must not grow. The most of them counts, since after
   any of them a pool that has rested may have given memory back. */
static void check_flat (const char *what, const long *kib)
{
    long first = kib[0] > kib[1] ? kib[0] : kib[1];
    first = kib[2] > first ? kib[2] : first;
    print_message ("%s: %ld KiB after the first rounds, %ld after the last\n", what, first,
                   kib[N_ROUNDS - 1]);
    assert_true (kib[N_ROUNDS - 1] < first + SLACK_KIB);
}

static void apply_round (dpool_t *pool, dpool_async_result_t **results)
{
    for (int64_t i = 0; i < N_APPLIES; i++)
        results[i] = assert_made (dpool_apply_async (pool, "square", DPOOL_V (i)));
    for (int64_t i = 0; i < N_APPLIES; i++) {
        assert_ok (dpool_async_result_get (results[i], 120000));
        assert_number (dpool_async_result_value (results[i], 0), i * i);
        dpool_async_result_destroy (&results[i]);
    }
}

static void many_applies_leave_memory_flat (void **state)
{
    volume_t *v = *state;
    long kib[N_ROUNDS];
    dpool_async_result_t **results = calloc (N_APPLIES, sizeof (dpool_async_result_t *));
    for (int round = 0; round < N_ROUNDS; round++) {
        apply_round (v->pool, results);
        kib[round] = memory_kib (v);
    }
    free (results);
    check_flat ("100,000 applies", kib);
}

static void map_round (dpool_t *pool)
{
    dpool_items_t *items = dpool_items_new ();
    for (int64_t i = 0; i < N_ITEMS; i++)
        assert_ok (dpool_items_add (items, DPOOL_V (i)));
    dpool_async_result_t *result = assert_made (dpool_map (pool, "square", items, NULL));
    assert_ok (dpool_async_result_get (result, 0));
    for (int64_t i = 0; i < N_ITEMS; i++)
        assert_number (dpool_async_result_value (result, (size_t) i), i * i);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static void large_maps_leave_memory_flat (void **state)
{
    volume_t *v = *state;
    long kib[N_ROUNDS];
    for (int round = 0; round < N_ROUNDS; round++) {
        map_round (v->pool);
        kib[round] = memory_kib (v);
    }
    check_flat ("a map of 1,000,000", kib);
}

static int next_number (void *state, dpool_items_t *item)
{
    int64_t *n = state;
    return dpool_items_add (item, DPOOL_V ((*n)++)) == 0 ? 1 : -1;
}

static void an_endless_source_runs_in_constant_memory (void **state)
{
    volume_t *v = *state;
    int64_t n = 0;
    long kib[N_ROUNDS];
    dpool_source_t source = { next_number, &n, NULL };
    dpool_imap_t *imap = assert_made (dpool_imap (v->pool, "square", source, NULL));
    for (int64_t i = 0; i < N_ENDLESS; i++) {
        const dpool_value_t *value;
        assert_int_equal (dpool_imap_next (imap, &value, 120000), 1);
        assert_number (value, i * i);
        if ((i + 1) % (N_ENDLESS / N_ROUNDS) == 0)
            kib[i / (N_ENDLESS / N_ROUNDS)] = memory_kib (v);
    }
    assert_true (n < N_ENDLESS + 1000000);
    dpool_imap_destroy (&imap);
    check_flat ("10,000,000 items of an endless imap", kib);
}

static int open_embedded (void **state)
{
    static volume_t v;
    v.pool = assert_made (dpool_open ("local", NULL));
    *state = &v;
    return 0;
}

static int open_cluster (void **state)
{
    static volume_t v;
    v.cluster = cluster_new (NULL);
    cluster_add_worker (v.cluster, 1, NULL, "one");
    cluster_add_worker (v.cluster, 1, NULL, "two");
    v.pool = assert_opens (cluster_endpoint (v.cluster));
    assert_ok (dpool_wait_workers (v.pool, 2, 30000));
    *state = &v;
    return 0;
}

static int close_all (void **state)
{
    volume_t *v = *state;
    dpool_destroy (&v->pool);
    if (v->cluster != NULL)
        cluster_destroy (&v->cluster);
    return 0;
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (many_applies_leave_memory_flat),
        cmocka_unit_test (large_maps_leave_memory_flat),
        cmocka_unit_test (an_endless_source_runs_in_constant_memory),
    };
    dpool_prepare ();
    int n_failed = cmocka_run_group_tests_name ("volume, embedded", tests, open_embedded, close_all);
    return n_failed + cmocka_run_group_tests_name ("volume, over tcp", tests, open_cluster, close_all);
}
