/* SPDX-License-Identifier: MPL-2.0 */
/* check.h - assertions about the library's answers, which print its own story when they do not hold. */
#ifndef CHECK_H_INCLUDED
#define CHECK_H_INCLUDED

#include <dpool/dpool.h>

#include <stdbool.h>

/* The call gave 0 or more. */
#define assert_ok(call) check_ok ((call), #call, __FILE__, __LINE__)

/* The call gave -1, with this code in errno. */
#define assert_fails(call, code) check_fails ((call), (code), #call, __FILE__, __LINE__)

/* The call gave an object: evaluates to it. */
#define assert_made(call) check_made ((call), #call, __FILE__, __LINE__)

/* dpool_open with all defaults but one gives a pool, as the call evaluates to: it waits with PATIENCE_MS. By
   default it would take a broker that others keep off the CPUs for 2 s for something else. */
#define assert_opens(endpoint) check_opens ((endpoint), __FILE__, __LINE__)

/* The call gave NULL, with this code in errno. */
#define assert_not_made(call, code) check_not_made ((call), (code), #call, __FILE__, __LINE__)

/* The message of the last error, or this text, has the words in it. */
#define assert_says(words) check_contains (dpool_last_error ()->message, (words), __FILE__, __LINE__)
#define assert_contains(text, words) check_contains ((text), (words), __FILE__, __LINE__)

/* The value is this integer. */
#define assert_number(value, number) check_number ((value), (number), #value, __FILE__, __LINE__)

/* The error's code is this one. */
#define assert_code(error, code) check_code ((error), (code), #error, __FILE__, __LINE__)

void check_ok (int rc, const char *call, const char *file, int line);
void check_fails (int rc, int code, const char *call, const char *file, int line);
void *check_made (void *object, const char *call, const char *file, int line);
dpool_t *check_opens (const char *endpoint, const char *file, int line);
void check_not_made (const void *object, int code, const char *call, const char *file, int line);
void check_contains (const char *text, const char *words, const char *file, int line);
void check_number (const dpool_value_t *value, int64_t number, const char *what, const char *file, int line);
void check_code (const dpool_error_t *error, int code, const char *what, const char *file, int line);

#endif
