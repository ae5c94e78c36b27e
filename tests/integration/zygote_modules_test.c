/* SPDX-License-Identifier: MPL-2.0 */
/* What a zygote says of the modules that it loads. Each case starts one in a fork, since a program has at
   most one for good. */
#include "tests/support/test.h"

#include "worker/zygote.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

#define MODULE(name) DPOOL_MODULE_DIR "/lib" name ".so"

typedef struct row_s {
    const char *modules[2];
    size_t n_modules;
    const char *says[2]; /* words of the error; NULL: it starts */
} row_t;

/* 0, or the line that was wrong: in a fork asserts would run the other tests a second time. */
static int try_row (const row_t *row)
{
    int rc = zygote_start (row->modules, row->n_modules);
    if (row->says[0] == NULL) {
        const char *const *names;
        if (rc < 0)
            return __LINE__;
        return zygote_functions (&names) > 10 ? 0 : __LINE__;
    }
    if (rc == 0 || zygote_is_running ())
        return __LINE__;
    for (size_t i = 0; i < 2 && row->says[i] != NULL; i++)
        if (strstr (dpool_last_error ()->message, row->says[i]) == NULL)
            return __LINE__;
    return 0;
}

static void ends_as_expected (const row_t *row)
{
    int status;
    fflush (NULL);
    pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        int line = try_row (row);
        if (line != 0)
            fprintf (stderr, "wrong in line %d: %s\n", line, dpool_last_error ()->message);
        _exit (line != 0);
    }
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
}

static void loads_modules (void **state)
{
    (void) state;
    ends_as_expected (&(row_t) { { MODULE ("testwork"), MODULE ("testprocess") }, 2, { NULL } });
}

static void says_that_a_module_offers_nothing (void **state)
{
    (void) state;
    ends_as_expected (&(row_t) { { MODULE ("testempty") }, 1, { "offers nothing" } });
}

static void names_both_places_of_a_function_that_is_offered_twice (void **state)
{
    (void) state;
    ends_as_expected (
        &(row_t) { { MODULE ("testwork"), MODULE ("testtwin") }, 2, { "testwork.c", "testtwin.c" } });
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (loads_modules),
        cmocka_unit_test (says_that_a_module_offers_nothing),
        cmocka_unit_test (names_both_places_of_a_function_that_is_offered_twice),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
