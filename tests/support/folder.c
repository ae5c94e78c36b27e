/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/support/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PATHS 64

struct folder_s {
    char *root;
    char *paths[MAX_PATHS];
    size_t n_paths;
};

folder_t *folder_new (void)
{
    const char *parent = getenv ("TMPDIR");
    char root[4096];
    snprintf (root, sizeof root, "%s/dpool-test-XXXXXX", parent && *parent ? parent : P_tmpdir);
    folder_t *self = calloc (1, sizeof *self);
    if (!self || !mkdtemp (root) || !(self->root = strdup (root)))
        fail_msg ("no temporary folder %s: %s", root, strerror (errno));
    return self;
}

const char *folder_path (folder_t *self, const char *name)
{
    size_t start = strlen (self->root) + 1;
    for (size_t i = 0; i < self->n_paths; i++) {
        if (strcmp (self->paths[i] + start, name) == 0)
            return self->paths[i];
    }
    if (self->n_paths == MAX_PATHS)
        fail_msg ("a folder has room for %d names", MAX_PATHS);
    char *path = malloc (start + strlen (name) + 1);
    if (!path)
        fail_msg ("out of memory");
    sprintf (path, "%s/%s", self->root, name);
    self->paths[self->n_paths++] = path;
    return path;
}

void folder_destroy (folder_t **self_p)
{
    folder_t *self = *self_p;
    if (!self)
        return;
    DIR *stream = opendir (self->root);
    for (struct dirent *entry; stream && (entry = readdir (stream));) {
        if (entry->d_name[0] != '.')
            unlinkat (dirfd (stream), entry->d_name, 0);
    }
    if (stream)
        closedir (stream);
    rmdir (self->root);
    for (size_t i = 0; i < self->n_paths; i++)
        free (self->paths[i]);
    free (self->root);
    free (self);
    *self_p = NULL;
}
