/* SPDX-License-Identifier: MPL-2.0 */
/*
 * view.h - a child's view of its worker's arena, where the arguments of its tasks lie. Only for reading.
 *
 * What a function reads there belongs to its task and is used again after it. A copy of the child that the
 * function forks may go on reading, so before a fork the child makes these arguments its own.
 */
#ifndef VIEW_H_INCLUDED
#define VIEW_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct view_s {
    uint8_t *data; /* NULL = there is none */
    size_t len;
    int fd;
    size_t at, n_bytes; /* what is being read */
    bool is_own;        /* it was made the child's own */
} view_t;

/* Map the arena. Without success, or with fd -1, data stays NULL. */
void view_init (view_t *self, int fd);

/* These bytes, valid until the next call. The loop has checked that they are there. */
const uint8_t *view_read (view_t *self, uint64_t at, size_t len);

/* A fork comes: what is being read becomes this process's own memory. */
void view_own (view_t *self);

#endif
