/* SPDX-License-Identifier: MPL-2.0 */
/* stage_report.c - what everybody is doing when nothing goes on. */
#include "tests/chaos/stage.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/chaos/tree.h"

enum { MAX_STACKS = 64, ANSWER_S = 3 };

/* Those of brokers, workers and clients, whoever still lives. */
static void write_stacks (const stage_t *self, const char *tag)
{
    char line[512];
    pid_t pids[MAX_STACKS];
    size_t n = tree_find (tag, NULL, pids, MAX_STACKS);
    for (size_t i = 0; i < n && i < MAX_STACKS; i++) {
        snprintf (line, sizeof line,
                  "timeout 20 gdb -p %ld -batch -nx -ex 'thread apply all backtrace' > %s/stack-%ld.txt 2>&1",
                  (long) pids[i], self->folder, (long) pids[i]);
        if (system (line) != 0)
            return;
    }
    printf ("stacks: %s/stack-*.txt\n", self->folder);
}

static void show_end (const stage_t *self, const char *name)
{
    char line[512];
    printf ("---- the end of %s.log:\n", name);
    fflush (stdout);
    snprintf (line, sizeof line, "tail -n 12 %s/%s.log", self->folder, name);
    if (system (line) != 0)
        printf ("(none)\n");
}

void stage_report (stage_t *self)
{
    char tag[32];
    snprintf (tag, sizeof tag, "%ld.client-", (long) getpid ());
    pid_t pids[STAGE_MAX_PARTIES];
    size_t n = tree_find (tag, NULL, pids, STAGE_MAX_PARTIES);
    for (size_t i = 0; i < n && i < STAGE_MAX_PARTIES; i++)
        kill (pids[i], SIGUSR1);
    nanosleep (&(struct timespec) { ANSWER_S, 0 }, NULL);
    for (int role = 0; role < N_ROLES; role++) {
        for (size_t i = 0; i < STAGE_MAX_PARTIES; i++) {
            if (self->parties[role][i].generation > 0)
                show_end (self, self->parties[role][i].name);
        }
    }
    snprintf (tag, sizeof tag, "%ld.", (long) getpid ());
    if (system ("command -v gdb > /dev/null") == 0)
        write_stacks (self, tag);
}
