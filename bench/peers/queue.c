/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/peers/queue.h"

#include "bench/clock.h"
#include "bench/die.h"
#include "bench/process.h"
#include "bench/series.h"
#include "bench/texts.h"
#include "bench/work.h"

#include <errno.h>
#include <string.h>

#define MAX_BATCH 2000
#define N_CALLS 2000
#define N_TASKS 50000
#define N_STARTS 10
#define N_WORKERS 2
#define MAX_WORKERS 4
#define WARM_UP 0.2 /* part of a run */

enum { IDENTITY = 'i', SLEEP = 's', MANDELBROT_ROW = 'm', COUNT_WORDS = 'w' };

/* ---- Workers --------------------------------------------------------------------------------------- */

size_t queue_do (const void *argument, size_t argument_len, void *result)
{
    char text[512] = "";
    const char *what = argument, *rest = what + 1;
    size_t rest_len = argument_len - 1;
    if (*what == IDENTITY) {
        memcpy (result, argument, argument_len);
        return argument_len;
    }
    memcpy (text, rest, rest_len < sizeof text ? rest_len : sizeof text - 1);
    if (*what == COUNT_WORDS) {
        long len = work_count_words (text, result, MAX_WORD_TABLE);
        if (len < 0)
            die (text, strerror (errno));
        return (size_t) len;
    }
    if (*what == MANDELBROT_ROW) {
        work_mandelbrot_row (atoi (text), result);
        return PICTURE_WIDTH;
    }
    work_sleep (atof (text));
    memcpy (result, argument, argument_len);
    return argument_len;
}

typedef struct {
    const queue_t *queue;
    int port;
} worker_t;

static void work (void *argument)
{
    const worker_t *worker = argument;
    worker->queue->work (worker->port);
}

/* ---- Workloads ------------------------------------------------------------------------------------- */

typedef struct {
    const queue_t *queue;
    void *client;
    int port;
    job_t jobs[MAX_BATCH];
    char arguments[MAX_BATCH][512];
} client_t;

static void set_job (client_t *self, size_t i, char what, const char *rest)
{
    int n = snprintf (self->arguments[i], sizeof self->arguments[i], "%c%s", what, rest);
    self->jobs[i] = (job_t) { self->arguments[i], (size_t) n, 0 };
}

static void set_number_job (client_t *self, size_t i, char what, double number)
{
    char text[32];
    snprintf (text, sizeof text, "%.9g", number);
    set_job (self, i, what, text);
}

/* Seconds for n of the jobs that are set, a batch at a time. */
static double run (client_t *self, size_t n, size_t batch)
{
    double start = clock_now ();
    for (size_t done = 0; done < n; done += batch)
        self->queue->run (self->client, self->jobs, n - done < batch ? n - done : batch);
    return clock_now () - start;
}

static double run_w1 (client_t *self, double counts)
{
    series_t series = { .n = 0 };
    set_job (self, 0, IDENTITY, "1234567");
    self->jobs[0].result_len = self->jobs[0].argument_len;
    for (int i = 0; i < (int) (N_CALLS * counts); i++)
        series_add (&series, run (self, 1, 1) * 1e6);
    double median = series_quantile (&series, 0.5);
    series_clear (&series);
    return median;
}

static double run_w2 (client_t *self, double counts)
{
    size_t n = (size_t) (N_TASKS * counts);
    for (size_t i = 0; i < 1000; i++)
        set_number_job (self, i, IDENTITY, (double) i);
    return (double) n / run (self, n, 1000);
}

static double run_payloads (client_t *self, size_t size, size_t n, size_t batch)
{
    static char payload[1 << 20];
    if (n < 1)
        n = 1;
    memset (payload, IDENTITY, sizeof payload);
    for (size_t i = 0; i < batch; i++)
        self->jobs[i] = (job_t) { payload, size, size };
    return (double) n * (double) size / (1 << 20) / run (self, n, batch);
}

static double run_w3 (client_t *self, double counts)
{
    return run_payloads (self, 1 << 20, (size_t) ((double) self->queue->n_megabytes * counts), 16);
}

