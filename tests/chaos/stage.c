/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/chaos/stage.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/chaos/record.h"
#include "tests/chaos/tree.h"

#define ANNOUNCEMENT "dpool-broker: listening on "

/* ---- Words ----------------------------------------------------------------------------------- */

static void say (stage_t *self, FILE *out, const char *mark, const char *format, va_list arguments)
{
    fprintf (out, "%8.3f %s", (double) (record_now_us () - self->start_us) / 1e6, mark);
    vfprintf (out, format, arguments);
    fputc ('\n', out);
    fflush (out);
}

void stage_note (stage_t *self, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    say (self, self->timeline, "", format, arguments);
    va_end (arguments);
}

void stage_complain (stage_t *self, const char *format, ...)
{
    va_list arguments;
    self->n_complaints++;
    va_start (arguments, format);
    say (self, stdout, "WRONG: ", format, arguments);
    va_end (arguments);
    va_start (arguments, format);
    say (self, self->timeline, "WRONG: ", format, arguments);
    va_end (arguments);
}

/* ---- The parties ----------------------------------------------------------------------------- */

/* A port that is free now. */
static uint16_t find_port (void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
    socklen_t len = sizeof address;
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind (fd, (struct sockaddr *) &address, len) < 0
        || getsockname (fd, (struct sockaddr *) &address, &len) < 0)
        abort ();
    close (fd);
    return ntohs (address.sin_port);
}

/* Every second of a role goes through proxies, every third lives in a namespace. */
static void place (stage_t *self, party_t *party, unsigned *n_namespaces)
{
    const char *reason = NULL;
    if (party->number % 3 == 1 && !self->size.is_plain) {
        for (size_t i = 0; i < self->size.n_brokers; i++)
            party->proxies[i] = proxy_new (self->ports[i]);
    }
    if (party->number % 3 == 2 && !self->size.is_plain) {
        party->netns = netns_new (++*n_namespaces, &reason);
        if (!party->netns)
            printf ("%s stays in this network, there will be no partitions of it: %s\n", party->name, reason);
    }
    party_route (party, self->ports, self->size.n_brokers);
}

static size_t size_of_role (const stage_t *self, int role)
{
    const size_t sizes[N_ROLES] = { self->size.n_brokers, self->size.n_workers, self->size.n_clients };
    return sizes[role];
}

void stage_init (stage_t *self, const stage_size_t *size, uint64_t seed, const char *folder)
{
    char path[512];
    unsigned n_namespaces = 0;
    memset (self, 0, sizeof *self);
    self->size = *size;
    self->seed = seed;
    self->start_us = record_now_us ();
    snprintf (self->folder, sizeof self->folder, "%s", folder);
    snprintf (path, sizeof path, "%s/timeline.log", folder);
    self->timeline = fopen (path, "we");
    if (!self->timeline)
        fail_msg ("cannot write %s", path);
    snprintf (path, sizeof path, "%s/runs.records", folder);
    setenv ("DPOOL_CHAOS_RUNS", path, 1);
    self->history = history_new ();
    history_follow (self->history, path);
    for (size_t i = 0; i < size->n_brokers; i++)
        self->ports[i] = find_port ();
    for (int role = 0; role < N_ROLES; role++) {
        for (unsigned i = 0; i < size_of_role (self, role); i++) {
            party_t *party = &self->parties[role][i];
            party_init (party, (party_role_t) role, i);
            if (role != ROLE_BROKER)
                place (self, party, &n_namespaces);
        }
    }
}

/* Where a program or a module of the party's version is. */
static const char *find_built (const party_t *party, const char *rest, const char *own, char path[512])
{
    if (!party->build)
        return own;
    snprintf (path, 512, "%s/%s", party->build, rest);
    return path;
}

