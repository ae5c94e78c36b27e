/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/history.h"

#include "tests/chaos/record.h"
#include "tests/chaos/task.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CLIENTS = 1 << 16, MAX_TASKS = 1 << 26 };

/* A task's number is known by its index; its shape is what its records say. */
typedef struct row_s {
    uint64_t number;
    entry_t entry;
} row_t;

typedef struct book_s {
    row_t *rows;
    size_t n_rows;
    bool is_forgiven;
} book_t;

struct history_s {
    record_reader_t **readers;
    size_t n_readers;
    book_t *books; /* one a client */
    size_t n_books;
    uint64_t n_outcomes;
    unsigned n_faults;
};

history_t *history_new (void)
{
    history_t *self = calloc (1, sizeof *self);
    if (!self)
        abort ();
    return self;
}

void history_destroy (history_t **self_p)
{
    history_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_readers; i++)
        record_reader_destroy (&self->readers[i]);
    for (size_t i = 0; i < self->n_books; i++)
        free (self->books[i].rows);
    free (self->readers);
    free (self->books);
    free (self);
    *self_p = NULL;
}

/* Room for at least n of them, the new ones zero. */
static void *grow (void *array, size_t *n_there, size_t n, size_t size)
{
    if (n <= *n_there)
        return array;
    if (n < *n_there * 2)
        n = *n_there * 2;
    char *grown = realloc (array, n * size);
    if (!grown)
        abort ();
    memset (grown + *n_there * size, 0, (n - *n_there) * size);
    *n_there = n;
    return grown;
}

void history_follow (history_t *self, const char *path)
{
    record_reader_t **readers = realloc (self->readers, (self->n_readers + 1) * sizeof *readers);
    if (!readers)
        abort ();
    self->readers = readers;
    self->readers[self->n_readers++] = record_reader_new (path);
}

static book_t *book_of (history_t *self, unsigned client)
{
    self->books = grow (self->books, &self->n_books, client + 1, sizeof *self->books);
    return &self->books[client];
}

static void count (uint8_t *counter)
{
    if (*counter < UINT8_MAX)
        (*counter)++;
}

static void take (history_t *self, const record_t *record)
{
    unsigned client = task_client (record->number);
    uint32_t index = task_index (record->number);
    if (client >= MAX_CLIENTS || index >= MAX_TASKS || task_shape (record->number) >= N_SHAPES) {
        self->n_faults++;
        return;
    }
    book_t *book = book_of (self, client);
    book->rows = grow (book->rows, &book->n_rows, index + 1, sizeof *book->rows);
    row_t *row = &book->rows[index];
    if (row->number == 0)
        row->number = record->number;
    self->n_faults += row->number != record->number;
    switch (record->kind) {
    case RECORD_SUBMIT:
        count (&row->entry.n_submits);
        break;
    case RECORD_START:
        count (&row->entry.n_starts);
        break;
    case RECORD_END:
        count (&row->entry.n_ends);
        break;
    case RECORD_OUTCOME:
        if (row->entry.n_outcomes == 0) {
            row->entry.code = (int) record->detail;
            row->entry.value = record->value;
        }
        count (&row->entry.n_outcomes);
        self->n_outcomes++;
        break;
    }
}

void history_update (history_t *self)
{
    record_t record;
    for (size_t i = 0; i < self->n_readers; i++) {
        while (record_read (self->readers[i], &record))
            take (self, &record);
    }
}

uint64_t history_outcomes (const history_t *self)
{
    return self->n_outcomes;
}

unsigned history_faults (const history_t *self)
{
    unsigned n_faults = self->n_faults;
    for (size_t i = 0; i < self->n_readers; i++)
        n_faults += record_reader_faults (self->readers[i]);
    return n_faults;
}

void history_forgive (history_t *self, unsigned client)
{
    book_of (self, client)->is_forgiven = true;
}

bool history_is_forgiven (const history_t *self, unsigned client)
{
    return client < self->n_books && self->books[client].is_forgiven;
}

void history_each (const history_t *self,
                   void (*visit) (void *argument, uint64_t number, const entry_t *entry), void *argument)
{
    for (size_t client = 0; client < self->n_books; client++) {
        const book_t *book = &self->books[client];
        for (size_t i = 0; i < book->n_rows; i++) {
            if (book->rows[i].number != 0)
                visit (argument, book->rows[i].number, &book->rows[i].entry);
        }
    }
}
