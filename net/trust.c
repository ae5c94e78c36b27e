/* SPDX-License-Identifier: MPL-2.0 */
#include "net/trust.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_ours (const struct stat *status)
{
    return status->st_uid == 0 || status->st_uid == geteuid ();
}

/* What is not done because of whom, and what to do: "module X is not loaded", and where else to put it. */
typedef struct complaint_s {
    const char *what, *advice;
} complaint_t;

static int check_owner (const complaint_t *complaint, const char *at, const struct stat *status)
{
    if (is_ours (status))
        return 0;
    return dp_fail (EACCES, "%s: %s belongs to user %u, who could change it: %s", complaint->what, at,
                    (unsigned) status->st_uid, complaint->advice);
}

static int check_mode (const complaint_t *complaint, const char *at, const struct stat *status)
{
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return 0;
    return dp_fail (EACCES, "%s: others can write to %s. Forbid it (chmod go-w %s), or %s", complaint->what,
                    at, at, complaint->advice);
}

/* Who can write to the folder that something lies in can put another one there. Of those above it that is not
   so where they are sticky, as /tmp is: what is in it can be renamed only by its owner; and not of that
   folder itself either where it is known that what lies there is ours. */
static int check_folders (const complaint_t *complaint, const char *resolved, bool is_known)
{
    char folder[PATH_MAX + 2];
    snprintf (folder, sizeof folder, "%s", resolved);
    for (bool is_first = true;; is_first = false) {
        char *slash = strrchr (folder, '/');
        if (slash == NULL)
            return 0;
        slash[slash == folder ? 1 : 0] = '\0';
        struct stat status;
        if (stat (folder, &status) < 0)
            return dp_fail_errno ("%s: cannot look at %s", complaint->what, folder);
        if (check_owner (complaint, folder, &status) < 0)
            return -1;
        bool is_sticky = (!is_first || is_known) && (status.st_mode & S_ISVTX) != 0;
        if (!is_sticky && check_mode (complaint, folder, &status) < 0)
            return -1;
        if (slash == folder)
            return 0;
    }
}

/* A path that is being followed, name by name, as the kernel does. */
typedef struct walk_s {
    char at[PATH_MAX]; /* so far, without links; "" = the root */
    char rest[PATH_MAX];
    unsigned n_links;
} walk_t;

/* Whose link it is, and who can put another one in its place, says where the path leads. */
static int follow (walk_t *self, const complaint_t *complaint, const char *link, const struct stat *status)
{
    enum { MOST_LINKS = 40 };
    char target[PATH_MAX], behind[PATH_MAX];
    if (check_owner (complaint, link, status) < 0 || check_folders (complaint, link, true) < 0)
        return -1;
    ssize_t len = readlink (link, target, sizeof target - 1);
    if (len < 0)
        return dp_fail_errno ("%s: cannot look at %s", complaint->what, link);
    target[len] = '\0';
    memcpy (behind, self->rest, sizeof behind);
    int n = snprintf (self->rest, sizeof self->rest, "%s/%s", target, behind);
    if (++self->n_links > MOST_LINKS || n < 0 || (size_t) n >= sizeof self->rest)
        return dp_fail (ELOOP, "%s: there are too many links on the way over %s", complaint->what, link);
    if (target[0] == '/')
        self->at[0] = '\0';
    return 0;
}

static int step (walk_t *self, const complaint_t *complaint, const char *name)
{
    char next[2 * PATH_MAX];
    struct stat status;
    if (name[0] == '\0' || strcmp (name, ".") == 0)
        return 0;
    if (strcmp (name, "..") == 0) {
        char *slash = strrchr (self->at, '/');
        if (slash != NULL)
            *slash = '\0';
        return 0;
    }
    int n = snprintf (next, sizeof next, "%s/%s", self->at, name);
    if (lstat (next, &status) < 0)
        return dp_fail_errno ("%s: cannot look at %s", complaint->what, next);
    if (S_ISLNK (status.st_mode))
        return follow (self, complaint, next, &status);
    if (n < 0 || (size_t) n >= sizeof self->at)
        return dp_fail (ENAMETOOLONG, "%s: the path is too long", complaint->what);
    memcpy (self->at, next, (size_t) n + 1);
    return 0;
}

