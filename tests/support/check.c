/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/support/check.h"
#include "tests/support/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Print what happened, with what the library says of it, and end the test. */
static void report (int got, const char *wanted, const char *call, const char *file, int line)
{
    const dpool_error_t *error = dpool_last_error ();
    print_error ("%s: wanted %s, but errno is %d (%s)\n", call, wanted, got, dpool_strerror (got));
    print_error ("last error: %s, function '%s', item %zu, signal %d, attempts %u: %s\n",
                 dpool_strerror (error->code), error->function, error->index, error->signal, error->attempts,
                 error->message);
    _fail (file, line);
}

void check_ok (int rc, const char *call, const char *file, int line)
{
    if (rc < 0)
        report (errno, "success", call, file, line);
}

void check_fails (int rc, int code, const char *call, const char *file, int line)
{
    int got = errno;
    if (rc != -1) {
        print_error ("%s: wanted -1 (%s), but it gave %d\n", call, dpool_strerror (code), rc);
        _fail (file, line);
    }
    if (got != code)
        report (got, dpool_strerror (code), call, file, line);
}

void *check_made (void *object, const char *call, const char *file, int line)
{
    if (!object)
        report (errno, "an object", call, file, line);
    return object;
}

dpool_t *check_opens (const char *endpoint, const char *file, int line)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.connect_timeout_ms = PATIENCE_MS;
    return check_made (dpool_open (endpoint, &options), endpoint, file, line);
}

void check_not_made (const void *object, int code, const char *call, const char *file, int line)
{
    int got = errno;
    if (object) {
        print_error ("%s: wanted NULL (%s), but it gave an object\n", call, dpool_strerror (code));
        _fail (file, line);
    }
    if (got != code)
        report (got, dpool_strerror (code), call, file, line);
}

void check_contains (const char *text, const char *words, const char *file, int line)
{
    if (!text || !strstr (text, words)) {
        print_error ("\"%s\" is not in: %s\n", words, text ? text : "(NULL)");
        _fail (file, line);
    }
}

void check_number (const dpool_value_t *value, int64_t number, const char *what, const char *file, int line)
{
    int64_t got;
    if (!value)
        report (errno, "a value", what, file, line);
    if (dpool_value_get (value, "l", &got) < 0)
        report (errno, "an integer", what, file, line);
    if (got != number) {
        print_error ("%s is %" PRId64 ", not %" PRId64 "\n", what, got, number);
        _fail (file, line);
    }
}

void check_code (const dpool_error_t *error, int code, const char *what, const char *file, int line)
{
    if (!error) {
        print_error ("%s: wanted the error %s, but there is none\n", what, dpool_strerror (code));
        _fail (file, line);
    } else if (error->code != code) {
        print_error ("%s: wanted %s, but it is %s: %s\n", what, dpool_strerror (code),
                     dpool_strerror (error->code), error->message);
        _fail (file, line);
    }
}
