/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, LEVELS = 64 };

static bool read_file (const char *path, char *text, size_t size)
{
    text[0] = '\0';
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n_read = read (fd, text, size - 1);
    close (fd);
    text[n_read > 0 ? n_read : 0] = '\0';
    return n_read > 0;
}

static bool has_controller (const char *list, size_t len, const char *controller)
{
    size_t controller_len = strlen (controller);
    for (const char *at = list; at < list + len;) {
        size_t word_len = strcspn (at, ",:");
        if (word_len == controller_len && memcmp (at, controller, word_len) == 0)
            return true;
        at += word_len + 1;
    }
    return false;
}

/* Lines of /proc/self/cgroup are "number:controllers:path"; v2's has no controllers. */
static bool find_path (const char *controller, char *path, bool *is_v2)
{
    char text[PATH_BYTES], *rest = NULL;
    bool is_found = false;
    if (!read_file ("/proc/self/cgroup", text, sizeof text))
        return false;
    for (char *line = strtok_r (text, "\n", &rest); line != NULL; line = strtok_r (NULL, "\n", &rest)) {
        char *list = strchr (line, ':');
        char *its_path = list != NULL ? strchr (list + 1, ':') : NULL;
        if (its_path == NULL)
            continue;
        size_t list_len = (size_t) (its_path - list - 1);
        bool is_named = list_len > 0 && has_controller (list + 1, list_len, controller);
        if (!is_named && (list_len > 0 || is_found))
            continue;
        snprintf (path, PATH_BYTES, "%s", its_path + 1);
        is_found = true;
        *is_v2 = !is_named;
        if (is_named)
            break;
    }
    return is_found;
}

/* Cut the last part off; false at the top. */
static bool go_up (char *path)
{
    char *slash = strrchr (path, '/');
    if (slash == NULL || path[1] == '\0')
        return false;
    slash[slash == path ? 1 : 0] = '\0';
    return true;
}

bool cgroup_read (const char *controller, const char *file_v1, const char *file_v2, unsigned level,
                  char *text, size_t size)
{
    char path[PATH_BYTES], whole[PATH_BYTES + 256];
    bool is_v2 = false;
    text[0] = '\0';
    if (!find_path (controller, path, &is_v2))
        return false;
    for (unsigned i = 0; i < level; i++)
        if (!go_up (path))
            return false;
    /* In a container the path may be that of the host, and lead nowhere; its top is then our group. */
    snprintf (whole, sizeof whole, "/sys/fs/cgroup/%s%s/%s", is_v2 ? "" : controller, path,
              is_v2 ? file_v2 : file_v1);
    read_file (whole, text, size);
    return true;
}

/* The number behind a word at the beginning of a line. */
static bool find_number (const char *text, const char *word, uint64_t *number)
{
    size_t len = strlen (word);
    for (const char *line = text, *end; line != NULL; line = end != NULL ? end + 1 : NULL) {
        end = strchr (line, '\n');
        if (strncmp (line, word, len) == 0 && line[len] == ' ') {
            *number = strtoull (line + len, NULL, 10);
            return true;
        }
    }
    return false;
}

uint64_t cgroup_oom_kills (void)
{
    char text[16384] = "";
    uint64_t number = 0;
    for (unsigned level = 0; level < LEVELS; level++) {
        if (!cgroup_read ("memory", "memory.oom_control", "memory.events", level, text, sizeof text))
            break;
        if (find_number (text, "oom_kill", &number))
            return number;
    }
    if (read_file ("/proc/vmstat", text, sizeof text))
        find_number (text, "oom_kill", &number);
    return number;
}
