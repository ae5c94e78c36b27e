/* SPDX-License-Identifier: MPL-2.0 */
/* chaos - chaos tests with real processes, and measurements of how soon faults are noticed. */
#include "tests/chaos/chaos.h"
#include "tests/chaos/figures.h"
#include "tests/chaos/tree.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
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

static bool run (const options_t *options, const char *folder)
{
    char tag[32];
    size_t n_shared = count_shared ();
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
    return is_well && n_left == 0 && count_shared () <= n_shared;
}

static void tell_how_to_repeat (const options_t *options, const char *folder)
{
    printf ("FAILED. Logs: %s\nTo run it again: ./run chaos --seed %" PRIu64 " --brokers %u --tasks %" PRIu64
            " --rounds %u --gap %u%s%s%s\n",
            folder, options->seed, options->n_brokers, options->n_tasks, options->n_rounds, options->gap_ms,
            options->faults ? " --faults " : "", options->faults ? options->faults : "",
            options->has_figures ? " --figures" : "");
}

int main (int argc, char **argv)
{
    options_t options;
    char folder[200];
    struct rlimit no_core = { 0, 0 };
    const char *parent = getenv ("TMPDIR");
    options_read (&options, argc, argv);
    if (options.faults && strcmp (options.faults, "list") == 0) {
        chaos_list ();
        return EXIT_SUCCESS;
    }
    setvbuf (stdout, NULL, _IOLBF, 0);
    snprintf (folder, sizeof folder, "%s/dpool-chaos-XXXXXX", parent && *parent ? parent : "/tmp");
    if (!mkdtemp (folder)) {
        perror (folder);
        return EXIT_FAILURE;
    }
    setrlimit (RLIMIT_CORE, &no_core);
    tree_adopt ();
    unsetenv ("DPOOL_ENDPOINT");
    atexit (clean);
    stage_take_signals ();
    signal (SIGPIPE, SIG_IGN);
    printf ("chaos: seed %" PRIu64 ", logs in %s\n", options.seed, folder);
    if (!run (&options, folder)) {
        tell_how_to_repeat (&options, folder);
        return EXIT_FAILURE;
    }
    printf ("All is well.%s\n", options.keeps ? " The logs are kept." : "");
    if (!options.keeps)
        remove_folder (folder);
    return EXIT_SUCCESS;
}
