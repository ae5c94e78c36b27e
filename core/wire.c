/* SPDX-License-Identifier: MPL-2.0 */
/* wire.c - decoding: a table says for each kind how it is checked. */
#include "core/wire.h"

#include "core/name.h"
#include "core/utf8.h"
#include "core/wire_parts.h"

#include <string.h>

/* ---- Kinds ----------------------------------------------------------------------------------- */

/* A row of records, each to be checked by the function of its kind. */
typedef const char *(check_t) (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames);

static const char *check_rows (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames,
                               check_t *check)
{
    size_t n = dp_reader_array (reader);
    if (reader->is_failed)
        return "a list was due";
    message->records = *reader;
    message->n_records = n;
    const char *why = NULL;
    for (size_t i = 0; i < n && !why; i++)
        why = check (message, reader, frames);
    message->records.end = reader->at;
    return why;
}

static const char *check_result (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    (void) message;
    wire_result_t result;
    return wire_read_result (reader, frames, &result);
}

static const char *check_run (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    (void) frames;
    wire_run_t run;
    return wire_read_run (reader, message->kind, &run);
}

static const char *check_range (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    (void) message;
    (void) frames;
    wire_range_t range;
    return wire_read_range (reader, &range);
}

static const char *check_session (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    (void) message;
    (void) frames;
    dp_reader_uint (reader);
    return reader->is_failed ? "a session is no number" : NULL;
}

static const char *check_group (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    wire_group_t group;
    size_t n_extra;
    const char *why = wire_read_group (reader, frames, message->kind, &group, &n_extra);
    for (size_t i = 0; !why && i < group.n_tasks; i++) {
        wire_task_t task;
        why = wire_read_task (reader, frames, &task);
    }
    if (!why)
        wire_skip_extra (reader, n_extra, 0);
    return why;
}

static const char *decode_nothing (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    (void) message;
    (void) reader;
    (void) frames;
    return NULL;
}

static const char *decode_hello (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    wire_hello_t *hello = &message->hello;
    const wire_field_t *fields = wire_hello_fields;
    hello->host.data = hello->name.data = hello->initializer.data = "";
    hello->initializer_args.data = (const uint8_t *) "";
    dp_reader_t again = *reader;
    const char *why = wire_fields_read (reader, frames, fields, WIRE_N_HELLO_FIRST, hello);
    if (why)
        return why;
    if (hello->version_min > hello->version_max)
        return "a range of versions that ends before it begins";
    if (!wire_is_spoken (hello)) {
        /* All else may look different in such a version: the peer shall hear of that, of nothing else. */
        frames->used = UINT64_MAX;
        return NULL;
    }
    *reader = again;
    why = wire_fields_read (reader, frames, fields, WIRE_N_HELLO, hello);
    return why || hello->id != 0 ? why : "an id of 0";
}

static const char *decode_welcome (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    message->welcome.name.data = "";
    return wire_fields_read (reader, frames, wire_welcome_fields, WIRE_N_WELCOME, &message->welcome);
}

static const char *decode_refused (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    (void) frames;
    uint64_t code = dp_reader_uint (reader);
    bool is_known = code >= WIRE_REFUSED_MALFORMED && code <= WIRE_REFUSED_KEY;
    message->refused.code = is_known ? (wire_refusal_t) code : WIRE_REFUSED_OTHER;
    wire_text_t *text = &message->refused.text;
    text->data = dp_reader_str (reader, &text->len);
    return dp_utf8_is_valid (text->data, text->len) ? NULL : "text that is not UTF-8";
}

static const char *decode_session (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    message->session.initializer.data = "";
    message->session.initializer_args.data = (const uint8_t *) "";
    return wire_fields_read (reader, frames, wire_session_fields, WIRE_N_SESSION, &message->session);
}

static const char *decode_session_end (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    (void) frames;
    message->session.session = dp_reader_uint (reader);
    return NULL;
}

