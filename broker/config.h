/* SPDX-License-Identifier: MPL-2.0 */
/* config.h - the broker program's settings: from its command line, the environment and a file. */
#ifndef CONFIG_H_INCLUDED
#define CONFIG_H_INCLUDED

#include "broker/quota.h"
#include "net/settings.h"

typedef enum { CONFIG_LOG_UNSET, CONFIG_LOG_EVENTS, CONFIG_LOG_ERRORS } config_log_t;

/* A member that is 0, NULL or empty was not set. */
typedef struct config_s {
    dp_settings_t *settings; /* which the texts below belong to */
    const char **endpoints;
    size_t n_endpoints;
    const char *name;
    const char *key_file, *allowlist;
    int insecure;    /* 1 = yes, -1 = no */
    int malloc_trim; /* likewise */
    uint64_t max_payload_bytes, memory_limit_bytes;
    uint64_t shared_memory_mib; /* with the defaults, 0 = off */
    int64_t no_worker_ms;       /* -1 = never */
    config_log_t log;
    quota_t quota;
} config_t;

config_t *config_new (void);
void config_destroy (config_t **self_p);

/* Read the command line, the environment and the file that they name into empty settings; what none of them
   says gets its default. --help, --version, --print-config and wrong options end the program. 0, or -1 with
   the thread's last error when something else is not right. */
int config_read (config_t *self, int argc, char **argv);

#endif
