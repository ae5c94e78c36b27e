/* SPDX-License-Identifier: MPL-2.0 */
/* child_memory_test.c - long arguments and outcomes, which a child shares with its loop. */
#include "tests/unit/child_edge.h"

#include "tests/support/wait.h"

#include <dpool/function.h>

#include <fcntl.h>
#include <msgpack.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- The functions that the children run ---------------------------------------------------- */

DPOOL_FUNCTION (big)
{
    uint64_t size;
    if (dpool_call_args (call, "u", &size) < 0)
        return -1;
    char *bytes = malloc ((size_t) size);
    memset (bytes, 'x', (size_t) size);
    int rc = dpool_call_return (call, "b", (const void *) bytes, (size_t) size);
    free (bytes);
    return rc;
}

/* A copy of the process looks at the arguments when they are those of another task already, and tells by a
   file whether they are still the same. */
DPOOL_FUNCTION (fork_and_look_later)
{
    const char *gate, *answer;
    const uint8_t *bytes;
    size_t size;
    if (dpool_call_args (call, "ssb", &gate, &answer, (const void **) &bytes, &size) < 0)
        return -1;
    if (fork () > 0)
        return dpool_call_return (call, "i", 1);
    while (access (gate, F_OK) < 0)
        usleep (1000);
    bool is_same = true;
    for (size_t i = 0; i < size; i++)
        is_same = is_same && bytes[i] == 'a';
    FILE *file = fopen (answer, "w");
    fputs (is_same ? "same" : "other", file);
    fclose (file);
    _exit (0);
}

DPOOL_FUNCTION (sum)
{
    const uint8_t *bytes;
    size_t size;
    uint64_t sum = 0;
    if (dpool_call_args (call, "b", (const void **) &bytes, &size) < 0)
        return -1;
    for (size_t i = 0; i < size; i++)
        sum += bytes[i];
    return dpool_call_return (call, "u", sum);
}

/* ---- Arguments -------------------------------------------------------------------------- */

static dp_blob_t *packed_bytes (dp_arena_t *arena, const char *gate, const char *answer, char letter,
                                size_t len)
{
    dp_buffer_t buffer = { .source = dp_arena_source (arena) };
    uint8_t *array = dp_buffer_extend (&buffer, 1);
    array[0] = 0x93;
    msgpack_packer packer;
    msgpack_packer_init (&packer, &buffer, dp_buffer_msgpack_write);
    if (gate != NULL) {
        msgpack_pack_str_with_body (&packer, gate, strlen (gate));
        msgpack_pack_str_with_body (&packer, answer, strlen (answer));
    } else
        dp_buffer_reset (&buffer);
    msgpack_pack_bin (&packer, len);
    memset (dp_buffer_extend (&buffer, len), letter, len);
    dp_blob_t *blob = dp_arena_take_over (arena, &buffer);
    dp_buffer_fini (&buffer);
    return blob;
}

static void hand_blob (edge_t *edge, uint64_t serial, const char *function, dp_blob_t *blob)
{
    crew_task_t task = { .function = function,
                         .n_items = 1,
                         .payload = { dp_blob_data (blob), dp_blob_len (blob), 0 },
                         .blob = blob };
    place_hand (edge->place, serial, &task);
}

static void await_ready (edge_t *edge)
{
    while (!edge->is_ready)
        edge_turn (edge);
}

static void long_arguments_are_read_where_they_lie_and_held_for_as_long (void **state)
{
    (void) state;
    edge_t *edge = edge_new (NULL, 0);
    await_ready (edge);
    for (uint64_t i = 1; i <= 20; i++) {
        dp_blob_t *blob = packed_bytes (edge->arena, NULL, NULL, (char) i, 1000000);
        const uint8_t *data = dp_blob_data (blob);
        hand_blob (edge, i, "sum", blob);
        dp_blob_release (&blob);
        assert_int_equal (edge->place->n_loans, 1);
        assert_ptr_equal (dp_blob_data (edge->place->loans[0].payload), data);
        edge_await_outcomes (edge, i);
        assert_int_equal (edge->place->n_loans, 0);
        const uint8_t *body = edge->outcomes[i - 1].body;
        assert_int_equal ((uint32_t) body[1] << 24 | (uint32_t) body[2] << 16 | (uint32_t) body[3] << 8
                              | body[4],
                          i * 1000000);
    }
    edge_destroy (&edge);
}

