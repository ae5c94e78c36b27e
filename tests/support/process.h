/* SPDX-License-Identifier: MPL-2.0 */
/*
 * process.h - a program that a test starts. It dies with the test, also when the test is killed.
 */
#ifndef PROCESS_H_INCLUDED
#define PROCESS_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct process_s process_t;

/* Start argv[0] with these arguments (NULL-ended). Its stdout comes to the test; its stderr goes to the
   file, or where the test's own goes if that is NULL. Fails the test if it cannot be started. */
process_t *process_new (const char *const argv[], const char *stderr_path);

pid_t process_pid (const process_t *self);

/* Read its next line of stdout, without the line end. False at the end of its output, or, failing the
   test, when none comes. */
bool process_read_line (process_t *self, char *line, size_t size);

/* Read its stdout up to the end: until it and all that inherited it are gone. At most size - 1 bytes are
   kept, NUL-ended. Fails the test when the end does not come. */
void process_read_all (process_t *self, char *text, size_t size);

/* Send it a signal. */
void process_signal (process_t *self, int number);

/* Wait for its end and give its status as waitpid does. Fails the test when it does not end. */
int process_wait (process_t *self);

/* Kill it, if it still runs, and free it. */
void process_destroy (process_t **self_p);

/* Does a process of this id run? Zombies do not. */
bool process_lives (pid_t pid);

#endif
