/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/config.h"

#include "broker/endpoint.h"
#include "core/error.h"
#include "core/items.h"
#include "core/memory.h"
#include "net/segment.h"
#include "service/settings_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIN_PAYLOAD UINT64_C (1024)
#define MIN_MEMORY (UINT64_C (16) << 20)
#define MAX_MEMORY (UINT64_C (1) << 40)
#define MAX_NAME 255
#define MAX_SECONDS 1e9
#define DEFAULT_ENDPOINT "tcp://127.0.0.1:5555"

/* ---- One setting ----------------------------------------------------------------------------- */

static int set_bind (void *target, const char *value)
{
    config_t *self = target;
    if (*value == '\0')
        return dp_fail (EINVAL, "bind has no endpoint: write tcp://HOST:PORT or ipc://PATH");
    if (strncmp (value, "inproc://", strlen ("inproc://")) == 0)
        return dp_fail (EINVAL,
                        "'%s' cannot be reached from other programs: write tcp://HOST:PORT or ipc://PATH",
                        value);
    if (endpoint_check (value) < 0)
        return -1;
    if (self != NULL) {
        self->endpoints
            = dp_must_realloc (self->endpoints, (self->n_endpoints + 1) * sizeof *self->endpoints);
        self->endpoints[self->n_endpoints++] = value;
    }
    return 0;
}

static int set_name (void *target, const char *value)
{
    size_t len = strlen (value);
    if (len == 0 || len > MAX_NAME)
        return dp_fail (EINVAL, "the name has %zu bytes: it may have 1 to %d", len, MAX_NAME);
    if (target != NULL)
        ((config_t *) target)->name = value;
    return 0;
}

static int set_max_payload (void *target, const char *value)
{
    uint64_t bytes;
    if (dp_settings_size ("max_payload", value, MIN_PAYLOAD, DP_MAX_PAYLOAD, "1K to 1G", &bytes) < 0)
        return -1;
    if (target != NULL)
        ((config_t *) target)->max_payload_bytes = bytes;
    return 0;
}

static int set_memory_limit (void *target, const char *value)
{
    uint64_t bytes;
    if (dp_settings_size ("memory_limit", value, MIN_MEMORY, MAX_MEMORY, "16M to 1024G", &bytes) < 0)
        return -1;
    if (target != NULL)
        ((config_t *) target)->memory_limit_bytes = bytes;
    return 0;
}

static int set_no_worker_timeout (void *target, const char *value)
{
    char *end;
    double seconds = strtod (value, &end);
    bool is_number = (*value >= '0' && *value <= '9') || *value == '.';
    bool is_never = strcmp (value, "never") == 0;
    if (!is_never && (!is_number || end == value || *end != '\0' || !(seconds <= MAX_SECONDS)))
        return dp_fail (EINVAL, "no_worker_timeout '%s' is no time: write a number of seconds, or never",
                        value);
    if (target != NULL) {
        int64_t ms = is_never ? -1 : (int64_t) (seconds * 1000 + 0.5);
        ((config_t *) target)->no_worker_ms = ms == 0 ? 1 : ms; /* at once; 0 means not set */
    }
    return 0;
}

static int set_log (void *target, const char *value)
{
    bool is_errors = strcmp (value, "errors") == 0;
    if (!is_errors && strcmp (value, "events") != 0)
        return dp_fail (EINVAL, "log '%s' is unknown: write events or errors", value);
    if (target != NULL)
        ((config_t *) target)->log = is_errors ? CONFIG_LOG_ERRORS : CONFIG_LOG_EVENTS;
    return 0;
}

static int set_key_file (void *target, const char *value)
{
    if (*value == '\0')
        return dp_fail (EINVAL, "key_file names no file");
    if (target != NULL)
        ((config_t *) target)->key_file = value;
    return 0;
}

static int set_allowlist (void *target, const char *value)
{
    if (*value == '\0')
        return dp_fail (EINVAL, "allowlist names no file");
    if (target != NULL)
        ((config_t *) target)->allowlist = value;
    return 0;
}

static int set_insecure (void *target, const char *value)
{
    bool is_insecure = strcmp (value, "yes") == 0;
    if (!is_insecure && strcmp (value, "no") != 0)
        return dp_fail (EINVAL, "insecure '%s' is unknown: write yes or no", value);
    if (target != NULL)
        ((config_t *) target)->insecure = is_insecure ? 1 : -1;
    return 0;
}

static int set_shared_memory (void *target, const char *value)
{
    uint64_t mib;
    if (dp_segment_read_limit (value, &mib) < 0)
        return -1;
    if (target != NULL)
        ((config_t *) target)->shared_memory_mib = mib;
    return 0;
}

static int set_malloc_trim (void *target, const char *value)
{
    bool is_off = strcmp (value, "off") == 0;
    if (!is_off && strcmp (value, "on") != 0)
        return dp_fail (EINVAL, "malloc_trim '%s' is unknown: write on or off", value);
    if (target != NULL)
        ((config_t *) target)->malloc_trim = is_off ? -1 : 1;
    return 0;
}

#define QUOTA "hellos=6000 queries=1200"

