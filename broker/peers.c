/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/peers.h"

#include "core/list.h"
#include "core/map.h"
#include "core/memory.h"
#include "net/clock.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#define MAX_FD (1 << 20)

typedef struct entry_s {
    dp_map_node_t by_connection, by_id; /* by_id: only the first of those with equal keys is in the map */
    struct entry_s *next_same;          /* another routing id with an equal key */
    dp_list_t in_strangers;
    struct entry_s *next_on_fd, *previous_on_fd;
    uint64_t connection;
    int64_t met_at_ms;
    int fd; /* -1 = unknown */
    char owner[PEERS_OWNER + 1];
    dp_sharing_t *sharing;
    uint64_t sharer;
    size_t len;
    uint8_t id[];
} entry_t;

struct peers_s {
    dp_map_t by_connection, by_id;
    dp_list_t strangers; /* oldest first */
    entry_t **by_fd;     /* first of each descriptor */
    unsigned *faults;    /* of each descriptor */
    size_t n_fds;
    size_t most;
    uint64_t last;
    dp_hash_key_t secret; /* peers may choose their routing ids */
};

peers_t *peers_new (size_t most)
{
    peers_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        return NULL;
    dp_list_init (&self->strangers);
    self->most = most;
    self->secret = (dp_hash_key_t) { dp_random (), dp_random () };
    return self;
}

void peers_destroy (peers_t **self_p)
{
    peers_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    dp_map_node_t *node = dp_map_first (&self->by_connection);
    while (node != NULL) {
        dp_map_node_t *next = dp_map_next (&self->by_connection, node);
        entry_t *entry = DP_CONTAINER (node, entry_t, by_connection);
        dp_sharing_destroy (&entry->sharing);
        dp_free (entry);
        node = next;
    }
    dp_map_fini (&self->by_connection);
    dp_map_fini (&self->by_id);
    dp_free (self->by_fd);
    dp_free (self->faults);
    dp_free (self);
}

size_t peers_count (const peers_t *self)
{
    return self->by_connection.count;
}

static entry_t *entry_of_connection (const peers_t *self, uint64_t connection)
{
    dp_map_node_t *node = dp_map_get (&self->by_connection, connection);
    return node != NULL ? DP_CONTAINER (node, entry_t, by_connection) : NULL;
}

/* ---- By routing id --------------------------------------------------------------------------- */

static entry_t *first_of_key (const peers_t *self, uint64_t key)
{
    dp_map_node_t *node = dp_map_get (&self->by_id, key);
    return node != NULL ? DP_CONTAINER (node, entry_t, by_id) : NULL;
}

static entry_t *entry_of_id (const peers_t *self, uint64_t key, const void *id, size_t len)
{
    for (entry_t *entry = first_of_key (self, key); entry != NULL; entry = entry->next_same)
        if (entry->len == len && memcmp (entry->id, id, len) == 0)
            return entry;
    return NULL;
}

static int link_id (peers_t *self, entry_t *entry, uint64_t key)
{
    entry_t *first = first_of_key (self, key);
    if (first == NULL)
        return dp_map_put (&self->by_id, key, &entry->by_id);
    entry->by_id.key = key;
    entry->next_same = first->next_same;
    first->next_same = entry;
    return 0;
}

static void unlink_id (peers_t *self, entry_t *entry)
{
    uint64_t key = entry->by_id.key;
    entry_t *first = first_of_key (self, key);
    if (first == entry) {
        dp_map_take (&self->by_id, key);
        if (entry->next_same != NULL)
            dp_map_put (&self->by_id, key,
                        &entry->next_same->by_id); /* into the place that just became free */
        return;
    }
    while (first->next_same != entry)
        first = first->next_same;
    first->next_same = entry->next_same;
}

/* ---- By descriptor --------------------------------------------------------------------------- */

/* Descriptors only serve hints, so without memory for one there is none. */
static bool has_place (peers_t *self, int fd)
{
    if (fd < 0 || fd >= MAX_FD)
        return false;
    if ((size_t) fd < self->n_fds)
        return true;
    size_t n_fds = (size_t) fd * 2 + 64;
    entry_t **grown = dp_realloc (self->by_fd, n_fds * sizeof (entry_t *));
    if (grown == NULL)
        return false;
    self->by_fd = grown;
    unsigned *faults = dp_realloc (self->faults, n_fds * sizeof *faults);
    if (faults == NULL)
        return false;
    self->faults = faults;
    memset (self->by_fd + self->n_fds, 0, (n_fds - self->n_fds) * sizeof (entry_t *));
    memset (self->faults + self->n_fds, 0, (n_fds - self->n_fds) * sizeof *faults);
    self->n_fds = n_fds;
    return true;
}

static void link_fd (peers_t *self, entry_t *entry, int fd)
{
    entry->fd = has_place (self, fd) ? fd : -1;
    entry->previous_on_fd = entry->next_on_fd = NULL;
    if (entry->fd < 0)
        return;
    entry->next_on_fd = self->by_fd[fd];
    if (entry->next_on_fd != NULL)
        entry->next_on_fd->previous_on_fd = entry;
    self->by_fd[fd] = entry;
}

static void unlink_fd (peers_t *self, entry_t *entry)
{
    if (entry->fd < 0)
        return;
    if (entry->previous_on_fd != NULL)
        entry->previous_on_fd->next_on_fd = entry->next_on_fd;
    else
        self->by_fd[entry->fd] = entry->next_on_fd;
    if (entry->next_on_fd != NULL)
        entry->next_on_fd->previous_on_fd = entry->previous_on_fd;
}

