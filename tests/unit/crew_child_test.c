/* SPDX-License-Identifier: MPL-2.0 */
/* What the crew does with its children: crashes, time limits, cancels, sessions with children of their own.
 */
#include "tests/support/test.h"
#include "tests/unit/crew_rig.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WITH_RIG(processes) \
    (void) state;           \
    rig_t *rig = rig_new (processes, 1)

/* ---- Crashes -------------------------------------------------------------------------------------- */

static void a_crash_is_charged_to_the_item_that_ran_and_the_rest_was_not_started (void **state)
{
    WITH_RIG (1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 4, .attempt = 2 });
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 10);
    rig_exit (rig, 0, SIGSEGV, 0, 1, 1);
    rig_forget (rig);
    rig_turn (rig, 0);
    rig_expect (rig, "start 0\n0< RESULTS w1 7.2 crashed final 0+4 VC--\n");
    assert_string_equal (rig->message, "its process was killed by signal 11 (Segmentation fault)");
    assert_string_equal (rig->stderr_tail, "last words");
    assert_int_equal (rig->signal, SIGSEGV);
    assert_int_equal (rig->attempts, 2);
    rig_destroy (&rig);
}

static void a_task_that_calls_exit_has_crashed (void **state)
{
    WITH_RIG (1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_exit (rig, 0, 0, 0, 1, 0);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 crashed final 0+1 C\n");
    assert_string_equal (rig->message, "its process ended in mid-task: it called exit (0)");
    rig_destroy (&rig);
}

static void nobody_is_blamed_when_a_child_dies_before_it_takes_its_run (void **state)
{
    WITH_RIG (1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_exit (rig, 0, SIGKILL, 0, 0, 0);
    rig_forget (rig);
    rig_turn (rig, 0);
    rig_expect (rig, "start 0\n");
    rig_ready (rig, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 0 #2 task 7\n");
    rig_destroy (&rig);
}

static void runs_behind_a_crash_run_elsewhere (void **state)
{
    WITH_RIG (1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 1);
    rig_tasks (rig, 0, 2, 4);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_exit (rig, 0, SIGABRT, 0, 2, 0);
    rig_turn (rig, 0);
    rig_expect_part (rig, "2.1 crashed final 0+1 C\n");
    rig_ready (rig, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 0 #5 task 3\nhand 0 #6 task 4\n");
    rig_destroy (&rig);
}

static void an_idle_child_that_dies_is_replaced_at_once (void **state)
{
    WITH_RIG (2);
    rig_exit (rig, 1, SIGKILL, 0, 0, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "start 1\n");
    rig_destroy (&rig);
}

static void children_that_never_come_up_are_started_less_and_less_often (void **state)
{
    (void) state;
    rig_t *rig = rig_new_raw (1, 1, 0);
    rig_turn (rig, 0);
    static const int64_t waits_ms[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
    for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        rig_exit (rig, 0, 0, 1, 0, 0);
        rig_turn (rig, 0);
        rig_forget (rig);
        rig_pass (rig, waits_ms[i] - 1);
        assert_null (strstr (rig->trace, "start"));
        rig_turn (rig, 1);
        rig_expect_part (rig, "start 0\n");
    }
    rig_destroy (&rig);
}

/* ---- Time limits ---------------------------------------------------------------------------------- */

static void an_item_over_its_time_limit_is_killed_and_timed_out (void **state)
{
    WITH_RIG (1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 2, .limit_ms = 50 });
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_forget (rig);
    rig_pass (rig, 50);
    rig_expect (rig, "");
    rig_pass (rig, 1);
    rig_expect (rig, "signal 9 0\n");
    rig_exit (rig, 0, SIGKILL, 0, 1, 0);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 timed out final 0+2 T-\n");
    assert_string_equal (rig->message, "it ran longer than its time limit of 50 ms");
    rig_destroy (&rig);
}

static void the_time_limit_counts_for_each_item_anew (void **state)
{
    WITH_RIG (1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 2, .limit_ms = 50 });
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_pass (rig, 40);
    rig_value (rig, 0, 1, 40000);
    rig_claim (rig, 0, 1, 1);
    rig_pass (rig, 40);
    assert_null (strstr (rig->trace, "signal"));
    rig_destroy (&rig);
}

static void an_item_that_started_while_the_kill_was_under_way_is_not_to_blame (void **state)
{
    WITH_RIG (1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 2, .limit_ms = 50 });
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_pass (rig, 51);
    rig_value (rig, 0, 1, 51000);
    rig_exit (rig, 0, SIGKILL, 0, 1, 1);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 value final 0+2 V-\n");
    rig_destroy (&rig);
}

/* ---- Cancel ---------------------------------------------------------------------------------------- */

static void cancels_a_waiting_run_at_once (void **state)
{
    WITH_RIG (1);
    rig_tasks (rig, 0, 1, 1);
    rig_task (rig, 0, &(rig_task_t) { .id = 2, .n_items = 2 });
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_run (rig, 0, WIRE_CANCEL, 2, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RESULTS w1 2.1 cancelled final 0+2 XX\n");
    rig_destroy (&rig);
}

static void cancels_a_running_task_by_flag_then_sigterm_then_sigkill (void **state)
{
    WITH_RIG (1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 2 });
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_run (rig, 0, WIRE_CANCEL, 7, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "flag 0 #1\n");
    rig_pass (rig, 1000);
    rig_expect_part (rig, "signal 15 0\n");
    rig_pass (rig, 1000);
    rig_expect_part (rig, "signal 9 0\n");
    rig_exit (rig, 0, SIGKILL, 0, 1, 0);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 killed final 0+2 KX\n");
    rig_destroy (&rig);
}

static void a_value_that_comes_before_the_kill_counts (void **state)
{
    WITH_RIG (1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_run (rig, 0, WIRE_CANCEL, 7, 1);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 500000);
    rig_forget (rig);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RESULTS w1 7.1 value final 0+1 V\n");
    rig_tasks (rig, 0, 8, 8);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 0 #2 task 8\n");
    rig_destroy (&rig);
}

static void the_items_behind_the_one_that_runs_do_not_start_once_cancelled (void **state)
{
    WITH_RIG (1);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .n_items = 3 });
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_run (rig, 0, WIRE_CANCEL, 7, 1);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_value (rig, 0, 1, 500000);
    rig_turn (rig, 0);
    rig_expect (rig, "signal 9 0\n");
    rig_exit (rig, 0, SIGKILL, 0, 1, 0);
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 killed final 0+3 VXX\n");
    rig_destroy (&rig);
}

