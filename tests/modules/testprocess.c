/* SPDX-License-Identifier: MPL-2.0 */
/*
 * testprocess.c - initializers, a preload, and functions that tell about the process that runs them. A
 * second module beside testwork.c, so that workers with two modules are tested too.
 */
#include <dpool/dpool.h>
#include <dpool/function.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int64_t initial;   /* set by set_initial in each process */
static int n_initialized; /* how often an initializer ran in this process */
static pid_t preloaded_by;

static int write_pid (dpool_call_t *call, const char *path)
{
    char line[32];
    int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return dpool_call_fail (call, errno, "%s: %s", path, strerror (errno));
    int length = snprintf (line, sizeof line, "%ld\n", (long) getpid ());
    ssize_t written = write (fd, line, (size_t) length);
    close (fd);
    return written == length ? 0 : dpool_call_fail (call, errno, "%s: %s", path, strerror (errno));
}

/* Keeps the number and writes the pid as a line. */
DPOOL_INITIALIZER (set_initial)
{
    const char *path;
    if (dpool_call_args (call, "ls", &initial, &path) < 0)
        return -1;
    n_initialized++;
    return write_pid (call, path);
}

DPOOL_INITIALIZER (initialize_plainly)
{
    initial = 99;
    n_initialized++;
    return 0;
}

DPOOL_INITIALIZER (fail_initial)
{
    const char *path;
    if (dpool_call_args (call, "s", &path) < 0)
        return -1;
    if (write_pid (call, path) < 0)
        return -1;
    return dpool_call_fail (call, 7, "no such data");
}

DPOOL_INITIALIZER (crash_initial)
{
    signal (SIGABRT, SIG_DFL);
    kill (getpid (), SIGABRT);
    for (;;)
        pause ();
    return 0;
}

DPOOL_PRELOAD (load_once)
{
    preloaded_by = getpid ();
    return 0;
}

/* What the initializer kept, how often one ran here, and the pid. */
DPOOL_FUNCTION (read_initial)
{
    return dpool_call_return (call, "lii", initial, n_initialized, (int) getpid ());
}

/* Who ran the preload, and who runs this. */
DPOOL_FUNCTION (read_preload)
{
    return dpool_call_return (call, "ii", (int) preloaded_by, (int) getpid ());
}

/* ---- About the process ----------------------------------------------------------------------- */

DPOOL_FUNCTION (pid)
{
    return dpool_call_return (call, "i", (int) getpid ());
}

/* Pid, parent, process group and session. */
DPOOL_FUNCTION (ids)
{
    return dpool_call_return (call, "iiii", (int) getpid (), (int) getppid (), (int) getpgrp (),
                              (int) getsid (0));
}

DPOOL_FUNCTION (attempt)
{
    return dpool_call_return (call, "u", (uint64_t) dpool_call_attempt (call));
}

DPOOL_FUNCTION (random)
{
    uint64_t first = dpool_call_random (call);
    uint64_t second = dpool_call_random (call);
    return dpool_call_return (call, "uu", first, second);
}

/* Opens a pool of its own there ("" = embedded) and gives the sum of the squares of 1 … n. */
DPOOL_FUNCTION (sum_squares_by_a_pool)
{
    const char *endpoint, *key_file, *server_key;
    int n;
    int64_t sum = 0;
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.processes = 2;
    if (dpool_call_args (call, "sssi", &endpoint, &key_file, &server_key, &n) < 0)
        return -1;
    options.key_file = *key_file ? key_file : NULL;
    options.server_key = *server_key ? server_key : NULL;
    dpool_t *pool = dpool_open (*endpoint ? endpoint : NULL, &options);
    dpool_items_t *items = dpool_items_new ();
    for (int i = 1; i <= n && items; i++)
        dpool_items_add (items, "i", i);
    dpool_async_result_t *result = pool ? dpool_map (pool, "square", items, NULL) : NULL;
    for (int i = 0; i < n && result; i++) {
        int64_t square = 0;
        dpool_value_get (dpool_async_result_value (result, (size_t) i), "l", &square);
        sum += square;
    }
    bool is_good = result && dpool_async_result_successful (result);
    int rc = is_good ? dpool_call_return (call, "l", sum)
                     : dpool_call_fail (call, errno, "%s", dpool_last_error ()->message);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
    dpool_destroy (&pool);
    return rc;
}

/* How many tasks this process has run by this function, itself included, and its pid. */
DPOOL_FUNCTION (count_calls)
{
    static int n_calls;
    n_calls++;
    return dpool_call_return (call, "ii", n_calls, (int) getpid ());
}

/* Is the descriptor open in the process that runs tasks? */
DPOOL_FUNCTION (has_descriptor)
{
    int fd;
    if (dpool_call_args (call, "i", &fd) < 0)
        return -1;
    return dpool_call_return (call, "?", fcntl (fd, F_GETFD) >= 0);
}

/* How many descriptors above 2 are open. */
DPOOL_FUNCTION (count_descriptors)
{
    int n = 0;
    for (int fd = 3; fd < 1024; fd++)
        n += fcntl (fd, F_GETFD) >= 0;
    return dpool_call_return (call, "i", n);
}

/* confined () -> bool: can what it executes get no new privileges, and leaves it no core file? */
DPOOL_FUNCTION (confined)
{
    struct rlimit core;
    bool is_confined = prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && getrlimit (RLIMIT_CORE, &core) == 0
                       && core.rlim_max == 0;
    return dpool_call_return (call, "?", is_confined);
}

/* allocates (bytes) -> bool: is there so much memory? */
DPOOL_FUNCTION (allocates)
{
    uint64_t bytes;
    if (dpool_call_args (call, "u", &bytes) < 0)
        return -1;
    void *memory = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED)
        munmap (memory, bytes);
    return dpool_call_return (call, "?", memory != MAP_FAILED);
}

/* burn (seconds): use up so much CPU time. */
DPOOL_FUNCTION (burn)
{
    double seconds;
    if (dpool_call_args (call, "d", &seconds) < 0)
        return -1;
    struct timespec start, now;
    clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &start);
    do
        clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
    while ((double) (now.tv_sec - start.tv_sec) + (double) (now.tv_nsec - start.tv_nsec) / 1e9 < seconds);
    return 0;
}

/* Burns on, whatever the limit of its CPU time says. */
DPOOL_FUNCTION (burn_on)
{
    volatile unsigned turns = 0;
    signal (SIGXCPU, SIG_IGN);
    while (++turns != 0 || turns == 0)
        continue;
    return dpool_call_return (call, "");
}

/* Leaves a process in a session of its own, which writes its pid and would live for ever. */
DPOOL_FUNCTION (leave_helper)
{
    const char *path;
    if (dpool_call_args (call, "s", &path) < 0)
        return -1;
    pid_t pid = fork ();
    if (pid < 0)
        return dpool_call_fail (call, errno, "fork: %s", strerror (errno));
    if (pid > 0)
        return 0;
    setsid ();
    if (write_pid (call, path) < 0)
        _exit (1);
    for (;;)
        pause ();
}

/* To stdout, without a line end and without a flush. */
DPOOL_FUNCTION (print)
{
    const char *text;
    if (dpool_call_args (call, "s", &text) < 0)
        return -1;
    fputs (text, stdout);
    return 0;
}
