/* SPDX-License-Identifier: MPL-2.0 */
/* child_test.c - children of the real zygote, driven by a loop made by hand in place of the worker's. */
#include "tests/unit/child_edge.h"

#include "core/outcome.h"
#include "core/value.h"
#include "tests/support/check.h"
#include "tests/support/wait.h"
#include "worker/place.h"
#include "worker/zygote.h"

#include <dpool/function.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- The functions that the children run ---------------------------------------------------- */

static int64_t initial;

DPOOL_FUNCTION (square)
{
    int64_t x;
    if (dpool_call_args (call, "l", &x) < 0)
        return -1;
    return dpool_call_return (call, "l", x * x);
}

DPOOL_FUNCTION (either)
{
    int64_t x;
    const char *text;
    if (dpool_call_args (call, "l", &x) == 0)
        return dpool_call_return (call, "s", "number");
    if (dpool_call_args (call, "s", &text) == 0)
        return dpool_call_return (call, "s", "text");
    return -1;
}

DPOOL_FUNCTION (fail)
{
    return dpool_call_fail (call, 42, "no %s", "luck");
}

DPOOL_FUNCTION (silent)
{
    return -1;
}

DPOOL_FUNCTION (nothing)
{
    return 0;
}

DPOOL_FUNCTION (twice)
{
    dpool_call_return (call, "i", 1);
    dpool_call_return (call, "i", 2);
    return 0;
}

DPOOL_FUNCTION (unpackable)
{
    return dpool_call_return (call, "s", "\xff");
}

DPOOL_FUNCTION (big)
{
    uint64_t size;
    if (dpool_call_args (call, "u", &size) < 0)
        return -1;
    char *bytes = malloc ((size_t) size);
    memset (bytes, 'x', (size_t) size);
    int rc = dpool_call_return (call, "b", (const void *) bytes, (size_t) size);
    free (bytes);
    return rc;
}

DPOOL_FUNCTION (numbers)
{
    uint64_t first = dpool_call_random (call);
    return dpool_call_return (call, "uuu", first, dpool_call_random (call),
                              (uint64_t) dpool_call_attempt (call));
}

DPOOL_FUNCTION (complain_and_die)
{
    fprintf (stderr, "the last words\n");
    kill (getpid (), SIGKILL);
    return 0;
}

DPOOL_FUNCTION (leave)
{
    exit (7);
}

DPOOL_FUNCTION (fork_and_return)
{
    pid_t pid = fork ();
    if (pid > 0)
        waitpid (pid, NULL, 0);
    return dpool_call_return (call, "i", pid > 0);
}

DPOOL_FUNCTION (wait_for_cancel)
{
    dpool_call_progress (call, 1, 4);
    while (!dpool_call_cancelled (call))
        poll (NULL, 0, 1);
    return dpool_call_return (call, "i", 1);
}

DPOOL_FUNCTION (read_initial)
{
    return dpool_call_return (call, "l", initial);
}

DPOOL_FUNCTION (scribble)
{
    /* What a wild pointer could do: the memory shared with the loop is found by its name. */
    FILE *maps = fopen ("/proc/self/maps", "re");
    char line[512];
    while (maps != NULL && fgets (line, sizeof line, maps) != NULL) {
        char *from = NULL;
        if (strstr (line, "dpool-place") != NULL && sscanf (line, "%p", (void **) &from) == 1)
            memset (from + sizeof (slot_t), 0x5a, 4096);
    }
    if (maps != NULL)
        fclose (maps);
    return 0;
}

DPOOL_INITIALIZER (set_initial)
{
    return dpool_call_args (call, "l", &initial);
}

DPOOL_INITIALIZER (never)
{
    return dpool_call_fail (call, 3, "not today");
}

