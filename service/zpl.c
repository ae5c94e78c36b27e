/* SPDX-License-Identifier: MPL-2.0 */
#include "service/zpl.h"

#include <czmq.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a line may belong to stands before it, so that CZMQ knows how far it may be indented. */
static const char parents[] = "a\n    a\n";
static const size_t parents_len[] = { 0, 2, sizeof parents - 1 };

enum { MOST_PARENTS = sizeof parents_len / sizeof parents_len[0] - 1 };

struct zpl_s {
    FILE *file;
    size_t number, n_bytes; /* of the lines so far */
    size_t n_parents;       /* of the next one */
    zconfig_t *root;        /* of the last one and its parents; or NULL */
    char text[sizeof parents + ZPL_MOST_LINE];
};

zpl_t *zpl_new (FILE *file)
{
    zpl_t *self = calloc (1, sizeof *self);
    if (self != NULL)
        self->file = file;
    return self;
}

void zpl_destroy (zpl_t **self_p)
{
    zpl_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    zconfig_destroy (&self->root);
    free (self);
}

static int fail (const char **why, const char *reason)
{
    *why = reason;
    return -1;
}

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF (number)

/* Put the next line behind its parents. As zpl_next. */
static int take_line (zpl_t *self, const char **why)
{
    size_t start = parents_len[self->n_parents], len = start;
    memcpy (self->text, parents, start);
    int c = getc (self->file);
    if (c == EOF && !ferror (self->file))
        return 0;
    self->number++;
    for (; c != EOF && c != '\n'; c = getc (self->file)) {
        if (c == '\0')
            return fail (why, "this is no text: there is a zero byte in it");
        if (len == start + ZPL_MOST_LINE)
            return fail (why, "the line is longer than " TEXT (
                                  ZPL_MOST_LINE) " bytes: shorten it; lists may be given on several lines");
        self->text[len++] = (char) c;
    }
    self->text[len] = '\0';
    if (ferror (self->file))
        return fail (why, strerror (errno));
    self->n_bytes += len - start + 1;
    if (self->n_bytes > (size_t) ZPL_MOST_MIB << 20)
        return fail (why, "the file is longer than " TEXT (ZPL_MOST_MIB) " MiB: take something out");
    return 1;
}

/* Where CZMQ saw the line; NULL: there is nothing on it. */
static zconfig_t *find (const zpl_t *self, size_t *depth)
{
    zconfig_t *at = zconfig_child (self->root);
    for (*depth = 0; *depth < self->n_parents; ++*depth) {
        zconfig_t *next = zconfig_next (at);
        if (next != NULL)
            return next;
        at = zconfig_child (at);
    }
    return at;
}

int zpl_next (zpl_t *self, zpl_line_t *line, const char **why)
{
    zconfig_t *found = NULL;
    while (found == NULL) {
        int rc = take_line (self, why);
        line->number = self->number;
        if (rc <= 0)
            return rc;
        zconfig_destroy (&self->root);
        self->root = zconfig_str_load (self->text);
        if (self->root == NULL)
            return fail (why, NULL);
        found = find (self, &line->depth);
    }
    line->name = zconfig_name (found);
    line->value = zconfig_value (found);
    self->n_parents = line->depth < MOST_PARENTS ? line->depth + 1 : MOST_PARENTS;
    return 1;
}
