/* SPDX-License-Identifier: MPL-2.0 */
/*
 * pool_table.c - every way to call a function, what it gives and how long it takes.
 *
 * "f" sleeps for its argument, in seconds, and returns it. The table shows which calls wait (apply,
 * map) and which return at once (the async ones and the iterators), and that three sleeps of 0.3, 0.1
 * and 0.2 s take 0.3 s together, since they run side by side.
 *
 * Build: cc pool_table.c -o pool_table $(pkg-config --cflags --libs dpool)
 * Run:   ./pool_table                       on this machine
 *        ./pool_table tcp://localhost:5555  on a cluster whose workers serve this file as a module
 *                                           (see README.md) with three or more processes
 * Exit status: 0, or 1 when a call failed or gave a wrong result.
 */
#include <dpool/function.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_SIDE_BY_SIDE 3 /* as many calls as must be able to run at a time */
#define WORKERS_TIMEOUT_MS 10000

/* ---- The work ------------------------------------------------------------------------------ */

DPOOL_FUNCTION (f)
{
    double seconds;
    if (dpool_call_args (call, "d", &seconds) < 0)
        return -1;
    if (!(seconds >= 0 && seconds <= 3600))
        return dpool_call_fail (call, EINVAL, "cannot sleep for %g s: must be from 0 to 3600", seconds);

    struct timespec left = { .tv_sec = (time_t) seconds };
    left.tv_nsec = (long) ((seconds - (double) left.tv_sec) * 1e9);
    while (nanosleep (&left, &left) < 0) {
        if (errno != EINTR)
            return dpool_call_fail (call, errno, "nanosleep: %s", strerror (errno));
    }
    return dpool_call_return (call, "d", seconds);
}

/* ---- The table ----------------------------------------------------------------------------- */

static double started_at; /* seconds on a clock that nobody sets */
static bool is_all_right = true;

static _Noreturn void die (const char *what)
{
    fprintf (stderr, "pool_table: %s: %s\n", what, dpool_last_error ()->message);
    exit (1);
}

static double now (void)
{
    struct timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

/* Print one row. The clock of the next one starts when this one is printed. */
static void print_row (const char *call, const char *result, const char *expected)
{
    double seconds = now () - started_at;
    bool is_right = strcmp (result, expected) == 0;
    printf ("%-52s  %-12s  %8.2f%s\n", call, result, seconds, is_right ? "" : "  WRONG");
    fflush (stdout);
    is_all_right = is_all_right && is_right;
    started_at = now ();
}

/* A row of results, as text: "0.3 0.1 0.2". */
typedef struct {
    char text[64];
    size_t text_len;
} results_t;

static void results_add (results_t *self, const dpool_value_t *value)
{
    double number;
    if (!value || dpool_value_get (value, "d", &number) < 0)
        die ("result");
    size_t room = sizeof self->text - self->text_len;
    int n = snprintf (self->text + self->text_len, room, "%s%.1f", self->text_len ? " " : "", number);
    if (n > 0 && (size_t) n < room)
        self->text_len += (size_t) n;
}

static void results_of_handle (results_t *self, dpool_async_result_t *handle)
{
    for (size_t i = 0; i < dpool_async_result_count (handle); i++)
        results_add (self, dpool_async_result_value (handle, i));
}

/* ---- The ten rows -------------------------------------------------------------------------- */

static void show_apply (dpool_t *p)
{
    dpool_value_t *v;
    results_t results = { .text_len = 0 };
    if (dpool_apply (p, &v, "f", "d", 0.1) < 0)
        die ("dpool_apply");
    results_add (&results, v);
    print_row ("dpool_apply (p, &v, \"f\", \"d\", 0.1)", results.text, "0.1");
    dpool_value_destroy (&v);
}

static void show_map (dpool_t *p, dpool_items_t *items)
{
    results_t results = { .text_len = 0 };
    dpool_async_result_t *r = dpool_map (p, "f", items, NULL);
    if (!r || dpool_async_result_get (r, 0) < 0)
        die ("dpool_map");
    results_of_handle (&results, r);
    print_row ("dpool_map (p, \"f\", {0.3, 0.1, 0.2}, NULL)", results.text, "0.3 0.1 0.2");
    dpool_async_result_destroy (&r);
}

/* Two rows: making the call, whose handle is r, and getting its results. */
static void show_handle (dpool_async_result_t *r, const char *call, const char *expected)
{
    results_t results = { .text_len = 0 };
    if (!r)
        die (call);
    print_row (call, "a handle", "a handle");
    if (dpool_async_result_get (r, -1) < 0)
        die ("dpool_async_result_get");
    results_of_handle (&results, r);
    print_row ("dpool_async_result_get (r, -1)", results.text, expected);
    dpool_async_result_destroy (&r);
}

/* Two rows: making the iterator r, and drawing all of its results. */
static void show_iterator (dpool_imap_t *r, const char *call, const char *expected)
{
    results_t results = { .text_len = 0 };
    const dpool_value_t *value;
    int more;
    if (!r)
        die (call);
    print_row (call, "an iterator", "an iterator");
    while ((more = dpool_imap_next (r, &value, -1)) == 1)
        results_add (&results, value);
    if (more < 0)
        die ("dpool_imap_next");
    print_row ("all of dpool_imap_next (r)", results.text, expected);
    dpool_imap_destroy (&r);
}

int main (int argc, char **argv)
{
    /* Sleeping needs no CPU, so that four processes do well on any machine. A cluster has its own. */
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.processes = N_SIDE_BY_SIDE + 1;
    dpool_t *p = dpool_open (argc > 1 ? argv[1] : NULL, &options);
    if (!p)
        die ("dpool_open");
    if (dpool_wait_workers (p, N_SIDE_BY_SIDE, WORKERS_TIMEOUT_MS) < 0) {
        if (errno != ETIMEDOUT)
            die ("dpool_wait_workers");
        fprintf (stderr,
                 "pool_table: the table needs %d worker processes, but after %d s there are %d:"
                 " start dpool-worker, or give it more processes\n",
                 N_SIDE_BY_SIDE, WORKERS_TIMEOUT_MS / 1000, dpool_workers (p));
        exit (1);
    }

    dpool_items_t *items = dpool_items_new ();
    if (!items || dpool_items_add (items, "d", 0.3) < 0 || dpool_items_add (items, "d", 0.1) < 0
        || dpool_items_add (items, "d", 0.2) < 0)
        die ("dpool_items_add");

    printf ("%-52s  %-12s  %8s\n", "call", "result", "took (s)");
    started_at = now ();
    show_apply (p);
    show_map (p, items);
    show_handle (dpool_apply_async (p, "f", "d", 0.1), "r = dpool_apply_async (p, \"f\", \"d\", 0.1)", "0.1");
    show_handle (dpool_map_async (p, "f", items, NULL),
                 "r = dpool_map_async (p, \"f\", {0.3, 0.1, 0.2}, NULL)", "0.3 0.1 0.2");
    show_iterator (dpool_imap (p, "f", dpool_source_from_items (items), NULL),
                   "r = dpool_imap (p, \"f\", ...)", "0.3 0.1 0.2");
    show_iterator (dpool_imap_unordered (p, "f", dpool_source_from_items (items), NULL),
                   "r = dpool_imap_unordered (p, \"f\", ...)", "0.1 0.2 0.3");

    dpool_items_destroy (&items);
    dpool_destroy (&p);
    return is_all_right ? 0 : 1;
}
