/* SPDX-License-Identifier: MPL-2.0 */
/*
 * ideal.c - how soon uneven work is done at best: processes that take the next task from a counter in shared
 * memory, with no messages, and forget the results.
 */
#include "bench/clock.h"
#include "bench/die.h"
#include "bench/ideal_table.h"
#include "bench/process.h"
#include "bench/system.h"
#include "bench/texts.h"
#include "bench/work.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

typedef struct {
    atomic_int next;
    atomic_bool may_start;
    int n_tasks;
    int n_workers;
    void (*task) (int i);
} ideal_t;

static void *open_ideal (int n_workers)
{
    ideal_t *self = mmap (NULL, sizeof *self, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self == MAP_FAILED)
        die ("mmap", strerror (errno));
    self->n_workers = n_workers;
    return self;
}

static void close_ideal (void *system)
{
    munmap (system, sizeof (ideal_t));
}

static void work (void *argument)
{
    ideal_t *self = argument;
    while (!atomic_load (&self->may_start))
        work_sleep (0.0001);
    for (int i; (i = atomic_fetch_add (&self->next, 1)) < self->n_tasks;)
        self->task (i);
}

static void run (ideal_t *self, void (*task) (int i), size_t n_tasks, series_t *series)
{
    process_t workers[16];
    self->task = task;
    self->n_tasks = (int) n_tasks;
    atomic_store (&self->next, 0);
    atomic_store (&self->may_start, false);
    for (int i = 0; i < self->n_workers; i++)
        workers[i] = process_fork (work, self);
    work_sleep (0.02); /* until they are there; it is not measured */
    double start = clock_now ();
    atomic_store (&self->may_start, true);
    for (int i = 0; i < self->n_workers; i++)
        process_wait (&workers[i]);
    series_add (series, (clock_now () - start) * 1e3);
}

static void draw_row (int row)
{
    unsigned char pixels[PICTURE_WIDTH];
    work_mandelbrot_row (row, pixels);
}

static void count_text (int i)
{
    static char table[MAX_WORD_TABLE];
    char path[512];
    work_text_path (texts_folder (), i % N_TEXTS, path, sizeof path);
    if (work_count_words (path, table, sizeof table) < 0)
        die (path, strerror (errno));
}

static void nap (int i)
{
    work_sleep (work_nap_seconds (i));
}

static void run_mandelbrot (void *system, double counts, series_t *series)
{
    run (system, draw_row, scaled (PICTURE_HEIGHT, counts), series);
}

static void run_words (void *system, double counts, series_t *series)
{
    texts_folder (); /* make it before the processes start */
    run (system, count_text, scaled (N_TEXTS, counts), series);
}

static void run_sleeps (void *system, double counts, series_t *series)
{
    run (system, nap, scaled (N_NAPS, counts), series);
}

static const workload_t workloads[] = {
    { "w4", "ms", "the table's sleeps alone: how much longer they take", ideal_table_run, 0, false },
    { "mandelbrot", "ms", "the 800 rows of a picture", run_mandelbrot, 0, false },
    { "words", "ms", "the words of 400 files, 4 KiB to 1 MiB", run_words, 0, false },
    { "sleeps", "ms", "2,000 sleeps, most 0.2 ms, a few 80 ms", run_sleeps, 0, false },
    { NULL, NULL, NULL, NULL, 0, false },
};

const system_t ideal_system = { "ideal", "limit: processes that share a counter, without messages",
                                open_ideal, close_ideal, workloads };
