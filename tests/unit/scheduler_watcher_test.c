/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_watcher_test.c - a client that said that it only asks. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

static srig_t *t;

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
    srig_client (t, 1);
    srig_worker (t, 1, 10);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

static uint64_t watch (uint64_t n_hellos)
{
    uint64_t connection = srig_connection (t);
    wire_hello_t hello = { .version_min = 1,
                           .version_max = 1,
                           .role = WIRE_ROLE_CLIENT,
                           .id = 4711,
                           .connection = n_hellos,
                           .host = { "h", 1 },
                           .name = { "asks", 4 },
                           .is_watcher = true };
    wire_put_hello (&t->out, 0, &hello, NULL, NULL);
    srig_send (t, connection);
    return connection;
}

static void who_only_asks_is_no_client_of_the_status (void **state)
{
    (void) state;
    watch (1);
    srig_query (t, 1, WIRE_QUERY_STATUS, 0);
    assert_non_null (strstr (t->clients[1].text, "\"n_clients\":1,"));
    assert_null (strstr (t->clients[1].text, "asks"));
}

/* Else it would have workers busy, and nobody could see whose work that is. */
static void who_only_asks_may_have_no_tasks (void **state)
{
    (void) state;
    srig_peer_t *watcher = &t->clients[2];
    watcher->id = 4711;
    srig_forget (t);
    watcher->connection = watch (1);
    srig_claim_none (t, 2); /* that is how each client begins */
    assert_int_equal (watcher->n_kinds[WIRE_REFUSED], 0);
    srig_submit (t, 2, 1, 1);
    srig_turn (t);
    assert_int_equal (watcher->refusal, WIRE_REFUSED_KIND);
    srig_expect_tasks (t, 1, "");
    srig_forget (t);
    watcher->connection = watch (2);
    srig_claim (t, 2, 1, 9, false);
    srig_turn (t);
    assert_int_equal (watcher->refusal, WIRE_REFUSED_KIND);
    assert_int_equal (srig_stats (t).n_queued + srig_stats (t).n_assigned, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (who_only_asks_is_no_client_of_the_status),
        TEST (who_only_asks_may_have_no_tasks),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
