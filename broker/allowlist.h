/* SPDX-License-Identifier: MPL-2.0 */
/* allowlist.h - the file that says which keys a broker lets in. Belongs to the program: it uses czmq's ZPL.
 */
#ifndef ALLOWLIST_H_INCLUDED
#define ALLOWLIST_H_INCLUDED

#include "broker/access.h"

/*
 * A section for each key, by the name of whom it is, who may have several keys:
 *
 *   alice
 *       key = "…40 characters of Z85…"
 *       role = client
 *       functions = "square cube"
 *       quota = "tasks=1000 bytes=64M sessions=4 hellos=60 queries=60"
 *
 * functions may stand there several times. All of it is read, or nothing: NULL with the thread's last error,
 * which names file, line and section and says what to do. Others may read the file, but not write to it.
 */
access_t *allowlist_read (const char *path);

#endif
