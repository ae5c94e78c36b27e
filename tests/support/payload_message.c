/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/support/payload_message.h"

#include "core/reference.h"

dp_outgoing_t *payload_message (wire_kind_t kind, dp_blob_t *payload)
{
    static const wire_group_t group = { .function = { "f", 1 }, .require = { "", 0 } };
    wire_task_t task
        = { .id = 1, .n_items = 1, .payload = { dp_blob_data (payload), dp_blob_len (payload), 0 } };
    wire_batch_t batch = { 0 };
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_add_task (&batch, &out, 0, kind, &group, &task, payload);
    wire_flush (&batch, &out, 0, 0, 0);
    dp_blob_release (&payload);
    dp_outgoing_t *message = dp_outbox_take (&out);
    assert_null (out.first);
    return message;
}

dp_outgoing_t *payload_message_to_nothing (wire_kind_t kind)
{
    static const dp_reference_t nowhere = { .at = 0, .len = 40000, .generation = 12345 };
    static const uint8_t bytes[WIRE_INLINE_MAX + 1];
    uint8_t *reference;
    dp_outgoing_t *message = payload_message (kind, dp_blob_copy (bytes, sizeof bytes));
    dp_blob_release (&message->frames[0]);
    message->frames[0] = dp_blob_new (DP_REFERENCE_LEN, &reference);
    dp_reference_write (&nowhere, reference);
    return message;
}
