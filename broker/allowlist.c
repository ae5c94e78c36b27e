/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/allowlist.h"

#include "core/error.h"
#include "core/memory.h"
#include "net/keys.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FUNCTIONS = 1024, MAX_FILE = 16 << 20 };

/* The file, and how far it was read. ZPL's reader does not keep lines, but it gives what stands on them in
   their order, one thing a line. */
typedef struct list_s {
    const char *path, *rest; /* rest: of the text */
    size_t line;             /* from 1; of what was read last */
} list_t;

/* The entry that is being read. */
typedef struct row_s {
    list_t *list;
    access_entry_t entry;
    unsigned seen; /* a bit for each setting */
    char *functions[MAX_FUNCTIONS];
} row_t;

#define WHERE "%s:%zu: '%s': "
#define PLACE row->list->path, row->list->line, row->entry.name

/* Go on to the next line on which there is something. */
static void next_line (list_t *list)
{
    bool is_empty = true;
    while (is_empty && *list->rest != '\0') {
        const char *first = list->rest + strspn (list->rest, " \t\r"), *end = strchr (first, '\n');
        is_empty = strchr ("#\n", *first) != NULL; /* at the end, too */
        list->rest = end != NULL ? end + 1 : first + strlen (first);
        list->line++;
    }
}

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
    size_t n_before = row->entry.n_functions;
    for (const char *at = value + strspn (value, between); *at != '\0'; at += strspn (at, between)) {
        size_t len = strcspn (at, between);
        if (!dp_name_is_valid (at, len))
            return dp_fail (EINVAL, WHERE "'%.*s' is no name of a function: 1 to 64 of A-Z a-z 0-9 _ . : -",
                            PLACE, (int) (len < 100 ? len : 100), at);
        if (row->entry.n_functions == MAX_FUNCTIONS)
            return dp_fail (EINVAL, WHERE "more than %d functions", PLACE, MAX_FUNCTIONS);
        char *name = dp_must_alloc (len + 1);
        memcpy (name, at, len);
        name[len] = '\0';
        row->functions[row->entry.n_functions++] = name;
        at += len;
    }
    if (row->entry.n_functions > n_before)
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

static int set (row_t *row, zconfig_t *setting)
{
    const char *key = zconfig_name (setting);
    size_t i = 0;
    while (i < N_SETTINGS && strcmp (settings[i].key, key) != 0)
        i++;
    if (i == N_SETTINGS)
        return dp_fail (EINVAL, WHERE "unknown setting '%s': there are key, role, functions and quota", PLACE,
                        key);
    if ((row->seen & (1u << i)) != 0 && !settings[i].may_be_again)
        return dp_fail (EINVAL, WHERE "%s is given twice", PLACE, key);
    row->seen |= 1u << i;
    if (settings[i].set (row, zconfig_value (setting)) < 0)
        return -1;
    if (zconfig_child (setting) == NULL)
        return 0;
    next_line (row->list);
    return dp_fail (EINVAL, WHERE "%s has a setting of its own below it: indent all settings by four spaces",
                    PLACE, key);
}

static int read_row (row_t *row, zconfig_t *section, access_t *access)
{
    const char *name = zconfig_name (section);
    next_line (row->list);
    if (!dp_name_is_valid (name, strlen (name)))
        return dp_fail (EINVAL, "%s:%zu: '%.100s' is no name: use 1 to 64 of A-Z a-z 0-9 _ . -",
                        row->list->path, row->list->line, name);
    memcpy (row->entry.name, name, strlen (name) + 1);
    if (*zconfig_value (section) != '\0')
        return dp_fail (EINVAL,
                        WHERE "a name has no value: below it stand its settings, indented by four spaces",
                        PLACE);
    row->entry.functions = row->functions;
    for (zconfig_t *at = zconfig_child (section); at != NULL; at = zconfig_next (at)) {
        next_line (row->list);
        if (set (row, at) < 0)
            return -1;
    }
    if ((row->seen & (1u << KEY)) == 0 || (row->seen & (1u << ROLE)) == 0)
        return dp_fail (EINVAL, WHERE "%s is missing", PLACE,
                        (row->seen & (1u << KEY)) == 0 ? "key" : "role");
    if (access_add (access, &row->entry) == 0)
        return 0;
    if (errno == ENOMEM)
        return dp_fail (ENOMEM, "no memory for the allowlist");
    return dp_fail (EINVAL, WHERE "its key is also that of '%s': give each its own", PLACE,
                    access_find (access, row->entry.key)->name);
}

static int read_rows (list_t *list, zconfig_t *root, access_t *access)
{
    for (zconfig_t *at = zconfig_child (root); at != NULL; at = zconfig_next (at)) {
        row_t *row = dp_must_alloc (sizeof *row);
        memset (row, 0, sizeof *row);
        row->list = list;
        int rc = read_row (row, at, access);
        for (size_t i = 0; i < row->entry.n_functions; i++)
            dp_free (row->functions[i]);
        dp_free (row);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* ---- The file -------------------------------------------------------------------------------- */

/* Whoever can write to the open file decides who is let in. */
static int check_file (int fd, const char *path, size_t *size)
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
    if (status.st_size > MAX_FILE)
        return dp_fail (EFBIG, "the allowlist %s is too long: it may have %d MiB", path, MAX_FILE >> 20);
    *size = (size_t) status.st_size;
    return 0;
}

/* As it was when it was opened; what is appended meanwhile is read the next time. */
static char *read_text (int fd, const char *path, size_t size)
{
    char *text = dp_must_alloc (size + 1);
    size_t len = 0;
    ssize_t n = 1;
    while (n != 0 && len < size)
        if ((n = read (fd, text + len, size - len)) > 0)
            len += (size_t) n;
        else if (n < 0 && errno != EINTR)
            break;
    text[len] = '\0';
    if (n >= 0 && memchr (text, '\0', len) == NULL)
        return text;
    if (n < 0)
        dp_fail_errno ("cannot read the allowlist %s", path);
    else
        dp_fail (EINVAL, "the allowlist %s is no text", path);
    dp_free (text);
    return NULL;
}

static char *read_file (const char *path)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        dp_fail_errno ("cannot read the allowlist %s", path);
        return NULL;
    }
    size_t size = 0;
    char *text = check_file (fd, path, &size) < 0 ? NULL : read_text (fd, path, size);
    int code = errno;
    close (fd);
    errno = code;
    return text;
}

access_t *allowlist_read (const char *path)
{
    char *text = read_file (path);
    if (text == NULL)
        return NULL;
    zconfig_t *root = zconfig_str_load (text);
    access_t *access = root != NULL ? access_new () : NULL;
    list_t list = { path, text, 0 };
    if (root == NULL)
        dp_fail (EINVAL,
                 "the allowlist %s is not in ZPL's form: a name, and below it its settings, indented by four "
                 "spaces, see dpool-broker.conf(5); see above for the line",
                 path);
    else if (access == NULL)
        dp_fail (ENOMEM, "no memory for the allowlist");
    else if (read_rows (&list, root, access) < 0)
        access_destroy (&access);
    zconfig_destroy (&root);
    dp_free (text);
    return access;
}