static void arguments_that_lie_elsewhere_are_put_into_the_arena (void **state)
{
    (void) state;
    edge_t *edge = edge_new (NULL, 0);
    await_ready (edge);
    dp_blob_t *blob = packed_bytes (NULL, NULL, NULL, 1, 100000);
    hand_blob (edge, 1, "sum", blob);
    hand_blob (edge, 2, "sum", blob);
    hand_blob (edge, 3, "sum", blob);
    dp_blob_release (&blob);
    assert_int_equal (edge->place->n_loans, 3);
    edge_await_outcomes (edge, 3);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal (edge->outcomes[i].body, "\xce\x00\x01\x86\xa0", 5);
    blob = packed_bytes (edge->arena, NULL, NULL, 1, 100000);
    hand_blob (edge, 4, "sum", blob);
    dp_blob_release (&blob);
    assert_int_equal (edge->place->n_loans, 1);
    kill (edge->place->pid, SIGKILL);
    edge_await_end (edge);
    place_close (edge->place);
    assert_int_equal (edge->place->n_loans, 0);
    edge_destroy (&edge);
}

static void arguments_of_what_was_cut_are_given_back (void **state)
{
    (void) state;
    edge_t *edge = edge_new (NULL, 0);
    await_ready (edge);
    dp_blob_t *blob = packed_bytes (edge->arena, NULL, NULL, 1, 100000);
    hand_blob (edge, 1, "sum", blob);
    edge_await_outcomes (edge, 1);
    crew_task_t row
        = { .function = "sum", .n_items = 50, .payload = { dp_blob_data (blob), dp_blob_len (blob), 0 } };
    row.blob = blob;
    place_hand (edge->place, 2, &row); /* not flushed: the child has not seen it */
    assert_int_equal (edge->place->n_loans, 1);
    assert_int_equal (place_take_back (edge->place, 2), 2);
    assert_int_equal (edge->place->n_loans, 0);
    hand_blob (edge, 60, "sum", blob);
    dp_blob_release (&blob);
    edge_await_outcomes (edge, 2);
    assert_int_equal (edge->outcomes[1].serial, 60);
    assert_int_equal (edge->place->n_loans, 0);
    edge_destroy (&edge);
}

