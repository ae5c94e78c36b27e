/* SPDX-License-Identifier: MPL-2.0 */
/*
 * lookup.h - the addresses of a host's name, looked up by a thread of its own: a name server that does not
 * answer may take half a minute, for which neither a loop nor ZeroMQ's own thread can wait.
 */
#ifndef DP_LOOKUP_H_INCLUDED
#define DP_LOOKUP_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

typedef struct dp_lookup_s dp_lookup_t;

/* Does this endpoint have a name to look up? Not what is no tcp://, has an address of numbers, or is meant
   for ZeroMQ alone (an interface, a source address). */
bool dp_lookup_is_needed (const char *endpoint);

/* Begin. NULL with errno. Drop it when done: what it still waits for goes on in the background. */
dp_lookup_t *dp_lookup_new (const char *endpoint);
void dp_lookup_drop (dp_lookup_t **self_p);

/* Is it the lookup of this endpoint's name? */
bool dp_lookup_is_of (const dp_lookup_t *self, const char *endpoint);

/* Readable once it is over. */
int dp_lookup_fd (const dp_lookup_t *self);

typedef enum { LOOKUP_PENDING, LOOKUP_FOUND, LOOKUP_UNKNOWN } dp_lookup_state_t;
dp_lookup_state_t dp_lookup_state (const dp_lookup_t *self);

#define DP_LOOKUP_ENDPOINT_MAX 96
/* FOUND: the endpoint with address number n (of as many as there are, round and round) instead of the name.
 */
void dp_lookup_endpoint (const dp_lookup_t *self, size_t n, char text[DP_LOOKUP_ENDPOINT_MAX]);

#endif
