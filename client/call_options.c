/* SPDX-License-Identifier: MPL-2.0 */
#include "client/call_options.h"

#include "core/error.h"
#include "core/name.h"

#include <errno.h>
#include <string.h>

static int check (const dpool_call_options_t *self)
{
    if (self->time_limit_ms < 0)
        return dp_fail (EINVAL, "time_limit_ms is %d: use 0 for none, or milliseconds from 1 on",
                        self->time_limit_ms);
    if (self->max_retries < 0)
        return dp_fail (EINVAL, "max_retries is %d: use 0 for none, or a number from 1 on",
                        self->max_retries);
    if (self->chunk_size > PTRDIFF_MAX)
        return dp_fail (EINVAL, "chunk_size is negative: use 0 for automatic, or a number from 1 on");
    if (self->require != NULL && !dp_name_is_valid (self->require, strlen (self->require)))
        return dp_fail (EINVAL, "'%s' is no label of a worker: 1 to 64 of A-Z a-z 0-9 _ . : -",
                        self->require);
    return 0;
}

int call_options_take (dpool_call_options_t *self, const dpool_call_options_t *given, const char *function,
                       job_spec_t *spec)
{
    *self = (dpool_call_options_t) DPOOL_CALL_OPTIONS_INIT;
    if (function == NULL || !dp_name_is_valid (function, strlen (function)))
        return dp_fail (EINVAL, "'%.80s' is no name of a function: 1 to 64 of A-Z a-z 0-9 _ . : -",
                        function != NULL ? function : "(NULL)");
    if (given != NULL && given->size == 0)
        return dp_fail (EINVAL, "the call options' size is 0: start from DPOOL_CALL_OPTIONS_INIT");
    if (given != NULL)
        memcpy (self, given, given->size < sizeof *self ? given->size : sizeof *self);
    if (check (self) < 0)
        return -1;
    *spec = (job_spec_t) {
        .function = function,
        .require = self->require,
        .priority = self->priority,
        .time_limit_ms = (uint64_t) self->time_limit_ms,
        .max_retries = (unsigned) self->max_retries,
        .is_at_most_once = self->at_most_once,
        .chunk_size = self->chunk_size,
    };
    return 0;
}
