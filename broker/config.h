/* SPDX-License-Identifier: MPL-2.0 */
/* config.h - the broker program's settings, from its command line and from a file. */
#ifndef CONFIG_H_INCLUDED
#define CONFIG_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum { CONFIG_LOG_UNSET, CONFIG_LOG_EVENTS, CONFIG_LOG_ERRORS } config_log_t;

enum { CONFIG_SETTINGS = 9 }; /* those of config_set */

/* A member that is 0, NULL or empty was not set. */
typedef struct config_s {
    const char *origin;                   /* where what is set now comes from: a word for people; borrowed */
    const char *origins[CONFIG_SETTINGS]; /* where each setting came from; NULL = not set */
    char **endpoints;
    size_t n_endpoints;
    char *name;
    char *key_file, *allowlist;
    int insecure; /* 1 = yes, -1 = no */
    uint64_t max_payload_bytes, memory_limit_bytes;
    int64_t no_worker_ms; /* -1 = never */
    config_log_t log;
} config_t;

/* NULL with the thread's last error: ENOMEM. */
config_t *config_new (void);
void config_destroy (config_t **self_p);

/* Set one setting from text: bind (which adds one more endpoint), name, max_payload, memory_limit,
   no_worker_timeout, log, key_file, allowlist, insecure.
   0, or -1 with the thread's last error: an unknown key, or a value that does not fit. */
int config_set (config_t *self, const char *key, const char *value);

/* Set all that a file (ZPL) says. 0, or -1 with the thread's last error, which names the file and, where it
   is known, the line; of what ZPL itself cannot read, czmq prints the place. */
int config_load (config_t *self, const char *path);

/* Set what the environment says: each key in capitals behind DPOOL_, such as DPOOL_MAX_PAYLOAD; DPOOL_BIND
   may be several endpoints with commas. 0, or -1 with the thread's last error, which names the variable. */
int config_take_environment (config_t *self);

/* Print all that is set as a file, with the origin of each setting in a comment: config_load reads it again.
 */
void config_print (const config_t *self, FILE *stream);

/* Take what is not set here from another one, which is emptied of it. */
void config_complete (config_t *self, config_t *other);

#endif
