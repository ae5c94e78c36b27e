/* SPDX-License-Identifier: MPL-2.0 */
/* descriptors.h - what a forked process does with the descriptors that it inherited. */
#ifndef DESCRIPTORS_H_INCLUDED
#define DESCRIPTORS_H_INCLUDED

#include <stddef.h>

/* Let every open descriptor above 2 lead to /dev/null, except those of "keep". */
void descriptors_silence (const int *keep, size_t n_keep);

/* Close every descriptor above 2, except those of "keep". */
void descriptors_close (const int *keep, size_t n_keep);

/* Move a descriptor out of the way of code that counts on low numbers or closes them all: to 1024 or above
   where possible, close-on-exec. Returns its new number; the old one when it cannot be moved. */
int descriptors_move_up (int fd);

/* Make stdin, stdout or stderr lead to /dev/null. */
void descriptors_to_null (int fd);

#endif
