/* SPDX-License-Identifier: MPL-2.0 */
/* settings_file.h - a program's settings from a file in ZPL: see zpl.h. */
#ifndef SETTINGS_FILE_H_INCLUDED
#define SETTINGS_FILE_H_INCLUDED

#include <stddef.h>

/* Give each setting of the file, in their order, to take, with its line from 1 on and its value, NULL where
   it is a section; and last, with NULL for a key, a line that nobody can read, and what is wrong with it.
   Until take does not return 0. 0, or what take returned; -1 too where the file cannot be opened. */
int settings_file_read (const char *path,
                        int (*take) (void *receiver, size_t line, const char *key, const char *value),
                        void *receiver);

#endif
