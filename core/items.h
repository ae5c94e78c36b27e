/* SPDX-License-Identifier: MPL-2.0 */
/* items.h - what the library knows of a dpool_items_t: packed values, one behind the other. */
#ifndef DP_ITEMS_H_INCLUDED
#define DP_ITEMS_H_INCLUDED

#include "core/blob.h"
#include "core/buffer.h"

#include <dpool/dpool.h>

/* The largest packed item: the payload limit unless the broker has a smaller one. */
#define DP_DEFAULT_MAX_PAYLOAD (64u * 1024 * 1024)
#define DP_MAX_PAYLOAD (1024u * 1024 * 1024) /* whatever a broker is told */

/* Reference counted: a list that a job uses is frozen and outlives the user's destroy. */

/* 0, or -1 with the thread's last error: EINVAL (NULL), or that of the first failed add. */
int dp_items_check (const dpool_items_t *self);

/* Take a hold for a job: from now on dpool_items_add gives EBUSY. 0, or -1 as dp_items_check.
   Drop it by dpool_items_destroy. */
int dp_items_freeze (dpool_items_t *self);

/* The bytes of items [first, first + n), which lie behind one another; *len is their length. Stable once
   frozen. */
const uint8_t *dp_items_slice (const dpool_items_t *self, size_t first, size_t n, size_t *len);

/* How many of the items from "first" on fit into max_len bytes: at least 1, at most "most". */
size_t dp_items_fit (const dpool_items_t *self, size_t first, size_t most, size_t max_len);

/* All items as one blob (frozen lists only): holds the list's memory. NULL with ENOMEM. The bytes of
   dp_items_slice lie inside it. */
dp_blob_t *dp_items_blob (dpool_items_t *self);

/* Append one packed value. As dpool_items_add. */
int dp_items_add_packed (dpool_items_t *self, const void *data, size_t len);

/* Empty it, keep its memory, clear a failed mark (for the scratch list that a source fills). Not for
   frozen lists. */
void dp_items_reset (dpool_items_t *self);

/* Set the largest packed item (default DP_MAX_PAYLOAD: what a pool takes is known where the list is given to
 * it). */
void dp_items_set_max_payload (dpool_items_t *self, size_t max_payload);

/* The longest item's length: a pool holds it against its broker's limit when the list is submitted. */
size_t dp_items_longest (const dpool_items_t *self);

#endif