static void a_cancelled_run_that_its_child_has_not_started_never_starts (void **state)
{
    WITH_RIG (1);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 1);
    rig_tasks (rig, 0, 2, 4);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 2, 0);
    rig_forget (rig);
    rig_run (rig, 0, WIRE_CANCEL, 3, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "back 0 #3\nhand 0 #5 task 4\n0< RESULTS w1025 3.1 cancelled final 0+1 X\n");
    rig_destroy (&rig);
}

static void a_cancelled_run_that_starts_before_it_is_taken_back_is_flagged (void **state)
{
    WITH_RIG (1);
    rig->answers_take_back = false;
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_run (rig, 0, WIRE_CANCEL, 7, 1);
    rig_forget (rig);
    rig_turn (rig, 0);
    rig_expect (rig, "back 0 #1\n");
    crew_taken_back (rig->crew, rig->now_ms, 0, 2);
    rig_turn (rig, 0);
    rig_expect (rig, "flag 0 #1\n");
    rig_destroy (&rig);
}

static void cancel_of_a_finished_run_changes_nothing (void **state)
{
    WITH_RIG (1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 500000);
    rig_forget (rig);
    rig_run (rig, 0, WIRE_CANCEL, 7, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RESULTS w1 7.1 value final 0+1 V\n");
    rig_destroy (&rig);
}

static void a_child_that_outlives_its_sigterm_gets_no_more_work (void **state)
{
    WITH_RIG (1);
    rig_tasks (rig, 0, 7, 7);
    rig_turn (rig, 0);
    rig_claim (rig, 0, 1, 0);
    rig_run (rig, 0, WIRE_CANCEL, 7, 1);
    rig_pass (rig, 1000);
    rig_tasks (rig, 0, 8, 8);
    rig_forget (rig);
    rig_value (rig, 0, 1, 500000);
    rig_turn (rig, 0);
    rig_expect (rig, "end 0\n0< RESULTS w1 7.1 value final 0+1 V\n");
    rig_exit (rig, 0, SIGTERM, 0, 1, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "start 0\n");
    rig_destroy (&rig);
}

/* ---- Sessions with children of their own ------------------------------------------------------------ */

static void a_session_with_an_initializer_gets_children_of_its_own_when_it_has_work (void **state)
{
    WITH_RIG (1);
    rig_session (rig, 0, 5, "init", 0);
    rig_turn (rig, 0);
    rig_expect (rig, "");
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .session = 5 });
    rig_turn (rig, 0);
    rig_expect (rig, "start 1 session 5\n");
    rig_ready (rig, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 1 #1 task 7\n");
    assert_int_equal (crew_n_places (rig->crew), 2);
    rig_destroy (&rig);
}

