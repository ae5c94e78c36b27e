/* SPDX-License-Identifier: MPL-2.0 */
/* wire_hostile_test.c - messages that are damaged, invented, or from a later version. */
#include "tests/support/test.h"

#include "core/memory.h"
#include "core/wire.h"
#include "tests/support/wire_samples.h"

#include <string.h>

static wire_message_t message;
static const char *why;

/* Decode an envelope from a block of exactly its length, so that a checker of memory sees each byte read
   too many; then read all of it. */
static int decode (const void *bytes, size_t len, const wire_bytes_t *frames, size_t n_frames)
{
    wire_bytes_t all[WIRE_MAX_FRAMES];
    for (size_t i = 1; i < n_frames; i++)
        all[i] = frames[i];
    uint8_t *copy = dp_alloc (len);
    memcpy (copy, bytes, len);
    all[0] = (wire_bytes_t) { copy, len, 0 };
    int rc = wire_decode (&message, all, n_frames, &why);
    if (rc == 0) {
        wire_read_all (&message);
        assert_int_equal (message.n_records, 0);
        assert_null (why);
    } else
        assert_non_null (why);
    dp_free (copy);
    return rc;
}

#define DECODE(bytes) decode (bytes, sizeof (bytes) - 1, NULL, 1)

static void refuses_every_truncation (void **state)
{
    (void) state;
    dp_outbox_t out = { 0 };
    dp_outgoing_t *sample;
    wire_samples (&out);
    while ((sample = dp_outbox_take (&out))) {
        wire_bytes_t frames[WIRE_MAX_FRAMES];
        size_t n_frames = wire_frames_of (sample, frames);
        for (size_t len = 0; len < sample->envelope.len; len++)
            assert_int_equal (decode (sample->envelope.data, len, frames, n_frames), -1);
        assert_int_equal (decode (sample->envelope.data, sample->envelope.len, frames, n_frames), 0);
        dp_outgoing_destroy (&sample);
    }
}

static void survives_every_flipped_byte (void **state)
{
    (void) state;
    dp_outbox_t out = { 0 };
    dp_outgoing_t *sample;
    wire_samples (&out);
    size_t n_good = 0, n_bad = 0;
    while ((sample = dp_outbox_take (&out))) {
        wire_bytes_t frames[WIRE_MAX_FRAMES];
        size_t n_frames = wire_frames_of (sample, frames);
        for (size_t i = 0; i < sample->envelope.len; i++)
            for (unsigned byte = 0; byte < 256; byte++) {
                uint8_t kept = sample->envelope.data[i];
                sample->envelope.data[i] = (uint8_t) byte;
                if (decode (sample->envelope.data, sample->envelope.len, frames, n_frames) == 0)
                    n_good++;
                else
                    n_bad++;
                sample->envelope.data[i] = kept;
            }
        dp_outgoing_destroy (&sample);
    }
    assert_true (n_good > 0 && n_bad > 0);
}

static uint32_t seed;

static uint32_t some (uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % limit;
}

static void survives_random_damage (void **state)
{
    (void) state;
    seed = 1;
    for (int round = 0; round < 60; round++) {
        dp_outbox_t out = { 0 };
        dp_outgoing_t *sample;
        wire_samples (&out);
        while ((sample = dp_outbox_take (&out))) {
            wire_bytes_t frames[WIRE_MAX_FRAMES];
            size_t n_frames = wire_frames_of (sample, frames);
            for (uint32_t n = 1 + some (6); n > 0; n--)
                sample->envelope.data[some ((uint32_t) sample->envelope.len)] = (uint8_t) some (256);
            decode (sample->envelope.data, sample->envelope.len - some (2), frames, n_frames);
            decode (sample->envelope.data, sample->envelope.len, frames, 1 + some ((uint32_t) n_frames));
            dp_outgoing_destroy (&sample);
        }
    }
}

