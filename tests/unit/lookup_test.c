/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "net/lookup.h"
#include "tests/support/wait.h"

#include <poll.h>
#include <string.h>

static void needs_no_lookup_of_what_is_an_address (void **state)
{
    (void) state;
    static const struct {
        const char *endpoint;
        bool is_needed;
    } cases[] = {
        { "tcp://alpha:5555", true },
        { "tcp://localhost:1", true },
        { "tcp://broker.example.com:65535", true },
        { "tcp://1.2.3.4.example:5", true },
        { "tcp://127.0.0.1:5555", false },
        { "tcp://[::1]:5555", false },
        { "tcp://::1:5555", false },
        { "tcp://*:5555", false },
        { "tcp://192.168.1.1:0;alpha:5555", false }, /* with a source address: ZeroMQ's own form */
        { "tcp://eth0;alpha:5555", false },
        { "tcp://alpha:0", false },
        { "tcp://alpha", false },
        { "tcp://:5555", false },
        { "ipc:///run/alpha:5555", false },
        { "inproc://alpha:5", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (dp_lookup_is_needed (cases[i].endpoint) != cases[i].is_needed)
            fail_msg ("%s", cases[i].endpoint);
}

static dp_lookup_t *looked_up (const char *endpoint)
{
    dp_lookup_t *lookup = dp_lookup_new (endpoint);
    assert_non_null (lookup);
    struct pollfd item = { dp_lookup_fd (lookup), POLLIN, 0 };
    assert_int_equal (poll (&item, 1, PATIENCE_MS), 1);
    return lookup;
}

static void gives_all_addresses_in_turn_those_of_ipv4_first (void **state)
{
    (void) state;
    char first[DP_LOOKUP_ENDPOINT_MAX], text[DP_LOOKUP_ENDPOINT_MAX];
    dp_lookup_t *lookup = looked_up ("tcp://localhost:5555");
    assert_int_equal (dp_lookup_state (lookup), LOOKUP_FOUND);
    dp_lookup_endpoint (lookup, 0, first);
    assert_string_equal (first, "tcp://127.0.0.1:5555");
    size_t n = 1;
    for (; n < 100; n++) { /* round and round */
        dp_lookup_endpoint (lookup, n, text);
        if (strcmp (text, first) == 0)
            break;
    }
    assert_true (n < 100);
    dp_lookup_drop (&lookup);
    assert_null (lookup);
    dp_lookup_drop (&lookup);
}

static void says_when_there_is_no_such_name (void **state)
{
    (void) state;
    dp_lookup_t *lookup = looked_up ("tcp://no..name:5555");
    assert_int_equal (dp_lookup_state (lookup), LOOKUP_UNKNOWN);
    dp_lookup_drop (&lookup);
}

static void may_be_dropped_at_any_time (void **state)
{
    (void) state;
    for (int i = 0; i < 50; i++) {
        dp_lookup_t *lookup = dp_lookup_new (i % 2 == 0 ? "tcp://localhost:1" : "tcp://no..name:1");
        assert_non_null (lookup);
        dp_lookup_drop (&lookup);
    }
}

static void knows_whose_lookup_it_is (void **state)
{
    (void) state;
    dp_lookup_t *lookup = looked_up ("tcp://localhost:5555");
    assert_true (dp_lookup_is_of (lookup, "tcp://localhost:5555"));
    assert_false (dp_lookup_is_of (lookup, "tcp://localhost:5556"));
    assert_false (dp_lookup_is_of (lookup, "tcp://localhos:5555"));
    assert_false (dp_lookup_is_of (lookup, "ipc:///localhost:5555"));
    dp_lookup_drop (&lookup);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (needs_no_lookup_of_what_is_an_address),
        cmocka_unit_test (gives_all_addresses_in_turn_those_of_ipv4_first),
        cmocka_unit_test (says_when_there_is_no_such_name),
        cmocka_unit_test (may_be_dropped_at_any_time),
        cmocka_unit_test (knows_whose_lookup_it_is),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
