/* SPDX-License-Identifier: MPL-2.0 */
/* Who may say what: every role with every message. */
#include "tests/support/test.h"

#include "broker/access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/role_matrix.h"
#include "tests/support/wire_samples.h"

#define KEY "0123456789012345678901234567890123456789"
#define OTHER_KEY "9876543210987654321098765432109876543210"

static access_entry_t entry_of (access_role_t role)
{
    access_entry_t entry = { .key = KEY, .name = "someone", .role = role };
    return entry;
}

/* ---- The matrix ------------------------------------------------------------------------------- */

static wire_message_t message_of (const role_row_t *row)
{
    wire_message_t message = { .kind = row->kind };
    if (row->kind == WIRE_HELLO)
        message.hello = (wire_hello_t) { .version_min = WIRE_VERSION_MIN,
                                         .version_max = WIRE_VERSION,
                                         .role = (wire_role_t) row->as };
    if (row->kind == WIRE_CLAIM)
        message.n_records = row->as;
    if (row->kind == WIRE_QUERY)
        message.query.question = (wire_question_t) row->as;
    return message;
}

static void decides_each_role_and_message (void **state)
{
    (void) state;
    for (size_t i = 0; i < n_role_matrix; i++)
        for (access_role_t role = ACCESS_CLIENT; role < ACCESS_ROLES; role++) {
            access_entry_t entry = entry_of (role);
            wire_message_t message = message_of (&role_matrix[i]);
            char why[256] = "";
            bool may = strchr (role_matrix[i].roles, ROLE_LETTERS[role]) != NULL;
            wire_refusal_t refusal = access_judge (&entry, &message, why, sizeof why);
            if (refusal != (may ? 0 : WIRE_REFUSED_ROLE))
                fail_msg ("a %s and %s: %d", access_role_name (role), role_matrix[i].words, (int) refusal);
            assert_int_equal (may, why[0] == '\0');
        }
}

/* All kinds stand in the matrix, once; HELLO as each role, CLAIM of ids or not, QUERY with each question. */
static void has_a_row_for_each_message (void **state)
{
    (void) state;
    int seen[WIRE_KINDS] = { 0 };
    for (size_t i = 0; i < n_role_matrix; i++)
        seen[role_matrix[i].kind]++;
    for (int kind = WIRE_HELLO; kind < WIRE_KINDS; kind++)
        assert_int_equal (seen[kind], kind == WIRE_HELLO || kind == WIRE_CLAIM ? 2
                                      : kind == WIRE_QUERY                     ? WIRE_QUERY_FUNCTION
                                                                               : 1);
}

/* One that comes after this version is the admin's only. */
static void lets_only_an_admin_ask_what_is_not_known (void **state)
{
    (void) state;
    char why[256];
    for (access_role_t role = ACCESS_CLIENT; role < ACCESS_ROLES; role++) {
        access_entry_t entry = entry_of (role);
        for (unsigned question = 0; question < 100; question += 99) {
            wire_message_t message
                = { .kind = WIRE_QUERY, .query = { .question = (wire_question_t) question } };
            assert_int_equal (access_judge (&entry, &message, why, sizeof why) == 0, role == ACCESS_ADMIN);
        }
    }
}

static void refuses_all_that_an_unknown_key_says (void **state)
{
    (void) state;
    char why[256];
    for (wire_kind_t kind = WIRE_HELLO; kind < WIRE_KINDS; kind++) {
        wire_message_t message = { .kind = kind };
        assert_int_equal (access_judge (NULL, &message, why, sizeof why), WIRE_REFUSED_KEY);
        assert_contains (why, "allowlist");
    }
}

/* As what it comes is not read then: it is told of its version, and not of a role. */
static void leaves_another_version_to_be_refused_for_that (void **state)
{
    (void) state;
    char why[256];
    static const uint64_t versions[][2] = { { 0, WIRE_VERSION_MIN - 1 }, { WIRE_VERSION + 1, 9 } };
    for (access_role_t role = ACCESS_CLIENT; role < ACCESS_ROLES; role++)
        for (size_t i = 0; i < 2; i++) {
            access_entry_t entry = entry_of (role);
            const wire_message_t hello
                = { .kind = WIRE_HELLO,
                    .hello = { .version_min = versions[i][0], .version_max = versions[i][1] } };
            assert_int_equal (access_judge (&entry, &hello, why, sizeof why), 0);
            assert_int_equal (access_judge (NULL, &hello, why, sizeof why), WIRE_REFUSED_KEY);
        }
}

/* ---- The list --------------------------------------------------------------------------------- */

static void finds_what_was_added_and_nothing_else (void **state)
{
    (void) state;
    access_t *access = access_new ();
    assert_non_null (access);
    char functions[] = "square\0cube\0", name[] = "someone";
    access_entry_t entry = entry_of (ACCESS_WORKER);
    entry.functions = functions;
    entry.name = name;
    assert_int_equal (access_add (access, &entry), 0);
    memset (functions, 'x', sizeof functions - 1); /* what it was told is copied */
    memset (name, 'x', sizeof name - 1);
    assert_int_equal (access_add (access, &entry), -1);
    assert_int_equal (errno, EEXIST);
    assert_null (access_find (access, OTHER_KEY));
    assert_null (access_find (access, ""));
    const access_entry_t *found = access_find (access, KEY);
    assert_non_null (found);
    assert_int_equal (found->role, ACCESS_WORKER);
    assert_string_equal (found->name, "someone");
    assert_memory_equal (found->functions, "square\0cube\0", sizeof "square\0cube\0");
    access_destroy (&access);
    access_destroy (&access);
}

