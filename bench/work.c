/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/work.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_STEPS 2000

void work_mandelbrot_row (int row, unsigned char *pixels)
{
    const double scale = 2.4 / PICTURE_HEIGHT;
    double c_im = (row - PICTURE_HEIGHT / 2.0) * scale;
    for (int x = 0; x < PICTURE_WIDTH; x++) {
        double c_re = -0.6 + (x - PICTURE_WIDTH / 2.0) * scale;
        double re = 0, im = 0;
        int n = 0;
        while (n < MAX_STEPS && re * re + im * im <= 4) {
            double next = re * re - im * im + c_re;
            im = 2 * re * im + c_im;
            re = next;
            n++;
        }
        pixels[x] = (unsigned char) (n & 255);
    }
}

/* ---- Numbers that are the same on every machine -------------------------------------------------- */

/* Number i of those of this seed. */
static uint64_t number_at (uint64_t seed, uint64_t i)
{
    uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The same, evenly spread over (0, 1]. */
static double fraction_at (uint64_t seed, uint64_t i)
{
    return (double) ((number_at (seed, i) >> 11) + 1) / 9007199254740992.0;
}

/* ---- Texts ----------------------------------------------------------------------------------------- */

#define N_WORDS 4096  /* of which the texts are made */
#define N_PLACES 8192 /* in the table of counts: a power of two, more than N_WORDS */
#define MAX_WORD_LEN 15

void work_text_path (const char *folder, int i, char *path, size_t size)
{
    snprintf (path, size, "%s/text-%03d", folder, i);
}

static int write_text (const char *path, uint64_t seed)
{
    FILE *file = fopen (path, "w");
    if (!file)
        return -1;
    size_t text_len = (size_t) 4096 << number_at (1, seed) % 9; /* 4 KiB to 1 MiB */
    for (size_t written = 0, i = 0; written < text_len; i++) {
        double rank = pow (N_WORDS, fraction_at (seed, i)); /* the lower, the more frequent */
        int n = fprintf (file, "w%xo%s", (unsigned) rank, i % 12 == 11 ? "\n" : " ");
        if (n < 0)
            break;
        written += (size_t) n;
    }
    return fclose (file);
}

int work_write_texts (const char *folder)
{
    for (int i = 0; i < N_TEXTS; i++) {
        char path[512];
        work_text_path (folder, i, path, sizeof path);
        if (write_text (path, (uint64_t) i) != 0)
            return -1;
    }
    return 0;
}

typedef struct {
    char word[MAX_WORD_LEN + 1];
    unsigned count; /* 0: the place is free */
} place_t;

static int count_word (place_t *places, const char *word, size_t word_len)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < word_len; i++)
        hash = (hash ^ (unsigned char) word[i]) * 16777619u;
    for (size_t probed = 0; probed < N_PLACES; probed++) {
        place_t *place = &places[(hash + probed) % N_PLACES];
        if (place->count == 0)
            memcpy (place->word, word, word_len);
        else if (strncmp (place->word, word, word_len) != 0 || place->word[word_len] != '\0')
            continue;
        place->count++;
        return 0;
    }
    return -1;
}

static int count_file (place_t *places, FILE *file)
{
    char word[MAX_WORD_LEN];
    size_t word_len = 0;
    for (int letter; (letter = getc_unlocked (file)) != EOF;) {
        if (letter != ' ' && letter != '\n') {
            if (word_len < sizeof word)
                word[word_len++] = (char) letter;
        } else if (word_len > 0) {
            if (count_word (places, word, word_len) < 0)
                return -1;
            word_len = 0;
        }
    }
    return 0;
}

long work_count_words (const char *path, char *table, size_t size)
{
    FILE *file = fopen (path, "r");
    place_t *places = calloc (N_PLACES, sizeof *places);
    int rc = file && places ? count_file (places, file) : -1;
    size_t len = 0;
    for (size_t i = 0; rc == 0 && i < N_PLACES && len + 32 < size; i++) {
        if (places[i].count > 0)
            len += (size_t) snprintf (table + len, size - len, "%s %u\n", places[i].word, places[i].count);
    }
    free (places);
    if (file)
        fclose (file);
    return rc == 0 ? (long) len : -1;
}

/* ---- Naps ------------------------------------------------------------------------------------------ */

void work_sleep (double seconds)
{
    struct timespec left = { .tv_sec = (time_t) seconds };
    left.tv_nsec = (long) ((seconds - (double) left.tv_sec) * 1e9);
    while (nanosleep (&left, &left) < 0 && errno == EINTR) {
    }
}

double work_nap_seconds (int i)
{
    double seconds = 0.0002 * pow (fraction_at (3, (uint64_t) i), -0.9); /* Pareto */
    return seconds < 0.08 ? seconds : 0.08;
}
