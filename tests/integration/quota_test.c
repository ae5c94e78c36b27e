/* SPDX-License-Identifier: MPL-2.0 */
/* Quotas of a real broker: one key takes all that it can get, and others go on as if it were not there. */
#include "tests/support/test.h"

#include "net/keys.h"
#include "net/message.h"

#include <dpool/dpool.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/keyring.h"
#include "tests/support/wait.h"

#define OTHERS                                          \
    "alice\n    key = \"%alice%\"\n    role = client\n" \
    "bob\n    key = \"%bob%\"\n    role = worker\n"
#define GREEDY "greta\n    key = \"%greta%\"\n    role = client\n    quota = "

enum { QUOTA_TASKS = 20, BATCH = 1000 };

typedef struct fixture_s {
    keyring_t *keyring;
    cluster_t *cluster;
    const char *broker_arguments[8], *worker_arguments[8];
} fixture_t;

static int set_up (void **state)
{
    static const char *const names[] = { "broker", "alice", "bob", "greta" };
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->keyring = keyring_new ();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        keyring_add (self->keyring, names[i]);
    const char *broker[]
        = { "--key-file", keyring_file (self->keyring, "broker"), "--allowlist",
            keyring_allow (self->keyring, OTHERS GREEDY "\"tasks=20 bytes=1M sessions=2\"\n") };
    const char *worker[] = { "--key-file", keyring_file (self->keyring, "bob"), "--server-key",
                             keyring_public (self->keyring, "broker") };
    memcpy (self->broker_arguments, broker, sizeof broker);
    memcpy (self->worker_arguments, worker, sizeof worker);
    self->cluster = cluster_new (self->broker_arguments);
    cluster_set_worker_arguments (self->cluster, self->worker_arguments);
    cluster_add_worker (self->cluster, 2, NULL, "main");
    cluster_add_worker (self->cluster, 1, "side", "side");
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    cluster_destroy (&self->cluster);
    keyring_destroy (&self->keyring);
    free (self);
    return 0;
}

static dpool_t *open_as (fixture_t *self, const char *name)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.key_file = keyring_file (self->keyring, name);
    options.server_key = keyring_public (self->keyring, "broker");
    return dpool_open (cluster_endpoint (self->cluster), &options);
}

/* ---- A peer that does not care about what it is told ------------------------------------------ */

typedef struct greedy_s {
    pthread_t thread;
    void *context, *dealer;
    uint64_t last_id, n_results, n_refused;
    atomic_bool is_over, is_flooding, is_broken; /* broken: what must not be was seen, in a thread or not */
    atomic_ulong n_flooded;
    char why[512];
    dp_incoming_t incoming;
} greedy_t;

static void send_all (greedy_t *self, dp_outbox_t *out)
{
    for (dp_outgoing_t *message; (message = dp_outbox_take (out)) != NULL; dp_outgoing_destroy (&message))
        if (dp_outgoing_send (message, self->dealer, NULL, 0) < 0)
            self->is_broken = true;
}

/* It sleeps for an hour, on the worker that nobody else asks for. */
static void submit (greedy_t *self, size_t n)
{
    static const uint8_t an_hour[] = { 0xcd, 0x0e, 0x10 }; /* 3600 s */
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    const wire_group_t group = { .function = { "sleep", 5 }, .require = { "side", 4 } };
    for (size_t i = 0; i < n; i++) {
        const wire_task_t task
            = { .id = ++self->last_id, .job = 1, .n_items = 1, .payload = { an_hour, sizeof an_hour, 0 } };
        wire_add_task (&batch, &out, 0, WIRE_SUBMIT, &group, &task, NULL);
    }
    wire_flush (&batch, &out, self->n_results, 0, 0);
    send_all (self, &out);
}

