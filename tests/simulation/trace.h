/* SPDX-License-Identifier: MPL-2.0 */
/*
 * trace.h - what happened, in lines that can be read:
 *
 *      2.001345  w1 > b0   RESULTS  c0.3#1 value final 0+2
 *      2.003120  b0 > c0   RESULTS  3#1 value final 0+2
 *      2.100000  fault     w1 is killed
 *
 * Nothing is written while the trace is off, which it is but when a seed is played again.
 */
#ifndef TRACE_H_INCLUDED
#define TRACE_H_INCLUDED

#include "core/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { TRACE_LINE = 220, TRACE_KEPT = 120 };

typedef enum { TRACE_OFF, TRACE_LAST, TRACE_ALL } trace_mode_t;

typedef struct trace_s {
    trace_mode_t mode;
    bool is_over;                       /* nothing more is to be told */
    size_t n_lines;                     /* ever written */
    char lines[TRACE_KEPT][TRACE_LINE]; /* TRACE_LAST: the last ones, in a ring */
} trace_t;

void trace_init (trace_t *self, trace_mode_t mode);

/* One line: when, who, what. */
void trace_line (trace_t *self, int64_t now_us, const char *who, const char *format, ...) DPOOL_PRINTF (4, 5);

/* A message, with its records as far as they fit into a line. The message is decoded, and is not changed. */
void trace_message (trace_t *self, int64_t now_us, const char *from, const char *to,
                    const wire_message_t *message);

/* TRACE_LAST: print what is kept. */
void trace_print (const trace_t *self, FILE *file);

#endif