static void refuses_what_is_no_message (void **state)
{
    (void) state;
    assert_int_equal (DECODE (""), -1);
    assert_int_equal (DECODE ("hello"), -1);
    assert_int_equal (DECODE ("\x90"), -1);
    assert_int_equal (DECODE ("\x91\x05"), -1);
    assert_int_equal (DECODE ("\x92\xa1x\x00"), -1);
    assert_int_equal (DECODE ("\x92\x05\xff"), -1);
    assert_int_equal (DECODE ("\x82\x05\x00\x05\x00"), -1);
    assert_int_equal (DECODE ("\x92\x05\x00"), 0);
}

static void refuses_unknown_kinds (void **state)
{
    (void) state;
    assert_int_equal (DECODE ("\x92\x00\x00"), -1);
    assert_int_equal (DECODE ("\x92\x1d\x00"), -1);
    assert_string_equal (why, "an unknown kind of message");
    assert_int_equal (DECODE ("\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x00"), -1);
    assert_int_equal (DECODE ("\x92\xcf\x00\x00\x00\x01\x00\x00\x00\x05\x00"), -1);
}

static void refuses_trailing_bytes (void **state)
{
    (void) state;
    dp_outbox_t out = { 0 };
    dp_outgoing_t *sample;
    wire_samples (&out);
    while ((sample = dp_outbox_take (&out))) {
        wire_bytes_t frames[WIRE_MAX_FRAMES];
        size_t n_frames = wire_frames_of (sample, frames);
        dp_buffer_append (&sample->envelope, "\xc0", 1);
        assert_int_equal (decode (sample->envelope.data, sample->envelope.len, frames, n_frames), -1);
        dp_outgoing_destroy (&sample);
    }
}

static void accepts_further_elements_at_the_end_of_a_message (void **state)
{
    (void) state;
    dp_outbox_t out = { 0 };
    dp_outgoing_t *sample;
    wire_samples (&out);
    while ((sample = dp_outbox_take (&out))) {
        wire_bytes_t frames[WIRE_MAX_FRAMES];
        size_t n_frames = wire_frames_of (sample, frames);
        sample->envelope.data[0]++; /* the array's head: all are short */
        dp_buffer_append (&sample->envelope, "\x82\x01\x92\x02\x03\xa1x\xc0", 8);
        assert_int_equal (decode (sample->envelope.data, sample->envelope.len, frames, n_frames), 0);
        dp_outgoing_destroy (&sample);
    }
}

static void accepts_further_elements_in_records_and_unknown_keys (void **state)
{
    (void) state;
    /* WELCOME with a key "x"; a group, its options and its task with more than we know; a result; a run; a
     * range. */
    assert_int_equal (DECODE ("\x93\x02\x00\x83\xa1x\x91\x91\xc0\xa7version\x01\xa5"
                              "epoch\x02"),
                      0);
    assert_int_equal (message.welcome.epoch, 2);
    static const char tasks[] = "\x93\x12\x00\x92"
                                "\x95\x07\xa1"
                                "f\x81\xa3new\x90\x91\x97\x01\x01\x01\x00\x01\xc4\x01\x05\x92\x01\x02\xa5"
                                "extra"
                                "\x94\x07\xa1g\x80\x91\x96\x02\x01\x01\x00\x01\xc4\x01\x05";
    wire_bytes_t frame = { (const uint8_t *) tasks, sizeof tasks - 1, 0 };
    assert_int_equal (wire_decode (&message, &frame, 1, &why), 0);
    wire_group_t group;
    wire_task_t task;
    assert_true (wire_next_group (&message, &group));
    assert_true (wire_next_task (&message, &task));
    assert_int_equal (task.id, 1);
    assert_true (wire_next_group (&message, &group));
    assert_int_equal (group.function.data[0], 'g');
    assert_true (wire_next_task (&message, &task));
    assert_int_equal (task.id, 2);
    assert_int_equal (
        DECODE ("\x95\x0c\x00\x00\x00\x91\x9a\xc0\x01\x01\x00\xc3\x00\x00\x00\xc4\x00\x93\x01\x02\x03"), 0);
    assert_int_equal (DECODE ("\x93\x16\x00\x91\x94\x01\x02\x03\xa1x"), 0);
    assert_int_equal (DECODE ("\x94\x0a\x00\xc3\x91\x94\x01\x02\xc3\xa1x"), 0);
}

