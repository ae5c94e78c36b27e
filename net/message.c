/* SPDX-License-Identifier: MPL-2.0 */
#include "net/message.h"

#include "core/memory.h"

#include <errno.h>
#include <string.h>

/* ---- In ------------------------------------------------------------------------------------- */

static void free_frame (void *hint)
{
    zmq_msg_close (hint);
    dp_free (hint);
}

/* Receive a frame; EINTR is no reason to leave a multipart message half read. */
static int receive_frame (zmq_msg_t *frame, void *socket, int flags)
{
    zmq_msg_init (frame);
    int rc;
    do
        rc = zmq_msg_recv (frame, socket, flags);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        zmq_msg_close (frame);
    return rc;
}

/* Receive a payload frame into a blob that owns it. NULL when there is no memory; the frame is then lost. */
static dp_blob_t *receive_blob (void *socket, bool *has_more)
{
    zmq_msg_t *frame = dp_must_alloc (sizeof *frame);
    if (receive_frame (frame, socket, 0) < 0) {
        dp_free (frame);
        *has_more = false;
        return NULL;
    }
    *has_more = zmq_msg_more (frame);
    dp_blob_t *blob = dp_blob_adopt (zmq_msg_data (frame), zmq_msg_size (frame), free_frame, frame);
    if (blob == NULL)
        free_frame (frame);
    return blob;
}

/* Read the payload frames. Returns how many frames the message has, the envelope included. */
static size_t receive_payloads (dp_incoming_t *self, void *socket, uint64_t max_payload)
{
    size_t n_frames = 1;
    uint64_t total = 0;
    bool has_more = zmq_msg_more (&self->envelope);
    while (has_more) {
        dp_blob_t *blob = receive_blob (socket, &has_more);
        total += blob != NULL ? dp_blob_len (blob) : 0;
        if (blob == NULL)
            self->malformed = "a frame could not be received";
        else if (n_frames == WIRE_MAX_FRAMES)
            self->malformed = "more than 64 frames in one message";
        else if (total > max_payload + WIRE_MAX_ENVELOPE)
            self->malformed = "the frames of one message exceed the payload limit";
        if (self->malformed != NULL)
            dp_blob_release (&blob);
        else
            self->blobs[n_frames++] = blob;
    }
    return n_frames;
}

static void decode (dp_incoming_t *self, const void *envelope, size_t len)
{
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    frames[0] = (wire_bytes_t) { envelope, len, 0 };
    for (size_t i = 1; i < self->n_frames; i++)
        frames[i] = (wire_bytes_t) { dp_blob_data (self->blobs[i]), dp_blob_len (self->blobs[i]), i };
    wire_decode (&self->message, frames, self->n_frames, &self->malformed);
}

/* The routing id, or -1 when it is not one of ZeroMQ's. */
static int receive_routing_id (dp_incoming_t *self, void *socket)
{
    zmq_msg_t frame;
    int rc = receive_frame (&frame, socket, ZMQ_DONTWAIT);
    if (rc < 0)
        return errno == EAGAIN ? 0 : -1;
    self->routing_id_len = zmq_msg_size (&frame);
    if (self->routing_id_len > sizeof self->routing_id)
        self->routing_id_len = sizeof self->routing_id;
    memcpy (self->routing_id, zmq_msg_data (&frame), self->routing_id_len);
    bool has_more = zmq_msg_more (&frame);
    zmq_msg_close (&frame);
    return has_more ? 1 : 0;
}

static void begin (dp_incoming_t *self, dp_outgoing_t *handed_over)
{
    self->routing_id_len = 0;
    self->malformed = NULL;
    self->message.n_frames = self->n_frames = 0;
    self->source_fd = -1;
    self->handed_over = handed_over;
}

int dp_incoming_fetch (dp_incoming_t *self, void *socket, bool has_routing_id, uint64_t max_payload)
{
    begin (self, NULL);
    if (has_routing_id) {
        int rc = receive_routing_id (self, socket);
        if (rc <= 0)
            return rc;
    }
    if (receive_frame (&self->envelope, socket, ZMQ_DONTWAIT) < 0)
        return errno == EAGAIN ? 0 : -1;
    self->source_fd = zmq_msg_get (&self->envelope, ZMQ_SRCFD);
    memset (self->blobs, 0, sizeof self->blobs);
    self->n_frames = receive_payloads (self, socket, max_payload);
    return 1;
}

void dp_incoming_decode (dp_incoming_t *self)
{
    if (self->malformed == NULL)
        decode (self, zmq_msg_data (&self->envelope), zmq_msg_size (&self->envelope));
}

