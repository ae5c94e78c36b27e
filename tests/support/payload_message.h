/* SPDX-License-Identifier: MPL-2.0 */
/* payload_message.h - messages with one payload frame, as they lie in an outbox. */
#ifndef PAYLOAD_MESSAGE_H_INCLUDED
#define PAYLOAD_MESSAGE_H_INCLUDED

#include "core/wire.h"

/* SUBMIT or TASKS of one task with this payload, of which the message takes over the hold. */
dp_outgoing_t *payload_message (wire_kind_t kind, dp_blob_t *payload);

/* The same of a payload that is said to lie where nothing does. */
dp_outgoing_t *payload_message_to_nothing (wire_kind_t kind);

#endif
