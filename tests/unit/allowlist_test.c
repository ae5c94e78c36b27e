/* SPDX-License-Identifier: MPL-2.0 */
/* The file of the keys that are let in: what it may hold, and what is said of each fault. */
#include "tests/support/test.h"

#include "broker/allowlist.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"

#define KEY "0123456789012345678901234567890123456789"
#define OTHER_KEY "9876543210987654321098765432109876543210"
#define SECTION(name, key, rest) name "\n    key = \"" key "\"\n" rest

static folder_t *folder;

static int set_up (void **state)
{
    (void) state;
    folder = folder_new ();
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    folder_destroy (&folder);
    return 0;
}

/* A list of this text. Its path. */
static const char *write_list (const char *text, size_t len)
{
    const char *path = folder_path (folder, "allowlist");
    FILE *file = fopen (path, "we");
    assert_non_null (file);
    assert_int_equal (fwrite (text, 1, len, file), len);
    fclose (file);
    assert_int_equal (chmod (path, 0644), 0);
    return path;
}

static access_t *read_list (const char *text)
{
    return allowlist_read (write_list (text, strlen (text)));
}

static void reads_keys_with_roles_and_functions (void **state)
{
    (void) state;
    access_t *access = assert_made (read_list ("# whoever may\n\n" SECTION (
        "alice", KEY, "    role = client\n") "\n\n" SECTION ("bob.2", OTHER_KEY,
                                                             "    role = \"worker\"  # a comment\n"
                                                             "    functions = \"square, cube\troot\"\n"
                                                             "    functions = geo.area\n")));
    assert_int_equal (access_count (access), 2);
    const access_entry_t *alice = access_find (access, KEY), *bob = access_find (access, OTHER_KEY);
    assert_string_equal (alice->name, "alice");
    assert_int_equal (alice->role, ACCESS_CLIENT);
    assert_string_equal (alice->functions, "");
    assert_int_equal (bob->role, ACCESS_WORKER);
    static const char functions[] = "square\0cube\0root\0geo.area\0";
    assert_memory_equal (bob->functions, functions, sizeof functions);
    access_destroy (&access);
}

/* As where somebody's key is exchanged. */
static void lets_a_name_have_two_keys (void **state)
{
    (void) state;
    access_t *access = assert_made (read_list (SECTION ("alice", KEY, "    role = client\n")
                                                   SECTION ("alice", OTHER_KEY, "    role = client\n")));
    assert_string_equal (access_find (access, KEY)->name, "alice");
    assert_string_equal (access_find (access, OTHER_KEY)->name, "alice");
    access_destroy (&access);
}

static void lets_in_nobody_where_it_is_empty (void **state)
{
    (void) state;
    access_t *access = assert_made (read_list ("# nobody yet\n"));
    assert_int_equal (access_count (access), 0);
    access_destroy (&access);
}

