/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/support/check.h"
#include "worker/offers.h"

#include <errno.h>

DPOOL_FUNCTION (offered)
{
    return 0;
}

/* Of another kind, so no double. */
DPOOL_OFFER (offered_initializer, "offered", DPOOL_KIND_INITIALIZER)
{
    return 0;
}

static int nothing (dpool_call_t *call)
{
    (void) call;
    return 0;
}

static void knows_what_constructors_offered (void **state)
{
    (void) state;
    assert_ok (offers_check ());
    assert_int_equal (offers_count (DPOOL_KIND_FUNCTION), 1);
    assert_int_equal (offers_count (DPOOL_KIND_INITIALIZER), 1);
    assert_int_equal (offers_count (DPOOL_KIND_PRELOAD), 0);
    assert_string_equal (offers_at (DPOOL_KIND_FUNCTION, 0)->name, "offered");
    assert_null (offers_at (DPOOL_KIND_FUNCTION, 1));
    assert_non_null (offers_find (DPOOL_KIND_FUNCTION, "offered"));
    assert_true (offers_find (DPOOL_KIND_FUNCTION, "offered")
                 != offers_find (DPOOL_KIND_INITIALIZER, "offered"));
    assert_null (offers_find (DPOOL_KIND_FUNCTION, "unheard_of"));
}

static void registers_a_function_under_a_copy_of_its_name (void **state)
{
    char name[] = "by.hand";
    (void) state;
    assert_ok (dpool_register (name, nothing));
    name[0] = 'x';
    assert_true (offers_find (DPOOL_KIND_FUNCTION, "by.hand") == nothing);
    assert_ok (offers_check ());
}

static void refuses_bad_registrations (void **state)
{
    (void) state;
    assert_fails (dpool_register ("offered", nothing), EEXIST);
    assert_says ("offers_test.c");
    assert_fails (dpool_register (NULL, nothing), EINVAL);
    assert_fails (dpool_register ("", nothing), EINVAL);
    assert_fails (dpool_register ("two words", nothing), EINVAL);
    assert_says ("two words");
    assert_fails (dpool_register ("good", NULL), EINVAL);
}

static void refuses_registrations_once_it_is_closed (void **state)
{
    (void) state;
    offers_close ();
    assert_fails (dpool_register ("late", nothing), EBUSY);
    assert_says ("dpool_prepare");
}

/* It spoils the table, so it comes last. */
static void names_both_files_of_a_double (void **state)
{
    static const dpool_offer_t twin = { sizeof twin, DPOOL_KIND_FUNCTION, "offered", nothing, "elsewhere.c" };
    (void) state;
    dpool_offer (&twin);
    assert_fails (offers_check (), EEXIST);
    assert_says ("offers_test.c");
    assert_says ("elsewhere.c");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (knows_what_constructors_offered),
        cmocka_unit_test (registers_a_function_under_a_copy_of_its_name),
        cmocka_unit_test (refuses_bad_registrations),
        cmocka_unit_test (refuses_registrations_once_it_is_closed),
        cmocka_unit_test (names_both_files_of_a_double),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
