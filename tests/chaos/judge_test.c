/* SPDX-License-Identifier: MPL-2.0 */
/* judge_test.c - does the judge see every broken promise, and nothing where none is broken? */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <stdio.h>
#include <unistd.h>

#include "tests/chaos/doubled.h"
#include "tests/chaos/judge.h"
#include "tests/chaos/record.h"
#include "tests/chaos/task.h"
#include "tests/support/folder.h"

enum { CLIENT = 3 };

static folder_t *folder;
static history_t *history;
static int fd;

static int setup (void **state)
{
    (void) state;
    folder = folder_new ();
    history = history_new ();
    fd = record_open (folder_path (folder, "records"));
    history_follow (history, folder_path (folder, "records"));
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    close (fd);
    history_destroy (&history);
    folder_destroy (&folder);
    return 0;
}

/* A task of this shape and kind: those of two shapes have no index in common. */
static uint64_t find (task_shape_t shape, task_kind_t kind)
{
    uint32_t index = 10000 * (uint32_t) shape;
    while (task_kind (task_number (CLIENT, shape, index)) != kind)
        index++;
    return task_number (CLIENT, shape, index);
}

/* Append records by their letters: s b e, and o for an outcome with this code. */
static void note (uint64_t number, const char *letters, int code)
{
    for (; *letters; letters++) {
        int64_t value = *letters == 'o' && code == 0 ? task_value (number) : 0;
        assert_int_equal (record_write (fd, (record_kind_t) *letters, number, *letters == 'o' ? code : 1,
                                        value),
                          0);
    }
}

static verdict_t judge_silently (void)
{
    FILE *nowhere = fopen ("/dev/null", "we");
    assert_non_null (nowhere);
    history_update (history);
    verdict_t verdict = judge (history, nowhere);
    fclose (nowhere);
    return verdict;
}

