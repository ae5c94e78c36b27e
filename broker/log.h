/* SPDX-License-Identifier: MPL-2.0 */
/* log.h - the broker program's log: lines on stderr, each with its time (UTC). One thread. */
#ifndef LOG_H_INCLUDED
#define LOG_H_INCLUDED

/* Write one line; control characters in it become '?'. In a second at most 100 lines are written, and
   none twice in a row; how many were left out is said in front of the next one. */
void log_line (const char *line);

#endif
