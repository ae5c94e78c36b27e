/* SPDX-License-Identifier: MPL-2.0 */
/* worker_internal.h - the members of worker_t, shared by worker.c (brokers, the turn) and worker_places.c
 * (children). */
#ifndef WORKER_INTERNAL_H_INCLUDED
#define WORKER_INTERNAL_H_INCLUDED

#include "net/connection.h"
#include "worker/crew.h"
#include "worker/place.h"
#include "worker/worker.h"
#include "worker/zygote.h"

typedef struct worker_broker_s {
    char *endpoint;
    dp_connection_t *connection;
    bool is_broken;     /* and the crew was told */
    bool is_heard;      /* a message came on this connection */
    bool is_complained; /* the log says that it cannot be reached */
} worker_broker_t;

struct worker_s {
    crew_t *crew;
    worker_broker_t *brokers;
    size_t n_brokers;
    zygote_client_t *zygote;
    int epoll_fd; /* of all descriptors of children, and of the zygote's reports */
    bool is_epoll_ready;
    dp_arena_t *arena; /* where long arguments lie for the children; NULL = nowhere */
    place_t **places;
    size_t n_places;
    uint64_t oom_kills;     /* of the kernel's, those that were told of a child */
    size_t next_to_speak;   /* the place whose stderr is passed on first */
    bool is_stderr_blocked; /* ours: then those of the children are left alone */
    const char *failure;
    bool is_quiet;
    void (*log) (const char *line);
};

/* One line for the operator. */
void worker_log (worker_t *self, const char *format, ...) DPOOL_PRINTF (2, 3);

/* ---- Children: worker_places.c -------------------------------------------------------------- */

/* Take in what children and zygote have sent, and tell the crew. */
void worker_hear_places (worker_t *self, int64_t now_ms);

/* Carry out an action that concerns a place. */
void worker_start_child (worker_t *self, int64_t now_ms, size_t number, const crew_session_t *session);
void worker_hand (worker_t *self, const crew_action_t *action);
void worker_take_back (worker_t *self, int64_t now_ms, const crew_action_t *action);
void worker_flag (worker_t *self, const crew_action_t *action);
void worker_signal (worker_t *self, size_t number, int signal_number);
void worker_end_child (worker_t *self, size_t number);

/* Write what is due to the children. */
void worker_flush_places (worker_t *self, int64_t now_ms);

/* Before waiting: ask to be woken. Returns when to go on at the latest, now_ms where there is something
 * already. */
int64_t worker_watch_places (worker_t *self, int64_t now_ms);

void worker_destroy_places (worker_t *self);

#endif
