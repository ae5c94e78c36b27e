/* SPDX-License-Identifier: MPL-2.0 */
/* dpool-broker - the program around broker.c: settings, signals, and the loop. */
#include "broker/allowlist.h"
#include "broker/broker.h"
#include "broker/config.h"
#include "broker/endpoint.h"
#include "broker/log.h"
#include "net/clock.h"
#include "net/context.h"
#include "net/segment.h"
#include "net/standard.h"
#include "service/notify.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum {
    DESCRIPTORS = 32, /* at least; and one a peer */
    DRAIN_MS = 1000   /* clients that do not answer are not waited for any longer */
};

static int complain (void)
{
    fprintf (stderr, "dpool-broker: %s\n", dpool_last_error ()->message);
    return -1;
}

/* Before any thread is there, so that all of them have the signals blocked and only the loop reads them. */
static int open_signals (void)
{
    sigset_t signals;
    sigemptyset (&signals);
    sigaddset (&signals, SIGTERM);
    sigaddset (&signals, SIGINT);
    sigaddset (&signals, SIGHUP);
    signal (SIGPIPE, SIG_IGN);
    sigprocmask (SIG_BLOCK, &signals, NULL);
    int fd = signalfd (-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        perror ("dpool-broker: signalfd");
    return fd;
}

/* All of it, or nothing: a list with a mistake in it changes nothing. */
static void read_allowlist_again (const config_t *config, broker_t *broker)
{
    char line[1024];
    if (config->allowlist == NULL) {
        log_line ("SIGHUP has no effect: settings are read at the start only, and there is no allowlist");
        return;
    }
    access_t *access = allowlist_read (config->allowlist);
    if (access == NULL) {
        snprintf (line, sizeof line, "the allowlist was NOT read again, the one before holds: %s",
                  dpool_last_error ()->message);
        log_line (line);
        return;
    }
    snprintf (line, sizeof line, "the allowlist was read again: %zu keys are let in", access_count (access));
    broker_admit (broker, &access);
    log_line (line);
}

/* Returns whether one of them asks for the end. */
static bool read_signals (int fd, const config_t *config, broker_t *broker)
{
    struct signalfd_siginfo signal_info;
    while (read (fd, &signal_info, sizeof signal_info) == (ssize_t) sizeof signal_info) {
        if (signal_info.ssi_signo != SIGHUP)
            return true;
        read_allowlist_again (config, broker);
    }
    return false;
}

static void announce (broker_t *broker)
{
    const char *endpoint;
    for (size_t i = 0; (endpoint = broker_endpoint (broker, i)) != NULL; i++)
        printf ("dpool-broker: listening on %s\n", endpoint);
    if (fflush (stdout) != 0 || ferror (stdout))
        log_line ("cannot write to stdout where the broker listens; it serves all the same");
}

/* A peer takes one descriptor, however it is bound. */
static void tell_capacity (void)
{
    char line[160];
    size_t limit = dp_standard_limit (), n_most = BROKER_MOST_PEERS;
    if (limit - DESCRIPTORS >= n_most)
        snprintf (line, sizeof line, "there is room for %zu connections", n_most);
    else
        snprintf (line, sizeof line,
                  "there is room for %zu connections, as %zu file descriptors are allowed (ulimit -n)",
                  limit - DESCRIPTORS, limit);
    log_line (line);
}

/* What --insecure allows shall not be forgotten. */
static void tell_openness (const config_t *config)
{
    char line[400];
    for (size_t i = 0; config->key_file == NULL && i < config->n_endpoints; i++)
        if (endpoint_check_privacy (config->endpoints[i]) < 0) {
            snprintf (line, sizeof line,
                      "there are no keys: whoever reaches %s can run what the workers offer, as their user",
                      config->endpoints[i]);
            log_line (line);
        }
}

/* Tell the supervisor how it is; it binds before the loop, so that it is ready in it. Returns when to do so
   again. */
static int64_t report (const broker_t *broker, int64_t now_ms)
{
    char status[128];
    scheduler_stats_t stats;
    broker_stats (broker, &stats);
    snprintf (status, sizeof status, "%ju workers, %ju clients, %ju tasks running, %ju queued",
              (uintmax_t) stats.n_workers, (uintmax_t) stats.n_sessions, (uintmax_t) stats.n_assigned,
              (uintmax_t) stats.n_queued);
    int wait_ms = notify_serving (status);
    return wait_ms > 0 ? now_ms + wait_ms : INT64_MAX;
}

/* Until a signal asks for the end, and what that takes has been done; a second one does not wait for it. 0,
   or -1 when ZeroMQ fails. */
static int run (const config_t *config, broker_t *broker, int signals)
{
    int64_t deadline_ms = 0, report_at_ms = 0, end_at_ms = INT64_MAX;
    bool is_over = false;
    while (!is_over) {
        int64_t now_ms = dp_clock_ms ();
        if (now_ms >= report_at_ms)
            report_at_ms = report (broker, now_ms);
        if (deadline_ms > report_at_ms)
            deadline_ms = report_at_ms;
        if (deadline_ms > end_at_ms)
            deadline_ms = end_at_ms;
        struct pollfd items[1 + BROKER_POLL] = { { signals, POLLIN, 0 } };
        size_t n_items = 1 + broker_poll (broker, items + 1);
        if (poll (items, n_items, dp_clock_until (deadline_ms, now_ms)) < 0 && errno != EINTR) {
            perror ("dpool-broker: poll");
            return -1;
        }
        broker_hear (broker, items + 1);
        if ((items[0].revents & POLLIN) != 0 && read_signals (signals, config, broker)) {
            notify_stopping ();
            broker_drain (broker);
            end_at_ms = end_at_ms == INT64_MAX ? now_ms + DRAIN_MS : now_ms;
        }
        deadline_ms = broker_turn (broker);
        is_over = end_at_ms != INT64_MAX && (broker_is_drained (broker) || dp_clock_ms () >= end_at_ms);
    }
    broker_shutdown (broker);
    return 0;
}

static int serve (const config_t *config, void *context, int signals)
{
    broker_config_t settings = { .endpoints = config->endpoints,
                                 .n_endpoints = config->n_endpoints,
                                 .is_quiet = config->log == CONFIG_LOG_ERRORS,
                                 .malloc_trim = config->malloc_trim,
                                 .log = log_line };
    settings.scheduler.name = config->name;
    settings.scheduler.max_payload_bytes = config->max_payload_bytes;
    settings.scheduler.memory_limit_bytes = config->memory_limit_bytes;
    settings.scheduler.no_worker_ms = config->no_worker_ms;
    settings.scheduler.quota = config->quota;
    dp_keys_t keys = { .server_key = "" };
    access_t *access = NULL;
    if (config->key_file != NULL) {
        if (dp_keys_load (&keys, config->key_file) < 0
            || (access = allowlist_read (config->allowlist)) == NULL)
            return complain ();
        settings.keys = &keys;
        settings.access_p = &access;
    }
    broker_t *broker = broker_new (context, &settings);
    explicit_bzero (&keys.secret_key, sizeof keys.secret_key);
    access_destroy (&access);
    if (broker == NULL)
        return complain ();
    if (config->key_file != NULL)
        printf ("dpool-broker: public key %s\n", keys.public_key);
    announce (broker);
    if (config->log != CONFIG_LOG_ERRORS) {
        tell_capacity ();
        tell_openness (config);
    }
    int rc = run (config, broker, signals);
    broker_destroy (&broker);
    return rc;
}

/* Large payloads come and go: their memory is used again, rather than fetched from the system for each, which
   takes longer than to copy one. 32 MiB is the most that malloc takes for it. */
static void keep_memory (void)
{
    enum { OWN_UP_TO = 32 << 20, KEEP = 64 << 20 };
    mallopt (M_MMAP_THRESHOLD, OWN_UP_TO);
    mallopt (M_TRIM_THRESHOLD, KEEP);
}

int main (int argc, char **argv)
{
    keep_memory ();
    if (dp_standard_fill () < 0)
        return EXIT_FAILURE;
    config_t *config = config_new ();
    if (config_read (config, argc, argv) < 0) {
        complain ();
        config_destroy (&config);
        return DP_USAGE_STATUS;
    }
    dp_segment_set_limit (config->shared_memory_mib);
    setvbuf (stdout, NULL, _IOLBF, 0);
    umask (077); /* an ipc endpoint is for this user only */
    int rc = -1;
    int signals = open_signals ();
    void *context = signals >= 0 && dp_standard_raise_limit (DESCRIPTORS) == 0 ? dp_context_new () : NULL;
    srandom ((unsigned) dp_random ()); /* ZeroMQ derives routing ids from it: they should not be guessable */
    if (context != NULL) {
        rc = serve (config, context, signals);
        zmq_ctx_term (context);
    } else if (signals >= 0)
        complain ();
    config_destroy (&config);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
