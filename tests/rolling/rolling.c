/* SPDX-License-Identifier: MPL-2.0 */
/*
 * rolling RELEASED - two versions of dpool together: this build, and that of the last release in the folder
 * RELEASED. First every combination of client, broker and worker under a load that is judged; then workers
 * and broker are replaced one by one under load, by the other version and by the same.
 */
#include "tests/support/test.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/chaos/doubled.h"
#include "tests/chaos/judge.h"
#include "tests/chaos/record.h"
#include "tests/chaos/stage.h"
#include "tests/chaos/tree.h"

enum { N_WORKERS = 3, N_CLIENTS = 2, N_PROCESSES = 2, N_OUTCOMES = 400, STANDSTILL_S = 30, MAX_CHANGES = 8 };

static stage_t stage;
static bool has_stage;
static unsigned n_folders;

/* Of the brokers of this stage. */
static change_t changes[MAX_CHANGES];
static size_t n_changes;

static int remove_one (const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void) status, (void) kind, (void) place;
    return remove (path);
}

static void clean (void)
{
    if (has_stage)
        stage_finish (&stage);
    has_stage = false;
}

/* Everybody of this role comes from this build from the next start on. */
static void set_version (party_role_t role, const char *build)
{
    for (size_t i = 0; i < STAGE_MAX_PARTIES; i++)
        stage.parties[role][i].build = build;
}

static void prepare (const char *parent, size_t n_workers, size_t n_clients)
{
    char folder[240];
    stage_size_t size = { 1, n_workers, n_clients, N_PROCESSES, true };
    snprintf (folder, sizeof folder, "%s/%u", parent, n_folders++);
    if (mkdir (folder, 0700) < 0)
        fail_msg ("cannot make %s", folder);
    has_stage = true;
    n_changes = 0;
    stage_init (&stage, &size, n_folders, folder);
}

/* Until so many more tasks have an outcome. */
static bool await_outcomes (uint64_t n)
{
    history_update (stage.history);
    uint64_t aim = history_outcomes (stage.history) + n, seen = 0;
    int64_t moved_us = record_now_us ();
    while (history_outcomes (stage.history) < aim) {
        stage_turn_for (&stage, 20);
        history_update (stage.history);
        if (history_outcomes (stage.history) > seen)
            moved_us = record_now_us ();
        seen = history_outcomes (stage.history);
        if (record_now_us () > moved_us + STANDSTILL_S * 1000000ll) {
            stage_complain (&stage, "nothing went on for %d s", STANDSTILL_S);
            stage_report (&stage);
            return false;
        }
    }
    return true;
}

/* The longest time for which a client had no outcome, in milliseconds. */
static double longest_pause (void)
{
    int64_t longest_us = 0;
    for (unsigned client = 1; client <= stage.n_client_processes; client++) {
        char path[512];
        record_t record;
        int64_t last_us = 0;
        snprintf (path, sizeof path, "%s/client-%u.records", stage.folder, client);
        record_reader_t *reader = record_reader_new (path);
        while (record_read (reader, &record)) {
            if (record.kind != RECORD_OUTCOME)
                continue;
            if (last_us != 0 && record.at_us - last_us > longest_us)
                longest_us = record.at_us - last_us;
            last_us = record.at_us;
        }
        record_reader_destroy (&reader);
    }
    return (double) longest_us / 1e3;
}

/* may_lose: at-most-once tasks, and no others, may end as lost. */
static bool finish (const char *title, bool may_lose)
{
    char path[512];
    const char *paths[] = { path };
    snprintf (path, sizeof path, "%s/runs.records", stage.folder);
    stage_close (&stage);
    history_update (stage.history);
    verdict_t verdict = judge (stage.history, stdout);
    doubled_t doubled = doubled_count (stage.history, paths, 1, changes, n_changes, stdout);
    bool is_well = verdict.n_broken == 0 && (verdict.n_lost_once == 0 || may_lose) && doubled.n == 0
                   && stage.n_complaints == 0 && verdict.n_tasks > 0;
    printf ("%-34s %6" PRIu64 " tasks, %" PRIu64 " broken, %" PRIu64
            " at-most-once lost, %u doubled, %u started again with a new broker,"
            " longest pause %.0f ms, %.1f s: %s\n",
            title, verdict.n_tasks, verdict.n_broken, verdict.n_lost_once, doubled.n, doubled.n_explained,
            longest_pause (), (double) (record_now_us () - stage.start_us) / 1e6, is_well ? "well" : "WRONG");
    clean ();
    return is_well;
}

