/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "worker/worker_options.h"

static void takes_endpoints_from_arguments_options_and_lists (void **state)
{
    (void) state;
    char *argv[] = { "worker", "tcp://a:1,ipc://b", "--broker", "tcp://c:3", "tcp://d:4", NULL };
    worker_options_t options;
    worker_options_parse (&options, 5, argv);
    assert_int_equal (options.endpoints.count, 4);
    worker_options_fini (&options);
}

static void takes_the_same_endpoint_once (void **state)
{
    (void) state;
    char *argv[] = { "worker", "-b", "tcp://a:1,tcp://b:2,tcp://a:1", "tcp://b:2", NULL };
    worker_options_t options;
    worker_options_parse (&options, 4, argv);
    assert_int_equal (options.endpoints.count, 2);
    assert_string_equal (options.endpoints.texts[0], "tcp://a:1");
    assert_string_equal (options.endpoints.texts[1], "tcp://b:2");
    worker_options_fini (&options);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (takes_endpoints_from_arguments_options_and_lists),
        cmocka_unit_test (takes_the_same_endpoint_once),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
