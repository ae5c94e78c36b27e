/* SPDX-License-Identifier: MPL-2.0 */
/*
 * walks.h - the main program of a test that walks at random, seed by seed. A walk that fails names its seed;
 *
 *   <program> [<first seed> [<how many> [tell]]]
 *
 * walks it again, and with a third argument tells each step. DPOOL_TEST_WALKS in the environment bounds how
 * many there are where nothing is given, for tools that make all slow.
 */
#ifndef WALKS_H_INCLUDED
#define WALKS_H_INCLUDED

#include <stdbool.h>

/* The seed of the present walk, and whether it shall tell its steps. */
extern unsigned long walk_seed;
extern bool walk_is_loud;

/* Walk n seeds, from 1 on unless the program's arguments say something else, as a test of that name. Returns
   the exit status of the program. */
int run_walks (int argc, char **argv, const char *name, unsigned long n, void (*walk) (void));

#endif