static void no_more_children_work_than_there_are_processes (void **state)
{
    WITH_RIG (1);
    rig_session (rig, 0, 5, "init", 0);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .session = 5 });
    rig_tasks (rig, 0, 8, 8);
    rig_turn (rig, 0);
    rig_ready (rig, 1);
    rig_turn (rig, 0);
    rig_expect (rig, "start 1 session 5\nhand 0 #1 task 8\n");
    rig_value (rig, 0, 1, 500000);
    rig_turn (rig, 0);
    rig_expect_part (rig, "hand 1 #2 task 7\n");
    rig_destroy (&rig);
}

static void an_older_run_of_another_session_is_not_starved_by_tiny_ones (void **state)
{
    WITH_RIG (1);
    rig_session (rig, 0, 5, "init", 0);
    rig_tasks (rig, 0, 1, 1);
    rig_turn (rig, 0);
    rig_value (rig, 0, 1, 1);
    rig_tasks (rig, 0, 2, 3);
    rig_turn (rig, 0);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .session = 5 });
    rig_turn (rig, 0);
    rig_ready (rig, 1);
    rig_forget (rig);
    rig_tasks (rig, 0, 4, 4);
    rig_turn (rig, 0);
    rig_expect (rig, "");
    rig_value (rig, 0, 2, 1);
    rig_value (rig, 0, 3, 1);
    rig_turn (rig, 0);
    rig_expect_part (rig, "hand 1 #4 task 7\n");
    rig_destroy (&rig);
}

static void a_child_is_replaced_after_its_number_of_items (void **state)
{
    WITH_RIG (1);
    rig_session (rig, 0, 5, "", 3);
    rig_task (rig, 0, &(rig_task_t) { .id = 1, .session = 5, .n_items = 4 });
    rig_task (rig, 0, &(rig_task_t) { .id = 2, .session = 5 });
    rig_turn (rig, 0);
    rig_ready (rig, 1);
    rig_turn (rig, 0);
    rig_forget (rig);
    for (int i = 0; i < 4; i++)
        rig_value (rig, 1, 1, 100000);
    rig_turn (rig, 0);
    rig_expect (rig, "end 1\nstart 2 session 5\n0< RESULTS w1 1.1 value final 0+4 VVVV\n");
    rig_exit (rig, 1, 0, 0, 1, 3);
    rig_ready (rig, 2);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 2 #5 task 2\n");
    rig_destroy (&rig);
}

static void fail_initializer (rig_t *rig)
{
    dpool_error_t error = { .message = "no database" };
    crew_child_initializer_failed (rig->crew, rig->now_ms, 1, &error);
    rig_exit (rig, 1, 0, 1, 0, 0);
    rig_turn (rig, 0);
}

static void an_initializer_that_fails_three_times_fails_all_runs (void **state)
{
    WITH_RIG (1);
    rig_session (rig, 0, 5, "init", 0);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .session = 5, .n_items = 2 });
    rig_turn (rig, 0);
    fail_initializer (rig);
    fail_initializer (rig);
    rig_expect (rig, "start 1 session 5\nstart 1 session 5\nstart 1 session 5\n");
    fail_initializer (rig);
    rig_expect (rig, "0< RESULTS w1 7.1 initializer failed final 0+2 II\n");
    assert_string_equal (rig->message, "no database");
    rig_task (rig, 0, &(rig_task_t) { .id = 8, .session = 5 });
    rig_turn (rig, 0);
    rig_expect (rig, "0< RESULTS w1 8.1 initializer failed final 0+1 I\n");
    rig_destroy (&rig);
}

