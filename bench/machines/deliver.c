/* SPDX-License-Identifier: MPL-2.0 */
/* deliver.c - messages between a machine and its simulated peers. */
#include "bench/die.h"
#include "bench/machines/cost.h"

#include <string.h>

void deliver_decode (const dp_outgoing_t *outgoing, wire_message_t *message, dp_blob_t **blobs)
{
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    frames[0] = (wire_bytes_t) { outgoing->envelope.data, outgoing->envelope.len, 0 };
    for (size_t i = 0; i < outgoing->n_frames; i++) {
        blobs[i + 1] = outgoing->frames[i];
        frames[i + 1]
            = (wire_bytes_t) { dp_blob_data (outgoing->frames[i]), dp_blob_len (outgoing->frames[i]), i + 1 };
    }
    blobs[0] = NULL;
    const char *why = "";
    if (wire_decode (message, frames, outgoing->n_frames + 1, &why) < 0)
        die (wire_kind_name (outgoing->kind), why);
}

wire_text_t deliver_text (const char *text)
{
    return (wire_text_t) { text, strlen (text) };
}

wire_bytes_t deliver_value (void)
{
    static const uint8_t value[] = { OUTCOME_VALUE, 0x2a };
    return (wire_bytes_t) { value, sizeof value, 0 };
}

static void add (sent_row_t *self, const sent_t *sent)
{
    if (self->n == self->capacity) {
        self->capacity = self->capacity > 0 ? self->capacity * 2 : MAX_BATCH;
        self->tasks = realloc (self->tasks, self->capacity * sizeof *self->tasks);
        if (!self->tasks)
            die ("tasks", "out of memory");
    }
    self->tasks[self->n++] = *sent;
}

void sent_add (sent_row_t *self, wire_message_t *message)
{
    wire_group_t group;
    wire_task_t task;
    while (wire_next_group (message, &group))
        while (wire_next_task (message, &task))
            add (self, &(sent_t) { group.session, task.id, task.attempt, task.first, task.n_items });
}

void sent_clear (sent_row_t *self)
{
    self->n = 0;
}

void sent_free (sent_row_t *self)
{
    free (self->tasks);
    *self = (sent_row_t) { NULL, 0, 0 };
}
