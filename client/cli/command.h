/* SPDX-License-Identifier: MPL-2.0 */
/* command.h - what the commands of dpool have in common: how they end, and where their broker is. */
#ifndef COMMAND_H_INCLUDED
#define COMMAND_H_INCLUDED

#include <argp.h>
#include <stdbool.h>

/* How dpool ends. */
enum {
    COMMAND_DONE = 0,
    COMMAND_FAILED = 1,    /* the function failed, or what was asked for is not there */
    COMMAND_USAGE = 2,     /* the command line is wrong */
    COMMAND_NO_BROKER = 3, /* no broker could be reached, or it was lost */
    COMMAND_TIMEOUT = 4    /* it did not happen in time */
};

enum { COMMAND_ANSWER_MS = 1800 }; /* how long a broker may take to be reached, and to answer */

/* Each runs one command with its own arguments, argv[0] being "dpool status" and so on; returns how dpool
   ends. */
typedef int (command_run_t) (int argc, char **argv);
command_run_t command_apply, command_doctor, command_drain, command_keygen, command_map, command_status,
    command_wait;

/* The option --endpoint, for a command's struct argp_child. Its input is a const char **, which begins with
   NULL and is then what was given. */
extern const struct argp command_endpoint_argp;

/* What a command takes that tells something of a broker: [ENDPOINT], or --endpoint, and --json; for its
   struct argp_child. Its input is this. */
typedef struct command_report_s {
    const char *endpoint; /* NULL = none is named; only where that is enough */
    bool is_json;
    bool does_without; /* set by the command: it has something to tell without a broker, too */
} command_report_t;
extern const struct argp command_report_argp;

/* The endpoint that was given, or else DPOOL_ENDPOINT's; leaves the program by argp_error when there is
   neither. */
const char *command_endpoint (const char *given, struct argp_state *state);

/* The keys that the environment names (DPOOL_KEY_FILE, DPOOL_SERVER_KEY), each NULL where it does not.
   Returns whether there is any. Borrowed. */
bool command_keys (const char **key_file, const char **server_key);

/* Read a number of seconds, "never" = -1, into milliseconds. Leaves the program by argp_error. */
int command_seconds (const char *option, const char *text, struct argp_state *state);

/* Print the thread's last error, behind what the program is called. Returns how dpool ends. */
int command_complain (const char *program);

#endif