static const char *decode_query (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    wire_query_t *query = &message->query;
    query->query = dp_reader_uint (reader);
    uint64_t question = dp_reader_uint (reader);
    query->question = (wire_question_t) question;
    query->id = dp_reader_uint (reader);
    query->name.data = "";
    if (question < WIRE_QUERY_EXPLAIN || question > WIRE_QUERY_FUNCTION)
        return "an unknown question";
    if (question != WIRE_QUERY_FUNCTION)
        return NULL;
    if (frames->n_extra > 0) {
        frames->n_extra--;
        query->name.data = dp_reader_str (reader, &query->name.len);
    }
    if (reader->is_failed || !dp_name_is_valid (query->name.data, query->name.len))
        return "a question without the name of a function";
    return NULL;
}

static const char *decode_answer (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    message->answer.worker.data = message->answer.text.data = "";
    return wire_fields_read (reader, frames, wire_answer_fields, WIRE_N_ANSWER, &message->answer);
}

static const char *decode_workers (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    (void) frames;
    message->workers = dp_reader_uint (reader);
    return NULL;
}

static const char *decode_room (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    message->room = dp_reader_uint (reader);
    const char *why = check_rows (message, reader, frames, check_session);
    if (why == NULL && frames->n_extra > 0 && dp_reader_type (reader) == DP_TYPE_UINT) {
        message->most_tasks = dp_reader_uint (reader);
        frames->n_extra--;
    }
    return why;
}

static const char *decode_large (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    (void) frames;
    message->large = dp_reader_uint (reader);
    return NULL;
}

static const char *decode_memory (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    return wire_fields_read (reader, frames, wire_memory_fields, WIRE_N_MEMORY, &message->memory);
}

static const char *decode_groups (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    return check_rows (message, reader, frames, check_group);
}

static const char *decode_runs (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    return check_rows (message, reader, frames, check_run);
}

static const char *decode_ranges (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    return check_rows (message, reader, frames, check_range);
}

static const char *decode_listed_ranges (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    message->is_last = dp_reader_bool (reader);
    return decode_ranges (message, reader, frames);
}

static const char *decode_listed_runs (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    message->is_last = dp_reader_bool (reader);
    return decode_runs (message, reader, frames);
}

static const char *decode_formed (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    uint64_t form = dp_reader_uint (reader);
    message->has_ranges = form == WIRE_FORM_RANGES;
    if (form != WIRE_FORM_RANGES && form != WIRE_FORM_RUNS)
        return "a CANCEL or REVOKE of neither ids nor runs";
    return message->has_ranges ? decode_ranges (message, reader, frames)
                               : decode_runs (message, reader, frames);
}

static const char *decode_results (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    message->window_tasks = dp_reader_uint (reader);
    message->window_bytes = dp_reader_uint (reader);
    return check_rows (message, reader, frames, message->kind == WIRE_RESULTS ? check_result : check_run);
}

