/* SPDX-License-Identifier: MPL-2.0 */
/*
 * orphans.h - what children leave behind, wherever it went (setsid): the zygote adopts it, so that it can end
 * it.
 *
 * The system hands a process whose parent has ended to the nearest one above that adopts. Whose it was is no
 * longer seen then. So each child bears a mark that all it starts inherits.
 */
#ifndef ORPHANS_H_INCLUDED
#define ORPHANS_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* In the zygote: from now on it adopts. False where the system cannot do that, or cannot list who was
 * adopted. */
bool orphans_adopt (void);

/* In a fresh child: bear this number, from 1 on. One that cannot be marked goes without. */
void orphans_mark (uint64_t number);

/* The number of the child from which a process descends. 0 = unknown: it has none, or has rid itself of it.
 */
uint64_t orphans_mark_of (pid_t pid);

/* The children of this process, adopted ones and such as have ended and were not reaped too: complete, as
   nobody leaves this row but by being reaped, and new ones come at its end. Valid until the next call; *n is
   their number. Before orphans_adopt there are none. */
const pid_t *orphans_list (size_t *n);

#endif
