/* SPDX-License-Identifier: MPL-2.0 */
/*
 * event_loop.c - results in a poll loop of your own, beside a timer and the keyboard.
 *
 * Each dpool_async_result_t has a descriptor that is readable once it is finished. So one thread can
 * wait for results and for everything else at the same time, with no callback and no lock.
 *
 * Build: cc event_loop.c -o event_loop $(pkg-config --cflags --libs dpool)
 * Run:   ./event_loop            cooks for 3, 1 and 2 seconds, on this machine
 *        ./event_loop 4 0.5 7    cooks for as long as you say
 *        DPOOL_ENDPOINT=tcp://localhost:5555 ./event_loop
 *                                on a cluster whose workers serve this file as a module (see README.md)
 * While it runs, type a number of seconds and Enter to cook one more, or q and Enter to cancel the rest.
 */
#include <dpool/function.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_DISHES 32
#define MAX_SECONDS 600
#define STEPS_A_SECOND 20

/* ---- The work ------------------------------------------------------------------------------ */

/* (seconds) -> the seconds that it took. In small steps, so that it can tell how far it is, and stop
   when nobody wants it any more. */
DPOOL_FUNCTION (cook)
{
    double seconds;
    if (dpool_call_args (call, "d", &seconds) < 0)
        return -1;
    if (!(seconds > 0 && seconds <= MAX_SECONDS))
        return dpool_call_fail (call, EINVAL, "cannot cook for %g s: at most %d", seconds, MAX_SECONDS);

    const struct timespec step = { .tv_nsec = 1000000000 / STEPS_A_SECOND };
    uint64_t n_steps = (uint64_t) (seconds * STEPS_A_SECOND + 0.5);
    for (uint64_t i = 0; i < n_steps; i++) {
        struct timespec left = step;
        while (nanosleep (&left, &left) < 0 && errno == EINTR) {
        }
        if (dpool_call_cancelled (call))
            return dpool_call_fail (call, ECANCELED, "taken off the stove");
        dpool_call_progress (call, i + 1, n_steps);
    }
    return dpool_call_return (call, "d", (double) n_steps / STEPS_A_SECOND);
}

/* ---- What is cooking ----------------------------------------------------------------------- */

static dpool_t *pool;
static dpool_async_result_t *dishes[MAX_DISHES]; /* NULL: finished */
static size_t n_dishes;                          /* started so far */

static _Noreturn void die (const char *what, const char *why)
{
    fprintf (stderr, "event_loop: %s: %s\n", what, why);
    exit (1);
}

/* Start one more. What cannot be started is said, and does not end the program. */
static void start_dish (const char *text)
{
    char *end;
    double seconds = strtod (text, &end);
    if (end == text || *end != '\0' || !(seconds > 0 && seconds <= MAX_SECONDS)) {
        printf ("'%s': type a number of seconds up to %d, or q\n", text, MAX_SECONDS);
        return;
    }
    if (n_dishes == MAX_DISHES) {
        printf ("no room for more than %d dishes\n", MAX_DISHES);
        return;
    }
    dishes[n_dishes] = dpool_apply_async (pool, "cook", DPOOL_V (seconds));
    if (!dishes[n_dishes])
        die ("dpool_apply_async", dpool_last_error ()->message);
    n_dishes++;
    printf ("dish %zu: started, %g s\n", n_dishes, seconds);
}

/* Its descriptor was readable, so that the result is there. */
static void serve_dish (size_t i)
{
    double seconds;
    if (dpool_async_result_get (dishes[i], 0) < 0
        || dpool_value_get (dpool_async_result_value (dishes[i], 0), "d", &seconds) < 0)
        printf ("dish %zu: %s\n", i + 1, dpool_last_error ()->message);
    else
        printf ("dish %zu: done after %g s\n", i + 1, seconds);
    dpool_async_result_destroy (&dishes[i]); /* its descriptor is closed by this, too */
}

