/* SPDX-License-Identifier: MPL-2.0 */
/* The memory limit of a real broker, and a client that sends whatever it likes: the broker stays within it.
 */
#include "tests/support/test.h"

#include "core/wire.h"
#include "net/message.h"

#include <dpool/dpool.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/wait.h"

enum {
    LIMIT_KIB = 16 * 1024,
    SLACK_KIB = 48 * 1024, /* programs, threads, and what ZeroMQ has read ahead */
    PAYLOAD = 64 * 1024,
    N_TASKS = 8192, /* 512 MiB */
    N_CANCELS = 20000,
    MAX_PAYLOAD = 64 << 20
};

typedef struct fixture_s {
    cluster_t *cluster;
    void *context, *dealer;
    uint64_t last_id, n_missing; /* ids that it was told of as missing */
    dp_incoming_t incoming;
} fixture_t;

static bool may_send (const fixture_t *self, long patience_ms)
{
    zmq_pollitem_t item = { self->dealer, 0, ZMQ_POLLOUT, 0 };
    return zmq_poll (&item, 1, patience_ms) == 1;
}

static void send_all (fixture_t *self, dp_outbox_t *out)
{
    for (dp_outgoing_t *message; (message = dp_outbox_take (out)) != NULL; dp_outgoing_destroy (&message)) {
        assert_true (may_send (self, PATIENCE_MS));
        assert_int_equal (dp_outgoing_send (message, self->dealer, NULL, 0), 0);
    }
}

