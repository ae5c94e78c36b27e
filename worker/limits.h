/* SPDX-License-Identifier: MPL-2.0 */
/* limits.h - what children may do and use. Set before the zygote is forked, so that all children have them.
 */
#ifndef LIMITS_H_INCLUDED
#define LIMITS_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

typedef struct limits_s {
    bool is_confined; /* no new privileges by what they execute, no core files, and nothing that outlives them
                       */
    uint64_t memory_bytes; /* of address space beyond what a fresh child has; 0 = no limit */
    uint64_t cpu_s;        /* of CPU time for each item; 0 = no limit */
} limits_t;

/* Those of all children from now on. The embedded pool sets none: its children are the program itself. */
void limits_set (const limits_t *given);
bool limits_are_confining (void);

/* In a fresh child, once it has mapped its memory. 0, or -1 with errno where the system refuses one. */
int limits_enter (void);

/* In a child, before each item. */
void limits_renew (void);

#endif
