/* SPDX-License-Identifier: MPL-2.0 */
/*
 * word_count.c - the most frequent words in all files below a folder, one file a call.
 *
 * It shows dpool_imap_unordered: the input comes from a source of our own, drawn only as fast as results
 * are taken; results come as they finish, so that one huge file holds up nobody; and a file that fails
 * is reported while the others go on.
 *
 * A word is 2 to 63 letters from a to z, without regard to case. Files with a zero byte in their first
 * 4 KiB are taken for binary and passed over.
 *
 * Build: cc word_count.c -o word_count $(pkg-config --cflags --libs dpool)
 * Run:   ./word_count /usr/share/doc                          on this machine
 *        ./word_count /shared/texts tcp://localhost:5555      on a cluster whose workers serve this file
 *                                       as a module (see README.md) and see the same files
 * Exit status: 0, or 1 when a file failed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dpool/function.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORD_LEN 63
#define N_SHOWN 20          /* words in the table at the end */
#define N_FAILURES_SHOWN 20 /* beyond these, failures are only counted */

/* ---- A hash table from words to counts ----------------------------------------------------- */

typedef struct {
    char *word; /* NULL: the place is free */
    uint64_t count;
} entry_t;

typedef struct {
    entry_t *entries;
    size_t capacity; /* 0 or a power of two, never full */
    size_t n_words;
} table_t;

/* The word's place, or the free one where it belongs. */
static entry_t *table_find (const table_t *self, const char *word, size_t word_len)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < word_len; i++)
        hash = (hash ^ (unsigned char) word[i]) * 1099511628211u;
    size_t i = (size_t) (hash ^ hash >> 32) & (self->capacity - 1);
    for (;; i = (i + 1) & (self->capacity - 1)) {
        const char *other = self->entries[i].word;
        if (!other || (strlen (other) == word_len && memcmp (other, word, word_len) == 0))
            return &self->entries[i];
    }
}

static int table_grow (table_t *self)
{
    table_t larger = { .capacity = self->capacity ? self->capacity * 2 : 1024, .n_words = self->n_words };
    larger.entries = calloc (larger.capacity, sizeof *larger.entries);
    if (!larger.entries)
        return -1;
    for (size_t i = 0; i < self->capacity; i++) {
        const char *word = self->entries[i].word;
        if (word)
            *table_find (&larger, word, strlen (word)) = self->entries[i];
    }
    free (self->entries);
    *self = larger;
    return 0;
}

/* 0, or -1 when there is no memory. */
static int table_add (table_t *self, const char *word, size_t word_len, uint64_t count)
{
    if (self->n_words >= self->capacity / 4 * 3 && table_grow (self) < 0)
        return -1;
    entry_t *entry = table_find (self, word, word_len);
    if (!entry->word) {
        entry->word = malloc (word_len + 1);
        if (!entry->word)
            return -1;
        memcpy (entry->word, word, word_len);
        entry->word[word_len] = '\0';
        self->n_words++;
    }
    entry->count += count;
    return 0;
}

static void table_clear (table_t *self)
{
    for (size_t i = 0; i < self->capacity; i++)
        free (self->entries[i].word);
    free (self->entries);
    *self = (table_t) { .entries = NULL };
}

/* ---- The work ------------------------------------------------------------------------------ */

typedef struct {
    table_t table;
    uint64_t n_words;
    char word[MAX_WORD_LEN]; /* the one being read; it may go on in the next block */
    size_t word_len;         /* may be larger: then it is no word */
} counter_t;

static int end_word (counter_t *self)
{
    size_t word_len = self->word_len;
    self->word_len = 0;
    if (word_len < 2 || word_len > MAX_WORD_LEN)
        return 0;
    self->n_words++;
    return table_add (&self->table, self->word, word_len, 1);
}

static int count_block (counter_t *self, const char *text, size_t text_len)
{
    for (size_t i = 0; i < text_len; i++) {
        char letter = text[i] >= 'A' && text[i] <= 'Z' ? (char) (text[i] - 'A' + 'a') : text[i];
        if (letter >= 'a' && letter <= 'z') {
            if (self->word_len < MAX_WORD_LEN)
                self->word[self->word_len] = letter;
            self->word_len++;
        } else if (self->word_len > 0 && end_word (self) < 0)
            return -1;
    }
    return 0;
}

