/* SPDX-License-Identifier: MPL-2.0 */
/* wire_samples.h - one message of every kind, with all that its kind can carry. Internal parts: needs the
 * core. */
#ifndef WIRE_SAMPLES_H_INCLUDED
#define WIRE_SAMPLES_H_INCLUDED

#include "core/wire.h"

/* Append the samples to an outbox. Some kinds come in several forms; TASKS and RESULTS have payload frames.
 */
void wire_samples (dp_outbox_t *out);

/* The frames of a message, as wire_decode wants them. Returns how many. */
size_t wire_frames_of (const dp_outgoing_t *message, wire_bytes_t frames[WIRE_MAX_FRAMES]);

/* Decode what an outbox gave. As wire_decode. */
int wire_decode_outgoing (wire_message_t *message, const dp_outgoing_t *outgoing, const char **why);

/* Read all records of a decoded message to their ends. Returns how many there were. */
size_t wire_read_all (wire_message_t *message);

/* A text for the struct members. */
#define WIRE_TEXT(text) ((wire_text_t) { text, sizeof (text) - 1 })

#endif
