/* SPDX-License-Identifier: MPL-2.0 */
/* log.h - the broker program's log: lines on stderr, each with its time (UTC). One thread. */
#ifndef LOG_H_INCLUDED
#define LOG_H_INCLUDED

/* Write one line; control characters in it become '?'. In a second at most 100 lines are written, none twice
   in a row, and none while stderr takes nothing; how many were left out is said in front of the next one. */
void log_line (const char *line);

#endif
