/* SPDX-License-Identifier: MPL-2.0 */
/* chaos - chaos tests with real processes, and measurements of how soon faults are noticed. */
#include "tests/chaos/chaos.h"
#include "tests/chaos/figures.h"
#include "tests/chaos/tree.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static stage_t stage;
static bool has_stage;

/* Also when a helper of the tests gives up: no process and no network of ours stays. */
static void clean (void)
{
    if (has_stage)
        stage_finish (&stage);
    has_stage = false;
}

/* How many names there are in /dev/shm: nothing of ours may stay there. */
static size_t count_shared (void)
{
    size_t n = 0;
    DIR *stream = opendir ("/dev/shm");
    while (stream && readdir (stream))
        n++;
    if (stream)
        closedir (stream);
    return n;
}

static void remove_folder (const char *folder)
{
    DIR *stream = opendir (folder);
    for (struct dirent *entry; stream && (entry = readdir (stream));) {
        if (entry->d_name[0] != '.')
            unlinkat (dirfd (stream), entry->d_name, 0);
    }
    if (stream)
        closedir (stream);
    rmdir (folder);
}

/* In a folder of its own, which stays when something is wrong. */
static bool run (const options_t *options)
{
    char tag[32], folder[200];
    const char *parent = getenv ("TMPDIR");
    size_t n_shared = count_shared ();
    snprintf (folder, sizeof folder, "%s/dpool-chaos-XXXXXX", parent && *parent ? parent : P_tmpdir);
    if (!mkdtemp (folder)) {
        perror (folder);
        return false;
    }
    printf ("chaos: seed %" PRIu64 ", %u broker%s, logs in %s\n", options->seed, options->n_brokers,
            options->n_brokers == 1 ? "" : "s", folder);
    has_stage = true;
    bool is_well
        = options->has_figures ? figures_run (&stage, options, folder) : chaos_run (&stage, options, folder);
    clean ();
    tree_bury ();
    snprintf (tag, sizeof tag, "%ld.", (long) getpid ());
    size_t n_left = tree_find (tag, NULL, NULL, 0);
    if (n_left > 0)
        printf ("WRONG: %zu processes are left\n", n_left);
    if (count_shared () > n_shared)
        printf ("WRONG: something is left in /dev/shm\n");
    is_well = is_well && n_left == 0 && count_shared () <= n_shared;
    if (is_well && !options->keeps)
        remove_folder (folder);
    return is_well;
}

static void tell_how_to_repeat (const options_t *options)
{
    printf ("FAILED: see the logs. To run it again: ./run chaos --seed %" PRIu64
            " --brokers %u --tasks %" PRIu64 " --rounds %u --gap %u%s%s%s\n",
            options->seed, options->n_brokers, options->n_tasks, options->n_rounds, options->gap_ms,
            options->faults ? " --faults " : "", options->faults ? options->faults : "",
            options->has_figures ? " --figures" : "");
}

static bool run_one (const options_t *options)
{
    bool is_well = run (options);
    if (!is_well)
        tell_how_to_repeat (options);
    return is_well;
}

/* With one broker, and with two: half of the tasks and of the rounds each. */
static bool run_both (options_t options)
{
    bool is_well = true;
    options.n_tasks /= 2;
    options.n_rounds = (options.n_rounds + 1) / 2;
    for (options.n_brokers = 1; options.n_brokers <= PARTY_MAX_BROKERS && is_well; options.n_brokers++)
        is_well = run_one (&options);
    return is_well;
}

int main (int argc, char **argv)
{
    options_t options;
    struct rlimit no_core = { 0, 0 };
    options_read (&options, argc, argv);
    if (options.faults && strcmp (options.faults, "list") == 0) {
        chaos_list ();
        return EXIT_SUCCESS;
    }
    setvbuf (stdout, NULL, _IOLBF, 0);
    setrlimit (RLIMIT_CORE, &no_core);
    tree_adopt ();
    unsetenv ("DPOOL_ENDPOINT");
    atexit (clean);
    stage_take_signals ();
    bool is_well = options.n_brokers == 0 ? run_both (options) : run_one (&options);
    if (is_well)
        printf ("All is well.\n");
    return is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