static void take_results (greedy_t *self)
{
    wire_result_t result;
    while (wire_next_result (&self->incoming.message, &result)) {
        self->n_results++;
        self->n_refused += result.status == OUTCOME_QUOTA;
        if (result.payload.len < sizeof self->why) {
            memcpy (self->why, result.payload.data, result.payload.len);
            for (size_t i = 0; i < result.payload.len; i++)
                if (self->why[i] < ' ')
                    self->why[i] = ' ';
        }
    }
}

/* Until so many results have come in all. */
static void await_results (greedy_t *self, uint64_t n)
{
    zmq_pollitem_t item = { self->dealer, 0, ZMQ_POLLIN, 0 };
    while (self->n_results < n && !self->is_broken) {
        if (zmq_poll (&item, 1, PATIENCE_MS) != 1
            || dp_incoming_receive (&self->incoming, self->dealer, false, 64u << 20) != 1) {
            self->is_broken = true;
            return;
        }
        self->is_broken = self->incoming.malformed != NULL || self->incoming.message.kind == WIRE_REFUSED;
        if (!self->is_broken && self->incoming.message.kind == WIRE_RESULTS)
            take_results (self);
        dp_incoming_fini (&self->incoming);
    }
}

static greedy_t *greedy_new (fixture_t *fixture)
{
    static const int linger = 0;
    greedy_t *self = calloc (1, sizeof *self);
    dp_keys_t keys;
    assert_non_null (self);
    assert_ok (dp_keys_load_both (&keys, keyring_file (fixture->keyring, "greta"),
                                  keyring_public (fixture->keyring, "broker")));
    self->context = zmq_ctx_new ();
    self->dealer = zmq_socket (self->context, ZMQ_DEALER);
    assert_non_null (self->dealer);
    zmq_setsockopt (self->dealer, ZMQ_LINGER, &linger, sizeof linger);
    assert_ok (dp_keys_apply (&keys, self->dealer));
    assert_int_equal (zmq_connect (self->dealer, cluster_endpoint (fixture->cluster)), 0);
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_hello_t hello = { .version_min = WIRE_VERSION_MIN,
                           .version_max = WIRE_VERSION,
                           .role = WIRE_ROLE_CLIENT,
                           .id = 4711,
                           .connection = 1,
                           .host = { "here", 4 },
                           .name = { "greta", 5 },
                           .pid = 1 };
    wire_put_hello (&out, 0, &hello, NULL, NULL);
    wire_batch_t claim = { 0 };
    wire_end_list (&claim, &out, 0, WIRE_CLAIM, 0);
    send_all (self, &out);
    return self;
}

static void greedy_destroy (greedy_t **self_p)
{
    zmq_close ((*self_p)->dealer);
    zmq_ctx_term ((*self_p)->context);
    free (*self_p);
    *self_p = NULL;
}

/* As much as the broker answers, while it is told to. */
static void *flood (void *argument)
{
    greedy_t *self = argument;
    while (!atomic_load (&self->is_over) && !self->is_broken) {
        if (!atomic_load (&self->is_flooding)) {
            zmq_poll (NULL, 0, 1);
            continue;
        }
        submit (self, BATCH);
        await_results (self, self->last_id - QUOTA_TASKS);
        atomic_fetch_add (&self->n_flooded, BATCH);
    }
    return NULL;
}

/* ---- The tests -------------------------------------------------------------------------------- */

/* Items of two milliseconds; how many a second. */
static double work_off (dpool_t *pool)
{
    enum { ITEMS = 600 };
    dpool_items_t *items = dpool_items_new ();
    for (int i = 0; i < ITEMS; i++)
        assert_ok (dpool_items_add (items, "d", 0.002));
    int64_t start_ms = now_ms ();
    dpool_async_result_t *result = assert_made (dpool_map (pool, "sleep", items, NULL));
    assert_ok (dpool_async_result_get (result, 0));
    double took_ms = (double) (now_ms () - start_ms);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
    return ITEMS * 1000.0 / (took_ms > 0 ? took_ms : 1);
}

