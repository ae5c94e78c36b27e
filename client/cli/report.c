/* SPDX-License-Identifier: MPL-2.0 */
#include "client/cli/report.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/utf8.h"

#include <errno.h>
#include <string.h>

json_t *report_fetch (inquiry_t *inquiry, int timeout_ms)
{
    json_error_t fault;
    char *text = inquiry_status (inquiry, timeout_ms);
    if (text == NULL)
        return NULL;
    json_t *report = json_loads (text, 0, &fault);
    dp_free (text);
    if (report == NULL || !json_is_object (report)) {
        dp_fail (EPROTO, "what the broker at %s says of itself is no JSON: %s", inquiry_endpoint (inquiry),
                 report == NULL ? fault.text : "it is no object");
        json_decref (report);
        return NULL;
    }
    return report;
}

json_t *report_new (int rc)
{
    json_t *report = json_pack ("{s:b}", "ok", rc == 0);
    if (rc == 0)
        return report;
    char *reason = dp_must_strdup (dpool_last_error ()->message);
    dp_utf8_clean (reason, strlen (reason)); /* names that were given may be any bytes */
    json_object_set_new (report, "error", json_string (reason));
    dp_free (reason);
    return report;
}

void report_print (const json_t *report)
{
    json_dumpf (report, stdout, JSON_INDENT (2));
    printf ("\n");
}

const char *report_text (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));
    return text != NULL ? text : "";
}

json_int_t report_number (const json_t *object, const char *key)
{
    return json_integer_value (json_object_get (object, key));
}

json_int_t report_ready (const json_t *report)
{
    return report_number (report, json_object_get (report, "n_ready") != NULL ? "n_ready" : "n_workers");
}
