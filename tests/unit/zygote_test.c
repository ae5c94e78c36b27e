/* SPDX-License-Identifier: MPL-2.0 */
/* zygote_test.c - each test is a small program of its own: a fork that starts a zygote, or fails to. */
#include "tests/support/test.h"

#include "tests/support/check.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"
#include "worker/place.h"
#include "worker/zygote.h"

#include <dpool/function.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- What the program offers ---------------------------------------------------------------- */

static enum { WORKS, FAILS, CRASHES } preload_does;

DPOOL_PRELOAD (prepare_data)
{
    if (preload_does == CRASHES)
        kill (getpid (), SIGKILL);
    return preload_does == FAILS ? dpool_call_fail (call, 5, "the data is not there") : 0;
}

DPOOL_FUNCTION (low_descriptors)
{
    int n_open = 0;
    for (int fd = 3; fd < 1024; fd++)
        n_open += fcntl (fd, F_GETFD) >= 0;
    return dpool_call_return (call, "i", n_open);
}

DPOOL_FUNCTION (leave_grandchild)
{
    static char line[32];
    const char *path;
    if (dpool_call_args (call, "s", &path) < 0)
        return -1;
    pid_t pid = fork ();
    if (pid == 0)
        for (;;)
            pause ();
    int fd = open (path, O_WRONLY | O_CLOEXEC);
    int len = snprintf (line, sizeof line, "%ld\n", (long) pid);
    return write (fd, line, (size_t) len) == len ? 0 : -1;
}

/* ---- Programs ------------------------------------------------------------------------------- */

/* In a fork asserts would run the other tests a second time: so programs give the line that was wrong. */
#define MUST(condition)      \
    do {                     \
        if (!(condition))    \
            return __LINE__; \
    } while (0)

typedef int (program_t) (int report_fd);

typedef struct running_s {
    pid_t pid;
    int report_fd;
} running_t;

static running_t launch (program_t *program)
{
    int ends[2];
    assert_int_equal (pipe (ends), 0);
    fflush (NULL);
    pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        close (ends[0]);
        int line = program (ends[1]);
        if (line != 0)
            fprintf (stderr, "wrong in line %d: %s\n", line, dpool_last_error ()->message);
        _exit (line != 0);
    }
    close (ends[1]);
    return (running_t) { pid, ends[0] };
}

static void succeeds (program_t *program)
{
    running_t running = launch (program);
    int status;
    close (running.report_fd);
    assert_int_equal (waitpid (running.pid, &status, 0), running.pid);
    assert_int_equal (status, 0);
}

static pid_t parent_of (pid_t pid)
{
    char path[64], line[512] = "";
    int parent = 0;
    snprintf (path, sizeof path, "/proc/%ld/stat", (long) pid);
    FILE *file = fopen (path, "re");
    if (file != NULL) {
        if (fgets (line, sizeof line, file) != NULL && strrchr (line, ')') != NULL)
            sscanf (strrchr (line, ')') + 1, " %*c %d", &parent);
        fclose (file);
    }
    return (pid_t) parent;
}

/* Fork a child at a place, and wait for the report of its birth. 0 when there is none. */
static pid_t bear (zygote_client_t *client, place_t *place)
{
    struct pollfd item = { zygote_client_fd (client), POLLIN, 0 };
    zygote_report_t report;
    if (place_open (place, NULL) < 0 || place_fork (place, client) < 0)
        return 0;
    place_flush (place);
    if (poll (&item, 1, PATIENCE_MS) != 1 || zygote_client_report (client, &report) != 1)
        return 0;
    return report.kind == ZYGOTE_FORKED ? report.pid : 0;
}

static bool await_exit (zygote_client_t *client, zygote_report_t *report)
{
    struct pollfd item = { zygote_client_fd (client), POLLIN, 0 };
    return poll (&item, 1, PATIENCE_MS) == 1 && zygote_client_report (client, report) == 1
           && report->kind == ZYGOTE_EXITED;
}

/* ---- Starting ------------------------------------------------------------------------------- */

static volatile sig_atomic_t n_signals;

static void count_signal (int number)
{
    (void) number;
    n_signals++;
}

static int start_unnoticed (int report_fd)
{
    (void) report_fd;
    signal (SIGCHLD, count_signal);
    MUST (dpool_prepare () == 0);
    MUST (zygote_is_running ());
    MUST (dpool_prepare () == 0); /* once is enough */
    MUST (n_signals == 0);
    MUST (wait (NULL) < 0 && errno == ECHILD);
    const char *const *names;
    MUST (zygote_functions (&names) == 2);
    MUST (strcmp (names[0], "low_descriptors") == 0 && strcmp (names[1], "leave_grandchild") == 0);
    MUST (dpool_register ("late", NULL) < 0);
    return 0;
}

static void starts_unnoticed_by_the_program (void **state)
{
    (void) state;
    succeeds (start_unnoticed);
}

