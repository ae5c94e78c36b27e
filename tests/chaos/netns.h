/* SPDX-License-Identifier: MPL-2.0 */
/*
 * netns.h - a network namespace for one party: a host of its own, joined to this one by a veth pair, that
 * can be cut off without anybody being told.
 */
#ifndef NETNS_H_INCLUDED
#define NETNS_H_INCLUDED

#include <stdbool.h>

typedef struct netns_s netns_t;

/* Make one. number, from 1 to 250, tells those of a program apart. NULL with a reason where the system or
   its user may not; destroy it. */
netns_t *netns_new (unsigned number, const char **reason);
void netns_destroy (netns_t **self_p);

/* Its name, for "ip netns exec"; and this host's address as seen from it. */
const char *netns_name (const netns_t *self);
const char *netns_host (const netns_t *self);

/* Drop every packet that comes in, or goes out. */
void netns_drop (netns_t *self, bool comes_in, bool goes_out);

#endif
