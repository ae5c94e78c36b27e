/* SPDX-License-Identifier: MPL-2.0 */
/* work.h - the work itself, in plain C, so that dpool and its peers do the very same. */
#ifndef BENCH_WORK_H_INCLUDED
#define BENCH_WORK_H_INCLUDED

#include <stddef.h>

#define PICTURE_WIDTH 1200
#define PICTURE_HEIGHT 800
#define N_TEXTS 400
#define MAX_WORD_TABLE (256 * 1024)
#define N_NAPS 2000

/* How late each pixel of the row leaves the Mandelbrot set, as PICTURE_WIDTH bytes. Rows through the middle
   take many times as long as those at the edge. */
void work_mandelbrot_row (int row, unsigned char *pixels);

/* Write N_TEXTS texts of very different length into the folder, as work_text_path names them. 0 or -1. */
int work_write_texts (const char *folder);
void work_text_path (const char *folder, int i, char *path, size_t size);

/* Count the words of a file into lines of "word count". The length of the table, or -1. */
long work_count_words (const char *path, char *table, size_t size);

/* Sleep for so many seconds. */
void work_sleep (double seconds);

/* How long nap i of N_NAPS takes, in seconds: most a fraction of a millisecond, a few a hundred times that.
 */
double work_nap_seconds (int i);

#endif
