/* SPDX-License-Identifier: MPL-2.0 */
/*
 * first_program.c - the squares of ten numbers, computed by a pool of processes.
 *
 * Build: cc first_program.c -o first_program $(pkg-config --cflags --libs dpool)
 * Run:   ./first_program                    on this machine: nothing to install or start
 *        DPOOL_ENDPOINT=tcp://broker:5555 ./first_program                     on a cluster
 */
#include <dpool/function.h>
#include <stdio.h>

DPOOL_FUNCTION (square)
{
    double x;
    if (dpool_call_args (call, "d", &x) < 0)
        return -1; /* the caller is told why */
    return dpool_call_return (call, DPOOL_V (x * x));
}

int main (void)
{
    dpool_t *pool = dpool_open (NULL, NULL);
    dpool_items_t *numbers = dpool_items_new ();
    for (int x = 1; numbers && x <= 10; x++)
        dpool_items_add (numbers, DPOOL_V (x)); /* if one fails, so does the map */
    dpool_async_result_t *squares = pool && numbers ? dpool_map (pool, "square", numbers, NULL) : NULL;
    if (!squares || dpool_async_result_get (squares, 0) < 0) {
        fprintf (stderr, "%s\n", dpool_last_error ()->message);
        return 1;
    }
    double result;
    for (size_t i = 0; i < dpool_async_result_count (squares); i++)
        if (dpool_value_get (dpool_async_result_value (squares, i), "d", &result) == 0)
            printf ("%g\n", result);
    dpool_async_result_destroy (&squares);
    dpool_items_destroy (&numbers);
    dpool_destroy (&pool);
    return 0;
}
