/* SPDX-License-Identifier: MPL-2.0 */
/* seeds.h - writes inputs for the fuzzers, in the form that fuzz.h reads. */
#ifndef SEEDS_H_INCLUDED
#define SEEDS_H_INCLUDED

#include "tests/fuzz/fuzz.h"

#include <stdio.h>

/* An input FOLDER/<target>/<name> that is being written. Says so and exits where it cannot be. */
FILE *seed_open (const char *target, const char *name);
void seed_close (FILE **self_p);

void seed_bytes (FILE *self, const void *data, size_t len);
void seed_step (FILE *self, unsigned step, unsigned who);
/* As fuzz_take_message reads it. */
void seed_message (FILE *self, const dp_outgoing_t *outgoing);
/* All that is in the outbox, each as a step of this peer. */
void seed_say (FILE *self, unsigned who, dp_outbox_t *out);

/* What is where the machines are: seeds_machines.c. */
void seeds_of_machines (void);

#endif
