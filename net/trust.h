/* SPDX-License-Identifier: MPL-2.0 */
/* trust.h - may what lies somewhere be used: could anybody but us have put it there? */
#ifndef DP_TRUST_H_INCLUDED
#define DP_TRUST_H_INCLUDED

#include <limits.h>

/* See who can write to a file and to each folder on the way to it, once all symbolic links are followed. The
   file is opened first, and what is open decides, so that nobody can exchange it in between.

   resolved gets the path that was looked at. Nobody but root and our own user can put another file there, so
   it may be opened again. 0, or -1 with the thread's last error: EACCES where somebody else can write, which
   says where and what to do; else why the file cannot be opened. */
int dp_trust_file (const char *path, char resolved[PATH_MAX]);

/* See who can write to the folder that this path is in, and to each folder above it, once all symbolic links
   are followed; and who can change or exchange these links. The path itself need not exist. 0, or -1 with the
   thread's last error: EACCES where somebody else can write, which says "what: where", and the advice; else
   why it cannot be looked at. */
int dp_trust_place (const char *path, const char *what, const char *advice);

#endif