static void reads_numbers_from_the_future_as_the_general_case (void **state)
{
    (void) state;
    assert_int_equal (DECODE ("\x94\x04\x00\xcd\x10\x00\xa1x"), 0);
    assert_int_equal (message.refused.code, WIRE_REFUSED_OTHER);
    static const char results[] = "\x95\x0c\x00\x00\x00\x91\x99\xc0\x01\x01\x63\xc3\x00\x00\x00\xc4\x00";
    wire_bytes_t frame = { (const uint8_t *) results, sizeof results - 1, 0 };
    assert_int_equal (wire_decode (&message, &frame, 1, &why), 0);
    wire_result_t result;
    assert_true (wire_next_result (&message, &result));
    assert_int_equal (result.status, OUTCOME_FAILED);
}

/* ---- HELLO ----------------------------------------------------------------------------------- */

#define MAGIC       \
    "\xa5magic\xa5" \
    "dpool"
#define VERSIONS(min, max) "\xa3min" min "\xa3max" max
#define REST                     \
    "\xa4role\x01\xa2id\x05\xaa" \
    "connection\x01"

static void asks_hello_for_magic_first (void **state)
{
    (void) state;
    assert_int_equal (DECODE ("\x93\x01\x00\x86" MAGIC VERSIONS ("\x01", "\x01") REST), 0);
    assert_int_equal (message.hello.id, 5);
    assert_int_equal (DECODE ("\x93\x01\x00\x85" VERSIONS ("\x01", "\x01") REST), -1);
    assert_string_equal (why, "a HELLO without magic");
    assert_int_equal (DECODE ("\x93\x01\x00\x86\xa5magic\xa5"
                              "otter" VERSIONS ("\x01", "\x01") REST),
                      -1);
    assert_string_equal (why, "the magic is not dpool's");
    assert_int_equal (DECODE ("\x93\x01\x00\xc0"), -1);
}

static void reads_of_a_foreign_version_only_the_version (void **state)
{
    (void) state;
    wire_bytes_t frames[2] = { { NULL, 0, 0 }, { (const uint8_t *) "x", 1, 0 } };
    static const char hello[]
        = "\x93\x01\x00\x85" MAGIC VERSIONS ("\x07", "\x09") "\xa4role\xa6wizard\xa2id\xc0";
    assert_int_equal (decode (hello, sizeof hello - 1, frames, 2), 0);
    assert_int_equal (message.hello.version_min, 7);
    assert_int_equal (message.hello.version_max, 9);
    assert_int_equal (message.hello.id, 0);
    assert_int_equal (DECODE ("\x93\x01\x00\x83" MAGIC VERSIONS ("\x00", "\x00")), 0);
    assert_int_equal (DECODE ("\x93\x01\x00\x86" MAGIC VERSIONS ("\x02", "\x01") REST), -1);
    assert_int_equal (DECODE ("\x93\x01\x00\x83" MAGIC VERSIONS ("\x01", "\x01")), -1);
    assert_int_equal (DECODE ("\x93\x01\x00\x86" MAGIC VERSIONS ("\x00", "\x09") REST), 0);
}

