/* SPDX-License-Identifier: MPL-2.0 */
/* settings_file.h - a program's settings from a file in ZPL, ZeroMQ's form, by CZMQ. */
#ifndef SETTINGS_FILE_H_INCLUDED
#define SETTINGS_FILE_H_INCLUDED

#include <stddef.h>

/* Give each setting of the file, in their order, to take, with its line from 1 on (0 = not known) and its
   value; NULL: it is a section. Until take does not return 0. 0, or -1: take did not, or the file is not in
   ZPL's form; then CZMQ prints the place. */
int settings_file_read (const char *path,
                        int (*take) (void *receiver, size_t line, const char *key, const char *value),
                        void *receiver);

#endif
