/* SPDX-License-Identifier: MPL-2.0 */
/*
 * attack.h - what a peer may do to a broker that it should not, and the scene in which it does it. An attack
 * is a row of a table: to add one, write its functions and put it there.
 */
#ifndef ATTACK_H_INCLUDED
#define ATTACK_H_INCLUDED

#include "core/wire.h"
#include "net/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ATTACK_FUNCTION "lie" /* which attackers offer and ask for: nobody honest does */

/* What the honest are known by, where it is not secret from an attacker who has seen much. */
typedef struct victim_s {
    uint64_t session, worker; /* their ids */
    uint64_t first, last;     /* ids of the tasks that are under way */
} victim_t;

typedef enum { AS_STRANGER, AS_CLIENT, AS_WORKER, N_ROLES } attack_role_t;

/* An attacker's own world. Zeroed at each beginning but for what stands first. */
typedef struct scene_s {
    const char *endpoint, *ipc; /* where the broker listens: by tcp, and as a path */
    int port;
    pid_t broker;
    bool is_unpaced;                /* it never rests */
    const dp_keys_t *keys[N_ROLES]; /* NULL = nothing is encrypted; a stranger has a key that nobody knows */
    victim_t victim;
    void *context; /* of ZeroMQ */
    uint64_t random;
    /* from here on an attack's own: */
    int *fds; /* plain connections; -1 = closed */
    size_t n_fds, next_fd;
    void *client, *worker, *sockets[256];
    size_t n_sockets, next_socket;
    uint64_t n_acts, n_hellos;
    wire_run_t run; /* that its worker was given; attempt 0 = none so far */
    uint8_t *bytes;
    size_t n_bytes;
    void *mapped; /* memory that it offers; its descriptor is among fds */
    size_t n_mapped;
} scene_t;

typedef struct attack_s { /* zero members mean the default */
    const char *name;
    attack_role_t role;                                /* whose key it takes where there are keys */
    void (*begin) (scene_t *self, attack_role_t role); /* may be NULL */
    void (*act) (scene_t *self, attack_role_t role);   /* a small step, over and over */
    int most_per_s;                                    /* acts a second; as many as it has CPU time for */
    size_t most_mib;                                   /* by which the broker may grow while it goes on; 64 */
    size_t left_mib;   /* and from the first round to the fifth: what it keeps for a while; 24 */
    int least_percent; /* of their throughput that the honest keep; 80 */
    int n_descriptors; /* that the broker may have beyond what it has without it; as many as it likes */
    bool needs_keys;   /* without keys nobody is protected from it: whoever knows an id may use it */
} attack_t;

/* All of them; the end has no name. */
extern const attack_t attack_port_table[], attack_peer_table[], attack_worker_table[], attack_memory_table[];

/* ---- For attacks: scene.c ---- */

uint64_t scene_random (scene_t *self);

/* A plain TCP connection that does not block; -1 when it cannot be had now. */
int scene_tcp (const scene_t *self);
/* Write what can be written. False when the other side has hung up. */
bool scene_write (int fd, const void *bytes, size_t len);
/* Has the other side hung up? Reads what there is. */
bool scene_is_over (int fd);
/* Room for n plain connections, all closed. */
void scene_keep_fds (scene_t *self, size_t n);
/* The next of them, round and round: closed if the other side has, and opened if it is closed. Its place. */
int *scene_next_fd (scene_t *self, bool *is_new);
/* ZMTP's greeting and the handshake of a DEALER without keys, as one row of bytes. */
const uint8_t *scene_handshake (size_t *len);

/* A DEALER with the key of a role. Closed with the scene. */
void *scene_dealer (scene_t *self, attack_role_t role);
/* The next of up to n DEALERs, round and round: the one that was there is closed, and a new one opened. */
void *scene_next_dealer (scene_t *self, attack_role_t role, size_t n);
/* The same, of which every other one comes by the broker's path. */
void *scene_next_near_dealer (scene_t *self, attack_role_t role, size_t n);
/* Send all that stands in an outbox, without waiting: what cannot be sent is dropped. */
void scene_send (void *dealer, dp_outbox_t *out);
/* Say HELLO as a client, or as a worker that offers the attackers' function. id 0 = a new one. */
void scene_hello (scene_t *self, void *dealer, wire_role_t role, uint64_t id, uint64_t connection,
                  uint64_t processes);
/* Say HELLO as a new client of this machine (dp_machine), which is asked for memory then. */
void scene_hello_of (scene_t *self, void *dealer, uint64_t machine);
/* As a client: CLAIM nothing; as a worker: RUNS of nothing. */
void scene_list_nothing (void *dealer, wire_role_t role);
/* Read and throw away what has come. Returns how many messages. */
size_t scene_drain (void *dealer);
/* Submit n tasks of the attackers' function with payloads of so many bytes; ids from "first" on. */
void scene_submit (void *dealer, uint64_t first, size_t n, size_t payload);

/* Close and free all of an attack's own. */
void scene_clear (scene_t *self);

#endif