int dp_incoming_receive (dp_incoming_t *self, void *socket, bool has_routing_id, uint64_t max_payload)
{
    int rc = dp_incoming_fetch (self, socket, has_routing_id, max_payload);
    if (rc > 0)
        dp_incoming_decode (self);
    return rc;
}

void dp_incoming_take (dp_incoming_t *self, dp_outgoing_t *message)
{
    begin (self, message);
    memset (self->blobs, 0, sizeof self->blobs);
    for (size_t i = 0; i < message->n_frames; i++)
        self->blobs[i + 1] = message->frames[i];
    self->n_frames = message->n_frames + 1;
    message->n_frames = 0; /* they are here now */
    decode (self, message->envelope.data, message->envelope.len);
}

void dp_incoming_fini (dp_incoming_t *self)
{
    if (self->handed_over != NULL)
        dp_outgoing_destroy (&self->handed_over);
    else
        zmq_msg_close (&self->envelope);
    for (size_t i = 1; i < WIRE_MAX_FRAMES && self->blobs[i] != NULL; i++)
        dp_blob_release (&self->blobs[i]);
}

/* ---- Out ------------------------------------------------------------------------------------ */

static void free_envelope (void *data, void *hint)
{
    (void) hint;
    dp_free (data);
}

static void release_blob (void *data, void *hint)
{
    (void) data;
    dp_blob_t *blob = hint;
    dp_blob_release (&blob);
}

/* A frame over a blob's bytes, without a copy: libzmq only reads them. */
static int init_blob_frame (zmq_msg_t *frame, dp_blob_t *blob)
{
    dp_blob_t *hold = dp_blob_hold (blob);
    void *data = (void *) (uintptr_t) dp_blob_data (blob);
    if (zmq_msg_init_data (frame, data, dp_blob_len (blob), release_blob, hold) == 0)
        return 0;
    dp_blob_release (&hold);
    return -1;
}

static int send_frame (zmq_msg_t *frame, void *socket, int flags)
{
    int rc;
    do
        rc = zmq_msg_send (frame, socket, flags | ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        int code = errno;
        zmq_msg_close (frame);
        errno = code;
    }
    return rc < 0 ? -1 : 0;
}

/* Small envelopes are copied (libzmq keeps them inside its own message), large ones handed over. */
static int init_envelope_frame (zmq_msg_t *frame, dp_buffer_t *envelope)
{
    enum { COPY_UP_TO = 4096 };
    if (envelope->len <= COPY_UP_TO) {
        if (zmq_msg_init_size (frame, envelope->len) < 0)
            return -1;
        memcpy (zmq_msg_data (frame), envelope->data, envelope->len);
        return 0;
    }
    if (zmq_msg_init_data (frame, envelope->data, envelope->len, free_envelope, NULL) < 0)
        return -1;
    *envelope = (dp_buffer_t) DP_BUFFER_INIT;
    return 0;
}

static int init_id_frame (zmq_msg_t *frame, const void *routing_id, size_t len)
{
    if (zmq_msg_init_size (frame, len) < 0)
        return -1;
    memcpy (zmq_msg_data (frame), routing_id, len);
    return 0;
}

static void close_frames (zmq_msg_t *frames, size_t n_frames)
{
    int code = errno;
    for (size_t i = 0; i < n_frames; i++)
        zmq_msg_close (&frames[i]);
    errno = code;
}

/* Returns how many frames there are, 0 without memory. */
static size_t init_frames (zmq_msg_t *frames, dp_outgoing_t *message, const void *routing_id, size_t len)
{
    size_t n = 0;
    int rc = 0;
    if (routing_id != NULL && (rc = init_id_frame (&frames[n], routing_id, len)) == 0)
        n++;
    /* The envelope last, since it may be handed over. */
    size_t envelope = n;
    if (rc == 0)
        rc = zmq_msg_init (&frames[n++]);
    for (size_t i = 0; i < message->n_frames && rc == 0; i++)
        if ((rc = init_blob_frame (&frames[n], message->frames[i])) == 0)
            n++;
    if (rc == 0)
        rc = init_envelope_frame (&frames[envelope], &message->envelope);
    if (rc == 0)
        return n;
    close_frames (frames, n);
    return 0;
}

int dp_outgoing_send (dp_outgoing_t *message, void *socket, const void *routing_id, size_t routing_id_len)
{
    /* All are made before the first is sent: a message that stopped half way would swallow the next one. */
    zmq_msg_t frames[1 + WIRE_MAX_FRAMES];
    size_t n = init_frames (frames, message, routing_id, routing_id_len);
    if (n == 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (send_frame (&frames[i], socket, i + 1 < n ? ZMQ_SNDMORE : 0) < 0) {
            close_frames (frames + i + 1, n - i - 1);
            return -1;
        }
    }
    return 0;
}
