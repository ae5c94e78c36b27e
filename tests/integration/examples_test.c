/* SPDX-License-Identifier: MPL-2.0 */
/* The programs of examples/, as a user runs them: on this machine, and on a cluster of two workers. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

#define EXAMPLE(name) DPOOL_BIN_DIR "/../examples/" name
#define MAX_OUTPUT 8192
#define N_WORKERS 2

static char output[MAX_OUTPUT];

/* Run it to its end, read its output, and give its exit status. What it says on stderr goes to the file. */
static int run (const char *const argv[], const char *stderr_path)
{
    process_t *process = process_new (argv, stderr_path);
    process_read_all (process, output, sizeof output);
    int status = process_wait (process);
    process_destroy (&process);
    assert_true (WIFEXITED (status));
    return WEXITSTATUS (status);
}

static void assert_has (const char *text, const char *part)
{
    if (strstr (text, part) == NULL)
        fail_msg ("'%s' is not in this:\n%s", part, text);
}

/* ---- Where they run ---------------------------------------------------------------------------- */

/* On the cluster, if one is up; workers serve the example's own source as a module. */
typedef struct place_s {
    cluster_t *cluster;
    folder_t *folder;
    process_t *workers[N_WORKERS];
} place_t;

static int set_up (void **state)
{
    static place_t place;
    memset (&place, 0, sizeof place);
    unsetenv ("DPOOL_ENDPOINT");
    place.folder = folder_new ();
    *state = &place;
    return 0;
}

static int set_up_cluster (void **state)
{
    set_up (state);
    place_t *self = *state;
    self->cluster = cluster_new (NULL);
    setenv ("DPOOL_ENDPOINT", cluster_endpoint (self->cluster), 1);
    return 0;
}

static int tear_down (void **state)
{
    place_t *self = *state;
    for (size_t i = 0; i < N_WORKERS; i++)
        process_destroy (&self->workers[i]);
    cluster_destroy (&self->cluster);
    folder_destroy (&self->folder);
    return 0;
}

static void add_workers (place_t *self, const char *module)
{
    static const char *const names[N_WORKERS] = { "one", "two" };
    if (access (EXAMPLE (""), X_OK) < 0)
        skip (); /* built without the examples */
    for (size_t i = 0; self->cluster != NULL && i < N_WORKERS; i++) {
        const char *argv[] = { DPOOL_BIN_DIR "/dpool-worker",
                               "--module",
                               module,
                               "--processes",
                               "2",
                               "--name",
                               names[i],
                               "--quiet",
                               NULL };
        self->workers[i] = process_new (argv, NULL);
    }
}

/* ---- Tests ------------------------------------------------------------------------------------- */

static void first_program_prints_the_squares (void **state)
{
    add_workers (*state, EXAMPLE ("libfirst_program.so"));
    const char *argv[] = { EXAMPLE ("first_program"), NULL };
    assert_int_equal (run (argv, NULL), 0);
    assert_string_equal (output, "1\n4\n9\n16\n25\n36\n49\n64\n81\n100\n");
}

/* The table says itself when a result is wrong. How long its rows took is not for a test to judge. */
static void pool_table_prints_its_rows_in_order (void **state)
{
    static const char *const rows[] = {
        "dpool_apply (p, &v, \"f\", \"d\", 0.1)                    0.1 ",
        "dpool_map (p, \"f\", {0.3, 0.1, 0.2}, NULL)             0.3 0.1 0.2 ",
        "r = dpool_apply_async (p, \"f\", \"d\", 0.1)              a handle ",
        "dpool_async_result_get (r, -1)                        0.1 ",
        "r = dpool_map_async (p, \"f\", {0.3, 0.1, 0.2}, NULL)   a handle ",
        "dpool_async_result_get (r, -1)                        0.3 0.1 0.2 ",
        "r = dpool_imap (p, \"f\", ...)                          an iterator ",
        "all of dpool_imap_next (r)                            0.3 0.1 0.2 ",
        "r = dpool_imap_unordered (p, \"f\", ...)                an iterator ",
        "all of dpool_imap_next (r)                            0.1 0.2 0.3 ",
    };
    add_workers (*state, EXAMPLE ("libpool_table.so"));
    const char *argv[] = { EXAMPLE ("pool_table"), NULL };
    assert_int_equal (run (argv, NULL), 0);
    const char *line = strchr (output, '\n');
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_non_null (line);
        if (strncmp (line + 1, rows[i], strlen (rows[i])) != 0)
            fail_msg ("row %zu should begin with '%s':\n%s", i + 1, rows[i], output);
        line = strchr (line + 1, '\n');
    }
    assert_string_equal (line, "\n");
}

static void write_file (const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    assert_int_equal (fwrite (bytes, 1, size, file), size);
    assert_int_equal (fclose (file), 0);
}

static void word_count_counts_the_words_of_a_folder (void **state)
{
    place_t *self = *state;
    add_workers (self, EXAMPLE ("libword_count.so"));
    folder_t *texts = folder_new ();
    write_file (folder_path (texts, "one"), "the sea and the Sky", 19);
    write_file (folder_path (texts, "two"), "THE END", 7);
    write_file (folder_path (texts, "binary"), "the\0the", 7);
    char root[256];
    snprintf (root, sizeof root, "%s", folder_path (texts, "."));
    const char *argv[] = { EXAMPLE ("word_count"), root, NULL };
    int status = run (argv, NULL);
    folder_destroy (&texts);
    assert_int_equal (status, 0);
    assert_has (output, "         3  the\n         1  and\n         1  end\n");
    assert_has (output, "2 files (and 1 binary, 0 failed), 7 words, 5 different, ");
}

