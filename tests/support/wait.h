/* SPDX-License-Identifier: MPL-2.0 */
/*
 * wait.h - wait for events in tests: never for a time. Every wait has one generous bound, after which the
 * test fails instead of hanging.
 */
#ifndef WAIT_H_INCLUDED
#define WAIT_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The bound of all waits, also for the timeout arguments of the library's own calls. Long, for a sanitizer
   takes tens of seconds for 64 MiB where others have the CPUs; but less than the 60 s for which a broker
   waits for a client that left without a word. */
#define PATIENCE_MS 50000

/* Monotonic milliseconds. */
int64_t now_ms (void);

/* Ask again every 2 ms until is_so (argument) says true. False after PATIENCE_MS. */
bool wait_until (bool (*is_so) (void *argument), void *argument);

/* Wait until the file exists; until it has at least size bytes; until the process is gone (a zombie is
   gone). Fail the running test after PATIENCE_MS. */
void wait_for_path (const char *path);
void wait_for_size (const char *path, int64_t size);
void wait_for_end (pid_t pid);

/* The file's size in bytes; 0 if there is none. */
int64_t size_of (const char *path);

/* Make an empty file, or fail the test. */
void make_file (const char *path);

/* The file's text, NUL-ended; free it. "" if there is none. */
char *read_text (const char *path);

/* The numbers in a file, one a line. How many there are; at most max are stored. */
size_t read_numbers (const char *path, long *numbers, size_t max);

/* Wait until the file has n numbers, and read them. Fails the running test after PATIENCE_MS. */
void wait_for_numbers (const char *path, long *numbers, size_t n);

#endif
