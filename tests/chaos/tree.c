/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Fill text with a file of /proc/<pid>, zeros and all. How long it is. */
static size_t read_about (const char *pid, const char *what, char *text, size_t size)
{
    char path[64];
    snprintf (path, sizeof path, "/proc/%.16s/%s", pid, what);
    FILE *file = fopen (path, "re");
    size_t length = file ? fread (text, 1, size - 1, file) : 0;
    if (file)
        fclose (file);
    text[length] = '\0';
    return length;
}

static bool has_variable (const char *pid, const char *party)
{
    char text[32768];
    size_t length = read_about (pid, "environ", text, sizeof text);
    for (size_t at = 0; at < length; at += strlen (text + at) + 1) {
        if (strncmp (text + at, TREE_VARIABLE "=", strlen (TREE_VARIABLE "=")) == 0)
            return strncmp (text + at + strlen (TREE_VARIABLE "="), party, strlen (party)) == 0;
    }
    return false;
}

static bool is_called (const char *pid, const char *name)
{
    char text[64];
    read_about (pid, "comm", text, sizeof text);
    text[strcspn (text, "\n")] = '\0';
    return strcmp (text, name) == 0;
}

/* Its state and its parent stand behind its name, which may hold anything. */
static bool read_status (const char *pid, char *state, long *parent)
{
    char text[1024];
    read_about (pid, "stat", text, sizeof text);
    const char *after_name = strrchr (text, ')');
    return after_name && sscanf (after_name + 1, " %c %ld", state, parent) == 2;
}

size_t tree_find (const char *party, const char *name, pid_t *pids, size_t max)
{
    size_t n = 0;
    DIR *stream = opendir ("/proc");
    for (struct dirent *entry; stream && (entry = readdir (stream));) {
        char state;
        long parent;
        if (!isdigit ((unsigned char) entry->d_name[0]) || (name && !is_called (entry->d_name, name))
            || !has_variable (entry->d_name, party) || !read_status (entry->d_name, &state, &parent)
            || state == 'Z' || state == 'X')
            continue;
        if (n < max)
            pids[n] = (pid_t) strtol (entry->d_name, NULL, 10);
        n++;
    }
    if (stream)
        closedir (stream);
    return n;
}

void tree_bury (void)
{
    DIR *stream = opendir ("/proc");
    for (struct dirent *entry; stream && (entry = readdir (stream));) {
        char state;
        long parent;
        if (isdigit ((unsigned char) entry->d_name[0]) && read_status (entry->d_name, &state, &parent)
            && state == 'Z' && parent == (long) getpid ()
            && (is_called (entry->d_name, TREE_ZYGOTE) || is_called (entry->d_name, TREE_CHILD)))
            waitpid ((pid_t) strtol (entry->d_name, NULL, 10), NULL, WNOHANG);
    }
    if (stream)
        closedir (stream);
}

void tree_adopt (void)
{
    prctl (PR_SET_CHILD_SUBREAPER, 1);
}
