/* SPDX-License-Identifier: MPL-2.0 */
#include "net/watch.h"

#include "tests/support/test.h"

#include <zmq.h>

enum { PATIENCE_MS = 10000 };

static void *context, *near, *far;
static dp_watch_t watch;

static int set_up (void **state)
{
    (void) state;
    context = zmq_ctx_new ();
    near = zmq_socket (context, ZMQ_PAIR);
    far = zmq_socket (context, ZMQ_PAIR);
    assert_int_equal (zmq_bind (near, "inproc://watched"), 0);
    assert_int_equal (zmq_connect (far, "inproc://watched"), 0);
    assert_int_equal (dp_watch_begin (&watch, near), 0);
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    zmq_close (near);
    zmq_close (far);
    zmq_ctx_term (context);
    return 0;
}

static bool receive (void)
{
    char byte;
    bool is_there = zmq_recv (near, &byte, 1, ZMQ_DONTWAIT) == 1;
    if (!is_there)
        dp_watch_emptied (&watch);
    return is_there;
}

static void send_byte (void *socket)
{
    assert_int_equal (zmq_send (socket, "x", 1, 0), 1);
}

static void has_news_until_a_receive_found_nothing (void **state)
{
    (void) state;
    assert_true (dp_watch_has_news (&watch)); /* of what came before it was watched */
    assert_false (receive ());
    assert_false (dp_watch_has_news (&watch));
    send_byte (far);
    send_byte (far);
    struct pollfd item = dp_watch_item (&watch);
    assert_int_equal (poll (&item, 1, PATIENCE_MS), 1);
    dp_watch_hear (&watch, &item);
    assert_true (dp_watch_has_news (&watch));
    assert_true (receive ());
    assert_true (dp_watch_has_news (&watch)); /* though the descriptor has told of it already */
    assert_true (receive ());
    assert_false (receive ());
    assert_false (dp_watch_has_news (&watch));
}

static void has_news_that_were_swallowed_by_another_use (void **state)
{
    (void) state;
    int events = 0;
    size_t len = sizeof events;
    assert_false (receive ());
    send_byte (far);
    while ((events & ZMQ_POLLIN) == 0)
        assert_int_equal (zmq_getsockopt (near, ZMQ_EVENTS, &events, &len), 0);
    struct pollfd item = dp_watch_item (&watch);
    assert_int_equal (poll (&item, 1, 0), 0);
    dp_watch_used (&watch);
    assert_true (dp_watch_has_news (&watch));
    assert_true (receive ());
    assert_false (receive ());
    dp_watch_used (&watch);
    assert_false (dp_watch_has_news (&watch));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (has_news_until_a_receive_found_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown (has_news_that_were_swallowed_by_another_use, set_up, tear_down),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
