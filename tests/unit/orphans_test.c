/* SPDX-License-Identifier: MPL-2.0 */
/* orphans_test.c - each test is a small program of its own, with a zygote, whose children leave helpers
 * behind. */
#include "tests/support/test.h"

#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"
#include "worker/limits.h"
#include "worker/place.h"
#include "worker/zygote.h"

#include <dpool/function.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Leaves a process in a session of its own, whose pid it writes: a child of ours, or (is_adopted) one whose
   parent has ended already. */
DPOOL_FUNCTION (leave_helper)
{
    const char *path;
    bool is_adopted;
    if (dpool_call_args (call, "s?", &path, &is_adopted) < 0)
        return -1;
    pid_t pid = fork ();
    if (pid == 0) {
        setsid ();
        if (is_adopted && fork () != 0)
            _exit (0);
        FILE *file = fopen (path, "a");
        if (file == NULL)
            _exit (1);
        fprintf (file, "%ld\n", (long) getpid ());
        fclose (file);
        for (;;)
            pause ();
    }
    return is_adopted && waitpid (pid, NULL, 0) != pid ? -1 : 0;
}

/* ---- Programs ------------------------------------------------------------------------------- */

#define MUST(condition)      \
    do {                     \
        if (!(condition))    \
            return __LINE__; \
    } while (0)

typedef int (program_t) (const char *path);

/* In a fork, since a program has one zygote. The folder is there for what it writes; path is a file in it. */
static pid_t launch (program_t *program, const char *path)
{
    fflush (NULL);
    pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        int line = program (path);
        if (line != 0)
            fprintf (stderr, "wrong in line %d: %s\n", line, dpool_last_error ()->message);
        _exit (line != 0);
    }
    return pid;
}

static void succeeds (program_t *program)
{
    folder_t *folder = folder_new ();
    int status;
    pid_t pid = launch (program, folder_path (folder, "helpers"));
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    folder_destroy (&folder);
}

/* Wait for the next report of the zygote, and give the pid in it. 0 when it is of another kind. */
static pid_t next_report (zygote_client_t *client, int kind)
{
    enum { PATIENCE = 20000 };
    struct pollfd item = { zygote_client_fd (client), POLLIN, 0 };
    zygote_report_t report;
    if (poll (&item, 1, PATIENCE) != 1 || zygote_client_report (client, &report) != 1)
        return 0;
    return (int) report.kind == kind ? report.pid : 0;
}

static pid_t bear (zygote_client_t *client, place_t *place)
{
    if (place_open (place, NULL) < 0 || place_fork (place, client) < 0)
        return 0;
    place_flush (place);
    return next_report (client, ZYGOTE_FORKED);
}

/* Have the child leave a helper, and give its pid: the nth of those in the file. */
static pid_t leave (place_t *place, const char *path, size_t nth, bool is_adopted)
{
    long pids[8] = { 0 };
    size_t len = strlen (path);
    uint8_t packed[512] = { 0x92, 0xd9, (uint8_t) len };
    memcpy (packed + 3, path, len);
    packed[3 + len] = is_adopted ? 0xc3 : 0xc2;
    crew_task_t task
        = { .function = "leave_helper", .n_items = 1, .attempt = 1, .payload = { packed, 4 + len, 0 } };
    place_hand (place, 1 + (uint64_t) nth, &task);
    place_flush (place);
    wait_for_numbers (path, pids, nth);
    return (pid_t) pids[nth - 1];
}

static void confine (void)
{
    limits_set (&(limits_t) { .is_confined = true });
}

static int end_with_child (const char *path)
{
    confine ();
    MUST (dpool_prepare () == 0);
    zygote_client_t *client = zygote_client_new ();
    place_t *place = place_new (0, NULL), *other = place_new (1, NULL);
    pid_t pid = bear (client, place);
    MUST (pid > 0 && bear (client, other) > 0);
    pid_t own = leave (place, path, 1, false), adopted = leave (place, path, 2, true);
    pid_t others_own = leave (other, path, 3, false), others_adopted = leave (other, path, 4, true);
    MUST (own > 0 && adopted > 0 && others_own > 0 && others_adopted > 0);
    kill (pid, SIGKILL);
    MUST (next_report (client, ZYGOTE_EXITED) == pid);
    wait_for_end (own);
    wait_for_end (adopted);
    MUST (process_lives (others_own) && process_lives (others_adopted));
    place_end (other);
    MUST (next_report (client, ZYGOTE_EXITED) > 0);
    wait_for_end (others_own);
    wait_for_end (others_adopted);
    zygote_client_destroy (&client);
    place_destroy (&place);
    place_destroy (&other);
    return 0;
}

static void what_a_child_left_ends_with_it_and_no_other (void **state)
{
    (void) state;
    succeeds (end_with_child);
}

static int linger (const char *path)
{
    MUST (dpool_prepare () == 0);
    zygote_client_t *client = zygote_client_new ();
    place_t *place = place_new (0, NULL);
    MUST (bear (client, place) > 0);
    MUST (leave (place, path, 1, false) > 0 && leave (place, path, 2, true) > 0);
    for (;;)
        pause ();
}

static int linger_confined (const char *path)
{
    confine ();
    return linger (path);
}

static void what_children_left_ends_with_the_program (void **state)
{
    (void) state;
    long pids[2];
    folder_t *folder = folder_new ();
    const char *path = folder_path (folder, "helpers");
    pid_t pid = launch (linger_confined, path);
    wait_for_numbers (path, pids, 2);
    kill (pid, SIGKILL);
    waitpid (pid, NULL, 0);
    wait_for_end ((pid_t) pids[0]);
    wait_for_end ((pid_t) pids[1]);
    folder_destroy (&folder);
}

/* The embedded pool: its children are the program's, as what they leave is. */
static int keep_helpers (const char *path)
{
    MUST (dpool_prepare () == 0);
    zygote_client_t *client = zygote_client_new ();
    place_t *place = place_new (0, NULL);
    MUST (bear (client, place) > 0);
    pid_t own = leave (place, path, 1, false), adopted = leave (place, path, 2, true);
    MUST (own > 0 && adopted > 0);
    place_end (place);
    MUST (next_report (client, ZYGOTE_EXITED) > 0);
    MUST (bear (client, place) > 0);
    bool are_there = process_lives (own) && process_lives (adopted);
    kill (own, SIGKILL);
    kill (adopted, SIGKILL);
    MUST (are_there);
    zygote_client_destroy (&client);
    place_destroy (&place);
    return 0;
}

static void without_confinement_helpers_stay (void **state)
{
    (void) state;
    succeeds (keep_helpers);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (what_a_child_left_ends_with_it_and_no_other),
        cmocka_unit_test (what_children_left_ends_with_the_program),
        cmocka_unit_test (without_confinement_helpers_stay),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
