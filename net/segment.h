/* SPDX-License-Identifier: MPL-2.0 */
/*
 * segment.h - a file in memory without a name (memfd) that several processes map, and of which only what is
 * used takes memory. Nothing of it is left when the last process that holds it is gone, however it ended.
 */
#ifndef DP_SEGMENT_H_INCLUDED
#define DP_SEGMENT_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

/* What is given out is a whole number of these. */
#define DP_SEGMENT_UNIT ((size_t) 16 * 1024)

typedef struct dp_segment_s {
    uint8_t *data; /* NULL = not mapped */
    size_t len;
    size_t offset; /* of the data in the file */
    int fd;        /* -1: this process's own memory, or another's that is only read */
    size_t backed; /* so many bytes from the start on have memory behind them … */
    size_t kept;   /* … and keep it when they are not used: only what lies beyond is stripped */
} dp_segment_t;

/* A new file of len bytes, whose size can never change: so that nobody gets SIGBUS by reading it. Its
   descriptor; or -1 with errno, also where a limit on the size of files forbids it. */
int dp_segment_make (const char *name, size_t len);

/* The most that a program's memory of one kind may take, as dp_segment_set_limit said, or else
   DPOOL_SHARED_MEMORY; "usual" where neither did, or said more. 0: share none. */
size_t dp_segment_limit (size_t usual);

/* From now on so many MiB for this process and those that it forks. To be called before there are threads. */
void dp_segment_set_limit (uint64_t mib);

/* Read such a limit: MiB, or "off", which is 0. 0, or -1 with the thread's last error. */
int dp_segment_read_limit (const char *text, uint64_t *mib);

/* Have memory behind these bytes of the file, whatever signals come meanwhile. 0, or -1 with errno. */
int dp_segment_reserve (const dp_segment_t *self, size_t at, size_t len);

/* Have memory behind these bytes before they are written: without it, writing them would end the process. 0,
   or -1 with errno. */
int dp_segment_back (dp_segment_t *self, size_t at, size_t len);

/* Nobody uses these bytes any more: give back the memory of those that are not kept. */
void dp_segment_strip (const dp_segment_t *self, size_t at, size_t len);

#endif
