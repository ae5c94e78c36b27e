/* SPDX-License-Identifier: MPL-2.0 */
/* proxy.h - a TCP proxy that spoils what passes: the bad network between two parties. A thread of its own. */
#ifndef PROXY_H_INCLUDED
#define PROXY_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

typedef struct proxy_s proxy_t;

/* To the one who listens behind the proxy, and back. */
typedef enum { PROXY_FORTH, PROXY_BACK } proxy_direction_t;

/* How the network is. All zero: good. */
typedef struct proxy_weather_s {
    unsigned delay_ms;     /* everything arrives so much later */
    unsigned bytes_per_s;  /* of each direction of each connection; 0: no limit */
    bool is_swallowing[2]; /* nothing passes in this direction, and nobody is told */
} proxy_weather_t;

/* Listen at a free port of 127.0.0.1 and connect each who comes to this port of 127.0.0.1. Aborts if it
   cannot. Destroy it. */
proxy_t *proxy_new (uint16_t port_behind);
void proxy_destroy (proxy_t **self_p);

/* Where it listens. */
uint16_t proxy_port (const proxy_t *self);

/* From now on. */
void proxy_set (proxy_t *self, const proxy_weather_t *weather);

/* Break all connections. */
void proxy_cut (proxy_t *self);

/* End this direction of all connections, as one does that writes no more. The other direction goes on. */
void proxy_half_close (proxy_t *self, proxy_direction_t direction);

#endif
