/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What a program with an embedded pool leaves behind, however it ends. The test starts itself again as that
 * program ("--as <role> <folder>"). All processes of a pool have the program's stdout: when a pipe there has
 * its end, all of them are gone.
 */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/modules/testprocess.c"
#include "tests/modules/testwork.c"

#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

/* ---- The program ----------------------------------------------------------------------------- */

static char started[4200], gate[4200]; /* in the folder that it was given */

static dpool_t *open_pool (void)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.processes = 3;
    dpool_t *pool = dpool_open (NULL, &options);
    if (!pool) {
        fprintf (stderr, "dpool_open: %s\n", dpool_last_error ()->message);
        exit (90);
    }
    return pool;
}

/* A pool with one process that spins, one that waits, and tasks in its queue. */
static void open_busy_pool (void)
{
    long pid;
    dpool_t *pool = open_pool ();
    dpool_apply_async (pool, "spin", DPOOL_V (started));
    dpool_apply_async (pool, "fork_grandchild", DPOOL_V (started));
    for (int i = 0; i < 100; i++)
        dpool_apply_async (pool, "wait_for_file", DPOOL_V (gate));
    while (read_numbers (started, &pid, 1) < 2)
        usleep (2000);
}

static int return_from_main (void)
{
    open_busy_pool ();
    return 0;
}

static int call_exit (void)
{
    open_busy_pool ();
    exit (0);
}

static int call_underscore_exit (void)
{
    open_busy_pool ();
    _exit (0);
}

static int call_abort (void)
{
    open_busy_pool ();
    abort ();
}

static int kill_itself (void)
{
    open_busy_pool ();
    kill (getpid (), SIGKILL);
    return 91;
}

static int replace_itself (void)
{
    open_busy_pool ();
    execlp ("true", "true", (char *) NULL);
    return 92;
}

static int print_around_the_forks (void)
{
    printf ("[before]");
    dpool_prepare ();
    printf ("[prepared]");
    dpool_t *pool = open_pool ();
    printf ("[opened]");
    for (int i = 0; i < 5; i++) {
        if (dpool_apply (pool, NULL, "print", DPOOL_V ("[task]")) < 0)
            return 93;
    }
    dpool_destroy (&pool);
    printf ("[after]");
    return 0;
}

static int use_pool_in_child (void)
{
    int status;
    pid_t pid = fork ();
    if (pid == 0) {
        dpool_t *pool = open_pool ();
        int rc = dpool_apply (pool, NULL, "square", DPOOL_V (3));
        dpool_destroy (&pool);
        exit (rc == 0 ? 0 : 94);
    }
    return waitpid (pid, &status, 0) == pid && status == 0 ? 0 : 95;
}

/* Of a child of a program whose pool has a thread: what that thread had in hand at the fork is nobody's here,
   and a sanitizer that looks for leaks at the exit would find it. */
static _Noreturn void leave_child (int status)
{
    _exit (status);
}

/* In a child that was forked from a program with a pool, only the destroy functions are legal: they free,
   and leave the parent's pool alone. */
static int fork_with_a_pool_open (void)
{
    int status;
    dpool_t *pool = open_pool ();
    dpool_async_result_t *result = dpool_apply_async (pool, "wait_for_file", DPOOL_V (gate));
    pid_t pid = fork ();
    if (pid == 0) {
        dpool_async_result_destroy (&result);
        dpool_destroy (&pool);
        leave_child (0);
    }
    if (waitpid (pid, &status, 0) != pid || status != 0)
        return 96;
    make_file (gate);
    if (dpool_async_result_get (result, PATIENCE_MS) < 0
        || dpool_apply (pool, NULL, "square", DPOOL_V (3)) < 0)
        return 97;
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    return 0;
}

static bool call_often (dpool_t *pool)
{
    for (int i = 0; i < 500; i++) {
        if (dpool_apply (pool, NULL, "square", DPOOL_V (i)) < 0)
            return false;
    }
    return true;
}

/* The program and its child wait at the same time: neither takes the other's wakes. */
static int use_pools_in_both (void)
{
    int status;
    dpool_t *pool = open_pool ();
    if (dpool_apply (pool, NULL, "square", DPOOL_V (3)) < 0)
        return 100;
    pid_t pid = fork ();
    if (pid == 0) {
        dpool_destroy (&pool);
        pool = open_pool ();
        bool is_good = call_often (pool);
        dpool_destroy (&pool);
        leave_child (is_good ? 0 : 101);
    }
    bool is_good = call_often (pool);
    dpool_destroy (&pool);
    return waitpid (pid, &status, 0) == pid && status == 0 && is_good ? 0 : 102;
}

static void do_nothing (int number)
{
    (void) number;
}