static int walk (const complaint_t *complaint, const char *folder, char resolved[PATH_MAX])
{
    walk_t self = { .n_links = 0 };
    if (folder[0] != '/' && getcwd (self.at, sizeof self.at) == NULL)
        return dp_fail_errno ("%s: cannot look at the folder of this program", complaint->what);
    if (strcmp (self.at, "/") == 0)
        self.at[0] = '\0';
    snprintf (self.rest, sizeof self.rest, "%s", folder);
    while (self.rest[0] != '\0') {
        char name[PATH_MAX];
        size_t len = strcspn (self.rest, "/"), end = len + (self.rest[len] == '/');
        memcpy (name, self.rest, len);
        name[len] = '\0';
        memmove (self.rest, self.rest + end, strlen (self.rest + end) + 1);
        if (step (&self, complaint, name) < 0)
            return -1;
    }
    memcpy (resolved, self.at, sizeof self.at);
    return 0;
}

int dp_trust_place (const char *path, const char *what, const char *advice)
{
    char folder[PATH_MAX], resolved[PATH_MAX];
    const complaint_t complaint = { what, advice };
    const char *slash = strrchr (path, '/');
    snprintf (folder, sizeof folder, "%.*s", slash != NULL ? (int) (slash - path) + 1 : 1,
              slash != NULL ? path : ".");
    if (walk (&complaint, folder, resolved) < 0)
        return -1;
    char place[PATH_MAX + 2];
    snprintf (place, sizeof place, "%s/.", resolved); /* something that lies in it */
    return check_folders (&complaint, place, false);
}

/* Where the open file lies. Of one that was removed meanwhile the kernel's answer is no path. */
static int resolve (const char *path, int fd, const struct stat *opened, char resolved[PATH_MAX])
{
    char link[64];
    struct stat named;
    snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink (link, resolved, PATH_MAX - 1);
    if (len < 0)
        return dp_fail_errno ("cannot load module %s: cannot find out where it lies", path);
    resolved[len] = '\0';
    if (resolved[0] == '/' && stat (resolved, &named) == 0 && named.st_dev == opened->st_dev
        && named.st_ino == opened->st_ino)
        return 0;
    return dp_fail (EACCES, "module %s is not loaded: it was moved or removed meanwhile", path);
}

static int check (const char *path, int fd, char resolved[PATH_MAX])
{
    struct stat opened;
    if (fstat (fd, &opened) < 0)
        return dp_fail_errno ("cannot load module %s", path);
    if (!S_ISREG (opened.st_mode))
        return dp_fail (EINVAL, "cannot load module %s: it is no file", path);
    char what[PATH_MAX + 64];
    snprintf (what, sizeof what, "module %s is not loaded", path);
    const complaint_t complaint = { what, "copy the module to a folder of root's or of the worker's user" };
    if (check_owner (&complaint, path, &opened) < 0 || check_mode (&complaint, path, &opened) < 0
        || resolve (path, fd, &opened, resolved) < 0)
        return -1;
    return check_folders (&complaint, resolved, false);
}

static int fail_to_open (const char *path)
{
    if (errno == ENOENT)
        return dp_fail (ENOENT, "cannot load module %s: there is no such file", path);
    if (errno == EACCES)
        return dp_fail (EACCES,
                        "cannot load module %s: it may not be read, or a folder on the way to it may not be "
                        "entered",
                        path);
    return dp_fail_errno ("cannot load module %s", path);
}

int dp_trust_file (const char *path, char resolved[PATH_MAX])
{
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail_to_open (path);
    int rc = check (path, fd, resolved);
    int code = errno;
    close (fd);
    errno = code;
    return rc;
}