/* Run one item with these packed arguments and give its error, which has this status. */
static void fails_with (edge_t *edge, const char *function, const char *packed, outcome_status_t status,
                        const char *words)
{
    size_t i = edge->n_outcomes;
    edge_hand (edge, 100 + i, function, packed, strlen (packed), 1);
    edge_await_outcomes (edge, i + 1);
    assert_int_equal (edge->outcomes[i].status, status);
    dpool_error_t error = edge_error_at (edge, i);
    assert_contains (error.message, words);
    assert_int_equal (error.pid, edge->place->pid);
    assert_int_equal (error.attempts, 3);
    assert_true (error.host[0] != '\0');
}

/* ---- Tests ---------------------------------------------------------------------------------- */

static void runs_the_items_of_a_task_in_order (void **state)
{
    edge_t *edge = edge_new (NULL, 0);
    (void) state;
    edge_hand (edge, 1, "square", "\x01\x02\x03", 3, 3);
    edge_hand (edge, 4, "square", "\x04", 1, 1);
    edge_await_outcomes (edge, 4);
    assert_true (edge->is_ready);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal (edge->outcomes[i].serial, i < 3 ? 1 : 4);
        assert_int_equal (edge->outcomes[i].item, i < 3 ? i : 0);
        assert_int_equal (edge->outcomes[i].status, OUTCOME_VALUE);
        assert_int_equal (edge->outcomes[i].body[0], (i + 1) * (i + 1));
    }
    place_end (edge->place);
    edge_await_end (edge);
    assert_int_equal (edge->end.signal, 0);
    assert_int_equal (edge->end.exit_status, 0);
    assert_true (edge->end.peak_memory_bytes > 0);
    edge_destroy (&edge);
}

static void tells_why_a_call_failed (void **state)
{
    edge_t *edge = edge_new (NULL, 0);
    (void) state;
    fails_with (edge, "fail", "\xc0", OUTCOME_FAILED, "no luck");
    assert_int_equal (edge_error_at (edge, 0).user_code, 42);
    fails_with (edge, "silent", "\xc0", OUTCOME_FAILED, "gave no reason");
    fails_with (edge, "twice", "\xc0", OUTCOME_FAILED, "twice");
    fails_with (edge, "square", "\xa1z", OUTCOME_BAD_VALUE, "wrong arguments for 'square'");
    fails_with (edge, "either", "\xc0", OUTCOME_BAD_VALUE, "wrong arguments for 'either'");
    fails_with (edge, "unpackable", "\xc0", OUTCOME_BAD_VALUE, "the result of 'unpackable' cannot be packed");
    fails_with (edge, "unheard_of", "\xc0", OUTCOME_NO_FUNCTION, "'unheard_of'");
    fails_with (edge, "big", "\xce\x04\x10\x01\x01", OUTCOME_TOO_LARGE, "67108864");
    edge_hand (edge, 1000, "either", "\xa1z", 2, 1);
    edge_hand (edge, 1001, "nothing", "\xc0", 1, 1);
    edge_await_outcomes (edge, 10);
    assert_int_equal (edge->outcomes[8].status, OUTCOME_VALUE);
    assert_int_equal (edge->outcomes[9].body[0], 0xc0);
    edge_destroy (&edge);
}

static void hands_over_results_longer_than_the_ring_in_order (void **state)
{
    edge_t *edge = edge_new (NULL, 0);
    (void) state;
    /* 1, 100,000, 10 MB, 100,000, 1 bytes; the second task is as long as a channel's buffer and more */
    edge_hand (edge, 1, "big", "\x01\xce\x00\x01\x86\xa0\xce\x00\x98\x96\x80\xce\x00\x01\x86\xa0\x01", 17, 5);
    edge_await_outcomes (edge, 5);
    static const size_t lens[] = { 1, 100000, 10000000, 100000, 1 };
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal (edge->outcomes[i].item, i);
        assert_true (edge->outcomes[i].body_len >= lens[i] && edge->outcomes[i].body_len <= lens[i] + 5);
    }
    size_t len = 3000000;
    uint8_t *payload = malloc (len);
    memset (payload, 7, len);
    crew_task_t task = { .function = "square", .n_items = 1, .payload = { payload, len, 0 } };
    place_hand (edge->place, 2, &task);
    free (payload);
    edge_await_outcomes (edge, 6);
    assert_int_equal (edge->outcomes[5].body[0], 49);
    edge_destroy (&edge);
}

