/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/worker_options.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/name.h"
#include "net/address.h"
#include "net/segment.h"
#include "worker/crew.h"
#include "worker/worker.h"

#include <errno.h>
#include <string.h>

#define MIN_TASK_MEMORY (UINT64_C (1) << 20)
#define MAX_TASK_MEMORY (UINT64_C (1) << 50)
#define MAX_TASK_CPU (UINT64_C (1) << 32)

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

/* ---- One setting ---------------------------------------------------------------------------- */

static int check_endpoint (const char *endpoint)
{
    const char *fault = dp_address_fault (endpoint);
    if (fault == NULL)
        return 0;
    return dp_fail (EINVAL, "'%s' is no endpoint: %s%s", endpoint, fault,
                    strstr (endpoint, "://") == NULL ? " (a module is named with --module)" : "");
}

/* Endpoints may also be given as one text with commas. Twice the same one is once: of two connections of one
   worker a broker ends the older. */
static int set_broker (void *target, const char *value)
{
    worker_options_t *self = target;
    char *copy = dp_must_strdup (value), *rest = NULL;
    int rc = 0;
    for (char *word = strtok_r (copy, ", ", &rest); word != NULL && rc == 0;
         word = strtok_r (NULL, ", ", &rest)) {
        rc = check_endpoint (word);
        if (rc == 0 && self != NULL && !has (&self->endpoints, word))
            append (&self->endpoints, word);
    }
    dp_free (copy);
    return rc;
}

static int set_module (void *target, const char *value)
{
    if (*value == '\0')
        return dp_fail (EINVAL, "module names no file");
    if (target != NULL)
        append (&((worker_options_t *) target)->modules, value);
    return 0;
}

static int set_processes (void *target, const char *value)
{
    uint64_t number;
    if (dp_settings_number ("processes", value, 1, CREW_MAX_PROCESSES, &number) < 0)
        return -1;
    if (target != NULL)
        ((worker_options_t *) target)->processes = (int) number;
    return 0;
}

static int check_name (const char *key, const char *value)
{
    if (dp_name_is_valid (value, strlen (value)))
        return 0;
    return dp_fail (EINVAL, "%s '%s': use 1 to %d of A-Z a-z 0-9 _ . : -", key, value, DP_NAME_MAX);
}

static int set_label (void *target, const char *value)
{
    if (check_name ("label", value) < 0)
        return -1;
    if (target != NULL)
        append (&((worker_options_t *) target)->labels, value);
    return 0;
}

static int set_name (void *target, const char *value)
{
    if (check_name ("name", value) < 0)
        return -1;
    if (target != NULL)
        ((worker_options_t *) target)->name = value;
    return 0;
}

static int set_key_file (void *target, const char *value)
{
    if (*value == '\0')
        return dp_fail (EINVAL, "key_file names no file");
    if (target != NULL)
        ((worker_options_t *) target)->key_file = value;
    return 0;
}

static int set_server_key (void *target, const char *value)
{
    if (*value == '\0')
        return dp_fail (EINVAL, "server_key names neither a key nor a file");
    if (target != NULL)
        ((worker_options_t *) target)->server_key = value;
    return 0;
}

static int set_task_memory (void *target, const char *value)
{
    uint64_t bytes;
    if (dp_settings_size ("task_memory", value, MIN_TASK_MEMORY, MAX_TASK_MEMORY,
                          "1M or more; leave it out for no limit", &bytes)
        < 0)
        return -1;
    if (target != NULL)
        ((worker_options_t *) target)->task_memory_bytes = bytes;
    return 0;
}

static int set_task_cpu (void *target, const char *value)
{
    uint64_t seconds;
    if (dp_settings_number ("task_cpu", value, 1, MAX_TASK_CPU, &seconds) < 0)
        return -1;
    if (target != NULL)
        ((worker_options_t *) target)->task_cpu_s = seconds;
    return 0;
}

static int set_shared_memory (void *target, const char *value)
{
    uint64_t mib;
    if (dp_segment_read_limit (value, &mib) < 0)
        return -1;
    if (target != NULL)
        ((worker_options_t *) target)->shared_memory_mib = mib;
    return 0;
}

