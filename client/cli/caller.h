/* SPDX-License-Identifier: MPL-2.0 */
/* caller.h - what dpool apply and dpool map have in common: options, and the pool. */
#ifndef CALLER_H_INCLUDED
#define CALLER_H_INCLUDED

#include "client/cli/command.h"

#include <dpool/dpool.h>

typedef struct caller_options_s {
    const char *endpoint, *require;
    int time_limit_ms; /* 0 = none */
} caller_options_t;

/* The options of a call, for a command's struct argp_child; their input is a caller_options_t *. */
extern const struct argp caller_argp;

/* A pool of the cluster; NULL with the thread's last error, also when no worker is there at all: people do
   not want to wait for that without a word. */
dpool_t *caller_open (const caller_options_t *taken);

/* The options of the call itself. */
dpool_call_options_t caller_call_options (const caller_options_t *taken);

#endif
