/* SPDX-License-Identifier: MPL-2.0 */
/* wait.c - dpool wait: until enough workers are there. */
#include "client/cli/command.h"
#include "client/cli/report.h"

#include "core/error.h"
#include "net/clock.h"

#include <errno.h>
#include <stdlib.h>

enum { DEFAULT_TIMEOUT_MS = 30000, ASK_EVERY_MS = 500, LONG_MS = 1000 * 1000 * 1000 };

typedef struct wait_options_s {
    const char *endpoint;
    long n_workers;
    int timeout_ms;
    bool is_json;
} wait_options_t;

static const struct argp_option options[] = {
    { "json", 'j', NULL, 0, "Print what is there as JSON, also where it is not enough", 0 },
    { "workers", 'w', "N", 0, "Wait for N workers that take tasks (default: 1)", 0 },
    { "timeout", 't', "SECONDS", 0, "Give up after so long, or: never (default: 30)", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};
static const struct argp_child children[] = { { &command_endpoint_argp, 0, NULL, 0 }, { NULL, 0, NULL, 0 } };

static long parse_count (const char *text, struct argp_state *state)
{
    char *end;
    errno = 0;
    long number = strtol (text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < 0 || number > 1000000)
        argp_error (state, "--workers %s: write a number from 0 (the broker alone) on", text);
    return number;
}

static error_t take_option (int key, char *value, struct argp_state *state)
{
    wait_options_t *taken = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &taken->endpoint;
        return 0;
    case 'j':
        taken->is_json = true;
        return 0;
    case 'w':
        taken->n_workers = parse_count (value, state);
        return 0;
    case 't':
        taken->timeout_ms = command_seconds ("timeout", value, state);
        return 0;
    case ARGP_KEY_ARG:
        if (taken->endpoint != NULL)
            argp_error (state, "unexpected argument '%s': the number is given by --workers", value);
        taken->endpoint = value;
        return 0;
    case ARGP_KEY_END:
        taken->endpoint = command_endpoint (taken->endpoint, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Ask until it is so. 0, or -1 with the thread's last error; and the broker's state by its last answer, NULL
   = it gave none. Which processes come and go the broker tells by itself; a worker that has none, or is lost
   and back, is seen by asking again. */
static int wait_for (inquiry_t *inquiry, long n_workers, int64_t deadline_ms, json_t **report)
{
    for (;;) {
        json_decref (*report);
        *report = NULL;
        int left_ms = dp_clock_until (deadline_ms, dp_clock_ms ());
        if (inquiry_connect (inquiry, left_ms, true) < 0)
            return -1;
        *report = report_fetch (inquiry, COMMAND_ANSWER_MS);
        json_int_t n_ready = *report != NULL ? report_ready (*report) : -1;
        if (n_ready >= n_workers)
            return 0;
        if (dp_clock_ms () >= deadline_ms && n_ready < 0)
            return -1;
        if (dp_clock_ms () >= deadline_ms)
            return dp_fail (ETIMEDOUT, "%lld of %ld workers are there: see which by dpool status",
                            (long long) n_ready, n_workers);
        left_ms = dp_clock_until (deadline_ms, dp_clock_ms ());
        inquiry_wait_for_change (inquiry, left_ms < ASK_EVERY_MS ? left_ms : ASK_EVERY_MS);
    }
}

/* rc: what wait_for returned. */
static void print_json (const wait_options_t *taken, const inquiry_t *inquiry, const json_t *report, int rc)
{
    static const char *const numbers[] = { "n_workers", "processes" };
    json_t *told = report_new (rc);
    json_object_set_new (told, "n_wanted", json_integer (taken->n_workers));
    if (report != NULL) {
        json_object_set_new (told, "endpoint", json_string (inquiry_endpoint (inquiry)));
        json_object_set_new (told, "broker", json_string (report_text (report, "broker")));
        json_object_set_new (told, "n_ready", json_integer (report_ready (report)));
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
            json_object_set_new (told, numbers[i], json_integer (report_number (report, numbers[i])));
    }
    report_print (told);
    json_decref (told);
}

int command_wait (int argc, char **argv)
{
    static const struct argp argp
        = { options,
            take_option,
            "[ENDPOINT]",
            "Wait until a broker has enough workers. A broker that is not there yet is waited for too.",
            children,
            NULL,
            NULL };
    wait_options_t taken = { .n_workers = 1, .timeout_ms = DEFAULT_TIMEOUT_MS };
    argp_parse (&argp, argc, argv, 0, NULL, &taken);
    inquiry_t *inquiry = inquiry_new (taken.endpoint);
    int timeout_ms = taken.timeout_ms < 0 ? LONG_MS : taken.timeout_ms;
    json_t *report = NULL;
    int rc = inquiry != NULL ? wait_for (inquiry, taken.n_workers, dp_clock_ms () + timeout_ms, &report) : -1;
    int status = rc == 0 ? COMMAND_DONE : command_complain (argv[0]);
    if (taken.is_json)
        print_json (&taken, inquiry, report, rc);
    else if (rc == 0)
        printf ("workers: %lld (%lld ready), processes: %lld\n",
                (long long) report_number (report, "n_workers"), (long long) report_ready (report),
                (long long) report_number (report, "processes"));
    json_decref (report);
    inquiry_destroy (&inquiry);
    return status;
}
