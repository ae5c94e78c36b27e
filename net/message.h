/* SPDX-License-Identifier: MPL-2.0 */
/* message.h - whole messages in and out of a ZeroMQ socket. */
#ifndef DP_MESSAGE_H_INCLUDED
#define DP_MESSAGE_H_INCLUDED

#include "core/wire.h"

#include <zmq.h>

#define DP_ROUTING_ID_MAX 255 /* of ZeroMQ: none is cut. Those that it makes up have 5 bytes */

/* A received message: its frames and, unless it is malformed, what it says. */
typedef struct dp_incoming_s {
    uint8_t routing_id[DP_ROUTING_ID_MAX]; /* of a ROUTER's message */
    size_t routing_id_len;
    int source_fd;         /* the descriptor it came by, -1 unknown (inproc) */
    const char *malformed; /* NULL, or why it could not be decoded; "message" is then not valid */
    wire_message_t message;
    size_t n_frames;                   /* the envelope included */
    dp_blob_t *blobs[WIRE_MAX_FRAMES]; /* of frames 1 …: they own the received memory; [0] is NULL */
    zmq_msg_t envelope;
    dp_outgoing_t *handed_over; /* the message itself where it came without a socket, else NULL */
} dp_incoming_t;

/* Receive one message without waiting; has_routing_id on a ROUTER. 1; 0 when there is none; -1 with errno
   when the socket is unusable. After a 1 call dp_incoming_fini when done with it. The frames beyond
   WIRE_MAX_FRAMES or beyond max_payload + 1 MiB in total are thrown away and make it malformed. */
int dp_incoming_receive (dp_incoming_t *self, void *socket, bool has_routing_id, uint64_t max_payload);
/* The same in two steps, between which blobs may be replaced by others: the message is decoded by the second.
 */
int dp_incoming_fetch (dp_incoming_t *self, void *socket, bool has_routing_id, uint64_t max_payload);
void dp_incoming_decode (dp_incoming_t *self);
/* The same for a message that came without a socket. Takes it. */
void dp_incoming_take (dp_incoming_t *self, dp_outgoing_t *message);
void dp_incoming_fini (dp_incoming_t *self);

/* Send one message without waiting, behind a routing id where routing_id is not NULL. The message's payload
   blobs are passed on without a copy. 0; or -1 with EAGAIN (its peer's pipe is full), EHOSTUNREACH (no such
   peer) or another errno: nothing was sent. The message stays the caller's, to be destroyed: its envelope may
   be gone. */
int dp_outgoing_send (dp_outgoing_t *message, void *socket, const void *routing_id, size_t routing_id_len);

#endif