static void mandelbrot_writes_a_picture (void **state)
{
    static const char signature[] = "\x89PNG\r\n\x1a\n";
    place_t *self = *state;
    if (access (EXAMPLE ("mandelbrot"), X_OK) < 0)
        skip (); /* built without libpng */
    add_workers (self, EXAMPLE ("libmandelbrot.so"));
    char path[256];
    snprintf (path, sizeof path, "%s", folder_path (self->folder, "small.png"));
    const char *argv[] = { EXAMPLE ("mandelbrot"), "-s", "90x60", path, NULL };
    assert_int_equal (run (argv, NULL), 0);
    assert_has (output, "small.png: 90 x 60 pixels\n");
    assert_true (size_of (path) > 500);
    char *bytes = read_text (path);
    int difference = memcmp (bytes, signature, sizeof signature - 1);
    free (bytes);
    assert_int_equal (difference, 0);
}

static void event_loop_serves_all_that_it_started (void **state)
{
    add_workers (*state, EXAMPLE ("libevent_loop.so"));
    const char *argv[] = { EXAMPLE ("event_loop"), "0.3", "0.05", "2000", NULL };
    assert_int_equal (run (argv, NULL), 0);
    assert_has (output, "dish 1: started, 0.3 s\ndish 2: started, 0.05 s\n'2000': type a number of seconds");
    assert_has (output, "dish 2: done after 0.05 s\n");
    assert_has (output, "dish 1: done after 0.3 s\n");
}

static void own_worker_serves_its_functions (void **state)
{
    place_t *self = *state;
    if (access (EXAMPLE ("own_worker"), X_OK) < 0)
        skip (); /* built without the examples */
    const char *argv[] = { EXAMPLE ("own_worker"), "--processes", "1", "--quiet", NULL };
    self->workers[0] = process_new (argv, NULL);

    dpool_options_t options = DPOOL_OPTIONS_INIT;
    dpool_items_t *language = dpool_items_new ();
    assert_int_equal (dpool_items_add (language, DPOOL_V ("de")), 0);
    options.initializer = "speak";
    options.initializer_args = language;
    dpool_t *pool = dpool_open (NULL, &options);
    assert_non_null (pool);

    dpool_value_t *value;
    const char *greeting;
    bool is_prime = false;
    assert_int_equal (dpool_apply (pool, &value, "greet", DPOOL_V ("Ada")), 0);
    assert_int_equal (dpool_value_get (value, "s", &greeting), 0);
    assert_has (greeting, "Hallo Ada, hier ist ");
    dpool_value_destroy (&value);
    assert_int_equal (dpool_apply (pool, &value, "math.is_prime", DPOOL_V (1999993)), 0);
    assert_int_equal (dpool_value_get (value, "?", &is_prime), 0);
    assert_true (is_prime);
    dpool_value_destroy (&value);
    dpool_items_destroy (&language);
    dpool_destroy (&pool);
}

static void says_what_a_user_did_wrong (void **state)
{
    static const struct {
        const char *argv[4];
        int status;
        const char *message;
    } cases[] = {
        { { EXAMPLE ("pool_table"), "tcp:alpha" }, 1, "'tcp:alpha' is no endpoint: write tcp://HOST:PORT" },
        { { EXAMPLE ("pool_table"), "ipc:///nowhere/broker" }, 1, "/nowhere/broker" },
        { { EXAMPLE ("word_count") }, 1, "usage: word_count FOLDER [ENDPOINT]" },
        { { EXAMPLE ("word_count"), "/nowhere" }, 1, "word_count: /nowhere: No such file or directory" },
        { { EXAMPLE ("mandelbrot"), "/nowhere/m.png" },
          1,
          "mandelbrot: /nowhere/m.png: No such file or directory" },
        { { EXAMPLE ("own_worker") }, 2, "no broker is named: give its endpoint, such as tcp://host:5555" },
        { { EXAMPLE ("own_worker"), "--processes", "0" }, 2, "processes '0' is no number from 1 to" },
    };
    place_t *self = *state;
    if (access (EXAMPLE (""), X_OK) < 0)
        skip (); /* built without the examples */
    char path[256];
    snprintf (path, sizeof path, "%s", folder_path (self->folder, "stderr"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (access (cases[i].argv[0], X_OK) < 0)
            continue; /* built without libpng */
        unlink (path);
        assert_int_equal (run (cases[i].argv, path), cases[i].status);
        char *text = read_text (path);
        assert_has (text, cases[i].message);
        free (text);
    }
}

#define HERE(test) cmocka_unit_test_setup_teardown (test, set_up, tear_down)
#define ON_CLUSTER(test)                                             \
    {                                                                \
#test "_on_a_cluster", test, set_up_cluster, tear_down, NULL \
    }

int main (void)
{
    const struct CMUnitTest tests[] = {
        HERE (first_program_prints_the_squares),
        ON_CLUSTER (first_program_prints_the_squares),
        HERE (pool_table_prints_its_rows_in_order),
        ON_CLUSTER (pool_table_prints_its_rows_in_order),
        HERE (word_count_counts_the_words_of_a_folder),
        ON_CLUSTER (word_count_counts_the_words_of_a_folder),
        HERE (mandelbrot_writes_a_picture),
        ON_CLUSTER (mandelbrot_writes_a_picture),
        HERE (event_loop_serves_all_that_it_started),
        ON_CLUSTER (event_loop_serves_all_that_it_started),
        ON_CLUSTER (own_worker_serves_its_functions),
        HERE (says_what_a_user_did_wrong),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
