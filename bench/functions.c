/* SPDX-License-Identifier: MPL-2.0 */
/* functions.c - the work as functions of a pool: part of the benchmark, and a module for workers. */
#include "bench/work.h"

#include <dpool/function.h>

#include <errno.h>

DPOOL_FUNCTION (identity)
{
    const void *value;
    size_t size;
    if (dpool_call_args (call, "m", &value, &size) < 0)
        return -1;
    return dpool_call_return (call, "m", value, size);
}

DPOOL_FUNCTION_AS (nap, "sleep")
{
    double seconds;
    if (dpool_call_args (call, "d", &seconds) < 0)
        return -1;
    work_sleep (seconds);
    return dpool_call_return (call, "d", seconds);
}

DPOOL_FUNCTION (mandelbrot_row)
{
    int row;
    unsigned char pixels[PICTURE_WIDTH];
    if (dpool_call_args (call, "i", &row) < 0)
        return -1;
    work_mandelbrot_row (row, pixels);
    return dpool_call_return (call, "b", pixels, sizeof pixels);
}

DPOOL_FUNCTION (count_words)
{
    static char table[MAX_WORD_TABLE];
    const char *path;
    if (dpool_call_args (call, "s", &path) < 0)
        return -1;
    long len = work_count_words (path, table, sizeof table);
    if (len < 0)
        return dpool_call_fail (call, EIO, "cannot count the words of %s", path);
    return dpool_call_return (call, "b", table, (size_t) len);
}
