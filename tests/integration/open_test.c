/* SPDX-License-Identifier: MPL-2.0 */
/* dpool_open where there is no broker, something else, or a broker without workers. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/interrupter.h"
#include "tests/support/wait.h"

/* A plain TCP server at a free port: answers every connection with this text (NULL: nothing) . */
typedef struct server_s {
    int listener;
    const char *answer;
    char endpoint[64];
    pthread_t thread;
} server_t;

static void *serve (void *argument)
{
    server_t *self = argument;
    int connections[64], n = 0, fd;
    while (n < 64 && (fd = accept (self->listener, NULL, NULL)) >= 0) {
        char request[256];
        if (self->answer && read (fd, request, sizeof request) >= 0
            && send (fd, self->answer, strlen (self->answer), MSG_NOSIGNAL) >= 0)
            shutdown (fd, SHUT_WR);
        connections[n++] = fd;
    }
    while (n > 0)
        close (connections[--n]);
    return NULL;
}

static void server_start (server_t *self, const char *answer)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    self->answer = answer;
    self->listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal (bind (self->listener, (struct sockaddr *) &address, size), 0);
    assert_int_equal (listen (self->listener, 16), 0);
    assert_int_equal (getsockname (self->listener, (struct sockaddr *) &address, &size), 0);
    snprintf (self->endpoint, sizeof self->endpoint, "tcp://127.0.0.1:%d", ntohs (address.sin_port));
    assert_int_equal (pthread_create (&self->thread, NULL, serve, self), 0);
}

static void server_stop (server_t *self)
{
    shutdown (self->listener, SHUT_RDWR); /* wakes accept */
    pthread_join (self->thread, NULL);
    close (self->listener);
}

/* Opens nothing within the time given (and what a loaded machine adds), with one of two codes. */
static void assert_opens_nothing (const char *endpoint, int code, int or_code)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.connect_timeout_ms = 700;
    int64_t start = now_ms ();
    dpool_t *pool = dpool_open (endpoint, &options);
    int got = errno;
    assert_null (pool);
    assert_true (now_ms () - start < 700 + 10000);
    if (got != code && got != or_code)
        fail_msg ("%s: %s", dpool_strerror (got), dpool_last_error ()->message);
    assert_int_equal (dpool_last_error ()->code, got);
    assert_says (endpoint);
}

static void tells_that_nothing_listens (void **state)
{
    (void) state;
    server_t server;
    server_start (&server, NULL); /* to find a port that is free once it is closed */
    server_stop (&server);
    assert_opens_nothing (server.endpoint, DPOOL_ENOBROKER, DPOOL_ENOBROKER);
    assert_opens_nothing ("ipc:///no/such/folder/socket", DPOOL_ENOBROKER, DPOOL_ENOBROKER);
    assert_opens_nothing ("tcp://no-such-host.invalid:5555", DPOOL_ENOBROKER, DPOOL_ENOBROKER);
}