static void refuses_bad_members (void **state)
{
    (void) state;
#define HELLO(member) "\x93\x01\x00\x87" MAGIC VERSIONS ("\x01", "\x01") REST member
    assert_int_equal (DECODE (HELLO ("\xa3pid\x01")), 0);
    assert_int_equal (DECODE (HELLO ("\xa3pid\xff")), -1);
    assert_int_equal (DECODE (HELLO ("\xa2id\x06")), -1); /* twice */
    assert_int_equal (DECODE (HELLO ("\xc0\xc0")), -1);
    assert_int_equal (DECODE (HELLO ("\xa4host\xa1\n")), -1);
    assert_int_equal (DECODE (HELLO ("\xa4host\xa1\xff")), -1);
    assert_int_equal (DECODE (HELLO ("\xabinitializer\xa3"
                                     "a b")),
                      -1);
    assert_int_equal (DECODE (HELLO ("\xa9"
                                     "functions\x91\xa1"
                                     "f")),
                      0);
    assert_int_equal (DECODE (HELLO ("\xa9"
                                     "functions\x91\xa0")),
                      -1);
    assert_int_equal (DECODE (HELLO ("\xa9"
                                     "functions\x91\xa1/")),
                      -1);
    assert_int_equal (DECODE (HELLO ("\xa6labels\xdd\xff\xff\xff\xff")), -1);
    assert_int_equal (DECODE (HELLO ("\xa4"
                                     "args\x01")),
                      -1);
    assert_int_equal (DECODE ("\x93\x01\x00\x86" MAGIC VERSIONS ("\x01", "\x01") "\xa4role\x03\xa2id\x05\xaa"
                                                                                 "connection\x01"),
                      -1);
    assert_int_equal (DECODE ("\x93\x01\x00\x86" MAGIC VERSIONS ("\x01", "\x01") "\xa4role\x01\xa2id\x00\xaa"
                                                                                 "connection\x01"),
                      -1);
}

/* Unknown ones are skipped, for later versions may have more; but not without end. */
static void refuses_a_map_of_very_many_members (void **state)
{
    (void) state;
    static const char head[] = "\x93\x01\x00\xde\x00\x40" MAGIC VERSIONS ("\x01", "\x01") REST;
    char hello[sizeof head + 3 * 60];
    size_t len = sizeof head - 1;
    memcpy (hello, head, len);
    for (int i = 6; i < 64; i++, len += 3)
        memcpy (hello + len, "\xa1x\x01", 3);
    wire_bytes_t frame = { NULL, 0, 0 };
    assert_int_equal (decode (hello, len, &frame, 1), 0);
    hello[5] = 65;
    memcpy (hello + len, "\xa1x\x01", 3);
    assert_int_equal (decode (hello, len + 3, &frame, 1), -1);
    assert_string_equal (why, "a map has more than 64 members");
}

/* ---- Records --------------------------------------------------------------------------------- */

static void refuses_impossible_records (void **state)
{
    (void) state;
#define TASKS(session, function, task) "\x93\x12\x00\x91\x94" session function "\x80\x91" task
#define F  \
    "\xa1" \
    "f"
    assert_int_equal (DECODE (TASKS ("\x07", F, "\x96\x01\x01\x01\x00\x01\xc4\x01\x05")), 0);
    assert_int_equal (DECODE (TASKS ("\xc0", F, "\x96\x01\x01\x01\x00\x01\xc4\x01\x05")),
                      -1); /* no session */
    assert_int_equal (DECODE (TASKS ("\x07", "\xa0", "\x96\x01\x01\x01\x00\x01\xc4\x01\x05")), -1);
    assert_int_equal (DECODE (TASKS ("\x07", "\xa1 ", "\x96\x01\x01\x01\x00\x01\xc4\x01\x05")), -1);
    assert_int_equal (DECODE (TASKS ("\x07", F, "\x95\x01\x01\x01\x00\x01")), -1);             /* too short */
    assert_int_equal (DECODE (TASKS ("\x07", F, "\x96\x01\x01\x01\x00\x00\xc4\x01\x05")), -1); /* no item */
    assert_int_equal (DECODE (TASKS ("\x07", F, "\x96\x01\x01\x01\x00\x02\xc4\x01\x05")),
                      -1); /* 2 in 1 byte */
    assert_int_equal (DECODE (TASKS ("\x07", F,
                                     "\x96\x01\x01\x01\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01\xc4\x01\x05")),
                      -1);
    assert_int_equal (DECODE (TASKS ("\x07", F, "\x96\x01\x01\x01\x00\x01\xa1x")), -1); /* no bytes */
#define RESULT(status, n, payload) \
    "\x95\x0c\x00\x00\x00\x91\x99\xc0\x01\x01" status "\xc3\x00" n "\x00" payload
    assert_int_equal (DECODE (RESULT ("\x00", "\x01", "\xc4\x02\x00\x01")), 0);
    assert_int_equal (DECODE (RESULT ("\x00", "\x02", "\xc4\x02\x00\x01")), -1);
    assert_int_equal (DECODE (RESULT ("\xff", "\x01", "\xc4\x02\x00\x01")), -1);
    assert_int_equal (DECODE ("\x93\x0b\x00\x91\x92\x02\x01"), -1); /* ends before it begins */
    assert_int_equal (DECODE ("\x93\x0b\x00\x91\x91\x02"), -1);     /* half a range */
    assert_int_equal (DECODE ("\x94\x0d\x00\x03\x90"), -1);         /* CANCEL of what? */
    assert_int_equal (DECODE ("\x94\x17\x00\x00\x90"), -1);         /* REVOKE of what? */
    assert_int_equal (DECODE ("\x93\x17\x00\x90"), -1);
    assert_int_equal (DECODE ("\x94\x15\x00\xc3\x91\x94\x01\x01\x01\x04"), -1); /* unknown state */
    assert_int_equal (DECODE ("\x94\x15\x00\xc3\x91\x94\x01\x01\x01\x00"), -1);
    assert_int_equal (DECODE ("\x94\x0a\x00\x01\x90"), -1);     /* is_last is no bool */
    assert_int_equal (DECODE ("\x95\x0e\x00\x01\x04\x01"), -1); /* unknown question */
}

