/* SPDX-License-Identifier: MPL-2.0 */
/* wire_outbox.c - finished messages, and those without records. */
#include "core/memory.h"
#include "core/pack.h"
#include "core/wire_parts.h"

#include <string.h>

/* ---- Messages and outboxes -------------------------------------------------------------------- */

dp_outgoing_t *wire_outgoing_new (uint64_t to, wire_kind_t kind)
{
    dp_outgoing_t *self = dp_must_alloc (sizeof *self);
    self->to = to;
    self->kind = kind;
    return self;
}

void dp_outgoing_destroy (dp_outgoing_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    dp_outgoing_t *self = *self_p;
    *self_p = NULL;
    for (size_t i = 0; i < self->n_frames; i++)
        dp_blob_release (&self->frames[i]);
    dp_buffer_fini (&self->envelope);
    dp_free (self);
}

void dp_outbox_put (dp_outbox_t *self, dp_outgoing_t *message)
{
    message->next = NULL;
    if (self->last)
        self->last->next = message;
    else
        self->first = message;
    self->last = message;
    self->count++;
}

dp_outgoing_t *dp_outbox_take (dp_outbox_t *self)
{
    dp_outgoing_t *message = self->first;
    if (!message)
        return NULL;
    self->first = message->next;
    if (!self->first)
        self->last = NULL;
    self->count--;
    message->next = NULL;
    return message;
}

void dp_outbox_fini (dp_outbox_t *self)
{
    dp_outgoing_t *message;
    while ((message = dp_outbox_take (self)))
        dp_outgoing_destroy (&message);
}

uint8_t *wire_room (dp_outgoing_t *message, size_t len)
{
    uint8_t *at = dp_buffer_extend (&message->envelope, len);
    if (!at)
        dp_no_memory (len);
    return at;
}

/* ---- Messages without records ------------------------------------------------------------------ */

/* A message with kind and ack; n_fields more elements are to follow. */
static dp_outgoing_t *start (uint64_t to, wire_kind_t kind, uint64_t ack, size_t n_fields)
{
    dp_outgoing_t *message = wire_outgoing_new (to, kind);
    wire_write_byte (message, (uint8_t) (0x92 + n_fields));
    wire_write_uint (message, kind);
    wire_write_uint (message, ack);
    return message;
}

static void write_map_head (dp_outgoing_t *message, size_t n)
{
    uint8_t *head = wire_room (message, DP_PACK_MAX);
    message->envelope.len -= DP_PACK_MAX - (size_t) (dp_pack_map_head (head, n) - head);
}

static void write_array_head (dp_outgoing_t *message, size_t n)
{
    uint8_t *head = wire_room (message, DP_PACK_MAX);
    message->envelope.len -= DP_PACK_MAX - (size_t) (dp_pack_array_head (head, n) - head);
}

/* A message of one map. */
static void put_map (dp_outbox_t *out, uint64_t to, wire_kind_t kind, uint64_t ack,
                     const wire_field_t *fields, size_t n_fields, const void *record, dp_blob_t *blob)
{
    dp_outgoing_t *message = start (to, kind, ack, 1);
    write_map_head (message, wire_fields_count (fields, n_fields, record));
    wire_fields_write (message, fields, n_fields, record, blob);
    dp_outbox_put (out, message);
}

static void write_names (dp_outgoing_t *message, const char *key, const char *const *names, size_t n_names)
{
    if (n_names == 0)
        return;
    wire_write_text (message, key, strlen (key));
    write_array_head (message, n_names);
    for (size_t i = 0; i < n_names; i++)
        wire_write_text (message, names[i], strlen (names[i]));
}

void wire_put_hello (dp_outbox_t *out, uint64_t to, const wire_hello_t *hello, const char *const *functions,
                     const char *const *labels)
{
    dp_outgoing_t *message = start (to, WIRE_HELLO, 0, 1);
    size_t n = wire_fields_count (wire_hello_fields, WIRE_N_HELLO, hello);
    write_map_head (message, n + (hello->n_functions > 0) + (hello->n_labels > 0));
    wire_fields_write (message, wire_hello_fields, WIRE_N_HELLO, hello, NULL);
    write_names (message, "functions", functions, hello->n_functions);
    write_names (message, "labels", labels, hello->n_labels);
    dp_outbox_put (out, message);
}

