/* SPDX-License-Identifier: MPL-2.0 */
/* Each allocation of each public call fails once: the call tells so, nothing else is changed, and the next
 * one works. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "tests/modules/testwork.c"
#include "tests/support/check.h"
#include "tests/support/wait.h"

/* More allocations than any of these calls makes: the last rounds all succeed. */
enum { ROUNDS = 80 };

static dpool_t *pool;

static dpool_t *open_pool (void)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.processes = 1;
    return dpool_open (NULL, &options);
}

static int set_up (void **state)
{
    (void) state;
    pool = assert_made (open_pool ());
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    dpool_destroy (&pool);
    return 0;
}

/* What one round gave: anything, or nothing because there was no memory. */
static bool was_made (const void *object, long round)
{
    int code = errno;
    dp_memory_fail_nth (0);
    if (!object && code != ENOMEM)
        fail_msg ("allocation %ld failed, and that is told as: %s (%s)", round, dpool_strerror (code),
                  dpool_last_error ()->message);
    if (!object)
        assert_int_equal (dpool_last_error ()->code, ENOMEM);
    return object != NULL;
}

static void assert_in_order (void)
{
    dpool_value_t *value;
    assert_ok (dpool_apply (pool, &value, "square", DPOOL_V (7)));
    assert_number (value, 49);
    dpool_value_destroy (&value);
}

static void opens_nothing (void **state)
{
    (void) state;
    int n_failed = 0;
    for (long round = 1; round <= ROUNDS; round++) {
        dp_memory_fail_nth (round);
        dpool_t *opened = open_pool ();
        n_failed += !was_made (opened, round);
        if (opened && round % 8 == 0)
            assert_ok (dpool_apply (opened, NULL, "square", DPOOL_V (7)));
        dpool_destroy (&opened);
    }
    assert_in_range (n_failed, 5, ROUNDS - 5);
}

static void submits_nothing (void **state)
{
    (void) state;
    int n_failed = 0;
    for (long round = 1; round <= ROUNDS; round++) {
        dp_memory_fail_nth (round);
        dpool_async_result_t *result = dpool_apply_async (pool, "square", DPOOL_V (3));
        n_failed += !was_made (result, round);
        if (result)
            assert_ok (dpool_async_result_get (result, PATIENCE_MS));
        dpool_async_result_destroy (&result);
    }
    assert_in_range (n_failed, 3, ROUNDS - 5);
    assert_in_order ();
}

static dpool_items_t *some_items (void)
{
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int i = 0; i < 10; i++)
        assert_ok (dpool_items_add (items, "i", i));
    return items;
}

static void maps_nothing (void **state)
{
    (void) state;
    int n_failed = 0;
    for (long round = 1; round <= ROUNDS; round++) {
        dpool_items_t *items = some_items ();
        dp_memory_fail_nth (round);
        dpool_async_result_t *result = dpool_map_async (pool, "square", items, NULL);
        n_failed += !was_made (result, round);
        if (result)
            assert_ok (dpool_async_result_get (result, PATIENCE_MS));
        dpool_async_result_destroy (&result);
        assert_int_equal (dpool_items_count (items), 10);
        dpool_items_destroy (&items);
    }
    assert_in_range (n_failed, 3, ROUNDS - 5);
    assert_in_order ();
}

static void iterates_over_nothing (void **state)
{
    (void) state;
    int n_failed = 0;
    for (long round = 1; round <= ROUNDS; round++) {
        dpool_items_t *items = some_items ();
        dpool_source_t source = dpool_source_from_items (items);
        dp_memory_fail_nth (round);
        dpool_imap_t *imap = dpool_imap (pool, "square", source, NULL);
        n_failed += !was_made (imap, round);
        for (int i = 0; imap && i < 10; i++) {
            const dpool_value_t *value;
            if (dpool_imap_next (imap, &value, PATIENCE_MS) < 0) { /* an item could not be drawn */
                was_made (NULL, round);
                n_failed++;
                break;
            }
            assert_number (value, i * i);
        }
        dpool_imap_destroy (&imap);
        dpool_items_destroy (&items);
    }
    assert_in_range (n_failed, 3, ROUNDS - 5);
    assert_in_order ();
}

static void makes_no_list (void **state)
{
    (void) state;
    int n_failed = 0;
    for (long round = 1; round <= 20; round++) {
        dp_memory_fail_nth (round);
        dpool_items_t *items = dpool_items_new ();
        int rc = items ? dpool_items_add (items, "s", "text") : -1;
        n_failed += !was_made (rc == 0 ? items : NULL, round);
        dpool_items_destroy (&items);
    }
    assert_in_range (n_failed, 2, 15);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (opens_nothing), TEST (submits_nothing), TEST (maps_nothing),
        TEST (iterates_over_nothing),     TEST (makes_no_list),
    };
    unsetenv ("DPOOL_ENDPOINT");
    if (dpool_prepare () < 0) /* what is forked here would have the failures too */
        return 1;
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
