/* SPDX-License-Identifier: MPL-2.0 */
/* json_value.h - between JSON, as people write it, and msgpack, as functions take it. */
#ifndef JSON_VALUE_H_INCLUDED
#define JSON_VALUE_H_INCLUDED

#include "core/buffer.h"

#include <stdio.h>

/* Append the arguments, each a JSON value, as one item: nil of none, the value itself of one, an array of
   several. 0, or -1 with EINVAL and the thread's last error, which names the argument. */
int json_value_pack (dp_buffer_t *buffer, const char *const *arguments, size_t n_arguments);

/* Print a packed value as JSON in one line, without a line end: bytes as {"base64": "…"}, keys that are no
   text as their JSON in quotes, NaN and infinity as null. 0, or -1 with the thread's last error. */
int json_value_print (FILE *stream, const void *data, size_t size);

#endif