static int keep_signal_of_other_child (int report_fd)
{
    (void) report_fd;
    signal (SIGCHLD, count_signal);
    signal (SIGPIPE, SIG_IGN);
    MUST (dpool_prepare () == 0);
    pid_t pid = fork ();
    if (pid == 0)
        _exit (0);
    MUST (waitpid (pid, NULL, 0) == pid);
    MUST (n_signals == 1);
    return 0;
}

static void leaves_the_programs_own_children_alone (void **state)
{
    (void) state;
    succeeds (keep_signal_of_other_child);
}

static int start_with_ignored_children (int report_fd)
{
    (void) report_fd;
    signal (SIGCHLD, SIG_IGN);
    MUST (dpool_prepare () == 0);
    return 0;
}

static void starts_where_the_program_ignores_its_children (void **state)
{
    (void) state;
    succeeds (start_with_ignored_children);
}

static int fail_in_preload (int report_fd)
{
    (void) report_fd;
    preload_does = FAILS;
    MUST (dpool_prepare () < 0 && errno == DPOOL_EINITIALIZER);
    MUST (strstr (dpool_last_error ()->message, "prepare_data") != NULL);
    MUST (strstr (dpool_last_error ()->message, "the data is not there") != NULL);
    MUST (!zygote_is_running ());
    preload_does = CRASHES;
    MUST (dpool_prepare () < 0);
    MUST (strstr (dpool_last_error ()->message, "died while it ran the preload 'prepare_data'") != NULL);
    preload_does = WORKS;
    MUST (dpool_prepare () == 0);
    return 0;
}

static void says_which_preload_failed_and_can_try_again (void **state)
{
    (void) state;
    succeeds (fail_in_preload);
}

static int load_bad_modules (int report_fd)
{
    (void) report_fd;
    static const char *const missing[] = { "./nowhere.so" }, *const bare[] = { "nowhere.so" };
    static const char *const text[] = { "/etc/passwd" };
    MUST (zygote_start (missing, 1) < 0);
    MUST (strstr (dpool_last_error ()->message, "./nowhere.so") != NULL);
    MUST (strstr (dpool_last_error ()->message, "there is no such file") != NULL);
    MUST (zygote_start (bare, 1) < 0);
    MUST (strstr (dpool_last_error ()->message, "neither the linker's folders") != NULL);
    MUST (chdir ("/etc") == 0);
    static const char *const local[] = { "passwd" };
    MUST (zygote_start (local, 1) < 0);
    MUST (strstr (dpool_last_error ()->message, "./ in front") != NULL);
    MUST (zygote_start (text, 1) < 0);
    MUST (strstr (dpool_last_error ()->message, "/etc/passwd") != NULL);
    return 0;
}

static void says_what_is_wrong_with_a_module (void **state)
{
    (void) state;
    succeeds (load_bad_modules);
}

/* ---- Inheriting ----------------------------------------------------------------------------- */

static int start_with_full_buffers (int report_fd)
{
    char path[] = "/tmp/dpool-zygote-test-XXXXXX";
    (void) report_fd;
    int fd = mkstemp (path);
    FILE *file = fdopen (fd, "w");
    MUST (file != NULL);
    fputs ("once", file);
    MUST (dpool_prepare () == 0);
    zygote_client_t *client = zygote_client_new ();
    place_t *place = place_new (0, NULL);
    zygote_report_t report;
    MUST (bear (client, place) > 0);
    place_end (place);
    MUST (await_exit (client, &report) && report.exit_status == 0);
    fclose (file);
    int64_t size = size_of (path);
    unlink (path);
    MUST (size == 4);
    place_destroy (&place);
    zygote_client_destroy (&client);
    return 0;
}

static void writes_no_buffer_of_the_program (void **state)
{
    (void) state;
    succeeds (start_with_full_buffers);
}

static int count_descriptors (int report_fd)
{
    static const uint8_t nil[] = { 0xc0 };
    (void) report_fd;
    for (int i = 0; i < 20; i++)
        MUST (open ("/dev/zero", O_RDONLY) >= 0);
    MUST (dpool_prepare () == 0);
    zygote_client_t *client = zygote_client_new ();
    place_t *place = place_new (0, NULL);
    MUST (bear (client, place) > 0);
    crew_task_t task
        = { .function = "low_descriptors", .n_items = 1, .attempt = 1, .payload = { nil, 1, 0 } };
    place_hand (place, 1, &task);
    place_end (place);
    zygote_report_t report;
    place_record_t record;
    MUST (await_exit (client, &report));
    MUST (place_next (place, &record) == 1 && record.head.kind == RECORD_READY);
    MUST (place_next (place, &record) == 1 && record.head.kind == RECORD_OUTCOME);
    MUST (record.len == 2 && record.bytes[1] == 0);
    place_destroy (&place);
    zygote_client_destroy (&client);
    return 0;
}

static void gives_children_no_descriptor_above_2 (void **state)
{
    (void) state;
    succeeds (count_descriptors);
}

/* ---- Ending --------------------------------------------------------------------------------- */

