/* SPDX-License-Identifier: MPL-2.0 */
/* hand.h - a worker of a swarm: a real crew, whose children are this thread, and done as soon as they begin.
 */
#ifndef HAND_H_INCLUDED
#define HAND_H_INCLUDED

#include "tests/swarm/swarm.h"
#include "tests/swarm/tally.h"

#define HAND_FUNCTION "tally" /* which it offers: the result of a task of the tally */

typedef struct hand_s hand_t;

/* A worker with so many processes, that joins the swarm. id: 0 = a random one. */
hand_t *hand_new (swarm_t *swarm, tally_t *tally, size_t number, uint64_t id, size_t processes);
/* It is gone without a word. */
void hand_destroy (hand_t **self_p);

#endif
