/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/chaos/party.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/chaos/tree.h"

#define MAX_ARGUMENTS 24

void party_init (party_t *self, party_role_t role, unsigned number)
{
    static const char *const names[N_ROLES] = { "broker", "worker", "client" };
    memset (self, 0, sizeof *self);
    self->role = role;
    self->number = number;
    snprintf (self->name, sizeof self->name, "%s-%u", names[role], number);
}

void party_route (party_t *self, const uint16_t *ports, size_t n_brokers)
{
    size_t length = 0;
    for (size_t i = 0; i < n_brokers; i++) {
        const char *host = self->netns ? netns_host (self->netns) : "127.0.0.1";
        uint16_t port = self->proxies[i] ? proxy_port (self->proxies[i]) : ports[i];
        length += (size_t) snprintf (self->endpoints + length, sizeof self->endpoints - length,
                                     "%stcp://%s:%u", i > 0 ? "," : "", host, port);
    }
}

void party_start (party_t *self, const char *const argv[], const char *folder)
{
    const char *full[MAX_ARGUMENTS + 1] = { NULL };
    char log[512];
    size_t n = 0;
    if (self->netns) {
        full[n++] = access ("/usr/sbin/ip", X_OK) == 0 ? "/usr/sbin/ip" : "/sbin/ip";
        full[n++] = "netns";
        full[n++] = "exec";
        full[n++] = netns_name (self->netns);
    }
    for (size_t i = 0; argv[i] && n < MAX_ARGUMENTS; i++)
        full[n++] = argv[i];
    snprintf (log, sizeof log, "%s/%s.log", folder, self->name);
    self->generation++;
    self->is_doomed = false;
    snprintf (self->tag, sizeof self->tag, "%ld.%s.%u.", (long) getpid (), self->name, self->generation);
    setenv (TREE_VARIABLE, self->tag, 1);
    self->process = process_new (full, log);
    self->state = PARTY_UP;
    unsetenv (TREE_VARIABLE);
}

void party_kill (party_t *self)
{
    process_destroy (&self->process);
    self->state = PARTY_DOWN;
}

void party_stop (party_t *self)
{
    process_signal (self->process, SIGSTOP);
    self->state = PARTY_STOPPED;
}

void party_continue (party_t *self)
{
    process_signal (self->process, SIGCONT);
    self->state = PARTY_UP;
}

void party_finish (party_t *self)
{
    party_kill (self);
    for (size_t i = 0; i < PARTY_MAX_BROKERS; i++)
        proxy_destroy (&self->proxies[i]);
    netns_destroy (&self->netns);
}
