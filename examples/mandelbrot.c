/* SPDX-License-Identifier: MPL-2.0 */
/*
 * mandelbrot.c - a picture of the Mandelbrot set, one row a call.
 *
 * The work is uneven: a row through the black middle takes many times as long as one at the edge, which
 * is the pool's to even out. It shows dpool_map_async, its progress, bytes as a result, and how to free
 * a large result while reading it.
 *
 * Build: cc mandelbrot.c -o mandelbrot $(pkg-config --cflags --libs dpool libpng)
 * Run:   ./mandelbrot                                 writes mandelbrot.png
 *        ./mandelbrot -s 3000x2000 -e tcp://localhost:5555 large.png
 *            -s WIDTHxHEIGHT  the picture's size in pixels (1200x800)
 *            -e ENDPOINT      a cluster, whose workers serve this file as a module (see README.md)
 */
#include <dpool/function.h>
#include <errno.h>
#include <png.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SIDE 32768
#define MAX_STEPS 2000
#define BYTES_A_PIXEL 3

/* ---- The work ------------------------------------------------------------------------------ */

/* How many steps z = z² + c takes to leave the circle of radius 2; MAX_STEPS if it does not. */
static int escape_steps (double c_re, double c_im)
{
    double re = 0, im = 0;
    for (int n = 0; n < MAX_STEPS; n++) {
        double re2 = re * re, im2 = im * im;
        if (re2 + im2 > 4)
            return n;
        im = 2 * re * im + c_im;
        re = re2 - im2 + c_re;
    }
    return MAX_STEPS;
}

/* From dark blue by green to red, the later it leaves; black if never. */
static void set_colour (unsigned char *pixel, int n)
{
    double t = n == MAX_STEPS ? 0 : n / (n + 20.0);
    double s = 1 - t;
    pixel[0] = (unsigned char) (255 * 9 * s * t * t * t);
    pixel[1] = (unsigned char) (255 * 15 * s * s * t * t);
    pixel[2] = (unsigned char) (255 * 8.5 * s * s * s * t);
}

/* (row, width, height) -> the row's pixels, as bytes */
DPOOL_FUNCTION (mandelbrot_row)
{
    int row, width, height;
    if (dpool_call_args (call, "iii", &row, &width, &height) < 0)
        return -1;
    if (width < 1 || width > MAX_SIDE || height < 1 || height > MAX_SIDE || row < 0 || row >= height)
        return dpool_call_fail (call, EINVAL, "row %d of %d x %d pixels", row, width, height);

    size_t size = (size_t) width * BYTES_A_PIXEL;
    unsigned char *pixels = malloc (size);
    if (!pixels)
        return dpool_call_fail (call, ENOMEM, "no memory for a row of %d pixels", width);
    double scale = 2.4 / height; /* the set is some 2.4 high, and lies left of the middle */
    for (int x = 0; x < width; x++) {
        double c_re = -0.6 + (x - width / 2.0) * scale;
        double c_im = (row - height / 2.0) * scale;
        set_colour (pixels + (size_t) x * BYTES_A_PIXEL, escape_steps (c_re, c_im));
    }
    int rc = dpool_call_return (call, "b", pixels, size); /* copies them */
    free (pixels);
    return rc;
}

/* ---- The picture --------------------------------------------------------------------------- */

static _Noreturn void die (const char *what, const char *why)
{
    fprintf (stderr, "mandelbrot: %s: %s\n", what, why);
    exit (1);
}

static dpool_async_result_t *submit (dpool_t *pool, int width, int height)
{
    dpool_items_t *items = dpool_items_new ();
    for (int row = 0; items && row < height; row++) {
        if (dpool_items_add (items, DPOOL_V (row, width, height)) < 0)
            die ("dpool_items_add", dpool_last_error ()->message);
    }
    dpool_async_result_t *rows = items ? dpool_map_async (pool, "mandelbrot_row", items, NULL) : NULL;
    if (!rows)
        die ("dpool_map_async", dpool_last_error ()->message);
    dpool_items_destroy (&items); /* the map keeps a hold of its own */
    return rows;
}

/* Wait for all rows, and show how far they are if somebody is watching. */
static void wait_and_watch (dpool_async_result_t *rows)
{
    bool is_watched = isatty (STDERR_FILENO);
    while (dpool_async_result_wait (rows, 100) < 0) {
        dpool_progress_t progress = DPOOL_PROGRESS_INIT;
        if (errno != ETIMEDOUT && errno != EINTR)
            die ("dpool_async_result_wait", dpool_last_error ()->message);
        if (is_watched && dpool_async_result_progress (rows, &progress) == 0)
            fprintf (stderr, "\r%zu of %zu rows, %zu running ", progress.finished, progress.total,
                     progress.running);
    }
    if (is_watched)
        fprintf (stderr, "\r%40s\r", "");
    if (dpool_async_result_get (rows, 0) < 0)
        die ("mandelbrot_row", dpool_last_error ()->message);
}

static void on_png_error (png_structp png, png_const_charp message)
{
    die (png_get_error_ptr (png), message); /* must not return, and does not */
}

static void write_png (const char *path, FILE *file, dpool_async_result_t *rows, int width, int height)
{
    png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, (png_voidp) path, on_png_error, NULL);
    png_infop info = png ? png_create_info_struct (png) : NULL;
    if (!info)
        die (path, "no memory for libpng");
    png_init_io (png, file);
    png_set_IHDR (png, info, (png_uint_32) width, (png_uint_32) height, 8, PNG_COLOR_TYPE_RGB,
                  PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info (png, info);
    for (size_t i = 0; i < (size_t) height; i++) {
        const void *pixels;
        size_t size;
        dpool_value_t *value = dpool_async_result_take (rows, i); /* ours now, and freed below */
        if (!value || dpool_value_get (value, "b", &pixels, &size) < 0)
            die ("row", dpool_last_error ()->message);
        if (size != (size_t) width * BYTES_A_PIXEL)
            die ("row", "a worker gave the wrong number of pixels: does it serve an older module?");
        png_write_row (png, pixels);
        dpool_value_destroy (&value);
    }
    png_write_end (png, NULL);
    png_destroy_write_struct (&png, &info);
    if (fclose (file) != 0)
        die (path, strerror (errno));
}

int main (int argc, char **argv)
{
    const char *endpoint = NULL;
    int width = 1200, height = 800;
    int option;
    char rest;
    while ((option = getopt (argc, argv, "s:e:")) != -1) {
        if (option == 's' && sscanf (optarg, "%5dx%5d%c", &width, &height, &rest) == 2)
            continue;
        if (option == 'e') {
            endpoint = optarg;
            continue;
        }
        fprintf (stderr, "usage: mandelbrot [-s WIDTHxHEIGHT] [-e ENDPOINT] [FILE.png]\n");
        return 1;
    }
    if (width < 1 || width > MAX_SIDE || height < 1 || height > MAX_SIDE)
        die ("size", "each side must be from 1 to 32768 pixels");
    const char *path = optind < argc ? argv[optind] : "mandelbrot.png";
    FILE *file = fopen (path, "wb"); /* first: what cannot be written need not be computed */
    if (!file)
        die (path, strerror (errno));

    dpool_t *pool = dpool_open (endpoint, NULL);
    if (!pool)
        die ("dpool_open", dpool_last_error ()->message);
    dpool_async_result_t *rows = submit (pool, width, height);
    wait_and_watch (rows);
    write_png (path, file, rows, width, height);
    printf ("%s: %d x %d pixels\n", path, width, height);
    dpool_async_result_destroy (&rows);
    dpool_destroy (&pool);
    return 0;
}
