/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/pool.h"

#include "bench/setup.h"

static const workload_t workloads[] = {
    { "w1", "us", "one tiny task, submitted and awaited: dpool_apply", tiny_run_apply, 0, false },
    { "w2", "tasks/s", "100,000 tiny tasks, one dpool_apply_async each", tiny_run_apply_async, 0, true },
    { "map", "tasks/s", "one dpool_map of 1,000,000 tiny items, default settings", tiny_run_map, 0, true },
    { "w3", "MiB/s", "1 MiB there and back, 500 times, 16 at a time", payload_run_1m, 0, true },
    { "64k", "MiB/s", "64 KiB there and back, 4,000 times, 64 at a time", payload_run_64k, 0, true },
    { "w4", "ms", "the README's table of calls: how much longer than its sleeps it takes", table_run, 4,
      false },
    { "w6", "ms", "from the start of a program to its first result", start_run, 0, false },
    { "mandelbrot", "ms", "dpool_map of the 800 rows of a picture", uneven_run_mandelbrot, 0, false },
    { "words", "ms", "dpool_map that counts the words of 400 files, 4 KiB to 1 MiB", uneven_run_words, 0,
      false },
    { "sleeps", "ms", "dpool_map of 2,000 sleeps, most 0.2 ms, a few 80 ms", uneven_run_sleeps, 0, false },
    { NULL, NULL, NULL, NULL, 0, false },
};

static void *open_embedded (int n_workers)
{
    return setup_open (NULL, n_workers);
}

/* What goes between hosts differs from what goes between programs of one in long payloads only. */
static const workload_t far_workloads[] = {
    { "w3", "MiB/s", "1 MiB there and back, 500 times, 16 at a time", payload_run_1m, 0, true },
    { "64k", "MiB/s", "64 KiB there and back, 4,000 times, 64 at a time", payload_run_64k, 0, true },
    { NULL, NULL, NULL, NULL, 0, false },
};

static void *open_ipc (int n_workers)
{
    return setup_open ("ipc", n_workers);
}

static void *open_tcp (int n_workers)
{
    return setup_open ("tcp://127.0.0.1:*", n_workers);
}

static void *open_far (int n_workers)
{
    static const setup_options_t more = { NULL, NULL, true };
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    return setup_open_with ("tcp://127.0.0.1:*", n_workers, &more, &options);
}

static void close_setup (void *setup)
{
    setup_close (setup);
}

const system_t embedded_system
    = { "embedded", "dpool: the embedded pool, two processes", open_embedded, close_setup, workloads };
const system_t ipc_system = { "ipc", "dpool: a broker and two workers with one process each, over ipc",
                              open_ipc, close_setup, workloads };
const system_t tcp_system = { "tcp", "dpool: a broker and two workers with one process each, over tcp",
                              open_tcp, close_setup, workloads };
const system_t far_system
    = { "far", "dpool: the same without shared memory between programs, as between hosts", open_far,
        close_setup, far_workloads };
