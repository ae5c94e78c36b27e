/* SPDX-License-Identifier: MPL-2.0 */
/*
 * loans.h - the books of payloads that one peer may read where they lie: oldest first, as they were sent. A
 * payload is held until the peer has told that it has copied it, or until its connection is over. Not
 * thread-safe. All-zero = none.
 */
#ifndef DP_LOANS_H_INCLUDED
#define DP_LOANS_H_INCLUDED

#include "core/blob.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dp_loans_s {
    dp_blob_t **blobs; /* a ring */
    size_t capacity, first, count;
    uint64_t n_ended; /* of all that were ever lent */
} dp_loans_t;

#define DP_LOANS_MAX 4096u /* at a time */

/* Lend a blob, of which it takes a hold. False: too many are lent, or there is no memory: send the bytes. */
bool dp_loans_lend (dp_loans_t *self, dp_blob_t *blob);

/* The peer says how many it has copied, in all. Whatever it says, it ends no loan but its own. */
void dp_loans_settle (dp_loans_t *self, uint64_t n_copied);

/* The connection is over. */
void dp_loans_fini (dp_loans_t *self);

#endif
