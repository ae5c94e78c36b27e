/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "net/arena.h"
#include "net/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONG = 1000000 };

static int set_up (void **state)
{
    unsetenv ("DPOOL_SHARED_MEMORY");
    *state = dp_arena_new (DP_ARENA_PROGRAM);
    return *state != NULL ? 0 : -1;
}

static int tear_down (void **state)
{
    dp_arena_t *arena = *state;
    dp_arena_release (&arena);
    unsetenv ("DPOOL_SHARED_MEMORY");
    return 0;
}

/* Bytes of memory that stand behind the arena's payloads; what is told of them takes some kilobytes more. */
static size_t backed (const dp_arena_t *arena)
{
    struct stat status;
    assert_int_equal (fstat (dp_arena_fd (arena), &status), 0);
    size_t all = (size_t) status.st_blocks * 512, tail = (size_t) 16 << 10;
    assert_true (all >= tail);
    return all - tail;
}

static void fill (dp_buffer_t *buffer, size_t len)
{
    for (size_t i = 0; i < len; i += 1000) {
        char bytes[1000];
        memset (bytes, (int) (i / 1000), sizeof bytes);
        assert_int_equal (dp_buffer_append (buffer, bytes, sizeof bytes), 0);
    }
}

static void has_what_a_long_buffer_holds_where_others_can_read_it (void **state)
{
    dp_arena_t *arena = *state;
    dp_buffer_t buffer = { .source = dp_arena_source (arena) };
    fill (&buffer, LONG);
    assert_true (buffer.is_lent);
    dp_blob_t *blob = dp_arena_take_over (arena, &buffer);
    assert_null (buffer.data);
    uint64_t at;
    assert_true (dp_arena_find (arena, dp_blob_data (blob), dp_blob_len (blob), &at));
    const uint8_t *there = mmap (NULL, dp_arena_len (arena), PROT_READ, MAP_SHARED, dp_arena_fd (arena), 0);
    assert_true (there != MAP_FAILED);
    for (size_t i = 0; i < LONG; i++)
        assert_int_equal (there[at + i], i / 1000 % 256);
    munmap ((void *) (uintptr_t) there, dp_arena_len (arena));
    dp_blob_release (&blob);
    dp_buffer_fini (&buffer);
}

static void leaves_short_buffers_to_the_heap (void **state)
{
    dp_arena_t *arena = *state;
    uint64_t at;
    dp_buffer_t buffer = { .source = dp_arena_source (arena) };
    fill (&buffer, 1000);
    assert_false (buffer.is_lent);
    dp_blob_t *blob = dp_arena_take_over (arena, &buffer);
    assert_false (dp_arena_find (arena, dp_blob_data (blob), dp_blob_len (blob), &at));
    assert_int_equal (dp_blob_len (blob), 1000);
    dp_blob_release (&blob);
    dp_buffer_fini (&buffer);
    assert_int_equal (backed (arena), 0);
}

static void uses_memory_again (void **state)
{
    dp_arena_t *arena = *state;
    const uint8_t *first = NULL;
    char *bytes = calloc (1, LONG);
    for (int i = 0; i < 100; i++) {
        dp_blob_t *blob = dp_arena_copy (arena, bytes, LONG);
        assert_non_null (blob);
        if (first == NULL)
            first = dp_blob_data (blob);
        assert_ptr_equal (dp_blob_data (blob), first);
        dp_blob_release (&blob);
    }
    assert_in_range (backed (arena), LONG, 2 * LONG);
    free (bytes);
}

static void gives_back_what_it_does_not_need_for_long (void **state)
{
    enum { N = 100 };
    dp_arena_t *arena = *state;
    dp_blob_t *blobs[N];
    char *bytes = calloc (1, LONG);
    for (int i = 0; i < N; i++)
        assert_non_null (blobs[i] = dp_arena_copy (arena, bytes, LONG));
    assert_in_range (backed (arena), (size_t) N * LONG, (size_t) 2 * N * LONG);
    for (int i = 0; i < N; i++)
        dp_blob_release (&blobs[i]);
    assert_in_range (backed (arena), 1, (size_t) 33 << 20);
    free (bytes);
}