static int set_quota (void *target, const char *value)
{
    quota_t quota = { 0 }, usual = { 0 };
    if (quota_read (&quota, value) < 0 || quota_read (&usual, QUOTA) < 0)
        return -1;
    quota_complete (&quota, &usual);
    if (target != NULL)
        ((config_t *) target)->quota = quota;
    return 0;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static const dp_setting_t table[] = {
    { .key = "bind",
      .set = set_bind,
      .fallback = DEFAULT_ENDPOINT,
      .letter = 'b',
      .is_list = true,
      .argument = "ENDPOINT",
      .help = "Listen there; may be given several times. tcp://HOST:PORT with an address or interface of "
              "this machine or * as HOST and a number or * as PORT, or ipc://PATH "
              "(default: " DEFAULT_ENDPOINT ")" },
    { .key = "name",
      .set = set_name,
      .letter = 'n',
      .argument = "NAME",
      .help = "The broker's name in logs and errors (default: the host's)" },
    { .key = "max_payload",
      .set = set_max_payload,
      .fallback = "64M",
      .letter = 'm',
      .argument = "BYTES",
      .help = "The largest argument or result, with K, M or G behind the number if so (1K to 1G; default: "
              "64M)" },
    { .key = "memory_limit",
      .set = set_memory_limit,
      .fallback = "1G",
      .letter = 'M',
      .argument = "BYTES",
      .help = "Arguments and results that the broker holds take no more; clients and workers wait then (16M "
              "to 1024G; default: 1G)" },
    { .key = "no_worker_timeout",
      .set = set_no_worker_timeout,
      .fallback = "30",
      .letter = 't',
      .argument = "SECONDS",
      .help = "Calls fail after so long without any worker, or: never (default: 30)" },
    { .key = "log",
      .set = set_log,
      .fallback = "events",
      .option = "quiet",
      .letter = 'q',
      .implied = "errors",
      .opposite = "events",
      .help = "Log errors only" },
    { .key = "key_file",
      .set = set_key_file,
      .letter = 'k',
      .argument = "FILE",
      .help = "Encrypt, by the key that dpool keygen wrote there; needs --allowlist" },
    { .key = "allowlist",
      .set = set_allowlist,
      .letter = 'a',
      .argument = "FILE",
      .help = "The keys that are let in, and their roles; read again on SIGHUP" },
    { .key = "insecure",
      .set = set_insecure,
      .letter = 'i',
      .implied = "yes",
      .opposite = "no",
      .help = "Let other hosts and users reach the broker without keys" },
    { .key = "quota",
      .set = set_quota,
      .fallback = QUOTA,
      .letter = 'Q',
      .argument = "QUOTA",
      .help
      = "How much each key may have and ask for where the allowlist says nothing, or without keys each "
        "client: tasks=N bytes=N sessions=N workers=N, and a minute hellos=N queries=N; none is no limit "
        "(default: " QUOTA ")" },
    { .key = "shared_memory",
      .set = set_shared_memory,
      .fallback = "1024",
      .variable = "DPOOL_SHARED_MEMORY",
      .argument = "MIB",
      .help = "Share so much memory at most with programs of this machine, for long payloads, or: off "
              "(default: 1024)" },
    { .key = "malloc_trim",
      .set = set_malloc_trim,
      .fallback = "on",
      .variable = "DPOOL_MALLOC_TRIM",
      .argument = "on|off",
      .help = "Whether memory that a burst has left with malloc goes back to the system (default: on)" },
};

static int check_security (const void *target)
{
    const config_t *self = target;
    if (self->key_file != NULL && self->allowlist == NULL)
        return dp_fail (EINVAL, "--key-file needs --allowlist, the file of the keys that are let in");
    if (self->key_file == NULL && self->allowlist != NULL)
        return dp_fail (EINVAL, "--allowlist needs --key-file, the broker's own key");
    if (self->key_file != NULL || self->insecure > 0)
        return 0;
    for (size_t i = 0; i < self->n_endpoints; i++)
        if (endpoint_check_privacy (self->endpoints[i]) < 0)
            return -1;
    return 0;
}

static const dp_settings_program_t program = {
    .name = "dpool-broker",
    .prefix = "DPOOL_BROKER_",
    .table = table,
    .n_settings = sizeof table / sizeof table[0],
    .read = settings_file_read,
    .explanation
    = "The broker of a dpool cluster: it hands tasks of clients to workers.\v"
      "Each setting may also be given by the environment, as DPOOL_BROKER_BIND, "
      "DPOOL_BROKER_NAME and so on: options win over the environment, and that over the file. It "
      "prints a line for each endpoint that it listens at, and ends on SIGTERM and SIGINT.",
    .check = check_security,
};

config_t *config_new (void)
{
    config_t *self = dp_must_alloc (sizeof *self);
    self->settings = dp_settings_new (&program, self);
    return self;
}

void config_destroy (config_t **self_p)
{
    config_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    dp_free (self->endpoints);
    dp_settings_destroy (&self->settings);
    dp_free (self);
}

int config_read (config_t *self, int argc, char **argv)
{
    char host[256] = "";
    gethostname (host, sizeof host - 1);
    if (dp_settings_set (self->settings, DP_FROM_DEFAULT, "name", host[0] != '\0' ? host : "broker") < 0)
        return -1;
    return dp_settings_parse (self->settings, argc, argv);
}