static void holds_a_greedy_key_at_its_quota_and_others_go_on (void **state)
{
    enum { PAIRS = 3 };
    fixture_t *self = *state;
    dpool_t *pool = assert_made (open_as (self, "alice"));
    greedy_t *greedy = greedy_new (self);
    submit (greedy, BATCH); /* of which it gets its quota, for the whole test */
    await_results (greedy, BATCH - QUOTA_TASKS);
    assert_int_equal (greedy->n_refused, BATCH - QUOTA_TASKS);
    assert_contains (greedy->why, "the key of 'greta' has 20 tasks");
    work_off (pool);
    assert_int_equal (pthread_create (&greedy->thread, NULL, flood, greedy), 0);
    double alone = 0, beside = 0;
    for (int i = 0; i < PAIRS;
         i++) { /* one after the other, since the machine may be busy with other things */
        alone += work_off (pool);
        atomic_store (&greedy->is_flooding, true);
        beside += work_off (pool);
        atomic_store (&greedy->is_flooding, false);
    }
    atomic_store (&greedy->is_over, true);
    pthread_join (greedy->thread, NULL);
    printf ("items a second: %.0f alone, %.0f beside a key that had %lu tasks refused: %+.1f %%\n",
            alone / PAIRS, beside / PAIRS, atomic_load (&greedy->n_flooded), (beside / alone - 1) * 100);
    assert_false (greedy->is_broken);
    assert_true (atomic_load (&greedy->n_flooded) > 0);
    assert_int_equal (greedy->n_refused, greedy->last_id - QUOTA_TASKS); /* and none was lost or taken */
    greedy_destroy (&greedy);
    dpool_destroy (&pool);
}

/* The broker says what a pool may have, and the pool waits for it. */
static void a_pool_keeps_within_its_quota (void **state)
{
    enum { ITEMS = 500 };
    fixture_t *self = *state;
    dpool_t *pool = assert_made (open_as (self, "greta"));
    dpool_t *second = assert_made (open_as (self, "greta"));
    dpool_items_t *items = dpool_items_new ();
    for (int i = 0; i < ITEMS; i++)
        assert_ok (dpool_items_add (items, "i", i));
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.chunk_size = 1;
    dpool_async_result_t *results[] = { assert_made (dpool_map_async (pool, "square", items, &options)),
                                        assert_made (dpool_map_async (second, "square", items, &options)) };
    for (size_t i = 0; i < 2; i++) {
        assert_ok (dpool_async_result_get (results[i], PATIENCE_MS));
        dpool_async_result_destroy (&results[i]);
    }
    dpool_items_destroy (&items);
    dpool_destroy (&pool);
    dpool_destroy (&second);
}

static void refuses_a_pool_above_the_quota (void **state)
{
    fixture_t *self = *state;
    dpool_t *first = assert_made (open_as (self, "greta")), *second = assert_made (open_as (self, "greta"));
    assert_not_made (open_as (self, "greta"), DPOOL_EQUOTA);
    assert_says ("sessions=2");
    dpool_destroy (&first);
    dpool_t *third = assert_made (open_as (self, "greta"));
    dpool_destroy (&second);
    dpool_destroy (&third);
}

static void a_quota_that_is_changed_holds_at_once (void **state)
{
    fixture_t *self = *state;
    greedy_t *greedy = greedy_new (self);
    submit (greedy, 30);
    await_results (greedy, 10);
    keyring_allow (self->keyring, OTHERS GREEDY "\"tasks=25\"\n");
    process_signal (cluster_broker (self->cluster), SIGHUP);
    cluster_await_words (self->cluster, "the allowlist was read again");
    submit (greedy, 30);
    await_results (greedy, 35);
    assert_int_equal (greedy->n_refused, 35);
    assert_contains (greedy->why, "tasks=25");
    greedy_destroy (&greedy);
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        CASE (holds_a_greedy_key_at_its_quota_and_others_go_on),
        CASE (a_pool_keeps_within_its_quota),
        CASE (refuses_a_pool_above_the_quota),
        CASE (a_quota_that_is_changed_holds_at_once),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
