/* SPDX-License-Identifier: MPL-2.0 */
#include "net/settings.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/suggest.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_PRINT_CONFIG = 256, OPTION_ROW, MAX_VARIABLE = 64, MAX_TEXTS = 1024 };

/* What is set, beside the row of the table. */
typedef struct setting_value_s {
    dp_settings_source_t source;
    char *origin; /* a word for people */
    char **texts; /* one, or those of a list, in their order */
    size_t n_texts;
} setting_value_t;

struct dp_settings_s {
    const dp_settings_program_t *program;
    void *target;
    setting_value_t *values; /* as many as rows */
    const char *origin;      /* of what is being set */
    const char *path;        /* of --config; borrowed */
    bool is_printing;        /* and nothing else */
};

dp_settings_t *dp_settings_new (const dp_settings_program_t *program, void *target)
{
    dp_settings_t *self = dp_must_alloc (sizeof *self);
    self->program = program;
    self->target = target;
    self->values = dp_must_alloc (program->n_settings * sizeof *self->values);
    for (size_t i = 0; i < program->n_settings; i++)
        self->values[i].source = DP_FROM_NOWHERE;
    return self;
}

void dp_settings_destroy (dp_settings_t **self_p)
{
    dp_settings_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    for (size_t i = 0; i < self->program->n_settings; i++) {
        for (size_t k = 0; k < self->values[i].n_texts; k++)
            dp_free (self->values[i].texts[k]);
        dp_free (self->values[i].texts);
        dp_free (self->values[i].origin);
    }
    dp_free (self->values);
    dp_free (self);
}

/* ---- One setting ---------------------------------------------------------------------------- */

static int fail_unknown (const dp_settings_program_t *program, const char *key)
{
    size_t n = program->n_settings, len = 0;
    const char **keys = dp_must_alloc (n * sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        keys[i] = program->table[i].key;
        len += strlen (keys[i]) + 2;
    }
    const char *nearest = dp_suggest (key, keys, n);
    char *all = dp_must_alloc (len + 1), *end = all;
    for (size_t i = 0; i < n; i++)
        end += sprintf (end, "%s%s", i > 0 ? ", " : "", keys[i]);
    if (nearest != NULL)
        dp_fail (EINVAL, "unknown key '%s': did you mean %s?", key, nearest);
    else
        dp_fail (EINVAL, "unknown key '%s': there are %s", key, all);
    dp_free (all);
    dp_free (keys);
    return -1;
}

static size_t row_of (const dp_settings_program_t *program, const char *key)
{
    size_t i = 0;
    while (i < program->n_settings && strcmp (program->table[i].key, key) != 0)
        i++;
    return i;
}

/* A file could not say it. */
static int check_text (const dp_setting_t *row, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char) *c < 0x20 || *c == 0x7f)
            return dp_fail (EINVAL, "%s has a control character in it", row->key);
    if (strchr (text, '"') != NULL && strchr (text, '\'') != NULL)
        return dp_fail (EINVAL, "%s has both kinds of quotes in it", row->key);
    return 0;
}

/* A copy that lives on, where the value is one more of a list or the list's first of this source. */
static const char *keep (setting_value_t *value, bool is_list, const char *text)
{
    if (!is_list && value->n_texts > 0)
        dp_free (value->texts[--value->n_texts]);
    value->texts = dp_must_realloc (value->texts, (value->n_texts + 1) * sizeof *value->texts);
    return value->texts[value->n_texts++] = dp_must_strdup (text);
}

int dp_settings_set (dp_settings_t *self, dp_settings_source_t source, const char *key, const char *text)
{
    static const char *const origins[]
        = { "an option", "the environment", "the file", "the default", "nowhere" };
    size_t i = row_of (self->program, key);
    if (i == self->program->n_settings)
        return fail_unknown (self->program, key);
    const dp_setting_t *row = &self->program->table[i];
    setting_value_t *value = &self->values[i];
    if (check_text (row, text) < 0 || row->set (NULL, text) < 0)
        return -1;
    if (value->source < source)
        return 0;
    if (row->is_list && value->n_texts == MAX_TEXTS)
        return dp_fail (EINVAL, "%s is given more than %d times", row->key, MAX_TEXTS);
    dp_free (value->origin);
    value->origin = dp_must_strdup (self->origin != NULL ? self->origin : origins[source]);
    value->source = source;
    return row->set (self->target, keep (value, row->is_list, text));
}

