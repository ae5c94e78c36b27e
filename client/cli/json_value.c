/* SPDX-License-Identifier: MPL-2.0 */
#include "client/cli/json_value.h"

#include "core/error.h"
#include "core/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <string.h>

/* ---- From JSON ------------------------------------------------------------------------------- */

static void pack (msgpack_packer *packer, const json_t *value);

static void pack_array (msgpack_packer *packer, const json_t *array)
{
    size_t i;
    const json_t *element;
    msgpack_pack_array (packer, json_array_size (array));
    json_array_foreach (array, i, element)
    {
        pack (packer, element);
    }
}

static void pack_object (msgpack_packer *packer, const json_t *object)
{
    const char *key;
    json_t *value;
    msgpack_pack_map (packer, json_object_size (object));
    json_object_foreach ((json_t *) (uintptr_t) object, key, value)
    {
        msgpack_pack_str_with_body (packer, key, strlen (key));
        pack (packer, value);
    }
}

static void pack (msgpack_packer *packer, const json_t *value)
{
    switch (json_typeof (value)) {
    case JSON_OBJECT:
        pack_object (packer, value);
        break;
    case JSON_ARRAY:
        pack_array (packer, value);
        break;
    case JSON_STRING:
        msgpack_pack_str_with_body (packer, json_string_value (value), json_string_length (value));
        break;
    case JSON_INTEGER:
        msgpack_pack_int64 (packer, json_integer_value (value));
        break;
    case JSON_REAL:
        msgpack_pack_double (packer, json_real_value (value));
        break;
    case JSON_TRUE:
        msgpack_pack_true (packer);
        break;
    case JSON_FALSE:
        msgpack_pack_false (packer);
        break;
    case JSON_NULL:
        msgpack_pack_nil (packer);
        break;
    }
}

int json_value_pack (dp_buffer_t *buffer, const char *const *arguments, size_t n_arguments)
{
    msgpack_packer packer;
    msgpack_packer_init (&packer, buffer, dp_buffer_msgpack_write);
    if (n_arguments == 0)
        msgpack_pack_nil (&packer);
    else if (n_arguments > 1)
        msgpack_pack_array (&packer, n_arguments);
    for (size_t i = 0; i < n_arguments; i++) {
        json_error_t fault;
        json_t *value = json_loads (arguments[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
        if (value == NULL)
            return dp_fail (EINVAL,
                            "argument %zu, %s, is no JSON value (%s): write numbers as 3 or 0.5, texts as "
                            "'\"text\"', lists as '[1, 2]'",
                            i + 1, arguments[i], fault.text);
        pack (&packer, value);
        json_decref (value);
    }
    return buffer->is_failed ? dp_fail (ENOMEM, "no memory for the arguments") : 0;
}

/* ---- To JSON --------------------------------------------------------------------------------- */

static void print (FILE *stream, const msgpack_object *value);

static void print_text (FILE *stream, const char *text, size_t len)
{
    fputc ('"', stream);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char) text[i];
        if (byte == '"' || byte == '\\')
            fprintf (stream, "\\%c", byte);
        else if (byte == '\n')
            fputs ("\\n", stream);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf (stream, "\\u%04x", byte);
        else
            fputc (byte, stream);
    }
    fputc ('"', stream);
}

static void print_bytes (FILE *stream, const char *data, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    fputs ("{\"base64\": \"", stream);
    for (size_t i = 0; i < len; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < len ? (unsigned char) data[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            fputc (i + k <= len ? letters[bits >> (18 - 6 * k) & 63] : '=', stream);
    }
    fputs ("\"}", stream);
}

static void print_real (FILE *stream, double number)
{
    char text[40];
    int digits = 15; /* as many as it takes to read the same number again */
    if (!isfinite (number)) {
        fputs ("null", stream);
        return;
    }
    do
        snprintf (text, sizeof text, "%.*g", digits, number);
    while (strtod (text, NULL) != number && ++digits <= 17);
    fprintf (stream, "%s%s", text, strpbrk (text, ".e") == NULL ? ".0" : "");
}

/* JSON knows keys of text only. */
static void print_key (FILE *stream, const msgpack_object *key)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = key->type == MSGPACK_OBJECT_STR ? NULL : open_memstream (&text, &size);
    if (memory == NULL) {
        print (stream, key);
        return;
    }
    print (memory, key);
    fclose (memory);
    print_text (stream, text, size);
    free (text);
}

static void print_array (FILE *stream, const msgpack_object_array *array)
{
    fputc ('[', stream);
    for (uint32_t i = 0; i < array->size; i++) {
        fputs (i > 0 ? ", " : "", stream);
        print (stream, &array->ptr[i]);
    }
    fputc (']', stream);
}

static void print_map (FILE *stream, const msgpack_object_map *map)
{
    fputc ('{', stream);
    for (uint32_t i = 0; i < map->size; i++) {
        fputs (i > 0 ? ", " : "", stream);
        print_key (stream, &map->ptr[i].key);
        fputs (": ", stream);
        print (stream, &map->ptr[i].val);
    }
    fputc ('}', stream);
}

static void print (FILE *stream, const msgpack_object *value)
{
    switch (value->type) {
    case MSGPACK_OBJECT_NIL:
        fputs ("null", stream);
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        fputs (value->via.boolean ? "true" : "false", stream);
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        fprintf (stream, "%" PRIu64, value->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        fprintf (stream, "%" PRId64, value->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        print_real (stream, value->via.f64);
        break;
    case MSGPACK_OBJECT_STR:
        print_text (stream, value->via.str.ptr, value->via.str.size);
        break;
    case MSGPACK_OBJECT_BIN:
        print_bytes (stream, value->via.bin.ptr, value->via.bin.size);
        break;
    case MSGPACK_OBJECT_EXT:
        print_bytes (stream, value->via.ext.ptr, value->via.ext.size);
        break;
    case MSGPACK_OBJECT_ARRAY:
        print_array (stream, &value->via.array);
        break;
    case MSGPACK_OBJECT_MAP:
        print_map (stream, &value->via.map);
        break;
    }
}

int json_value_print (FILE *stream, const void *data, size_t size)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init (&unpacked);
    bool is_read = msgpack_unpack_next (&unpacked, data, size, NULL) == MSGPACK_UNPACK_SUCCESS;
    if (is_read)
        print (stream, &unpacked.data);
    msgpack_unpacked_destroy (&unpacked);
    return is_read ? 0 : dp_fail (DPOOL_EVALUE, "the value that came back cannot be read");
}