/* Of as many as there may be, and of one more. */
static void refuses_a_task_of_too_many_items (void **state)
{
    (void) state;
    size_t len = WIRE_MAX_ITEMS + 1;
    uint8_t *items = dp_alloc (len);
    wire_bytes_t frames[] = { { NULL, 0, 0 }, { items, len, 0 } };
    static const char most[] = TASKS ("\x07", F, "\x96\x01\x01\x01\x00\xce\x00\x10\x00\x00\x01"),
                      more[] = TASKS ("\x07", F, "\x96\x01\x01\x01\x00\xce\x00\x10\x00\x01\x01");
    assert_int_equal (decode (most, sizeof most - 1, frames, 2), 0);
    assert_int_equal (decode (more, sizeof more - 1, frames, 2), -1);
    assert_string_equal (why, "a task has more than 1,048,576 items: split it");
    dp_free (items);
}

static void refuses_hostile_counts (void **state)
{
    (void) state;
    assert_int_equal (DECODE ("\xdd\xff\xff\xff\xff\x05\x00"), -1);
    assert_int_equal (DECODE ("\x93\x12\x00\xdd\xff\xff\xff\xff"), -1);
    assert_int_equal (DECODE ("\x93\x12\x00\xdd\x00\x00\x00\x02\x90"), -1);
    assert_int_equal (DECODE ("\x93\x12\x00\x91\x94\x07\xa1"
                              "f\xdf\xff\xff\xff\xff\x90"),
                      -1);
    assert_int_equal (DECODE ("\x93\x12\x00\x91\x94\x07\xa1"
                              "f\x80\xdd\xff\xff\xff\xff"),
                      -1);
    assert_int_equal (DECODE ("\x95\x0c\x00\x00\x00\xdc\xff\xff"), -1);
    assert_int_equal (DECODE ("\x93\x02\x00\xdf\xff\xff\xff\xff"), -1);
    assert_int_equal (DECODE ("\x94\x04\x00\x01\xdb\xff\xff\xff\xff"), -1);
}

static void refuses_nesting_bombs (void **state)
{
    (void) state;
    static uint8_t bomb[100000];
    memset (bomb, 0x91, sizeof bomb);
    assert_int_equal (decode (bomb, sizeof bomb, NULL, 1), -1);
    memcpy (bomb, "\x93\x05\x00", 3); /* a PING with a bomb behind it */
    assert_int_equal (decode (bomb, sizeof bomb, NULL, 1), -1);
    memcpy (bomb, "\x93\x02\x00\x81\xa1x", 6); /* WELCOME with one under an unknown key */
    assert_int_equal (decode (bomb, sizeof bomb, NULL, 1), -1);
    memset (bomb + 3, 0x91, 16);
    memcpy (bomb, "\x93\x05\x00", 3);
    bomb[19] = 0xc0;
    assert_int_equal (decode (bomb, 20, NULL, 1), 0); /* sixteen levels are fine */
}