static const struct {
    const char *name;
    size_t n_fields; /* behind kind and ack */
    check_t *decode;
} kinds[WIRE_KINDS] = {
    [WIRE_HELLO] = { "HELLO", 1, decode_hello },
    [WIRE_WELCOME] = { "WELCOME", 1, decode_welcome },
    [WIRE_WHO] = { "WHO", 0, decode_nothing },
    [WIRE_REFUSED] = { "REFUSED", 2, decode_refused },
    [WIRE_PING] = { "PING", 0, decode_nothing },
    [WIRE_PONG] = { "PONG", 0, decode_nothing },
    [WIRE_BYE] = { "BYE", 0, decode_nothing },
    [WIRE_ACK] = { "ACK", 0, decode_nothing },
    [WIRE_SUBMIT] = { "SUBMIT", 1, decode_groups },
    [WIRE_CLAIM] = { "CLAIM", 2, decode_listed_ranges },
    [WIRE_MISSING] = { "MISSING", 1, decode_ranges },
    [WIRE_RESULTS] = { "RESULTS", 3, decode_results },
    [WIRE_CANCEL] = { "CANCEL", 2, decode_formed },
    [WIRE_QUERY] = { "QUERY", 3, decode_query },
    [WIRE_ANSWER] = { "ANSWER", 1, decode_answer },
    [WIRE_WORKERS] = { "WORKERS", 1, decode_workers },
    [WIRE_PROGRESS] = { "PROGRESS", 1, decode_runs },
    [WIRE_TASKS] = { "TASKS", 1, decode_groups },
    [WIRE_SESSION] = { "SESSION", 1, decode_session },
    [WIRE_SESSION_END] = { "SESSION_END", 1, decode_session_end },
    [WIRE_RUNS] = { "RUNS", 2, decode_listed_runs },
    [WIRE_ADOPT] = { "ADOPT", 1, decode_runs },
    [WIRE_REVOKE] = { "REVOKE", 2, decode_formed },
    [WIRE_RELEASE] = { "RELEASE", 3, decode_results },
    [WIRE_DRAIN] = { "DRAIN", 0, decode_nothing },
    [WIRE_ROOM] = { "ROOM", 2, decode_room },
    [WIRE_LARGE] = { "LARGE", 1, decode_large },
    [WIRE_MEMORY] = { "MEMORY", 1, decode_memory },
};

static bool is_known (uint64_t kind)
{
    return kind < WIRE_KINDS && kinds[kind].name;
}

const char *wire_kind_name (wire_kind_t kind)
{
    return is_known (kind) ? kinds[kind].name : "?";
}

/* ---- Decoding -------------------------------------------------------------------------------- */

static const char *decode_envelope (wire_message_t *message, dp_reader_t *reader, wire_frames_t *frames)
{
    size_t n = dp_reader_array (reader);
    uint64_t kind = n >= 2 ? dp_reader_uint (reader) : 0;
    message->ack = n >= 2 ? dp_reader_uint (reader) : 0;
    if (n < 2 || reader->is_failed)
        return "the envelope is no array of kind and ack";
    if (!is_known (kind))
        return "an unknown kind of message";
    message->kind = (wire_kind_t) kind;
    if (n - 2 < kinds[kind].n_fields)
        return "the message is too short";
    frames->n_extra = n - 2 - kinds[kind].n_fields;
    const char *why = kinds[kind].decode (message, reader, frames);
    if (why)
        return why;
    wire_skip_extra (reader, frames->n_extra, 0);
    if (reader->is_failed)
        return "the message is malformed";
    if (!dp_reader_is_done (reader))
        return "bytes behind the end of the message";
    uint64_t all
        = message->n_frames == WIRE_MAX_FRAMES ? UINT64_MAX : (UINT64_C (1) << message->n_frames) - 1;
    return (frames->used & all) == all ? NULL : "a frame that nothing refers to";
}

int wire_decode (wire_message_t *message, const wire_bytes_t *frames, size_t n_frames, const char **why)
{
    /* All but the long row of frames, of which few are used. */
    memset (message, 0, offsetof (wire_message_t, frames));
    message->n_frames = 0;
    *why = NULL;
    if (n_frames == 0 || n_frames > WIRE_MAX_FRAMES)
        *why = "a message of no frame, or of too many";
    else if (frames[0].len > WIRE_MAX_ENVELOPE)
        *why = "the envelope is too long";
    else {
        for (size_t i = 0; i < n_frames; i++) {
            message->frames[i].data = frames[i].data;
            message->frames[i].len = frames[i].len;
            message->frames[i].frame = i;
        }
        message->n_frames = n_frames;
        wire_frames_t used = { message->frames, n_frames, 1, 0 }; /* the envelope itself */
        dp_reader_t reader;
        dp_reader_init (&reader, message->frames[0].data, message->frames[0].len);
        *why = decode_envelope (message, &reader, &used);
    }
    return *why ? -1 : 0;
}