/* ---- The environment ------------------------------------------------------------------------ */

static int fail_in (const char *where)
{
    const dpool_error_t *error = dpool_last_error ();
    char *message = dp_must_strdup (error->message);
    dp_fail (error->code, "%s in the environment: %s", where, message);
    dp_free (message);
    return -1;
}

static const char *variable (const char *name)
{
    const char *value = secure_getenv (name);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* The variable of the prefix and this key, in capitals. */
static void name_variable (const dp_settings_program_t *program, const char *key, char name[MAX_VARIABLE])
{
    snprintf (name, MAX_VARIABLE, "%s%s", program->prefix, key);
    for (char *c = name; *c != '\0'; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char) (*c - 'a' + 'A') : *c;
}

/* Those of a list have commas between them, and blanks if so. */
static int set_words (dp_settings_t *self, const char *key, const char *value)
{
    char *copy = dp_must_strdup (value), *rest = NULL;
    int rc = 0;
    for (char *word = strtok_r (copy, ",", &rest); word != NULL && rc == 0;
         word = strtok_r (NULL, ",", &rest)) {
        word += strspn (word, " ");
        for (size_t len = strlen (word); len > 0 && word[len - 1] == ' '; len--)
            word[len - 1] = '\0';
        if (*word != '\0')
            rc = dp_settings_set (self, DP_FROM_ENVIRONMENT, key, word);
    }
    dp_free (copy);
    return rc;
}

int dp_settings_take_environment (dp_settings_t *self)
{
    for (size_t i = 0; i < self->program->n_settings; i++) {
        const dp_setting_t *row = &self->program->table[i];
        char own[MAX_VARIABLE];
        name_variable (self->program, row->key, own);
        const char *name = own, *value = variable (own);
        if (value == NULL && row->variable != NULL)
            value = variable (name = row->variable);
        if (value == NULL)
            continue;
        char origin[MAX_VARIABLE + 32];
        snprintf (origin, sizeof origin, "%s in the environment", name);
        self->origin = origin;
        int rc = row->is_list ? set_words (self, row->key, value)
                              : dp_settings_set (self, DP_FROM_ENVIRONMENT, row->key, value);
        self->origin = NULL;
        if (rc < 0)
            return fail_in (name);
    }
    return 0;
}

/* ---- A file, and the defaults --------------------------------------------------------------- */

/* A file that is being read. */
typedef struct setting_file_s {
    dp_settings_t *settings;
    const char *path;
    bool has_failed; /* one of its settings, and the last error says why */
} setting_file_t;

static int take_from_file (void *receiver, size_t line, const char *key, const char *value)
{
    setting_file_t *file = receiver;
    int rc;
    if (key == NULL)
        rc = dp_fail (EINVAL, "%s", value);
    else if (value == NULL)
        rc = dp_fail (EINVAL, "'%s' is a section: there are none", key);
    else
        rc = dp_settings_set (file->settings, DP_FROM_FILE, key, value);
    if (rc == 0)
        return 0;
    const dpool_error_t *error = dpool_last_error ();
    char *message = dp_must_strdup (error->message);
    if (line > 0)
        dp_fail (error->code, "%s:%zu: %s", file->path, line, message);
    else
        dp_fail (error->code, "%s: %s", file->path, message);
    dp_free (message);
    file->has_failed = true;
    return -1;
}

/* What reads it tells neither why a file cannot be opened nor that it is a folder. */
static int check_readable (const char *path)
{
    char byte;
    FILE *file = fopen (path, "re");
    if (file == NULL)
        return dp_fail_errno ("cannot read %s", path);
    errno = 0;
    size_t n = fread (&byte, 1, 1, file);
    int code = n == 0 && ferror (file) ? errno : 0;
    fclose (file);
    errno = code;
    return code != 0 ? dp_fail_errno ("cannot read %s", path) : 0;
}

int dp_settings_take_file (dp_settings_t *self, const char *path)
{
    setting_file_t file = { .settings = self, .path = path };
    if (self->program->read == NULL)
        return dp_fail (EINVAL, "%s cannot be read: this program has no files of settings", path);
    if (check_readable (path) < 0)
        return -1;
    self->origin = path;
    int rc = self->program->read (path, take_from_file, &file);
    self->origin = NULL;
    if (rc == 0 || file.has_failed)
        return rc == 0 ? 0 : dp_fail_again ();
    return dp_fail (EINVAL, "%s cannot be read as settings: lines of key = \"value\", without indent", path);
}

int dp_settings_take_defaults (dp_settings_t *self)
{
    for (size_t i = 0; i < self->program->n_settings; i++) {
        const dp_setting_t *row = &self->program->table[i];
        if (row->fallback != NULL && dp_settings_set (self, DP_FROM_DEFAULT, row->key, row->fallback) < 0)
            return -1;
    }
    return 0;
}

/* ---- All of it ------------------------------------------------------------------------------ */

static int complete (dp_settings_t *self)
{
    char name[MAX_VARIABLE];
    name_variable (self->program, "config", name);
    const char *path = self->path, *named = variable (name);
    if (dp_settings_take_environment (self) < 0)
        return -1;
    if (path != NULL && dp_settings_take_file (self, path) < 0)
        return -1;
    if (path == NULL && named != NULL && dp_settings_take_file (self, named) < 0)
        return fail_in (name);
    if (dp_settings_take_defaults (self) < 0)
        return -1;
    return self->is_printing || self->program->check == NULL ? 0 : self->program->check (self->target);
}

static void take_option (dp_settings_t *self, struct argp_state *state, const dp_setting_t *row,
                         const char *value)
{
    if (dp_settings_set (self, DP_FROM_OPTION, row->key, value) < 0)
        argp_error (state, "%s", dpool_last_error ()->message);
}

static error_t take_argument (dp_settings_t *self, struct argp_state *state, const char *word)
{
    const dp_settings_program_t *program = self->program;
    if (program->key == NULL)
        argp_error (state, "unexpected argument '%s': all is given by options", word);
    else if (dp_settings_set (self, DP_FROM_OPTION, program->key, word) < 0)
        argp_error (state, "%s", dpool_last_error ()->message);
    return 0;
}

/* What argp calls the row's option, and the one that says the opposite. */
static int option_key (const dp_setting_t *row, size_t i)
{
    return row->letter != 0 ? row->letter : OPTION_ROW + (int) i;
}

static int opposite_key (const dp_settings_program_t *program, size_t i)
{
    return OPTION_ROW + (int) (program->n_settings + i);
}

static error_t take_word (int key, char *word, struct argp_state *state)
{
    dp_settings_t *self = state->input;
    const dp_settings_program_t *program = self->program;
    if (key == ARGP_KEY_ARG)
        return take_argument (self, state, word);
    if (key == 'c' && program->read != NULL) {
        self->path = word;
        return 0;
    }
    if (key == OPTION_PRINT_CONFIG) {
        self->is_printing = true;
        return 0;
    }
    for (size_t i = 0; i < program->n_settings; i++) {
        const dp_setting_t *row = &program->table[i];
        bool is_opposite = key == opposite_key (program, i);
        if (!is_opposite && key != option_key (row, i))
            continue;
        take_option (self, state, row,
                     is_opposite             ? row->opposite
                     : row->argument != NULL ? word
                                             : row->implied);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option config_option
    = { "config", 'c', "FILE", 0, "Read settings from a file; options and the environment win over it", 0 };
static const struct argp_option print_option
    = { "print-config",
        OPTION_PRINT_CONFIG,
        NULL,
        0,
        "Print the settings as they would be, in the form of a file and with where each comes from, and end",
        0 };

/* What argp points to while it reads the options of a row. */
typedef struct setting_words_s {
    char name[MAX_VARIABLE], opposite[MAX_VARIABLE + 3], opposite_help[MAX_VARIABLE + 64];
} setting_words_t;

/* The row's one or two options, and their words. Returns how many. */
static size_t add_options (const dp_settings_program_t *program, size_t i, setting_words_t *words,
                           struct argp_option *options)
{
    const dp_setting_t *row = &program->table[i];
    snprintf (words->name, sizeof words->name, "%s", row->option != NULL ? row->option : row->key);
    for (char *c = words->name; *c != '\0'; c++)
        *c = *c == '_' ? '-' : *c;
    options[0] = (struct argp_option) { words->name, option_key (row, i), row->argument, 0, row->help, 0 };
    if (row->opposite == NULL)
        return 1;
    snprintf (words->opposite, sizeof words->opposite, "no-%s", words->name);
    snprintf (words->opposite_help, sizeof words->opposite_help,
              "The opposite of --%s, where a file or the environment says that", words->name);
    options[1] = (struct argp_option) {
        words->opposite, opposite_key (program, i), NULL, 0, words->opposite_help, 0
    };
    return 2;
}

static const char *version_of; /* the program; argp wants it so */

static void print_version (FILE *stream, struct argp_state *state)
{
    (void) state;
    fprintf (stream, "%s %s\n", version_of, dpool_version ());
}

int dp_settings_parse (dp_settings_t *self, int argc, char **argv)
{
    const dp_settings_program_t *program = self->program;
    size_t n = 0;
    setting_words_t *words = dp_must_alloc (program->n_settings * sizeof *words);
    struct argp_option *options = dp_must_alloc ((2 * program->n_settings + 3) * sizeof *options);
    for (size_t i = 0; i < program->n_settings; i++)
        n += add_options (program, i, &words[i], options + n);
    if (program->read != NULL)
        options[n++] = config_option;
    options[n++] = print_option;
    const struct argp parser
        = { options, take_word, program->arguments, program->explanation, NULL, NULL, NULL };
    version_of = program->name;
    argp_program_version_hook = print_version;
    argp_err_exit_status = DP_USAGE_STATUS;
    error_t rc = argp_parse (&parser, argc, argv, 0, NULL, self);
    dp_free (options);
    dp_free (words);
    if (rc != 0)
        exit (DP_USAGE_STATUS);
    if (complete (self) < 0)
        return -1;
    if (!self->is_printing)
        return 0;
    dp_settings_print (self, stdout);
    exit (fflush (stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

void dp_settings_print (const dp_settings_t *self, FILE *stream)
{
    for (size_t i = 0; i < self->program->n_settings; i++) {
        const setting_value_t *value = &self->values[i];
        for (size_t k = 0; k < value->n_texts; k++) {
            const char *text = value->texts[k];
            char quote = strchr (text, '"') != NULL ? '\'' : '"'; /* ZPL has both, and no escapes */
            fprintf (stream, "%s = %c%s%c  # %s\n", self->program->table[i].key, quote, text, quote,
                     value->origin);
        }
    }
}

/* ---- For the rows --------------------------------------------------------------------------- */

int dp_settings_number (const char *key, const char *value, uint64_t least, uint64_t most, uint64_t *number)
{
    char *end;
    errno = 0;
    unsigned long long read = strtoull (value, &end, 10);
    if (*value < '0' || *value > '9' || errno != 0 || *end != '\0' || read < least || read > most)
        return dp_fail (EINVAL, "%s '%s' is no number from %llu to %llu", key, value,
                        (unsigned long long) least, (unsigned long long) most);
    *number = read;
    return 0;
}

/* How many bits a unit shifts by; -1 when it is none. */
static int shift_of (const char *unit)
{
    static const char units[] = "KMG";
    if (*unit == '\0')
        return 0;
    const char *found = strchr (units, *unit >= 'a' ? *unit - 'a' + 'A' : *unit);
    return found == NULL || unit[1] != '\0' ? -1 : (int) (found - units + 1) * 10;
}

int dp_settings_size (const char *key, const char *value, uint64_t least, uint64_t most, const char *range,
                      uint64_t *bytes)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull (value, &end, 10);
    int shift = shift_of (end);
    if (*value < '0' || *value > '9' || errno != 0 || shift < 0)
        return dp_fail (EINVAL, "%s '%s' is no size: write bytes, or a number with K, M or G behind it", key,
                        value);
    if (number > most >> shift || number << shift < least)
        return dp_fail (EINVAL, "%s %s is out of range: it may be %s", key, value, range);
    *bytes = number << shift;
    return 0;
}
