/* SPDX-License-Identifier: MPL-2.0 */
/* Large arguments and results over a path so slow that no heartbeat gets past them for far longer than the
   silence that is allowed. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/proxy.h"
#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/wait.h"

enum {
    BYTES = 4 << 20,
    BYTES_A_SECOND = 256 << 10, /* 16 s each way */
    DELAY_MS = 100,
    PATIENCE = 120000
};

typedef struct fixture_s {
    cluster_t *cluster;
    proxy_t *proxy;
    char slow[64]; /* the way through the proxy */
} fixture_t;

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    proxy_weather_t weather = { .bytes_per_s = BYTES_A_SECOND, .delay_ms = DELAY_MS };
    int port = 0;
    assert_non_null (self);
    self->cluster = cluster_new (NULL);
    assert_int_equal (sscanf (cluster_endpoint (self->cluster), "tcp://127.0.0.1:%d", &port), 1);
    self->proxy = proxy_new ((uint16_t) port);
    proxy_set (self->proxy, &weather);
    snprintf (self->slow, sizeof self->slow, "tcp://127.0.0.1:%u", proxy_port (self->proxy));
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    cluster_destroy (&self->cluster);
    proxy_destroy (&self->proxy);
    free (self);
    return 0;
}

static void assert_nobody_was_given_up (fixture_t *f)
{
    char *log = cluster_log (f->cluster, -1);
    assert_null (strstr (log, "lost"));
    assert_null (strstr (log, "gone"));
    assert_null (strstr (log, "broke\n"));
    free (log);
}

/* The argument comes back unchanged, while another pool is served as ever. */
static void echo_slowly (fixture_t *f, const char *endpoint)
{
    unsigned char *bytes = malloc (BYTES);
    dpool_t *pool = assert_opens (endpoint);
    dpool_t *other = assert_opens (cluster_endpoint (f->cluster));
    const void *back;
    size_t size;
    int n_others = 0;
    assert_non_null (bytes);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (unsigned char) (i * 2654435761u >> 13);
    assert_ok (dpool_wait_workers (pool, 2, PATIENCE));
    int64_t start = now_ms ();
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (pool, "echo", "b", (const void *) bytes, (size_t) BYTES));
    while (dpool_async_result_wait (result, 200) < 0 && now_ms () - start < PATIENCE) {
        assert_ok (dpool_apply (other, NULL, "square", DPOOL_V (n_others)));
        n_others++;
    }
    assert_ok (dpool_async_result_get (result, 0));
    print_message ("           there and back in %lld ms, and %d calls of another pool meanwhile\n",
                   (long long) (now_ms () - start), n_others);
    assert_ok (dpool_value_get (dpool_async_result_value (result, 0), "b", &back, &size));
    assert_int_equal (size, BYTES);
    assert_memory_equal (back, bytes, BYTES);
    assert_nobody_was_given_up (f);
    dpool_async_result_destroy (&result);
    dpool_destroy (&other);
    dpool_destroy (&pool);
    free (bytes);
}

static void a_client_may_be_far_away (void **state)
{
    fixture_t *f = *state;
    cluster_add_worker (f->cluster, 2, NULL, "near");
    echo_slowly (f, f->slow);
}

/* The calls of the other pool wait behind what goes to that worker, and are served. */
static void a_worker_may_be_far_away (void **state)
{
    fixture_t *f = *state;
    cluster_add_worker_at (f->cluster, f->slow, 2, "far");
    echo_slowly (f, cluster_endpoint (f->cluster));
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST (a_client_may_be_far_away),
        TEST (a_worker_may_be_far_away),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