static void sees_every_broken_promise (void **state)
{
    static const struct {
        const char *what;
        task_shape_t shape;
        task_kind_t kind;
        const char *records;
        int code;
        unsigned n_broken;
    } rows[] = {
        { "a value", SHAPE_MAP, TASK_QUICK, "sbeo", 0, 0 },
        { "a value after a lost run", SHAPE_MAP, TASK_NAP, "sbbeo", 0, 0 },
        { "a late run", SHAPE_IMAP, TASK_NAP, "sbbeoe", 0, 0 },
        { "no outcome", SHAPE_MAP, TASK_QUICK, "sbe", 0, 1 },
        { "two outcomes", SHAPE_MAP, TASK_QUICK, "sbeoo", 0, 1 },
        { "an outcome of what was not submitted", SHAPE_MAP, TASK_QUICK, "beo", 0, 1 },
        { "a run of what was not submitted", SHAPE_MAP, TASK_QUICK, "b", 0, 2 },
        { "a value without a run", SHAPE_MAP, TASK_QUICK, "so", 0, 1 },
        { "an error of a good task", SHAPE_MAP, TASK_QUICK, "sbo", DPOOL_ELOST, 1 },
        { "a crash of a good task", SHAPE_MAP, TASK_NAP, "sbbo", DPOOL_ECRASHED, 1 },
        { "a crash of a good task after all retries", SHAPE_MAP, TASK_NAP, "sbbbbbbo", DPOOL_ECRASHED, 0 },
        { "a crash of a poison task", SHAPE_MAP, TASK_POISON, "sbbbbbbo", DPOOL_ECRASHED, 0 },
        { "a value of a poison task", SHAPE_MAP, TASK_POISON, "sbeo", 0, 1 },
        { "at most once, lost", SHAPE_MAP_ONCE, TASK_ONCE, "sbo", DPOOL_ELOST, 0 },
        { "at most once, run twice", SHAPE_MAP_ONCE, TASK_ONCE, "sbbeo", 0, 1 },
        { "cancelled before it started", SHAPE_MAP_CANCELLED, TASK_CANCELLED, "so", DPOOL_ECANCELLED, 0 },
        { "cancelled, and it did start", SHAPE_MAP_CANCELLED, TASK_CANCELLED, "sbo", DPOOL_ECANCELLED, 1 },
        { "killed", SHAPE_MAP_CANCELLED, TASK_CANCELLED, "sbo", DPOOL_EKILLED, 0 },
        { "a time limit", SHAPE_APPLY, TASK_ENDLESS, "sbo", DPOOL_ETIMELIMIT, 0 },
        { "no time limit", SHAPE_APPLY, TASK_NAP, "sbo", DPOOL_ETIMELIMIT, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setup (state);
        print_message ("           %s\n", rows[i].what);
        note (find (rows[i].shape, rows[i].kind), rows[i].records, rows[i].code);
        assert_int_equal (judge_silently ().n_broken, rows[i].n_broken);
        teardown (state);
    }
}

static void sees_a_wrong_value (void **state)
{
    uint64_t number = find (SHAPE_MAP, TASK_QUICK);
    setup (state);
    note (number, "sbe", 0);
    record_write (fd, RECORD_OUTCOME, number, 0, task_value (number) + 1);
    assert_int_equal (judge_silently ().n_broken, 1);
    teardown (state);
}

static void sees_damaged_records (void **state)
{
    setup (state);
    assert_int_equal (write (fd, "sbe\n", 4), 4);
    assert_int_equal (judge_silently ().n_broken, 1);
    teardown (state);
}

static void forgives_a_killed_client_what_is_unfinished_and_nothing_else (void **state)
{
    setup (state);
    history_forgive (history, CLIENT);
    note (find (SHAPE_MAP, TASK_QUICK), "sb", 0);
    assert_int_equal (judge_silently ().n_broken, 0);
    assert_int_equal (judge_silently ().n_forgiven, 1);
    note (find (SHAPE_MAP, TASK_NAP), "sbo", DPOOL_ELOST);
    note (find (SHAPE_MAP_ONCE, TASK_ONCE), "sbb", 0);
    assert_int_equal (judge_silently ().n_broken, 2);
    teardown (state);
}

/* ---- Without a fault --------------------------------------------------------------------------- */

static doubled_t count_doubled (const change_t *changes, size_t n_changes)
{
    FILE *nowhere = fopen ("/dev/null", "we");
    assert_non_null (nowhere);
    history_update (history);
    const char *paths[] = { folder_path (folder, "records") };
    doubled_t doubled = doubled_count (history, paths, 1, changes, n_changes, nowhere);
    fclose (nowhere);
    return doubled;
}

static void counts_what_started_again_and_does_not_crash_by_itself (void **state)
{
    setup (state);
    note (find (SHAPE_MAP, TASK_QUICK), "sbeo", 0);
    note (find (SHAPE_MAP, TASK_CRASH_ONCE), "sbbeo", 0);
    note (find (SHAPE_MAP, TASK_POISON), "sbbbbbbo", DPOOL_ECRASHED);
    assert_int_equal (count_doubled (NULL, 0).n, 0);
    note (find (SHAPE_MAP, TASK_NAP), "sbbeo", 0);
    note (find (SHAPE_APPLY, TASK_NAP), "sbebeo", 0);
    assert_int_equal (count_doubled (NULL, 0).n, 2);
    teardown (state);
}

/* Only what had ended when the broker was gone, and started again with the next one. */
static void explains_what_a_broker_that_ended_took_along (void **state)
{
    setup (state);
    uint64_t ended = find (SHAPE_MAP, TASK_NAP), running = find (SHAPE_APPLY, TASK_NAP);
    note (ended, "sbe", 0);
    note (running, "sb", 0);
    change_t change = { record_now_us (), false };
    while (record_now_us () <= change.gone_us)
        ;
    note (ended, "beo", 0);
    note (running, "ebeo", 0);
    doubled_t doubled = count_doubled (&change, 1);
    assert_int_equal (doubled.n_explained, 1);
    assert_int_equal (doubled.n, 1);
    teardown (state);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (sees_every_broken_promise),
        cmocka_unit_test (sees_a_wrong_value),
        cmocka_unit_test (sees_damaged_records),
        cmocka_unit_test (forgives_a_killed_client_what_is_unfinished_and_nothing_else),
        cmocka_unit_test (counts_what_started_again_and_does_not_crash_by_itself),
        cmocka_unit_test (explains_what_a_broker_that_ended_took_along),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
