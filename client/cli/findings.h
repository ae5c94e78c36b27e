/* SPDX-License-Identifier: MPL-2.0 */
/* findings.h - what dpool doctor found: a line a check. */
#ifndef FINDINGS_H_INCLUDED
#define FINDINGS_H_INCLUDED

#include <dpool/dpool.h>

#include <stdbool.h>
#include <stdio.h>

typedef enum { FINDING_OK, FINDING_WARNING, FINDING_FAILED, FINDING_SKIPPED } finding_t;

typedef struct findings_s findings_t;

findings_t *findings_new (void);
void findings_destroy (findings_t **self_p);

/* One more. check: a word or two for what was looked at, static; the text says what was found and, unless all
   is well, what to do. */
void findings_add (findings_t *self, finding_t finding, const char *check, const char *format, ...)
    DPOOL_PRINTF (4, 5);

/* The same with the thread's last error as text, and what failed. */
void findings_add_failure (findings_t *self, const char *check);

bool findings_have (const findings_t *self, finding_t finding);

void findings_print (const findings_t *self, FILE *stream);
void findings_print_json (const findings_t *self, FILE *stream);

#endif
