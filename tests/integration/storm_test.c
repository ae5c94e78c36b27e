/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A thousand workers that run a task each when their broker is killed, and that come back to the next one all
 * at once. They are plain sockets that say what a worker says; the client is the real one.
 */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/outcome.h"
#include "net/message.h"
#include "net/standard.h"
#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/wait.h"

enum { N = 1000, MAX_PAYLOAD = 1 << 20, DESCRIPTORS = 4 * N };

/* So long a broker waits at its start for those who run what its clients ask for. */
enum { GRACE_MS = 2000 };

/* So long a worker waits for its WELCOME. */
enum { WELCOME_MS = 5000 };

typedef struct raw_worker_s {
    void *dealer;
    uint64_t id, connection;
    wire_run_t run; /* .session 0 = has none */
    bool is_welcome, is_adopted;
    int64_t came_at_ms, listed_at_ms; /* when it said HELLO, and what it runs; 0: not yet */
} raw_worker_t;

static cluster_t *cluster;
static void *context;
static raw_worker_t workers[N];
static size_t n_welcome, n_runs, n_adopted, n_pings;
static int64_t restarted_at_ms;

static void send_all (const raw_worker_t *self, dp_outbox_t *out)
{
    for (dp_outgoing_t *message; (message = dp_outbox_take (out)) != NULL;) {
        assert_int_equal (dp_outgoing_send (message, self->dealer, NULL, 0), 0);
        dp_outgoing_destroy (&message);
    }
}

static void say_hello (const raw_worker_t *self)
{
    static const char *const functions[] = { "square" };
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_hello_t hello = { .version_min = WIRE_VERSION_MIN,
                           .version_max = WIRE_VERSION,
                           .role = WIRE_ROLE_WORKER,
                           .id = self->id,
                           .connection = self->connection,
                           .host = { "here", 4 },
                           .name = { "raw", 3 },
                           .pid = 1,
                           .processes = 1,
                           .window_tasks = 1,
                           .window_bytes = MAX_PAYLOAD,
                           .n_functions = 1 };
    wire_put_hello (&out, 0, &hello, functions, NULL);
    send_all (self, &out);
}

static void say_runs (const raw_worker_t *self)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t runs = { 0 };
    if (self->run.session != 0)
        wire_add_run (&runs, &out, 0, WIRE_RUNS, &self->run);
    wire_end_list (&runs, &out, 0, WIRE_RUNS, 0);
    send_all (self, &out);
}

/* What must not come, has come. Where a worker could not say in time what it runs, since others have the
   CPUs, that is in order: it runs again elsewhere, and nothing can be told of a broker by that. */
static void refuse (const raw_worker_t *self, const char *what)
{
    int64_t took_ms = (self->listed_at_ms != 0 ? self->listed_at_ms : now_ms ()) - restarted_at_ms;
    if (restarted_at_ms == 0 || took_ms < GRACE_MS / 2)
        fail_msg ("%s came", what);
    print_message ("           left out: a worker was heard after %lld ms, and %d ms are allowed\n",
                   (long long) took_ms, GRACE_MS);
    skip ();
}

static void take_tasks (raw_worker_t *self, wire_message_t *message)
{
    wire_group_t group;
    wire_task_t task;
    while (wire_next_group (message, &group)) {
        while (wire_next_task (message, &task)) {
            if (self->run.session != 0)
                refuse (self, "a second task"); /* nothing is started twice */
            self->run = (wire_run_t) {
                .session = group.session, .id = task.id, .attempt = task.attempt, .state = WIRE_RUN_RUNNING
            };
            n_runs++;
        }
    }
}

static void take_adoptions (raw_worker_t *self, wire_message_t *message)
{
    wire_run_t run;
    while (wire_next_run (message, &run)) {
        assert_int_equal (run.id, self->run.id);
        n_adopted += !self->is_adopted;
        self->is_adopted = true;
    }
}

static void hear (raw_worker_t *self, wire_message_t *message)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    switch (message->kind) {
    case WIRE_WELCOME:
        self->is_welcome = true;
        n_welcome++;
        say_runs (self);
        self->listed_at_ms = now_ms ();
        break;
    case WIRE_PING:
        n_pings++;
        wire_put_bare (&out, 0, WIRE_PONG, 0);
        send_all (self, &out);
        break;
    case WIRE_TASKS:
        take_tasks (self, message);
        break;
    case WIRE_ADOPT:
        take_adoptions (self, message);
        break;
    case WIRE_CANCEL:
    case WIRE_WHO:
    case WIRE_REFUSED:
        refuse (self, wire_kind_name (message->kind));
        break;
    default:
        break;
    }
}

static void hear_all (void)
{
    static zmq_pollitem_t items[N];
    dp_incoming_t incoming;
    for (size_t i = 0; i < N; i++)
        items[i] = (zmq_pollitem_t) { workers[i].dealer, 0, ZMQ_POLLIN, 0 };
    zmq_poll (items, N, 100);
    for (size_t i = 0; i < N; i++) {
        while (items[i].revents
               && dp_incoming_receive (&incoming, workers[i].dealer, false, MAX_PAYLOAD) == 1) {
            assert_null (incoming.malformed);
            hear (&workers[i], &incoming.message);
            dp_incoming_fini (&incoming);
        }
    }
}

