/* SPDX-License-Identifier: MPL-2.0 */
#include "client/cli/findings.h"

#include "core/memory.h"
#include "core/utf8.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>

typedef struct row_s {
    finding_t finding;
    const char *check;
    char *text;
} row_t;

struct findings_s {
    row_t *rows;
    size_t n_rows;
};

static const char *const names[] = { "ok", "warning", "FAILED", "skipped" };

findings_t *findings_new (void)
{
    return dp_must_alloc (sizeof (findings_t));
}

void findings_destroy (findings_t **self_p)
{
    findings_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    for (size_t i = 0; i < self->n_rows; i++)
        dp_free (self->rows[i].text);
    dp_free (self->rows);
    dp_free (self);
}

void findings_add (findings_t *self, finding_t finding, const char *check, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    dp_utf8_clean (text, strlen (text)); /* paths may be any bytes */
    self->rows = dp_must_realloc (self->rows, (self->n_rows + 1) * sizeof *self->rows);
    self->rows[self->n_rows++] = (row_t) { finding, check, dp_must_strdup (text) };
}

void findings_add_failure (findings_t *self, const char *check)
{
    findings_add (self, FINDING_FAILED, check, "%s", dpool_last_error ()->message);
}

bool findings_have (const findings_t *self, finding_t finding)
{
    for (size_t i = 0; i < self->n_rows; i++)
        if (self->rows[i].finding == finding)
            return true;
    return false;
}

void findings_print (const findings_t *self, FILE *stream)
{
    for (size_t i = 0; i < self->n_rows; i++)
        fprintf (stream, "%-8s %-14s %s\n", names[self->rows[i].finding], self->rows[i].check,
                 self->rows[i].text);
}

void findings_print_json (const findings_t *self, FILE *stream)
{
    static const char *const words[] = { "ok", "warning", "failed", "skipped" };
    json_t *checks = json_array ();
    for (size_t i = 0; i < self->n_rows; i++) {
        const row_t *row = &self->rows[i];
        json_array_append_new (checks, json_pack ("{s:s, s:s, s:s}", "check", row->check, "result",
                                                  words[row->finding], "text", row->text));
    }
    json_t *report = json_pack ("{s:b, s:o}", "ok", !findings_have (self, FINDING_FAILED), "checks", checks);
    json_dumpf (report, stream, JSON_INDENT (2));
    fputc ('\n', stream);
    json_decref (report);
}