/* Each bit: this role is of the present version. */
static bool combine (const char *parent, const char *released, unsigned bits)
{
    char title[64];
    const char *const builds[] = { released, NULL };
    static const char *const names[] = { "old", "new" };
    unsigned client = bits >> 2 & 1, broker = bits >> 1 & 1, worker = bits & 1;
    prepare (parent, 2, 1);
    set_version (ROLE_CLIENT, builds[client]);
    set_version (ROLE_BROKER, builds[broker]);
    set_version (ROLE_WORKER, builds[worker]);
    stage_start (&stage);
    await_outcomes (N_OUTCOMES);
    snprintf (title, sizeof title, "client %s, broker %s, worker %s", names[client], names[broker],
              names[worker]);
    return finish (title, false);
}

/* One by one, each when the one before has left and work goes on. */
static bool replace_all (const char *build)
{
    set_version (ROLE_WORKER, build);
    set_version (ROLE_BROKER, build);
    for (size_t i = 0; i < N_WORKERS; i++) {
        stage_replace (&stage, &stage.parties[ROLE_WORKER][i]);
        do {
            if (!await_outcomes (N_OUTCOMES / 4))
                return false;
        } while (stage_has_leavers (&stage));
    }
    stage_note (&stage, "all workers are replaced, now the broker");
    stage_restart (&stage, &stage.parties[ROLE_BROKER][0]);
    if (n_changes < MAX_CHANGES)
        changes[n_changes++] = (change_t) { stage.gone_us, build != NULL };
    return await_outcomes (N_OUTCOMES);
}

static bool start (const char *parent, const char *build)
{
    prepare (parent, N_WORKERS, N_CLIENTS);
    for (int role = 0; role < N_ROLES; role++)
        set_version ((party_role_t) role, build);
    stage_start (&stage);
    return await_outcomes (N_OUTCOMES);
}

/* A broker of the last release just ends, and its clients would not know what another asks of them: nobody
   can know whether what it had may have started. */
static bool roll_the_old (const char *parent, const char *released)
{
    if (start (parent, released) && replace_all (NULL))
        replace_all (released);
    return finish ("old clients, rolled up and back", true);
}

/* A broker that is asked to end gives back what has not started, as a worker does: nothing is lost. */
static bool roll_the_new (const char *parent, const char *released)
{
    if (start (parent, NULL) && replace_all (NULL))
        replace_all (released);
    return finish ("new clients, restarted, rolled back", false);
}

int main (int argc, char **argv)
{
    struct rlimit no_core = { 0, 0 };
    char parent[200];
    const char *temporary = getenv ("TMPDIR");
    bool is_well = true;
    if (argc != 2 || access (argv[1], R_OK) < 0) {
        fprintf (stderr,
                 "usage: rolling RELEASED, the build folder of the last release (see ./run rolling)\n");
        return 2;
    }
    setvbuf (stdout, NULL, _IOLBF, 0);
    setrlimit (RLIMIT_CORE, &no_core);
    tree_adopt ();
    unsetenv ("DPOOL_ENDPOINT");
    atexit (clean);
    stage_take_signals ();
    snprintf (parent, sizeof parent, "%s/dpool-rolling-XXXXXX",
              temporary && *temporary ? temporary : P_tmpdir);
    if (!mkdtemp (parent)) {
        perror (parent);
        return EXIT_FAILURE;
    }
    printf ("rolling: logs in %s\n", parent);
    for (unsigned bits = 0; bits < 8; bits++)
        is_well = combine (parent, argv[1], bits) && is_well;
    is_well = roll_the_old (parent, argv[1]) && is_well;
    is_well = roll_the_new (parent, argv[1]) && is_well;
    if (is_well)
        nftw (parent, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
