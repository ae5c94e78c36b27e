/* SPDX-License-Identifier: MPL-2.0 */
/*
 * access.h - who may say what: the keys that are let in, with their roles, and the table of roles and
 * messages. Pure: no socket, no file. allowlist.h reads it from a file, gate.h asks it.
 */
#ifndef ACCESS_H_INCLUDED
#define ACCESS_H_INCLUDED

#include "broker/quota.h"
#include "core/wire.h"

#include <string.h>

#define ACCESS_KEY_LEN 40 /* of a public key in Z85 */

typedef enum { ACCESS_CLIENT, ACCESS_WORKER, ACCESS_MONITOR, ACCESS_ADMIN, ACCESS_ROLES } access_role_t;

/* "client" …; and the role of such a word, or ACCESS_ROLES. */
const char *access_role_name (access_role_t role);
access_role_t access_role_of (const char *name);

/* One key. */
typedef struct access_entry_s {
    char key[ACCESS_KEY_LEN + 1];
    access_role_t role;
    const char *name;      /* of whom it is, for logs */
    const char *functions; /* that it may call or offer, each with a zero byte behind it, and one more behind
                              the last; NULL or "" = all */
    quota_t quota;         /* what is not said is as the broker says of all */
} access_entry_t;

/* Walk the names of its functions. */
#define ACCESS_EACH_FUNCTION(entry, function)                                                  \
    for (const char *function = (entry)->functions; (function) != NULL && *(function) != '\0'; \
         (function) += strlen (function) + 1)

typedef struct access_s access_t;

/* An empty list, which lets in nobody. NULL with ENOMEM. */
access_t *access_new (void);
void access_destroy (access_t **self_p);

/* Let in one more key. What the entry points to is copied. 0, or -1 with errno: EEXIST (the key is there
   already), ENOMEM. It takes 128 bytes, and as many as name and functions have with their zero bytes: less
   than twice what the allowlist says of it. */
int access_add (access_t *self, const access_entry_t *entry);

/* The entry of a key; NULL = it is not let in. Borrowed from the list. */
const access_entry_t *access_find (const access_t *self, const char *key);

size_t access_count (const access_t *self);

/* May it call, or offer, this function? */
bool access_may_use (const access_entry_t *entry, wire_text_t function);

/* May whoever has this entry (NULL: an unknown key) say anything with a payload, beyond HELLO? */
bool access_may_send_payloads (const access_entry_t *entry);

/* What to tell whoever may not; deed: "call", or "offer". */
void access_explain_function (const access_entry_t *entry, const char *deed, wire_text_t function, char *why,
                              size_t size);

/* May whoever has this entry (NULL: an unknown key) say this message? 0 = it may; else the code of the
   REFUSED that it gets, and in why what to tell it. The message is not read from: its records are all still
   there. A HELLO of another version of the protocol is not judged: it is refused for that. Which functions a
   SUBMIT calls is not judged here, since that is a matter of each task: ask access_may_use. */
wire_refusal_t access_judge (const access_entry_t *entry, const wire_message_t *message, char *why,
                             size_t size);

#endif
