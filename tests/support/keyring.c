/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/support/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#include "tests/support/folder.h"

enum { MAX_KEYS = 16, KEY_SIZE = 41 };

typedef struct held_s {
    char name[32], public_key[KEY_SIZE], secret_key[KEY_SIZE];
    const char *file;
} held_t;

struct keyring_s {
    folder_t *folder;
    held_t keys[MAX_KEYS];
    size_t n_keys;
};

keyring_t *keyring_new (void)
{
    keyring_t *self = calloc (1, sizeof *self);
    if (self == NULL)
        fail_msg ("out of memory");
    self->folder = folder_new ();
    return self;
}

void keyring_destroy (keyring_t **self_p)
{
    if (*self_p == NULL)
        return;
    folder_destroy (&(*self_p)->folder);
    free (*self_p);
    *self_p = NULL;
}

const char *keyring_add (keyring_t *self, const char *name)
{
    assert_true (self->n_keys < MAX_KEYS);
    held_t *key = &self->keys[self->n_keys++];
    snprintf (key->name, sizeof key->name, "%s", name);
    assert_int_equal (zmq_curve_keypair (key->public_key, key->secret_key), 0);
    key->file = folder_path (self->folder, name);
    FILE *file = fopen (key->file, "we");
    if (file == NULL)
        fail_msg ("cannot write %s", key->file);
    fprintf (file,
             "#   A key of a test\n\nmetadata\n    name = \"%s\"\n"
             "curve\n    public-key = \"%s\"\n    secret-key = \"%s\"\n",
             name, key->public_key, key->secret_key);
    fclose (file);
    assert_int_equal (chmod (key->file, 0600), 0);
    return key->file;
}

static const held_t *find (keyring_t *self, const char *name, size_t len)
{
    for (size_t i = 0; i < self->n_keys; i++)
        if (strlen (self->keys[i].name) == len && strncmp (self->keys[i].name, name, len) == 0)
            return &self->keys[i];
    fail_msg ("there is no key %.*s", (int) len, name);
    return NULL;
}

const char *keyring_file (keyring_t *self, const char *name)
{
    return find (self, name, strlen (name))->file;
}

const char *keyring_public (keyring_t *self, const char *name)
{
    return find (self, name, strlen (name))->public_key;
}

void keyring_secret (keyring_t *self, const char *name, char secret_key[KEY_SIZE])
{
    memcpy (secret_key, find (self, name, strlen (name))->secret_key, KEY_SIZE);
}

const char *keyring_allow (keyring_t *self, const char *text)
{
    const char *path = folder_path (self->folder, "allowlist");
    FILE *file = fopen (path, "we");
    if (file == NULL)
        fail_msg ("cannot write %s", path);
    for (const char *at = text; *at != '\0'; at++) {
        const char *end = *at == '%' ? strchr (at + 1, '%') : NULL;
        if (end == NULL) {
            fputc (*at, file);
            continue;
        }
        fputs (find (self, at + 1, (size_t) (end - at - 1))->public_key, file);
        at = end;
    }
    fclose (file);
    assert_int_equal (chmod (path, 0600), 0);
    return path;
}
