/* SPDX-License-Identifier: MPL-2.0 */
/*
 * monitor.h - what ZeroMQ tells of the broker's connections: which descriptor was closed, and that none could
 * be accepted. A closed descriptor is a hint: it is told before the ROUTER knows, messages from it may still
 * be unread, and its number is soon another connection's. So it is suspected for a while, and named several
 * times. Belongs to one thread.
 */
#ifndef MONITOR_H_INCLUDED
#define MONITOR_H_INCLUDED

#include "net/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct monitor_s monitor_t;

/* Watch a socket that is not bound yet; destroy the monitor before the socket is closed. NULL with errno. */
monitor_t *monitor_new (void *context, void *socket);
void monitor_destroy (monitor_t **self_p);

/* Of the socket to poll for input. */
dp_watch_t *monitor_watch (monitor_t *self);

/* Take in the events that are there. */
void monitor_read (monitor_t *self, int64_t now_ms);

/* The next descriptor that is to be looked into now. False when there is none. */
bool monitor_next_suspect (monitor_t *self, int64_t now_ms, int *fd);

/* When the next one is due; DP_NEVER when there is none. */
int64_t monitor_deadline_ms (const monitor_t *self);

/* What there is to log now, a line each: that connections could not be accepted, once for each row of them,
   and how many broke ZeroMQ's handshake, or said nothing until its time was over, now and then. Those that
   were just closed do not count: that is how ports are checked. False when there is no more. Where it is
   quiet only the first are told of. */
bool monitor_next_line (monitor_t *self, int64_t now_ms, bool is_quiet, char *line, size_t size);

#endif
