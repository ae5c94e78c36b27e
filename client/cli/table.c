/* SPDX-License-Identifier: MPL-2.0 */
#include "client/cli/table.h"

#include "core/memory.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { MOST_COLUMNS = 16, GAP = 2 };

struct table_s {
    size_t n_columns, n_cells; /* the heads are the first cells */
    bool is_right[MOST_COLUMNS];
    char **cells;
};

static void append (table_t *self, const char *text)
{
    self->cells = dp_must_realloc (self->cells, (self->n_cells + 1) * sizeof *self->cells);
    self->cells[self->n_cells++] = dp_must_strdup (text);
}

table_t *table_new (const char *heads)
{
    table_t *self = dp_must_alloc (sizeof *self);
    char *copy = dp_must_strdup (heads), *rest = NULL;
    for (char *head = strtok_r (copy, " ", &rest); head != NULL && self->n_columns < MOST_COLUMNS;
         head = strtok_r (NULL, " ", &rest)) {
        bool is_right = *head == '+';
        self->is_right[self->n_columns++] = is_right;
        append (self, head + is_right);
    }
    dp_free (copy);
    return self;
}

void table_destroy (table_t **self_p)
{
    table_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    for (size_t i = 0; i < self->n_cells; i++)
        dp_free (self->cells[i]);
    dp_free (self->cells);
    dp_free (self);
}

void table_add (table_t *self, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    append (self, text);
}

/* Characters, not bytes: names may have any letters. */
static size_t width_of (const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char) *text & 0xc0) != 0x80;
    return n;
}

static void print_cell (const table_t *self, FILE *stream, size_t i, const size_t *widths)
{
    size_t column = i % self->n_columns, padding = widths[column] - width_of (self->cells[i]);
    bool is_last = column + 1 == self->n_columns;
    int before = self->is_right[column] ? (int) padding : 0;
    int behind = is_last ? 0 : (int) padding - before + GAP;
    fprintf (stream, "%*s%s%*s%s", before, "", self->cells[i], behind, "", is_last ? "\n" : "");
}

void table_print (const table_t *self, FILE *stream)
{
    size_t widths[MOST_COLUMNS] = { 0 }, n_cells = self->n_cells - self->n_cells % self->n_columns;
    for (size_t i = 0; i < n_cells; i++)
        if (width_of (self->cells[i]) > widths[i % self->n_columns])
            widths[i % self->n_columns] = width_of (self->cells[i]);
    for (size_t i = 0; i < n_cells; i++)
        print_cell (self, stream, i, widths);
}
