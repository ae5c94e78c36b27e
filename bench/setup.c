/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/setup.h"

#include "bench/die.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ANNOUNCEMENT "dpool-broker: listening on "
#define SHARED_MEMORY "DPOOL_SHARED_MEMORY"
#define WORKERS_TIMEOUT_MS 20000
#define MAX_ARGUMENTS 16

static const char *const room[] = { "--memory-limit=16G", NULL };
const setup_options_t setup_with_room = { room, NULL, false };

_Noreturn void setup_die (const char *what)
{
    die (what, dpool_last_error ()->message);
}

void setup_get (dpool_async_result_t *result, const char *what)
{
    if (!result || dpool_async_result_get (result, -1) < 0)
        setup_die (what);
}

/* Put more options (or NULL) at the end of the arguments. */
static void add_options (const char *argv[MAX_ARGUMENTS + 1], const char *const *more)
{
    size_t n = 0;
    while (argv[n])
        n++;
    for (; more && *more && n < MAX_ARGUMENTS; more++)
        argv[n++] = *more;
}

static void start_broker (setup_t *self, const char *bind, const setup_options_t *more)
{
    const char *argv[MAX_ARGUMENTS + 1] = { BENCH_BIN_DIR "/dpool-broker", "--quiet", "--bind", bind };
    char line[256];
    add_options (argv, more ? more->broker : NULL);
    if (more && more->is_apart)
        setenv (SHARED_MEMORY, "off", 1);
    self->broker = process_run (argv);
    if (more && more->is_apart)
        unsetenv (SHARED_MEMORY);
    do {
        process_read_line (&self->broker, line, sizeof line);
    } while (strncmp (line, ANNOUNCEMENT, strlen (ANNOUNCEMENT)) != 0);
    snprintf (self->endpoint, sizeof self->endpoint, "%s", line + strlen (ANNOUNCEMENT));
}

/* Each a program of its own with one process, as on so many hosts. */
static void start_worker (setup_t *self, int i, const char *const *more)
{
    char name[32];
    snprintf (name, sizeof name, "worker-%d", i);
    static const char program[] = BENCH_BIN_DIR "/dpool-worker", module[] = BENCH_MODULE;
    const char *argv[MAX_ARGUMENTS + 1]
        = { program, "--quiet", "--module", module, "--processes=1", "--name", name, self->endpoint };
    add_options (argv, more);
    self->workers[i] = process_run (argv);
}

static void start_cluster (setup_t *self, const char *bind, const setup_options_t *more)
{
    char path[128];
    if (strcmp (bind, "ipc") == 0) {
        snprintf (self->folder, sizeof self->folder, "/tmp/dpool-bench-XXXXXX");
        if (!mkdtemp (self->folder))
            die ("mkdtemp", strerror (errno));
        snprintf (path, sizeof path, "ipc://%s/broker", self->folder);
        bind = path;
    }
    start_broker (self, bind, more);
    for (int i = 0; i < self->n_workers; i++)
        start_worker (self, i, more ? more->worker : NULL);
}

setup_t *setup_open (const char *bind, int n_workers)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    return setup_open_with (bind, n_workers, NULL, &options);
}

setup_t *setup_open_with (const char *bind, int n_workers, const setup_options_t *more,
                          dpool_options_t *options)
{
    setup_t *self = calloc (1, sizeof *self);
    if (!self || n_workers > MAX_WORKERS)
        die ("setup", strerror (errno));
    self->n_workers = n_workers;
    if (bind)
        start_cluster (self, bind, more);
    options->processes = n_workers;
    self->pool = dpool_open (bind ? self->endpoint : "local", options);
    if (!self->pool || dpool_wait_workers (self->pool, n_workers, WORKERS_TIMEOUT_MS) < 0)
        setup_die ("dpool_open");
    return self;
}

static void remove_file (const char *folder, const char *name)
{
    char path[128];
    snprintf (path, sizeof path, "%s/%s", folder, name);
    unlink (path);
}

void setup_close (setup_t *self)
{
    dpool_destroy (&self->pool);
    for (int i = 0; i < self->n_workers; i++)
        process_end (&self->workers[i]);
    process_end (&self->broker);
    if (self->folder[0] != '\0') {
        remove_file (self->folder, "broker");
        remove_file (self->folder, "broker.lock"); /* it was killed */
        rmdir (self->folder);
    }
    free (self);
}
