/* SPDX-License-Identifier: MPL-2.0 */
/* status.c - dpool status: who is there, and what they do. */
#include "client/cli/command.h"
#include "client/cli/report.h"
#include "client/cli/table.h"

#include <dpool/dpool.h>

#include <string.h>

static const struct argp_child children[] = { { &command_report_argp, 0, NULL, 0 }, { NULL, 0, NULL, 0 } };

/* NOLINTNEXTLINE(readability-non-const-parameter): argp wants it so */
static error_t take_option (int key, char *value, struct argp_state *state)
{
    (void) value;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = state->input;
    return 0;
}

/* The names with commas, as far as a line has room. */
static void join (const json_t *worker, char *text, size_t size)
{
    const json_t *name;
    size_t i, at = 0;
    text[0] = '\0';
    json_array_foreach (json_object_get (worker, "functions"), i, name)
    {
        const char *word = json_string_value (name) != NULL ? json_string_value (name) : "";
        if (at + strlen (word) + 8 > size) {
            snprintf (text + at, size - at, " …");
            return;
        }
        at += (size_t) snprintf (text + at, size - at, "%s%s", i > 0 ? ", " : "", word);
    }
}

static void print_workers (const json_t *report)
{
    enum { LINE = 60 };
    const json_t *worker;
    size_t i;
    char names[LINE];
    table_t *table = table_new ("WORKER HOST +PROCESSES +BUSY +WAITING STATE FUNCTIONS");
    json_array_foreach (json_object_get (report, "workers"), i, worker)
    {
        join (worker, names, sizeof names);
        table_add (table, "%s", report_text (worker, "name"));
        table_add (table, "%s", report_text (worker, "host"));
        table_add (table, "%lld", (long long) report_number (worker, "processes"));
        table_add (table, "%lld", (long long) report_number (worker, "busy"));
        table_add (table, "%lld", (long long) report_number (worker, "waiting"));
        table_add (table, "%s", report_text (worker, "state"));
        table_add (table, "%s", names);
    }
    printf ("\n");
    table_print (table, stdout);
    table_destroy (&table);
}

static void print_clients (const json_t *report)
{
    const json_t *client;
    size_t i;
    table_t *table = table_new ("CLIENT HOST +PID +QUEUED +ASSIGNED STATE");
    json_array_foreach (json_object_get (report, "clients"), i, client)
    {
        table_add (table, "%s", report_text (client, "name"));
        table_add (table, "%s", report_text (client, "host"));
        table_add (table, "%lld", (long long) report_number (client, "pid"));
        table_add (table, "%lld", (long long) report_number (client, "queued"));
        table_add (table, "%lld", (long long) report_number (client, "assigned"));
        table_add (table, "%s", json_is_false (json_object_get (client, "connected")) ? "away" : "connected");
    }
    printf ("\n");
    table_print (table, stdout);
    table_destroy (&table);
}

/* "12 of 100" where there is a limit. */
static void add_use (table_t *table, const json_t *key, const char *member)
{
    long long has = (long long) report_number (key, member);
    const json_t *limit = json_object_get (json_object_get (key, "quota"), member);
    if (json_is_integer (limit))
        table_add (table, "%lld of %lld", has, (long long) json_integer_value (limit));
    else
        table_add (table, "%lld", has);
}

static void print_keys (const json_t *report)
{
    const json_t *key;
    size_t i;
    table_t *table = table_new ("KEY ROLE +PEERS +SESSIONS +TASKS +BYTES");
    json_array_foreach (json_object_get (report, "keys"), i, key)
    {
        table_add (table, "%s", report_text (key, "name"));
        table_add (table, "%s", report_text (key, "role"));
        table_add (table, "%lld", (long long) report_number (key, "peers"));
        add_use (table, key, "sessions");
        add_use (table, key, "tasks");
        add_use (table, key, "bytes");
    }
    printf ("\n");
    table_print (table, stdout);
    table_destroy (&table);
}

/* Of very many peers the broker tells only some. */
static void print_rest (const json_t *report, const char *key, const char *count, const char *what)
{
    json_int_t n_told = (json_int_t) json_array_size (json_object_get (report, key));
    json_int_t n_all = report_number (report, count);
    if (n_all > n_told)
        printf ("… and %lld more %s\n", (long long) (n_all - n_told), what);
}

static void print_report (const json_t *report, const char *endpoint)
{
    printf ("broker '%s' at %s, version %s, up for %lld s\n", report_text (report, "broker"), endpoint,
            report_text (report, "version"), (long long) report_number (report, "uptime_ms") / 1000);
    printf (
        "workers: %lld (%lld ready), processes: %lld, clients: %lld, tasks queued: %lld, assigned: %lld\n",
        (long long) report_number (report, "n_workers"), (long long) report_ready (report),
        (long long) report_number (report, "processes"), (long long) report_number (report, "n_clients"),
        (long long) report_number (report, "queued"), (long long) report_number (report, "assigned"));
    if (json_array_size (json_object_get (report, "workers")) > 0)
        print_workers (report);
    print_rest (report, "workers", "n_workers", "workers");
    if (json_array_size (json_object_get (report, "clients")) > 0)
        print_clients (report);
    print_rest (report, "clients", "n_clients", "clients");
    if (json_array_size (json_object_get (report, "keys")) > 0)
        print_keys (report);
}

int command_status (int argc, char **argv)
{
    static const struct argp argp
        = { NULL,     take_option, "[ENDPOINT]", "Show a broker's workers, its clients and what is queued.",
            children, NULL,        NULL };
    command_report_t taken = { .endpoint = NULL };
    argp_parse (&argp, argc, argv, 0, NULL, &taken);
    inquiry_t *inquiry = inquiry_new (taken.endpoint);
    json_t *report = NULL;
    if (inquiry != NULL && inquiry_connect (inquiry, COMMAND_ANSWER_MS, false) == 0)
        report = report_fetch (inquiry, COMMAND_ANSWER_MS);
    int status = report == NULL ? command_complain (argv[0]) : COMMAND_DONE;
    if (report != NULL && taken.is_json)
        report_print (report);
    else if (report != NULL)
        print_report (report, inquiry_endpoint (inquiry));
    json_decref (report);
    inquiry_destroy (&inquiry);
    return status;
}
