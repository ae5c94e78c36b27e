/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/allowlist.h"

#include "core/error.h"
#include "core/memory.h"
#include "net/keys.h"

#include <czmq.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FUNCTIONS = 1024 };

/* The entry that is being read. */
typedef struct row_s {
    const char *path;
    access_entry_t entry;
    bool has_role;
    char *names; /* of the functions, which point into it */
    char *functions[MAX_FUNCTIONS];
} row_t;

#define WHERE "%s: '%s': "
#define PLACE row->path, row->entry.name

static int set_key (row_t *row, const char *value)
{
    if (!dp_key_is_valid (value))
        return dp_fail (EINVAL,
                        WHERE "key '%s' is no public key: it has 40 characters of Z85, and stands in quotes, "
                              "since a # in it would begin a comment",
                        PLACE, value);
    memcpy (row->entry.key, value, sizeof row->entry.key);
    return 0;
}

static int set_role (row_t *row, const char *value)
{
    row->entry.role = access_role_of (value);
    row->has_role = true;
    if (row->entry.role < ACCESS_ROLES)
        return 0;
    return dp_fail (EINVAL, WHERE "role '%s' is unknown: write client, worker, monitor or admin", PLACE,
                    value);
}

static int set_functions (row_t *row, const char *value)
{
    static const char between[] = ", \t";
    dp_free (row->names);
    row->names = dp_must_strdup (value);
    row->entry.n_functions = 0;
    char *rest = NULL;
    for (char *name = strtok_r (row->names, between, &rest); name != NULL;
         name = strtok_r (NULL, between, &rest)) {
        if (!dp_name_is_valid (name, strlen (name)))
            return dp_fail (EINVAL, WHERE "'%s' is no name of a function: 1 to 64 of A-Z a-z 0-9 _ . : -",
                            PLACE, name);
        if (row->entry.n_functions == MAX_FUNCTIONS)
            return dp_fail (EINVAL, WHERE "more than %d functions", PLACE, MAX_FUNCTIONS);
        row->functions[row->entry.n_functions++] = name;
    }
    if (row->entry.n_functions > 0)
        return 0;
    return dp_fail (EINVAL, WHERE "functions is empty: name some, or leave the line out to allow all", PLACE);
}

static int set_quota (row_t *row, const char *value)
{
    if (quota_read (&row->entry.quota, value) == 0)
        return 0;
    char *fault = dp_must_strdup (dpool_last_error ()->message);
    dp_fail (EINVAL, WHERE "%s", PLACE, fault);
    dp_free (fault);
    return -1;
}

static int set (row_t *row, const char *key, const char *value)
{
    static const struct {
        const char *key;
        int (*set) (row_t *row, const char *value);
    } settings[] = {
        { "key", set_key }, { "role", set_role }, { "functions", set_functions }, { "quota", set_quota }
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (strcmp (settings[i].key, key) == 0)
            return settings[i].set (row, value);
    return dp_fail (EINVAL, WHERE "unknown setting '%s': there are key, role, functions and quota", PLACE,
                    key);
}

static int read_row (row_t *row, zconfig_t *section, access_t *access)
{
    const char *name = zconfig_name (section);
    if (!dp_name_is_valid (name, strlen (name)))
        return dp_fail (EINVAL, "%s: '%s' is no name: use 1 to 64 of A-Z a-z 0-9 _ . : -", row->path, name);
    memcpy (row->entry.name, name, strlen (name) + 1);
    row->entry.functions = row->functions;
    for (zconfig_t *at = zconfig_child (section); at != NULL; at = zconfig_next (at))
        if (set (row, zconfig_name (at), zconfig_value (at)) < 0)
            return -1;
    if (row->entry.key[0] == '\0' || !row->has_role)
        return dp_fail (EINVAL, WHERE "%s is missing", PLACE, row->has_role ? "key" : "role");
    if (access_add (access, &row->entry) == 0)
        return 0;
    if (errno == ENOMEM)
        return dp_fail (ENOMEM, "no memory for the allowlist");
    return dp_fail (EINVAL, WHERE "its key is also that of '%s': give each its own", PLACE,
                    access_find (access, row->entry.key)->name);
}

static int read_rows (const char *path, zconfig_t *root, access_t *access)
{
    for (zconfig_t *at = zconfig_child (root); at != NULL; at = zconfig_next (at)) {
        row_t *row = dp_must_alloc (sizeof *row);
        memset (row, 0, sizeof *row);
        row->path = path;
        int rc = read_row (row, at, access);
        dp_free (row->names);
        dp_free (row);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* Whoever can write to it decides who is let in. */
static int check_file (const char *path)
{
    struct stat status;
    if (stat (path, &status) < 0)
        return dp_fail_errno ("cannot read the allowlist %s", path);
    if (!S_ISREG (status.st_mode))
        return dp_fail (EINVAL, "the allowlist %s is no file", path);
    if (status.st_uid != geteuid () && status.st_uid != 0)
        return dp_fail (EACCES, "the allowlist %s belongs to another user: take it over by chown", path);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return dp_fail (EACCES, "others can write to the allowlist %s: chmod go-w it", path);
    return 0;
}

access_t *allowlist_read (const char *path)
{
    if (check_file (path) < 0)
        return NULL;
    zconfig_t *root = zconfig_load (path);
    if (root == NULL) {
        dp_fail (EINVAL,
                 "the allowlist %s cannot be read: it has a section for each key, see dpool-broker.conf(5)",
                 path);
        return NULL;
    }
    access_t *access = access_new ();
    if (access == NULL)
        dp_fail (ENOMEM, "no memory for the allowlist");
    else if (read_rows (path, root, access) < 0)
        access_destroy (&access);
    zconfig_destroy (&root);
    return access;
}