static void show_progress (void)
{
    for (size_t i = 0; i < n_dishes; i++) {
        dpool_progress_t progress = DPOOL_PROGRESS_INIT;
        if (!dishes[i] || dpool_async_result_progress (dishes[i], &progress) < 0)
            continue;
        if (progress.steps > 0)
            printf ("  [%zu: %.0f %%]", i + 1, 100.0 * (double) progress.done / (double) progress.steps);
        else
            printf ("  [%zu: %s]", i + 1, progress.running ? "running" : "waiting");
    }
    printf ("\n");
}

static size_t count_cooking (void)
{
    size_t n = 0;
    for (size_t i = 0; i < n_dishes; i++)
        n += dishes[i] != NULL;
    return n;
}

/* ---- The loop ------------------------------------------------------------------------------ */

static void handle_line (const char *line)
{
    if (strcmp (line, "q") != 0) {
        start_dish (line);
        return;
    }
    for (size_t i = 0; i < n_dishes; i++) {
        if (dishes[i])
            dpool_async_result_cancel (dishes[i]); /* it is finished soon: then we hear of it as usual */
    }
}

/* Read what was typed: by read and not by fgets, which would keep lines in a buffer where poll does not
   see them. Returns false at the end of the input. */
static bool handle_input (void)
{
    static char line[64];
    static size_t line_len;
    char text[256];
    ssize_t n = read (STDIN_FILENO, text, sizeof text);
    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN);
    for (ssize_t i = 0; i < n; i++) {
        if (text[i] != '\n') {
            if (line_len < sizeof line - 1)
                line[line_len++] = text[i];
            continue;
        }
        line[line_len] = '\0';
        if (line_len > 0)
            handle_line (line);
        line_len = 0;
    }
    return true;
}

static int open_timer (void)
{
    struct itimerspec twice_a_second = { { 0, 500000000 }, { 0, 500000000 } };
    int timer = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer < 0 || timerfd_settime (timer, 0, &twice_a_second, NULL) < 0)
        die ("timerfd", strerror (errno));
    return timer;
}

enum { STDIN, TIMER, FIRST_DISH };

/* Until all is cooked. poll passes over descriptors of -1. */
static void run_loop (int timer)
{
    bool is_typing = true;
    while (count_cooking () > 0) {
        struct pollfd fds[FIRST_DISH + MAX_DISHES];
        size_t n_polled = n_dishes; /* handlers may start more */
        fds[STDIN] = (struct pollfd) { .fd = is_typing ? STDIN_FILENO : -1, .events = POLLIN };
        fds[TIMER] = (struct pollfd) { .fd = timer, .events = POLLIN };
        for (size_t i = 0; i < n_polled; i++) {
            int fd = dishes[i] ? dpool_async_result_fd (dishes[i]) : -1;
            if (dishes[i] && fd < 0)
                die ("dpool_async_result_fd", dpool_last_error ()->message);
            fds[FIRST_DISH + i] = (struct pollfd) { .fd = fd, .events = POLLIN };
        }
        if (poll (fds, FIRST_DISH + n_polled, -1) < 0) {
            if (errno == EINTR)
                continue;
            die ("poll", strerror (errno));
        }
        for (size_t i = 0; i < n_polled; i++) {
            if (fds[FIRST_DISH + i].revents)
                serve_dish (i);
        }
        if (fds[TIMER].revents) {
            uint64_t n_expired;
            if (read (timer, &n_expired, sizeof n_expired) == (ssize_t) sizeof n_expired
                && count_cooking () > 0)
                show_progress ();
        }
        if (fds[STDIN].revents)
            is_typing = handle_input ();
        fflush (stdout);
    }
}

int main (int argc, char **argv)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.processes = 4; /* waiting needs no CPU; a cluster has as many as it has */
    pool = dpool_open (NULL, &options);
    if (!pool)
        die ("dpool_open", dpool_last_error ()->message);
    for (int i = 1; i < argc; i++)
        start_dish (argv[i]);
    if (argc < 2) {
        start_dish ("3");
        start_dish ("1");
        start_dish ("2");
    }
    fflush (stdout);

    int timer = open_timer ();
    run_loop (timer);
    close (timer);
    dpool_destroy (&pool);
    return 0;
}