/* ---- The ring ------------------------------------------------------------------------------- */

static void waits_when_the_ring_is_full (void **state)
{
    edge_t *edge = edge_new (NULL, 0);
    static uint8_t payload[3 * 1000];
    (void) state;
    for (size_t i = 0; i < sizeof payload; i += 3)
        memcpy (payload + i, "\xcd\x10\x00", 3); /* 4,096 bytes each: more than the ring in all */
    edge_hand (edge, 1, "big", payload, sizeof payload, 1000);
    edge_await_outcomes (edge, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal (edge->outcomes[i].item, i);
    edge_destroy (&edge);
}

static void gives_the_same_numbers_to_the_same_item (void **state)
{
    edge_t *first = edge_new (NULL, 0), *second = edge_new (NULL, 0);
    (void) state;
    edge_hand (first, 1, "numbers", "\xc0\xc0", 2, 2);
    edge_await_outcomes (first, 2);
    edge_hand (second, 1, "numbers", "\xc0\xc0", 2, 2);
    edge_await_outcomes (second, 2);
    assert_memory_equal (first->outcomes[0].body, second->outcomes[0].body, first->outcomes[0].body_len);
    assert_memory_not_equal (first->outcomes[0].body, first->outcomes[1].body, first->outcomes[0].body_len);
    edge_destroy (&first);
    edge_destroy (&second);
}

static void reports_how_it_died_and_what_it_ran (void **state)
{
    edge_t *edge = edge_new (NULL, 0);
    slot_view_t view;
    (void) state;
    edge_hand (edge, 1, "square", "\x02", 1, 1);
    edge_hand (edge, 2, "complain_and_die", "\xc0", 1, 1);
    edge_await_end (edge);
    assert_int_equal (edge->end.signal, SIGKILL);
    assert_int_equal (edge->n_outcomes, 1);
    assert_true (slot_read (&edge->place->shared->slot, true, &view));
    assert_int_equal (view.number, 2);
    assert_string_equal (place_tail (edge->place), "the last words\n");
    edge_destroy (&edge);
}

static const char *marker;

static void leave_a_mark (void)
{
    make_file (marker);
}

/* The program's atexit handlers are the program's. */
static void exits_without_the_programs_handlers (void **state)
{
    edge_t *edge = edge_new (NULL, 0);
    (void) state;
    edge_hand (edge, 1, "leave", "\xc0", 1, 1);
    edge_await_end (edge);
    assert_int_equal (edge->end.exit_status, 7);
    assert_int_not_equal (access (marker, F_OK), 0);
    edge_destroy (&edge);
}

static void ends_the_copy_that_a_function_forked (void **state)
{
    edge_t *edge = edge_new (NULL, 0);
    (void) state;
    edge_hand (edge, 1, "fork_and_return", "\xc0", 1, 1);
    edge_hand (edge, 2, "square", "\x03", 1, 1);
    edge_await_outcomes (edge, 2);
    assert_int_equal (edge->outcomes[0].body[0], 1);
    assert_int_equal (edge->outcomes[1].body[0], 9);
    edge_destroy (&edge);
}

static bool is_running (void *argument)
{
    slot_view_t view;
    edge_t *edge = argument;
    return slot_read (&edge->place->shared->slot, false, &view) && view.number == 1 && view.steps == 4;
}

static void skips_what_was_taken_back (void **state)
{
    edge_t *edge = edge_new (NULL, 0);
    (void) state;
    edge_hand (edge, 1, "wait_for_cancel", "\xc0", 1, 1);
    edge_hand (edge, 2, "square", "\x02", 1, 1);
    edge_hand (edge, 3, "square", "\x03", 1, 1);
    place_flush (edge->place);
    assert_true (wait_until (is_running, edge));
    assert_int_equal (place_take_back (edge->place, 2), 2);
    edge_hand (edge, 4, "square", "\x04", 1, 1);
    place_flag (edge->place, 1);
    edge_await_outcomes (edge, 2);
    assert_int_equal (edge->outcomes[0].serial, 1);
    assert_int_equal (edge->outcomes[1].serial, 4);
    edge_destroy (&edge);
}

static void leaves_a_run_where_it_was_cut (void **state)
{
    edge_t *edge = edge_new (NULL, 0);
    (void) state;
    edge_hand (edge, 1, "wait_for_cancel", "\xc0\xc0\xc0", 3, 3);
    place_flush (edge->place);
    assert_true (wait_until (is_running, edge));
    assert_int_equal (place_take_back (edge->place, 1), 2);
    edge_hand (edge, 4, "square", "\x04\x05", 2, 2);
    place_flag (edge->place, 1);
    edge_await_outcomes (edge, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal (edge->outcomes[i].serial, i == 0 ? 1 : 4);
        assert_int_equal (edge->outcomes[i].item, i == 2);
    }
    edge_destroy (&edge);
}

static void runs_the_initializer_first (void **state)
{
    edge_t *edge = edge_new ("set_initial", 77);
    (void) state;
    edge_hand (edge, 1, "read_initial", "\xc0", 1, 1);
    edge_await_outcomes (edge, 1);
    assert_true (edge->is_ready);
    assert_int_equal (edge->outcomes[0].body[0], 77);
    edge_destroy (&edge);
}

static void ends_when_its_initializer_fails (void **state)
{
    static const char *const names[] = { "never", "unheard_of" };
    static const char *const words[] = { "not today", "no initializer 'unheard_of'" };
    (void) state;
    for (size_t i = 0; i < 2; i++) {
        edge_t *edge = edge_new (names[i], 1);
        edge_hand (edge, 1, "square", "\x02", 1, 1);
        edge_await_end (edge);
        assert_false (edge->is_ready);
        assert_int_equal (edge->unfit, OUTCOME_INITIALIZER);
        assert_int_equal (edge->n_outcomes, 1);
        assert_contains (edge_error_at (edge, 0).message, words[i]);
        assert_int_equal (edge->end.exit_status, 1);
        edge_destroy (&edge);
    }
}

static void notices_a_child_that_overwrites_the_ring (void **state)
{
    edge_t *edge = edge_new (NULL, 0);
    (void) state;
    edge_hand (edge, 1, "scribble", "\xc0", 1, 1);
    while (!edge->place->is_corrupt && !edge->is_gone)
        edge_turn (edge);
    assert_true (edge->place->is_corrupt);
    edge_destroy (&edge);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (runs_the_items_of_a_task_in_order),
        cmocka_unit_test (tells_why_a_call_failed),
        cmocka_unit_test (hands_over_results_longer_than_the_ring_in_order),
        cmocka_unit_test (waits_when_the_ring_is_full),
        cmocka_unit_test (gives_the_same_numbers_to_the_same_item),
        cmocka_unit_test (reports_how_it_died_and_what_it_ran),
        cmocka_unit_test (exits_without_the_programs_handlers),
        cmocka_unit_test (ends_the_copy_that_a_function_forked),
        cmocka_unit_test (skips_what_was_taken_back),
        cmocka_unit_test (leaves_a_run_where_it_was_cut),
        cmocka_unit_test (runs_the_initializer_first),
        cmocka_unit_test (ends_when_its_initializer_fails),
        cmocka_unit_test (notices_a_child_that_overwrites_the_ring),
    };
    char path[64];
    pid_t self = getpid ();
    snprintf (path, sizeof path, "/tmp/dpool-child-test-%ld", (long) self);
    marker = path;
    atexit (leave_a_mark);
    if (dpool_prepare () < 0) {
        fprintf (stderr, "%s\n", dpool_last_error ()->message);
        return 1;
    }
    int rc = cmocka_run_group_tests (tests, NULL, NULL);
    fflush (NULL);
    _exit (rc);
}