/* It listens for this host and for each namespace. */
static void start_broker (stage_t *self, party_t *party)
{
    char endpoints[2 * STAGE_MAX_PARTIES + 1][64], line[256], path[512];
    const char *program = find_built (party, "bin/dpool-broker", DPOOL_BIN_DIR "/dpool-broker", path);
    const char *argv[9 + 2 * (2 * STAGE_MAX_PARTIES + 1)]
        = { program, "--name", party->name, "--no-worker-timeout", "never", "--memory-limit", "64M" };
    size_t n = 7, n_endpoints = 0;
    snprintf (endpoints[n_endpoints++], sizeof endpoints[0], "tcp://127.0.0.1:%u",
              self->ports[party->number]);
    for (int role = ROLE_WORKER; role < N_ROLES; role++) {
        for (size_t i = 0; i < size_of_role (self, role); i++) {
            if (self->parties[role][i].netns)
                snprintf (endpoints[n_endpoints++], sizeof endpoints[0], "tcp://%s:%u",
                          netns_host (self->parties[role][i].netns), self->ports[party->number]);
        }
    }
    if (n_endpoints > 1) /* a release before the keys does not know this, and is seen on this host only */
        argv[n++] = "--insecure";
    for (size_t i = 0; i < n_endpoints; i++) {
        argv[n++] = "--bind";
        argv[n++] = endpoints[i];
    }
    party_start (party, argv, self->folder);
    for (size_t i = 0; i < n_endpoints; i++) {
        if (!process_read_line (party->process, line, sizeof line)
            || strncmp (line, ANNOUNCEMENT, strlen (ANNOUNCEMENT)) != 0)
            fail_msg ("%s does not listen, see %s/%s.log", party->name, self->folder, party->name);
    }
}

/* Until it says so it may not yet take signals as it should. */
static void await_ready (const stage_t *self, party_t *party)
{
    char line[4096];
    if (!process_read_line (party->process, line, sizeof line))
        fail_msg ("%s does not start, see %s/%s.log", party->name, self->folder, party->name);
}

static void start_worker (stage_t *self, party_t *party)
{
    char processes[16], program[512], module[512];
    const char *const argv[]
        = { find_built (party, "bin/dpool-worker", DPOOL_BIN_DIR "/dpool-worker", program),
            "--name",
            party->name,
            "--module",
            find_built (party, "modules/libchaoswork.so", DPOOL_MODULE_DIR "/libchaoswork.so", module),
            "--processes",
            processes,
            party->endpoints,
            NULL };
    snprintf (processes, sizeof processes, "%d", self->size.processes);
    party_start (party, argv, self->folder);
    await_ready (self, party);
}

static void start_client (stage_t *self, party_t *party)
{
    char number[16], seed[32], log[512], path[512];
    const char *program = find_built (party, "tests/chaos/chaos-client", DPOOL_CHAOS_CLIENT, path);
    const char *const argv[] = { program, party->endpoints, number, seed, log, NULL };
    party->client = ++self->n_client_processes;
    snprintf (number, sizeof number, "%u", party->client);
    snprintf (seed, sizeof seed, "%" PRIu64, self->seed + party->client * 1000003u);
    snprintf (log, sizeof log, "%s/client-%u.records", self->folder, party->client);
    history_follow (self->history, log);
    party_start (party, argv, self->folder);
    await_ready (self, party);
}

void stage_revive (stage_t *self, party_t *party)
{
    static void (*const starters[N_ROLES]) (stage_t *, party_t *)
        = { [ROLE_BROKER] = start_broker, [ROLE_WORKER] = start_worker, [ROLE_CLIENT] = start_client };
    if (party->process)
        return;
    starters[party->role](self, party);
    stage_note (self, "%s is process %ld", party->name, (long) process_pid (party->process));
}

void stage_start (stage_t *self)
{
    for (int role = 0; role < N_ROLES; role++) {
        for (size_t i = 0; i < size_of_role (self, role); i++)
            stage_revive (self, &self->parties[role][i]);
    }
}

void stage_finish (stage_t *self)
{
    for (int role = 0; role < N_ROLES; role++) {
        for (size_t i = 0; i < STAGE_MAX_PARTIES; i++)
            party_finish (&self->parties[role][i]);
    }
    for (size_t i = 0; i < self->n_leavers; i++)
        process_destroy (&self->leavers[i].process);
    self->n_leavers = 0;
    history_destroy (&self->history);
    if (self->timeline)
        fclose (self->timeline);
    self->timeline = NULL;
}
