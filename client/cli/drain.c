/* SPDX-License-Identifier: MPL-2.0 */
/* drain.c - dpool drain: a worker finishes what it runs, takes nothing new, and ends. */
#include "client/cli/command.h"
#include "client/cli/report.h"

#include "core/error.h"
#include "core/memory.h"
#include "net/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_EVERY_MS = 200, LONG_MS = 1000 * 1000 * 1000 };

typedef struct drain_options_s {
    const char *endpoint, *worker;
    int timeout_ms;
} drain_options_t;

static const struct argp_option options[] = {
    { "timeout", 't', "SECONDS", 0,
      "Stop waiting for its end after so long, or: never (the default). 0: do not wait", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};
static const struct argp_child children[] = { { &command_endpoint_argp, 0, NULL, 0 }, { NULL, 0, NULL, 0 } };

static error_t take_option (int key, char *value, struct argp_state *state)
{
    drain_options_t *taken = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &taken->endpoint;
        return 0;
    case 't':
        taken->timeout_ms = command_seconds ("timeout", value, state);
        return 0;
    case ARGP_KEY_ARG:
        if (taken->worker != NULL)
            argp_error (state, "unexpected argument '%s': one worker at a time is drained", value);
        taken->worker = value;
        return 0;
    case ARGP_KEY_END:
        if (taken->worker == NULL)
            argp_error (state, "no worker is named: see dpool status for those that are there");
        taken->endpoint = command_endpoint (taken->endpoint, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Which workers are meant: those of this name, or the one of this id. */
static bool is_meant (const json_t *worker, const char *name)
{
    return strcmp (report_text (worker, "name"), name) == 0 || strcmp (report_text (worker, "id"), name) == 0;
}

static int fail_unknown (const json_t *report, const char *name)
{
    const json_t *worker;
    size_t i, at = 0;
    char names[512] = "none";
    json_array_foreach (json_object_get (report, "workers"), i, worker)
    {
        const char *known = report_text (worker, "name");
        if (at + strlen (known) + 8 > sizeof names) {
            snprintf (names + at, sizeof names - at, " …");
            break;
        }
        at += (size_t) snprintf (names + at, sizeof names - at, "%s%s", i > 0 ? ", " : "", known);
    }
    return dp_fail (ENOENT, "there is no worker '%s'; there are: %s", name, names);
}

typedef struct meant_s {
    uint64_t *ids;
    size_t count;
} meant_t;

static int find (const json_t *report, const char *name, meant_t *meant)
{
    const json_t *worker;
    size_t i;
    json_array_foreach (json_object_get (report, "workers"), i, worker)
    {
        if (!is_meant (worker, name))
            continue;
        meant->ids = dp_must_realloc (meant->ids, (meant->count + 1) * sizeof *meant->ids);
        meant->ids[meant->count++] = strtoull (report_text (worker, "id"), NULL, 16);
    }
    return meant->count > 0 ? 0 : fail_unknown (report, name);
}

static size_t count_left (const json_t *report, const meant_t *meant)
{
    const json_t *worker;
    size_t i, n = 0;
    json_array_foreach (json_object_get (report, "workers"), i, worker)
    {
        uint64_t id = strtoull (report_text (worker, "id"), NULL, 16);
        for (size_t k = 0; k < meant->count; k++)
            n += meant->ids[k] == id;
    }
    return n;
}

static int ask_all (inquiry_t *inquiry, const char *name, meant_t *meant)
{
    json_t *report = report_fetch (inquiry, COMMAND_ANSWER_MS);
    int rc = report != NULL ? find (report, name, meant) : -1;
    for (size_t i = 0; i < meant->count && rc == 0; i++)
        rc = inquiry_drain (inquiry, meant->ids[i], COMMAND_ANSWER_MS);
    json_decref (report);
    return rc;
}

static int wait_for_end (inquiry_t *inquiry, const meant_t *meant, int64_t deadline_ms)
{
    for (;;) {
        if (inquiry_connect (inquiry, COMMAND_ANSWER_MS, false) < 0)
            return -1;
        json_t *report = report_fetch (inquiry, COMMAND_ANSWER_MS);
        if (report == NULL)
            return -1;
        size_t n_left = count_left (report, meant);
        json_decref (report);
        if (n_left == 0)
            return 0;
        int left_ms = dp_clock_until (deadline_ms, dp_clock_ms ());
        if (left_ms <= 0)
            return dp_fail (ETIMEDOUT, "it drains still: %zu of %zu workers run their last tasks", n_left,
                            meant->count);
        inquiry_wait_for_change (inquiry, left_ms < ASK_EVERY_MS ? left_ms : ASK_EVERY_MS);
    }
}

int command_drain (int argc, char **argv)
{
    static const struct argp argp
        = { options,
            take_option,
            "WORKER",
            "Let a worker finish what it runs, take nothing new and end. WORKER is its name, which may be "
            "that of several, or its id (see dpool status --json).",
            children,
            NULL,
            NULL };
    drain_options_t taken = { NULL, NULL, -1 };
    argp_parse (&argp, argc, argv, 0, NULL, &taken);
    meant_t meant = { NULL, 0 };
    inquiry_t *inquiry = inquiry_new (taken.endpoint);
    int rc = inquiry != NULL ? inquiry_connect (inquiry, COMMAND_ANSWER_MS, false) : -1;
    if (rc == 0)
        rc = ask_all (inquiry, taken.worker, &meant);
    if (rc == 0)
        printf ("worker '%s' was asked to drain\n", taken.worker);
    if (rc == 0 && taken.timeout_ms != 0) {
        fflush (stdout);
        rc = wait_for_end (inquiry, &meant,
                           dp_clock_ms () + (taken.timeout_ms < 0 ? LONG_MS : taken.timeout_ms));
        if (rc == 0)
            printf ("worker '%s' has drained and left\n", taken.worker);
    }
    int status = rc == 0 ? COMMAND_DONE : command_complain (argv[0]);
    inquiry_destroy (&inquiry);
    dp_free (meant.ids);
    return status;
}
