/* SPDX-License-Identifier: MPL-2.0 */
/* picture.h - pack and unpack C values by a picture; the letters are explained in dpool.h. */
#ifndef DP_PICTURE_H_INCLUDED
#define DP_PICTURE_H_INCLUDED

#include "core/buffer.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

/* NUL-ended copies of texts that were read with 's', since msgpack text has no NUL behind it. One list
   stands beside each value; reading the same text again gives the same copy. Lock-free, so that several
   threads may read one value. An all-zero struct is empty. */
typedef struct dp_texts_s {
    _Atomic (struct dp_text_s *) first;
} dp_texts_t;

/* Free the copies. */
void dp_texts_fini (dp_texts_t *self);

/* How many values it is of. Nearly all are of one, which needs no call of strlen. */
static inline size_t dp_picture_count (const char *picture)
{
    return picture[0] == '\0' ? 0 : picture[1] == '\0' ? 1 : strlen (picture);
}

/* Append the packed value to the buffer. 0; or -1 with the thread's last error set (DPOOL_EVALUE: a bad
   letter, a NULL string, text that is not UTF-8, 'm' bytes that are not one whole value; ENOMEM), the
   buffer then as long as before. Here and below the arguments are used up as far as they were read. */
int dp_picture_pack (dp_buffer_t *buffer, const char *picture, va_list *arguments);

/* Unpack one packed value, which "data" holds whole. 0; or -1 with the thread's last error set:
   DPOOL_EVALUE and a message such as "value 2 of 3 is text, but the picture 'ild' wants an integer".
   On failure some targets may have been written. Borrowed results point into data, texts into "texts".
   'o' gives objects whose memory hangs on "texts" as well. */
int dp_picture_unpack (dp_texts_t *texts, const void *data, size_t len, const char *picture,
                       va_list *arguments);

#endif
