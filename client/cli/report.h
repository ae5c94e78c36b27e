/* SPDX-License-Identifier: MPL-2.0 */
/* report.h - the broker's state, as its JSON says. */
#ifndef REPORT_H_INCLUDED
#define REPORT_H_INCLUDED

#include "client/cli/inquiry.h"

#include <jansson.h>

/* Ask the broker. An object to json_decref; NULL with the thread's last error. */
json_t *report_fetch (inquiry_t *inquiry, int timeout_ms);

/* Begin what a command tells another program of how it ended: ok, and why where rc is -1, which is the
   thread's last error. An object to fill in, and to json_decref. */
json_t *report_new (int rc);

/* To stdout, for other programs. */
void report_print (const json_t *report);

/* A member: "" and 0 where it is missing (an older broker does not have all). */
const char *report_text (const json_t *object, const char *key);
json_int_t report_number (const json_t *object, const char *key);

/* How many workers take tasks now. */
json_int_t report_ready (const json_t *report);

#endif
