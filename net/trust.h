/* SPDX-License-Identifier: MPL-2.0 */
/* trust.h - may the code of a file be run: could anybody but its owner have put it there? */
#ifndef DP_TRUST_H_INCLUDED
#define DP_TRUST_H_INCLUDED

#include <limits.h>

/* See who can write to a file and to each folder on the way to it, once all symbolic links are followed. The
   file is opened first, and what is open decides, so that nobody can exchange it in between.

   resolved gets the path that was looked at. Nobody but root and our own user can put another file there, so
   it may be opened again. 0, or -1 with the thread's last error: EACCES where somebody else can write, which
   says where and what to do; else why the file cannot be opened. */
int dp_trust_file (const char *path, char resolved[PATH_MAX]);

#endif
