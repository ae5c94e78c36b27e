/* SPDX-License-Identifier: MPL-2.0 */
/* crew_room_test.c - results wait while the broker has no room for them, or none for their session's. */
#include "tests/support/test.h"
#include "tests/unit/crew_rig.h"

static rig_t *rig;

static int set_up (void **state)
{
    (void) state;
    rig = rig_new (3, 1);
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    rig_destroy (&rig);
    return 0;
}

/* Runs 1 to n, of session 1 the odd and of session 2 the even ones, are with the children. */
static void hand_out (uint64_t n)
{
    for (uint64_t id = 1; id <= n; id++)
        rig_task (rig, 0, &(rig_task_t) { .id = id, .session = 2 - id % 2 });
    rig_turn (rig, 0);
    rig_forget (rig);
}

static void finish (size_t place, uint64_t serial)
{
    rig_value (rig, place, serial, 500000);
    rig_turn (rig, 0);
}

static void sends_no_more_than_may_be_unacknowledged (void **state)
{
    (void) state;
    rig_room (rig, 0, 2 * WIRE_RECORD_BYTES, 0);
    hand_out (3);
    finish (2, 1);
    finish (1, 2);
    rig_expect (rig, "0< RESULTS w3 1.1 value final 0+1 V\n");
    rig_bare (rig, 0, WIRE_ACK, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RESULTS w3 2.1 value final 0+1 V\n");
}

static void results_of_a_full_session_wait_and_others_overtake_them (void **state)
{
    (void) state;
    rig_room (rig, 0, 0, 1);
    hand_out (3);
    finish (2, 1);
    rig_expect (rig,
                "0< RESULTS w4+1\n"); /* the run that waits counts no more for the window, nor its byte */
    finish (1, 2);
    rig_expect (rig, "0< RESULTS w4+1 2.1 value final 0+1 V\n");
    finish (0, 3);
    rig_expect (rig, "0< RESULTS w5+2\n");
    rig_room (rig, 0, 0, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RESULTS w3 1.1 value final 0+1 V, 3.1 value final 0+1 V\n");
}

static void what_waits_is_sent_to_a_broker_that_adopts_it (void **state)
{
    (void) state;
    rig_room (rig, 0, 0, 1);
    hand_out (1);
    finish (2, 1);
    rig_forget (rig);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_pass (rig, 2000);
    rig_welcome (rig, 0);
    rig_forget (rig);
    rig_run (rig, 0, WIRE_ADOPT, 1, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RUNS 1.1 done last\n0< RESULTS w3 1.1 value final 0+1 V\n");
}

static void leaves_only_when_what_waits_has_been_taken (void **state)
{
    (void) state;
    rig_room (rig, 0, 0, 1);
    hand_out (1);
    finish (2, 1);
    crew_drain (rig->crew, rig->now_ms, false);
    rig_forget (rig);
    rig_pass (rig, 2500);
    assert_false (crew_is_gone (rig->crew));
    rig_forget (rig);
    rig_room (rig, 0, 0, 0);
    rig_turn (rig, 0);
    rig_expect_part (rig, "0< RESULTS w1 1.1 value final 0+1 V\n");
    rig_bare (rig, 0, WIRE_ACK, 1);
    rig_turn (rig, 0);
    rig_expect_part (rig, "0< BYE");
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (sends_no_more_than_may_be_unacknowledged),
        TEST (results_of_a_full_session_wait_and_others_overtake_them),
        TEST (what_waits_is_sent_to_a_broker_that_adopts_it),
        TEST (leaves_only_when_what_waits_has_been_taken),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
