/* SPDX-License-Identifier: MPL-2.0 */
/* replay.c - feeds a fuzzer all files of the given folders, where there is no libFuzzer: what was found once
 * stays found. */
#include "tests/fuzz/fuzz.h"

#include "core/memory.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 1 << 20, MOST_PATH = 4096 };

/* False when the file cannot be read. */
static bool feed (const char *path)
{
    FILE *file = fopen (path, "re");
    if (file == NULL)
        return false;
    uint8_t *room = dp_must_alloc (MOST_BYTES);
    size_t len = fread (room, 1, MOST_BYTES, file);
    fclose (file);
    /* In memory of just its length, so that a checker of memory sees a read behind it. */
    uint8_t *input = dp_must_alloc (len);
    memcpy (input, room, len);
    dp_free (room);
    LLVMFuzzerTestOneInput (input, len);
    dp_free (input);
    return true;
}

/* Returns how many files it has; those that begin with a dot do not count. */
static size_t feed_all (const char *folder)
{
    size_t n = 0;
    DIR *entries = opendir (folder);
    if (entries == NULL)
        return 0;
    const struct dirent *entry;
    while ((entry = readdir (entries)) != NULL) {
        char path[MOST_PATH];
        snprintf (path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            n += feed (path);
    }
    closedir (entries);
    return n;
}

int main (int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        size_t n = feed_all (argv[i]);
        printf ("%s: %zu inputs\n", argv[i], n);
        if (n == 0)
            return 1; /* no folder, or no corpus in it: nothing was tested */
    }
    return 0;
}
