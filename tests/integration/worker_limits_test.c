/* SPDX-License-Identifier: MPL-2.0 */
/* What a worker does not let in, and what its children may do and use. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/trust.h"
#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/wait.h"
#include "worker/module.h"

static bool is_missing_at_a_glance;

/* libc's. Whoever can write to a folder can have a name lead to nothing at the moment of a look, and back. */
int access (const char *name, int type)
{
    if (!is_missing_at_a_glance)
        return faccessat (AT_FDCWD, name, type, 0);
    errno = ENOENT;
    return -1;
}

/* ---- Modules ---------------------------------------------------------------------------------- */

/* A folder in a folder, and a file in that. */
typedef struct place_s {
    folder_t *folder;
    char inner[512], file[600], link[600], resolved[PATH_MAX];
} place_t;

static int set_up_place (void **state)
{
    place_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->folder = folder_new ();
    snprintf (self->inner, sizeof self->inner, "%s", folder_path (self->folder, "inner"));
    snprintf (self->file, sizeof self->file, "%s/module.so", self->inner);
    snprintf (self->link, sizeof self->link, "%s", folder_path (self->folder, "link"));
    assert_int_equal (mkdir (self->inner, 0755), 0);
    make_file (self->file);
    assert_int_equal (chmod (self->file, 0644), 0);
    *state = self;
    return 0;
}

static int tear_down_place (void **state)
{
    place_t *self = *state;
    unlink (self->link);
    unlink (self->file);
    rmdir (self->inner);
    folder_destroy (&self->folder);
    free (self);
    return 0;
}

static void trusts_what_only_its_user_can_write (void **state)
{
    place_t *self = *state;
    assert_ok (dp_trust_file (self->file, self->resolved));
    assert_string_equal (strrchr (self->resolved, '/'), "/module.so");
}

static void tells_who_else_can_write_a_file (void **state)
{
    place_t *self = *state;
    static const mode_t modes[] = { 0664, 0646, 0666 };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal (chmod (self->file, modes[i]), 0);
        assert_fails (dp_trust_file (self->file, self->resolved), EACCES);
        assert_says ("chmod go-w");
    }
}

static void tells_who_else_can_write_its_folder (void **state)
{
    place_t *self = *state;
    static const mode_t modes[]
        = { 0775, 0757, 01777 }; /* in a sticky one others can have files of that name */
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal (chmod (self->inner, modes[i]), 0);
        assert_fails (dp_trust_file (self->file, self->resolved), EACCES);
        assert_says (self->inner);
    }
}

static void looks_at_where_a_link_leads (void **state)
{
    place_t *self = *state;
    assert_int_equal (symlink (self->file, self->link), 0);
    assert_ok (dp_trust_file (self->link, self->resolved));
    assert_string_equal (strrchr (self->resolved, '/'), "/module.so");
    assert_int_equal (chmod (self->inner, 0777), 0);
    assert_fails (dp_trust_file (self->link, self->resolved), EACCES);
}

static void takes_no_folder_and_no_device (void **state)
{
    place_t *self = *state;
    assert_fails (dp_trust_file (self->inner, self->resolved), EINVAL);
    assert_fails (dp_trust_file ("/dev/null", self->resolved), EINVAL);
    assert_fails (dp_trust_file ("/no/such/file", self->resolved), ENOENT);
}

/* Else it would be loaded unseen as soon as it is back. */
static void looks_into_what_seems_to_be_missing (void **state)
{
    place_t *self = *state;
    assert_int_equal (chmod (self->inner, 0777), 0);
    is_missing_at_a_glance = true;
    int rc = module_load (self->file);
    is_missing_at_a_glance = false;
    assert_fails (rc, EACCES);
    assert_says ("others can write");
    assert_fails (module_load ("/no/such/file"), ENOENT);
    assert_says ("there is no such file");
}

/* ---- Children --------------------------------------------------------------------------------- */

