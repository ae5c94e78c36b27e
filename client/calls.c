/* SPDX-License-Identifier: MPL-2.0 */
/* calls.c - apply and map. */
#include "client/async_result.h"
#include "client/call_options.h"
#include "client/driver.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/picture.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum { SHORT_ARGUMENTS = 256 }; /* bytes: so many need no memory while they are packed */

static int check_pool (const dpool_t *self)
{
    return self != NULL ? 0 : dp_fail (EINVAL, "the pool is NULL: did dpool_open fail?");
}

/* Under the lock. */
static int check_payload (const dpool_t *self, const char *function, size_t len)
{
    uint64_t most = session_max_payload (self->session);
    if (len <= most)
        return 0;
    return dp_fail (
        DPOOL_ETOOLARGE,
        "the arguments of '%s' take %zu bytes, and the limit is %llu: pass a path or a key instead", function,
        len, (unsigned long long) most);
}

/* ---- Apply ---------------------------------------------------------------------------------- */

static bool has_window (const dpool_t *self, size_t len)
{
    if (self->n_applies >= self->max_applies)
        return false;
    return self->n_applies == 0 || self->n_bytes + len <= self->max_bytes;
}

/* Wait until the window has room, under the lock. */
static int wait_for_window (dpool_t *self, size_t len)
{
    int64_t deadline_ms = waiter_deadline (self->submit_timeout_ms);
    for (;;) {
        if (pool_check_open (self) < 0)
            return -1;
        if (has_window (self, len))
            return 0;
        if (self->submit_timeout_ms != 0 && waiter_wait (&self->waiters, &self->lock, deadline_ms) == 0)
            continue;
        if (self->submit_timeout_ms != 0 && errno == EINTR)
            return dp_fail (EINTR, "interrupted by a signal while waiting for room in the pool's window");
        if (self->submit_timeout_ms != 0 && errno != ETIMEDOUT)
            return dp_fail_errno ("cannot wait for room in the pool's window");
        return dp_fail (
            EAGAIN,
            "%zu calls (%zu bytes) are unfinished, which is the pool's window: try again when some "
            "have finished",
            self->n_applies, self->n_bytes);
    }
}

/* Short ones need no memory of their own. */
static int take_packed (dpool_t *self, argument_t *argument, dp_buffer_t *packed)
{
    if (argument_init_brief (argument, packed->data, packed->len))
        return 0;
    dp_blob_t *blob = dp_arena_take_over (self->arena, packed);
    if (blob == NULL)
        return dp_fail (ENOMEM, "out of memory");
    argument_init (argument, blob);
    dp_blob_release (&blob);
    return 0;
}

/* Pack the arguments. 0, or -1 with the thread's last error. */
static int pack (dpool_t *self, argument_t *argument, const char *picture, va_list *arguments)
{
    uint8_t room[SHORT_ARGUMENTS];
    dp_buffer_t packed = DP_BUFFER_IN (room, dp_arena_source (self->arena));
    int rc = dp_picture_pack (&packed, picture, arguments);
    if (rc == 0)
        rc = take_packed (self, argument, &packed);
    dp_buffer_fini (&packed);
    return rc;
}

static dpool_async_result_t *apply (dpool_t *self, const dpool_call_options_t *options, const char *function,
                                    const char *picture, va_list *arguments, bool will_wait)
{
    dpool_call_options_t taken;
    job_spec_t spec;
    if (check_pool (self) < 0 || call_options_take (&taken, options, function, &spec) < 0)
        return NULL;
    argument_t argument = { .brief = { .len = 0 } };
    if (pack (self, &argument, picture, arguments) < 0)
        return NULL;
    size_t len = argument_len (&argument);
    dpool_async_result_t *result = async_result_new_call (self, &taken);
    if (result != NULL) {
        pool_lock (self);
        int rc = check_payload (self, function, len);
        if (rc == 0)
            rc = wait_for_window (self, len);
        if (rc == 0)
            rc = async_result_submit_call (result, &spec, &argument);
        if (will_wait && rc == 0 && driver_may_take (self))
            pool_leave (self); /* whoever waits, at once, drives the loop */
        else
            pool_unlock_call (self);
        if (rc < 0) {
            async_result_discard (&result);
            dp_fail_again ();
        }
    }
    argument_fini (&argument);
    return result;
}

dpool_async_result_t *dpool_apply_async (dpool_t *self, const char *function, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    dpool_async_result_t *result = apply (self, NULL, function, picture, &arguments, false);
    va_end (arguments);
    return result;
}

dpool_async_result_t *dpool_apply_async_with (dpool_t *self, const dpool_call_options_t *options,
                                              const char *function, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    dpool_async_result_t *result = apply (self, options, function, picture, &arguments, false);
    va_end (arguments);
    return result;
}

int dpool_apply (dpool_t *self, dpool_value_t **value, const char *function, const char *picture, ...)
{
    if (value != NULL)
        *value = NULL;
    va_list arguments;
    va_start (arguments, picture);
    dpool_async_result_t *result = apply (self, NULL, function, picture, &arguments, true);
    va_end (arguments);
    if (result == NULL)
        return -1;
    int rc = dpool_async_result_get (result, -1);
    if (rc == 0 && value != NULL) {
        *value = dpool_async_result_take (result, 0);
        rc = *value != NULL ? 0 : -1;
    }
    dpool_async_result_destroy (&result); /* after EINTR it is unfinished, and so cancelled */
    return rc < 0 ? dp_fail_again () : 0;
}

/* ---- Map ------------------------------------------------------------------------------------ */

static dpool_async_result_t *map (dpool_t *self, const char *function, dpool_items_t *items,
                                  const dpool_call_options_t *options)
{
    dpool_call_options_t taken;
    job_spec_t spec;
    if (check_pool (self) < 0 || call_options_take (&taken, options, function, &spec) < 0)
        return NULL;
    if (items == NULL) {
        dp_fail (EINVAL, "the items are NULL: make a list with dpool_items_new");
        return NULL;
    }
    if (dp_items_freeze (items) < 0)
        return NULL;
    spec.items = items;
    dpool_async_result_t *result = async_result_new_map (self, &spec, &taken);
    if (result == NULL)
        return NULL;
    pool_lock (self);
    int rc = check_payload (self, function, dp_items_longest (items));
    if (rc == 0)
        rc = pool_check_open (self);
    if (rc == 0)
        async_result_submit_map (result);
    pool_unlock (self);
    if (rc < 0) {
        async_result_discard (&result);
        dp_fail_again ();
    }
    return result;
}

dpool_async_result_t *dpool_map_async (dpool_t *self, const char *function, dpool_items_t *items,
                                       const dpool_call_options_t *options)
{
    return map (self, function, items, options);
}

dpool_async_result_t *dpool_map (dpool_t *self, const char *function, dpool_items_t *items,
                                 const dpool_call_options_t *options)
{
    dpool_async_result_t *result = map (self, function, items, options);
    if (result != NULL && dpool_async_result_wait (result, -1) < 0) {
        dpool_async_result_destroy (&result);
        dp_fail_again ();
    }
    return result;
}
