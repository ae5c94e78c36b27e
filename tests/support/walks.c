/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/support/walks.h"

#include <stdlib.h>

unsigned long walk_seed;
bool walk_is_loud;

static unsigned long first_seed = 1, n_walks;
static void (*walk_once) (void);

static void walk_all (void **state)
{
    (void) state;
    for (unsigned long i = 0; i < n_walks; i++) {
        walk_seed = first_seed + i;
        walk_once ();
    }
}

static int say_seeds (void **state)
{
    (void) state;
    print_message ("walks from seed %lu on; the last was %lu\n", first_seed, walk_seed);
    return 0;
}

static unsigned long bounded (unsigned long n)
{
    const char *most = getenv ("DPOOL_TEST_WALKS");
    unsigned long bound = most == NULL ? n : strtoul (most, NULL, 10);
    return bound < n ? bound : n;
}

int run_walks (int argc, char **argv, const char *name, unsigned long n, void (*walk) (void))
{
    first_seed = argc > 1 ? strtoul (argv[1], NULL, 10) : 1;
    n_walks = argc > 2 ? strtoul (argv[2], NULL, 10) : bounded (n);
    walk_is_loud = argc > 3;
    walk_once = walk;
    const struct CMUnitTest tests[] = {
        { .name = name, .test_func = walk_all, .teardown_func = say_seeds },
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
