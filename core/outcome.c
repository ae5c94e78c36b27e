/* SPDX-License-Identifier: MPL-2.0 */
#include "core/outcome.h"

#include "core/utf8.h"

#include <limits.h>
#include <msgpack.h>
#include <string.h>

static const struct {
    int code;
    const char *name;
} statuses[OUTCOME_COUNT] = {
    [OUTCOME_VALUE] = { 0, "value" },
    [OUTCOME_FAILED] = { DPOOL_EFAILED, "failed" },
    [OUTCOME_CRASHED] = { DPOOL_ECRASHED, "crashed" },
    [OUTCOME_TIMED_OUT] = { DPOOL_ETIMELIMIT, "timed out" },
    [OUTCOME_CANCELLED] = { DPOOL_ECANCELLED, "cancelled" },
    [OUTCOME_KILLED] = { DPOOL_EKILLED, "killed" },
    [OUTCOME_LOST] = { DPOOL_ELOST, "lost" },
    [OUTCOME_NO_FUNCTION] = { DPOOL_ENOFUNCTION, "no function" },
    [OUTCOME_TOO_LARGE] = { DPOOL_ETOOLARGE, "too large" },
    [OUTCOME_TERMINATED] = { DPOOL_ETERMINATED, "terminated" },
    [OUTCOME_REFUSED] = { DPOOL_EREFUSED, "refused" },
    [OUTCOME_INITIALIZER] = { DPOOL_EINITIALIZER, "initializer failed" },
    [OUTCOME_BAD_VALUE] = { DPOOL_EVALUE, "bad value" },
    [OUTCOME_NOT_STARTED] = { DPOOL_ECANCELLED, "not started" },
    [OUTCOME_BROKER_LOST] = { DPOOL_EBROKERLOST, "broker lost" },
    [OUTCOME_QUOTA] = { DPOOL_EQUOTA, "over quota" },
};

static outcome_status_t known (uint64_t status)
{
    return status < OUTCOME_COUNT ? (outcome_status_t) status : OUTCOME_FAILED;
}

int outcome_code (outcome_status_t status)
{
    return statuses[known (status)].code;
}

outcome_status_t outcome_status (int code)
{
    for (int i = OUTCOME_FAILED; i < OUTCOME_COUNT; i++)
        if (statuses[i].code == code)
            return (outcome_status_t) i;
    return OUTCOME_FAILED;
}

const char *outcome_name (outcome_status_t status)
{
    return statuses[known (status)].name;
}

int outcome_put_value (dp_buffer_t *buffer, const void *data, size_t len)
{
    static const uint8_t status = OUTCOME_VALUE;
    if (dp_buffer_append (buffer, &status, 1) < 0)
        return -1;
    return dp_buffer_append (buffer, data, len);
}

int outcome_put_not_started (dp_buffer_t *buffer)
{
    static const uint8_t bytes[] = { OUTCOME_NOT_STARTED, 0xc0 };
    return dp_buffer_append (buffer, bytes, sizeof bytes);
}

/* ---- Errors ---------------------------------------------------------------------------------- */

/* The members of an error on the wire: docs/protocol.md. Only those that say something are sent. */
typedef struct members_s {
    int64_t user_code, exit_status;
    const char *texts[3];
    uint64_t attempts, pid, signal, peak, cpu;
    bool out_of_memory;
} members_t;

static const char *const text_keys[3] = { "message", "host", "stderr" };

static const struct {
    const char *key;
    size_t offset;
} uint_keys[] = {
    { "attempts", offsetof (members_t, attempts) }, { "pid", offsetof (members_t, pid) },
    { "signal", offsetof (members_t, signal) },     { "peak", offsetof (members_t, peak) },
    { "cpu", offsetof (members_t, cpu) },
}, int_keys[] = {
    { "user_code", offsetof (members_t, user_code) }, { "exit", offsetof (members_t, exit_status) },
};

#define N_OF(array) (sizeof (array) / sizeof (array)[0])

static uint64_t *uint_at (members_t *members, size_t i)
{
    return (uint64_t *) (void *) ((char *) members + uint_keys[i].offset);
}

static int64_t *int_at (members_t *members, size_t i)
{
    return (int64_t *) (void *) ((char *) members + int_keys[i].offset);
}

static members_t members_of (const dpool_error_t *error)
{
    members_t members = { 0 };
    if (!error)
        return members;
    members.user_code = error->user_code;
    members.exit_status = error->exit_status;
    members.texts[0] = error->message;
    members.texts[1] = error->host;
    members.texts[2] = error->stderr_tail;
    members.attempts = error->attempts;
    members.pid = error->pid > 0 ? (uint64_t) error->pid : 0;
    members.signal = error->signal > 0 ? (uint64_t) error->signal : 0;
    members.peak = error->peak_memory_bytes;
    members.cpu = error->cpu_time_us;
    members.out_of_memory = error->out_of_memory;
    return members;
}

static void put_str (msgpack_packer *packer, const char *text)
{
    size_t len = strlen (text);
    msgpack_pack_str (packer, len);
    msgpack_pack_str_body (packer, text, len);
}

/* A text of an error, made valid on its way: what a process writes to stderr may be any bytes. */
static void put_member_text (msgpack_packer *packer, dp_buffer_t *buffer, size_t i, const char *text)
{
    put_str (packer, text_keys[i]);
    put_str (packer, text);
    size_t len = strlen (text);
    if (!buffer->is_failed)
        dp_utf8_clean ((char *) buffer->data + buffer->len - len, len);
}

