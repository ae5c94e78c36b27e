/* SPDX-License-Identifier: MPL-2.0 */
/*
 * judge.h - reads a history and says whether the promise was kept: exactly one outcome for each task of a
 * client that lives, the right one, and no task run that may not be.
 */
#ifndef JUDGE_H_INCLUDED
#define JUDGE_H_INCLUDED

#include "tests/chaos/history.h"

#include <stdio.h>

typedef struct verdict_s {
    uint64_t n_tasks;     /* that have an outcome, or should */
    uint64_t n_forgiven;  /* whose client was killed before their outcome came */
    uint64_t n_starts;    /* of all */
    uint64_t n_again;     /* starts beyond the first of a task */
    uint64_t n_lost_once; /* at most once, and lost or crashed */
    uint64_t n_broken;    /* promises */
} verdict_t;

/* The first broken promises are told in words. */
verdict_t judge (const history_t *history, FILE *out);

#endif
