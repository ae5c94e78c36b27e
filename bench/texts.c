/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/texts.h"

#include "bench/die.h"
#include "bench/work.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static char folder[64];
static pid_t owner; /* forked processes leave the folder alone */

static void remove_folder (void)
{
    char path[512];
    if (getpid () != owner)
        return;
    for (int i = 0; i < N_TEXTS; i++) {
        work_text_path (folder, i, path, sizeof path);
        unlink (path);
    }
    rmdir (folder);
}

const char *texts_folder (void)
{
    const char *given = getenv ("BENCH_TEXTS");
    if (given || folder[0] != '\0')
        return given ? given : folder;
    snprintf (folder, sizeof folder, "/tmp/dpool-bench-XXXXXX");
    if (!mkdtemp (folder))
        die ("mkdtemp", strerror (errno));
    owner = getpid ();
    atexit (remove_folder);
    if (work_write_texts (folder) < 0)
        die (folder, strerror (errno));
    return folder;
}
