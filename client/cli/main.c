/* SPDX-License-Identifier: MPL-2.0 */
/* main.c - dpool: looks at a cluster and works with it from a shell. */
#include "client/cli/command.h"
#include "core/suggest.h"

#include "net/standard.h"

#include <dpool/dpool.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    command_run_t *run;
    const char *summary;
} commands[] = {
    { "status", command_status, "Show a broker's workers, its clients and what is queued" },
    { "wait", command_wait, "Wait until enough workers are there" },
    { "apply", command_apply, "Call a function with arguments in JSON, and print its value" },
    { "map", command_map, "Call a function with each line of stdin, and print the values in order" },
    { "doctor", command_doctor, "Look for what may keep a program from working, with what to do" },
    { "keygen", command_keygen, "Make a key, by which a broker knows a client or a worker" },
    { "drain", command_drain, "Let a worker finish what it runs, and end" },
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help (void)
{
    printf ("Usage: dpool COMMAND [OPTION...]\n"
            "Looks at a dpool cluster and works with it.\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf ("  %-10s %s\n", commands[i].name, commands[i].summary);
    printf ("\n"
            "  -?, --help                 Give this help list, or that of a COMMAND\n"
            "  -V, --version              Print program version\n\n"
            "The broker is named by --endpoint, or by the environment's DPOOL_ENDPOINT.\n"
            "It ends with 0 when all went well, 1 when the function failed or what was asked for is not\n"
            "there, 2 when the command line is wrong, 3 when no broker can be reached, and 4 when it did\n"
            "not happen in time.\n");
}

static int complain_unknown (const char *word)
{
    const char *names[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    const char *nearest = dp_suggest (word, names, N_COMMANDS);
    fprintf (stderr, "dpool: there is no command '%s'", word);
    if (nearest != NULL)
        fprintf (stderr, ": did you mean '%s'?\n", nearest);
    else {
        fprintf (stderr, "; there are:");
        for (size_t i = 0; i < N_COMMANDS; i++)
            fprintf (stderr, " %s", names[i]);
        fprintf (stderr, "\n");
    }
    return COMMAND_USAGE;
}

static int run_command (size_t number, int argc, char **argv)
{
    char program[32];
    snprintf (program, sizeof program, "dpool %s", commands[number].name);
    argv[0] = program; /* argp puts it into usage and errors */
    program_invocation_short_name = program;
    return commands[number].run (argc, argv);
}

static void print_version (FILE *stream, struct argp_state *state)
{
    (void) state;
    fprintf (stream, "dpool %s\n", dpool_version ());
}

static bool is_one_of (const char *word, const char *first, const char *second, const char *third)
{
    return strcmp (word, first) == 0 || strcmp (word, second) == 0 || strcmp (word, third) == 0;
}

static int dispatch (int argc, char **argv)
{
    if (argc < 2) {
        fprintf (stderr, "dpool: no command is named: see dpool --help\n");
        return COMMAND_USAGE;
    }
    if (is_one_of (argv[1], "--help", "-?", "help")) {
        print_help ();
        return COMMAND_DONE;
    }
    if (is_one_of (argv[1], "--version", "-V", "version")) {
        print_version (stdout, NULL);
        return COMMAND_DONE;
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp (argv[1], commands[i].name) == 0)
            return run_command (i, argc - 1, argv + 1);
    return complain_unknown (argv[1]);
}

int main (int argc, char **argv)
{
    if (dp_standard_fill () < 0)
        return COMMAND_FAILED;
    signal (SIGPIPE, SIG_IGN);
    argp_program_version_hook = print_version;
    argp_err_exit_status = COMMAND_USAGE;
    int status = dispatch (argc, argv);
    if (fflush (stdout) != 0 || ferror (stdout)) {
        fprintf (stderr, "dpool: cannot write to stdout\n");
        return status == COMMAND_DONE ? COMMAND_FAILED : status;
    }
    return status;
}
