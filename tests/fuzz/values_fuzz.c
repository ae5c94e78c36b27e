/* SPDX-License-Identifier: MPL-2.0 */
/*
 * values_fuzz.c - what is read from payloads: a packed value, by the reader and by pictures, and a row of
 * outcomes. The first byte of the input chooses.
 */
#include "tests/fuzz/fuzz.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/value.h"

#include <errno.h>
#include <msgpack.h>
#include <string.h>

/* Read the whole by types, as a stranger's program would: what skip accepts, this can read, and no more. */
static void walk (dp_reader_t *reader, int depth)
{
    size_t len, n;
    switch (dp_reader_type (reader)) {
    case DP_TYPE_NIL:
        dp_reader_nil (reader);
        return;
    case DP_TYPE_BOOL:
        dp_reader_bool (reader);
        return;
    case DP_TYPE_UINT:
        dp_reader_uint (reader);
        return;
    case DP_TYPE_INT:
        dp_reader_int (reader);
        return;
    case DP_TYPE_DOUBLE:
        dp_reader_double (reader);
        return;
    case DP_TYPE_STR:
        dp_reader_str (reader, &len);
        return;
    case DP_TYPE_BIN:
        dp_reader_bin (reader, &len);
        return;
    case DP_TYPE_ARRAY:
    case DP_TYPE_MAP:
        n = dp_reader_type (reader) == DP_TYPE_MAP ? 2 * dp_reader_map (reader) : dp_reader_array (reader);
        FUZZ_CHECK (n <= (size_t) (reader->end - reader->at));
        for (size_t i = 0; i < n && !reader->is_failed && depth <= DP_MAX_NESTING; i++)
            walk (reader, depth + 1);
        return;
    case DP_TYPE_EXT:
        dp_reader_skip (reader, &len);
        return;
    case DP_TYPE_END:
        return;
    }
}

static void read_value (const uint8_t *data, size_t size)
{
    dp_reader_t skipped, walked;
    size_t len = 0;
    dp_reader_init (&skipped, data, size);
    dp_reader_init (&walked, data, size);
    const uint8_t *start = dp_reader_skip (&skipped, &len);
    FUZZ_CHECK ((start == NULL) == skipped.is_failed);
    FUZZ_CHECK (start == NULL || (start == data && len <= size));
    walk (&walked, 1);
    FUZZ_CHECK (start == NULL || walked.at == skipped.at);
}

/* ---- Pictures ------------------------------------------------------------------------------------ */

typedef struct targets_s {
    int i;
    int64_t l;
    uint64_t u;
    double d;
    bool is;
    const char *s, *t;
    const void *b, *m;
    size_t b_len, m_len;
    msgpack_object o;
    uint8_t room[16];
} targets_t;

static bool fits (int rc)
{
    FUZZ_CHECK (rc == 0 || (rc == -1 && *dpool_last_error ()->message != '\0'));
    return rc == 0;
}

/* Texts are NUL-ended, and borrowed bytes lie inside the value. */
static void check_borrowed (const dpool_value_t *value, targets_t *t)
{
    if (fits (dpool_value_get (value, "s", &t->s)))
        FUZZ_CHECK (strlen (t->s) < value->len);
    if (fits (dpool_value_get (value, "ss", &t->s, &t->t)))
        FUZZ_CHECK (strlen (t->s) + strlen (t->t) < value->len);
    if (fits (dpool_value_get (value, "b", &t->b, &t->b_len)))
        FUZZ_CHECK ((const uint8_t *) t->b + t->b_len == value->data + value->len);
    if (fits (dpool_value_get (value, "m", &t->m, &t->m_len)))
        FUZZ_CHECK (t->m == value->data && t->m_len == value->len);
    if (fits (dpool_value_get (value, "mm", &t->b, &t->b_len, &t->m, &t->m_len)))
        FUZZ_CHECK ((const uint8_t *) t->b + t->b_len == t->m && t->b_len + t->m_len < value->len);
}

static void read_pictures (const uint8_t *data, size_t size)
{
    dpool_value_t value = { .data = data, .len = size };
    targets_t t;
    fits (dpool_value_get (&value, ""));
    fits (dpool_value_get (&value, "n"));
    fits (dpool_value_get (&value, "i", &t.i));
    fits (dpool_value_get (&value, "l", &t.l));
    fits (dpool_value_get (&value, "u", &t.u));
    fits (dpool_value_get (&value, "d", &t.d));
    fits (dpool_value_get (&value, "?", &t.is));
    fits (dpool_value_get (&value, "B", t.room, sizeof t.room));
    fits (dpool_value_get (&value, "ild", &t.i, &t.l, &t.d));
    fits (dpool_value_get (&value, "su?n", &t.s, &t.u, &t.is));
    check_borrowed (&value, &t);
    dp_value_fini (&value);
}