static void a_crash_in_the_initializer_is_a_failed_start (void **state)
{
    WITH_RIG (1);
    rig_session (rig, 0, 5, "init", 0);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .session = 5 });
    for (int i = 0; i < 3; i++) {
        rig_turn (rig, 0);
        rig_exit (rig, 1, SIGSEGV, 0, 0, 0);
    }
    rig_turn (rig, 0);
    rig_expect_part (rig, "7.1 initializer failed final 0+1 I\n");
    assert_string_equal (rig->message,
                         "in the initializer init: its process was killed by signal 11 (Segmentation fault)");
    assert_string_equal (rig->stderr_tail, "last words");
    rig_destroy (&rig);
}

static void a_success_between_forgives_failed_starts (void **state)
{
    WITH_RIG (1);
    rig_session (rig, 0, 5, "init", 0);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .session = 5 });
    rig_turn (rig, 0);
    fail_initializer (rig);
    fail_initializer (rig);
    rig_ready (rig, 1);
    rig_exit (rig, 1, SIGKILL, 0, 0, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    fail_initializer (rig);
    rig_expect (rig, "start 1 session 5\n");
    rig_destroy (&rig);
}

static void the_end_of_a_session_ends_its_children_and_forgets_its_runs (void **state)
{
    WITH_RIG (1);
    rig_session (rig, 0, 5, "init", 0);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .session = 5 });
    rig_task (rig, 0, &(rig_task_t) { .id = 8, .session = 5 });
    rig_turn (rig, 0);
    rig_ready (rig, 1);
    rig_turn (rig, 0);
    rig_claim (rig, 1, 1, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_session_end (rig, 0, 5);
    rig_turn (rig, 0);
    rig_expect (rig, "flag 1 #1\nend 1\n");
    rig_pass (rig, 2000);
    assert_non_null (strstr (rig->trace, "signal 9 1\n"));
    rig_exit (rig, 1, SIGKILL, 0, 1, 0);
    rig_forget (rig);
    crew_broken (rig->crew, rig->now_ms, 0);
    rig_turn (rig, 0);
    rig_forget (rig);
    rig_welcome (rig, 0);
    rig_turn (rig, 0);
    rig_expect (rig, "0< RUNS last\n");
    rig_destroy (&rig);
}

static void the_end_of_a_session_at_one_broker_leaves_it_to_the_other (void **state)
{
    (void) state;
    rig_t *rig = rig_new (1, 2);
    rig_session (rig, 0, 5, "init", 0);
    rig_session (rig, 1, 5, "init", 0);
    rig_task (rig, 1, &(rig_task_t) { .id = 7, .session = 5 });
    rig_turn (rig, 0);
    rig_ready (rig, 1);
    rig_forget (rig);
    rig_session_end (rig, 0, 5);
    rig_turn (rig, 0);
    rig_expect (rig, "hand 1 #1 task 7\n");
    rig_destroy (&rig);
}

static void a_place_is_used_again (void **state)
{
    WITH_RIG (1);
    for (uint64_t session = 5; session < 9; session++) {
        rig_session (rig, 0, session, "init", 0);
        rig_task (rig, 0, &(rig_task_t) { .id = session, .session = session });
        rig_turn (rig, 0);
        rig_ready (rig, 1);
        rig_session_end (rig, 0, session);
        rig_turn (rig, 0);
        rig_exit (rig, 1, 0, 0, 0, 0);
    }
    assert_int_equal (crew_n_places (rig->crew), 2);
    rig_destroy (&rig);
}

static void a_child_that_does_not_end_is_killed (void **state)
{
    WITH_RIG (1);
    rig_session (rig, 0, 5, "init", 0);
    rig_task (rig, 0, &(rig_task_t) { .id = 7, .session = 5 });
    rig_turn (rig, 0);
    rig_ready (rig, 1);
    rig_session_end (rig, 0, 5);
    rig_turn (rig, 0);
    rig_expect_part (rig, "end 1\n");
    rig_pass (rig, 1000);
    rig_expect_part (rig, "signal 9 1\n");
    rig_destroy (&rig);
}

