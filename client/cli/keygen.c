/* SPDX-License-Identifier: MPL-2.0 */
/* keygen.c - dpool keygen: make a key, and say what the broker's allowlist needs of it. */
#include "client/cli/command.h"

#include "core/error.h"
#include "core/name.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct keygen_options_s {
    const char *name, *role;
} keygen_options_t;

/* A broker's key stands in nobody's allowlist. */
static const char *const roles[] = { "client", "worker", "monitor", "admin", "broker" };

enum { N_ROLES = sizeof roles / sizeof roles[0] };

static const struct argp_option options[] = {
    { "role", 'r', "ROLE", 0, "What it is for: client (the default), worker, monitor, admin or broker", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static bool is_role (const char *text)
{
    for (size_t i = 0; i < N_ROLES; i++)
        if (strcmp (roles[i], text) == 0)
            return true;
    return false;
}

static error_t take_option (int key, char *value, struct argp_state *state)
{
    keygen_options_t *taken = state->input;
    switch (key) {
    case 'r':
        if (!is_role (value))
            argp_error (state, "--role %s: write client, worker, monitor, admin or broker", value);
        taken->role = value;
        return 0;
    case ARGP_KEY_ARG:
        if (taken->name != NULL)
            argp_error (state, "unexpected argument '%s': one key at a time is made", value);
        /* A colon cannot stand in the allowlist's form. */
        if (!dp_name_is_valid (value, strlen (value)) || strchr (value, ':') != NULL)
            argp_error (state, "'%s' is no name: use 1 to %d of A-Z a-z 0-9 _ . -", value, DP_NAME_MAX);
        taken->name = value;
        return 0;
    case ARGP_KEY_END:
        if (taken->name == NULL)
            argp_error (state, "no name is given: say whose key it is");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A key that is there already is never written over: who uses it would be locked out. */
static int reserve (const char *path, mode_t mode)
{
    int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 && errno == EEXIST)
        return dp_fail (EEXIST, "%s is there already: choose another name, or remove it if nobody uses it",
                        path);
    if (fd < 0)
        return dp_fail_errno ("cannot write %s", path);
    close (fd);
    return 0;
}

static int write_files (zcert_t *certificate, const char *path, const char *public_path)
{
    if (reserve (path, 0600) < 0)
        return -1;
    if (reserve (public_path, 0644) < 0) {
        unlink (path);
        return -1;
    }
    if (zcert_save_secret (certificate, path) == 0 && zcert_save_public (certificate, public_path) == 0
        && chmod (path, 0600) == 0 && chmod (public_path, 0644) == 0)
        return 0;
    dp_fail_errno ("cannot write %s", path);
    unlink (path);
    unlink (public_path);
    return -1;
}

static void tell (const keygen_options_t *taken, const char *path, const char *public_path, const char *key)
{
    if (strcmp (taken->role, "broker") == 0) {
        printf (
            "# %s is the broker's key (--key-file). Clients and workers need %s, or the key itself:\n%s\n",
            path, public_path, key);
        return;
    }
    printf ("# %s is the key: keep it secret. The broker's allowlist needs:\n"
            "%s\n    key = \"%s\"\n    role = %s\n",
            path, taken->name, key, taken->role);
}

int command_keygen (int argc, char **argv)
{
    static const struct argp argp
        = { options,
            take_option,
            "NAME",
            "Make a key for NAME: NAME.key, which is secret, and NAME.pub, which is not. Prints what the "
            "broker's allowlist needs of it.",
            NULL,
            NULL,
            NULL };
    keygen_options_t taken = { NULL, "client" };
    char path[PATH_MAX], public_path[PATH_MAX];
    argp_parse (&argp, argc, argv, 0, NULL, &taken);
    snprintf (path, sizeof path, "%s.key", taken.name);
    snprintf (public_path, sizeof public_path, "%s.pub", taken.name);
    umask (077);
    zcert_t *certificate = zcert_new ();
    if (certificate == NULL) {
        dp_fail (ENOTSUP, "this libzmq was built without CURVE: install one that has it");
        return command_complain (argv[0]);
    }
    zcert_set_meta (certificate, "name", "%s", taken.name);
    zcert_set_meta (certificate, "role", "%s", taken.role);
    int rc = write_files (certificate, path, public_path);
    if (rc == 0)
        tell (&taken, path, public_path, zcert_public_txt (certificate));
    zcert_destroy (&certificate);
    return rc == 0 ? COMMAND_DONE : command_complain (argv[0]);
}
