/* SPDX-License-Identifier: MPL-2.0 */
#include "net/keys.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { KEY_BYTES = 32, MAX_FILE = 65536 };

bool dp_key_is_valid (const char *text)
{
    uint8_t bytes[KEY_BYTES];
    return strlen (text) == DP_KEY_LEN && zmq_z85_decode (bytes, text) != NULL;
}

/* ---- The file ------------------------------------------------------------------------------- */

/* The value of a line  name = "value"  of any section; ZPL's other forms do not occur in certificates. False
   when there is no such line, or no key in it. */
static bool find_key (const char *text, const char *name, dp_key_t key)
{
    size_t len = strlen (name);
    for (const char *line = text; line != NULL; line = strchr (line, '\n')) {
        line += strspn (line, "\n \t\r");
        if (strncmp (line, name, len) != 0)
            continue;
        const char *at = line + len + strspn (line + len, " \t");
        if (*at != '=')
            continue;
        at += 1 + strspn (at + 1, " \t\"'");
        if (strnlen (at, DP_KEY_LEN) < DP_KEY_LEN)
            return false;
        memcpy (key, at, DP_KEY_LEN);
        key[DP_KEY_LEN] = '\0';
        return strchr ("\"' \t\r\n", at[DP_KEY_LEN]) != NULL && dp_key_is_valid (key);
    }
    return false;
}

static int read_file (int fd, const char *path, char text[MAX_FILE + 1])
{
    size_t len = 0;
    ssize_t n;
    while ((n = read (fd, text + len, MAX_FILE - len)) != 0) {
        if (n < 0 && errno != EINTR)
            return dp_fail_errno ("cannot read the key file %s", path);
        len += n > 0 ? (size_t) n : 0;
        if (len == MAX_FILE)
            return dp_fail (EINVAL, "%s is no key file: it is too long", path);
    }
    text[len] = '\0';
    return 0;
}

/* Is what lies in the open file ours, and a secret, or at least what we were given? */
static int check_file (int fd, const char *path, bool is_secret)
{
    struct stat status;
    if (fstat (fd, &status) < 0)
        return dp_fail_errno ("cannot look at the key file %s", path);
    if (!S_ISREG (status.st_mode))
        return dp_fail (EINVAL, "%s is no key file: it is no file at all", path);
    if (status.st_uid != geteuid () && status.st_uid != 0)
        return dp_fail (EACCES, "the key file %s belongs to another user: take one of your own", path);
    if (is_secret && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return dp_fail (
            EACCES,
            "others can read or write the key file %s: chmod 600 it, or make a new key if somebody "
            "may have read it",
            path);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return dp_fail (EACCES,
                        "others can write to the key file %s, and put the key of a broker of their own "
                        "there: see that it is the right one, and chmod go-w it",
                        path);
    return 0;
}

static int load (const char *path, bool is_secret, dp_key_t public_key, dp_key_t secret_key)
{
    char text[MAX_FILE + 1];
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return dp_fail_errno ("cannot read the key file %s", path);
    int rc = check_file (fd, path, is_secret);
    if (rc == 0)
        rc = read_file (fd, path, text);
    int code = errno;
    close (fd);
    errno = code;
    if (rc < 0)
        return -1;
    if (!find_key (text, "public-key", public_key))
        rc = dp_fail (EINVAL, "%s is no key file: it has no public-key. Make one with: dpool keygen", path);
    else if (is_secret && !find_key (text, "secret-key", secret_key))
        rc = dp_fail (EINVAL, "%s holds no secret-key: give the file without .pub that dpool keygen wrote",
                      path);
    explicit_bzero (text, sizeof text);
    return rc;
}

int dp_keys_load (dp_keys_t *self, const char *path)
{
    dp_key_t derived;
    if (load (path, true, self->public_key, self->secret_key) < 0)
        return -1;
    if (zmq_curve_public (derived, self->secret_key) < 0)
        return dp_fail (ENOTSUP, "this libzmq was built without CURVE: install one that has it");
    if (strcmp (derived, self->public_key) != 0)
        return dp_fail (EINVAL, "the two keys in %s do not belong together: make new ones with dpool keygen",
                        path);
    return 0;
}

int dp_keys_load_server (dp_keys_t *self, const char *key_or_path)
{
    if (dp_key_is_valid (key_or_path)) {
        memcpy (self->server_key, key_or_path, sizeof self->server_key);
        return 0;
    }
    return load (key_or_path, false, self->server_key, NULL);
}

int dp_keys_load_both (dp_keys_t *self, const char *key_file, const char *server_key)
{
    if (key_file == NULL)
        return dp_fail (EINVAL, "a server key is given, but no key file of our own (key_file, --key-file, "
                                "DPOOL_KEY_FILE): make one with dpool keygen");
    if (server_key == NULL)
        return dp_fail (EINVAL,
                        "a key file is given, but not the broker's public key (server_key, --server-key, "
                        "DPOOL_SERVER_KEY): the broker tells it when it starts");
    return dp_keys_load (self, key_file) < 0 || dp_keys_load_server (self, server_key) < 0 ? -1 : 0;
}

/* ---- The socket ----------------------------------------------------------------------------- */

static int set_key (void *socket, int option, const dp_key_t key)
{
    return zmq_setsockopt (socket, option, key, DP_KEY_LEN + 1);
}

int dp_keys_apply (const dp_keys_t *self, void *socket)
{
    static const int is_server = 1;
    if (self->server_key[0] == '\0') {
        if (zmq_setsockopt (socket, ZMQ_CURVE_SERVER, &is_server, sizeof is_server) < 0)
            return -1;
        return set_key (socket, ZMQ_CURVE_SECRETKEY, self->secret_key);
    }
    if (set_key (socket, ZMQ_CURVE_PUBLICKEY, self->public_key) < 0
        || set_key (socket, ZMQ_CURVE_SECRETKEY, self->secret_key) < 0)
        return -1;
    return set_key (socket, ZMQ_CURVE_SERVERKEY, self->server_key);
}
