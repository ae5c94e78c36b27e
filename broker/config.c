/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/config.h"

#include "broker/endpoint.h"
#include "core/error.h"
#include "core/items.h"
#include "core/memory.h"

#include <czmq.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIN_PAYLOAD UINT64_C (1024)
#define MIN_MEMORY (UINT64_C (16) << 20)
#define MAX_MEMORY (UINT64_C (1) << 40)
#define MAX_NAME 255
#define MAX_SECONDS 1e9

config_t *config_new (void)
{
    config_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        dp_fail (ENOMEM, "no memory for settings");
    return self;
}

static void free_endpoints (config_t *self)
{
    for (size_t i = 0; i < self->n_endpoints; i++)
        dp_free (self->endpoints[i]);
    dp_free (self->endpoints);
    self->endpoints = NULL;
    self->n_endpoints = 0;
}

void config_destroy (config_t **self_p)
{
    config_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    free_endpoints (self);
    dp_free (self->name);
    dp_free (self);
}

/* ---- One setting ----------------------------------------------------------------------------- */

static int set_bind (config_t *self, const char *value)
{
    if (*value == '\0')
        return dp_fail (EINVAL, "bind has no endpoint: write tcp://HOST:PORT or ipc://PATH");
    if (strncmp (value, "inproc://", strlen ("inproc://")) == 0)
        return dp_fail (EINVAL,
                        "'%s' cannot be reached from other programs: write tcp://HOST:PORT or ipc://PATH",
                        value);
    if (endpoint_check (value) < 0)
        return -1;
    char **grown = dp_realloc (self->endpoints, (self->n_endpoints + 1) * sizeof *grown);
    if (grown == NULL)
        return dp_fail (ENOMEM, "no memory for settings");
    self->endpoints = grown;
    grown[self->n_endpoints] = dp_strdup (value);
    if (grown[self->n_endpoints] == NULL)
        return dp_fail (ENOMEM, "no memory for settings");
    self->n_endpoints++;
    return 0;
}

static int set_name (config_t *self, const char *value)
{
    size_t len = strlen (value);
    if (len == 0 || len > MAX_NAME)
        return dp_fail (EINVAL, "the name has %zu bytes: it may have 1 to %d", len, MAX_NAME);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char) value[i] < 0x20 || value[i] == 0x7f)
            return dp_fail (EINVAL, "the name has a control character in it");
    char *name = dp_strdup (value);
    if (name == NULL)
        return dp_fail (ENOMEM, "no memory for settings");
    dp_free (self->name);
    self->name = name;
    return 0;
}

/* How many bits a unit shifts by; -1 when it is none. */
static int shift_of (const char *unit)
{
    static const char units[] = "KMG";
    if (*unit == '\0')
        return 0;
    const char *found = strchr (units, *unit >= 'a' ? *unit - 'a' + 'A' : *unit);
    return found == NULL || unit[1] != '\0' ? -1 : (int) (found - units + 1) * 10;
}

typedef struct sizes_s {
    const char *key;
    uint64_t least, most;
    const char *range; /* the same in words */
} sizes_t;

static int read_size (const sizes_t *sizes, const char *value, uint64_t *bytes)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull (value, &end, 10);
    int shift = shift_of (end);
    if (*value < '0' || *value > '9' || errno != 0 || shift < 0)
        return dp_fail (EINVAL, "%s '%s' is no size: write bytes, or a number with K, M or G behind it",
                        sizes->key, value);
    if (number > sizes->most >> shift || number << shift < sizes->least)
        return dp_fail (EINVAL, "%s %s is out of range: it may be %s", sizes->key, value, sizes->range);
    *bytes = number << shift;
    return 0;
}

static int set_max_payload (config_t *self, const char *value)
{
    static const sizes_t sizes = { "max_payload", MIN_PAYLOAD, DP_MAX_PAYLOAD, "1K to 1G" };
    return read_size (&sizes, value, &self->max_payload_bytes);
}

static int set_memory_limit (config_t *self, const char *value)
{
    static const sizes_t sizes = { "memory_limit", MIN_MEMORY, MAX_MEMORY, "16M to 1024G" };
    return read_size (&sizes, value, &self->memory_limit_bytes);
}

static int set_no_worker_timeout (config_t *self, const char *value)
{
    if (strcmp (value, "never") == 0) {
        self->no_worker_ms = -1;
        return 0;
    }
    char *end;
    double seconds = strtod (value, &end);
    bool is_number = (*value >= '0' && *value <= '9') || *value == '.';
    if (!is_number || end == value || *end != '\0' || !(seconds <= MAX_SECONDS))
        return dp_fail (EINVAL, "no_worker_timeout '%s' is no time: write a number of seconds, or never",
                        value);
    self->no_worker_ms = (int64_t) (seconds * 1000 + 0.5);
    if (self->no_worker_ms == 0)
        self->no_worker_ms = 1; /* at once; 0 means not set */
    return 0;
}

