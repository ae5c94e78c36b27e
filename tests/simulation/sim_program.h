/* SPDX-License-Identifier: MPL-2.0 */
/* sim_program.h - what a program does with the calls of its pool: makes them, feeds and takes from iterators,
   cancels, releases, and asks why. */
#ifndef SIM_PROGRAM_H_INCLUDED
#define SIM_PROGRAM_H_INCLUDED

#include "tests/simulation/sim_client.h"

/* It is time to look at a call_t: the run function of the call's event. */
void program_act (void *owner);

/* Draw from an imap's source as far as there is appetite; at its end, say so. */
void program_draw (sim_client_t *self, call_t *call);

/* Does an imap have something to take? */
bool program_has_result (const call_t *call);

/* Is there an answer to its question? */
void program_hear_answer (sim_client_t *self);

#endif
