/* SPDX-License-Identifier: MPL-2.0 */
/*
 * inquiry.h - a connection to a broker that only asks: it is no pool, submits nothing, and the broker neither
 * counts nor logs it. Belongs to one thread.
 */
#ifndef INQUIRY_H_INCLUDED
#define INQUIRY_H_INCLUDED

#include "net/reach.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct inquiry_s inquiry_t;

/* One that asks the brokers of a comma-separated list, of which the first that answers serves. Nothing is
   connected yet. NULL with the thread's last error: EINVAL (an endpoint), ENOMEM and the like. */
inquiry_t *inquiry_new (const char *endpoints);
void inquiry_destroy (inquiry_t **self_p);

/* Connect if need be. 0, or -1 with the thread's last error: DPOOL_ENOBROKER, DPOOL_ENOTDPOOL, DPOOL_EVERSION
   or DPOOL_EREFUSED, in timeout_ms at the latest. Where is_patient is false it gives up earlier on a port
   that is closed. */
int inquiry_connect (inquiry_t *self, int timeout_ms, bool is_patient);

/* The broker's state as JSON, NUL-ended: free it with dp_free. NULL with the thread's last error, also when
   there is no answer in timeout_ms. The connection may be lost by then: connect again. */
char *inquiry_status (inquiry_t *self, int timeout_ms);

/* Have the worker of this id drain. 0 when it was asked to; else -1 with the thread's last error. */
int inquiry_drain (inquiry_t *self, uint64_t worker, int timeout_ms);

/* May this function be called, and who offers it? What the broker says of that, in a sentence: free it with
   dp_free. *code is 0 when it can be called, or DPOOL_ENOFUNCTION, DPOOL_EREFUSED. NULL with the thread's
   last error. */
char *inquiry_function (inquiry_t *self, const char *name, int timeout_ms, int *code);

/* How far the last connection came that failed; DP_HANDSHAKEN also where the broker refused it. */
dp_reach_t inquiry_reach (const inquiry_t *self);

/* What the broker said when it let us in: its name, the protocol version, the processes of all workers. */
const char *inquiry_broker (const inquiry_t *self);
uint64_t inquiry_version (const inquiry_t *self);
uint64_t inquiry_processes (const inquiry_t *self);

/* Wait until the broker says that processes came or went, or for timeout_ms. */
void inquiry_wait_for_change (inquiry_t *self, int timeout_ms);

/* The endpoint in use. */
const char *inquiry_endpoint (const inquiry_t *self);

#endif
