/* SPDX-License-Identifier: MPL-2.0 */
/*
 * doubled.h - the tasks that were started again though nothing was broken: workers came and went as they were
 * asked to, and so did brokers. A stricter judge than judge.h, for histories without faults.
 */
#ifndef DOUBLED_H_INCLUDED
#define DOUBLED_H_INCLUDED

#include "tests/chaos/history.h"

#include <stdio.h>

/* A broker that was replaced. */
typedef struct change_s {
    int64_t gone_us;  /* when it had ended, by the clock of records */
    bool is_released; /* the next one is of the last release */
} change_t;

typedef struct doubled_s {
    unsigned n, n_explained; /* tasks: a broken promise each, and those that their broker took along */
} doubled_t;

/* Tasks that crash by themselves are left out. The files at paths are those in which tasks note their starts
   and ends. The first that are counted in n are told in words. */
doubled_t doubled_count (const history_t *history, const char *const *paths, size_t n_paths,
                         const change_t *changes, size_t n_changes, FILE *out);

#endif