int outcome_put_error (dp_buffer_t *buffer, outcome_status_t status, const dpool_error_t *error)
{
    members_t members = members_of (error);
    size_t count = members.out_of_memory ? 1 : 0;
    for (size_t i = 0; i < N_OF (int_keys); i++)
        count += *int_at (&members, i) != 0;
    for (size_t i = 0; i < N_OF (uint_keys); i++)
        count += *uint_at (&members, i) != 0;
    for (size_t i = 0; i < N_OF (text_keys); i++)
        count += members.texts[i] && *members.texts[i];

    msgpack_packer packer;
    msgpack_packer_init (&packer, buffer, dp_buffer_msgpack_write);
    msgpack_pack_uint32 (&packer, (uint32_t) status);
    msgpack_pack_map (&packer, count);
    for (size_t i = 0; i < N_OF (text_keys); i++)
        if (members.texts[i] && *members.texts[i])
            put_member_text (&packer, buffer, i, members.texts[i]);
    for (size_t i = 0; i < N_OF (int_keys); i++)
        if (*int_at (&members, i) != 0) {
            put_str (&packer, int_keys[i].key);
            msgpack_pack_int64 (&packer, *int_at (&members, i));
        }
    for (size_t i = 0; i < N_OF (uint_keys); i++)
        if (*uint_at (&members, i) != 0) {
            put_str (&packer, uint_keys[i].key);
            msgpack_pack_uint64 (&packer, *uint_at (&members, i));
        }
    if (members.out_of_memory) {
        put_str (&packer, "oom");
        msgpack_pack_true (&packer);
    }
    return buffer->is_failed ? -1 : 0;
}

int outcome_next (dp_reader_t *row, outcome_status_t *status, const uint8_t **body, size_t *body_len)
{
    if (!row->is_failed && row->at < row->end && *row->at < OUTCOME_COUNT)
        *status = (outcome_status_t) *row->at++;
    else
        *status = known (dp_reader_uint (row));
    *body = dp_reader_skip (row, body_len);
    return *body ? 0 : -1;
}

static bool is_key (const char *key, size_t len, const char *name)
{
    return strlen (name) == len && memcmp (key, name, len) == 0;
}

/* Copy a text to the end of "texts". Where it will be at last is only known when all are copied. */
static int keep_text (dp_buffer_t *texts, const char *text, size_t len, size_t *place)
{
    char *copy = (char *) dp_buffer_extend (texts, len + 1);
    if (!copy)
        return -1;
    *place = texts->len - len - 1;
    if (len > 0)
        memcpy (copy, text, len);
    dp_utf8_clean (copy, len);
    copy[len] = '\0';
    return 0;
}

static int read_member (dp_reader_t *reader, members_t *members, dp_buffer_t *texts, size_t places[3])
{
    size_t len, text_len;
    const char *key = dp_reader_str (reader, &len);
    for (size_t i = 0; i < N_OF (text_keys); i++)
        if (is_key (key, len, text_keys[i])) {
            const char *text = dp_reader_str (reader, &text_len);
            return reader->is_failed ? -1 : keep_text (texts, text, text_len, &places[i]);
        }
    for (size_t i = 0; i < N_OF (int_keys); i++)
        if (is_key (key, len, int_keys[i].key)) {
            *int_at (members, i) = dp_reader_int (reader);
            return 0;
        }
    for (size_t i = 0; i < N_OF (uint_keys); i++)
        if (is_key (key, len, uint_keys[i].key)) {
            *uint_at (members, i) = dp_reader_uint (reader);
            return 0;
        }
    if (is_key (key, len, "oom"))
        members->out_of_memory = dp_reader_bool (reader);
    else
        dp_reader_skip (reader, &text_len);
    return 0;
}

static bool is_in_range (const members_t *members)
{
    return members->user_code >= INT_MIN && members->user_code <= INT_MAX && members->exit_status >= INT_MIN
           && members->exit_status <= INT_MAX && members->attempts <= UINT_MAX && members->pid <= INT_MAX
           && members->signal <= INT_MAX;
}

int outcome_read_error (outcome_status_t status, const uint8_t *body, size_t body_len, dp_buffer_t *texts,
                        dpool_error_t *error)
{
    members_t members = { 0 };
    size_t places[3], empty;
    dp_buffer_reset (texts);
    if (keep_text (texts, "", 0, &empty) < 0)
        return -1;
    places[0] = places[1] = places[2] = empty;
    dp_reader_t reader;
    dp_reader_init (&reader, body, body_len);
    if (dp_reader_type (&reader) == DP_TYPE_NIL)
        dp_reader_nil (&reader); /* an error of which nothing is known */
    else
        for (size_t n = dp_reader_map (&reader); n > 0 && !reader.is_failed; n--)
            if (read_member (&reader, &members, texts, places) < 0)
                return -1;
    if (!dp_reader_is_done (&reader) || !is_in_range (&members))
        return -1;
    error->code = outcome_code (status);
    error->user_code = (int) members.user_code;
    error->exit_status = (int) members.exit_status;
    error->message = (const char *) texts->data + places[0];
    error->host = (const char *) texts->data + places[1];
    error->stderr_tail = (const char *) texts->data + places[2];
    error->attempts = (unsigned) members.attempts;
    error->pid = (pid_t) members.pid;
    error->signal = (int) members.signal;
    error->peak_memory_bytes = members.peak;
    error->cpu_time_us = members.cpu;
    error->out_of_memory = members.out_of_memory;
    return 0;
}
