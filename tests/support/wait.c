/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/support/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/process.h"

int64_t now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool wait_until (bool (*is_so) (void *argument), void *argument)
{
    int64_t end = now_ms () + PATIENCE_MS;
    while (!is_so (argument)) {
        if (now_ms () > end)
            return false;
        nanosleep (&(struct timespec) { 0, 2000000 }, NULL);
    }
    return true;
}

typedef struct wanted_s {
    const char *path;
    int64_t size; /* -1: it need only exist */
} wanted_t;

static bool is_there (void *argument)
{
    wanted_t *wanted = argument;
    return wanted->size < 0 ? access (wanted->path, F_OK) == 0 : size_of (wanted->path) >= wanted->size;
}

void wait_for_path (const char *path)
{
    wanted_t wanted = { path, -1 };
    if (!wait_until (is_there, &wanted))
        fail_msg ("%s did not appear", path);
}

void wait_for_size (const char *path, int64_t size)
{
    wanted_t wanted = { path, size };
    if (!wait_until (is_there, &wanted))
        fail_msg ("%s has %lld bytes, not %lld", path, (long long) size_of (path), (long long) size);
}

static bool is_gone (void *argument)
{
    return !process_lives (*(pid_t *) argument);
}

void wait_for_end (pid_t pid)
{
    if (!wait_until (is_gone, &pid))
        fail_msg ("process %ld still lives", (long) pid);
}

int64_t size_of (const char *path)
{
    struct stat about;
    return stat (path, &about) < 0 ? 0 : (int64_t) about.st_size;
}

void make_file (const char *path)
{
    int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        fail_msg ("%s: %s", path, strerror (errno));
    close (fd);
}

char *read_text (const char *path)
{
    size_t room = (size_t) size_of (path) + 1, length = 0;
    char *text = malloc (room);
    FILE *file = fopen (path, "re");
    if (!text)
        fail_msg ("out of memory");
    if (file) {
        length = fread (text, 1, room - 1, file);
        fclose (file);
    }
    text[length] = '\0';
    return text;
}

size_t read_numbers (const char *path, long *numbers, size_t max)
{
    char *text = read_text (path);
    size_t n = 0;
    for (char *at = text, *end; *at; at = end) {
        long number = strtol (at, &end, 10);
        if (end == at || *end != '\n')
            break; /* the rest of the last line is still to come */
        if (n < max)
            numbers[n] = number;
        n++;
        end++;
    }
    free (text);
    return n;
}

typedef struct wanted_numbers_s {
    const char *path;
    long *numbers;
    size_t n;
} wanted_numbers_t;

static bool has_numbers (void *argument)
{
    wanted_numbers_t *wanted = argument;
    return read_numbers (wanted->path, wanted->numbers, wanted->n) >= wanted->n;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): they are stored through wanted */
void wait_for_numbers (const char *path, long *numbers, size_t n)
{
    wanted_numbers_t wanted = { path, numbers, n };
    if (!wait_until (has_numbers, &wanted))
        fail_msg ("%s does not get %zu lines", path, n);
}
