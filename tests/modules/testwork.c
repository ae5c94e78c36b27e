/* SPDX-License-Identifier: MPL-2.0 */
/*
 * testwork.c - the functions that the tests call. Built as libtestwork.so for workers; a program with
 * an embedded pool includes this file, so that both pools run the very same work.
 *
 * Tests steer it by files, not by time: a path "started" gets one byte from each run (so its size counts
 * the runs), and a path "gate" holds a run until the file exists.
 */
#include <dpool/function.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- Helpers --------------------------------------------------------------------------------- */

static void nap (double seconds)
{
    struct timespec left = { (time_t) seconds, 0 };
    left.tv_nsec = (long) ((seconds - (double) left.tv_sec) * 1e9);
    while (nanosleep (&left, &left) < 0 && errno == EINTR)
        continue;
}

/* Append to the file and tell how long it was before; -1 with errno. One write, so that runs do not mix. */
static int64_t append (const char *path, const char *text)
{
    int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    ssize_t written = write (fd, text, strlen (text));
    int64_t end = (int64_t) lseek (fd, 0, SEEK_CUR);
    close (fd);
    return written < 0 ? -1 : end - written;
}

static void await_file (const char *path)
{
    while (access (path, F_OK) < 0)
        nap (0.002);
}

/* As a fault would: with the default action, even if somebody handles the signal. */
static void die_by (int number)
{
    signal (number, SIG_DFL);
    kill (getpid (), number);
    for (;;)
        pause ();
}

static int fail_by_errno (dpool_call_t *call, const char *path)
{
    return dpool_call_fail (call, errno, "%s: %s", path, strerror (errno));
}

/* ---- Values ---------------------------------------------------------------------------------- */

DPOOL_FUNCTION (echo)
{
    const void *data;
    size_t size;
    if (dpool_call_args (call, "m", &data, &size) < 0)
        return -1;
    return dpool_call_return (call, "m", data, size);
}

DPOOL_FUNCTION (square)
{
    int64_t x;
    if (dpool_call_args (call, "l", &x) < 0)
        return -1;
    return dpool_call_return (call, "l", x * x);
}

DPOOL_FUNCTION (add2)
{
    int64_t x, y;
    if (dpool_call_args (call, "ll", &x, &y) < 0)
        return -1;
    return dpool_call_return (call, "l", x + y);
}

/* The name is also one of libc: the macro keeps them apart. */
DPOOL_FUNCTION (sleep)
{
    double seconds;
    if (dpool_call_args (call, "d", &seconds) < 0)
        return -1;
    nap (seconds);
    return dpool_call_return (call, "d", seconds);
}

/* The number, unless it is 3: so that one item of a list fails. */
DPOOL_FUNCTION (fail_at_three)
{
    int64_t x;
    if (dpool_call_args (call, "l", &x) < 0)
        return -1;
    return x == 3 ? dpool_call_fail (call, 33, "three") : dpool_call_return (call, "l", x);
}

DPOOL_FUNCTION (big_result)
{
    uint64_t size;
    if (dpool_call_args (call, "u", &size) < 0)
        return -1;
    char *bytes = malloc ((size_t) size + 1);
    if (!bytes)
        return dpool_call_fail (call, ENOMEM, "no memory for the result");
    memset (bytes, 'x', (size_t) size);
    int rc = dpool_call_return (call, "b", (const void *) bytes, (size_t) size);
    free (bytes);
    return rc;
}

/* ---- Failures -------------------------------------------------------------------------------- */

DPOOL_FUNCTION (fail_with)
{
    int code;
    const char *text;
    if (dpool_call_args (call, "is", &code, &text) < 0)
        return -1;
    return dpool_call_fail (call, code, "%s", text);
}

/* Results that cannot be handed over, by the name of what is wrong with them. */
DPOOL_FUNCTION (bad_return)
{
    const char *kind;
    if (dpool_call_args (call, "s", &kind) < 0)
        return -1;
    if (strcmp (kind, "picture") == 0)
        return dpool_call_return (call, "[", 1);
    if (strcmp (kind, "packed") == 0)
        return dpool_call_return (call, "m", (const void *) "\xc1", (size_t) 1);
    if (strcmp (kind, "twice") == 0) {
        dpool_call_return (call, "i", 1);
        dpool_call_return (call, "i", 2);
        return 0;
    }
    return strcmp (kind, "silent") == 0 ? -1 : 0; /* else: no result at all */
}

