/* SPDX-License-Identifier: MPL-2.0 */
#include "service/settings_file.h"

#include <czmq.h>
#include <stdlib.h>
#include <string.h>

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

/* How often the key was set up to here. */
static size_t count (zconfig_t *root, zconfig_t *setting)
{
    size_t nth = 0;
    for (zconfig_t *at = zconfig_child (root); at != NULL; at = zconfig_next (at)) {
        nth += strcmp (zconfig_name (at), zconfig_name (setting)) == 0;
        if (at == setting)
            break;
    }
    return nth;
}

int settings_file_read (const char *path,
                        int (*take) (void *receiver, size_t line, const char *key, const char *value),
                        void *receiver)
{
    zconfig_t *root = zconfig_load (path);
    if (root == NULL)
        return -1;
    int rc = 0;
    for (zconfig_t *at = zconfig_child (root); at != NULL && rc == 0; at = zconfig_next (at)) {
        const char *key = zconfig_name (at), *value = zconfig_value (at);
        size_t line = line_of (path, key, count (root, at));
        rc = take (receiver, line, key, zconfig_child (at) != NULL ? NULL : value);
    }
    zconfig_destroy (&root);
    return rc;
}
