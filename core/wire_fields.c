/* SPDX-License-Identifier: MPL-2.0 */
/* wire_fields.c - structs that travel as maps. One table for each serves reading and writing. */
#include "core/memory.h"
#include "core/name.h"
#include "core/pack.h"
#include "core/utf8.h"
#include "core/wire_parts.h"

#include <string.h>

/* On the wire: docs/protocol.md. Members are added at the end and never required. */
#define AT(member) offsetof (wire_hello_t, member), 0
const wire_field_t wire_hello_fields[WIRE_N_HELLO] = {
    { "magic", FIELD_MAGIC, true, 0, 0 },
    { "min", FIELD_UINT, true, AT (version_min) },
    { "max", FIELD_UINT, true, AT (version_max) },
    { "role", FIELD_ROLE, true, AT (role) },
    { "id", FIELD_UINT, true, AT (id) },
    { "connection", FIELD_UINT, true, AT (connection) },
    { "host", FIELD_LINE, false, AT (host) },
    { "name", FIELD_LINE, false, AT (name) },
    { "pid", FIELD_UINT, false, AT (pid) },
    { "initializer", FIELD_NAME, false, AT (initializer) },
    { "args", FIELD_BYTES, false, AT (initializer_args) },
    { "seed", FIELD_UINT, false, AT (seed) },
    { "max_tasks", FIELD_UINT, false, AT (max_tasks_per_child) },
    { "processes", FIELD_UINT, false, AT (processes) },
    { "window_tasks", FIELD_UINT, false, AT (window_tasks) },
    { "window_bytes", FIELD_UINT, false, AT (window_bytes) },
    { "draining", FIELD_BOOL, false, AT (is_draining) },
    { "functions", FIELD_NAMES, false, offsetof (wire_hello_t, functions),
      offsetof (wire_hello_t, n_functions) },
    { "labels", FIELD_NAMES, false, offsetof (wire_hello_t, labels), offsetof (wire_hello_t, n_labels) },
    { "watcher", FIELD_BOOL, false, AT (is_watcher) },
    { "machine", FIELD_UINT, false, AT (machine) },
    { "drains", FIELD_BOOL, false, AT (heeds_drain) },
};
#undef AT
#define AT(member) offsetof (wire_welcome_t, member), 0
const wire_field_t wire_welcome_fields[WIRE_N_WELCOME] = {
    { "version", FIELD_UINT, true, AT (version) },
    { "epoch", FIELD_UINT, true, AT (epoch) },
    { "kept", FIELD_BOOL, false, AT (is_session_kept) },
    { "max_payload", FIELD_UINT, false, AT (max_payload) },
    { "heartbeat_ms", FIELD_UINT, false, AT (heartbeat_ms) },
    { "processes", FIELD_UINT, false, AT (processes) },
    { "name", FIELD_LINE, false, AT (name) },
    { "room", FIELD_UINT, false, AT (room) },
    { "tasks", FIELD_UINT, false, AT (most_tasks) },
};
#undef AT
#define AT(member) offsetof (wire_session_t, member), 0
const wire_field_t wire_session_fields[WIRE_N_SESSION] = {
    { "session", FIELD_UINT, true, AT (session) },
    { "seed", FIELD_UINT, false, AT (seed) },
    { "max_tasks", FIELD_UINT, false, AT (max_tasks_per_child) },
    { "initializer", FIELD_NAME, false, AT (initializer) },
    { "args", FIELD_BYTES, false, AT (initializer_args) },
    { "own_children", FIELD_BOOL, false, AT (has_own_children) },
};
#undef AT
#define AT(member) offsetof (wire_answer_t, member), 0
const wire_field_t wire_answer_fields[WIRE_N_ANSWER] = {
    { "query", FIELD_UINT, true, AT (query) },      { "reason", FIELD_UINT, false, AT (reason) },
    { "ahead", FIELD_UINT, false, AT (ahead) },     { "since_ms", FIELD_UINT, false, AT (since_ms) },
    { "attempt", FIELD_UINT, false, AT (attempt) }, { "worker", FIELD_LINE, false, AT (worker) },
    { "text", FIELD_TEXT, false, AT (text) },
};
#undef AT
#define AT(member) offsetof (wire_group_t, member), 0
const wire_field_t wire_options_fields[WIRE_N_OPTIONS] = {
    { "require", FIELD_NAME, false, AT (require) },
    { "priority", FIELD_INT, false, AT (priority) },
    { "limit_ms", FIELD_UINT, false, AT (time_limit_ms) },
    { "once", FIELD_BOOL, false, AT (is_at_most_once) },
    { "loose", FIELD_BOOL, false, AT (is_loose) },
};
#undef AT
#define AT(member) offsetof (wire_memory_t, member), 0
const wire_field_t wire_memory_fields[WIRE_N_MEMORY] = {
    { "pid", FIELD_UINT, true, AT (pid) },           { "fd", FIELD_UINT, true, AT (fd) },
    { "bytes", FIELD_UINT, true, AT (bytes) },       { "secret", FIELD_UINT, true, AT (secret) },
    { "secret_2", FIELD_UINT, true, AT (secret_2) }, { "counter", FIELD_UINT, true, AT (counter) },
    { "mapped", FIELD_BOOL, false, AT (is_mapped) },
};
#undef AT

