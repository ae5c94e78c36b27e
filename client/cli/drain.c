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
    bool is_json;
} drain_options_t;

static const struct argp_option options[] = {
    { "json", 'j', NULL, 0, "Print what became of it as JSON, also where it drains still", 0 },
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
    case 'j':
        taken->is_json = true;
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

/* One of them, and how far it is. */
typedef struct leaver_s {
    json_t *worker; /* as the broker told of it at first */
    uint64_t id;
    bool is_asked, has_left;
} leaver_t;

typedef struct meant_s {
    leaver_t *rows;
    size_t count;
} meant_t;

static void free_meant (meant_t *meant)
{
    for (size_t i = 0; i < meant->count; i++)
        json_decref (meant->rows[i].worker);
    dp_free (meant->rows);
}

static uint64_t id_of (const json_t *worker)
{
    return strtoull (report_text (worker, "id"), NULL, 16);
}

static int find (const json_t *report, const char *name, meant_t *meant)
{
    json_t *worker;
    size_t i;
    json_array_foreach (json_object_get (report, "workers"), i, worker)
    {
        if (!is_meant (worker, name))
            continue;
        meant->rows = dp_must_realloc (meant->rows, (meant->count + 1) * sizeof *meant->rows);
        meant->rows[meant->count++] = (leaver_t) { .worker = json_incref (worker), .id = id_of (worker) };
    }
    return meant->count > 0 ? 0 : fail_unknown (report, name);
}

/* Who is not told of any more has left. Returns how many have not. */
static size_t look (const json_t *report, meant_t *meant)
{
    const json_t *worker;
    size_t i, n = 0;
    for (size_t k = 0; k < meant->count; k++) {
        leaver_t *row = &meant->rows[k];
        row->has_left = true;
        json_array_foreach (json_object_get (report, "workers"), i, worker)
        {
            row->has_left = row->has_left && id_of (worker) != row->id;
        }
        n += !row->has_left;
    }
    return n;
}

static int ask_all (inquiry_t *inquiry, const char *name, meant_t *meant)
{
    json_t *report = report_fetch (inquiry, COMMAND_ANSWER_MS);
    int rc = report != NULL ? find (report, name, meant) : -1;
    for (size_t i = 0; i < meant->count && rc == 0; i++) {
        rc = inquiry_drain (inquiry, meant->rows[i].id, COMMAND_ANSWER_MS);
        meant->rows[i].is_asked = rc == 0;
    }
    json_decref (report);
    return rc;
}

static int wait_for_end (inquiry_t *inquiry, meant_t *meant, int64_t deadline_ms)
{
    for (;;) {
        if (inquiry_connect (inquiry, COMMAND_ANSWER_MS, false) < 0)
            return -1;
        json_t *report = report_fetch (inquiry, COMMAND_ANSWER_MS);
        if (report == NULL)
            return -1;
        size_t n_left = look (report, meant);
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

/* rc: 0, or -1 with the thread's last error. */
static void print_json (const meant_t *meant, int rc)
{
    json_t *told = report_new (rc), *workers = json_array ();
    for (size_t i = 0; i < meant->count; i++) {
        const leaver_t *row = &meant->rows[i];
        const char *state = row->has_left   ? "left"
                            : row->is_asked ? "draining"
                                            : report_text (row->worker, "state");
        json_array_append_new (workers,
                               json_pack ("{s:s, s:s, s:s, s:s}", "name", report_text (row->worker, "name"),
                                          "id", report_text (row->worker, "id"), "host",
                                          report_text (row->worker, "host"), "state", state));
    }
    json_object_set_new (told, "workers", workers);
    report_print (told);
    json_decref (told);
}

/* 0, or -1 with the thread's last error. */
static int drain (inquiry_t *inquiry, const drain_options_t *taken, meant_t *meant)
{
    if (inquiry_connect (inquiry, COMMAND_ANSWER_MS, false) < 0
        || ask_all (inquiry, taken->worker, meant) < 0)
        return -1;
    if (!taken->is_json)
        printf ("worker '%s' was asked to drain\n", taken->worker);
    if (taken->timeout_ms == 0)
        return 0;
    fflush (stdout);
    int64_t deadline_ms = dp_clock_ms () + (taken->timeout_ms < 0 ? LONG_MS : taken->timeout_ms);
    int rc = wait_for_end (inquiry, meant, deadline_ms);
    if (rc == 0 && !taken->is_json)
        printf ("worker '%s' has drained and left\n", taken->worker);
    return rc;
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
    drain_options_t taken = { .timeout_ms = -1 };
    argp_parse (&argp, argc, argv, 0, NULL, &taken);
    meant_t meant = { NULL, 0 };
    inquiry_t *inquiry = inquiry_new (taken.endpoint);
    int rc = inquiry != NULL ? drain (inquiry, &taken, &meant) : -1;
    int status = rc == 0 ? COMMAND_DONE : command_complain (argv[0]);
    if (taken.is_json)
        print_json (&meant, rc);
    inquiry_destroy (&inquiry);
    free_meant (&meant);
    return status;
}
