/* SPDX-License-Identifier: MPL-2.0 */
/* map.c - dpool map: a call for each line of stdin. */
#include "client/cli/caller.h"
#include "client/cli/json_value.h"

#include "core/error.h"
#include "core/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct map_options_s {
    caller_options_t call;
    const char *function;
} map_options_t;

static const struct argp_child children[] = { { &caller_argp, 0, NULL, 0 }, { NULL, 0, NULL, 0 } };

static error_t take_option (int key, char *value, struct argp_state *state)
{
    map_options_t *taken = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &taken->call;
        return 0;
    case ARGP_KEY_ARG:
        if (taken->function != NULL)
            argp_error (state, "unexpected argument '%s': the arguments come from stdin, a line each", value);
        taken->function = value;
        return 0;
    case ARGP_KEY_END:
        if (taken->function == NULL)
            argp_error (state, "no function is named: dpool status shows those that there are");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

typedef struct lines_s {
    char *line;
    size_t size, n_read;
    bool is_bad; /* the last line was no JSON */
} lines_t;

/* A source of an imap: a line that is a JSON value is an item, an empty one none. */
static int next_line (void *state, dpool_items_t *item)
{
    lines_t *self = state;
    ssize_t len;
    do {
        len = getline (&self->line, &self->size, stdin);
        self->n_read++;
    } while (len >= 0 && self->line[strspn (self->line, " \t\r\n")] == '\0');
    if (len < 0)
        return 0;
    self->line[strcspn (self->line, "\r\n")] = '\0';
    dp_buffer_t packed = DP_BUFFER_INIT;
    const char *const arguments[] = { self->line };
    int rc = json_value_pack (&packed, arguments, 1);
    if (rc == 0)
        rc = dpool_items_add (item, "m", (const void *) packed.data, packed.len);
    self->is_bad = rc < 0;
    dp_buffer_fini (&packed);
    return rc < 0 ? -1 : 1;
}

/* One answer. 1 to go on, 0 at the end, -1 when nothing more can come. */
static int print_next (dpool_imap_t *imap, const lines_t *lines, int *status)
{
    const dpool_value_t *value;
    size_t size;
    int rc = dpool_imap_next (imap, &value, -1);
    if (rc == 0)
        return 0;
    if (rc > 0) {
        const void *data = dpool_value_data (value, &size);
        json_value_print (stdout, data, size);
        printf ("\n");
        return ferror (stdout) != 0 ? -1 : 1;
    }
    bool is_source = lines->is_bad && errno == EINVAL;
    bool is_item = dpool_imap_error (imap) != NULL && !is_source;
    *status = command_complain ("dpool map");
    if (is_source)
        fprintf (stderr, "dpool map: that was line %zu of stdin\n", lines->n_read);
    if (is_item)
        printf ("null\n"); /* a line of output for each of input, so that they can be joined */
    return is_item ? 1 : -1;
}

static int map (const map_options_t *taken)
{
    lines_t lines = { NULL, 0, 0, false };
    const dpool_source_t source = { next_line, &lines, NULL };
    const dpool_call_options_t options = caller_call_options (&taken->call);
    int status = COMMAND_DONE;
    dpool_t *pool = caller_open (&taken->call);
    dpool_imap_t *imap = pool != NULL ? dpool_imap (pool, taken->function, source, &options) : NULL;
    if (imap == NULL)
        status = command_complain ("dpool map");
    while (imap != NULL && print_next (imap, &lines, &status) > 0)
        ;
    dpool_imap_destroy (&imap);
    dpool_destroy (&pool);
    free (lines.line);
    return status;
}

int command_map (int argc, char **argv)
{
    static const struct argp argp
        = { NULL,
            take_option,
            "FUNCTION",
            "Call a function with each line of stdin, a JSON value, and print the values as JSON in the same "
            "order, a line each: null where a call failed.",
            children,
            NULL,
            NULL };
    map_options_t taken = { .function = NULL };
    argp_parse (&argp, argc, argv, 0, NULL, &taken);
    return map (&taken);
}
