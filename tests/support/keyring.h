/* SPDX-License-Identifier: MPL-2.0 */
/* keyring.h - keys of a test, each in a file of its own, and an allowlist of them. */
#ifndef KEYRING_H_INCLUDED
#define KEYRING_H_INCLUDED

typedef struct keyring_s keyring_t;

/* In a folder of its own. Destroy it. */
keyring_t *keyring_new (void);
void keyring_destroy (keyring_t **self_p);

/* Make a key of this name. What is returned is borrowed from the keyring: the path of its file. */
const char *keyring_add (keyring_t *self, const char *name);

/* The file and the public key of a name that was added. */
const char *keyring_file (keyring_t *self, const char *name);
const char *keyring_public (keyring_t *self, const char *name);

/* The secret key of a name that was added, of 40 characters. */
void keyring_secret (keyring_t *self, const char *name, char secret_key[41]);

/* Write the allowlist anew: the text, in which %NAME% stands for the public key of NAME. Its path. */
const char *keyring_allow (keyring_t *self, const char *text);

#endif