DPOOL_FUNCTION (crash)
{
    int number;
    if (dpool_call_args (call, "i", &number) < 0)
        return -1;
    die_by (number);
    return 0;
}

/* The same, after a look at bytes that may be many. */
DPOOL_FUNCTION (crash_over)
{
    int number;
    const uint8_t *bytes;
    size_t size;
    if (dpool_call_args (call, "ib", &number, (const void **) &bytes, &size) < 0)
        return -1;
    die_by (size > 0 && bytes[0] == bytes[size - 1] ? number : SIGKILL);
    return 0;
}

DPOOL_FUNCTION (exit_with)
{
    int status;
    if (dpool_call_args (call, "i", &status) < 0)
        return -1;
    _exit (status);
}

DPOOL_FUNCTION (write_stderr_then_crash)
{
    const char *text;
    if (dpool_call_args (call, "s", &text) < 0)
        return -1;
    fprintf (stderr, "%s\n", text);
    fflush (stderr);
    die_by (SIGABRT);
    return 0;
}

/* Writes so many lines of 16 bytes to stderr, then crashes. */
DPOOL_FUNCTION (write_much_stderr_then_crash)
{
    int n;
    if (dpool_call_args (call, "i", &n) < 0)
        return -1;
    for (int i = 1; i <= n; i++)
        fprintf (stderr, "line %10d\n", i);
    fflush (stderr);
    die_by (SIGABRT);
    return 0;
}

/* Fills so many bytes of memory and computes for so many ms, then crashes. */
DPOOL_FUNCTION (work_then_crash)
{
    uint64_t size, cpu_ms;
    if (dpool_call_args (call, "uu", &size, &cpu_ms) < 0)
        return -1;
    char *bytes = malloc ((size_t) size);
    if (!bytes)
        return dpool_call_fail (call, ENOMEM, "no memory to fill");
    for (size_t i = 0; i < size; i += 512)
        ((volatile char *) bytes)[i] = 'x';
    clock_t begin = clock ();
    while ((uint64_t) (clock () - begin) * 1000 / CLOCKS_PER_SEC < cpu_ms)
        continue;
    die_by (SIGKILL);
    free (bytes);
    return 0;
}

/* Counts the run, then crashes. */
DPOOL_FUNCTION (count_then_crash)
{
    const char *started;
    if (dpool_call_args (call, "s", &started) < 0)
        return -1;
    if (append (started, ".") < 0)
        return fail_by_errno (call, started);
    die_by (SIGKILL);
    return 0;
}

