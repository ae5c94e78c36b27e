/* SPDX-License-Identifier: MPL-2.0 */
/* worker_main.c - dpool_worker_main: a worker as a program of its own. */
#include "core/error.h"
#include "core/link.h"
#include "core/memory.h"
#include "net/clock.h"
#include "net/context.h"
#include "net/segment.h"
#include "net/standard.h"
#include "worker/limits.h"
#include "worker/worker.h"
#include "worker/worker_options.h"
#include "worker/zygote.h"

#include <dpool/function.h>
#include <dpool/worker.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

enum {
    STATUS_FAILED = 1,
    STATUS_USAGE = DP_USAGE_STATUS,
    DESCRIPTORS = 32, /* at least; and for each … */
    DESCRIPTORS_A_BROKER = 8,
    DESCRIPTORS_A_CHILD = 2
};

/* A reader of our stderr that has stopped reading must not stop the worker: then lines are lost. */
static void print_line (const char *line)
{
    struct pollfd item = { STDERR_FILENO, POLLOUT, 0 };
    char text[1100];
    int len = snprintf (text, sizeof text, "dpool-worker: %s\n", line);
    if (len > 0 && poll (&item, 1, 0) > 0 && write (STDERR_FILENO, text, (size_t) len) < 0)
        errno = 0;
}

static void complain (void)
{
    fprintf (stderr, "dpool-worker: %s\n", dpool_last_error ()->message);
}

