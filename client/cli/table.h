/* SPDX-License-Identifier: MPL-2.0 */
/* table.h - text in columns that are as wide as what stands in them. */
#ifndef TABLE_H_INCLUDED
#define TABLE_H_INCLUDED

#include <dpool/dpool.h>

#include <stdio.h>

typedef struct table_s table_t;

/* heads: what stands above the columns, separated by spaces; a column whose head begins with + is aligned to
   the right. */
table_t *table_new (const char *heads);
void table_destroy (table_t **self_p);

/* The next cell, row by row. */
void table_add (table_t *self, const char *format, ...) DPOOL_PRINTF (2, 3);

/* Print the rows that are complete. */
void table_print (const table_t *self, FILE *stream);

#endif
