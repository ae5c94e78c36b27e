/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/worker_options.h"

#include "core/memory.h"
#include "core/name.h"
#include "net/address.h"
#include "worker/crew.h"

#include <dpool/dpool.h>

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USAGE_STATUS = 2, OPTION_TASK_MEMORY = 256, OPTION_TASK_CPU, OPTION_KEY_FILE, OPTION_SERVER_KEY };

#define MIN_TASK_MEMORY (UINT64_C (1) << 20)

static const char explanation[]
    = "Run the functions of the modules for the clients of the brokers at ENDPOINT... (such as "
      "tcp://host:5555)."
      "\vWithout an ENDPOINT the environment's DPOOL_ENDPOINT serves. SIGTERM and SIGINT let it finish what "
      "runs, hand back the rest and end; a second one ends it at once.";

static const struct argp_option table[] = {
    { "broker", 'b', "ENDPOINT", 0, "Serve this broker too (may be given again)", 0 },
    { "module", 'm', "FILE", 0, "Load functions from this shared object (may be given again)", 0 },
    { "processes", 'p', "N", 0, "Run N tasks at a time (default: the usable CPUs)", 0 },
    { "key-file", OPTION_KEY_FILE, "FILE", 0, "Our own key, as dpool keygen wrote it", 0 },
    { "server-key", OPTION_SERVER_KEY, "KEY", 0,
      "The broker's public key, or a file with it: nothing is said to a broker that has another", 0 },
    { "label", 'l', "LABEL", 0, "Take tasks that require this label too (may be given again)", 0 },
    { "name", 'n', "NAME", 0, "Be called NAME (default: the host's name)", 0 },
    { "task-memory", OPTION_TASK_MEMORY, "BYTES", 0,
      "A process may have so much more memory than at its start, with K, M or G behind the number if so", 0 },
    { "task-cpu", OPTION_TASK_CPU, "SECONDS", 0,
      "The run of one item may take so much CPU time; then its process is ended", 0 },
    { "quiet", 'q', NULL, 0, "Print errors only", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static void append (worker_list_t *list, const char *text)
{
    list->texts = dp_must_realloc (list->texts, (list->count + 1) * sizeof *list->texts);
    list->texts[list->count++] = dp_must_strdup (text);
}

static bool has (const worker_list_t *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp (list->texts[i], text) == 0)
            return true;
    return false;
}

/* Endpoints may also be given as one text with commas. Twice the same one is once: of two connections of one
   worker a broker ends the older. */
static void append_endpoints (worker_list_t *list, const char *text)
{
    char *copy = dp_must_strdup (text), *rest = NULL;
    for (char *word = strtok_r (copy, ", ", &rest); word != NULL; word = strtok_r (NULL, ", ", &rest))
        if (!has (list, word))
            append (list, word);
    dp_free (copy);
}

static int parse_processes (struct argp_state *state, const char *text)
{
    char *end;
    errno = 0;
    long number = strtol (text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < 1 || number > CREW_MAX_PROCESSES)
        argp_error (state, "--processes %s: give a number from 1 to %d, or leave it out for one a usable CPU",
                    text, CREW_MAX_PROCESSES);
    return (int) number;
}

/* A number from least on, and, where units is not NULL, one of these letters behind it, each 1024 times the
   one before. */
static uint64_t parse_amount (struct argp_state *state, const char *option, const char *text, uint64_t least,
                              const char *units)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull (text, &end, 10);
    const char *unit = units != NULL && *end != '\0' ? strchr (units, *end) : NULL;
    int shift = unit != NULL ? (int) (unit - units + 1) * 10 : 0;
    bool is_number = *text >= '0' && *text <= '9' && errno == 0;
    if (!is_number || *(unit != NULL ? end + 1 : end) != '\0' || number > UINT64_MAX >> 16 >> shift
        || number << shift < least)
        argp_error (state, "--%s %s: give a number from %llu on%s, or leave it out for no limit", option,
                    text, (unsigned long long) least,
                    units != NULL ? ", with K, M or G behind it if so" : "");
    return (uint64_t) number << shift;
}

static const char *parse_name (struct argp_state *state, const char *option, const char *text)
{
    if (!dp_name_is_valid (text, strlen (text)))
        argp_error (state, "--%s %s: use 1 to %d of A-Z a-z 0-9 _ . : -", option, text, DP_NAME_MAX);
    return text;
}

static const char *environment (const char *name)
{
    const char *text = secure_getenv (name);
    return text != NULL && *text != '\0' ? text : NULL;
}

/* Once all is read. */
static void check (worker_options_t *options, struct argp_state *state)
{
    const char *fallback = getenv ("DPOOL_ENDPOINT");
    if (options->endpoints.count == 0 && fallback != NULL)
        append_endpoints (&options->endpoints, fallback);
    if (options->key_file == NULL)
        options->key_file = environment ("DPOOL_KEY_FILE");
    if (options->server_key == NULL)
        options->server_key = environment ("DPOOL_SERVER_KEY");
    if (options->endpoints.count == 0)
        argp_error (state, "no broker is named: give its endpoint, such as tcp://host:5555");
    for (size_t i = 0; i < options->endpoints.count; i++) {
        const char *endpoint = options->endpoints.texts[i], *fault = dp_address_fault (endpoint);
        if (fault != NULL)
            argp_error (state, "'%s' is no endpoint: %s%s", endpoint, fault,
                        strstr (endpoint, "://") == NULL ? " (a module is named with --module)" : "");
    }
}

static error_t parse (int key, char *text, struct argp_state *state)
{
    worker_options_t *options = state->input;
    switch (key) {
    case 'b':
    case ARGP_KEY_ARG:
        append_endpoints (&options->endpoints, text);
        return 0;
    case 'm':
        append (&options->modules, text);
        return 0;
    case 'p':
        options->processes = parse_processes (state, text);
        return 0;
    case 'l':
        append (&options->labels, parse_name (state, "label", text));
        return 0;
    case 'n':
        options->name = parse_name (state, "name", text);
        return 0;
    case OPTION_KEY_FILE:
        options->key_file = text;
        return 0;
    case OPTION_SERVER_KEY:
        options->server_key = text;
        return 0;
    case OPTION_TASK_MEMORY:
        options->task_memory_bytes = parse_amount (state, "task-memory", text, MIN_TASK_MEMORY, "KMG");
        return 0;
    case OPTION_TASK_CPU:
        options->task_cpu_s = parse_amount (state, "task-cpu", text, 1, NULL);
        return 0;
    case 'q':
        options->is_quiet = true;
        return 0;
    case ARGP_KEY_END:
        check (options, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_version (FILE *stream, struct argp_state *state)
{
    (void) state;
    fprintf (stream, "dpool-worker %s\n", dpool_version ());
}

void worker_options_parse (worker_options_t *options, int argc, char **argv)
{
    const struct argp parser = { table, parse, "ENDPOINT...", explanation, NULL, NULL, NULL };
    memset (options, 0, sizeof *options);
    argp_program_version_hook = print_version;
    argp_err_exit_status = USAGE_STATUS;
    if (argp_parse (&parser, argc, argv, 0, NULL, options) != 0)
        exit (USAGE_STATUS);
}

static void free_list (worker_list_t *list)
{
    for (size_t i = 0; i < list->count; i++)
        dp_free ((void *) list->texts[i]); /* our own copy */
    dp_free (list->texts);
}

void worker_options_fini (worker_options_t *options)
{
    free_list (&options->endpoints);
    free_list (&options->modules);
    free_list (&options->labels);
}