static int set_up (void **state)
{
    static const char *const arguments[] = { "--memory-limit", "16M", NULL };
    static const int linger = 0, never = -1;
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->cluster = cluster_new (arguments);
    self->context = zmq_ctx_new ();
    self->dealer = zmq_socket (self->context, ZMQ_DEALER);
    assert_non_null (self->dealer);
    zmq_setsockopt (self->dealer, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt (self->dealer, ZMQ_RECONNECT_IVL, &never, sizeof never);
    assert_int_equal (zmq_connect (self->dealer, cluster_endpoint (self->cluster)), 0);
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t claim = { 0 };
    wire_hello_t hello = { .version_min = WIRE_VERSION_MIN,
                           .version_max = WIRE_VERSION,
                           .role = WIRE_ROLE_CLIENT,
                           .id = 4711,
                           .connection = 1,
                           .host = { "here", 4 },
                           .name = { "liar", 4 },
                           .pid = 1 };
    wire_put_hello (&out, 0, &hello, NULL, NULL);
    wire_end_list (&claim, &out, 0, WIRE_CLAIM, 0);
    send_all (self, &out);
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    zmq_close (self->dealer);
    zmq_ctx_term (self->context);
    cluster_destroy (&self->cluster);
    free (self);
    return 0;
}

/* ---- The liar --------------------------------------------------------------------------------- */

/* There is no worker: it waits. */
static void submit (fixture_t *self)
{
    static const uint8_t payload[PAYLOAD];
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    const wire_group_t group = { .function = { "square", 6 } };
    const wire_task_t task
        = { .id = ++self->last_id, .job = 1, .n_items = 1, .payload = { payload, sizeof payload, 0 } };
    wire_add_task (&batch, &out, 0, WIRE_SUBMIT, &group, &task, NULL);
    wire_flush (&batch, &out, 0, 0, 0);
    send_all (self, &out);
}

static void take_message (fixture_t *self)
{
    wire_range_t range;
    assert_null (self->incoming.malformed);
    assert_int_not_equal (self->incoming.message.kind, WIRE_REFUSED);
    assert_int_not_equal (self->incoming.message.kind, WIRE_RESULTS);
    if (self->incoming.message.kind == WIRE_MISSING)
        while (wire_next_range (&self->incoming.message, &range))
            self->n_missing += range.last - range.first + 1;
    dp_incoming_fini (&self->incoming);
}

static bool take_next (fixture_t *self, long patience_ms)
{
    zmq_pollitem_t item = { self->dealer, 0, ZMQ_POLLIN, 0 };
    if (zmq_poll (&item, 1, patience_ms) != 1)
        return false;
    assert_int_equal (dp_incoming_receive (&self->incoming, self->dealer, false, MAX_PAYLOAD), 1);
    take_message (self);
    return true;
}

/* ---- What that is for the others -------------------------------------------------------------- */

/* The most resident memory that the broker ever had. */
static long peak_kib (const fixture_t *self)
{
    char path[64], line[256];
    long kib = 0;
    snprintf (path, sizeof path, "/proc/%d/status", (int) process_pid (cluster_broker (self->cluster)));
    FILE *file = fopen (path, "r");
    while (file != NULL && fgets (line, sizeof line, file) != NULL)
        if (sscanf (line, "VmHWM: %ld", &kib) == 1)
            break;
    if (file != NULL)
        fclose (file);
    return kib;
}

static void check_serves (fixture_t *self)
{
    cluster_add_worker (self->cluster, 1, NULL, "main");
    dpool_t *pool = assert_opens (cluster_endpoint (self->cluster));
    dpool_value_t *value;
    assert_ok (dpool_apply (pool, &value, "square", DPOOL_V (7)));
    assert_number (value, 49);
    dpool_value_destroy (&value);
    dpool_destroy (&pool);
}

static void check_broker (fixture_t *self)
{
    check_serves (self);
    long kib = peak_kib (self);
    print_message ("at most %ld MiB in the broker, of %d MiB that were sent to it\n", kib / 1024,
                   (int) (self->last_id * PAYLOAD >> 20));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they keep what is freed */
    assert_true (kib > 0 && kib < LIMIT_KIB + SLACK_KIB);
#endif
}

/* ---- The tests -------------------------------------------------------------------------------- */

static void a_client_that_does_not_heed_room_hears_that_the_rest_is_missing (void **state)
{
    fixture_t *self = *state;
    const uint64_t n_most = LIMIT_KIB * UINT64_C (1024) / 8 * 3 / 2 / PAYLOAD; /* half, for the first */
    for (size_t i = 0; i < N_TASKS; i++) {
        submit (self);
        while (take_next (self, 0))
            continue;
    }
    while (self->n_missing < N_TASKS - n_most)
        assert_true (take_next (self, PATIENCE_MS));
    assert_true (self->n_missing < N_TASKS);
    check_broker (self);
}

static void one_that_does_not_even_listen_takes_no_more (void **state)
{
    fixture_t *self = *state;
    for (size_t i = 0; i < N_TASKS; i++)
        submit (self);
    check_broker (self);
}

/* What it has not, with gaps between, so that each is answered for itself. It never hears that there is none
   of them, and would have the broker keep all these answers for it. */
static void one_that_cancels_and_never_reads_is_hung_up_on (void **state)
{
    fixture_t *self = *state;
    size_t n = 0;
    while (n < N_CANCELS && may_send (self, 1000)) {
        dp_outbox_t out = { NULL, NULL, 0 };
        wire_batch_t batch = { 0 };
        for (uint64_t i = 0; i < WIRE_BATCH_RECORDS; i++) {
            uint64_t id = 2 * ++self->last_id;
            wire_add_range (&batch, &out, 0, WIRE_CANCEL, &(wire_range_t) { id, id, false });
        }
        wire_flush (&batch, &out, 0, 0, 0);
        for (dp_outgoing_t *message; (message = dp_outbox_take (&out)) != NULL;) {
            (void) dp_outgoing_send (message, self->dealer, NULL, 0);
            dp_outgoing_destroy (&message);
        }
        n++;
    }
    print_message ("it could say %zu of %d CANCELs\n", n, (int) N_CANCELS);
    assert_true (n < N_CANCELS);
    check_serves (self);
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        CASE (a_client_that_does_not_heed_room_hears_that_the_rest_is_missing),
        CASE (one_that_does_not_even_listen_takes_no_more),
        CASE (one_that_cancels_and_never_reads_is_hung_up_on),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
