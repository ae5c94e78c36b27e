/* SPDX-License-Identifier: MPL-2.0 */
/* role_matrix.h - which role may say which message, as docs/security.md has it: tests/lint/security.sh
 * compares them. Tried in each of its cells by unit/access_test.c, and over a broker's port by
 * integration/roles_test.c.
 */
#ifndef ROLE_MATRIX_H_INCLUDED
#define ROLE_MATRIX_H_INCLUDED

#include "core/wire.h"

#define ROLE_LETTERS "cwma" /* client, worker, monitor and admin, in the order of access.h */

typedef struct role_row_s {
    const char *words; /* as docs/security.md says it */
    wire_kind_t kind;
    unsigned as;       /* HELLO: the role that it says; QUERY: the question; CLAIM: 1 = of ids; else 0 */
    const char *roles; /* those that may: letters */
} role_row_t;

extern const role_row_t role_matrix[];
extern const size_t n_role_matrix;

#endif
