/* SPDX-License-Identifier: MPL-2.0 */
/*
 * reader.h - reads msgpack from bytes that a stranger may have written.
 *
 * It allocates nothing, never reads past the end, checks every count against the bytes that are left
 * (an element takes at least one), and limits nesting. After the first misfit the reader is failed: all
 * later reads give 0, so that a row of reads needs one check at its end. (msgpack-c's own unpacker
 * reserves memory for whatever count the input claims, and accepts trailing bytes.)
 */
#ifndef DP_READER_H_INCLUDED
#define DP_READER_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_MAX_NESTING 16

typedef struct dp_reader_s {
    const uint8_t *at, *end;
    bool is_failed;
} dp_reader_t;

typedef enum {
    DP_TYPE_NIL,
    DP_TYPE_BOOL,
    DP_TYPE_UINT, /* any integer >= 0 */
    DP_TYPE_INT,  /* an integer < 0 */
    DP_TYPE_DOUBLE,
    DP_TYPE_STR,
    DP_TYPE_BIN,
    DP_TYPE_ARRAY,
    DP_TYPE_MAP,
    DP_TYPE_EXT,
    DP_TYPE_END /* nothing left, or the reader has failed */
} dp_type_t;

void dp_reader_init (dp_reader_t *self, const void *data, size_t len);

/* The type of the next value; it is not consumed. */
dp_type_t dp_reader_type (const dp_reader_t *self);

/* Each consumes one value of its type; a misfit fails the reader and gives 0, false or "". */
void dp_reader_nil (dp_reader_t *self);
bool dp_reader_bool (dp_reader_t *self);
uint64_t dp_reader_uint (dp_reader_t *self);
int64_t dp_reader_int (dp_reader_t *self);   /* any integer that fits */
double dp_reader_double (dp_reader_t *self); /* floats; integers too where exactly representable */

/* Text or bytes, pointing into the input (not NUL-ended). */
const char *dp_reader_str (dp_reader_t *self, size_t *len);
const uint8_t *dp_reader_bin (dp_reader_t *self, size_t *len);

/* The count of an array or of a map's pairs; the elements follow. */
size_t dp_reader_array (dp_reader_t *self);
size_t dp_reader_map (dp_reader_t *self);

/* Consume one value of any type, checking it whole (nesting <= DP_MAX_NESTING). Returns where it starts
   and its length; NULL when failed. */
const uint8_t *dp_reader_skip (dp_reader_t *self, size_t *len);

/* The same for a value that may have at most max_nesting levels (<= DP_MAX_NESTING): 0 = no container. */
const uint8_t *dp_reader_skip_nested (dp_reader_t *self, size_t max_nesting, size_t *len);

/* Nothing failed and nothing is left? */
bool dp_reader_is_done (const dp_reader_t *self);

#endif