static void names_line_and_fault (void **state)
{
    (void) state;
    static const struct {
        const char *text, *place, *words;
    } rows[] = {
        { "# one\n\n" SECTION ("alice", KEY, "    role = king\n"), ":5: 'alice'", "role 'king' is unknown" },
        { SECTION ("alice", KEY, "\n   # and\n    roll = client\n"),
          ":4: ", "ZPL" }, /* CZMQ wants it indented */
        { SECTION ("alice", KEY, "\n    # and\n    roll = client\n"), ":5: 'alice'",
          "unknown setting 'roll'" },
        { SECTION ("alice", KEY, ""), ":2: 'alice'", "role is missing" },
        { "alice\n    role = client\n", ":2: 'alice'", "key is missing" },
        { "alice\n", ":1: 'alice'", "key is missing" },
        { SECTION ("alice", "short", "    role = client\n"), ":2: 'alice'", "no public key" },
        { SECTION ("alice", KEY, "    role = client\n    role = admin\n"), ":4: 'alice'", "given twice" },
        { SECTION ("alice", KEY, "    key = \"" OTHER_KEY "\"\n"), ":3: 'alice'", "given twice" },
        { SECTION ("alice", KEY, "    role = client\n") SECTION ("bob", KEY, "    role = worker\n"),
          ":6: 'bob'", "also that of 'alice'" },
        { SECTION ("alice", KEY, "    role = client\n    functions = \"\"\n"), ":4: 'alice'", "is empty" },
        { SECTION ("alice", KEY, "    role = client\n    functions = \"a b/c\"\n"), ":4: 'alice'",
          "'b/c' is no name" },
        { SECTION ("alice", KEY, "    role = client\n        functions = a\n"), ":4: 'alice'",
          "role has a setting of its own" },
        { "alice = client\n", ":1: 'alice'", "a name has no value" },
        { "al@ice\n", ":1: 'al@ice'", "no name" },
        { "alice\n        key = \"" KEY "\"\n", ":2: ", "ZPL" },
        { "alice\n    key = \"" KEY "\n", ":2: ", "ZPL" },
        { SECTION ("alice", KEY, "    role = client\n") "bob\n\n    key = 'x\n", ":6: ", "ZPL" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_not_made (read_list (rows[i].text), EINVAL);
        assert_says (folder_path (folder, "allowlist"));
        assert_says (rows[i].place);
        assert_says (rows[i].words);
    }
}

/* Whatever was written of it so far: it is the whole list, or an error, but never a key with another role
   than the whole gives it. */
static void takes_nothing_from_a_half_written_entry (void **state)
{
    (void) state;
    static const char text[] = SECTION ("alice", KEY, "    role = client\n")
        SECTION ("bob", OTHER_KEY, "    role = worker\n    functions = \"square\"\n");
    const size_t len = sizeof text - 1;
    for (size_t n = 0; n < len; n++) {
        access_t *access = allowlist_read (write_list (text, n));
        const access_entry_t *alice = access != NULL ? access_find (access, KEY) : NULL;
        const access_entry_t *bob = access != NULL ? access_find (access, OTHER_KEY) : NULL;
        assert_true (alice == NULL || alice->role == ACCESS_CLIENT);
        assert_true (bob == NULL || bob->role == ACCESS_WORKER);
        access_destroy (&access);
    }
}

static void refuses_what_is_no_text (void **state)
{
    (void) state;
    static const char text[]
        = SECTION ("alice", KEY, "    role = client\n") "\0" SECTION ("bob", OTHER_KEY,
                                                                      "    role = worker\n");
    assert_not_made (allowlist_read (write_list (text, sizeof text - 1)), EINVAL);
    assert_says ("is no text");
}

static void refuses_a_line_that_is_too_long (void **state)
{
    (void) state;
    char text[8192] = SECTION ("alice", KEY, "    role = client\n    functions = \"");
    size_t len = strlen (text), rest = sizeof text - len;
    memset (text + len, 'f', rest);
    for (size_t i = len; i < sizeof text; i += 8)
        text[i] = ' ';
    assert_not_made (allowlist_read (write_list (text, sizeof text)), EINVAL);
    assert_says ("allowlist:4: ");
    assert_says ("longer than 4096 bytes");
    assert_says ("on several lines");
}

static void refuses_a_file_that_is_too_long (void **state)
{
    (void) state;
    enum { LINE = 1 << 10, LINES = 32 << 10 };
    char line[LINE];
    memset (line, '#', sizeof line);
    line[LINE - 1] = '\n';
    const char *path = write_list ("", 0);
    FILE *file = fopen (path, "we");
    assert_non_null (file);
    for (size_t i = 0; i <= LINES; i++)
        assert_int_equal (fwrite (line, 1, sizeof line, file), sizeof line);
    fclose (file);
    assert_not_made (allowlist_read (path), EINVAL);
    assert_says ("allowlist:32769: ");
    assert_says ("longer than 32 MiB");
}

/* Writes such a list and returns how long it is. */
static size_t write_keys (unsigned n)
{
    FILE *file = fopen (write_list ("", 0), "we");
    assert_non_null (file);
    for (unsigned i = 0; i < n; i++)
        fprintf (file, "host-%u\n    key = \"%040u\"\n    role = worker\n    functions = \"a b c d e f\"\n",
                 i, i * 7919);
    long len = ftell (file);
    fclose (file);
    return (size_t) len;
}

/* All that malloc has given away; under a checker of memory with a malloc of its own 0. */
static size_t memory_in_use (void)
{
    struct mallinfo2 info = mallinfo2 ();
    return info.uordblks + info.hblkhd;
}

static void keeps_no_more_than_twice_the_file (void **state)
{
    (void) state;
    enum { MANY = 5000 };
    size_t len = write_keys (MANY), before = memory_in_use ();
    access_t *access = assert_made (allowlist_read (folder_path (folder, "allowlist")));
    assert_int_equal (access_count (access), MANY);
    assert_in_range (memory_in_use () - before, 0, 2 * len + (64 << 10));
    access_destroy (&access);
}

/* ---- Whose it is ------------------------------------------------------------------------------ */

static void refuses_a_list_that_others_can_write (void **state)
{
    (void) state;
    static const mode_t modes[] = { 0664, 0646, 0620, 0602 };
    const char *path = write_list ("", 0);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal (chmod (path, modes[i]), 0);
        assert_not_made (allowlist_read (path), EACCES);
        assert_says ("chmod go-w");
    }
}

static void refuses_the_list_of_another_user (void **state)
{
    (void) state;
    const char *path = write_list ("", 0);
    if (geteuid () != 0)
        skip (); /* only root can give a file away */
    assert_int_equal (chown (path, 12345, (gid_t) -1), 0);
    assert_not_made (allowlist_read (path), EACCES);
    assert_says ("belongs to another user");
}

/* What is open counts, not how it was reached. */
static void looks_behind_a_symbolic_link (void **state)
{
    (void) state;
    const char *path = write_list (SECTION ("alice", KEY, "    role = client\n"), 0);
    const char *link = folder_path (folder, "link");
    assert_int_equal (symlink (path, link), 0);
    access_t *access = assert_made (allowlist_read (link));
    access_destroy (&access);
    assert_int_equal (chmod (path, 0666), 0);
    assert_not_made (allowlist_read (link), EACCES);
}

static void says_what_it_cannot_read (void **state)
{
    (void) state;
    const char *fifo = folder_path (folder, "fifo");
    assert_not_made (allowlist_read ("/nonexistent/allowlist"), ENOENT);
    assert_says ("/nonexistent/allowlist");
    assert_not_made (allowlist_read ("/"), EINVAL);
    assert_says ("is no file");
    assert_int_equal (mkfifo (fifo, 0600), 0); /* which nobody writes to: it does not wait */
    assert_not_made (allowlist_read (fifo), EINVAL);
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    static const struct CMUnitTest tests[] = {
        CASE (reads_keys_with_roles_and_functions),
        CASE (lets_a_name_have_two_keys),
        CASE (lets_in_nobody_where_it_is_empty),
        CASE (names_line_and_fault),
        CASE (takes_nothing_from_a_half_written_entry),
        CASE (refuses_what_is_no_text),
        CASE (refuses_a_line_that_is_too_long),
        CASE (refuses_a_file_that_is_too_long),
        CASE (keeps_no_more_than_twice_the_file),
        CASE (refuses_a_list_that_others_can_write),
        CASE (refuses_the_list_of_another_user),
        CASE (looks_behind_a_symbolic_link),
        CASE (says_what_it_cannot_read),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