static void is_full_when_it_is_full (void **state)
{
    (void) state;
    setenv ("DPOOL_SHARED_MEMORY", "1", 1);
    dp_arena_t *arena = dp_arena_new (DP_ARENA_PROGRAM);
    char *bytes = calloc (1, LONG);
    dp_blob_t *blob = dp_arena_copy (arena, bytes, LONG);
    assert_non_null (blob);
    assert_null (dp_arena_copy (arena, bytes, LONG));
    dp_buffer_t buffer = { .source = dp_arena_source (arena) };
    fill (&buffer, LONG); /* then on the heap */
    assert_false (buffer.is_lent);
    assert_int_equal (buffer.len, LONG);
    dp_buffer_fini (&buffer);
    dp_blob_release (&blob);
    assert_non_null (blob = dp_arena_copy (arena, bytes, LONG));
    dp_arena_release (&arena); /* the blob keeps it */
    assert_int_equal (dp_blob_data (blob)[LONG - 1], 0);
    dp_blob_release (&blob);
    free (bytes);
}

static void moves_to_the_heap_when_it_is_full_in_between (void **state)
{
    (void) state;
    setenv ("DPOOL_SHARED_MEMORY", "1", 1);
    dp_arena_t *arena = dp_arena_new (DP_ARENA_PROGRAM);
    dp_buffer_t buffer = { .source = dp_arena_source (arena) };
    fill (&buffer, 5 * LONG);
    assert_false (buffer.is_lent);
    for (size_t i = 0; i < buffer.len; i++)
        assert_int_equal (buffer.data[i], i / 1000 % 256);
    dp_buffer_fini (&buffer);
    dp_arena_release (&arena);
}

static void is_not_there_when_nobody_wants_it (void **state)
{
    (void) state;
    setenv ("DPOOL_SHARED_MEMORY", "off", 1);
    assert_null (dp_arena_new (DP_ARENA_PROGRAM));
    setenv ("DPOOL_SHARED_MEMORY", "0", 1);
    assert_null (dp_arena_new (DP_ARENA_PROGRAM));
    assert_null (dp_arena_source (NULL));
    assert_null (dp_arena_copy (NULL, "x", 1));
}

/* Each in a fork: 0 where all is well. */
static void in_fork (int (*function) (dp_arena_t *arena), dp_arena_t *arena)
{
    int status;
    pid_t pid = fork ();
    if (pid == 0)
        _exit (function (arena));
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

static int has_small_files (dp_arena_t *arena)
{
    (void) arena;
    struct rlimit limit = { 1 << 20, 1 << 20 };
    return setrlimit (RLIMIT_FSIZE, &limit) == 0 && dp_arena_new (DP_ARENA_PROGRAM) == NULL && errno == EFBIG
               ? 0
               : 1;
}

static void does_without_where_files_must_be_small (void **state)
{
    in_fork (has_small_files, *state);
}

static dp_blob_t *inherited;

static int releases (dp_arena_t *arena)
{
    dp_blob_release (&inherited);
    return dp_arena_copy (arena, "x", 1) == NULL ? 0 : 1;
}

static void a_fork_changes_nothing (void **state)
{
    dp_arena_t *arena = *state;
    size_t len = (size_t) 40 << 20; /* some of it is not kept */
    char *bytes = malloc (len);
    memset (bytes, 7, len);
    inherited = dp_arena_copy (arena, bytes, len);
    in_fork (releases, arena);
    assert_memory_equal (dp_blob_data (inherited), bytes, len);
    dp_blob_release (&inherited);
    free (bytes);
}

static void nobody_can_make_it_shorter (void **state)
{
    dp_arena_t *arena = *state;
    assert_int_equal (ftruncate (dp_arena_fd (arena), 0), -1);
    assert_int_equal (errno, EPERM);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (has_what_a_long_buffer_holds_where_others_can_read_it),
        TEST (leaves_short_buffers_to_the_heap),
        TEST (uses_memory_again),
        TEST (gives_back_what_it_does_not_need_for_long),
        TEST (is_full_when_it_is_full),
        TEST (moves_to_the_heap_when_it_is_full_in_between),
        TEST (is_not_there_when_nobody_wants_it),
        TEST (does_without_where_files_must_be_small),
        TEST (a_fork_changes_nothing),
        TEST (nobody_can_make_it_shorter),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
