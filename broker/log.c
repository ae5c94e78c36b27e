/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/log.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINE 1000
#define MAX_LINES_A_SECOND 100

/* In one write, so that the lines of several processes on one stderr do not mix. A log that fails, or whose
   reader has stopped to read, must not stop the broker. False when the line could not be written. */
static bool write_line (time_t now, const char *line)
{
    struct pollfd item = { STDERR_FILENO, POLLOUT, 0 };
    char text[MAX_LINE + 32];
    struct tm utc;
    gmtime_r (&now, &utc);
    size_t n = strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%SZ ", &utc);
    for (size_t i = 0; i < MAX_LINE && line[i] != '\0'; i++)
        text[n++] = (unsigned char) line[i] < 0x20 || line[i] == 0x7f ? '?' : line[i];
    text[n++] = '\n';
    return poll (&item, 1, 0) > 0 && write (STDERR_FILENO, text, n) == (ssize_t) n;
}

void log_line (const char *line)
{
    static time_t second;
    static unsigned long n_lines, n_left_out;
    static char last[MAX_LINE];
    time_t now = time (NULL);
    if (now != second) {
        second = now;
        n_lines = 0;
        last[0] = '\0';
    }
    if (n_lines == MAX_LINES_A_SECOND || strncmp (line, last, sizeof last - 1) == 0) {
        n_left_out++;
        return;
    }
    if (n_left_out > 0) {
        char text[64];
        snprintf (text, sizeof text, "(%lu lines left out)", n_left_out);
        if (write_line (now, text))
            n_left_out = 0;
    }
    n_lines++;
    snprintf (last, sizeof last, "%s", line);
    if (!write_line (now, line))
        n_left_out++;
}
