/* SPDX-License-Identifier: MPL-2.0 */
/* outcome.h - what became of one item, as it goes over the wire. */
#ifndef DP_OUTCOME_H_INCLUDED
#define DP_OUTCOME_H_INCLUDED

#include "core/buffer.h"
#include "core/reader.h"

#include <dpool/dpool.h>

/* On the wire, so the numbers are fixed (docs/protocol.md). */
typedef enum {
    OUTCOME_VALUE = 0,
    OUTCOME_FAILED = 1,    /* the function said so */
    OUTCOME_CRASHED = 2,   /* its process died */
    OUTCOME_TIMED_OUT = 3, /* its time limit */
    OUTCOME_CANCELLED = 4, /* before it started */
    OUTCOME_KILLED = 5,    /* cancelled after it started */
    OUTCOME_LOST = 6,      /* its worker is gone and it may not be tried again */
    OUTCOME_NO_FUNCTION = 7,
    OUTCOME_TOO_LARGE = 8,
    OUTCOME_TERMINATED = 9,
    OUTCOME_REFUSED = 10,
    OUTCOME_INITIALIZER = 11, /* the session's initializer failed */
    OUTCOME_BAD_VALUE = 12,   /* arguments or result do not fit their picture */
    OUTCOME_NOT_STARTED = 13, /* inside a chunk whose earlier item ended the task: submit it again */
    OUTCOME_BROKER_LOST = 14,
    OUTCOME_QUOTA = 15, /* the broker did not take it: a quota of the key is used up */
    OUTCOME_COUNT
} outcome_status_t;

/* DPOOL_E… of a status; 0 of OUTCOME_VALUE. */
int outcome_code (outcome_status_t status);
/* The status of a DPOOL_E… code; OUTCOME_FAILED of any other. */
outcome_status_t outcome_status (int code);
/* "crashed", "timed out" … for logs. Static. */
const char *outcome_name (outcome_status_t status);

/* An outcome on the wire is a status (uint) and one msgpack value: the result of OUTCOME_VALUE, nil of
   OUTCOME_NOT_STARTED, else a map that tells of the error. A row of outcomes is one behind the other. */

/* Append OUTCOME_VALUE and its packed value. 0, or -1 with ENOMEM. */
int outcome_put_value (dp_buffer_t *buffer, const void *data, size_t len);
/* Append OUTCOME_NOT_STARTED. */
int outcome_put_not_started (dp_buffer_t *buffer);
/* Append a failure; of the error all members but code, function and index go out. */
int outcome_put_error (dp_buffer_t *buffer, outcome_status_t status, const dpool_error_t *error);

/* Read the next outcome of a row: its status and its body (one whole value, inside the input). A status
   from the future (>= OUTCOME_COUNT) reads as OUTCOME_FAILED. 0, or -1 when the row is malformed. */
int outcome_next (dp_reader_t *row, outcome_status_t *status, const uint8_t **body, size_t *body_len);

/* Read an error body into *error (code from status; function and index are left alone), its texts NUL-ended
   copies in "texts" (reset first, grown as needed; they live until it changes). Missing members are 0 or "".
   Control characters other than newline and tab, and what is not UTF-8, are replaced by '?'. A nil body is an
   error of which nothing is known. 0, or -1 when malformed or out of memory. */
int outcome_read_error (outcome_status_t status, const uint8_t *body, size_t body_len, dp_buffer_t *texts,
                        dpool_error_t *error);

#endif
