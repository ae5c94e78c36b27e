/* SPDX-License-Identifier: MPL-2.0 */
/* quota.h - how much one key may have at the broker, and how often it may ask. Pure. */
#ifndef QUOTA_H_INCLUDED
#define QUOTA_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUOTA_NONE UINT64_MAX

/* Each member from 1 on; 0 = nothing is said of it, QUOTA_NONE = no limit. */
typedef struct quota_s {
    uint64_t tasks; /* queued and running */
    uint64_t
        bytes; /* of their arguments, and of results that were not taken yet; WIRE_RECORD_BYTES more each */
    uint64_t sessions; /* open pools, and those that went without a word until their lease is over */
    uint64_t workers;  /* those that are there, and those that are away until they are lost */
    uint64_t hellos;   /* connections that are made, a minute */
    uint64_t queries;  /* questions about the broker's state, a minute */
} quota_t;

enum { QUOTA_TEXT = 256 }; /* room for all members in words */

/* Set what the text says: words such as "tasks=1000 bytes=64M sessions=4 workers=9 hellos=60 queries=none",
   with blanks or commas between. 0, or -1 with the thread's last error. */
int quota_read (quota_t *self, const char *text);

/* The other way round, in at most QUOTA_TEXT bytes; what is not said is left out. */
void quota_write (const quota_t *self, char text[QUOTA_TEXT]);

/* Take from another one what is not said here. */
void quota_complete (quota_t *self, const quota_t *other);

/* A token bucket: an all-zero struct is full, and holds the tokens of a minute. */
typedef struct quota_bucket_s {
    uint64_t missing; /* tokens times a minute in ms */
    int64_t at_ms;    /* when that was so */
} quota_bucket_t;

/* Take one token, of so many that come a minute (QUOTA_NONE: any number). False when there is none. */
bool quota_take (quota_bucket_t *self, uint64_t a_minute, int64_t now_ms);

#endif
