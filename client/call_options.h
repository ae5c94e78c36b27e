/* SPDX-License-Identifier: MPL-2.0 */
/* call_options.h - what a call was asked to be like, checked. */
#ifndef CALL_OPTIONS_H_INCLUDED
#define CALL_OPTIONS_H_INCLUDED

#include "client/job.h"

#include <dpool/dpool.h>

/* Copy the caller's options (NULL = defaults), as far as its struct reaches, and check them and the
   function's name. Fill the spec from them, but for its items. 0, or -1 with the thread's last error. */
int call_options_take (dpool_call_options_t *self, const dpool_call_options_t *given, const char *function,
                       job_spec_t *spec);

#endif
