/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/options.h"

#include "broker/endpoint.h"
#include "core/error.h"

#include <argp.h>
#include <stdlib.h>
#include <unistd.h>

#define USAGE_STATUS 2 /* as dpool-worker's */
#define DEFAULT_ENDPOINT "tcp://127.0.0.1:5555"

enum { OPTION_PRINT_CONFIG = 256 };

typedef struct options_s {
    config_t *config;
    const char *path; /* of the file; NULL = none */
    bool is_printing; /* and nothing else */
} options_t;

static const struct argp_option known[] = {
    { "bind", 'b', "ENDPOINT", 0,
      "Listen there; may be given several times. tcp://HOST:PORT with an address or interface of this "
      "machine or * as HOST and a number or * as PORT, or ipc://PATH (default: " DEFAULT_ENDPOINT ")",
      0 },
    { "config", 'c', "FILE", 0, "Read settings from a file; options win over it", 0 },
    { "name", 'n', "NAME", 0, "The broker's name in logs and errors (default: the host's)", 0 },
    { "max-payload", 'm', "BYTES", 0,
      "The largest argument or result, with K, M or G behind the number if so (1K to 1G; default: 64M)", 0 },
    { "memory-limit", 'M', "BYTES", 0,
      "Arguments and results that the broker holds take no more; clients and workers wait then (16M to "
      "1024G; default: 1G)",
      0 },
    { "no-worker-timeout", 't', "SECONDS", 0,
      "Calls fail after so long without any worker, or: never (default: 30)", 0 },
    { "key-file", 'k', "FILE", 0, "Encrypt, by the key that dpool keygen wrote there; needs --allowlist", 0 },
    { "allowlist", 'a', "FILE", 0, "The keys that are let in, and their roles; read again on SIGHUP", 0 },
    { "insecure", 'i', NULL, 0, "Let other hosts and users reach the broker without keys", 0 },
    { "print-config", OPTION_PRINT_CONFIG, NULL, 0,
      "Print the settings as they would be, in the form of a file and with where each comes from, and end",
      0 },
    { "quiet", 'q', NULL, 0, "Log errors only", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static const char *key_of (int option)
{
    switch (option) {
    case 'b':
        return "bind";
    case 'n':
        return "name";
    case 'm':
        return "max_payload";
    case 'M':
        return "memory_limit";
    case 't':
        return "no_worker_timeout";
    case 'k':
        return "key_file";
    case 'a':
        return "allowlist";
    default:
        return NULL;
    }
}

static error_t take_option (int option, char *value, struct argp_state *state)
{
    options_t *options = state->input;
    const char *key = key_of (option);
    int rc = 0;
    if (key != NULL)
        rc = config_set (options->config, key, value);
    else if (option == 'c')
        options->path = value;
    else if (option == OPTION_PRINT_CONFIG)
        options->is_printing = true;
    else if (option == 'q')
        rc = config_set (options->config, "log", "errors");
    else if (option == 'i')
        rc = config_set (options->config, "insecure", "yes");
    else if (option == ARGP_KEY_ARG)
        argp_error (state, "unexpected argument '%s': endpoints are given with --bind", value);
    else
        return ARGP_ERR_UNKNOWN;
    if (rc < 0)
        argp_error (state, "%s", dpool_last_error ()->message);
    return 0;
}

static void print_version (FILE *stream, struct argp_state *state)
{
    (void) state;
    fprintf (stream, "dpool-broker %s\n", dpool_version ());
}

/* Take what is not set so far from the environment, the file or the defaults. The origins are borrowed. */
static int complete_from_environment (config_t *config)
{
    config_t *more = config_new ();
    if (more == NULL)
        return -1;
    more->origin = "from the environment";
    int rc = config_take_environment (more);
    if (rc == 0)
        config_complete (config, more);
    config_destroy (&more);
    return rc;
}

static int complete_from_file (config_t *config, const char *path)
{
    config_t *more = config_new ();
    if (more == NULL)
        return -1;
    more->origin = "from the file";
    int rc = config_load (more, path);
    if (rc == 0)
        config_complete (config, more);
    config_destroy (&more);
    return rc;
}

static int complete_from_defaults (config_t *config)
{
    char host[256] = "";
    gethostname (host, sizeof host - 1);
    const char *const defaults[][2] = {
        { "bind", DEFAULT_ENDPOINT },  { "name", host[0] != '\0' ? host : "broker" },
        { "max_payload", "64M" },      { "memory_limit", "1G" },
        { "no_worker_timeout", "30" }, { "log", "events" },
    };
    config_t *more = config_new ();
    if (more == NULL)
        return -1;
    more->origin = "the default";
    int rc = 0;
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0] && rc == 0; i++)
        rc = config_set (more, defaults[i][0], defaults[i][1]);
    if (rc == 0)
        config_complete (config, more);
    config_destroy (&more);
    return rc;
}

static int check_security (const config_t *config)
{
    if (config->key_file != NULL && config->allowlist == NULL)
        return dp_fail (EINVAL, "--key-file needs --allowlist, the file of the keys that are let in");
    if (config->key_file == NULL && config->allowlist != NULL)
        return dp_fail (EINVAL, "--allowlist needs --key-file, the broker's own key");
    if (config->key_file != NULL || config->insecure > 0)
        return 0;
    for (size_t i = 0; i < config->n_endpoints; i++)
        if (endpoint_check_privacy (config->endpoints[i]) < 0)
            return -1;
    return 0;
}

int options_read (int argc, char **argv, config_t *config)
{
    static const struct argp argp
        = { known,
            take_option,
            NULL,
            "The broker of a dpool cluster: it hands tasks of clients to workers.\v"
            "Each setting may also be given by the environment, as DPOOL_BIND, DPOOL_NAME and so on: options "
            "win over the environment, and that over the file. It prints a line for each endpoint that it "
            "listens at, and ends on SIGTERM and SIGINT.",
            NULL,
            NULL,
            NULL };
    options_t options = { .config = config };
    argp_program_version_hook = print_version;
    argp_err_exit_status = USAGE_STATUS;
    config->origin = "an option";
    argp_parse (&argp, argc, argv, 0, NULL, &options);
    const char *path = options.path != NULL ? options.path : secure_getenv ("DPOOL_CONFIG");
    if (complete_from_environment (config) < 0)
        return -1;
    if (path != NULL && *path != '\0' && complete_from_file (config, path) < 0)
        return -1;
    if (complete_from_defaults (config) < 0)
        return -1;
    if (!options.is_printing)
        return check_security (config);
    config_print (config, stdout);
    exit (fflush (stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