/* 1: a text; 0: binary; -1: errno says why. */
static int count_file (counter_t *self, int fd)
{
    static char block[256 * 1024]; /* a process runs one call at a time */
    ssize_t n;
    for (bool is_first = true; (n = read (fd, block, sizeof block)) != 0; is_first = false) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (is_first && memchr (block, '\0', n < 4096 ? (size_t) n : 4096))
            return 0;
        if (count_block (self, block, (size_t) n) < 0)
            return -1;
    }
    return end_word (self) < 0 ? -1 : 1;
}

/* The table as text, a line a word: "the 42\n". Free it. NULL when there is no memory. */
static char *print_table (const table_t *table, size_t *size)
{
    char *text = NULL;
    FILE *stream = open_memstream (&text, size);
    if (!stream)
        return NULL;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->entries[i].word)
            fprintf (stream, "%s %" PRIu64 "\n", table->entries[i].word, table->entries[i].count);
    }
    bool is_whole = !ferror (stream);
    if (fclose (stream) == 0 && is_whole)
        return text;
    free (text);
    return NULL;
}

/* (path) -> (is it a text?, how many words it has, the table of them). The path and the table are bytes:
   the names of files need not be UTF-8. */
DPOOL_FUNCTION (count_words)
{
    const void *bytes;
    size_t path_len;
    char path[PATH_MAX];
    if (dpool_call_args (call, "b", &bytes, &path_len) < 0)
        return -1;
    if (path_len >= sizeof path)
        return dpool_call_fail (call, ENAMETOOLONG, "the path is too long");
    memcpy (path, bytes, path_len);
    path[path_len] = '\0';

    int fd = open (path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return dpool_call_fail (call, errno, "%s", strerror (errno));
    counter_t counter = { .n_words = 0 };
    size_t text_len = 0;
    char *text = NULL;
    int is_text = count_file (&counter, fd);
    if (is_text >= 0)
        text = print_table (&counter.table, &text_len);
    int code = errno; /* of what failed, if it did */
    close (fd);
    table_clear (&counter.table);
    if (!text)
        return dpool_call_fail (call, code, "%s", strerror (code));
    int rc = dpool_call_return (call, "?ub", is_text, counter.n_words, text, text_len);
    free (text);
    return rc;
}

/* ---- The files: the source of the input ------------------------------------------------------ */

typedef struct {
    char **paths;
    size_t n_paths;
    size_t next; /* to hand out */
} files_t;

static files_t files; /* global, since nftw has no room for a pointer of ours */

static _Noreturn void die (const char *what, const char *why)
{
    fprintf (stderr, "word_count: %s: %s\n", what, why);
    exit (1);
}

/* Called by nftw for each thing below the folder. Folders that cannot be read are passed over. */
static int add_file (const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void) where;
    if (type != FTW_F || !S_ISREG (status->st_mode))
        return 0;
    if ((files.n_paths & (files.n_paths - 1)) == 0) { /* 0 or a power of two: the list is full */
        size_t capacity = files.n_paths ? files.n_paths * 2 : 1;
        char **paths = realloc (files.paths, capacity * sizeof *paths);
        if (!paths)
            return -1;
        files.paths = paths;
    }
    files.paths[files.n_paths] = strdup (path);
    return files.paths[files.n_paths++] ? 0 : -1;
}

/* Called by the iterator for each item that it draws, on our own thread. */
static int next_file (void *state, dpool_items_t *item)
{
    files_t *self = state;
    if (self->next == self->n_paths)
        return 0;
    const char *path = self->paths[self->next++];
    return dpool_items_add (item, "b", path, strlen (path)) < 0 ? -1 : 1;
}

static void free_files (void)
{
    for (size_t i = 0; i < files.n_paths; i++)
        free (files.paths[i]);
    free (files.paths);
}

/* ---- The results ---------------------------------------------------------------------------- */

static table_t words;
static size_t n_texts, n_binary, n_failed;
static uint64_t n_words;

