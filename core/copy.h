/* SPDX-License-Identifier: MPL-2.0 */
/* copy.h - copies of long payloads. */
#ifndef DP_COPY_H_INCLUDED
#define DP_COPY_H_INCLUDED

#include <stddef.h>

/* As memcpy, for bytes that another process reads next, after others that lie in front of it. Long ones go
   past the caches of this CPU where it can do so: they would not stay there until then, and would push out
   what is needed; and memory that is overwritten whole need not be read first. What is written after it is
   seen after it. What was written before it may be seen after it, unless there was a full fence in between.
 */
void dp_copy (void *to, const void *from, size_t len);

#endif
