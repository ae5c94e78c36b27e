/* SPDX-License-Identifier: MPL-2.0 */
/* The cases of conformance.h on a broker with two workers, and what it takes from the environment. */
#include "tests/conformance/conformance.h"

#include "tests/support/cluster.h"

static void takes_the_endpoint_from_the_environment (void **state)
{
    fixture_t *f = *state;
    setenv ("DPOOL_ENDPOINT", f->endpoint, 1);
    dpool_t *pool = dpool_open (NULL, NULL);
    unsetenv ("DPOOL_ENDPOINT");
    assert_non_null (pool);
    assert_ok (dpool_wait_workers (pool, N_PROCESSES, PATIENCE_MS));
    assert_int_equal (dpool_workers (pool), N_PROCESSES);
    dpool_destroy (&pool);
}

/* A program that was told to encrypt must not go on without. */
static void does_not_ignore_the_keys_of_the_environment (void **state)
{
    fixture_t *f = *state;
    static const char *const names[] = { "DPOOL_KEY_FILE", "DPOOL_SERVER_KEY" };
    setenv ("DPOOL_ENDPOINT", f->endpoint, 1);
    for (int i = 0; i < 2; i++) {
        setenv (names[i], "some.key", 1);
        assert_not_made (dpool_open (NULL, NULL), EINVAL); /* one alone is not enough */
        assert_says (names[1 - i]);
        unsetenv (names[i]);
    }
    unsetenv ("DPOOL_ENDPOINT");
}

static const struct CMUnitTest environment_cases[] = {
    CASE (takes_the_endpoint_from_the_environment),
    CASE (does_not_ignore_the_keys_of_the_environment),
};

int main (int argc, char **argv)
{
    static const theme_t environment_theme
        = { "environment", environment_cases, sizeof environment_cases / sizeof environment_cases[0] };
    setvbuf (stdout, NULL, _IOLBF, 0);
    unsetenv ("DPOOL_ENDPOINT");
    cluster_t *cluster = cluster_new (NULL);
    cluster_add_worker (cluster, 2, "red", "first");
    cluster_add_worker (cluster, 2, "blue", "second");
    int n_failed = conformance_run (cluster_endpoint (cluster), &cluster_theme, argc, argv)
                   + conformance_run_theme (&environment_theme);
    cluster_destroy (&cluster);
    return n_failed;
}