/* With a socket of its own. */
static void connect_worker (raw_worker_t *self)
{
    int zero = 0;
    if (self->dealer)
        zmq_close (self->dealer);
    self->dealer = zmq_socket (context, ZMQ_DEALER);
    assert_non_null (self->dealer);
    zmq_setsockopt (self->dealer, ZMQ_LINGER, &zero, sizeof zero);
    self->connection++;
    self->is_welcome = false;
    self->came_at_ms = now_ms ();
    self->listed_at_ms = 0;
    assert_int_equal (zmq_connect (self->dealer, cluster_endpoint (cluster)), 0);
    say_hello (self);
}

/* All of them at once. */
static void come (void)
{
    n_welcome = n_adopted = 0;
    for (size_t i = 0; i < N; i++) {
        workers[i].id = 1000 + i;
        connect_worker (&workers[i]);
    }
}

/* A broker hangs up on whoever has not shaken hands in time, and a HELLO may be under way by then: a worker
   sees that its connection broke. These do not look; who is not heard says it again, on the next connection
   or, where that was wrong, on the same one. */
static void say_hello_again (void)
{
    for (size_t i = 0; i < N; i++) {
        raw_worker_t *self = &workers[i];
        if (!self->is_welcome && now_ms () > self->came_at_ms + WELCOME_MS) {
            self->came_at_ms = now_ms ();
            self->connection++;
            say_hello (self);
        }
    }
}

static void hear_until (const size_t *n)
{
    for (int64_t end = now_ms () + PATIENCE_MS; *n < N;) {
        if (now_ms () > end)
            fail_msg ("%zu welcomes, %zu runs, %zu adopted", n_welcome, n_runs, n_adopted);
        hear_all ();
        say_hello_again ();
    }
}

static void bring_results (void)
{
    for (size_t i = 0; i < N; i++) {
        dp_outbox_t out = { NULL, NULL, 0 };
        wire_batch_t results = { 0 };
        dp_buffer_t row = DP_BUFFER_INIT;
        uint8_t value = 7;
        outcome_put_value (&row, &value, 1);
        wire_result_t result = { .session = workers[i].run.session,
                                 .id = workers[i].run.id,
                                 .attempt = workers[i].run.attempt,
                                 .status = OUTCOME_VALUE,
                                 .is_final = true,
                                 .n_items = 1,
                                 .payload = { row.data, row.len, 0 } };
        wire_add_result (&results, &out, 0, &result, NULL);
        wire_flush (&results, &out, 0, 1, MAX_PAYLOAD);
        send_all (&workers[i], &out);
        dp_buffer_fini (&row);
    }
}

static void a_thousand_workers_come_back_at_once (void **state)
{
    (void) state;
    static dpool_async_result_t *calls[N];
    if (dp_standard_raise_limit (DESCRIPTORS) < 0) {
        print_message ("           left out: %d descriptors are needed here, and not allowed\n", DESCRIPTORS);
        skip ();
    }
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    for (size_t i = 0; i < N; i++)
        calls[i] = assert_made (dpool_apply_async (pool, "square", DPOOL_V (1)));
    int64_t start = now_ms ();
    come ();
    hear_until (&n_runs);
    print_message ("           %d came and had a task each after %lld ms\n", N,
                   (long long) (now_ms () - start));

    process_signal (cluster_broker (cluster), SIGKILL);
    cluster_restart_broker (cluster);
    restarted_at_ms = start = now_ms ();
    come ();
    hear_until (&n_welcome);
    print_message ("           %d came back: all welcome after %lld ms", N, (long long) (now_ms () - start));
    hear_until (&n_adopted);
    print_message (", adopted after %lld ms\n", (long long) (now_ms () - start));
    assert_int_equal (n_runs, N);

    bring_results ();
    for (size_t i = 0; i < N; i++) {
        while (dpool_async_result_wait (calls[i], 0) < 0)
            hear_all ();
        assert_ok (dpool_async_result_get (calls[i], 0));
        dpool_async_result_destroy (&calls[i]);
    }
    print_message ("           all results are there after %lld ms, %zu heartbeats answered\n",
                   (long long) (now_ms () - start), n_pings);
    assert_int_equal (n_runs, N);
    dpool_destroy (&pool);
}

static int set_up (void **state)
{
    (void) state;
    cluster = cluster_new (NULL);
    context = zmq_ctx_new ();
    zmq_ctx_set (context, ZMQ_MAX_SOCKETS, 3 * N);
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    for (size_t i = 0; i < N; i++)
        if (workers[i].dealer)
            zmq_close (workers[i].dealer);
    zmq_ctx_term (context);
    cluster_destroy (&cluster);
    return 0;
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (a_thousand_workers_come_back_at_once, set_up, tear_down),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
