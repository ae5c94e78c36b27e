/* SPDX-License-Identifier: MPL-2.0 */
#include "net/watch.h"

#include <stddef.h>
#include <zmq.h>

int dp_watch_begin (dp_watch_t *self, void *socket)
{
    size_t len = sizeof self->fd;
    self->socket = socket;
    self->has_news = true; /* what came before was not heard */
    self->is_doubtful = false;
    return zmq_getsockopt (socket, ZMQ_FD, &self->fd, &len);
}

struct pollfd dp_watch_item (const dp_watch_t *self)
{
    return (struct pollfd) { self->fd, POLLIN, 0 };
}

void dp_watch_hear (dp_watch_t *self, const struct pollfd *item)
{
    self->has_news |= item->revents != 0;
}

void dp_watch_used (dp_watch_t *self)
{
    self->is_doubtful = true;
}

void dp_watch_emptied (dp_watch_t *self)
{
    self->has_news = self->is_doubtful = false;
}

bool dp_watch_has_news (dp_watch_t *self)
{
    int events = 0;
    size_t len = sizeof events;
    if (!self->has_news && self->is_doubtful) {
        self->has_news
            = zmq_getsockopt (self->socket, ZMQ_EVENTS, &events, &len) == 0 && (events & ZMQ_POLLIN);
        self->is_doubtful = false;
    }
    return self->has_news;
}
