/* SPDX-License-Identifier: MPL-2.0 */
/*
 * stage.h - all parties of a chaos run, what is to be done with them later, and what was seen to be wrong.
 */
#ifndef STAGE_H_INCLUDED
#define STAGE_H_INCLUDED

#include <stdio.h>

#include "tests/chaos/history.h"
#include "tests/chaos/party.h"

enum { STAGE_MAX_PARTIES = 6, STAGE_MAX_AGENDA = 256, STAGE_MAX_LEAVERS = 32 };

typedef struct stage_s stage_t;
typedef void (stage_action_t) (stage_t *self, party_t *party);

/* How many of each role. */
typedef struct stage_size_s {
    size_t n_brokers, n_workers, n_clients;
    int processes; /* of each worker */
    bool is_plain; /* all in this network, and straight to the brokers */
} stage_size_t;

/* To be done at a time. */
typedef struct appointment_s {
    int64_t at_us;
    stage_action_t *action;
    party_t *party;
} appointment_t;

/* A process that was asked to end, or killed: all of its tree must be gone soon. */
typedef struct leaver_s {
    process_t *process; /* NULL when it was killed */
    char name[24], tag[48];
    int64_t hurry_us; /* when it is asked a second time, which means: now */
    int64_t deadline_us;
} leaver_t;

struct stage_s {
    stage_size_t size;
    uint64_t seed;
    char folder[256];
    FILE *timeline;
    int64_t start_us;
    uint16_t ports[PARTY_MAX_BROKERS];
    party_t parties[N_ROLES][STAGE_MAX_PARTIES];
    unsigned n_client_processes;
    appointment_t agenda[STAGE_MAX_AGENDA];
    size_t n_agenda;
    leaver_t leavers[STAGE_MAX_LEAVERS];
    size_t n_leavers;
    history_t *history;
    unsigned n_complaints;
    int64_t gone_us; /* when the party that was restarted last had ended */
};

/* Make the parties, their proxies and, where possible, their namespaces in an existing folder; nothing is
   started. Finish it with stage_finish. */
void stage_init (stage_t *self, const stage_size_t *size, uint64_t seed, const char *folder);

/* Start all. */
void stage_start (stage_t *self);

/* Start the party's next process, unless it has one. */
void stage_revive (stage_t *self, party_t *party);

/* Kill its process and everything that belongs to it must vanish. */
void stage_kill (stage_t *self, party_t *party);

/* Ask a worker to drain, and start the next one at once. */
void stage_replace (stage_t *self, party_t *party);

/* Ask a broker to end, wait until it has, and start the next one at the same port. */
void stage_restart (stage_t *self, party_t *party);

/* Are processes leaving that were asked to, or killed? */
bool stage_has_leavers (const stage_t *self);

/* A line of the timeline. */
void stage_note (stage_t *self, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

/* Something is wrong with the product: told at once, and the run has failed. */
void stage_complain (stage_t *self, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

void stage_later (stage_t *self, int64_t delay_ms, stage_action_t *action, party_t *party);

/* Do what is due, look after those who leave, and see that all parties that should live do. */
void stage_turn (stage_t *self);

/* Let SIGINT and SIGTERM end the program in the next turn. */
void stage_take_signals (void);

/* Turn for so long. */
void stage_turn_for (stage_t *self, int64_t ms);

/* Do all that is planned, restart who is down, then let clients, workers and brokers end in this order, in
   bounded time. */
void stage_close (stage_t *self);

/* Say what everybody is doing: clients tell what they wait for, stacks and the ends of the logs. */
void stage_report (stage_t *self);

/* Kill all and free it. */
void stage_finish (stage_t *self);

#endif
