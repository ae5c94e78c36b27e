/* SPDX-License-Identifier: MPL-2.0 */
#include "service/settings_file.h"

#include "service/zpl.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct file_s {
    zpl_t *zpl;
    int (*take) (void *receiver, size_t line, const char *key, const char *value);
    void *receiver;
    /* A setting that waits for the next line, which tells whether it is a section; line 0: there is none. */
    size_t line;
    char key[ZPL_MOST_LINE + 1], value[ZPL_MOST_LINE + 1];
} file_t;

static void hold (file_t *self, const zpl_line_t *line)
{
    self->line = line->number;
    memcpy (self->key, line->name, strlen (line->name) + 1);
    memcpy (self->value, line->value, strlen (line->value) + 1);
}

/* Give away what waits, if anything. */
static int give (file_t *self, bool is_section)
{
    size_t line = self->line;
    self->line = 0;
    return line == 0 ? 0 : self->take (self->receiver, line, self->key, is_section ? NULL : self->value);
}

static int read_all (file_t *self)
{
    zpl_line_t line;
    const char *why;
    int n, rc;
    while ((n = zpl_next (self->zpl, &line, &why)) > 0) {
        if ((rc = give (self, line.depth > 0)) != 0)
            return rc;
        if (line.depth == 0)
            hold (self, &line);
    }
    if ((rc = give (self, false)) != 0 || n == 0)
        return rc;
    if (why == NULL)
        why = "not in ZPL's form: write key = \"value\", without indent; what is wrong is printed above";
    return self->take (self->receiver, line.number, NULL, why);
}

int settings_file_read (const char *path,
                        int (*take) (void *receiver, size_t line, const char *key, const char *value),
                        void *receiver)
{
    FILE *stream = fopen (path, "re");
    if (stream == NULL)
        return -1;
    file_t self = { .zpl = zpl_new (stream), .take = take, .receiver = receiver };
    int rc = self.zpl != NULL ? read_all (&self) : -1;
    zpl_destroy (&self.zpl);
    fclose (stream);
    return rc;
}