static void tells_that_something_else_listens (void **state)
{
    (void) state;
    server_t server;
    server_start (&server, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_opens_nothing (server.endpoint, DPOOL_ENOTDPOOL, DPOOL_ENOTDPOOL);
    server_stop (&server);
    server_start (&server, "SSH-2.0-Nothing\r\n");
    assert_opens_nothing (server.endpoint, DPOOL_ENOTDPOOL, DPOOL_ENOTDPOOL);
    server_stop (&server);
}

static void names_what_is_wrong_with_an_endpoint (void **state)
{
    (void) state;
    static const struct {
        const char *endpoint, *words;
    } rows[] = {
        { "tcp://127.0.0.1:65536", "1 to 65535" },
        { "tcp://127.0.0.1", "port" },
        { "tcp://127.0.0.1:5555,tcp://127.0.0.1:0", "'tcp://127.0.0.1:0' is no endpoint" },
        { "127.0.0.1:5555", "write tcp://HOST:PORT" },
        { "inproc://broker", "write tcp://HOST:PORT" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_not_made (dpool_open (rows[i].endpoint, NULL), EINVAL);
        assert_says (rows[i].words);
    }
}

static void gives_up_on_what_never_answers (void **state)
{
    (void) state;
    server_t server;
    server_start (&server, NULL);
    assert_opens_nothing (server.endpoint, DPOOL_ENOTDPOOL, DPOOL_ENOBROKER);
    server_stop (&server);

    void *context = zmq_ctx_new ();
    void *router = zmq_socket (context, ZMQ_ROUTER);
    char endpoint[128];
    size_t size = sizeof endpoint;
    assert_int_equal (zmq_bind (router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal (zmq_getsockopt (router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    assert_opens_nothing (endpoint, DPOOL_ENOTDPOOL, DPOOL_ENOBROKER);
    zmq_close (router);
    zmq_ctx_term (context);
}

static void can_be_interrupted (void **state)
{
    (void) state;
    server_t server;
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.connect_timeout_ms = PATIENCE_MS;
    server_start (&server, NULL);
    interrupter_t *interrupter = interrupter_new (false);
    assert_not_made (dpool_open (server.endpoint, &options), EINTR);
    interrupter_destroy (&interrupter);
    server_stop (&server);
}

static bool has_no_worker (void *result)
{
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    return dpool_async_result_explain (result, &why) == 0 && why.reason == DPOOL_REASON_NO_WORKER;
}

static void waits_for_the_first_worker (void **state)
{
    (void) state;
    cluster_t *cluster = cluster_new (NULL);
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    assert_int_equal (dpool_workers (pool), 0);
    assert_fails (dpool_wait_workers (pool, 1, 20), ETIMEDOUT);
    dpool_async_result_t *result = assert_made (dpool_apply_async (pool, "square", DPOOL_V (11)));
    assert_true (wait_until (has_no_worker, result));
    cluster_add_worker (cluster, 3, NULL, NULL);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_number (dpool_async_result_value (result, 0), 121);
    assert_ok (dpool_wait_workers (pool, 3, PATIENCE_MS));
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    cluster_destroy (&cluster);
}

static bool is_unreachable (void *result)
{
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    return dpool_async_result_explain (result, &why) == 0 && why.reason == DPOOL_REASON_UNREACHABLE;
}

static void explains_that_the_broker_is_gone_and_ends_without_it (void **state)
{
    (void) state;
    cluster_t *cluster = cluster_new (NULL);
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    dpool_async_result_t *result = assert_made (dpool_apply_async (pool, "square", DPOOL_V (1)));
    process_signal (cluster_broker (cluster), SIGKILL);
    assert_true (wait_until (is_unreachable, result));
    assert_ok (dpool_terminate (pool));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ETERMINATED);
    assert_ok (dpool_join (pool, PATIENCE_MS));
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    cluster_destroy (&cluster);
}

/* _TestStdin.test_pool_in_process */
static void works_in_a_child_process_of_the_program (void **state)
{
    (void) state;
    cluster_t *cluster = cluster_new (NULL);
    int status;
    cluster_add_worker (cluster, 1, NULL, NULL);
    pid_t pid = fork ();
    if (pid == 0) {
        dpool_t *pool = dpool_open (cluster_endpoint (cluster), NULL);
        bool has_worked = pool && dpool_apply (pool, NULL, "square", DPOOL_V (3)) == 0;
        dpool_destroy (&pool);
        _exit (has_worked ? 0 : 1);
    }
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    cluster_destroy (&cluster);
}

static dpool_items_t *one_item (size_t len)
{
    dpool_items_t *items = assert_made (dpool_items_new ());
    void *bytes = assert_made (calloc (1, len));
    assert_ok (dpool_items_add (items, "b", (const void *) bytes, len));
    free (bytes);
    return items;
}

static void refuses_arguments_of_the_initializer_that_no_broker_takes (void **state)
{
    (void) state;
    enum { MOST = 1 << 20, HEAD = 5 };
    const char *arguments[] = { "--max-payload=1K", NULL };
    cluster_t *cluster = cluster_new (arguments);
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    dpool_items_t *longest = one_item (MOST - HEAD), *too_long = one_item (MOST - HEAD + 1);
    options.initializer = "set_initial";
    options.initializer_args = too_long;
    assert_not_made (dpool_open (cluster_endpoint (cluster), &options), DPOOL_ETOOLARGE);
    assert_says ("initializer_args have 1048577 bytes");
    options.initializer_args = longest;
    dpool_t *pool = assert_made (dpool_open (cluster_endpoint (cluster), &options));
    dpool_destroy (&pool);
    options.initializer_args = too_long;
    pool = assert_made (dpool_open ("local", &options));
    dpool_destroy (&pool);
    dpool_items_destroy (&longest);
    dpool_items_destroy (&too_long);
    cluster_destroy (&cluster);
}

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (
            works_in_a_child_process_of_the_program), /* first: no thread has been started yet */
        cmocka_unit_test (tells_that_nothing_listens),
        cmocka_unit_test (tells_that_something_else_listens),
        cmocka_unit_test (names_what_is_wrong_with_an_endpoint),
        cmocka_unit_test (refuses_arguments_of_the_initializer_that_no_broker_takes),
        cmocka_unit_test (gives_up_on_what_never_answers),
        cmocka_unit_test (can_be_interrupted),
        cmocka_unit_test (waits_for_the_first_worker),
        cmocka_unit_test (explains_that_the_broker_is_gone_and_ends_without_it),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
