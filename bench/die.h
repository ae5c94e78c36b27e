/* SPDX-License-Identifier: MPL-2.0 */
/* die.h - a measurement that fails ends the program, and with it all processes that it started. */
#ifndef BENCH_DIE_H_INCLUDED
#define BENCH_DIE_H_INCLUDED

#include <stdio.h>
#include <stdlib.h>

static inline _Noreturn void die (const char *what, const char *why)
{
    fprintf (stderr, "bench: %s: %s\n", what, why);
    exit (1);
}

#endif
