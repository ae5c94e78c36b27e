/* SPDX-License-Identifier: MPL-2.0 */
/*
 * party.h - a broker, a worker or a client of the chaos tests: a place where one process after another is
 * started, and the network between it and the brokers.
 */
#ifndef PARTY_H_INCLUDED
#define PARTY_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/chaos/netns.h"
#include "tests/chaos/proxy.h"
#include "tests/support/process.h"

enum { PARTY_MAX_BROKERS = 2 };

typedef enum { ROLE_BROKER, ROLE_WORKER, ROLE_CLIENT, N_ROLES } party_role_t;

typedef enum { PARTY_DOWN, PARTY_UP, PARTY_STOPPED } party_state_t;

typedef struct party_s {
    const char *build; /* the build folder that its next process comes from; NULL: this one */
    party_role_t role;
    unsigned number;    /* among those of its role */
    char name[24];      /* "worker-2" */
    char tag[48];       /* of its present process and all its descendants, see tree.h */
    process_t *process; /* NULL when down */
    party_state_t state;
    unsigned generation;                 /* counts its processes */
    unsigned client;                     /* a client's: what its tasks bear, another one for each process */
    proxy_t *proxies[PARTY_MAX_BROKERS]; /* between it and each broker; or NULL */
    netns_t *netns;                      /* where it lives; or NULL */
    bool is_doomed;                      /* its process will end by itself with status 1, and may */
    bool is_spoiled;                     /* its network is bad now */
    char endpoints[256];                 /* of its brokers, as it sees them; a broker's own */
} party_t;

/* Give it a name. */
void party_init (party_t *self, party_role_t role, unsigned number);

/* Tell where its brokers are, by their ports, through its proxies or out of its namespace. */
void party_route (party_t *self, const uint16_t *ports, size_t n_brokers);

/* Start argv (NULL-ended) there, with its stderr appended to folder/<name>.log. */
void party_start (party_t *self, const char *const argv[], const char *folder);

/* SIGKILL, and forget it. */
void party_kill (party_t *self);

/* SIGSTOP and SIGCONT. */
void party_stop (party_t *self);
void party_continue (party_t *self);

/* End its process if there is one, and free its network. */
void party_finish (party_t *self);

#endif
