/* SPDX-License-Identifier: MPL-2.0 */
/* apply.c - dpool apply: one call, its arguments and its value in JSON. */
#include "client/cli/caller.h"
#include "client/cli/json_value.h"

#include "core/memory.h"

typedef struct apply_options_s {
    caller_options_t call;
    const char *function;
    const char **arguments;
    size_t n_arguments;
} apply_options_t;

static const struct argp_child children[] = { { &caller_argp, 0, NULL, 0 }, { NULL, 0, NULL, 0 } };

/* NOLINTNEXTLINE(readability-non-const-parameter): argp wants it so */
static error_t take_option (int key, char *value, struct argp_state *state)
{
    apply_options_t *taken = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &taken->call;
        return 0;
    case ARGP_KEY_ARG:
        if (taken->function == NULL)
            taken->function = value;
        else
            taken->arguments[taken->n_arguments++] = value;
        return 0;
    case ARGP_KEY_END:
        if (taken->function == NULL)
            argp_error (state, "no function is named: dpool status shows those that there are");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int call (const apply_options_t *taken)
{
    dp_buffer_t arguments = DP_BUFFER_INIT;
    dpool_t *pool = NULL;
    dpool_async_result_t *result = NULL;
    const dpool_call_options_t options = caller_call_options (&taken->call);
    int rc = json_value_pack (&arguments, taken->arguments, taken->n_arguments);
    if (rc == 0 && (pool = caller_open (&taken->call)) != NULL)
        result = dpool_apply_async_with (pool, &options, taken->function, "m", (const void *) arguments.data,
                                         arguments.len);
    rc = result != NULL ? dpool_async_result_get (result, -1) : -1;
    if (rc == 0) {
        size_t size;
        const void *data = dpool_value_data (dpool_async_result_value (result, 0), &size);
        rc = json_value_print (stdout, data, size);
        printf ("\n");
    }
    /* What follows must not hide why it failed. */
    int status = rc == 0 ? COMMAND_DONE : command_complain ("dpool apply");
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    dp_buffer_fini (&arguments);
    return status;
}

int command_apply (int argc, char **argv)
{
    static const struct argp argp
        = { NULL,
            take_option,
            "FUNCTION [ARGUMENT...]",
            "Call a function of the cluster's workers and print its value as JSON. Each ARGUMENT is a JSON "
            "value: 3, 0.5, '\"text\"', '[1, 2]', null. One that begins with - stands behind --.",
            children,
            NULL,
            NULL };
    apply_options_t taken = { .arguments = dp_must_alloc ((size_t) argc * sizeof (char *)) };
    argp_parse (&argp, argc, argv, 0, NULL, &taken);
    int status = call (&taken);
    dp_free (taken.arguments);
    return status;
}