/* The first run crashes and leaves the marker; the next gives its attempt. */
DPOOL_FUNCTION (crash_once)
{
    const char *marker;
    if (dpool_call_args (call, "s", &marker) < 0)
        return -1;
    int fd = open (marker, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        die_by (SIGKILL);
    return dpool_call_return (call, "u", (uint64_t) dpool_call_attempt (call));
}

/* Counts each run. The first crashes; the next waits. */
DPOOL_FUNCTION (crash_once_then_wait)
{
    const char *started, *gate;
    if (dpool_call_args (call, "ss", &started, &gate) < 0)
        return -1;
    if (append (started, ".") == 0)
        die_by (SIGKILL);
    await_file (gate);
    return dpool_call_return (call, "u", (uint64_t) dpool_call_attempt (call));
}

/* With a path: counts the run. Without: crashes unless the marker is there. Gives its attempt. */
DPOOL_FUNCTION (touch_or_crash_once)
{
    const char *path, *marker;
    if (dpool_call_args (call, "ss", &path, &marker) < 0)
        return -1;
    if (*path) {
        append (path, ".");
    } else if (access (marker, F_OK) < 0) {
        append (marker, ".");
        die_by (SIGKILL);
    }
    return dpool_call_return (call, "u", (uint64_t) dpool_call_attempt (call));
}

/* One item of a list crashes its process in every attempt, the others give their number. */
DPOOL_FUNCTION (crash_at_three)
{
    int64_t x;
    if (dpool_call_args (call, "l", &x) < 0)
        return -1;
    if (x == 3)
        die_by (SIGKILL);
    return dpool_call_return (call, "l", x);
}

/* ---- Steered by files ------------------------------------------------------------------------ */

/* One byte more; gives the number of bytes before. */
DPOOL_FUNCTION (touch_file)
{
    const char *path;
    if (dpool_call_args (call, "s", &path) < 0)
        return -1;
    int64_t before = append (path, ".");
    return before < 0 ? fail_by_errno (call, path) : dpool_call_return (call, "l", before);
}

DPOOL_FUNCTION (wait_for_file)
{
    const char *gate;
    if (dpool_call_args (call, "s", &gate) < 0)
        return -1;
    await_file (gate);
    return dpool_call_return (call, "i", (int) getpid ());
}

/* Sends a signal to a process, then waits. */
DPOOL_FUNCTION (signal_then_wait)
{
    int pid, number;
    const char *gate;
    if (dpool_call_args (call, "iis", &pid, &number, &gate) < 0)
        return -1;
    if (kill ((pid_t) pid, number) < 0)
        return dpool_call_fail (call, errno, "cannot send signal %d", number);
    await_file (gate);
    return dpool_call_return (call, "");
}

/* Tells that it runs, waits, and gives its pid. */
DPOOL_FUNCTION (touch_then_wait)
{
    const char *started, *gate;
    if (dpool_call_args (call, "ss", &started, &gate) < 0)
        return -1;
    if (append (started, ".") < 0)
        return fail_by_errno (call, started);
    await_file (gate);
    return dpool_call_return (call, "i", (int) getpid ());
}

/* Tells that it runs, and how many did before, then takes its time. */
DPOOL_FUNCTION (touch_then_sleep)
{
    const char *started;
    double seconds;
    if (dpool_call_args (call, "sd", &started, &seconds) < 0)
        return -1;
    int64_t before = append (started, ".");
    if (before < 0)
        return fail_by_errno (call, started);
    nap (seconds);
    return dpool_call_return (call, "l", before);
}

/* Writes its pid as a line, then never ends. */
DPOOL_FUNCTION (spin)
{
    const char *started;
    char line[32];
    if (dpool_call_args (call, "s", &started) < 0)
        return -1;
    snprintf (line, sizeof line, "%ld\n", (long) getpid ());
    if (append (started, line) < 0)
        return fail_by_errno (call, started);
    for (volatile unsigned turns = 0;; turns++)
        continue;
}

/* Stops its own process. */
DPOOL_FUNCTION (stop_itself)
{
    const char *started;
    if (dpool_call_args (call, "s", &started) < 0)
        return -1;
    if (append (started, ".") < 0)
        return fail_by_errno (call, started);
    raise (SIGSTOP);
    return dpool_call_return (call, "");
}

/* Ends by itself once it is cancelled, and tells so. */
DPOOL_FUNCTION (wait_for_cancel)
{
    const char *started, *seen;
    if (dpool_call_args (call, "ss", &started, &seen) < 0)
        return -1;
    if (append (started, ".") < 0)
        return fail_by_errno (call, started);
    while (!dpool_call_cancelled (call))
        nap (0.002);
    append (seen, ".");
    return dpool_call_return (call, "i", (int) getpid ());
}

/* Leaves a grandchild that would live for ever, whose pid it writes, and never ends itself. */
DPOOL_FUNCTION (fork_grandchild)
{
    const char *path;
    char line[32];
    if (dpool_call_args (call, "s", &path) < 0)
        return -1;
    pid_t pid = fork ();
    if (pid < 0)
        return fail_by_errno (call, "fork");
    if (pid == 0) {
        for (;;)
            pause ();
    }
    snprintf (line, sizeof line, "%ld\n", (long) pid);
    append (path, line);
    for (;;)
        pause ();
    return 0;
}

/* Tells n steps, then waits. */
DPOOL_FUNCTION (steps)
{
    uint64_t n;
    const char *gate;
    if (dpool_call_args (call, "us", &n, &gate) < 0)
        return -1;
    for (uint64_t i = 1; i <= n; i++)
        dpool_call_progress (call, i, n);
    await_file (gate);
    return dpool_call_return (call, "u", n);
}

/* Crashes in its first run: do the numbers stay the same? */
DPOOL_FUNCTION (random_after_crash)
{
    const char *marker;
    if (dpool_call_args (call, "s", &marker) < 0)
        return -1;
    uint64_t first = dpool_call_random (call);
    uint64_t second = dpool_call_random (call);
    int fd = open (marker, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        die_by (SIGKILL);
    return dpool_call_return (call, "uu", first, second);
}
