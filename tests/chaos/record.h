/* SPDX-License-Identifier: MPL-2.0 */
/*
 * record.h - what clients and running tasks note: a line each, appended by a single write, so that a kill
 * at any moment leaves whole lines only, and many processes can share a file.
 */
#ifndef RECORD_H_INCLUDED
#define RECORD_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    RECORD_SUBMIT = 's',  /* detail: 0 */
    RECORD_OUTCOME = 'o', /* detail: the code of its error or 0; value: what it gave */
    RECORD_START = 'b',   /* detail: the attempt */
    RECORD_END = 'e'      /* detail: the attempt */
} record_kind_t;

typedef struct record_s {
    record_kind_t kind;
    uint64_t number; /* of the task */
    int64_t detail, value;
    int64_t at_us; /* monotonic, the same for all processes of the machine */
    long pid;
} record_t;

/* Monotonic microseconds. */
int64_t record_now_us (void);

/* Open a file to append to; -1 with errno. */
int record_open (const char *path);

/* Append a line, with the time and the pid of now. 0, or -1 with errno. */
int record_write (int fd, record_kind_t kind, uint64_t number, int64_t detail, int64_t value);

/* Follows a file that others append to, and that need not be there yet. */
typedef struct record_reader_s record_reader_t;

record_reader_t *record_reader_new (const char *path);
void record_reader_destroy (record_reader_t **self_p);

/* The next line: false when there is none yet. */
bool record_read (record_reader_t *self, record_t *record);

/* How many lines were none of ours. */
unsigned record_reader_faults (const record_reader_t *self);

#endif
