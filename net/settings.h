/* SPDX-License-Identifier: MPL-2.0 */
/*
 * settings.h - the settings of a program. A row of a table makes each of them an option of the command line,
 * a variable of the environment and a key of a file; of several sources the first of these that names a
 * setting wins. Belongs to one thread.
 */
#ifndef DP_SETTINGS_H_INCLUDED
#define DP_SETTINGS_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct dp_settings_s dp_settings_t;

/* "max_payload" is the key of a file, --max-payload the option, and DPOOL_BROKER_MAX_PAYLOAD the variable
   where DPOOL_BROKER_ is the program's prefix. */
typedef struct dp_setting_s {
    const char *key;
    /* Put the value, which lives as long as the settings, where it belongs in the target; only look at it
       where target is NULL. 0, or -1 with the thread's last error. */
    int (*set) (void *target, const char *value);
    const char *fallback; /* what holds where nobody says anything; NULL = nothing */
    const char *variable; /* of the environment, that serves where its own is not set; NULL = none */
    const char *option;   /* its name, where it is not the key's */
    int letter;           /* the short option; 0 = none */
    bool is_list;         /* each value is one more, and one may be several with commas between */
    const char *argument; /* what --help calls the value; NULL: the option has none, and means "implied" */
    const char *implied;
    const char *opposite; /* of what is implied: what --no-… in front of the option's name says; NULL = there
                             is no such option */
    const char *help;
} dp_setting_t;

/* Give each setting of a file, in their order, to take, with its line (0 = not known) and its value, NULL
   where it is a section; with NULL for a key, a line that nobody can read, and what is wrong with it; until
   take does not return 0. 0, or -1: take did not, or the file has not the right form. */
typedef int (dp_settings_take_t) (void *receiver, size_t line, const char *key, const char *value);
typedef int (dp_settings_read_t) (const char *path, dp_settings_take_t *take, void *receiver);

/* What has these settings. Outlives them. */
typedef struct dp_settings_program_s {
    const char *name;   /* as in "dpool-broker 1.0.0" */
    const char *prefix; /* of the variables, such as DPOOL_BROKER_; and CONFIG behind it names the file */
    const dp_setting_t *table;
    size_t n_settings;
    dp_settings_read_t *read; /* NULL: it knows no files, and has no --config */
    const char *explanation;  /* of --help: above the options, and behind a \v below them */
    const char *arguments;    /* what --help calls the words that are no options; NULL = there are none */
    const char *key;          /* of the setting that these words are for */
    /* Do all of them fit together? 0, or -1 with the thread's last error. */
    int (*check) (const void *target);
} dp_settings_program_t;

dp_settings_t *dp_settings_new (const dp_settings_program_t *program, void *target);
/* And with it the values in the target. */
void dp_settings_destroy (dp_settings_t **self_p);

/* Where a setting comes from, the strongest first. */
typedef enum {
    DP_FROM_OPTION,
    DP_FROM_ENVIRONMENT,
    DP_FROM_FILE,
    DP_FROM_DEFAULT,
    DP_FROM_NOWHERE
} dp_settings_source_t;

/* Set one of them, or add to a list, unless a stronger source has; the value is looked at in any case. 0, or
   -1 with the thread's last error: an unknown key, a value that does not fit, or a list of too many. */
int dp_settings_set (dp_settings_t *self, dp_settings_source_t source, const char *key, const char *text);

/* Set what a source says. 0, or -1 with the thread's last error, which names the variable, or the file. */
int dp_settings_take_environment (dp_settings_t *self);
int dp_settings_take_file (dp_settings_t *self, const char *path);
int dp_settings_take_defaults (dp_settings_t *self);

/* The same of the command line, and then of all other sources; the check comes last. --help, --version and
   --print-config print and end the program, a wrong command line ends it with status 2. 0, or -1 with the
   thread's last error. */
int dp_settings_parse (dp_settings_t *self, int argc, char **argv);

/* Print all that is set, in the form of a file, with where each comes from in a comment. */
void dp_settings_print (const dp_settings_t *self, FILE *stream);

/* ---- For the rows --------------------------------------------------------------------------- */

/* How a program ends that was started with a wrong setting. */
#define DP_USAGE_STATUS 2

/* Read a number, or bytes with K, M or G behind the number; range says least and most in words. 0, or -1 with
   the thread's last error, which names the key. */
int dp_settings_number (const char *key, const char *value, uint64_t least, uint64_t most, uint64_t *number);
int dp_settings_size (const char *key, const char *value, uint64_t least, uint64_t most, const char *range,
                      uint64_t *bytes);

#endif