static double run_64k (client_t *self, double counts)
{
    return run_payloads (self, 1 << 16, (size_t) ((double) self->queue->n_blocks * counts), 64);
}

static double run_w4 (client_t *self, double counts)
{
    static const size_t calls[] = { 1, 3, 1, 3, 3, 3 };
    double unit = 0.1 * counts, seconds = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        set_number_job (self, 0, SLEEP, (double) calls[i] * unit);
        set_number_job (self, 1, SLEEP, unit);
        set_number_job (self, 2, SLEEP, 2 * unit);
        seconds += run (self, calls[i], calls[i]);
    }
    return (seconds - 14 * unit) * 1e3;
}

static double run_w6 (client_t *self, double counts)
{
    char port[16], line[16];
    snprintf (port, sizeof port, "%d", self->port);
    const char *const argv[] = { "/proc/self/exe", port, "--first", NULL };
    series_t series = { .n = 0 };
    for (int i = 0; i < (int) (N_STARTS * counts); i++) {
        double start = clock_now ();
        process_t program = process_run (argv);
        process_read_line (&program, line, sizeof line);
        series_add (&series, (clock_now () - start) * 1e3);
        process_wait (&program);
    }
    double median = series_quantile (&series, 0.5);
    series_clear (&series);
    return median;
}

static double run_mandelbrot (client_t *self, double counts)
{
    for (int i = 0; i < PICTURE_HEIGHT; i++)
        set_number_job (self, (size_t) i, MANDELBROT_ROW, i);
    return run (self, (size_t) (PICTURE_HEIGHT * counts), PICTURE_HEIGHT) * 1e3;
}

static double run_words (client_t *self, double counts)
{
    for (int i = 0; i < N_TEXTS; i++) {
        char path[256];
        work_text_path (texts_folder (), i, path, sizeof path);
        set_job (self, (size_t) i, COUNT_WORDS, path);
    }
    return run (self, (size_t) (N_TEXTS * counts), N_TEXTS) * 1e3;
}

static double run_sleeps (client_t *self, double counts)
{
    for (int i = 0; i < N_NAPS; i++)
        set_number_job (self, (size_t) i, SLEEP, work_nap_seconds (i));
    return run (self, (size_t) (N_NAPS * counts), N_NAPS) * 1e3;
}

static const struct {
    const char *name;
    double (*run) (client_t *self, double counts);
} workloads[] = {
    { "w1", run_w1 },
    { "w2", run_w2 },
    { "w3", run_w3 },
    { "64k", run_64k },
    { "w4", run_w4 },
    { "w6", run_w6 },
    { "mandelbrot", run_mandelbrot },
    { "words", run_words },
    { "sleeps", run_sleeps },
};

/* ---- The program ----------------------------------------------------------------------------------- */

static void measure (client_t *self, const char *name, bool is_first)
{
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp (workloads[i].name, name) == 0) {
            workloads[i].run (self, WARM_UP);
            printf ("%s\"%s\": %.6g", is_first ? "{" : ", ", name, workloads[i].run (self, 1));
            return;
        }
    }
}

int queue_main (const queue_t *queue, int argc, char **argv)
{
    static client_t client;
    if (argc < 3)
        die (queue->name, "usage: PORT WORKLOAD... (see queue.h)");
    client.queue = queue;
    client.port = atoi (argv[1]);
    if (strcmp (argv[2], "--first") == 0) {
        client.client = queue->connect (client.port);
        set_job (&client, 0, IDENTITY, "42");
        run (&client, 1, 1);
        puts ("42");
        return 0;
    }
    worker_t worker = { queue, client.port };
    process_t workers[MAX_WORKERS];
    int n_workers = strcmp (argv[2], "w4") == 0 ? MAX_WORKERS : N_WORKERS; /* w4 is asked for alone */
    for (int i = 0; i < n_workers; i++)
        workers[i] = process_fork (work, &worker);
    client.client = queue->connect (client.port);
    for (int i = 2; i < argc; i++)
        measure (&client, argv[i], i == 2);
    puts ("}");
    for (int i = 0; i < n_workers; i++)
        process_end (&workers[i]);
    return 0;
}