static int set_log (config_t *self, const char *value)
{
    if (strcmp (value, "events") == 0)
        self->log = CONFIG_LOG_EVENTS;
    else if (strcmp (value, "errors") == 0)
        self->log = CONFIG_LOG_ERRORS;
    else
        return dp_fail (EINVAL, "log '%s' is unknown: write events or errors", value);
    return 0;
}

int config_set (config_t *self, const char *key, const char *value)
{
    static const struct {
        const char *key;
        int (*set) (config_t *self, const char *value);
    } settings[] = {
        { "bind", set_bind },
        { "name", set_name },
        { "max_payload", set_max_payload },
        { "memory_limit", set_memory_limit },
        { "no_worker_timeout", set_no_worker_timeout },
        { "log", set_log },
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (strcmp (key, settings[i].key) == 0)
            return settings[i].set (self, value);
    return dp_fail (
        EINVAL,
        "unknown key '%s': there are bind, name, max_payload, memory_limit, no_worker_timeout and log", key);
}

/* ---- A file ---------------------------------------------------------------------------------- */

/* Does the line set this key? Indented lines belong to a section. */
static bool is_line_of (const char *line, const char *key)
{
    size_t len = strlen (key);
    return strncmp (line, key, len) == 0 && strchr (" \t\r\n=#", line[len]) != NULL;
}

/* The line that sets the key for the nth time, from 1; 0 when there is none. ZPL's reader does not keep it.
 */
static size_t line_of (const char *path, const char *key, size_t nth)
{
    FILE *file = fopen (path, "re");
    if (file == NULL)
        return 0;
    char *line = NULL;
    size_t size = 0, found = 0;
    for (size_t number = 1; found == 0 && getline (&line, &size, file) >= 0; number++)
        if (is_line_of (line, key) && --nth == 0)
            found = number;
    free (line);
    fclose (file);
    return found;
}

/* Put the file and the line of a setting in front of what is wrong with it. */
static int fail_in_file (const char *path, zconfig_t *root, zconfig_t *setting)
{
    size_t nth = 0;
    const char *key = zconfig_name (setting);
    for (zconfig_t *at = zconfig_child (root); at != NULL; at = zconfig_next (at)) {
        nth += strcmp (zconfig_name (at), key) == 0;
        if (at == setting)
            break;
    }
    const dpool_error_t *error = dpool_last_error ();
    size_t line = line_of (path, key, nth);
    char *message = dp_must_strdup (error->message);
    if (line > 0)
        dp_fail (error->code, "%s:%zu: %s", path, line, message);
    else
        dp_fail (error->code, "%s: %s", path, message);
    dp_free (message);
    return -1;
}

/* zconfig_load says neither why a file cannot be opened nor that it is a folder. */
static int check_readable (const char *path)
{
    char byte;
    FILE *file = fopen (path, "re");
    if (file == NULL)
        return dp_fail_errno ("cannot read %s", path);
    errno = 0;
    size_t n = fread (&byte, 1, 1, file);
    int code = n == 0 && ferror (file) ? errno : 0;
    fclose (file);
    errno = code;
    return code != 0 ? dp_fail_errno ("cannot read %s", path) : 0;
}

int config_load (config_t *self, const char *path)
{
    if (check_readable (path) < 0)
        return -1;
    zconfig_t *root = zconfig_load (path);
    if (root == NULL)
        return dp_fail (
            EINVAL,
            "%s is not in ZPL's form: lines of key = \"value\", without indent; see above for the line",
            path);
    int rc = 0;
    for (zconfig_t *at = zconfig_child (root); at != NULL && rc == 0; at = zconfig_next (at)) {
        if (zconfig_child (at) != NULL)
            rc = dp_fail (EINVAL, "'%s' is a section: there are none", zconfig_name (at));
        else
            rc = config_set (self, zconfig_name (at), zconfig_value (at));
        if (rc < 0)
            fail_in_file (path, root, at);
    }
    zconfig_destroy (&root);
    return rc;
}

/* ---- Both ------------------------------------------------------------------------------------ */

void config_complete (config_t *self, config_t *other)
{
    if (self->n_endpoints == 0) {
        free_endpoints (self);
        self->endpoints = other->endpoints;
        self->n_endpoints = other->n_endpoints;
        other->endpoints = NULL;
        other->n_endpoints = 0;
    }
    if (self->name == NULL) {
        self->name = other->name;
        other->name = NULL;
    }
    if (self->max_payload_bytes == 0)
        self->max_payload_bytes = other->max_payload_bytes;
    if (self->memory_limit_bytes == 0)
        self->memory_limit_bytes = other->memory_limit_bytes;
    if (self->no_worker_ms == 0)
        self->no_worker_ms = other->no_worker_ms;
    if (self->log == CONFIG_LOG_UNSET)
        self->log = other->log;
}