static bool truth_of (dpool_t *pool, const char *function, uint64_t argument)
{
    dpool_value_t *value;
    bool is_true;
    if (argument > 0)
        assert_ok (dpool_apply (pool, &value, function, "u", argument));
    else
        assert_ok (dpool_apply (pool, &value, function, ""));
    assert_ok (dpool_value_get (value, "?", &is_true));
    dpool_value_destroy (&value);
    return is_true;
}

/* A call that the worker ends. Returns by which signal. */
static int signal_that_ends (dpool_t *pool, const char *function, const char *picture, double argument)
{
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.at_most_once = true;
    dpool_async_result_t *result
        = assert_made (dpool_apply_async_with (pool, &options, function, picture, argument));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ECRASHED);
    int number = dpool_last_error ()->signal;
    dpool_async_result_destroy (&result);
    return number;
}

static void confines_its_children (void **state)
{
    (void) state;
    static const char *const arguments[] = { "--task-memory=256M", "--task-cpu=1", NULL };
    cluster_t *cluster = cluster_new (NULL);
    cluster_set_worker_arguments (cluster, arguments);
    cluster_add_worker (cluster, 1, NULL, NULL);
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    assert_true (truth_of (pool, "confined", 0));
    assert_true (truth_of (pool, "allocates", 128 << 20));
    assert_false (truth_of (pool, "allocates", 256 << 20));
    /* The limit is of each item, not of all that a process runs. */
    for (int i = 0; i < 4; i++)
        assert_ok (dpool_apply (pool, NULL, "burn", "d", 0.5));
    assert_int_equal (signal_that_ends (pool, "burn", "d", 1000.0), SIGXCPU);
    assert_int_equal (signal_that_ends (pool, "burn_on", "", 0), SIGKILL);
    dpool_destroy (&pool);
    cluster_destroy (&cluster);
}

/* How what the worker's child runs comes to its end. */
typedef void (ending_t) (cluster_t *cluster, dpool_t *pool);

static void its_process_exits (cluster_t *cluster, dpool_t *pool)
{
    (void) cluster;
    assert_fails (dpool_apply (pool, NULL, "exit_with", "i", 3), DPOOL_ECRASHED);
}

static void the_worker_drains (cluster_t *cluster, dpool_t *pool)
{
    (void) pool;
    process_signal (cluster_worker (cluster, 0), SIGTERM);
    process_wait (cluster_worker (cluster, 0));
}

static void the_worker_is_killed (cluster_t *cluster, dpool_t *pool)
{
    (void) pool;
    process_signal (cluster_worker (cluster, 0), SIGKILL);
    process_wait (cluster_worker (cluster, 0));
}

static void ends_what_functions_left_in_sessions_of_their_own (void **state)
{
    (void) state;
    static ending_t *const endings[] = { its_process_exits, the_worker_drains, the_worker_is_killed };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        long helper;
        folder_t *folder = folder_new ();
        const char *path = folder_path (folder, "helper");
        cluster_t *cluster = cluster_new (NULL);
        cluster_add_worker (cluster, 1, NULL, NULL);
        dpool_t *pool = assert_made (dpool_open (cluster_endpoint (cluster), NULL));
        assert_ok (dpool_apply (pool, NULL, "leave_helper", "s", path));
        wait_for_numbers (path, &helper, 1);
        assert_true (process_lives ((pid_t) helper));
        endings[i](cluster, pool);
        wait_for_end ((pid_t) helper);
        dpool_destroy (&pool);
        cluster_destroy (&cluster);
        folder_destroy (&folder);
    }
}

#define PLACE_CASE(name) cmocka_unit_test_setup_teardown (name, set_up_place, tear_down_place)

int main (void)
{
    static const struct CMUnitTest tests[] = {
        PLACE_CASE (trusts_what_only_its_user_can_write),
        PLACE_CASE (tells_who_else_can_write_a_file),
        PLACE_CASE (tells_who_else_can_write_its_folder),
        PLACE_CASE (looks_at_where_a_link_leads),
        PLACE_CASE (takes_no_folder_and_no_device),
        PLACE_CASE (looks_into_what_seems_to_be_missing),
        cmocka_unit_test (confines_its_children),
        cmocka_unit_test (ends_what_functions_left_in_sessions_of_their_own),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