static void refuses_frames_that_do_not_match (void **state)
{
    (void) state;
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    for (size_t i = 0; i < WIRE_MAX_FRAMES; i++)
        frames[i] = (wire_bytes_t) { (const uint8_t *) "\x05", 1, 0 };
#define ONE(frame) TASKS ("\x07", F, "\x96\x01\x01\x01\x00\x01" frame)
    static const char one[] = ONE ("\x01"), none[] = ONE ("\x00"), third[] = ONE ("\x03"),
                      far[] = ONE ("\xcd\x01\x01");
    assert_int_equal (decode (one, sizeof one - 1, frames, 2), 0);
    assert_int_equal (decode (one, sizeof one - 1, frames, 1), -1);
    assert_int_equal (decode (one, sizeof one - 1, frames, 3), -1);
    assert_string_equal (why, "a frame that nothing refers to");
    assert_int_equal (decode (none, sizeof none - 1, frames, 2), -1);
    assert_int_equal (decode (third, sizeof third - 1, frames, 3), -1);
    assert_int_equal (decode (far, sizeof far - 1, frames, 64), -1);
    static const char twice[] = "\x93\x12\x00\x91\x94\x07" F "\x80\x92"
                                "\x96\x01\x01\x01\x00\x01\x01\x96\x02\x01\x01\x00\x01\x01";
    assert_int_equal (decode (twice, sizeof twice - 1, frames, 2), -1);
    assert_string_equal (why, "two payloads name the same frame");
    assert_int_equal (wire_decode (&message, frames, 0, &why), -1);
    assert_int_equal (wire_decode (&message, frames, WIRE_MAX_FRAMES + 1, &why), -1);
    assert_int_equal (decode ("\x92\x05\x00", 3, frames, 2), -1); /* PING has no payload */
    static uint8_t long_envelope[WIRE_MAX_ENVELOPE + 1] = "\x92\x05";
    assert_int_equal (decode (long_envelope, sizeof long_envelope, NULL, 1), -1);
    assert_string_equal (why, "the envelope is too long");
}

static void takes_as_many_frames_as_are_allowed (void **state)
{
    (void) state;
    uint8_t bytes[1000] = "\x93\x12\x00\x91\x94\x07\xa1"
                          "f\x80\xdc\x00\x3f";
    size_t len = 12;
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    for (uint8_t i = 1; i < WIRE_MAX_FRAMES; i++) {
        memcpy (bytes + len, "\x96\x01\x01\x01\x00\x01", 6);
        bytes[len + 6] = i;
        len += 7;
        frames[i] = (wire_bytes_t) { (const uint8_t *) "\x05", 1, 0 };
    }
    assert_int_equal (decode (bytes, len, frames, WIRE_MAX_FRAMES), 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (refuses_every_truncation),
        cmocka_unit_test (survives_every_flipped_byte),
        cmocka_unit_test (survives_random_damage),
        cmocka_unit_test (refuses_what_is_no_message),
        cmocka_unit_test (refuses_unknown_kinds),
        cmocka_unit_test (refuses_trailing_bytes),
        cmocka_unit_test (accepts_further_elements_at_the_end_of_a_message),
        cmocka_unit_test (accepts_further_elements_in_records_and_unknown_keys),
        cmocka_unit_test (reads_numbers_from_the_future_as_the_general_case),
        cmocka_unit_test (asks_hello_for_magic_first),
        cmocka_unit_test (reads_of_a_foreign_version_only_the_version),
        cmocka_unit_test (refuses_bad_members),
        cmocka_unit_test (refuses_a_map_of_very_many_members),
        cmocka_unit_test (refuses_impossible_records),
        cmocka_unit_test (refuses_a_task_of_too_many_items),
        cmocka_unit_test (refuses_hostile_counts),
        cmocka_unit_test (refuses_nesting_bombs),
        cmocka_unit_test (refuses_frames_that_do_not_match),
        cmocka_unit_test (takes_as_many_frames_as_are_allowed),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
