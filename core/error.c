/* SPDX-License-Identifier: MPL-2.0 */
#include "core/error.h"

#include "core/memory.h"
#include "core/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE 1024

/* Fixed, so that reporting an error never needs memory and a thread's end has nothing to free. */
typedef struct last_error_s {
    dpool_error_t error;
    unsigned n_failures;
    char message[MESSAGE_SIZE];
    char function[65];
    char host[256];
    char stderr_tail[4097];
    char history[4097];
} last_error_t;

static _Thread_local last_error_t last;

static const char *const texts[] = {
    [DPOOL_EVALUE - DPOOL_ERRNO_BASE] = "The value does not fit the picture",
    [DPOOL_EFAILED - DPOOL_ERRNO_BASE] = "The function reported a failure",
    [DPOOL_ECRASHED - DPOOL_ERRNO_BASE]
    = "The process that ran the call died, as often as it may be tried again",
    [DPOOL_ETIMELIMIT - DPOOL_ERRNO_BASE] = "The call ran longer than its time limit and was stopped",
    [DPOOL_ECANCELLED - DPOOL_ERRNO_BASE] = "The call was cancelled before it started",
    [DPOOL_EKILLED - DPOOL_ERRNO_BASE] = "The call was cancelled after it may have started",
    [DPOOL_ELOST - DPOOL_ERRNO_BASE] = "The worker of an at-most-once call is gone: it may have run",
    [DPOOL_ENOFUNCTION - DPOOL_ERRNO_BASE] = "No worker offers a function of this name",
    [DPOOL_ETOOLARGE - DPOOL_ERRNO_BASE] = "An argument or a result is larger than the payload limit",
    [DPOOL_ETERMINATED - DPOOL_ERRNO_BASE] = "The pool was terminated before the call finished",
    [DPOOL_ECLOSED - DPOOL_ERRNO_BASE] = "The pool is closed and takes no more calls",
    [DPOOL_EINITIALIZER - DPOOL_ERRNO_BASE] = "The pool's initializer failed three times in a row",
    [DPOOL_ESOURCE - DPOOL_ERRNO_BASE] = "The source of an imap did not give exactly one item",
    [DPOOL_EBROKERLOST - DPOOL_ERRNO_BASE] = "The broker is gone and did not return in time",
    [DPOOL_ENOBROKER - DPOOL_ERRNO_BASE] = "Nothing listens at the endpoint",
    [DPOOL_ENOTDPOOL - DPOOL_ERRNO_BASE] = "What listens at the endpoint is not a dpool broker",
    [DPOOL_EVERSION - DPOOL_ERRNO_BASE] = "The broker speaks no protocol version that this library speaks",
    [DPOOL_ESERVERKEY - DPOOL_ERRNO_BASE] = "The broker does not have the key that was expected of it",
    [DPOOL_ECLIENTKEY - DPOOL_ERRNO_BASE] = "The broker does not know this program's key",
    [DPOOL_EROLE - DPOOL_ERRNO_BASE] = "The key is known to the broker, but not for this role",
    [DPOOL_EREFUSED - DPOOL_ERRNO_BASE] = "The broker refused the request",
    [DPOOL_EQUOTA - DPOOL_ERRNO_BASE] = "A quota at the broker is used up",
};

const char *dpool_strerror (int code)
{
    if (code == 0)
        return "No error";
    if (code > DPOOL_ERRNO_BASE && (size_t) (code - DPOOL_ERRNO_BASE) < sizeof texts / sizeof texts[0])
        return texts[code - DPOOL_ERRNO_BASE];
    /* GNU's: the buffer is for codes that it does not know, and would not outlive us. */
    char number[64];
    const char *text = strerror_r (code, number, sizeof number);
    return text != number ? text : "Unknown error";
}

const char *dpool_version (void)
{
#define TEXT_OF(x) #x
#define VERSION(major, minor, patch) TEXT_OF (major) "." TEXT_OF (minor) "." TEXT_OF (patch)
    return VERSION (DPOOL_VERSION_MAJOR, DPOOL_VERSION_MINOR, DPOOL_VERSION_PATCH);
}

const dpool_error_t *dpool_last_error (void)
{
    if (!last.error.message) {
        last.error.message = last.message;
        last.error.function = last.function;
        last.error.host = last.host;
        last.error.stderr_tail = last.stderr_tail;
        last.error.history = last.history;
    }
    return &last.error;
}

/* Copy text into a place of "size" bytes, cut at its end. The text may lie in that very place. */
static const char *copy_text (char *place, size_t size, const char *text)
{
    if (!text)
        text = "";
    size_t kept = dp_utf8_cut (text, strlen (text), size - 1);
    memmove (place, text, kept);
    place[kept] = '\0';
    return place;
}

/* Of stderr and of what was before it is the end that tells: cut at its start. */
static const char *copy_tail (char *place, size_t size, const char *text)
{
    if (!text)
        text = "";
    size_t len = strlen (text), skipped = len < size ? 0 : len - (size - 1);
    while (skipped > 0 && ((unsigned char) text[skipped] & 0xC0) == 0x80)
        skipped++; /* not into the middle of a character; the NUL ends this */
    return copy_text (place, size, text + skipped);
}

int dp_fail_with (const dpool_error_t *error)
{
    last.n_failures++;
    last.error = *error;
    last.error.message = copy_text (last.message, sizeof last.message, error->message);
    last.error.function = copy_text (last.function, sizeof last.function, error->function);
    last.error.host = copy_text (last.host, sizeof last.host, error->host);
    last.error.stderr_tail = copy_tail (last.stderr_tail, sizeof last.stderr_tail, error->stderr_tail);
    last.error.history = copy_tail (last.history, sizeof last.history, error->history);
    errno = error->code;
    return -1;
}

int dp_fail (int code, const char *format, ...)
{
    char message[MESSAGE_SIZE * 2]; /* first here: an argument may be the last error's own text */
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (message, sizeof message, format, arguments);
    va_end (arguments);
    dpool_error_t error = { .code = code, .message = message };
    return dp_fail_with (&error);
}

int dp_fail_errno (const char *format, ...)
{
    int code = errno;
    char message[MESSAGE_SIZE];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (message, sizeof message, format, arguments);
    va_end (arguments);
    return dp_fail (code, "%s: %s", message, dpool_strerror (code));
}

dpool_error_t *dp_error_copy (const dpool_error_t *error)
{
    enum { N_TEXTS = 5 };
    const char *const members[N_TEXTS]
        = { error->message, error->function, error->host, error->stderr_tail, error->history };
    size_t sizes[N_TEXTS], size = sizeof (dpool_error_t);
    for (int i = 0; i < N_TEXTS; i++) {
        sizes[i] = members[i] ? strlen (members[i]) + 1 : 1;
        size += sizes[i];
    }
    dpool_error_t *copy = dp_alloc (size);
    if (!copy)
        return NULL;
    char *at = (char *) (copy + 1);
    const char *copies[N_TEXTS];
    for (int i = 0; i < N_TEXTS; i++) {
        if (members[i])
            memcpy (at, members[i], sizes[i]); /* else the block's own zero byte is the "" */
        copies[i] = at;
        at += sizes[i];
    }
    *copy = *error;
    copy->message = copies[0];
    copy->function = copies[1];
    copy->host = copies[2];
    copy->stderr_tail = copies[3];
    copy->history = copies[4];
    return copy;
}

unsigned dp_fail_count (void)
{
    return last.n_failures;
}

int dp_fail_again (void)
{
    errno = last.error.code;
    return -1;
}