/* ---- Reading --------------------------------------------------------------------------------- */

const char *wire_read_bytes (dp_reader_t *reader, wire_frames_t *frames, wire_bytes_t *bytes)
{
    if (dp_reader_type (reader) != DP_TYPE_UINT) {
        bytes->data = dp_reader_bin (reader, &bytes->len);
        bytes->frame = 0;
        return reader->is_failed ? "a payload is neither bytes nor the number of a frame" : NULL;
    }
    uint64_t frame = dp_reader_uint (reader);
    if (reader->is_failed || frame == 0 || frame >= frames->n_frames)
        return "a payload names a frame that is not there";
    uint64_t bit = UINT64_C (1) << frame;
    if (frames->used & bit)
        return "two payloads name the same frame";
    frames->used |= bit;
    *bytes = frames->frames[frame];
    bytes->frame = (size_t) frame;
    return NULL;
}

static const char *read_text (dp_reader_t *reader, wire_field_type_t type, wire_text_t *text)
{
    text->data = dp_reader_str (reader, &text->len);
    if (reader->is_failed)
        return "a member that should be text is not";
    if (type == FIELD_NAME)
        return text->len == 0 || dp_name_is_valid (text->data, text->len) ? NULL : "a bad name";
    if (type == FIELD_TEXT)
        return dp_utf8_is_valid (text->data, text->len) ? NULL : "text that is not UTF-8";
    if (text->len > WIRE_LINE_MAX || !dp_utf8_is_line (text->data, text->len))
        return "a host or a name that is too long, or is no line of UTF-8";
    return NULL;
}

static const char *read_names (dp_reader_t *reader, dp_reader_t *names, size_t *n_names)
{
    size_t n = dp_reader_array (reader);
    *names = *reader;
    *n_names = n;
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *name = dp_reader_str (reader, &len);
        if (!dp_name_is_valid (name, len))
            return "a bad name";
    }
    return reader->is_failed ? "a list of names is none" : NULL;
}

static const char *read_role (dp_reader_t *reader, wire_role_t *role)
{
    uint64_t number = dp_reader_uint (reader);
    if (number != WIRE_ROLE_CLIENT && number != WIRE_ROLE_WORKER)
        return "an unknown role";
    *role = (wire_role_t) number;
    return NULL;
}

static const char *read_magic (dp_reader_t *reader)
{
    size_t len;
    const char *magic = dp_reader_str (reader, &len);
    return len == strlen (WIRE_MAGIC) && memcmp (magic, WIRE_MAGIC, len) == 0 ? NULL
                                                                              : "the magic is not dpool's";
}

static const char *read_field (dp_reader_t *reader, wire_frames_t *frames, const wire_field_t *field,
                               void *record)
{
    void *at = (char *) record + field->offset;
    switch (field->type) {
    case FIELD_UINT:
        *(uint64_t *) at = dp_reader_uint (reader);
        break;
    case FIELD_INT:
        *(int64_t *) at = dp_reader_int (reader);
        break;
    case FIELD_BOOL:
        *(bool *) at = dp_reader_bool (reader);
        break;
    case FIELD_LINE:
    case FIELD_TEXT:
    case FIELD_NAME:
        return read_text (reader, field->type, at);
    case FIELD_BYTES:
        return wire_read_bytes (reader, frames, at);
    case FIELD_NAMES:
        return read_names (reader, at, (size_t *) (void *) ((char *) record + field->count_offset));
    case FIELD_MAGIC:
        return read_magic (reader);
    case FIELD_ROLE:
        return read_role (reader, at);
    }
    return reader->is_failed ? "a member of a map has a wrong type" : NULL;
}