static int set_log (void *target, const char *value)
{
    bool is_quiet = strcmp (value, "errors") == 0;
    if (!is_quiet && strcmp (value, "events") != 0)
        return dp_fail (EINVAL, "log '%s' is unknown: write events or errors", value);
    if (target != NULL)
        ((worker_options_t *) target)->is_quiet = is_quiet;
    return 0;
}

/* ---- All of them ---------------------------------------------------------------------------- */

static const dp_setting_t table[] = {
    { .key = "broker",
      .set = set_broker,
      .variable = "DPOOL_ENDPOINT",
      .letter = 'b',
      .is_list = true,
      .argument = "ENDPOINT",
      .help = "Serve this broker too (may be given again)" },
    { .key = "module",
      .set = set_module,
      .letter = 'm',
      .is_list = true,
      .argument = "FILE",
      .help = "Load functions from this shared object (may be given again)" },
    { .key = "processes",
      .set = set_processes,
      .letter = 'p',
      .argument = "N",
      .help = "Run N tasks at a time (default: the usable CPUs)" },
    { .key = "label",
      .set = set_label,
      .letter = 'l',
      .is_list = true,
      .argument = "LABEL",
      .help = "Take tasks that require this label too (may be given again)" },
    { .key = "name",
      .set = set_name,
      .letter = 'n',
      .argument = "NAME",
      .help = "Be called NAME (default: the host's name)" },
    { .key = "key_file",
      .set = set_key_file,
      .variable = "DPOOL_KEY_FILE",
      .argument = "FILE",
      .help = "Our own key, as dpool keygen wrote it" },
    { .key = "server_key",
      .set = set_server_key,
      .variable = "DPOOL_SERVER_KEY",
      .argument = "KEY",
      .help = "The broker's public key, or a file with it: nothing is said to a broker that has another" },
    { .key = "task_memory",
      .set = set_task_memory,
      .argument = "BYTES",
      .help = "A process may have so much more memory than at its start, with K, M or G behind the number if "
              "so" },
    { .key = "task_cpu",
      .set = set_task_cpu,
      .argument = "SECONDS",
      .help = "The run of one item may take so much CPU time; then its process is ended" },
    { .key = "shared_memory",
      .set = set_shared_memory,
      .fallback = "1024",
      .variable = "DPOOL_SHARED_MEMORY",
      .argument = "MIB",
      .help = "Share so much memory at most with the processes, and with a broker of this machine, for long "
              "payloads, or: off (default: 1024)" },
    { .key = "log",
      .set = set_log,
      .fallback = "events",
      .option = "quiet",
      .letter = 'q',
      .implied = "errors",
      .opposite = "events",
      .help = "Print errors only" },
};

static int check (const void *target)
{
    const worker_options_t *self = target;
    if (self->endpoints.count == 0)
        return dp_fail (EINVAL, "no broker is named: give its endpoint, such as tcp://host:5555, or set "
                                "DPOOL_ENDPOINT");
    return 0;
}

static const char explanation[]
    = "Run the functions of the modules for the clients of the brokers at ENDPOINT... (such as "
      "tcp://host:5555).\vEach setting may also be given by the environment, as DPOOL_WORKER_MODULE, "
      "DPOOL_WORKER_NAME and so on, and the broker as DPOOL_ENDPOINT. SIGTERM and SIGINT let it finish what "
      "runs, hand back the rest and end; a second one ends it at once.";

static const dp_settings_program_t program = {
    .name = "dpool-worker",
    .prefix = "DPOOL_WORKER_",
    .table = table,
    .n_settings = sizeof table / sizeof table[0],
    .explanation = explanation,
    .arguments = "[ENDPOINT...]",
    .key = "broker",
    .check = check,
};

int worker_options_read (worker_options_t *options, int argc, char **argv, dp_settings_read_t *read)
{
    *options = (worker_options_t) { .program = program };
    options->program.read = read;
    options->settings = dp_settings_new (&options->program, options);
    char name[DP_NAME_MAX + 1];
    worker_usual_name (name);
    if (dp_settings_set (options->settings, DP_FROM_DEFAULT, "name", name) < 0)
        return -1;
    return dp_settings_parse (options->settings, argc, argv);
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
    dp_settings_destroy (&options->settings);
}
