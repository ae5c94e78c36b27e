/* SPDX-License-Identifier: MPL-2.0 */
/*
 * gate.h - where peers with CURVE keys are let in or not: the answerer of ZeroMQ's authentication protocol
 * (ZAP, RFC 27), in the broker's own loop. It fails closed: without its answer nobody gets in.
 *
 * A key is looked up twice: when the connection is made, and again for each message, so that a key that is
 * taken off the list is shut out at once. Belongs to one thread.
 */
#ifndef GATE_H_INCLUDED
#define GATE_H_INCLUDED

#include "broker/access.h"
#include "core/hash.h"
#include "net/keys.h"
#include "net/message.h"
#include "net/watch.h"

typedef struct gate_s gate_t;

/* One a context, before any socket is bound. Takes the list. log may be NULL. NULL with the thread's last
   error; the list is then still the caller's. */
gate_t *gate_new (void *context, const dp_keys_t *keys, access_t **access_p, void (*log) (const char *line));
void gate_destroy (gate_t **self_p);

/* 128 bits that only brokers with this secret key can make. */
dp_hash_key_t gate_secret (const dp_keys_t *keys);

/* Let the socket, which is not bound yet, be entered through the gate only. 0, or -1 with the thread's last
   error. */
int gate_guard (gate_t *self, void *socket);

/* Try to get in at the endpoint, where the guarded socket is bound, with a key that nobody has. 0 when it was
   refused; else -1 with the thread's last error: then nothing may be served. */
int gate_test (gate_t *self, const char *endpoint);

/* From now on this list holds. Takes it. */
void gate_change (gate_t *self, access_t **access_p);

/* The list that holds: the gate's own, until the next gate_change. */
const access_t *gate_access (const gate_t *self);

/* Of the socket to poll for input; and answer what has arrived. */
dp_watch_t *gate_watch (gate_t *self);
void gate_answer (gate_t *self, int64_t now_ms);

/* Whose message is it? "" = of nobody, which a guarded socket does not let through. Borrowed from the
 * message. */
const char *gate_owner (const dp_incoming_t *incoming);

/* May this key send payloads at all? As access_may_send_payloads. */
bool gate_may_send_payloads (const gate_t *self, const char *owner);

/* May it be said? As access_judge. */
wire_refusal_t gate_judge (const gate_t *self, const char *owner, const wire_message_t *message, char *why,
                           size_t size);

#endif
