/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/endpoint.h"

#include "core/error.h"
#include "core/memory.h"
#include "net/port.h"
#include "net/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#define MAX_ADDRESS 512

struct endpoint_s {
    char address[MAX_ADDRESS];
    char way[MAX_ADDRESS];
    char lock_path[sizeof ((struct sockaddr_un *) 0)->sun_path + 8]; /* "" = none */
    int lock;                                                        /* -1 = none */
    bool is_bound;
};

static bool has_scheme (const char *address, const char *scheme)
{
    return strncmp (address, scheme, strlen (scheme)) == 0;
}

/* ---- The lock of an ipc path ----------------------------------------------------------------- */

/* Whoever ends removes the file: a lock on a file that is not there any more guards nothing. */
static bool is_still_there (int fd, const char *path)
{
    struct stat opened, named;
    return fstat (fd, &opened) == 0 && stat (path, &named) == 0 && opened.st_ino == named.st_ino
           && opened.st_dev == named.st_dev;
}

static int take_lock (endpoint_t *self, const char *address)
{
    for (;;) {
        int fd = open (self->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
            return dp_fail (errno, "cannot listen on %s: its folder does not exist", address);
        if (fd < 0)
            return dp_fail_errno ("cannot listen on %s: cannot open %s", address, self->lock_path);
        if (flock (fd, LOCK_EX | LOCK_NB) < 0) {
            int code = errno;
            close (fd);
            errno = code;
            if (code != EWOULDBLOCK)
                return dp_fail_errno ("cannot listen on %s: cannot lock %s", address, self->lock_path);
            return dp_fail (
                EADDRINUSE,
                "%s is in use: another broker holds %s. Stop it, or choose another path with --bind", address,
                self->lock_path);
        }
        if (is_still_there (fd, self->lock_path)) {
            self->lock = fd;
            return 0;
        }
        close (fd);
    }
}

/* Paths only: names that begin with '@' are no files and cannot be stolen, "*" makes up a new path. */
static int lock_path (endpoint_t *self, const char *address)
{
    const char *path = address + strlen ("ipc://");
    const size_t longest = sizeof ((struct sockaddr_un *) 0)->sun_path - 1;
    if (*path == '\0')
        return dp_fail (EINVAL, "%s names no path: write ipc:///run/dpool/broker, for example", address);
    if (strlen (path) > longest)
        return dp_fail (ENAMETOOLONG,
                        "the path of %s has %zu bytes: a socket's may have %zu. Choose a shorter one",
                        address, strlen (path), longest);
    if (*path == '@' || strcmp (path, "*") == 0)
        return 0;
    struct stat named;
    if (lstat (path, &named) == 0 && !S_ISSOCK (named.st_mode)) /* ZeroMQ would remove it */
        return dp_fail (EEXIST, "cannot listen on %s: there is a file that is no socket", address);
    snprintf (self->lock_path, sizeof self->lock_path, "%s.lock", path);
    return take_lock (self, address);
}

/* ---- Binding --------------------------------------------------------------------------------- */

#define EXAMPLES                                                                          \
    "write tcp://HOST:PORT, such as tcp://127.0.0.1:5555 or tcp://*:5555, or ipc://PATH " \
    "(ports: 1 to 65535, or * for any)"

static int fail_bind (int code, const char *address)
{
    bool is_tcp = has_scheme (address, "tcp://");
    switch (code) {
    case EADDRINUSE:
        return dp_fail (code, "%s is in use: is another dpool-broker running? Choose another %s with --bind",
                        address, is_tcp ? "port" : "address");
    case EACCES:
    case EPERM:
        return dp_fail (code, "no permission to listen on %s: %s", address,
                        is_tcp ? "choose a port above 1023 with --bind"
                               : "see who may write into its folder");
    case EADDRNOTAVAIL:
    case ENODEV:
        return dp_fail (
            code,
            "%s is not an address of this machine: give one of its IP addresses or interfaces, or * for "
            "all (names of hosts are not looked up)",
            address);
    case ENOENT:
    case ENOTDIR:
        return dp_fail (code, "cannot listen on %s: its folder does not exist", address);
    case EINVAL:
        return dp_fail (code, "'%s' is no endpoint: %s", address, EXAMPLES);
    default:
        return dp_fail (code, "cannot listen on %s: %s", address, zmq_strerror (code));
    }
}

/* HOST:PORT. */
static bool is_tcp_valid (const char *address)
{
    const char *host = address + strlen ("tcp://"), *colon = strrchr (host, ':');
    if (colon == NULL || colon == host || (*host == '[' && colon[-1] != ']'))
        return false;
    return strcmp (colon + 1, "*") == 0 || dp_port_parse (colon + 1) >= 0;
}

/* IPv6 only where it is asked for, or IPv4 addresses would be told as [::ffff:…] and interfaces get IPv6
 * alone. */
static int bind_tcp (void *socket, const char *address)
{
    const char *host = address + strlen ("tcp://");
    bool is_any = strncmp (host, "*:", 2) == 0;
    int is_ipv6 = is_any || *host == '[';
    zmq_setsockopt (socket, ZMQ_IPV6, &is_ipv6, sizeof is_ipv6);
    int rc = zmq_bind (socket, address);
    if (rc < 0 && is_any && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)) { /* a machine without IPv6 */
        is_ipv6 = 0;
        zmq_setsockopt (socket, ZMQ_IPV6, &is_ipv6, sizeof is_ipv6);
        rc = zmq_bind (socket, address);
    }
    return rc;
}