static int kill_with_group (int report_fd)
{
    char path[] = "/tmp/dpool-zygote-test-XXXXXX";
    (void) report_fd;
    int fd = mkstemp (path);
    MUST (dpool_prepare () == 0);
    zygote_client_t *client = zygote_client_new ();
    place_t *place = place_new (0, NULL);
    MUST (bear (client, place) > 0);
    uint8_t packed[64] = { (uint8_t) (0xa0 + strlen (path)) };
    memcpy (packed + 1, path, strlen (path));
    crew_task_t task = { .function = "leave_grandchild",
                         .n_items = 1,
                         .attempt = 1,
                         .payload = { packed, 1 + strlen (path), 0 } };
    place_hand (place, 1, &task);
    place_flush (place);
    long pid = 0;
    wait_for_size (path, 1);
    read_numbers (path, &pid, 1);
    close (fd);
    unlink (path);
    MUST (pid > 0 && process_lives ((pid_t) pid));
    MUST (zygote_client_signal (client, 0, SIGTERM) == 0);
    zygote_report_t report;
    MUST (await_exit (client, &report) && report.signal == SIGTERM);
    wait_for_end ((pid_t) pid);
    place_destroy (&place);
    zygote_client_destroy (&client);
    return 0;
}

static void signals_reach_what_a_child_has_forked (void **state)
{
    (void) state;
    succeeds (kill_with_group);
}

static int end_client (int report_fd)
{
    (void) report_fd;
    MUST (dpool_prepare () == 0);
    zygote_client_t *client = zygote_client_new (), *other = zygote_client_new ();
    place_t *place = place_new (0, NULL), *others = place_new (0, NULL);
    pid_t pid = bear (client, place), others_pid = bear (other, others);
    MUST (pid > 0 && others_pid > 0);
    zygote_client_destroy (&client);
    MUST (kill (pid, 0) < 0 && errno == ESRCH); /* it is reaped already */
    MUST (kill (others_pid, 0) == 0);
    zygote_client_destroy (&other);
    place_destroy (&others);
    place_destroy (&place);
    return 0;
}

static void takes_the_children_of_a_client_that_ends (void **state)
{
    (void) state;
    succeeds (end_client);
}

/* Tell the child's pid, then live for ever; with_fork: another fork holds all of our descriptors. */
static int linger (int report_fd, bool with_fork)
{
    MUST (dpool_prepare () == 0);
    zygote_client_t *client = zygote_client_new ();
    place_t *place = place_new (0, NULL);
    pid_t pid = bear (client, place);
    MUST (pid > 0);
    pid_t pids[2] = { pid, 0 };
    if (with_fork) {
        pids[1] = fork ();
        if (pids[1] == 0)
            for (;;)
                pause ();
    }
    MUST (write (report_fd, pids, sizeof pids) == sizeof pids);
    for (;;)
        pause ();
}

static int linger_alone (int report_fd)
{
    return linger (report_fd, false);
}

static int linger_with_fork (int report_fd)
{
    return linger (report_fd, true);
}

static void dies_with (program_t *program)
{
    running_t running = launch (program);
    pid_t pids[2];
    assert_int_equal (read (running.report_fd, pids, sizeof pids), sizeof pids);
    pid_t zygote = parent_of (pids[0]);
    assert_true (zygote > 1 && zygote != running.pid);
    kill (running.pid, SIGKILL);
    waitpid (running.pid, NULL, 0);
    wait_for_end (pids[0]);
    wait_for_end (zygote);
    if (pids[1] > 0)
        kill (pids[1], SIGKILL);
    close (running.report_fd);
}

static void dies_with_the_program (void **state)
{
    (void) state;
    dies_with (linger_alone);
}

static void dies_with_the_program_though_a_fork_of_it_lives (void **state)
{
    (void) state;
    dies_with (linger_with_fork);
}

static void children_die_with_the_zygote (void **state)
{
    (void) state;
    running_t running = launch (linger_alone);
    pid_t pids[2];
    assert_int_equal (read (running.report_fd, pids, sizeof pids), sizeof pids);
    kill (parent_of (pids[0]), SIGKILL);
    wait_for_end (pids[0]);
    kill (running.pid, SIGKILL);
    waitpid (running.pid, NULL, 0);
    close (running.report_fd);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (starts_unnoticed_by_the_program),
        cmocka_unit_test (leaves_the_programs_own_children_alone),
        cmocka_unit_test (starts_where_the_program_ignores_its_children),
        cmocka_unit_test (says_which_preload_failed_and_can_try_again),
        cmocka_unit_test (says_what_is_wrong_with_a_module),
        cmocka_unit_test (writes_no_buffer_of_the_program),
        cmocka_unit_test (gives_children_no_descriptor_above_2),
        cmocka_unit_test (signals_reach_what_a_child_has_forked),
        cmocka_unit_test (takes_the_children_of_a_client_that_ends),
        cmocka_unit_test (dies_with_the_program),
        cmocka_unit_test (dies_with_the_program_though_a_fork_of_it_lives),
        cmocka_unit_test (children_die_with_the_zygote),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
