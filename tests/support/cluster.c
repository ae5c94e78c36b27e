/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/support/cluster.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/folder.h"
#include "tests/support/wait.h"

#define MAX_WORKERS 8
#define MAX_ARGUMENTS 24
#define ANNOUNCEMENT "dpool-broker: listening on "

struct cluster_s {
    folder_t *folder; /* of the logs */
    const char *const *broker_arguments, *const *worker_arguments;
    char endpoint[256];
    process_t *broker;
    process_t *workers[MAX_WORKERS];
    size_t n_workers;
};

static const char *log_path (cluster_t *self, int n)
{
    char name[32];
    snprintf (name, sizeof name, n < 0 ? "broker.log" : "worker-%d.log", n);
    return folder_path (self->folder, name);
}

static void start_broker (cluster_t *self, const char *bind)
{
    const char *argv[MAX_ARGUMENTS + 1] = { DPOOL_BIN_DIR "/dpool-broker", "--bind", bind };
    char line[256];
    size_t n = 3;
    for (size_t i = 0; self->broker_arguments && self->broker_arguments[i] && n < MAX_ARGUMENTS; i++)
        argv[n++] = self->broker_arguments[i];
    self->broker = process_new (argv, log_path (self, -1));
    do {
        if (!process_read_line (self->broker, line, sizeof line)) {
            fail_msg ("the broker ended without listening; it said: %s", cluster_log (self, -1));
        }
    } while (strncmp (line, ANNOUNCEMENT, strlen (ANNOUNCEMENT)) != 0);
    snprintf (self->endpoint, sizeof self->endpoint, "%s", line + strlen (ANNOUNCEMENT));
}

cluster_t *cluster_new (const char *const broker_arguments[])
{
    cluster_t *self = calloc (1, sizeof *self);
    if (!self)
        fail_msg ("out of memory");
    self->folder = folder_new ();
    self->broker_arguments = broker_arguments;
    start_broker (self, "tcp://127.0.0.1:*");
    return self;
}

const char *cluster_endpoint (const cluster_t *self)
{
    return self->endpoint;
}

static process_t *add_worker (cluster_t *self, const char *endpoint, int processes, const char *label,
                              const char *name)
{
    const char *argv[MAX_ARGUMENTS + 1] = { DPOOL_BIN_DIR "/dpool-worker",         "--module",
                                            DPOOL_MODULE_DIR "/libtestwork.so",    "--module",
                                            DPOOL_MODULE_DIR "/libtestprocess.so", "--processes" };
    char number[16];
    size_t n = 6;
    if (self->n_workers == MAX_WORKERS)
        fail_msg ("a cluster has room for %d workers", MAX_WORKERS);
    snprintf (number, sizeof number, "%d", processes);
    argv[n++] = number;
    if (label) {
        argv[n++] = "--label";
        argv[n++] = label;
    }
    if (name) {
        argv[n++] = "--name";
        argv[n++] = name;
    }
    for (size_t i = 0; self->worker_arguments && self->worker_arguments[i] && n + 1 < MAX_ARGUMENTS; i++)
        argv[n++] = self->worker_arguments[i];
    argv[n++] = endpoint;
    process_t *worker = process_new (argv, log_path (self, (int) self->n_workers));
    return self->workers[self->n_workers++] = worker;
}

process_t *cluster_add_worker (cluster_t *self, int processes, const char *label, const char *name)
{
    return add_worker (self, self->endpoint, processes, label, name);
}

process_t *cluster_add_worker_at (cluster_t *self, const char *endpoint, int processes, const char *name)
{
    return add_worker (self, endpoint, processes, NULL, name);
}

void cluster_set_worker_arguments (cluster_t *self, const char *const arguments[])
{
    self->worker_arguments = arguments;
}

process_t *cluster_broker (cluster_t *self)
{
    return self->broker;
}

process_t *cluster_worker (cluster_t *self, size_t n)
{
    assert_true (n < self->n_workers);
    return self->workers[n];
}

void cluster_restart_broker (cluster_t *self)
{
    char bind[sizeof self->endpoint];
    process_signal (self->broker, SIGKILL);
    process_wait (self->broker);
    process_destroy (&self->broker);
    memcpy (bind, self->endpoint, sizeof bind);
    start_broker (self, bind);
}

char *cluster_log (cluster_t *self, int n)
{
    return read_text (log_path (self, n));
}

typedef struct awaited_s {
    cluster_t *cluster;
    const char *words;
} awaited_t;

static bool has_said (void *argument)
{
    awaited_t *self = argument;
    char *log = cluster_log (self->cluster, -1);
    bool has = strstr (log, self->words) != NULL;
    free (log);
    return has;
}

void cluster_await_words (cluster_t *self, const char *words)
{
    awaited_t awaited = { self, words };
    assert_true (wait_until (has_said, &awaited));
}

void cluster_destroy (cluster_t **self_p)
{
    cluster_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_workers; i++)
        process_destroy (&self->workers[i]);
    process_destroy (&self->broker);
    folder_destroy (&self->folder);
    free (self);
    *self_p = NULL;
}
