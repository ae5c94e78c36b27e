/* SPDX-License-Identifier: MPL-2.0 */
/*
 * tidy.h - memory that a burst of work has left with malloc goes back to the system, once little has been in
 * use for a while. malloc by itself gives back only what lies at the end of its heap.
 */
#ifndef DP_TIDY_H_INCLUDED
#define DP_TIDY_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

typedef struct dp_tidy_s { /* zeroed = nothing was in use */
    uint64_t most;         /* in use since it was tidied last, in bytes */
    int64_t low_since_ms;  /* little is in use since then; 0 = not so */
    bool is_malloc_left;   /* what malloc keeps is the program's own affair */
} dp_tidy_t;

/* As the environment has it: DPOOL_MALLOC_TRIM=off leaves malloc alone. To be called where a program begins
   to use us: other threads may change the environment at any time. */
dp_tidy_t dp_tidy_new (void);

/* So much is in use now, more or less. True = a burst has been over for a while: it is time for dp_tidy_up,
   and the next burst is waited for. */
bool dp_tidy_is_due (dp_tidy_t *self, int64_t now_ms, uint64_t bytes);

/* When to ask again, if nothing happens; DP_NEVER. */
int64_t dp_tidy_deadline_ms (const dp_tidy_t *self);

/* Have malloc give back all pages that are free, unless that is not wanted. Takes some milliseconds for each
   100 MiB; threads that allocate wait. */
void dp_tidy_up (const dp_tidy_t *self);

#endif