/* Objects are msgpack-c's, of a fixed size each: how much that is for a byte is its matter. */
static void read_objects (const uint8_t *data, size_t size)
{
    dpool_value_t value = { .data = data, .len = size };
    targets_t t;
    fits (dpool_value_get (&value, "o", &t.o));
    if (fits (dpool_value_get (&value, "oi", &t.o, &t.i)))
        fits (dpool_value_get (&value, "oo", &t.o, &t.o));
    dp_value_fini (&value);
}

static void pack (dp_buffer_t *buffer, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    size_t len = buffer->len;
    if (!fits (dp_picture_pack (buffer, picture, &arguments)))
        FUZZ_CHECK (buffer->len == len);
    va_end (arguments);
}

/* What was packed can be unpacked, and is the same. */
static void pack_bytes (const uint8_t *data, size_t size)
{
    dp_buffer_t buffer = DP_BUFFER_INIT;
    targets_t t;
    pack (&buffer, "m", data, size);
    FUZZ_CHECK (buffer.len == 0 || (buffer.len == size && memcmp (buffer.data, data, size) == 0));
    dp_buffer_reset (&buffer);
    pack (&buffer, "b", data, size);
    dpool_value_t value = { .data = buffer.data, .len = buffer.len };
    FUZZ_CHECK (fits (dpool_value_get (&value, "b", &t.b, &t.b_len)));
    FUZZ_CHECK (t.b_len == size && (size == 0 || memcmp (t.b, data, size) == 0));
    char *text = dp_must_alloc (size + 1);
    memcpy (text, data, size);
    dp_buffer_reset (&buffer);
    pack (&buffer, "s", text);
    dpool_value_t packed = { .data = buffer.data, .len = buffer.len };
    if (buffer.len > 0) {
        FUZZ_CHECK (fits (dpool_value_get (&packed, "s", &t.s)));
        FUZZ_CHECK (strcmp (t.s, text) == 0);
    }
    dp_value_fini (&packed);
    dp_value_fini (&value);
    dp_free (text);
    dp_buffer_fini (&buffer);
}

/* ---- Outcomes ------------------------------------------------------------------------------------ */

/* An error that was read has texts all of which can be shown; told on, it reads the same. */
static void pass_on (outcome_status_t status, const dpool_error_t *error)
{
    dp_buffer_t row = DP_BUFFER_INIT, texts = DP_BUFFER_INIT;
    dpool_error_t again = { 0 };
    dp_reader_t reader;
    const uint8_t *body;
    size_t len;
    FUZZ_CHECK (outcome_put_error (&row, status, error) == 0);
    dp_reader_init (&reader, row.data, row.len);
    FUZZ_CHECK (outcome_next (&reader, &status, &body, &len) == 0 && dp_reader_is_done (&reader));
    FUZZ_CHECK (outcome_read_error (status, body, len, &texts, &again) == 0);
    FUZZ_CHECK (strcmp (again.message, error->message) == 0 && strcmp (again.host, error->host) == 0);
    FUZZ_CHECK (again.code == error->code && again.user_code == error->user_code);
    dp_buffer_fini (&texts);
    dp_buffer_fini (&row);
}

static void read_outcomes (const uint8_t *data, size_t size)
{
    dp_reader_t row;
    outcome_status_t status;
    const uint8_t *body;
    size_t len;
    dp_reader_init (&row, data, size);
    while (!dp_reader_is_done (&row) && outcome_next (&row, &status, &body, &len) == 0) {
        dp_buffer_t texts = DP_BUFFER_INIT;
        dpool_error_t error = { 0 };
        FUZZ_CHECK (status < OUTCOME_COUNT && body >= data && body + len <= data + size);
        fuzz_bound_begin ();
        int rc = outcome_read_error (status, body, len, &texts, &error);
        fuzz_bound_end (size);
        if (rc == 0 && status != OUTCOME_VALUE && status != OUTCOME_NOT_STARTED)
            pass_on (status, &error);
        dp_buffer_fini (&texts);
    }
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t len = size - 1;
    /* What was said of errors before stays with the thread: not this input's. */
    dp_fail (EINVAL, "nothing yet");
    switch (data[0] % 4) {
    case 0:
        fuzz_bound_begin ();
        read_value (data + 1, len);
        read_pictures (data + 1, len);
        fuzz_bound_end (len);
        break;
    case 1:
        read_objects (data + 1, len);
        break;
    case 2:
        pack_bytes (data + 1, len);
        break;
    default:
        read_outcomes (data + 1, len);
    }
    return 0;
}
