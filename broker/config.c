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
    dp_free (self->key_file);
    dp_free (self->allowlist);
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

static int set_path (char **path, const char *key, const char *value)
{
    if (*value == '\0')
        return dp_fail (EINVAL, "%s names no file", key);
    char *copy = dp_strdup (value);
    if (copy == NULL)
        return dp_fail (ENOMEM, "no memory for settings");
    dp_free (*path);
    *path = copy;
    return 0;
}

static int set_key_file (config_t *self, const char *value)
{
    return set_path (&self->key_file, "key_file", value);
}

static int set_allowlist (config_t *self, const char *value)
{
    return set_path (&self->allowlist, "allowlist", value);
}

static int set_insecure (config_t *self, const char *value)
{
    if (strcmp (value, "yes") != 0 && strcmp (value, "no") != 0)
        return dp_fail (EINVAL, "insecure '%s' is unknown: write yes or no", value);
    self->insecure = strcmp (value, "yes") == 0 ? 1 : -1;
    return 0;
}

/* ---- Back to text ---------------------------------------------------------------------------- */

static void write_bind (const config_t *self, size_t i, char *text, size_t size)
{
    snprintf (text, size, "%s", self->endpoints[i]);
}

static void write_name (const config_t *self, size_t i, char *text, size_t size)
{
    (void) i;
    snprintf (text, size, "%s", self->name);
}

static void write_size (uint64_t bytes, char *text, size_t size)
{
    static const char units[][2] = { "", "K", "M", "G" };
    size_t unit = 0;
    while (unit < 3 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    snprintf (text, size, "%llu%s", (unsigned long long) bytes, units[unit]);
}

static void write_max_payload (const config_t *self, size_t i, char *text, size_t size)
{
    (void) i;
    write_size (self->max_payload_bytes, text, size);
}

static void write_memory_limit (const config_t *self, size_t i, char *text, size_t size)
{
    (void) i;
    write_size (self->memory_limit_bytes, text, size);
}

static void write_no_worker_timeout (const config_t *self, size_t i, char *text, size_t size)
{
    (void) i;
    if (self->no_worker_ms < 0)
        snprintf (text, size, "never");
    else
        snprintf (text, size, "%.15g", (double) self->no_worker_ms / 1000);
}

static void write_log (const config_t *self, size_t i, char *text, size_t size)
{
    (void) i;
    snprintf (text, size, "%s", self->log == CONFIG_LOG_ERRORS ? "errors" : "events");
}

static void write_key_file (const config_t *self, size_t i, char *text, size_t size)
{
    (void) i;
    snprintf (text, size, "%s", self->key_file);
}

static void write_allowlist (const config_t *self, size_t i, char *text, size_t size)
{
    (void) i;
    snprintf (text, size, "%s", self->allowlist);
}

static void write_insecure (const config_t *self, size_t i, char *text, size_t size)
{
    (void) i;
    snprintf (text, size, "%s", self->insecure > 0 ? "yes" : "no");
}

/* One row for flag, environment and file. */
static const struct {
    const char *key;
    int (*set) (config_t *self, const char *value);
    void (*write) (const config_t *self, size_t i, char *text, size_t size);
} settings[CONFIG_SETTINGS] = {
    { "bind", set_bind, write_bind },
    { "name", set_name, write_name },
    { "max_payload", set_max_payload, write_max_payload },
    { "memory_limit", set_memory_limit, write_memory_limit },
    { "no_worker_timeout", set_no_worker_timeout, write_no_worker_timeout },
    { "log", set_log, write_log },
    { "key_file", set_key_file, write_key_file },
    { "allowlist", set_allowlist, write_allowlist },
    { "insecure", set_insecure, write_insecure },
};

int config_set (config_t *self, const char *key, const char *value)
{
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        if (strcmp (key, settings[i].key) != 0)
            continue;
        self->origins[i] = self->origin != NULL ? self->origin : "set";
        return settings[i].set (self, value);
    }
    return dp_fail (
        EINVAL,
        "unknown key '%s': there are bind, name, max_payload, memory_limit, no_worker_timeout, log, "
        "key_file, allowlist and insecure",
        key);
}

void config_print (const config_t *self, FILE *stream)
{
    char text[1024];
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        size_t n = self->origins[i] == NULL ? 0 : i == 0 ? self->n_endpoints : 1;
        for (size_t k = 0; k < n; k++) {
            settings[i].write (self, k, text, sizeof text);
            char quote = strchr (text, '"') != NULL ? '\'' : '"'; /* ZPL has both, and no escapes */
            fprintf (stream, "%s = %c%s%c  # %s\n", settings[i].key, quote, text, quote, self->origins[i]);
        }
    }
}

/* ---- The environment ------------------------------------------------------------------------- */

/* The endpoints of one variable have commas between them; all else is one value. */
static int set_from (config_t *self, const char *key, bool is_list, const char *variable, const char *value)
{
    char *copy = dp_must_strdup (value), *rest = NULL;
    int rc = 0;
    if (!is_list)
        rc = config_set (self, key, value);
    else
        for (char *word = strtok_r (copy, ", ", &rest); word != NULL && rc == 0;
             word = strtok_r (NULL, ", ", &rest))
            rc = config_set (self, key, word);
    dp_free (copy);
    if (rc < 0) {
        char *message = dp_must_strdup (dpool_last_error ()->message);
        dp_fail (EINVAL, "%s in the environment: %s", variable, message);
        dp_free (message);
    }
    return rc;
}

int config_take_environment (config_t *self)
{
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        char variable[64];
        size_t at = (size_t) snprintf (variable, sizeof variable, "DPOOL_");
        for (const char *c = settings[i].key; *c != '\0'; c++)
            variable[at++] = *c >= 'a' && *c <= 'z' ? (char) (*c - 'a' + 'A') : *c;
        variable[at] = '\0';
        const char *value = secure_getenv (variable);
        if (value != NULL && *value != '\0' && set_from (self, settings[i].key, i == 0, variable, value) < 0)
            return -1;
    }
    return 0;
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

static void take_text (char **self, char **other)
{
    if (*self != NULL)
        return;
    *self = *other;
    *other = NULL;
}

void config_complete (config_t *self, config_t *other)
{
    for (size_t i = 0; i < CONFIG_SETTINGS; i++)
        if (self->origins[i] == NULL)
            self->origins[i] = other->origins[i];
    if (self->n_endpoints == 0) {
        free_endpoints (self);
        self->endpoints = other->endpoints;
        self->n_endpoints = other->n_endpoints;
        other->endpoints = NULL;
        other->n_endpoints = 0;
    }
    take_text (&self->name, &other->name);
    take_text (&self->key_file, &other->key_file);
    take_text (&self->allowlist, &other->allowlist);
    if (self->insecure == 0)
        self->insecure = other->insecure;
    if (self->max_payload_bytes == 0)
        self->max_payload_bytes = other->max_payload_bytes;
    if (self->memory_limit_bytes == 0)
        self->memory_limit_bytes = other->memory_limit_bytes;
    if (self->no_worker_ms == 0)
        self->no_worker_ms = other->no_worker_ms;
    if (self->log == CONFIG_LOG_UNSET)
        self->log = other->log;
}
