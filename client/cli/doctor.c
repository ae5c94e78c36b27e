/* SPDX-License-Identifier: MPL-2.0 */
/* doctor.c - dpool doctor: what dpool_open would meet, step by step. */
#include "client/cli/checkup.h"
#include "client/cli/command.h"
#include "client/cli/inquiry.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/name.h"
#include "net/address.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MODULES = 64 };

typedef struct doctor_options_s {
    command_report_t report;
    const char *function, *modules[MOST_MODULES];
    size_t n_modules;
} doctor_options_t;

static const struct argp_option options[] = {
    { "function", 'f', "NAME", 0, "See whether this function is offered, and may be called", 0 },
    { "module", 'm', "FILE", 0, "See whether a worker would load this module; may be given several times",
      0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};
static const struct argp_child children[] = { { &command_report_argp, 0, NULL, 0 }, { NULL, 0, NULL, 0 } };

static error_t take_option (int key, char *value, struct argp_state *state)
{
    doctor_options_t *taken = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &taken->report;
        return 0;
    case 'f':
        if (!dp_name_is_valid (value, strlen (value)))
            argp_error (state, "--function %s: a name is 1 to %d of A-Z a-z 0-9 _ . : -", value, DP_NAME_MAX);
        taken->function = value;
        return 0;
    case 'm':
        if (taken->n_modules == MOST_MODULES)
            argp_error (state, "--module %s: at most %d may be given", value, MOST_MODULES);
        taken->modules[taken->n_modules++] = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- The way to the broker -------------------------------------------------------------------- */

/* The steps of a connection, in their order. */
typedef enum {
    STEP_HOST,
    STEP_PORT,
    STEP_PROTOCOL,
    STEP_SERVER_KEY,
    STEP_OWN_KEY,
    STEP_VERSION,
    STEP_ROLE,
    STEPS
} step_t;

static const struct {
    const char *check, *passed;
} steps[STEPS] = {
    [STEP_HOST] = { "host", "its address is known" },
    [STEP_PORT] = { "port", "something listens there" },
    [STEP_PROTOCOL] = { "protocol", "it speaks ZeroMQ's protocol" },
    [STEP_SERVER_KEY] = { "server key", "it is the broker that is expected" },
    [STEP_OWN_KEY] = { "allowlist", "it lets this key in" },
    [STEP_VERSION] = { "version", "it speaks a version of dpool's protocol that we speak" },
    [STEP_ROLE] = { "role", "it takes this program as a client" },
};

/* At which step it came to an end, by the thread's last error and how far the connection came. */
static step_t failed_step (dp_reach_t reach)
{
    switch (dpool_last_error ()->code) {
    case DPOOL_ENOBROKER:
        return reach == DP_UNKNOWN || reach == DP_LOOKING_UP ? STEP_HOST : STEP_PORT;
    case DPOOL_ENOTDPOOL:
        return STEP_PROTOCOL;
    case DPOOL_ESERVERKEY:
        return STEP_SERVER_KEY;
    case DPOOL_ECLIENTKEY:
        return STEP_OWN_KEY;
    case DPOOL_EVERSION:
        return STEP_VERSION;
    default: /* DPOOL_EROLE, DPOOL_EQUOTA, DPOOL_EREFUSED */
        return STEP_ROLE;
    }
}

static bool is_about_keys (step_t step)
{
    return step == STEP_SERVER_KEY || step == STEP_OWN_KEY;
}

static void add_steps (findings_t *findings, step_t end, bool has_keys)
{
    for (step_t step = STEP_HOST; step < end; step++)
        if (has_keys || !is_about_keys (step))
            findings_add (findings, FINDING_OK, steps[step].check, "%s", steps[step].passed);
}

static void look_at_function (findings_t *findings, inquiry_t *inquiry, const char *name)
{
    int code = 0;
    char *answer = inquiry_function (inquiry, name, COMMAND_ANSWER_MS, &code);
    if (answer == NULL)
        findings_add_failure (findings, "function");
    else
        findings_add (findings, code == 0 ? FINDING_OK : FINDING_FAILED, "function", "%s", answer);
    dp_free (answer);
}

static void look_at_broker (findings_t *findings, inquiry_t *inquiry, const char *function)
{
    unsigned long long n_processes = inquiry_processes (inquiry);
    findings_add (findings, FINDING_OK, "broker", "'%s', with version %llu of the protocol",
                  inquiry_broker (inquiry), (unsigned long long) inquiry_version (inquiry));
    if (n_processes > 0)
        findings_add (findings, FINDING_OK, "workers", "processes that take tasks: %llu", n_processes);
    else
        findings_add (findings, FINDING_WARNING, "workers",
                      "none takes tasks now, so that calls wait: start dpool-worker");
    if (function != NULL)
        look_at_function (findings, inquiry, function);
}

/* One endpoint of the list. Returns whether its broker lets us in. */
static bool look_at_endpoint (findings_t *findings, const char *endpoint, bool has_keys, const char *function)
{
    const char *fault = dp_address_fault (endpoint);
    if (fault != NULL) {
        findings_add (findings, FINDING_FAILED, "endpoint", "'%s' is no endpoint: %s", endpoint, fault);
        return false;
    }
    findings_add (findings, FINDING_OK, "endpoint", "%s", endpoint);
    inquiry_t *inquiry = inquiry_new (endpoint);
    bool is_in = false;
    if (inquiry == NULL)
        findings_add_failure (findings, "endpoint");
    else if (inquiry_connect (inquiry, COMMAND_ANSWER_MS, false) < 0) {
        step_t step = failed_step (inquiry_reach (inquiry));
        add_steps (findings, step, has_keys);
        findings_add_failure (findings, steps[step].check);
    } else {
        is_in = true;
        add_steps (findings, STEPS, has_keys);
        look_at_broker (findings, inquiry, function);
    }
    inquiry_destroy (&inquiry);
    return is_in;
}

/* Returns whether one of them lets us in, or none is named. */
static bool look_at_brokers (findings_t *findings, const char *list, const char *function)
{
    const char *key_file, *server_key;
    if (list == NULL || strcmp (list, "local") == 0) {
        findings_add (findings, FINDING_SKIPPED, "endpoint",
                      "no broker is named, so pools are embedded: give --endpoint, or set DPOOL_ENDPOINT");
        return true;
    }
    bool has_keys = command_keys (&key_file, &server_key);
    if (!checkup_keys (findings, key_file, server_key)) {
        findings_add (findings, FINDING_SKIPPED, "endpoint", "%s is not tried with these keys", list);
        return false;
    }
    bool is_in = false;
    char *copy = dp_must_strdup (list), *rest = NULL;
    for (char *word = strtok_r (copy, ", ", &rest); word != NULL; word = strtok_r (NULL, ", ", &rest))
        is_in |= look_at_endpoint (findings, word, has_keys, function);
    dp_free (copy);
    return is_in;
}

/* ---- The command ------------------------------------------------------------------------------ */

int command_doctor (int argc, char **argv)
{
    static const struct argp argp
        = { options,
            take_option,
            "[ENDPOINT]",
            "Look for what may keep a program from working here: the machine's limits, keys, the way to the "
            "broker, and what it offers. A line a check, with what to do.",
            children,
            NULL,
            NULL };
    doctor_options_t taken = { .report = { .does_without = true } };
    argp_parse (&argp, argc, argv, 0, NULL, &taken);
    findings_t *findings = findings_new ();
    checkup_machine (findings);
    for (size_t i = 0; i < taken.n_modules; i++)
        checkup_module (findings, taken.modules[i]);
    bool is_in = look_at_brokers (findings, taken.report.endpoint, taken.function);
    (taken.report.is_json ? findings_print_json : findings_print) (findings, stdout);
    int status = !is_in                                     ? COMMAND_NO_BROKER
                 : findings_have (findings, FINDING_FAILED) ? COMMAND_FAILED
                                                            : COMMAND_DONE;
    findings_destroy (&findings);
    return status;
}