static void finds_each_of_many (void **state)
{
    (void) state;
    enum { MANY = 1000 };
    access_t *access = access_new ();
    access_entry_t entry = entry_of (ACCESS_CLIENT);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf (entry.key, sizeof entry.key, "%040u", i * 7919 % MANY);
        assert_int_equal (access_add (access, &entry), 0);
    }
    assert_int_equal (access_count (access), MANY);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf (entry.key, sizeof entry.key, "%040u", i);
        assert_string_equal (access_find (access, entry.key)->key, entry.key);
    }
    access_destroy (&access);
}

/* ---- Functions -------------------------------------------------------------------------------- */

/* Which a SUBMIT calls is asked for each task: the message itself is let through. */
static void tells_which_functions_a_key_may_use (void **state)
{
    (void) state;
    char why[256];
    access_entry_t entry = entry_of (ACCESS_CLIENT);
    assert_true (access_may_use (&entry, WIRE_TEXT ("root"))); /* none are listed: all */
    entry.functions = "square\0cube\0";
    assert_true (access_may_use (&entry, WIRE_TEXT ("cube")));
    assert_false (access_may_use (&entry, WIRE_TEXT ("cub")));
    assert_false (access_may_use (&entry, WIRE_TEXT ("cubes")));
    wire_message_t submit = { .kind = WIRE_SUBMIT };
    assert_int_equal (access_judge (&entry, &submit, why, sizeof why), 0);
    access_explain_function (&entry, "call", WIRE_TEXT ("root"), why, sizeof why);
    assert_contains (why, "may not call 'root'");
}

/* Its arguments would be kept, and nothing ever done with them. */
static void a_monitor_may_name_no_initializer (void **state)
{
    (void) state;
    char why[512];
    wire_message_t hello
        = { .kind = WIRE_HELLO,
            .hello
            = { .version_min = WIRE_VERSION_MIN, .version_max = WIRE_VERSION, .role = WIRE_ROLE_CLIENT } };
    access_entry_t entry = { .role = ACCESS_MONITOR, .name = "m" };
    assert_int_equal (access_judge (&entry, &hello, why, sizeof why), 0);
    hello.hello.initializer = WIRE_TEXT ("prepare");
    assert_int_equal (access_judge (&entry, &hello, why, sizeof why), WIRE_REFUSED_ROLE);
    assert_non_null (strstr (why, "initializer"));
    entry.role = ACCESS_ADMIN;
    assert_int_equal (access_judge (&entry, &hello, why, sizeof why), 0);
}

static void a_monitor_may_claim_nothing (void **state)
{
    (void) state;
    char why[512];
    access_entry_t entry = { .role = ACCESS_MONITOR, .name = "m" };
    wire_message_t claim = { .kind = WIRE_CLAIM, .is_last = true };
    assert_int_equal (access_judge (&entry, &claim, why, sizeof why), 0);
    claim.n_records = 1;
    assert_int_equal (access_judge (&entry, &claim, why, sizeof why), WIRE_REFUSED_ROLE);
    assert_non_null (strstr (why, "to be empty"));
    entry.role = ACCESS_CLIENT;
    assert_int_equal (access_judge (&entry, &claim, why, sizeof why), 0);
}

/* An initializer is for the whole session. */
static void refuses_an_initializer_that_is_not_listed (void **state)
{
    (void) state;
    char why[256];
    access_entry_t entry = entry_of (ACCESS_CLIENT);
    entry.functions = "square\0";
    wire_message_t hello = { .kind = WIRE_HELLO,
                             .hello = { .version_min = WIRE_VERSION_MIN,
                                        .version_max = WIRE_VERSION,
                                        .role = WIRE_ROLE_CLIENT,
                                        .initializer = WIRE_TEXT ("prepare") } };
    assert_int_equal (access_judge (&entry, &hello, why, sizeof why), WIRE_REFUSED_ROLE);
    assert_contains (why, "may not call 'prepare'");
}

static void takes_payloads_of_those_that_submit_or_bring_results (void **state)
{
    (void) state;
    static const bool may[ACCESS_ROLES]
        = { [ACCESS_CLIENT] = true, [ACCESS_WORKER] = true, [ACCESS_ADMIN] = true };
    for (access_role_t role = 0; role < ACCESS_ROLES; role++) {
        access_entry_t entry = entry_of (role);
        assert_int_equal (access_may_send_payloads (&entry), may[role]);
    }
    assert_false (access_may_send_payloads (NULL));
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (decides_each_role_and_message),
        cmocka_unit_test (has_a_row_for_each_message),
        cmocka_unit_test (lets_only_an_admin_ask_what_is_not_known),
        cmocka_unit_test (refuses_all_that_an_unknown_key_says),
        cmocka_unit_test (leaves_another_version_to_be_refused_for_that),
        cmocka_unit_test (finds_what_was_added_and_nothing_else),
        cmocka_unit_test (finds_each_of_many),
        cmocka_unit_test (tells_which_functions_a_key_may_use),
        cmocka_unit_test (a_monitor_may_name_no_initializer),
        cmocka_unit_test (a_monitor_may_claim_nothing),
        cmocka_unit_test (refuses_an_initializer_that_is_not_listed),
        cmocka_unit_test (takes_payloads_of_those_that_submit_or_bring_results),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
