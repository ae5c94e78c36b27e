/* SPDX-License-Identifier: MPL-2.0 */
/*
 * attacker.h - a process that attacks as it is told. It takes at most an eighth of a CPU, since it shares
 * those that broker and honest peers run on, which a real attacker would not, and at most a sixth of what the
 * broker gets, so that it is no stronger where other programs leave that little. What it takes is told.
 */
#ifndef ATTACKER_H_INCLUDED
#define ATTACKER_H_INCLUDED

#include "tests/hostile/attack.h"

#include <sys/types.h>

typedef struct attacker_s attacker_t;

/* Before any thread is there. The scene's context is not set yet. Dies with this process. */
attacker_t *attacker_new (const scene_t *scene);
void attacker_destroy (attacker_t **self_p);

pid_t attacker_pid (const attacker_t *self);

/* Begin an attack, or (NULL) end it. Returns at once; what is told is done when the descriptor is readable:
   then take the answer, which is how often the attacker acted so far. */
void attacker_tell (attacker_t *self, const attack_t *attack, const victim_t *victim);
int attacker_fd (const attacker_t *self);
uint64_t attacker_take_answer (attacker_t *self);

#endif