static void sessions_beyond_all_places_wait_for_an_idle_child_to_make_room (void **state)
{
    WITH_RIG (CREW_MAX_PROCESSES);
    size_t n_common = crew_n_places (rig->crew);
    assert_int_equal (n_common, CREW_MAX_PROCESSES);
    uint64_t session = 5;
    for (; crew_n_places (rig->crew) < CREW_MAX_PLACES; session++) {
        size_t place = crew_n_places (rig->crew);
        rig_session (rig, 0, session, "init", 0);
        rig_task (rig, 0, &(rig_task_t) { .id = session, .session = session });
        rig_turn (rig, 0);
        rig_ready (rig, place);
        rig_turn (rig, 0);
        rig_value (rig, place, session - 4, 1000000);
        rig_forget (rig);
    }
    rig_session (rig, 0, session, "init", 0);
    rig_task (rig, 0, &(rig_task_t) { .id = session, .session = session });
    rig_turn (rig, 0);
    char line[32];
    snprintf (line, sizeof line, "end %zu\n", n_common);
    assert_non_null (strstr (rig->trace, line));
    rig_forget (rig);
    rig_exit (rig, n_common, 0, 0, 0, 0);
    rig_turn (rig, 0);
    snprintf (line, sizeof line, "start %zu session", n_common);
    rig_expect_part (rig, line);
    rig_destroy (&rig);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_crash_is_charged_to_the_item_that_ran_and_the_rest_was_not_started),
        cmocka_unit_test (a_task_that_calls_exit_has_crashed),
        cmocka_unit_test (nobody_is_blamed_when_a_child_dies_before_it_takes_its_run),
        cmocka_unit_test (runs_behind_a_crash_run_elsewhere),
        cmocka_unit_test (an_idle_child_that_dies_is_replaced_at_once),
        cmocka_unit_test (children_that_never_come_up_are_started_less_and_less_often),
        cmocka_unit_test (an_item_over_its_time_limit_is_killed_and_timed_out),
        cmocka_unit_test (the_time_limit_counts_for_each_item_anew),
        cmocka_unit_test (an_item_that_started_while_the_kill_was_under_way_is_not_to_blame),
        cmocka_unit_test (cancels_a_waiting_run_at_once),
        cmocka_unit_test (cancels_a_running_task_by_flag_then_sigterm_then_sigkill),
        cmocka_unit_test (a_value_that_comes_before_the_kill_counts),
        cmocka_unit_test (the_items_behind_the_one_that_runs_do_not_start_once_cancelled),
        cmocka_unit_test (a_cancelled_run_that_its_child_has_not_started_never_starts),
        cmocka_unit_test (a_cancelled_run_that_starts_before_it_is_taken_back_is_flagged),
        cmocka_unit_test (cancel_of_a_finished_run_changes_nothing),
        cmocka_unit_test (a_child_that_outlives_its_sigterm_gets_no_more_work),
        cmocka_unit_test (a_session_with_an_initializer_gets_children_of_its_own_when_it_has_work),
        cmocka_unit_test (no_more_children_work_than_there_are_processes),
        cmocka_unit_test (an_older_run_of_another_session_is_not_starved_by_tiny_ones),
        cmocka_unit_test (a_child_is_replaced_after_its_number_of_items),
        cmocka_unit_test (an_initializer_that_fails_three_times_fails_all_runs),
        cmocka_unit_test (a_crash_in_the_initializer_is_a_failed_start),
        cmocka_unit_test (a_success_between_forgives_failed_starts),
        cmocka_unit_test (the_end_of_a_session_ends_its_children_and_forgets_its_runs),
        cmocka_unit_test (the_end_of_a_session_at_one_broker_leaves_it_to_the_other),
        cmocka_unit_test (a_place_is_used_again),
        cmocka_unit_test (a_child_that_does_not_end_is_killed),
        cmocka_unit_test (sessions_beyond_all_places_wait_for_an_idle_child_to_make_room),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
