/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_excess_test.c - a client that submits more than it has room for: what is not taken, and what it
   hears of that. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

enum { KB = 1024, MB = 1024 * KB, LIMIT = 64 * MB, SOON_MS = 300 };

static srig_t *t;

/* Half of 24 MiB is the room of the first client. */
static int set_up (void **state)
{
    (void) state;
    t = srig_new_with (&(scheduler_config_t) { .epoch = 7, .memory_limit_bytes = LIMIT });
    srig_pass (t, 2000);
    srig_client (t, 1);
    srig_turn (t);
    assert_int_equal (t->clients[1].room, 12 * MB);
    t->payload_len = 1 * MB;
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    srig_free (&t);
    return 0;
}

static void names_as_missing_what_is_beyond_the_room (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 14);
    srig_turn (t);
    assert_int_equal (srig_stats (t).n_queued, 11); /* a twelfth with its overhead is too much */
    t->payload_len = 1 * KB;
    srig_submit (t, 1, 15, 15); /* for which there is room */
    srig_pass (t, SOON_MS);
    assert_int_equal (srig_stats (t).n_queued, 12);
    srig_expect_missing (t, 1, "12-14");
    assert_int_equal (t->clients[1].n_kinds[WIRE_RESULTS] + t->clients[1].n_kinds[WIRE_REFUSED], 0);
    srig_pass (t, SOON_MS);
    srig_expect_missing (t, 1, "12-14"); /* once */
}

static void takes_it_when_it_comes_again_and_there_is_room (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 12);
    srig_pass (t, SOON_MS);
    srig_worker (t, 1, 1);
    srig_expect_tasks (t, 1, "1");
    srig_result (t, 1, 1, 1, 1, OUTCOME_VALUE);
    srig_submit (t, 1, 12, 12);
    srig_pass (t, SOON_MS);
    srig_expect_missing (t, 1, "12-12");
    assert_int_equal (srig_stats (t).n_queued + srig_stats (t).n_assigned, 11);
}

static void takes_one_of_any_size_from_whoever_has_nothing_here (void **state)
{
    (void) state;
    t->payload_len = 20 * MB;
    srig_submit (t, 1, 1, 2);
    srig_pass (t, SOON_MS);
    assert_int_equal (srig_stats (t).n_queued, 1);
    srig_expect_missing (t, 1, "2-2");
}

static void whoever_comes_later_makes_the_room_of_the_others_less (void **state)
{
    (void) state;
    srig_client (t, 2);
    srig_turn (t);
    srig_submit (t, 1, 1, 11); /* before it heard of that */
    srig_pass (t, SOON_MS);
    assert_int_equal (srig_stats (t).n_queued, 5); /* of 6 MiB */
    srig_expect_missing (t, 1, "6-11");
}

/* Its client gives up what it cancelled after a while, however the worker's end of it comes. */
static void what_was_cancelled_takes_no_room (void **state)
{
    (void) state;
    srig_worker (t, 1, 100);
    t->payload_len = 10 * MB;
    srig_submit (t, 1, 1, 1);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1");
    srig_cancel (t, 1, 1, 1);
    srig_cancel (t, 1, 1, 1);
    srig_submit (t, 1, 2, 3);
    srig_pass (t, SOON_MS);
    srig_expect_missing (t, 1, "3-3");
    srig_result (t, 1, 1, 1, 1, OUTCOME_KILLED);
    srig_submit (t, 1, 4, 4);
    srig_pass (t, SOON_MS);
    srig_expect_missing (t, 1, "3-3 4-4");
}

/* It asks by its CLAIM: if it heard of them twice, it would submit twice what was taken the first time. */
static void a_new_connection_hears_of_them_once (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 14);
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 14, true);
    srig_turn (t);
    srig_expect_missing (t, 1, "12-14");
    srig_pass (t, SOON_MS);
    srig_expect_missing (t, 1, "12-14");
}

static void a_broker_that_ends_says_so_before (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 14);
    scheduler_drain (t->scheduler);
    srig_bare (t, &t->clients[1], WIRE_DRAIN);
    srig_turn (t);
    srig_expect_missing (t, 1, "12-14");
}

static void a_session_that_ends_takes_them_along (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 14);
    srig_bare (t, &t->clients[1], WIRE_BYE);
    srig_pass (t, SOON_MS);
    srig_expect_missing (t, 1, "");
}

/* Gaps between ids cost us a record each, so of very many it hears at once. */
static void of_very_many_it_hears_at_once (void **state)
{
    (void) state;
    srig_submit (t, 1, 1, 11);
    for (uint64_t id = 20; id < 20 + 2 * 1030; id += 2)
        srig_submit (t, 1, id, id);
    srig_turn (t);
    assert_int_not_equal (t->clients[1].n_kinds[WIRE_MISSING], 0);
    assert_int_equal (srig_stats (t).n_queued, 11);
}

/* They fail here, so no worker holds their results back. */
static void whoever_takes_no_results_is_not_taken_more_and_more_of (void **state)
{
    (void) state;
    srig_worker (t, 1, 1);
    t->payload_len = 1 * KB;
    for (uint64_t id = 1; id < 100000; id += 100) {
        srig_submit_as (t, 1, id, id + 99, (srig_submit_t) { .function = "nobodys" });
        srig_turn (t);
        srig_forget (t);
    }
    scheduler_stats_t stats = srig_stats (t);
    assert_true (stats.n_finished < 100000);
    assert_true (stats.payload_bytes + stats.n_finished * WIRE_RECORD_BYTES < LIMIT / 8 * 3);
    srig_pass (t, SOON_MS);
    assert_int_not_equal (t->clients[1].n_kinds[WIRE_MISSING], 0);
}

static void takes_all_where_there_is_no_limit (void **state)
{
    (void) state;
    srig_t *other = srig_new ();
    srig_client (other, 1);
    other->payload_len = 1 * MB;
    srig_submit (other, 1, 1, 30);
    srig_pass (other, SOON_MS);
    assert_int_equal (srig_stats (other).n_queued, 30);
    srig_expect_missing (other, 1, "");
    srig_free (&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (names_as_missing_what_is_beyond_the_room),
        TEST (takes_it_when_it_comes_again_and_there_is_room),
        TEST (takes_one_of_any_size_from_whoever_has_nothing_here),
        TEST (whoever_comes_later_makes_the_room_of_the_others_less),
        TEST (what_was_cancelled_takes_no_room),
        TEST (a_new_connection_hears_of_them_once),
        TEST (a_broker_that_ends_says_so_before),
        TEST (a_session_that_ends_takes_them_along),
        TEST (of_very_many_it_hears_at_once),
        TEST (whoever_takes_no_results_is_not_taken_more_and_more_of),
        TEST (takes_all_where_there_is_no_limit),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