/* Ctrl-C at the terminal reaches the whole process group: the tasks do not notice. */
static int take_interrupts_alone (void)
{
    setpgid (0, 0);
    dpool_t *pool = open_pool ();
    dpool_value_t *value = NULL;
    uint64_t attempt = 0;
    struct sigaction action = { .sa_handler = do_nothing };
    sigaction (SIGINT, &action, NULL);
    dpool_async_result_t *result = dpool_apply_async (pool, "touch_then_wait", DPOOL_V (started, gate));
    wait_for_size (started, 1);
    kill (0, SIGINT);
    make_file (gate);
    while (dpool_async_result_wait (result, PATIENCE_MS) < 0 && errno == EINTR)
        continue;
    if (dpool_async_result_get (result, 0) < 0 || size_of (started) != 1
        || dpool_apply (pool, &value, "attempt", "") < 0 || dpool_value_get (value, "u", &attempt) < 0
        || attempt != 1)
        return 98;
    dpool_value_destroy (&value);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    return 0;
}

static const struct {
    const char *name;
    int (*run) (void);
} roles[] = {
    { "return", return_from_main },
    { "exit", call_exit },
    { "_exit", call_underscore_exit },
    { "abort", call_abort },
    { "kill", kill_itself },
    { "exec", replace_itself },
    { "print", print_around_the_forks },
    { "child", use_pool_in_child },
    { "fork", fork_with_a_pool_open },
    { "both", use_pools_in_both },
    { "interrupt", take_interrupts_alone },
};

static int play (const char *role, const char *folder)
{
    snprintf (started, sizeof started, "%s.started", folder);
    snprintf (gate, sizeof gate, "%s.gate", folder);
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp (roles[i].name, role) == 0)
            return roles[i].run ();
    }
    return 99;
}

/* ---- The tests ------------------------------------------------------------------------------- */

/* Run the program in this role until it and all its processes are gone. Its status, as of waitpid. */
static int run (const char *role, char *output, size_t size)
{
    folder_t *folder = folder_new ();
    char self[4096] = "";
    assert_true (readlink ("/proc/self/exe", self, sizeof self - 1) > 0);
    const char *argv[] = { self, "--as", role, folder_path (folder, role), NULL };
    process_t *program = process_new (argv, NULL);
    process_read_all (program, output, size);
    int status = process_wait (program);
    process_destroy (&program);
    folder_destroy (&folder);
    return status;
}

static void leaves_no_process_behind_however_it_ends (void **state)
{
    (void) state;
    static const struct {
        const char *role;
        int exit_status, signal;
    } rows[] = { { "return", 0, 0 },      { "exit", 0, 0 },       { "_exit", 0, 0 },
                 { "abort", 0, SIGABRT }, { "kill", 0, SIGKILL }, { "exec", 0, 0 } };
    char output[256];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message ("           ends by %s\n", rows[i].role);
        int status = run (rows[i].role, output, sizeof output);
        assert_int_equal (WIFSIGNALED (status) ? WTERMSIG (status) : 0, rows[i].signal);
        if (rows[i].signal == 0)
            assert_int_equal (WEXITSTATUS (status), rows[i].exit_status);
    }
}

static int count (const char *text, const char *words)
{
    int n = 0;
    while ((text = strstr (text, words))) {
        text += strlen (words);
        n++;
    }
    return n;
}

/* Half-full stdio buffers are copied by a fork, but must not be written by both. */
static void prints_nothing_twice (void **state)
{
    (void) state;
    char output[4096];
#ifdef __SANITIZE_THREAD__
    skip (); /* there _exit writes what stands in the buffers */
#endif
    assert_int_equal (run ("print", output, sizeof output), 0);
    assert_int_equal (count (output, "[before]"), 1);
    assert_int_equal (count (output, "[prepared]"), 1);
    assert_int_equal (count (output, "[opened]"), 1);
    assert_int_equal (count (output, "[after]"), 1);
    assert_int_equal (count (output, "[task]"), 5); /* and what tasks print arrives */
}

static void works_in_a_child_process_of_the_program (void **state)
{
    (void) state;
    char output[256];
    assert_int_equal (run ("child", output, sizeof output), 0);
}

static void survives_a_fork_of_the_program (void **state)
{
    (void) state;
    char output[256];
    assert_int_equal (run ("fork", output, sizeof output), 0);
}

static void works_in_a_child_beside_the_program (void **state)
{
    (void) state;
    char output[256];
#ifdef __SANITIZE_THREAD__
    skip (); /* it allows no new thread in a child of a program that has threads */
#endif
    assert_int_equal (run ("both", output, sizeof output), 0);
}

static void keeps_the_terminal_s_signals_from_tasks (void **state)
{
    (void) state;
    char output[256];
    assert_int_equal (run ("interrupt", output, sizeof output), 0);
}

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (leaves_no_process_behind_however_it_ends),
        cmocka_unit_test (prints_nothing_twice),
        cmocka_unit_test (works_in_a_child_process_of_the_program),
        cmocka_unit_test (survives_a_fork_of_the_program),
        cmocka_unit_test (works_in_a_child_beside_the_program),
        cmocka_unit_test (keeps_the_terminal_s_signals_from_tasks),
    };
    unsetenv ("DPOOL_ENDPOINT");
    if (argc == 4 && strcmp (argv[1], "--as") == 0)
        return play (argv[2], argv[3]);
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
