/* SPDX-License-Identifier: MPL-2.0 */
/* texts.h - what is kept beside a value while it is read: see dp_texts_t in picture.h. */
#ifndef DP_TEXTS_H_INCLUDED
#define DP_TEXTS_H_INCLUDED

#include "core/picture.h"

#include <msgpack/object.h>

/* The NUL-ended copy of the text at "source", made when first asked for. NULL with ENOMEM. Any thread. */
const char *dp_texts_get (dp_texts_t *self, const char *source, size_t len);

/* The object form of the packed value at "source", which dp_reader_skip has approved of; made when first
   asked for. NULL with ENOMEM. Any thread. */
const msgpack_object *dp_texts_object (dp_texts_t *self, const void *source, size_t len);

#endif
