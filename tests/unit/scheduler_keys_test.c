/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_keys_test.c - what a key may submit: what it may not is refused, and nothing else. */
#include "tests/unit/scheduler_rig.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

#define ALICE "alice---------------------------------aa"

static srig_t *t;
static access_t *list;

/* Alice's key, with the functions that it may call. */
static void admit (const char *function)
{
    access_entry_t entry = { .name = "alice", .role = ACCESS_CLIENT };
    char name[64], *functions[] = { name };
    memcpy (entry.key, ALICE, sizeof entry.key);
    if (function != NULL) {
        snprintf (name, sizeof name, "%s", function);
        entry.functions = functions;
        entry.n_functions = 1;
    }
    access_t *next = access_new ();
    assert_non_null (next);
    assert_int_equal (access_add (next, &entry), 0);
    scheduler_admit (t->scheduler, next);
    access_destroy (&list);
    list = next;
}

static int setup (void **state)
{
    (void) state;
    t = srig_new ();
    scheduler_set_owner (t->scheduler, "");
    srig_worker (t, 1, 100);
    scheduler_set_owner (t->scheduler, ALICE);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    srig_free (&t);
    access_destroy (&list);
    return 0;
}

/* ---- Functions -------------------------------------------------------------------------------- */

static void refuses_a_function_that_the_key_may_not_call (void **state)
{
    (void) state;
    admit ("work");
    srig_client (t, 1);
    srig_submit (t, 1, 1, 2);
    srig_submit_as (t, 1, 3, 4, (srig_submit_t) { .function = "other" });
    srig_submit (t, 1, 5, 5);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 2 5");
    srig_expect_results (t, 1, "3 4");
    assert_int_equal (srig_status (t, 1, 3), OUTCOME_REFUSED);
    assert_contains (t->clients[1].text, "'alice' may not call 'other'");
    assert_int_equal (t->clients[1].n_kinds[WIRE_REFUSED], 0);
}

static void obeys_the_list_that_holds_now (void **state)
{
    (void) state;
    admit (NULL);
    srig_client (t, 1);
    srig_submit (t, 1, 1, 1);
    admit ("other");
    srig_submit (t, 1, 2, 2);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1"); /* what was taken goes on */
    srig_expect_results (t, 1, "2");
    admit ("work");
    srig_submit (t, 1, 3, 3);
    srig_turn (t);
    srig_expect_tasks (t, 1, "1 3");
}

static void says_it_again_until_it_is_acknowledged (void **state)
{
    (void) state;
    admit ("work");
    srig_client (t, 1);
    srig_submit_as (t, 1, 1, 1, (srig_submit_t) { .function = "other" });
    srig_turn (t);
    srig_break (t, &t->clients[1]);
    srig_forget (t);
    srig_client_hello (t, 1);
    srig_claim (t, 1, 1, 1, true);
    srig_turn (t);
    srig_expect_results (t, 1, "1");
    srig_ack (t, 1);
    assert_int_equal (srig_stats (t).n_finished, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    static const struct CMUnitTest tests[] = {
        CASE (refuses_a_function_that_the_key_may_not_call),
        CASE (obeys_the_list_that_holds_now),
        CASE (says_it_again_until_it_is_acknowledged),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