const char *wire_fields_read (dp_reader_t *reader, wire_frames_t *frames, const wire_field_t *fields,
                              size_t n_fields, void *record)
{
    uint32_t seen = 0;
    size_t n_members = dp_reader_map (reader);
    if (n_members > WIRE_MAX_MEMBERS)
        return "a map has more than 64 members";
    for (size_t n = n_members; n > 0; n--) {
        size_t len, i = 0;
        const char *key = dp_reader_str (reader, &len);
        if (reader->is_failed)
            return "a map with a key that is not text";
        while (i < n_fields && (strlen (fields[i].key) != len || memcmp (fields[i].key, key, len) != 0))
            i++;
        if (i == n_fields) {
            if (!dp_reader_skip (reader, &len))
                return "a member of a map is malformed";
            continue;
        }
        const char *why = read_field (reader, frames, &fields[i], record);
        if (why)
            return why;
        if (seen & UINT32_C (1) << i)
            return "a map has a key twice";
        seen |= UINT32_C (1) << i;
    }
    if (reader->is_failed)
        return "a map was due";
    for (size_t i = 0; i < n_fields; i++)
        if (fields[i].is_required && !(seen & UINT32_C (1) << i))
            return fields[i].type == FIELD_MAGIC ? "a HELLO without magic" : "a map lacks a member";
    return NULL;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static bool is_written (const wire_field_t *field, const void *record)
{
    const void *at = (const char *) record + field->offset;
    switch (field->type) {
    case FIELD_UINT:
        return field->is_required || *(const uint64_t *) at != 0;
    case FIELD_INT:
        return field->is_required || *(const int64_t *) at != 0;
    case FIELD_BOOL:
        return field->is_required || *(const bool *) at;
    case FIELD_LINE:
    case FIELD_TEXT:
    case FIELD_NAME:
        return field->is_required || ((const wire_text_t *) at)->len > 0;
    case FIELD_BYTES:
        return field->is_required || ((const wire_bytes_t *) at)->len > 0;
    case FIELD_NAMES:
        return false;
    case FIELD_MAGIC:
    case FIELD_ROLE:
        break;
    }
    return true;
}

size_t wire_fields_count (const wire_field_t *fields, size_t n_fields, const void *record)
{
    size_t n = 0;
    for (size_t i = 0; i < n_fields; i++)
        n += is_written (&fields[i], record);
    return n;
}

void wire_write_text (dp_outgoing_t *message, const char *text, size_t len)
{
    uint8_t *start = wire_room (message, DP_PACK_MAX + len);
    uint8_t *at = dp_pack_str_head (start, len);
    if (len > 0)
        memcpy (at, text, len);
    message->envelope.len -= DP_PACK_MAX - (size_t) (at - start);
}

void wire_write_line (dp_outgoing_t *message, const wire_text_t *text, bool is_line)
{
    size_t len = dp_utf8_cut (text->data, text->len, is_line ? WIRE_LINE_MAX : WIRE_TEXT_MAX);
    wire_write_text (message, text->data, len);
    char *copy = (char *) message->envelope.data + message->envelope.len - len;
    if (is_line)
        dp_utf8_clean_line (copy, len);
    else
        dp_utf8_clean (copy, len);
}

void wire_write_uint (dp_outgoing_t *message, uint64_t x)
{
    uint8_t *start = wire_room (message, DP_PACK_MAX);
    message->envelope.len -= DP_PACK_MAX - (size_t) (dp_pack_uint (start, x) - start);
}

void wire_write_byte (dp_outgoing_t *message, uint8_t byte)
{
    *wire_room (message, 1) = byte;
}

size_t wire_write_bytes (dp_outgoing_t *message, const wire_bytes_t *bytes, dp_blob_t *blob)
{
    if (bytes->len <= WIRE_INLINE_MAX) {
        uint8_t *start = wire_room (message, DP_PACK_MAX + bytes->len);
        uint8_t *at = dp_pack_bin_head (start, bytes->len);
        if (bytes->len > 0)
            memcpy (at, bytes->data, bytes->len);
        message->envelope.len -= DP_PACK_MAX - (size_t) (at - start);
        return 0;
    }
    bool is_whole = blob && dp_blob_data (blob) == bytes->data && dp_blob_len (blob) == bytes->len;
    dp_blob_t *frame = is_whole ? dp_blob_hold (blob) : dp_blob_copy (bytes->data, bytes->len);
    if (!frame)
        dp_no_memory (bytes->len);
    message->frames[message->n_frames++] = frame;
    wire_write_uint (message, message->n_frames);
    return bytes->len;
}

static void write_field (dp_outgoing_t *message, const wire_field_t *field, const void *record,
                         dp_blob_t *blob)
{
    const void *at = (const char *) record + field->offset;
    switch (field->type) {
    case FIELD_UINT:
        wire_write_uint (message, *(const uint64_t *) at);
        break;
    case FIELD_INT: {
        uint8_t *start = wire_room (message, DP_PACK_MAX);
        message->envelope.len -= DP_PACK_MAX - (size_t) (dp_pack_int (start, *(const int64_t *) at) - start);
        break;
    }
    case FIELD_BOOL:
        wire_write_byte (message, *(const bool *) at ? 0xc3 : 0xc2);
        break;
    case FIELD_LINE:
    case FIELD_TEXT:
        wire_write_line (message, at, field->type == FIELD_LINE);
        break;
    case FIELD_NAME:
        wire_write_text (message, ((const wire_text_t *) at)->data, ((const wire_text_t *) at)->len);
        break;
    case FIELD_BYTES:
        wire_write_bytes (message, at, blob);
        break;
    case FIELD_NAMES:
        break;
    case FIELD_MAGIC:
        wire_write_text (message, WIRE_MAGIC, strlen (WIRE_MAGIC));
        break;
    case FIELD_ROLE:
        wire_write_uint (message, (uint64_t) * (const wire_role_t *) at);
        break;
    }
}

void wire_fields_write (dp_outgoing_t *message, const wire_field_t *fields, size_t n_fields,
                        const void *record, dp_blob_t *blob)
{
    for (size_t i = 0; i < n_fields; i++)
        if (is_written (&fields[i], record)) {
            wire_write_text (message, fields[i].key, strlen (fields[i].key));
            write_field (message, &fields[i], record, blob);
        }
}
