/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/call.h"

#include "core/error.h"
#include "core/items.h"
#include "core/memory.h"
#include "core/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_MAX = 8192, ATTEMPTS_PER_SUBMISSION = 1000 };

/* ---- Texts ---------------------------------------------------------------------------------- */

static void write_text (dp_buffer_t *buffer, const char *format, va_list arguments)
{
    dp_buffer_reset (buffer);
    char *text = (char *) dp_buffer_extend (buffer, MESSAGE_MAX);
    if (text == NULL)
        dp_no_memory (MESSAGE_MAX);
    if (vsnprintf (text, MESSAGE_MAX, format, arguments) < 0)
        text[0] = '\0';
    dp_utf8_clean (text, strlen (text));
}

DPOOL_PRINTF (2, 3) static void set_text (dp_buffer_t *buffer, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    write_text (buffer, format, arguments);
    va_end (arguments);
}

/* ---- What functions call -------------------------------------------------------------------- */

static int wrong_call (const char *name)
{
    return dp_fail (EINVAL, "%s: the call is NULL", name);
}

int dpool_call_args (dpool_call_t *self, const char *picture, ...)
{
    if (self == NULL)
        return wrong_call ("dpool_call_args");
    va_list targets;
    va_start (targets, picture);
    int rc = dp_picture_unpack (&self->texts, self->arguments, self->arguments_len, picture, &targets);
    va_end (targets);
    if (rc < 0) {
        int code = errno;
        self->bad_arguments = code == DPOOL_EVALUE ? OUTCOME_BAD_VALUE : OUTCOME_FAILED;
        set_text (&self->complaint, "wrong arguments for '%s': %s", self->function,
                  dpool_last_error ()->message);
        errno = code;
    }
    return rc;
}

static uint64_t max_result (const dpool_call_t *self)
{
    return self->max_result > 0 ? self->max_result : DP_DEFAULT_MAX_PAYLOAD;
}

static int too_large (dpool_call_t *self)
{
    self->trouble = OUTCOME_TOO_LARGE;
    set_text (&self->message,
              "the result of '%s' has %zu bytes, the limit is %llu: return less, or write it to a "
              "file and return its name",
              self->function, self->result.len - 1, (unsigned long long) max_result (self));
    dp_buffer_fini (&self->result);
    return dp_fail (DPOOL_ETOOLARGE, "%s", (const char *) self->message.data);
}

int dpool_call_return (dpool_call_t *self, const char *picture, ...)
{
    if (self == NULL)
        return wrong_call ("dpool_call_return");
    if (self->n_results++ > 0) {
        self->trouble = OUTCOME_FAILED;
        set_text (&self->message, "'%s' called dpool_call_return twice: a function has one result",
                  self->function);
        return dp_fail (EEXIST, "%s", (const char *) self->message.data);
    }
    static const uint8_t status = OUTCOME_VALUE;
    va_list values;
    va_start (values, picture);
    dp_buffer_append (&self->result, &status, 1); /* so that it is an outcome as it stands */
    int rc = dp_picture_pack (&self->result, picture, &values);
    va_end (values);
    if (rc < 0) {
        int code = errno;
        self->trouble = code == DPOOL_EVALUE ? OUTCOME_BAD_VALUE : OUTCOME_FAILED;
        set_text (&self->message, "the result of '%s' cannot be packed: %s", self->function,
                  dpool_last_error ()->message);
        errno = code;
        return -1;
    }
    return self->result.len - 1 > max_result (self) ? too_large (self) : 0;
}

int dpool_call_fail (dpool_call_t *self, int code, const char *format, ...)
{
    if (self == NULL)
        return wrong_call ("dpool_call_fail");
    va_list arguments;
    va_start (arguments, format);
    write_text (&self->message, format, arguments);
    va_end (arguments);
    self->has_failed = true;
    self->user_code = code;
    return -1;
}

bool dpool_call_cancelled (dpool_call_t *self)
{
    return self != NULL && self->slot != NULL && slot_is_cancelled (self->slot, self->serial);
}

