/* SPDX-License-Identifier: MPL-2.0 */
#include "net/lookup.h"

#include "core/memory.h"
#include "net/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MAX_HOST = 255, MAX_ADDRESSES = 8 };

/* Held by its owner and by its thread; the last of them frees it. */
struct dp_lookup_s {
    atomic_int n_holds, state;
    int fd;
    char host[MAX_HOST + 1];
    int port;
    size_t n_addresses;
    char addresses[MAX_ADDRESSES][INET6_ADDRSTRLEN];
};

/* ---- What is looked up ------------------------------------------------------------------------ */

/* The host and port of tcp://HOST:PORT; false when it is something else. */
static bool split (const char *endpoint, char host[MAX_HOST + 1], int *port)
{
    static const char scheme[] = "tcp://";
    if (strncmp (endpoint, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *start = endpoint + sizeof scheme - 1, *colon = strrchr (start, ':');
    size_t len = colon != NULL ? (size_t) (colon - start) : 0;
    if (len == 0 || len > MAX_HOST)
        return false;
    memcpy (host, start, len);
    host[len] = '\0';
    *port = dp_port_parse (colon + 1);
    return *port > 0;
}

static bool is_number (const char *host)
{
    uint8_t address[sizeof (struct in6_addr)];
    return inet_pton (AF_INET, host, address) == 1 || strpbrk (host, ":[]") != NULL;
}

bool dp_lookup_is_needed (const char *endpoint)
{
    char host[MAX_HOST + 1];
    int port;
    return split (endpoint, host, &port) && !is_number (host) && strpbrk (host, ";*/") == NULL;
}

bool dp_lookup_is_of (const dp_lookup_t *self, const char *endpoint)
{
    char host[MAX_HOST + 1];
    int port;
    return split (endpoint, host, &port) && port == self->port && strcmp (host, self->host) == 0;
}

/* ---- The thread -------------------------------------------------------------------------------- */

static void release (dp_lookup_t *self)
{
    if (atomic_fetch_sub (&self->n_holds, 1) > 1)
        return;
    close (self->fd);
    dp_free (self);
}

static void take_addresses (dp_lookup_t *self, const struct addrinfo *list, int family)
{
    for (const struct addrinfo *at = list; at != NULL && self->n_addresses < MAX_ADDRESSES;
         at = at->ai_next) {
        const void *address = &((const struct sockaddr_in *) (const void *) at->ai_addr)->sin_addr;
        if (at->ai_family != family)
            continue;
        if (family == AF_INET6)
            address = &((const struct sockaddr_in6 *) (const void *) at->ai_addr)->sin6_addr;
        if (inet_ntop (family, address, self->addresses[self->n_addresses], INET6_ADDRSTRLEN) != NULL)
            self->n_addresses++;
    }
}

static void *look_up (void *argument)
{
    dp_lookup_t *self = argument;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    if (getaddrinfo (self->host, NULL, &hints, &list) == 0) {
        take_addresses (self, list, AF_INET); /* first, since a broker listens there unless told otherwise */
        take_addresses (self, list, AF_INET6);
        freeaddrinfo (list);
    }
    atomic_store (&self->state, self->n_addresses > 0 ? LOOKUP_FOUND : LOOKUP_UNKNOWN);
    uint64_t one = 1;
    if (write (self->fd, &one, sizeof one) < 0)
        errno = 0; /* it cannot be full */
    release (self);
    return NULL;
}

/* Signals are for the program's own threads. */
static int start_thread (dp_lookup_t *self)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &old);
    atomic_store (&self->n_holds, 2);
    int code = pthread_create (&thread, NULL, look_up, self);
    pthread_sigmask (SIG_SETMASK, &old, NULL);
    if (code == 0)
        pthread_detach (thread);
    return code;
}

/* ---- Its owner's side --------------------------------------------------------------------------- */

dp_lookup_t *dp_lookup_new (const char *endpoint)
{
    dp_lookup_t *self = dp_alloc (sizeof *self);
    if (self == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    int code = EINVAL;
    self->fd = -1;
    if (split (endpoint, self->host, &self->port)) {
        self->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
        code = self->fd < 0 ? errno : start_thread (self);
    }
    if (code == 0)
        return self;
    if (self->fd >= 0)
        close (self->fd);
    dp_free (self);
    errno = code;
    return NULL;
}

void dp_lookup_drop (dp_lookup_t **self_p)
{
    if (*self_p != NULL)
        release (*self_p);
    *self_p = NULL;
}

int dp_lookup_fd (const dp_lookup_t *self)
{
    return self->fd;
}

dp_lookup_state_t dp_lookup_state (const dp_lookup_t *self)
{
    return (dp_lookup_state_t) atomic_load (&self->state);
}

void dp_lookup_endpoint (const dp_lookup_t *self, size_t n, char text[DP_LOOKUP_ENDPOINT_MAX])
{
    const char *address = self->addresses[n % self->n_addresses];
    bool is_6 = strchr (address, ':') != NULL;
    snprintf (text, DP_LOOKUP_ENDPOINT_MAX, "tcp://%s%s%s:%d", is_6 ? "[" : "", address, is_6 ? "]" : "",
              self->port);
}