size_t peers_on_fd (const peers_t *self, int fd, uint64_t *connections, size_t most)
{
    size_t n = 0;
    if (fd < 0 || (size_t) fd >= self->n_fds)
        return 0;
    for (const entry_t *entry = self->by_fd[fd]; entry != NULL; entry = entry->next_on_fd) {
        if (!dp_list_is_empty (&entry->in_strangers))
            continue;
        if (n < most)
            connections[n] = entry->connection;
        n++;
    }
    return n;
}

unsigned peers_blame (peers_t *self, int fd, unsigned weight)
{
    if (!has_place (self, fd))
        return 0;
    if (self->faults[fd] < UINT_MAX - weight)
        self->faults[fd] += weight;
    return self->faults[fd];
}

void peers_absolve (peers_t *self, int fd)
{
    if (fd >= 0 && (size_t) fd < self->n_fds)
        self->faults[fd] = 0;
}

/* ---- Entries --------------------------------------------------------------------------------- */

static void remove_entry (peers_t *self, entry_t *entry)
{
    dp_map_take (&self->by_connection, entry->connection);
    unlink_id (self, entry);
    unlink_fd (self, entry);
    dp_list_remove (&entry->in_strangers);
    dp_sharing_destroy (&entry->sharing);
    dp_free (entry);
}

static entry_t *add_entry (peers_t *self, uint64_t key, const void *id, size_t len)
{
    entry_t *entry = dp_alloc (sizeof *entry + len);
    if (entry == NULL)
        return NULL;
    entry->connection = ++self->last;
    entry->len = len;
    memcpy (entry->id, id, len);
    if (dp_map_put (&self->by_connection, entry->connection, &entry->by_connection) < 0) {
        dp_free (entry);
        return NULL;
    }
    if (link_id (self, entry, key) < 0) {
        dp_map_take (&self->by_connection, entry->connection);
        dp_free (entry);
        return NULL;
    }
    dp_list_append (&self->strangers, &entry->in_strangers);
    return entry;
}

uint64_t peers_meet (peers_t *self, int64_t now_ms, const void *routing_id, size_t len, int fd,
                     const char *owner, uint64_t *gone)
{
    *gone = 0;
    uint64_t key = dp_hash_bytes (&self->secret, routing_id, len);
    entry_t *entry = entry_of_id (self, key, routing_id, len);
    bool is_same_key = entry != NULL && strncmp (entry->owner, owner, PEERS_OWNER) == 0;
    if (is_same_key && (fd < 0 || entry->fd < 0 || entry->fd == fd))
        return entry->connection;
    if (entry == NULL && peers_count (self) >= self->most) {
        if (dp_list_is_empty (&self->strangers))
            return 0;
        entry = DP_CONTAINER (self->strangers.next, entry_t, in_strangers);
    }
    if (entry != NULL) {
        *gone = entry->connection;
        remove_entry (self, entry);
    }
    entry = add_entry (self, key, routing_id, len);
    if (entry == NULL)
        return 0;
    entry->met_at_ms = now_ms;
    memcpy (entry->owner, owner, strnlen (owner, PEERS_OWNER)); /* it is zeroed */
    link_fd (self, entry, fd);
    return entry->connection;
}

void peers_greet (peers_t *self, uint64_t connection)
{
    entry_t *entry = entry_of_connection (self, connection);
    if (entry != NULL)
        dp_list_remove (&entry->in_strangers);
}

bool peers_is_stranger (const peers_t *self, uint64_t connection)
{
    const entry_t *entry = entry_of_connection (self, connection);
    return entry != NULL && !dp_list_is_empty (&entry->in_strangers);
}

int peers_fd (const peers_t *self, uint64_t connection)
{
    const entry_t *entry = entry_of_connection (self, connection);
    return entry != NULL ? entry->fd : -1;
}

const uint8_t *peers_routing_id (const peers_t *self, uint64_t connection, size_t *len)
{
    const entry_t *entry = entry_of_connection (self, connection);
    if (entry == NULL)
        return NULL;
    *len = entry->len;
    return entry->id;
}

void peers_share (peers_t *self, uint64_t connection, uint64_t id, dp_sharing_t **sharing_p)
{
    entry_t *entry = entry_of_connection (self, connection);
    if (entry != NULL) {
        dp_sharing_destroy (&entry->sharing);
        entry->sharing = *sharing_p;
        entry->sharer = id;
        *sharing_p = NULL;
    }
    dp_sharing_destroy (sharing_p);
}

dp_sharing_t *peers_sharing (const peers_t *self, uint64_t connection)
{
    const entry_t *entry = entry_of_connection (self, connection);
    return entry != NULL ? entry->sharing : NULL;
}

uint64_t peers_sharer (const peers_t *self, uint64_t connection)
{
    const entry_t *entry = entry_of_connection (self, connection);
    return entry != NULL ? entry->sharer : 0;
}

void peers_forget (peers_t *self, uint64_t connection)
{
    entry_t *entry = entry_of_connection (self, connection);
    if (entry != NULL)
        remove_entry (self, entry);
}

uint64_t peers_first_stranger (const peers_t *self, int64_t *met_at_ms)
{
    if (dp_list_is_empty (&self->strangers))
        return 0;
    const entry_t *entry = DP_CONTAINER (self->strangers.next, entry_t, in_strangers);
    *met_at_ms = entry->met_at_ms;
    return entry->connection;
}