int endpoint_check (const char *address)
{
    bool is_good = has_scheme (address, "tcp://") ? is_tcp_valid (address) : has_scheme (address, "ipc://");
    return is_good ? 0 : fail_bind (EINVAL, address);
}

static bool is_loopback (const char *host)
{
    static const char *const names[] = { "127.", "[::1]:", "lo:", "localhost:" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp (host, names[i], strlen (names[i])) == 0)
            return true;
    return false;
}

/* Whoever can write to the folder, or put another one in its place, can have a socket of his own there, which
   clients then take for the broker. */
static int check_folder (const char *address)
{
    const char *path = address + strlen ("ipc://");
    if (*path == '*')
        return 0;
    if (*path == '@')
        return dp_fail (
            EACCES,
            "%s can be reached by all users of this machine: give it a path in a folder of your own, or "
            "keys by --key-file and --allowlist, or say --insecure if that is meant",
            address);
    char what[MAX_ADDRESS + 128];
    snprintf (what, sizeof what, "others could put a socket of their own at %s", address);
    int rc = dp_trust_place (path, what,
                             "make a folder for it (mkdir -m 700), or say --insecure if that is meant");
    /* What cannot be looked at now is not bound later: others could have it flicker. */
    return rc == 0 || errno == EACCES ? rc : fail_bind (errno, address);
}

int endpoint_check_privacy (const char *address)
{
    if (has_scheme (address, "ipc://"))
        return check_folder (address);
    if (!has_scheme (address, "tcp://") || is_loopback (address + strlen ("tcp://")))
        return 0;
    return dp_fail (
        EACCES,
        "%s can be reached from other hosts, and whoever reaches a broker can run what its workers "
        "offer: give it keys by --key-file and --allowlist (dpool keygen makes them), or say --insecure "
        "in a network that you trust",
        address);
}

/* [::] can be bound, but not connected to, where IPv6 is switched off: ZeroMQ's take IPv4 too. */
static void find_way (endpoint_t *self)
{
    static const char *const all[] = { "tcp://[::]:", "tcp://0.0.0.0:" };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (has_scheme (self->address, all[i])) {
            snprintf (self->way, sizeof self->way, "tcp://127.0.0.1:%s", self->address + strlen (all[i]));
            return;
        }
    snprintf (self->way, sizeof self->way, "%s", self->address);
}

static int bind_socket (endpoint_t *self, void *socket, const char *address)
{
    bool is_ipc = has_scheme (address, "ipc://"), is_tcp = has_scheme (address, "tcp://");
    if (endpoint_check (address) < 0)
        return -1;
    if (is_ipc && lock_path (self, address) < 0)
        return -1;
    if ((is_tcp ? bind_tcp (socket, address) : zmq_bind (socket, address)) < 0)
        return fail_bind (errno, address);
    self->is_bound = true;
    size_t size = sizeof self->address;
    if (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, self->address, &size) < 0)
        snprintf (self->address, sizeof self->address, "%s", address);
    find_way (self);
    return 0;
}

endpoint_t *endpoint_bind (void *socket, const char *address)
{
    endpoint_t *self = dp_alloc (sizeof *self);
    if (self == NULL) {
        dp_fail (ENOMEM, "no memory for an endpoint");
        return NULL;
    }
    self->lock = -1;
    if (bind_socket (self, socket, address) < 0)
        endpoint_destroy (&self);
    return self;
}

void endpoint_destroy (endpoint_t **self_p)
{
    endpoint_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    int code = errno;
    if (self->lock >= 0) {
        if (self->is_bound)
            unlink (self->address + strlen ("ipc://")); /* ZeroMQ leaves it there */
        unlink (self->lock_path);
        close (self->lock);
    }
    dp_free (self);
    errno = code;
}

const char *endpoint_address (const endpoint_t *self)
{
    return self->address;
}

const char *endpoint_way (const endpoint_t *self)
{
    return self->way;
}
