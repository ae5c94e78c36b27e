/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "worker/ring.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SOME_KIND = 7 };

typedef struct rig_s {
    ring_shared_t *shared;
    ring_t producer, consumer;
    int wake_fd;
} rig_t;

static void rig_init (rig_t *rig)
{
    rig->shared = aligned_alloc (64, sizeof *rig->shared);
    assert_non_null (rig->shared);
    memset (rig->shared, 0, sizeof *rig->shared);
    ring_init (&rig->producer, rig->shared);
    ring_init (&rig->consumer, rig->shared);
    rig->wake_fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void rig_fini (rig_t *rig)
{
    close (rig->wake_fd);
    free (rig->shared);
}

static bool put (rig_t *rig, uint64_t serial, const void *bytes, uint32_t len)
{
    bool must_wake;
    ring_record_t record = { .len = len, .kind = SOME_KIND, .serial = serial };
    return ring_put (&rig->producer, &record, bytes, true, &must_wake);
}

static void gives_records_in_the_order_of_their_coming (void **state)
{
    rig_t rig;
    (void) state;
    rig_init (&rig);
    assert_true (put (&rig, 1, "one", 3));
    assert_true (put (&rig, 2, NULL, 0));
    ring_record_t record;
    const uint8_t *bytes;
    assert_int_equal (ring_next (&rig.consumer, &record, &bytes), 1);
    assert_int_equal (record.serial, 1);
    assert_memory_equal (bytes, "one", 3);
    assert_int_equal (ring_next (&rig.consumer, &record, &bytes), 1);
    assert_int_equal (record.serial, 2);
    assert_int_equal (record.len, 0);
    assert_int_equal (ring_next (&rig.consumer, &record, &bytes), 0);
    rig_fini (&rig);
}

static void gives_an_unread_record_again (void **state)
{
    rig_t rig;
    (void) state;
    rig_init (&rig);
    assert_true (put (&rig, 5, "five", 4));
    ring_record_t record;
    const uint8_t *bytes;
    assert_int_equal (ring_next (&rig.consumer, &record, &bytes), 1);
    ring_unread (&rig.consumer, &record);
    assert_int_equal (ring_next (&rig.consumer, &record, &bytes), 1);
    assert_int_equal (record.serial, 5);
    rig_fini (&rig);
}

static void gives_a_row_of_records_that_are_alike (void **state)
{
    rig_t rig;
    (void) state;
    rig_init (&rig);
    assert_true (put (&rig, 5, "one", 3));
    assert_true (put (&rig, 5, "two", 3));
    assert_true (put (&rig, 6, "three", 5));
    ring_record_t record;
    const uint8_t *bytes;
    assert_int_equal (ring_next (&rig.consumer, &record, &bytes), 1);
    assert_int_equal (ring_next_alike (&rig.consumer, &record, &bytes), 1);
    assert_memory_equal (bytes, "two", 3);
    assert_int_equal (ring_next_alike (&rig.consumer, &record, &bytes), 0);
    assert_int_equal (record.serial, 5);
    assert_int_equal (ring_next (&rig.consumer, &record, &bytes), 1);
    assert_memory_equal (bytes, "three", 5);
    assert_int_equal (ring_next_alike (&rig.consumer, &record, &bytes), 0);
    rig_fini (&rig);
}

static void refuses_what_has_no_room_until_it_is_released (void **state)
{
    rig_t rig;
    static uint8_t block[RING_LONGEST];
    uint64_t n_put = 0, n_got = 0;
    (void) state;
    rig_init (&rig);
    while (put (&rig, n_put + 1, block, sizeof block))
        n_put++;
    assert_int_equal (n_put, 3); /* the heads take the room of the fourth */
    ring_record_t record;
    const uint8_t *bytes;
    while (ring_next (&rig.consumer, &record, &bytes) == 1)
        n_got++;
    assert_int_equal (n_got, 3);
    assert_false (put (&rig, 4, block, sizeof block));
    ring_release (&rig.consumer);
    assert_true (put (&rig, 4, block, sizeof block));
    assert_int_equal (ring_next (&rig.consumer, &record, &bytes), 1);
    assert_int_equal (record.serial, 4);
    rig_fini (&rig);
}

static void goes_round_with_records_of_all_lengths (void **state)
{
    rig_t rig;
    static uint8_t block[RING_LONGEST];
    (void) state;
    rig_init (&rig);
    for (uint64_t i = 1; i < 20000; i++) {
        uint32_t len = (uint32_t) (i * 7919 % 3000);
        memset (block, (int) (i & 0xff), len);
        assert_true (put (&rig, i, block, len));
        ring_record_t record;
        const uint8_t *bytes;
        assert_int_equal (ring_next (&rig.consumer, &record, &bytes), 1);
        assert_int_equal (record.serial, i);
        assert_int_equal (record.len, len);
        assert_memory_equal (bytes, block, len);
        ring_release (&rig.consumer);
    }
    rig_fini (&rig);
}

static void wakes_only_a_consumer_that_sleeps_and_only_once (void **state)
{
    rig_t rig;
    bool must_wake;
    (void) state;
    rig_init (&rig);
    ring_record_t record = { .kind = SOME_KIND, .serial = 1 };
    assert_true (ring_put (&rig.producer, &record, NULL, true, &must_wake));
    assert_false (must_wake);
    assert_false (ring_sleep (&rig.consumer, false)); /* there is something */
    const uint8_t *bytes;
    assert_int_equal (ring_next (&rig.consumer, &record, &bytes), 1);
    assert_true (ring_sleep (&rig.consumer, false));
    assert_true (ring_put (&rig.producer, &record, NULL, true, &must_wake));
    assert_true (must_wake);
    assert_true (ring_put (&rig.producer, &record, NULL, true, &must_wake));
    assert_false (must_wake);
    rig_fini (&rig);
}

static void wakes_a_patient_consumer_only_for_what_is_urgent (void **state)
{
    rig_t rig;
    bool must_wake;
    (void) state;
    rig_init (&rig);
    ring_record_t record = { .kind = SOME_KIND, .serial = 1 };
    assert_true (ring_sleep (&rig.consumer, true));
    assert_true (ring_put (&rig.producer, &record, NULL, false, &must_wake));
    assert_false (must_wake);
    assert_true (ring_put (&rig.producer, &record, NULL, true, &must_wake));
    assert_true (must_wake);
    const uint8_t *bytes;
    while (ring_next (&rig.consumer, &record, &bytes) == 1)
        ;
    assert_true (ring_sleep (&rig.consumer, true));
    assert_true (ring_must_wake (&rig.producer)); /* there is no room, or nothing more */
    assert_true (ring_sleep (&rig.consumer, false));
    assert_true (ring_put (&rig.producer, &record, NULL, false, &must_wake));
    assert_true (must_wake);
    rig_fini (&rig);
}

static void survives_nonsense_in_the_shared_memory (void **state)
{
    ring_record_t record;
    const uint8_t *bytes;
    (void) state;
    for (unsigned seed = 1; seed <= 2000; seed++) {
        rig_t rig;
        rig_init (&rig);
        srand (seed);
        for (size_t i = 0; i < 4096; i++)
            rig.shared->data[i] = (unsigned char) (rand () & (seed % 2 ? 0xff : 0x03));
        rig.shared->written = (uint64_t) rand () % (seed % 3 ? 4096 : UINT32_MAX);
        int rc, n_records = 0;
        while ((rc = ring_next (&rig.consumer, &record, &bytes)) == 1 && n_records++ < 100000) {
            assert_true (bytes >= rig.shared->data);
            assert_true (bytes + record.len <= rig.shared->data + RING_CAPACITY);
        }
        assert_true (rc <= 0);
        rig_fini (&rig);
    }
}

/* ---- Two threads ---------------------------------------------------------------------------- */

enum { MANY = 200000 };

static void *produce (void *argument)
{
    rig_t *rig = argument;
    for (uint64_t i = 1; i <= MANY; i++) {
        bool must_wake;
        uint64_t body[64];
        ring_record_t record = { .kind = SOME_KIND, .serial = i, .len = (uint32_t) (i % 64) * 8 };
        for (size_t k = 0; k < 64; k++)
            body[k] = i;
        while (!ring_put (&rig->producer, &record, body, true, &must_wake)) {
            if (ring_must_wake (&rig->producer))
                eventfd_write (rig->wake_fd, 1);
            ring_wait_for_room (&rig->producer, record.len, 1000);
        }
        if (must_wake)
            eventfd_write (rig->wake_fd, 1);
    }
    return NULL;
}

/* A wake-up or a room that is missed shows as a wait of a second each: the test then takes for ever. */
static void loses_nothing_between_two_threads (void **state)
{
    rig_t rig;
    pthread_t thread;
    uint64_t expected = 1;
    (void) state;
    rig_init (&rig);
    assert_int_equal (pthread_create (&thread, NULL, produce, &rig), 0);
    while (expected <= MANY) {
        ring_record_t record;
        const uint8_t *bytes;
        ring_stay_awake (&rig.consumer);
        eventfd_t count;
        eventfd_read (rig.wake_fd, &count);
        while (ring_next (&rig.consumer, &record, &bytes) == 1) {
            assert_int_equal (record.serial, expected);
            for (uint32_t k = 0; k < record.len / 8; k++)
                assert_memory_equal (bytes + k * 8, &record.serial, 8);
            expected++;
        }
        ring_release (&rig.consumer);
        if (expected <= MANY && ring_sleep (&rig.consumer, false)) {
            struct pollfd item = { rig.wake_fd, POLLIN, 0 };
            assert_int_equal (poll (&item, 1, 5000), 1);
        }
    }
    pthread_join (thread, NULL);
    rig_fini (&rig);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (gives_records_in_the_order_of_their_coming),
        cmocka_unit_test (gives_an_unread_record_again),
        cmocka_unit_test (gives_a_row_of_records_that_are_alike),
        cmocka_unit_test (refuses_what_has_no_room_until_it_is_released),
        cmocka_unit_test (goes_round_with_records_of_all_lengths),
        cmocka_unit_test (wakes_only_a_consumer_that_sleeps_and_only_once),
        cmocka_unit_test (wakes_a_patient_consumer_only_for_what_is_urgent),
        cmocka_unit_test (survives_nonsense_in_the_shared_memory),
        cmocka_unit_test (loses_nothing_between_two_threads),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