static void a_copy_of_the_child_keeps_the_arguments_that_it_had (void **state)
{
    (void) state;
    char gate[] = "/tmp/dpool-child-test-XXXXXX", answer[] = "/tmp/dpool-child-test-XXXXXX", text[16] = "";
    close (mkstemp (gate));
    close (mkstemp (answer));
    unlink (gate);
    edge_t *edge = edge_new (NULL, 0);
    await_ready (edge);
    dp_blob_t *blob = packed_bytes (edge->arena, gate, answer, 'a', 300000);
    const uint8_t *data = dp_blob_data (blob);
    hand_blob (edge, 1, "fork_and_look_later", blob);
    dp_blob_release (&blob);
    edge_await_outcomes (edge, 1);
    blob = packed_bytes (edge->arena, NULL, NULL, 2, 300000);
    assert_ptr_equal (dp_blob_data (blob), data); /* the same memory again */
    hand_blob (edge, 2, "sum", blob);
    dp_blob_release (&blob);
    edge_await_outcomes (edge, 2);
    assert_memory_equal (edge->outcomes[1].body, "\xce\x00\x09\x27\xc0", 5);
    close (open (gate, O_CREAT | O_WRONLY, 0600));
    wait_for_size (answer, 4);
    FILE *file = fopen (answer, "r");
    assert_non_null (fgets (text, sizeof text, file));
    fclose (file);
    unlink (gate);
    unlink (answer);
    assert_string_equal (text, "same");
    edge_destroy (&edge);
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

static void long_outcomes_lie_on_a_shelf_whose_room_is_used_again (void **state)
{
    (void) state;
    setenv ("DPOOL_SHARED_MEMORY", "20", 1);
    edge_t *edge = edge_new (NULL, 0);
    unsetenv ("DPOOL_SHARED_MEMORY");
    for (size_t i = 1; i <= 40; i++) {
        edge_hand (edge, i, "big", "\xce\x00\x40\x00\x00", 5, 1); /* 4 MiB: in all, eight times the room */
        edge_await_outcomes (edge, i);
    }
    assert_int_equal (edge->n_blobs, 40);
    edge_destroy (&edge);
}

static void what_does_not_fit_on_the_shelf_comes_by_the_channel (void **state)
{
    (void) state;
    setenv ("DPOOL_SHARED_MEMORY", "2", 1);
    edge_t *edge = edge_new (NULL, 0);
    unsetenv ("DPOOL_SHARED_MEMORY");
    edge_hand (edge, 1, "big", "\xce\x00\x98\x96\x80\xce\x00\x01\x86\xa0", 10, 2); /* 10 MB, 100,000 */
    edge_await_outcomes (edge, 2);
    assert_int_equal (edge->n_blobs, 1);
    assert_int_equal (edge->outcomes[0].body_len, 10000005);
    setenv ("DPOOL_SHARED_MEMORY", "off", 1);
    edge_t *other = edge_new (NULL, 0);
    unsetenv ("DPOOL_SHARED_MEMORY");
    assert_null (other->arena);
    edge_hand (other, 1, "big", "\xce\x00\x01\x86\xa0", 5, 1);
    edge_await_outcomes (other, 1);
    assert_int_equal (other->n_blobs, 0);
    edge_destroy (&other);
    edge_destroy (&edge);
}

static void what_is_held_of_a_dead_child_stays_readable (void **state)
{
    (void) state;
    edge_t *edge = edge_new (NULL, 0);
    await_ready (edge);
    edge_hand (edge, 1, "big", "\xce\x00\x01\x86\xa0", 5, 1);
    place_record_t record;
    while (place_next (edge->place, &record) == 0)
        place_flush (edge->place);
    assert_non_null (record.blob);
    kill (edge->place->pid, SIGKILL);
    edge_await_end (edge);
    place_close (edge->place);
    assert_int_equal (dp_blob_len (record.blob), 100006);
    assert_int_equal (dp_blob_data (record.blob)[100005], 'x');
    dp_blob_release (&record.blob);
    edge_destroy (&edge);
}

/* Nothing that the fork may still look at is used again. */
static void a_fork_of_the_program_ends_the_use_of_the_shelf (void **state)
{
    (void) state;
    edge_t *edge = edge_new (NULL, 0);
    edge_hand (edge, 1, "big", "\xce\x00\x01\x86\xa0", 5, 1);
    edge_await_outcomes (edge, 1);
    assert_int_equal (edge->n_blobs, 1);
    pid_t pid = fork ();
    if (pid == 0)
        _exit (0);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
    edge_hand (edge, 2, "big", "\xce\x00\x01\x86\xa0", 5, 1);
    edge_await_outcomes (edge, 2);
    assert_int_equal (edge->n_blobs, 1);
    assert_int_equal (edge->outcomes[1].body_len, 100005);
    edge_destroy (&edge);
}

static void a_spot_that_is_not_there_is_nonsense (void **state)
{
    (void) state;
    edge_t *edge = edge_new (NULL, 0);
    uint64_t len = edge->place->shared->shelf.len;
    const shelf_spot_t wrong[]
        = { { 1, 10 },         { 0, 0 },
            { len, 1 },        { len - DP_SEGMENT_UNIT, DP_SEGMENT_UNIT + 1 },
            { 0, UINT64_MAX }, { ~(uint64_t) 0 - DP_SEGMENT_UNIT + 1, DP_SEGMENT_UNIT } };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_null (shelf_map_blob (edge->place->shelf, &wrong[i]));
    edge_destroy (&edge);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (long_arguments_are_read_where_they_lie_and_held_for_as_long),
        cmocka_unit_test (arguments_that_lie_elsewhere_are_put_into_the_arena),
        cmocka_unit_test (arguments_of_what_was_cut_are_given_back),
        cmocka_unit_test (a_copy_of_the_child_keeps_the_arguments_that_it_had),
        cmocka_unit_test (long_outcomes_lie_on_a_shelf_whose_room_is_used_again),
        cmocka_unit_test (what_does_not_fit_on_the_shelf_comes_by_the_channel),
        cmocka_unit_test (what_is_held_of_a_dead_child_stays_readable),
        cmocka_unit_test (a_fork_of_the_program_ends_the_use_of_the_shelf),
        cmocka_unit_test (a_spot_that_is_not_there_is_nonsense),
    };
    if (dpool_prepare () < 0)
        return 1;
    return cmocka_run_group_tests (tests, NULL, NULL);
}
