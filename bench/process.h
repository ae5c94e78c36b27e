/* SPDX-License-Identifier: MPL-2.0 */
/* process.h - a process that the benchmark starts. It dies with the benchmark, also when that is killed. */
#ifndef BENCH_PROCESS_H_INCLUDED
#define BENCH_PROCESS_H_INCLUDED

#include <stddef.h>
#include <sys/types.h>

typedef struct {
    pid_t pid;
    int out; /* its stdout, or -1 */
} process_t;

/* Run a program (NULL-ended arguments), and read what it prints from out. */
process_t process_run (const char *const argv[]);

/* Fork: the child calls body and ends when that returns. */
process_t process_fork (void (*body) (void *argument), void *argument);

/* Read its next line, without the line end; ends the benchmark when there is none. */
void process_read_line (process_t *self, char *line, size_t size);

/* Kill it, unless it has ended, and wait for its end. */
void process_end (process_t *self);

/* Wait for its end by itself. */
void process_wait (process_t *self);

#endif
