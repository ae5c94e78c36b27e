/* SPDX-License-Identifier: MPL-2.0 */
/* asker.h - a client of a swarm: a real session, which has the tasks of a tally done and checks them. */
#ifndef ASKER_H_INCLUDED
#define ASKER_H_INCLUDED

#include "tests/swarm/swarm.h"
#include "tests/swarm/tally.h"

typedef struct asker_s asker_t;

/* The client of this number in the tally joins the swarm, as the session "id"; 0 = a random one. */
asker_t *asker_new (swarm_t *swarm, const tally_t *tally, size_t number, uint64_t id);
/* It says BYE first. */
void asker_destroy (asker_t **self_p);

/* Submit its next n tasks, one by one in tasks of the protocol. Not before those of the last time are done.
 */
void asker_submit (asker_t *self, size_t n);

/* Has all that was submitted its result? */
bool asker_is_done (const asker_t *self);

/* The processes of all workers, as its broker says; 0 while it is not connected. */
size_t asker_processes (const asker_t *self);

/* How many of its results were errors, or not what they should be. */
size_t asker_n_wrong (const asker_t *self);

/* How many results it has. */
size_t asker_n_results (const asker_t *self);

/* How often its connection broke. */
size_t asker_n_broken (const asker_t *self);

/* How many messages it has received. */
uint64_t asker_n_received (const asker_t *self);

#endif
