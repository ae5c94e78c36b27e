/* SPDX-License-Identifier: MPL-2.0 */
/*
 * zpl.h - a file in ZPL, the form of ZeroMQ's settings, read by CZMQ, which is given one line of it at a
 * time: its tree of a whole file takes up to 128 times the file's length, and a time that grows with its
 * square.
 */
#ifndef ZPL_H_INCLUDED
#define ZPL_H_INCLUDED

#include <stddef.h>
#include <stdio.h>

#define ZPL_MOST_LINE 4096 /* bytes, of which CZMQ takes some five times as many */
#define ZPL_MOST_MIB 32    /* of a file; 100,000 keys in an allowlist take some 16 */

/* What stands on a line. */
typedef struct zpl_line_s {
    size_t number;            /* from 1 */
    size_t depth;             /* 0: not indented; 1, 2: it belongs to the last one of the depth above */
    const char *name, *value; /* "" where it has no value */
} zpl_line_t;

typedef struct zpl_s zpl_t;

/* file: to be read from where it is; borrowed. NULL with ENOMEM. */
zpl_t *zpl_new (FILE *file);
void zpl_destroy (zpl_t **self_p);

/* Go on to the next line on which there is something; what it points to holds until the next call. 1; 0 at
   the end; or -1: nobody can read on from line->number. *why says why, and what to do; NULL: it is not in
   ZPL's form, and CZMQ has printed what is wrong. */
int zpl_next (zpl_t *self, zpl_line_t *line, const char **why);

#endif