static void take_result (const dpool_value_t *value)
{
    bool is_text;
    uint64_t n;
    const void *bytes;
    size_t size;
    if (dpool_value_get (value, "?ub", &is_text, &n, &bytes, &size) < 0)
        die ("result", dpool_last_error ()->message);
    n_texts += is_text;
    n_binary += !is_text;
    n_words += n;
    for (const char *line = bytes, *end = line + size; line < end;) {
        const char *space = memchr (line, ' ', (size_t) (end - line));
        const char *newline = space ? memchr (space, '\n', (size_t) (end - space)) : NULL;
        if (!newline)
            die ("result", "a worker gave a table that is cut off");
        if (table_add (&words, line, (size_t) (space - line), strtoull (space + 1, NULL, 10)) < 0)
            die ("result", strerror (errno));
        line = newline + 1;
    }
}

static void report_failure (size_t index)
{
    const char *path = index < files.n_paths ? files.paths[index] : "input";
    n_failed++;
    if (n_failed <= N_FAILURES_SHOWN)
        fprintf (stderr, "%s%s: %s\n", isatty (STDERR_FILENO) ? "\r\033[K" : "", path,
                 dpool_last_error ()->message);
    if (n_failed == N_FAILURES_SHOWN)
        fprintf (stderr, "further failures are only counted\n");
}

/* At most once a percent, and only where a person can see it. */
static void show_progress (void)
{
    static const char bar[] = "########################################";
    static size_t last_percent = SIZE_MAX;
    size_t n_done = n_texts + n_binary + n_failed;
    size_t percent = n_done * 100 / files.n_paths;
    if (percent == last_percent || !isatty (STDERR_FILENO))
        return;
    last_percent = percent;
    fprintf (stderr, "\r[%-40.*s] %zu of %zu files ", (int) (percent * 40 / 100), bar, n_done, files.n_paths);
    if (n_done == files.n_paths)
        fprintf (stderr, "\n");
}

static void count_all (dpool_t *pool)
{
    dpool_source_t source = { .next = next_file, .state = &files };
    const dpool_value_t *value;
    int more;
    dpool_imap_t *results = dpool_imap_unordered (pool, "count_words", source, NULL);
    if (!results)
        die ("dpool_imap_unordered", dpool_last_error ()->message);
    while ((more = dpool_imap_next (results, &value, -1)) != 0) {
        if (more > 0)
            take_result (value);
        else if (errno == EINTR)
            continue;
        else
            report_failure (dpool_imap_index (results)); /* of this file: the next call goes on */
        show_progress ();
    }
    dpool_imap_destroy (&results);
}

/* ---- The report ------------------------------------------------------------------------------ */

/* The most frequent first; free places last. */
static int compare (const void *left, const void *right)
{
    const entry_t *a = left, *b = right;
    if (!a->word || !b->word)
        return !a->word - !b->word;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp (a->word, b->word);
}

static void print_report (double seconds)
{
    if (words.n_words > 0)
        qsort (words.entries, words.capacity, sizeof *words.entries, compare);
    for (size_t i = 0; i < N_SHOWN && i < words.n_words; i++)
        printf ("%10" PRIu64 "  %s\n", words.entries[i].count, words.entries[i].word);
    printf ("%zu files (and %zu binary, %zu failed), %" PRIu64 " words, %zu different, %.2f s\n", n_texts,
            n_binary, n_failed, n_words, words.n_words, seconds);
}

int main (int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf (stderr, "usage: word_count FOLDER [ENDPOINT]\n");
        return 1;
    }
    char *folder = realpath (argv[1], NULL); /* workers have another working directory */
    if (!folder || nftw (folder, add_file, 32, FTW_PHYS) != 0)
        die (argv[1], strerror (errno));
    free (folder);

    struct timespec start, end;
    dpool_t *pool = dpool_open (argc > 2 ? argv[2] : NULL, NULL);
    if (!pool)
        die ("dpool_open", dpool_last_error ()->message);
    clock_gettime (CLOCK_MONOTONIC, &start);
    count_all (pool);
    clock_gettime (CLOCK_MONOTONIC, &end);
    print_report ((double) (end.tv_sec - start.tv_sec) + (double) (end.tv_nsec - start.tv_nsec) / 1e9);

    free_files ();
    table_clear (&words);
    dpool_destroy (&pool);
    return n_failed > 0 ? 1 : 0;
}
