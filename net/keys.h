/* SPDX-License-Identifier: MPL-2.0 */
/*
 * keys.h - CURVE keys, and the files in which they lie: those of czmq's zcert, as dpool keygen and
 * zmq's own tools write them. Read by a small reader of our own, since libdpool must not bring czmq, which
 * takes over signals, into its user's program.
 */
#ifndef DP_KEYS_H_INCLUDED
#define DP_KEYS_H_INCLUDED

#include <stdbool.h>

#define DP_KEY_LEN 40 /* in Z85 */

typedef char dp_key_t[DP_KEY_LEN + 1]; /* NUL-ended */

typedef struct dp_keys_s {
    dp_key_t public_key, secret_key; /* our own */
    dp_key_t server_key;             /* the broker's public key; "" on the broker itself */
} dp_keys_t;

/* Is it a key in Z85? */
bool dp_key_is_valid (const char *text);

/* Our own pair from a certificate, which nobody else may be able to read. 0, or -1 with the thread's last
   error, which names the file and says what to do. */
int dp_keys_load (dp_keys_t *self, const char *path);

/* The broker's public key: the key itself, or the file of its certificate, which nobody else may be able to
   change. 0, or -1 likewise. */
int dp_keys_load_server (dp_keys_t *self, const char *key_or_path);

/* Both, for a client or a worker; either alone is an error. */
int dp_keys_load_both (dp_keys_t *self, const char *key_file, const char *server_key);

/* Let the socket encrypt, as a client that expects the server key, or as the server. 0, or -1 with errno. */
int dp_keys_apply (const dp_keys_t *self, void *socket);

#endif