/* From here on signals are read, in all threads that are still to come: ZeroMQ's too. */
static int catch_signals (void)
{
    sigset_t watched;
    sigemptyset (&watched);
    sigaddset (&watched, SIGTERM);
    sigaddset (&watched, SIGINT);
    sigaddset (&watched, SIGHUP);
    signal (SIGPIPE, SIG_IGN);
    sigprocmask (SIG_BLOCK, &watched, NULL);
    int fd = signalfd (-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : dp_fail_errno ("cannot read signals");
}

static void announce (const worker_options_t *options)
{
    const char *const *names;
    size_t n_names = zygote_functions (&names);
    int processes = options->processes > 0 ? options->processes : worker_usable_cpus ();
    if (options->is_quiet)
        return;
    printf ("dpool-worker: ready, %d process%s, function%s", processes, processes == 1 ? "" : "es",
            n_names == 1 ? "" : "s");
    for (size_t i = 0; i < n_names; i++)
        printf ("%s %s", i > 0 ? "," : "", names[i]);
    printf ("\n");
    fflush (stdout);
}

/* The first signal asks for an end when all is done, each further one for an end now. */
static void hear_signals (worker_t *worker, int signal_fd, unsigned *n_signals)
{
    struct signalfd_siginfo info;
    while (read (signal_fd, &info, sizeof info) == sizeof info)
        worker_drain (worker, (*n_signals)++ > 0);
}

/* What the supervisor hears, and when it is due to hear more. */
typedef struct reporter_s {
    int (*tell) (const dpool_worker_news_t *news); /* NULL: nobody listens */
    bool is_ready, is_stopping;                    /* and that was told */
    int64_t due_at_ms;
} reporter_t;

/* Returns when it is due the next time. */
static int64_t report (reporter_t *self, const worker_t *worker, bool is_stopping)
{
    dpool_worker_news_t news = { .phase = is_stopping ? DPOOL_WORKER_STOPPING : DPOOL_WORKER_READY };
    int64_t now_ms = dp_clock_ms ();
    if (self->tell == NULL)
        return DP_NEVER;
    bool is_new = is_stopping != self->is_stopping || !self->is_ready;
    if ((!is_new && now_ms < self->due_at_ms) || (!worker_tell (worker, &news) && !is_stopping))
        return self->due_at_ms;
    self->is_ready = true;
    self->is_stopping = is_stopping;
    int wait_ms = self->tell (&news);
    self->due_at_ms = wait_ms > 0 ? now_ms + wait_ms : DP_NEVER;
    return self->due_at_ms;
}

static int run (worker_t *worker, int signal_fd, const dpool_worker_host_t *host)
{
    size_t most = worker_poll_max (worker) + 1;
    struct pollfd *items = dp_must_alloc (most * sizeof *items);
    unsigned n_signals = 0;
    reporter_t reporter = { .tell = host->tell, .due_at_ms = DP_NEVER };
    int64_t deadline_ms = worker_turn (worker);
    while (!worker_is_gone (worker)) {
        int64_t report_at_ms = report (&reporter, worker, n_signals > 0);
        if (report_at_ms < deadline_ms)
            deadline_ms = report_at_ms;
        items[0] = (struct pollfd) { signal_fd, POLLIN, 0 };
        size_t n_items = 1 + worker_poll (worker, items + 1, most - 1);
        int rc = poll (items, n_items, dp_clock_until (deadline_ms, dp_clock_ms ()));
        if (rc < 0 && errno != EINTR) {
            dp_fail_errno ("cannot wait for messages");
            complain ();
            break;
        }
        if (rc > 0 && items[0].revents != 0)
            hear_signals (worker, signal_fd, &n_signals);
        if (rc > 0)
            worker_hear (worker, items + 1);
        deadline_ms = worker_turn (worker);
    }
    report (&reporter, worker, true);
    dp_free (items);
    if (worker_failure (worker) != NULL)
        fprintf (stderr, "dpool-worker: %s\n", worker_failure (worker));
    return worker_is_gone (worker) && worker_failure (worker) == NULL ? 0 : STATUS_FAILED;
}

/* With the zygote up. */
static int serve (const worker_options_t *options, const dpool_worker_host_t *host)
{
    /* Only now: neither the zygote nor the children, which run what a module brings, were born with them. */
    dp_keys_t keys;
    bool is_secure = options->key_file != NULL || options->server_key != NULL;
    if (is_secure && dp_keys_load_both (&keys, options->key_file, options->server_key) < 0) {
        complain ();
        return STATUS_USAGE;
    }
    const worker_config_t config = {
        .keys = is_secure ? &keys : NULL,
        .endpoints = options->endpoints.texts,
        .n_endpoints = options->endpoints.count,
        .processes = options->processes,
        .name = options->name,
        .labels = options->labels.texts,
        .n_labels = options->labels.count,
        .is_quiet = options->is_quiet,
        .log = print_line,
    };
    int status = STATUS_FAILED;
    int processes = options->processes > 0 ? options->processes : worker_usable_cpus ();
    size_t n_needed = DESCRIPTORS + options->endpoints.count * DESCRIPTORS_A_BROKER
                      + (size_t) processes * DESCRIPTORS_A_CHILD;
    if (dp_standard_raise_limit (n_needed) < 0) { /* not that of the children: the zygote is there */
        complain ();
        return status;
    }
    int signal_fd = catch_signals ();
    void *context = signal_fd >= 0 ? dp_context_new () : NULL;
    worker_t *worker = context != NULL ? worker_new (context, &config) : NULL;
    if (worker != NULL) {
        announce (options);
        status = run (worker, signal_fd, host);
    } else {
        complain ();
        status = errno == EINVAL ? STATUS_USAGE : STATUS_FAILED;
    }
    explicit_bzero (&keys, sizeof keys);
    worker_destroy (&worker);
    if (context != NULL)
        zmq_ctx_term (context);
    if (signal_fd >= 0)
        close (signal_fd);
    return status;
}

int dpool_worker_main_with (int argc, char **argv, const dpool_worker_host_t *given)
{
    dpool_worker_host_t all = DPOOL_WORKER_HOST_INIT, *host = &all;
    memcpy (host, given, given->size < sizeof *host ? given->size : sizeof *host);
    worker_options_t options;
    const char *const *names;
    int status = STATUS_FAILED;
    if (dp_standard_fill () < 0)
        return STATUS_FAILED;
    if (worker_options_read (&options, argc, argv, host->read_settings) < 0) {
        complain ();
        worker_options_fini (&options);
        return STATUS_USAGE;
    }
    dp_segment_set_limit (options.shared_memory_mib);
    limits_set (&(limits_t) { true, options.task_memory_bytes, options.task_cpu_s });
    /* The zygote comes first: it must be forked before there is any thread or ZeroMQ context. */
    if (zygote_start (options.modules.texts, options.modules.count) < 0)
        complain ();
    else if (zygote_functions (&names) == 0) {
        fprintf (
            stderr,
            "dpool-worker: there is no function to offer: name a module that has some with --module FILE\n");
        status = STATUS_USAGE;
    } else
        status = serve (&options, host);
    worker_options_fini (&options);
    return status;
}

int dpool_worker_main (int argc, char **argv)
{
    return dpool_worker_main_with (argc, argv, &(dpool_worker_host_t) DPOOL_WORKER_HOST_INIT);
}
