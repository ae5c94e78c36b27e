/* SPDX-License-Identifier: MPL-2.0 */
/*
 * watch.h - a ZeroMQ socket among the descriptors of a poll ().
 *
 * zmq_poll asks each socket before and after it sleeps, each time by two system calls. The descriptor of a
 * socket tells the same, but only once, and whatever else is done with the socket may swallow what it was
 * about to tell. So what it told is kept here until a receive has found nothing. Belongs to the socket's
 * thread.
 */
#ifndef DP_WATCH_H_INCLUDED
#define DP_WATCH_H_INCLUDED

#include <poll.h>
#include <stdbool.h>

typedef struct dp_watch_s {
    void *socket;
    int fd;
    bool has_news;    /* a receive may find something */
    bool is_doubtful; /* some may have been swallowed */
} dp_watch_t;

/* Watch a socket for input. 0, or -1 with errno. */
int dp_watch_begin (dp_watch_t *self, void *socket);

/* What to poll; and, with what the poll said of it, to be told. */
struct pollfd dp_watch_item (const dp_watch_t *self);
void dp_watch_hear (dp_watch_t *self, const struct pollfd *item);

/* Something was sent on the socket, or it was asked for its events; a receive has found nothing. */
void dp_watch_used (dp_watch_t *self);
void dp_watch_emptied (dp_watch_t *self);

/* Before sleeping: may there be something that the descriptor does not tell of? */
bool dp_watch_has_news (dp_watch_t *self);

#endif
