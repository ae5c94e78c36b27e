/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/allowlist.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/name.h"
#include "net/keys.h"
#include "service/zpl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FUNCTIONS = 1024 };

/* The entry that is being read. */
typedef struct row_s {
    const char *path;
    size_t line; /* that was read last */
    access_entry_t entry;
    char name[DP_NAME_MAX + 1]; /* "": no entry has begun */
    char *functions;            /* as in the entry; NULL = none yet */
    size_t functions_len, n_functions;
    unsigned seen;       /* a bit for each setting */
    const char *setting; /* the last one's key; NULL = none yet */
} row_t;

#define WHERE "%s:%zu: '%s': "
#define PLACE row->path, row->line, row->name

/* ---- An entry -------------------------------------------------------------------------------- */

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
    if (row->entry.role < ACCESS_ROLES)
        return 0;
    return dp_fail (EINVAL, WHERE "role '%s' is unknown: write client, worker, monitor or admin", PLACE,
                    value);
}

/* They may stand on several lines. */
static int set_functions (row_t *row, const char *value)
{
    static const char between[] = ", \t";
    size_t n_before = row->n_functions;
    /* Just as long as it takes: what holds them must not take more than their lines do. */
    row->functions = dp_must_realloc (row->functions, row->functions_len + strlen (value) + 2);
    for (const char *at = value + strspn (value, between); *at != '\0'; at += strspn (at, between)) {
        size_t len = strcspn (at, between);
        if (!dp_name_is_valid (at, len))
            return dp_fail (EINVAL, WHERE "'%.*s' is no name of a function: 1 to 64 of A-Z a-z 0-9 _ . : -",
                            PLACE, (int) (len < 100 ? len : 100), at);
        if (row->n_functions == MAX_FUNCTIONS)
            return dp_fail (EINVAL, WHERE "more than %d functions", PLACE, MAX_FUNCTIONS);
        memcpy (row->functions + row->functions_len, at, len);
        row->functions[row->functions_len + len] = '\0';
        row->functions_len += len + 1;
        row->n_functions++;
        at += len;
    }
    row->functions[row->functions_len] = '\0';
    if (row->n_functions > n_before)
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

static const struct {
    const char *key;
    int (*set) (row_t *row, const char *value);
    bool may_be_again;
} settings[] = {
    { "key", set_key, false },
    { "role", set_role, false },
    { "functions", set_functions, true },
    { "quota", set_quota, false },
};

enum { KEY, ROLE, N_SETTINGS = sizeof settings / sizeof settings[0] };

static int set (row_t *row, const char *key, const char *value)
{
    size_t i = 0;
    while (i < N_SETTINGS && strcmp (settings[i].key, key) != 0)
        i++;
    if (i == N_SETTINGS)
        return dp_fail (EINVAL, WHERE "unknown setting '%s': there are key, role, functions and quota", PLACE,
                        key);
    if ((row->seen & (1u << i)) != 0 && !settings[i].may_be_again)
        return dp_fail (EINVAL, WHERE "%s is given twice", PLACE, key);
    row->seen |= 1u << i;
    row->setting = settings[i].key;
    return settings[i].set (row, value);
}

static int begin_row (row_t *row, const char *name, const char *value)
{
    if (!dp_name_is_valid (name, strlen (name)))
        return dp_fail (EINVAL, "%s:%zu: '%.100s' is no name: use 1 to 64 of A-Z a-z 0-9 _ . -", row->path,
                        row->line, name);
    memcpy (row->name, name, strlen (name) + 1);
    if (*value != '\0')
        return dp_fail (EINVAL,
                        WHERE "a name has no value: below it stand its settings, indented by four spaces",
                        PLACE);
    return 0;
}

/* Begin anew. */
static void clear_row (row_t *row)
{
    dp_free (row->functions);
    *row = (row_t) { .path = row->path, .line = row->line };
}

/* The last one, if any, is complete. */
static int end_row (row_t *row, access_t *access)
{
    if (*row->name == '\0')
        return 0;
    if ((row->seen & (1u << KEY)) == 0 || (row->seen & (1u << ROLE)) == 0)
        return dp_fail (EINVAL, WHERE "%s is missing", PLACE,
                        (row->seen & (1u << KEY)) == 0 ? "key" : "role");
    row->entry.name = row->name;
    row->entry.functions = row->functions;
    if (access_add (access, &row->entry) == 0) {
        clear_row (row);
        return 0;
    }
    if (errno == ENOMEM)
        return dp_fail (ENOMEM, "no memory for the allowlist");
    return dp_fail (EINVAL, WHERE "its key is also that of '%s': give each its own", PLACE,
                    access_find (access, row->entry.key)->name);
}

static int read_line (row_t *row, access_t *access, const zpl_line_t *line)
{
    if (line->depth == 0 && end_row (row, access) < 0)
        return -1;
    row->line = line->number;
    if (line->depth == 0)
        return begin_row (row, line->name, line->value);
    if (line->depth == 1)
        return set (row, line->name, line->value);
    return dp_fail (EINVAL, WHERE "%s has a setting of its own below it: indent all settings by four spaces",
                    PLACE, row->setting);
}

static int read_lines (row_t *row, access_t *access, zpl_t *zpl)
{
    zpl_line_t line;
    const char *why;
    int n;
    while ((n = zpl_next (zpl, &line, &why)) > 0)
        if (read_line (row, access, &line) < 0)
            return -1;
    if (n == 0)
        return end_row (row, access);
    if (why != NULL)
        return dp_fail (EINVAL, "%s:%zu: %s", row->path, line.number, why);
    return dp_fail (EINVAL,
                    "%s:%zu: not in ZPL's form: a name, and below it its settings, indented by four spaces, "
                    "see dpool-broker.conf(5); what is wrong is printed above",
                    row->path, line.number);
}

/* ---- The file -------------------------------------------------------------------------------- */

/* Whoever can write to the open file decides who is let in. */
static int check_file (int fd, const char *path)
{
    struct stat status;
    if (fstat (fd, &status) < 0)
        return dp_fail_errno ("cannot read the allowlist %s", path);
    if (!S_ISREG (status.st_mode))
        return dp_fail (EINVAL, "the allowlist %s is no file", path);
    if (status.st_uid != geteuid () && status.st_uid != 0)
        return dp_fail (EACCES, "the allowlist %s belongs to another user: take it over by chown", path);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return dp_fail (EACCES, "others can write to the allowlist %s: chmod go-w it", path);
    return 0;
}

static FILE *open_file (const char *path)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        dp_fail_errno ("cannot read the allowlist %s", path);
        return NULL;
    }
    FILE *file = NULL;
    if (check_file (fd, path) == 0 && (file = fdopen (fd, "r")) == NULL)
        dp_fail_errno ("cannot read the allowlist %s", path);
    int code = errno;
    if (file == NULL)
        close (fd);
    errno = code;
    return file;
}

static int read_all (const char *path, FILE *file, access_t *access)
{
    zpl_t *zpl = zpl_new (file);
    if (zpl == NULL || access == NULL) {
        zpl_destroy (&zpl);
        return dp_fail (ENOMEM, "no memory for the allowlist");
    }
    row_t row = { .path = path };
    int rc = read_lines (&row, access, zpl);
    clear_row (&row);
    zpl_destroy (&zpl);
    return rc;
}

access_t *allowlist_read (const char *path)
{
    FILE *file = open_file (path);
    if (file == NULL)
        return NULL;
    access_t *access = access_new ();
    if (read_all (path, file, access) < 0)
        access_destroy (&access);
    fclose (file);
    return access;
}
