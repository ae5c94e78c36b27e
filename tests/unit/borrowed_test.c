/* SPDX-License-Identifier: MPL-2.0 */
/* What of another program's memory is mapped, and what is read there: here it is this program's own. */
#include "tests/support/test.h"

#include "net/borrowed.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/reference.h"
#include "net/segment.h"

enum { LONG = 100000 };

typedef struct rig_s {
    dp_arena_t *arena;
    wire_memory_t memory; /* as its owner says */
    dp_borrowed_t borrowed;
} rig_t;

static int set_up (void **state)
{
    static rig_t rig;
    *state = &rig;
    setenv ("DPOOL_SHARED_MEMORY", "1", 1);
    rig = (rig_t) { .arena = dp_arena_new (DP_ARENA_PROGRAM) };
    if (rig.arena == NULL)
        return -1;
    const dp_arena_tail_t *tail = dp_arena_tail (rig.arena);
    rig.memory = (wire_memory_t) { .pid = (uint64_t) getpid (),
                                   .fd = (uint64_t) dp_arena_fd (rig.arena),
                                   .bytes = dp_arena_len (rig.arena),
                                   .secret = tail->secret[0],
                                   .secret_2 = tail->secret[1] };
    return 0;
}

static int tear_down (void **state)
{
    rig_t *rig = *state;
    dp_borrowed_unmap (&rig->borrowed);
    dp_arena_release (&rig->arena);
    unsetenv ("DPOOL_SHARED_MEMORY");
    return 0;
}

/* ---- Mapping -------------------------------------------------------------------------------- */

static void is_mapped_if (rig_t *rig, bool is_so)
{
    assert_int_equal (dp_borrowed_map (&rig->borrowed, &rig->memory, DP_ARENA_PROGRAM), is_so ? 0 : -1);
    assert_true ((rig->borrowed.data != NULL) == is_so);
    dp_borrowed_unmap (&rig->borrowed);
}

static void memory_is_mapped_that_is_as_it_is_said_to_be (void **state)
{
    is_mapped_if (*state, true);
}

static void another_file_of_that_name_is_not_mapped (void **state)
{
    rig_t *rig = *state;
    const size_t lengths[] = { DP_SEGMENT_UNIT, dp_arena_file_len (dp_arena_len (rig->arena)) };
    for (size_t i = 0; i < 2; i++) { /* of another size; and one that has no secret in it */
        int fd = dp_segment_make ("dpool-arena", lengths[i]);
        rig->memory.fd = (uint64_t) fd;
        is_mapped_if (rig, false);
        close (fd);
    }
}

/* Whoever reads it would be ended by SIGBUS once it does. */
static void memory_that_could_shrink_is_not_mapped (void **state)
{
    rig_t *rig = *state;
    size_t at = dp_arena_len (rig->arena), len = dp_arena_file_len (at);
    int fd = memfd_create ("dpool-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true (fd >= 0 && ftruncate (fd, (off_t) len) == 0);
    assert_int_equal (pwrite (fd, dp_arena_tail (rig->arena), len - at, (off_t) at), len - at);
    rig->memory.fd = (uint64_t) fd;
    is_mapped_if (rig, false);
    assert_int_equal (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    is_mapped_if (rig, true);
    close (fd);
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* What becomes of a reference to what lies at the beginning: copied it is, if why is NULL. */
static void is_read (rig_t *rig, dp_reference_t reference, uint64_t most, const char *why, bool is_late)
{
    uint8_t bytes[DP_REFERENCE_LEN];
    dp_borrowed_failure_t failure;
    dp_reference_write (&reference, bytes);
    dp_blob_t *blob = dp_borrowed_copy (&rig->borrowed, bytes, sizeof bytes, most, NULL, &failure);
    assert_true ((blob != NULL) == (why == NULL));
    if (why != NULL) {
        assert_string_equal (failure.text, why);
        assert_true (failure.is_late == is_late);
    } else {
        assert_null (failure.text);
        assert_int_equal (dp_blob_len (blob), reference.len);
    }
    dp_blob_release (&blob);
}

static void what_is_late_is_told_from_what_was_never_there (void **state)
{
    static const char nowhere[] = "a payload that is not where it was said to be";
    static const uint8_t bytes[LONG] = { 1 };
    rig_t *rig = *state;
    assert_int_equal (dp_borrowed_map (&rig->borrowed, &rig->memory, DP_ARENA_PROGRAM), 0);
    dp_blob_t *blob = dp_arena_copy (rig->arena, bytes, sizeof bytes);
    dp_reference_t good = { .len = LONG, .generation = dp_arena_generation (rig->arena, 0) }, bad = good;
    is_read (rig, good, LONG, NULL, false);
    is_read (rig, good, LONG - 1, "a payload that is longer than the limit", false);
    bad.len++;
    is_read (rig, bad, LONG + 1, nowhere, false);
    bad = good;
    bad.generation++;
    is_read (rig, bad, LONG, nowhere, false); /* it is yet to come */
    bad = good;
    bad.at = DP_SEGMENT_UNIT; /* in its midst, where nothing begins */
    is_read (rig, bad, LONG, nowhere, true);
    dp_blob_release (&blob);
    is_read (rig, good, LONG, nowhere, true);
}

/* Its owner has begun to take it back: the length goes first, and then the generation. */
static void what_is_being_taken_back_is_late (void **state)
{
    static const uint8_t bytes[LONG] = { 1 };
    rig_t *rig = *state;
    assert_int_equal (dp_borrowed_map (&rig->borrowed, &rig->memory, DP_ARENA_PROGRAM), 0);
    dp_blob_t *blob = dp_arena_copy (rig->arena, bytes, sizeof bytes);
    dp_reference_t reference = { .len = LONG, .generation = dp_arena_generation (rig->arena, 0) };
    atomic_store (&dp_arena_tail (rig->arena)->ranges[0].len, 0);
    is_read (rig, reference, LONG, "a payload that is not where it was said to be", true);
    dp_blob_release (&blob);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (memory_is_mapped_that_is_as_it_is_said_to_be),
        TEST (another_file_of_that_name_is_not_mapped),
        TEST (memory_that_could_shrink_is_not_mapped),
        TEST (what_is_late_is_told_from_what_was_never_there),
        TEST (what_is_being_taken_back_is_late),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
