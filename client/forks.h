/* SPDX-License-Identifier: MPL-2.0 */
/* forks.h - has the program forked since? */
#ifndef FORKS_H_INCLUDED
#define FORKS_H_INCLUDED

/* Counts the forks between the program's start and this process: differs in a forked child. */
unsigned forks_generation (void);

#endif