void wire_put_welcome (dp_outbox_t *out, uint64_t to, const wire_welcome_t *welcome)
{
    put_map (out, to, WIRE_WELCOME, 0, wire_welcome_fields, WIRE_N_WELCOME, welcome, NULL);
}

void wire_put_refused (dp_outbox_t *out, uint64_t to, wire_refusal_t code, const char *text)
{
    dp_outgoing_t *message = start (to, WIRE_REFUSED, 0, 2);
    wire_text_t whole = { text, strlen (text) };
    wire_write_uint (message, code);
    wire_write_line (message, &whole, false);
    dp_outbox_put (out, message);
}

void wire_put_bare (dp_outbox_t *out, uint64_t to, wire_kind_t kind, uint64_t ack)
{
    dp_outbox_put (out, start (to, kind, ack, 0));
}

void wire_put_number (dp_outbox_t *out, uint64_t to, wire_kind_t kind, uint64_t ack, uint64_t number)
{
    dp_outgoing_t *message = start (to, kind, ack, 1);
    wire_write_uint (message, number);
    dp_outbox_put (out, message);
}

void wire_put_workers (dp_outbox_t *out, uint64_t to, uint64_t ack, uint64_t processes)
{
    wire_put_number (out, to, WIRE_WORKERS, ack, processes);
}

void wire_put_room (dp_outbox_t *out, uint64_t to, uint64_t ack, uint64_t bytes, uint64_t most_tasks,
                    const uint64_t *sessions, size_t n_sessions)
{
    dp_outgoing_t *message = start (to, WIRE_ROOM, ack, most_tasks > 0 ? 3 : 2);
    wire_write_uint (message, bytes);
    write_array_head (message, n_sessions < WIRE_MAX_FULL ? n_sessions : WIRE_MAX_FULL);
    for (size_t i = 0; i < n_sessions && i < WIRE_MAX_FULL; i++)
        wire_write_uint (message, sessions[i]);
    if (most_tasks > 0)
        wire_write_uint (message, most_tasks);
    dp_outbox_put (out, message);
}

void wire_put_session (dp_outbox_t *out, uint64_t to, uint64_t ack, const wire_session_t *session,
                       dp_blob_t *args)
{
    put_map (out, to, WIRE_SESSION, ack, wire_session_fields, WIRE_N_SESSION, session, args);
}

void wire_put_session_end (dp_outbox_t *out, uint64_t to, uint64_t ack, uint64_t session)
{
    wire_put_number (out, to, WIRE_SESSION_END, ack, session);
}

void wire_put_query (dp_outbox_t *out, uint64_t to, uint64_t ack, const wire_query_t *query)
{
    dp_outgoing_t *message = start (to, WIRE_QUERY, ack, query->name.len > 0 ? 4 : 3);
    wire_write_uint (message, query->query);
    wire_write_uint (message, query->question);
    wire_write_uint (message, query->id);
    if (query->name.len > 0)
        wire_write_text (message, query->name.data, query->name.len);
    dp_outbox_put (out, message);
}

void wire_put_memory (dp_outbox_t *out, uint64_t to, const wire_memory_t *memory)
{
    put_map (out, to, WIRE_MEMORY, 0, wire_memory_fields, WIRE_N_MEMORY, memory, NULL);
}

void wire_put_window (dp_outbox_t *out, uint64_t to, uint64_t ack, uint64_t window_tasks,
                      uint64_t window_bytes)
{
    dp_outgoing_t *message = start (to, WIRE_RESULTS, ack, 3);
    wire_write_uint (message, window_tasks);
    wire_write_uint (message, window_bytes);
    wire_write_byte (message, 0x90);
    dp_outbox_put (out, message);
}

void wire_put_answer (dp_outbox_t *out, uint64_t to, uint64_t ack, const wire_answer_t *answer)
{
    put_map (out, to, WIRE_ANSWER, ack, wire_answer_fields, WIRE_N_ANSWER, answer, NULL);
}