int dpool_call_progress (dpool_call_t *self, uint64_t done, uint64_t total)
{
    if (self != NULL && self->slot != NULL)
        slot_progress (self->slot, done, total);
    return 0;
}

unsigned dpool_call_attempt (dpool_call_t *self)
{
    return self != NULL ? (unsigned) self->attempt : 0;
}

/* A well-mixed function of 64 bits, one to one (the finaliser of splitmix64). */
static uint64_t mix (uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C (0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t dpool_call_random (dpool_call_t *self)
{
    const uint64_t step = UINT64_C (0x9e3779b97f4a7c15);
    if (self == NULL)
        return 0;
    uint64_t start = mix (mix (mix (self->seed + step) + self->job + step) + self->item + step);
    return mix (start + ++self->n_random * step);
}

/* ---- What the process calls ----------------------------------------------------------------- */

void call_reset (dpool_call_t *self)
{
    dp_texts_fini (&self->texts);
    if (self->result.is_lent) /* a copy of this process, forked by the function, may not write there */
        dp_buffer_fini (&self->result);
    dp_buffer_reset (&self->result);
    self->n_random = 0;
    self->n_results = 0;
    self->has_failed = false;
    self->user_code = 0;
    self->trouble = self->bad_arguments = OUTCOME_VALUE;
}

static void put_error (dpool_call_t *self, outcome_status_t status, const char *message, dp_buffer_t *outcome)
{
    dpool_error_t error = {
        .user_code = self->user_code,
        .message = message,
        .function = self->function,
        .host = self->host != NULL ? self->host : "",
        .stderr_tail = "",
        .attempts
        = (unsigned) (self->attempt / ATTEMPTS_PER_SUBMISSION + self->attempt % ATTEMPTS_PER_SUBMISSION),
        .pid = getpid (),
    };
    if (outcome_put_error (outcome, status, &error) < 0)
        dp_no_memory (strlen (message));
}

/* Why the call failed; OUTCOME_VALUE when it did not. A function may try several pictures for its arguments,
   so those that did not fit count only when it gives up. */
static outcome_status_t verdict (dpool_call_t *self, int rc, outcome_status_t failed_as, const char **message)
{
    *message = (const char *) self->message.data;
    if (self->has_failed)
        return failed_as;
    if (self->trouble != OUTCOME_VALUE)
        return self->trouble;
    if (rc == 0)
        return OUTCOME_VALUE;
    if (self->bad_arguments != OUTCOME_VALUE) {
        *message = (const char *) self->complaint.data;
        return self->bad_arguments;
    }
    set_text (&self->message, "'%s' failed and gave no reason", self->function);
    *message = (const char *) self->message.data;
    return failed_as;
}

bool call_run (dpool_call_t *self, dpool_function_t *body, outcome_status_t failed_as, dp_buffer_t *outcome)
{
    static const uint8_t nil = 0xc0;
    const char *message;
    call_reset (self);
    int rc = body (self);
    outcome_status_t status = verdict (self, rc, failed_as, &message);
    if (status != OUTCOME_VALUE) {
        put_error (self, status, message, outcome);
        return false;
    }
    if (self->n_results == 0) {
        if (outcome_put_value (outcome, &nil, 1) < 0)
            dp_no_memory (1);
    } else if (outcome->len == 0) {
        dp_buffer_t result = self->result;
        self->result = *outcome;
        *outcome = result;
    } else if (dp_buffer_append (outcome, self->result.data, self->result.len) < 0)
        dp_no_memory (self->result.len);
    return true;
}

void call_refuse (dpool_call_t *self, outcome_status_t status, dp_buffer_t *outcome, const char *format, ...)
{
    va_list arguments;
    call_reset (self);
    va_start (arguments, format);
    write_text (&self->message, format, arguments);
    va_end (arguments);
    put_error (self, status, (const char *) self->message.data, outcome);
}

void call_fini (dpool_call_t *self)
{
    dp_texts_fini (&self->texts);
    dp_buffer_fini (&self->result);
    dp_buffer_fini (&self->message);
    dp_buffer_fini (&self->complaint);
}
