/* SPDX-License-Identifier: MPL-2.0 */
/* A program of somebody who uses the installed library: values, errors and a function of its own. */
#include <stdio.h>
#include <string.h>

#include <dpool/dpool.h>
#include <dpool/function.h>

DPOOL_FUNCTION (square)
{
    int64_t x;
    if (dpool_call_args (call, "l", &x) < 0)
        return -1;
    return dpool_call_return (call, "l", x * x);
}

int main (void)
{
    char expected[32];
    snprintf (expected, sizeof expected, "%d.%d.%d", DPOOL_VERSION_MAJOR, DPOOL_VERSION_MINOR,
              DPOOL_VERSION_PATCH);
    if (strcmp (dpool_version (), expected) != 0)
        return 1;
    if (strlen (dpool_strerror (DPOOL_ECRASHED)) == 0)
        return 2;

    dpool_items_t *items = dpool_items_new ();
    if (!items)
        return 3;
    if (dpool_items_add (items, "l", (int64_t) 7) < 0 || dpool_items_add (items, DPOOL_V (2, 0.5, "x")) < 0)
        return 4;
    if (dpool_items_count (items) != 2)
        return 5;
    dpool_items_destroy (&items);
    printf ("dpool %s\n", dpool_version ());
    return 0;
}
