/* SPDX-License-Identifier: MPL-2.0 */
/* wire_parts.h - what the wire*.c files share: maps of named members, payloads, and starting a message. */
#ifndef DP_WIRE_PARTS_H_INCLUDED
#define DP_WIRE_PARTS_H_INCLUDED

#include "core/wire.h"

/* The third element of CANCEL and REVOKE. */
enum { WIRE_FORM_RANGES = 1, WIRE_FORM_RUNS = 2 };

#define WIRE_LINE_MAX 255           /* bytes of a host's, worker's or broker's name */
#define WIRE_TEXT_MAX (512u * 1024) /* bytes of a refusal's or an answer's text: well inside an envelope */

/* ---- Maps ------------------------------------------------------------------------------------ */

typedef enum {
    FIELD_UINT,  /* uint64_t */
    FIELD_INT,   /* int64_t */
    FIELD_BOOL,  /* bool */
    FIELD_LINE,  /* wire_text_t: at most WIRE_LINE_MAX bytes, no control characters */
    FIELD_TEXT,  /* wire_text_t: UTF-8 */
    FIELD_NAME,  /* wire_text_t: a valid name */
    FIELD_BYTES, /* wire_bytes_t: bin, or the number of a frame */
    FIELD_NAMES, /* dp_reader_t and, at count_offset, size_t: an array of valid names; only read */
    FIELD_MAGIC, /* nothing: it must be WIRE_MAGIC */
    FIELD_ROLE   /* wire_role_t */
} wire_field_type_t;

/* One member of a struct that travels as a map: its key there and its place here. */
typedef struct wire_field_s {
    const char *key;
    wire_field_type_t type;
    bool is_required; /* missing is an error; else it then keeps its value, which is 0 or "" */
    size_t offset, count_offset;
} wire_field_t;

/* The frames of the message that is being read, and which of them (as bits) something referred to. */
typedef struct wire_frames_s {
    const wire_bytes_t *frames;
    size_t n_frames;
    uint64_t used;
    size_t n_extra; /* elements of the envelope behind those that its kind must have, and are not read yet */
} wire_frames_t;

/* Read a map into a record. Other keys are skipped. NULL, or why not: static. */
const char *wire_fields_read (dp_reader_t *reader, wire_frames_t *frames, const wire_field_t *fields,
                              size_t n_fields, void *record);

/* How many members wire_fields_write will write: the required ones and those that are not 0 or "". */
size_t wire_fields_count (const wire_field_t *fields, size_t n_fields, const void *record);

/* Append keys and values (not the map's head). Texts are made valid and cut to what may be read. blob, or
   NULL: what a member of bytes lies in, as for wire_write_bytes. */
void wire_fields_write (dp_outgoing_t *message, const wire_field_t *fields, size_t n_fields,
                        const void *record, dp_blob_t *blob);

/* The maps. */
#define WIRE_N_HELLO 22
#define WIRE_N_HELLO_FIRST 3 /* of them: magic and versions */
#define WIRE_N_WELCOME 9
#define WIRE_N_SESSION 6
#define WIRE_N_ANSWER 7
#define WIRE_N_OPTIONS 5
#define WIRE_N_MEMORY 7
extern const wire_field_t wire_hello_fields[WIRE_N_HELLO];
extern const wire_field_t wire_welcome_fields[WIRE_N_WELCOME];
extern const wire_field_t wire_session_fields[WIRE_N_SESSION];
extern const wire_field_t wire_answer_fields[WIRE_N_ANSWER];
extern const wire_field_t wire_memory_fields[WIRE_N_MEMORY];
extern const wire_field_t wire_options_fields[WIRE_N_OPTIONS]; /* of wire_group_t */

/* ---- Payloads -------------------------------------------------------------------------------- */

/* Read bytes that stand here or are a frame, each frame once. NULL, or why not: static. */
const char *wire_read_bytes (dp_reader_t *reader, wire_frames_t *frames, wire_bytes_t *bytes);

/* Append bytes, or put them into a frame: see wire_add_task. Returns the bytes that went into a frame. */
size_t wire_write_bytes (dp_outgoing_t *message, const wire_bytes_t *bytes, dp_blob_t *blob);

/* Append one number, text as it is, or one byte that is a msgpack value of its own. */
void wire_write_uint (dp_outgoing_t *message, uint64_t x);
void wire_write_text (dp_outgoing_t *message, const char *text, size_t len);
void wire_write_byte (dp_outgoing_t *message, uint8_t byte);

/* Append text made valid and cut: a line (WIRE_LINE_MAX) or text (WIRE_TEXT_MAX). */
void wire_write_line (dp_outgoing_t *message, const wire_text_t *text, bool is_line);

/* ---- Records --------------------------------------------------------------------------------- */

/* Each reads and checks one record. NULL, or why not: static. Runs and groups depend on the kind. */
const char *wire_read_task (dp_reader_t *reader, wire_frames_t *frames, wire_task_t *task);
const char *wire_read_result (dp_reader_t *reader, wire_frames_t *frames, wire_result_t *result);
const char *wire_read_run (dp_reader_t *reader, wire_kind_t kind, wire_run_t *run);
const char *wire_read_range (dp_reader_t *reader, wire_range_t *range);
/* A group up to its tasks, behind which *n_extra more elements stand. */
const char *wire_read_group (dp_reader_t *reader, wire_frames_t *frames, wire_kind_t kind,
                             wire_group_t *group, size_t *n_extra);

/* Skip what a later version added: elements n_known to n of an array. */
void wire_skip_extra (dp_reader_t *reader, size_t n, size_t n_known);

/* ---- Messages -------------------------------------------------------------------------------- */

/* A new, empty message. Aborts without memory. Put it into an outbox or destroy it. */
dp_outgoing_t *wire_outgoing_new (uint64_t to, wire_kind_t kind);

/* Room for len more bytes at the end of a message, counted in. Aborts without memory. */
uint8_t *wire_room (dp_outgoing_t *message, size_t len);

#endif
