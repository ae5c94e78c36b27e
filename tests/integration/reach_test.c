/* SPDX-License-Identifier: MPL-2.0 */
/* What a worker says of an endpoint where no broker answers. It tries on, so that it can be started first. */
#include "tests/support/test.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/listener.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

typedef struct wanted_s {
    const char *path, *words;
} wanted_t;

static bool is_said (void *argument)
{
    const wanted_t *wanted = argument;
    char *text = read_text (wanted->path);
    bool is_there = strstr (text, wanted->words) != NULL;
    free (text);
    return is_there;
}

static void assert_worker_says (const char *endpoint, const char *option, const char *words)
{
    folder_t *folder = folder_new ();
    const char *argv[] = { DPOOL_BIN_DIR "/dpool-worker",      "--processes", "1",    "--module",
                           DPOOL_MODULE_DIR "/libtestwork.so", endpoint,      option, NULL };
    wanted_t wanted = { folder_path (folder, "log"), words };
    process_t *worker = process_new (argv, wanted.path);
    if (!wait_until (is_said, &wanted))
        fail_msg ("it did not say '%s', but: %s", words, read_text (wanted.path));
    assert_true (process_lives (process_pid (worker)));
    process_signal (worker, SIGTERM);
    assert_int_equal (process_wait (worker), 0);
    process_destroy (&worker);
    folder_destroy (&folder);
}

static void says_that_nobody_listens (void **state)
{
    (void) state;
    char endpoint[64];
    close (listen_tcp (endpoint, sizeof endpoint));
    assert_worker_says (endpoint, NULL, "nobody listens there");
}

static void says_so_too_when_it_is_to_be_quiet (void **state)
{
    (void) state;
    char endpoint[64];
    close (listen_tcp (endpoint, sizeof endpoint));
    assert_worker_says (endpoint, "--quiet", "nobody listens there");
}

static void says_that_a_server_says_nothing (void **state)
{
    (void) state;
    char endpoint[64];
    int server = listen_tcp (endpoint, sizeof endpoint);
    assert_worker_says (endpoint, NULL, "what listens there says nothing");
    close (server);
}

static void says_that_a_zeromq_program_is_no_broker (void **state)
{
    (void) state;
    char endpoint[64];
    size_t size = sizeof endpoint;
    void *context = zmq_ctx_new (), *router = zmq_socket (context, ZMQ_ROUTER);
    assert_int_equal (zmq_bind (router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal (zmq_getsockopt (router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    assert_worker_says (endpoint, NULL, "does not answer as a dpool-broker does");
    zmq_close (router);
    zmq_ctx_term (context);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (says_that_nobody_listens),
        cmocka_unit_test (says_so_too_when_it_is_to_be_quiet),
        cmocka_unit_test (says_that_a_server_says_nothing),
        cmocka_unit_test (says_that_a_zeromq_program_is_no_broker),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
