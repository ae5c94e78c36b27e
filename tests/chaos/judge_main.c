/* SPDX-License-Identifier: MPL-2.0 */
/*
 * chaos-judge [--forgive CLIENT]... RECORDS... - judge the records that clients and runs have left in these
 * files, and print the verdict. Exit status: 0, or 1 when a promise is broken or no task was submitted.
 */
#include "tests/chaos/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main (int argc, char **argv)
{
    history_t *history = history_new ();
    for (int i = 1; i < argc; i++) {
        if (strcmp (argv[i], "--forgive") != 0)
            history_follow (history, argv[i]);
        else if (++i < argc)
            history_forgive (history, (unsigned) strtoul (argv[i], NULL, 10));
    }
    history_update (history);
    verdict_t verdict = judge (history, stdout);
    printf ("%" PRIu64 " tasks, %" PRIu64 " forgiven, %" PRIu64 " starts, %" PRIu64 " again, %" PRIu64
            " lost that may run once only, %" PRIu64 " promises broken\n",
            verdict.n_tasks, verdict.n_forgiven, verdict.n_starts, verdict.n_again, verdict.n_lost_once,
            verdict.n_broken);
    history_destroy (&history);
    return verdict.n_broken == 0 && verdict.n_tasks > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
