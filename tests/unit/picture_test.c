/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/picture.h"
#include "core/reader.h"

#include <errno.h>
#include <limits.h>
#include <msgpack.h>
#include <pthread.h>
#include <string.h>

static dp_buffer_t buffer;
static dp_texts_t texts;

static int reset (void **state)
{
    (void) state;
    dp_memory_fail_nth (0);
    dp_buffer_fini (&buffer);
    dp_texts_fini (&texts);
    return 0;
}

static int append (const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    int rc = dp_picture_pack (&buffer, picture, &arguments);
    va_end (arguments);
    return rc;
}

static int pack (const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    dp_buffer_reset (&buffer);
    errno = 0;
    int rc = dp_picture_pack (&buffer, picture, &arguments);
    va_end (arguments);
    return rc;
}

/* Unpack what was packed last. */
static int unpack (const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    errno = 0;
    int rc = dp_picture_unpack (&texts, buffer.data, buffer.len, picture, &arguments);
    va_end (arguments);
    return rc;
}

static void set_bytes (const void *bytes, size_t len)
{
    dp_texts_fini (&texts);
    dp_buffer_reset (&buffer);
    dp_buffer_append (&buffer, bytes, len);
}

#define assert_value_error(call)                                    \
    do {                                                            \
        assert_int_equal (call, -1);                                \
        assert_int_equal (errno, DPOOL_EVALUE);                     \
        assert_int_equal (dpool_last_error ()->code, DPOOL_EVALUE); \
    } while (0)

static void brings_every_letter_across (void **state)
{
    (void) state;
    msgpack_object object = { .type = MSGPACK_OBJECT_NEGATIVE_INTEGER, .via.i64 = -77 };
    assert_int_equal (pack ("ilud?nsbBmo", -5, INT64_MIN, UINT64_MAX, 0.25, 2, "h\xc3\xa4", "b\0b",
                            (size_t) 3, "BB", (size_t) 2, "\x93\x01\x02\x03", (size_t) 4, &object),
                      0);
    int i;
    int64_t l;
    uint64_t u;
    double d;
    bool truth;
    const char *s;
    const void *b, *m;
    size_t b_len, m_len;
    char B[2];
    msgpack_object o;
    assert_int_equal (unpack ("ilud?nsbBmo", &i, &l, &u, &d, &truth, &s, &b, &b_len, B, sizeof B, &m, &m_len,
                              &o),
                      0);
    assert_int_equal (i, -5);
    assert_true (l == INT64_MIN);
    assert_true (u == UINT64_MAX);
    assert_true (d == 0.25);
    assert_true (truth);
    assert_string_equal (s, "h\xc3\xa4");
    assert_int_equal (b_len, 3);
    assert_memory_equal (b, "b\0b", 3);
    assert_memory_equal (B, "BB", 2);
    assert_int_equal (m_len, 4);
    assert_memory_equal (m, "\x93\x01\x02\x03", 4);
    assert_int_equal (o.type, MSGPACK_OBJECT_NEGATIVE_INTEGER);
    assert_int_equal (o.via.i64, -77);
}

static void writes_bare_value_array_or_nil (void **state)
{
    (void) state;
    pack ("");
    assert_int_equal (buffer.len, 1);
    assert_int_equal (buffer.data[0], 0xc0);
    assert_int_equal (unpack (""), 0);
    assert_int_equal (unpack ("n"), 0);
    pack ("i", 7);
    assert_int_equal (buffer.len, 1);
    assert_int_equal (buffer.data[0], 7);
    pack ("ii", 7, 8);
    assert_memory_equal (buffer.data, "\x92\x07\x08", 3);
    pack ("nnnnnnnnnnnnnnnn");
    assert_memory_equal (buffer.data, "\xdc\x00\x10", 3);
    assert_int_equal (unpack ("nnnnnnnnnnnnnnnn"), 0);
}

static void appends_behind_what_is_there (void **state)
{
    (void) state;
    dp_buffer_append (&buffer, "\x01", 1);
    assert_int_equal (append ("n"), 0);
    assert_memory_equal (buffer.data, "\x01\xc0", 2);
    assert_int_equal (append ("nx"), -1);
    assert_int_equal (buffer.len, 2);
}

static void checks_integer_ranges_exactly (void **state)
{
    (void) state;
    int i = 1;
    int64_t l;
    uint64_t u;
    pack ("l", (int64_t) INT_MAX);
    assert_int_equal (unpack ("i", &i), 0);
    assert_int_equal (i, INT_MAX);
    pack ("l", (int64_t) INT_MIN);
    assert_int_equal (unpack ("i", &i), 0);
    assert_int_equal (i, INT_MIN);
    pack ("l", (int64_t) INT_MAX + 1);
    assert_value_error (unpack ("i", &i));
    assert_int_equal (i, INT_MIN);
    pack ("l", (int64_t) INT_MIN - 1);
    assert_value_error (unpack ("i", &i));
    pack ("u", (uint64_t) INT64_MAX);
    assert_int_equal (unpack ("l", &l), 0);
    pack ("u", (uint64_t) INT64_MAX + 1);
    assert_value_error (unpack ("l", &l));
    assert_value_error (unpack ("i", &i));
    pack ("i", -1);
    assert_value_error (unpack ("u", &u));
    pack ("i", 1);
    assert_int_equal (unpack ("u", &u), 0);
    assert_int_equal (u, 1);
}

static void reads_integers_as_doubles_only_where_exact (void **state)
{
    (void) state;
    double d;
    int i;
    pack ("l", (int64_t) 1 << 53);
    assert_int_equal (unpack ("d", &d), 0);
    assert_true (d == 0x1p53);
    pack ("l", ((int64_t) 1 << 53) + 1);
    assert_value_error (unpack ("d", &d));
    pack ("u", UINT64_MAX);
    assert_value_error (unpack ("d", &d));
    pack ("l", INT64_MIN);
    assert_int_equal (unpack ("d", &d), 0);
    assert_true (d == -0x1p63);
    pack ("d", 1.0);
    assert_value_error (unpack ("i", &i));
}

static void says_which_value_does_not_fit (void **state)
{
    (void) state;
    int i;
    int64_t l;
    double d;
    pack ("isd", 1, "two", 3.0);
    assert_value_error (unpack ("ild", &i, &l, &d));
    assert_string_equal (dpool_last_error ()->message,
                         "value 2 of 3 is text, but the picture 'ild' wants an integer");
    pack ("s", "one");
    assert_value_error (unpack ("i", &i));
    assert_string_equal (dpool_last_error ()->message,
                         "the value is text, but the picture 'i' wants an integer");
    pack ("ii", 1, 2);
    assert_value_error (unpack ("iii", &i, &i, &i));
    assert_string_equal (dpool_last_error ()->message,
                         "the value is an array of 2, but the picture 'iii' wants 3 values");
    assert_value_error (unpack ("i", &i));
    assert_value_error (unpack (""));
    pack ("");
    assert_value_error (unpack ("ii", &i, &i));
}

static void refuses_each_wrong_type (void **state)
{
    (void) state;
    static const char letters[] = "iludsb?nB";
    char target[64] = { 0 };
    size_t len = 0;
    for (size_t from = 0; from < 7; from++) {
        const char picture_from[2] = { "i?nsbBd"[from], '\0' };
        switch (*picture_from) {
        case 's':
            pack ("s", "x");
            break;
        case 'b':
        case 'B':
            pack ("b", "x", (size_t) 1);
            break;
        case 'd':
            pack ("d", 0.5);
            break;
        default:
            pack (picture_from, 1);
        }
        for (size_t to = 0; to < sizeof letters - 1; to++) {
            const char picture_to[2] = { letters[to], '\0' };
            bool is_bytes = strchr ("bB", *picture_from) && strchr ("bB", *picture_to);
            bool is_number = *picture_from == 'i' && strchr ("ilud", *picture_to);
            bool is_good = *picture_from == *picture_to || is_bytes || is_number;
            int rc
                = *picture_to == 'B' ? unpack ("B", target, (size_t) 1) : unpack (picture_to, target, &len);
            assert_int_equal (rc, is_good ? 0 : -1);
        }
    }
}

static void refuses_bad_pictures_and_arguments (void **state)
{
    (void) state;
    assert_value_error (pack ("ix", 1, 2));
    assert_int_equal (buffer.len, 0);
    assert_value_error (pack ("[i]", 1));
    assert_value_error (pack (NULL));
    assert_value_error (pack ("s", (const char *) NULL));
    assert_value_error (pack ("is", 1, "\xff"));
    assert_value_error (pack ("s", "\xed\xa0\x80"));
    assert_value_error (pack ("b", (const void *) NULL, (size_t) 1));
    assert_int_equal (pack ("b", (const void *) NULL, (size_t) 0), 0);
    assert_value_error (pack ("m", (const void *) NULL, (size_t) 0));
    assert_value_error (pack ("m", "", (size_t) 0));
    assert_value_error (pack ("m", "\x01\x02", (size_t) 2));
    assert_value_error (pack ("m", "\x92\x01", (size_t) 2));
    assert_value_error (pack ("m", "\xc1", (size_t) 1));
    assert_value_error (pack ("o", (const msgpack_object *) NULL));
    msgpack_object strange = { .type = (msgpack_object_type) 99 };
    assert_value_error (pack ("o", &strange));
    assert_int_equal (buffer.len, 0);
    pack ("i", 1);
    assert_value_error (unpack ("x"));
    assert_value_error (unpack (NULL));
}

static void keeps_nesting_readable_for_the_other_side (void **state)
{
    (void) state;
    char deep[32];
    memset (deep, 0x91, sizeof deep);
    deep[DP_MAX_NESTING] = (char) 0xc0;
    dp_reader_t reader;
    size_t len;
    assert_int_equal (pack ("m", deep, (size_t) DP_MAX_NESTING + 1), 0);
    dp_reader_init (&reader, buffer.data, buffer.len);
    assert_non_null (dp_reader_skip (&reader, &len));
    assert_value_error (pack ("mi", deep, (size_t) DP_MAX_NESTING + 1, 1));
    assert_int_equal (pack ("mi", deep + 1, (size_t) DP_MAX_NESTING, 1), 0);
    dp_reader_init (&reader, buffer.data, buffer.len);
    assert_non_null (dp_reader_skip (&reader, &len));
    msgpack_object objects[DP_MAX_NESTING + 2];
    memset (objects, 0, sizeof objects);
    for (size_t i = 0; i <= DP_MAX_NESTING; i++) {
        objects[i].type = MSGPACK_OBJECT_ARRAY;
        objects[i].via.array.size = 1;
        objects[i].via.array.ptr = &objects[i + 1];
    }
    assert_value_error (pack ("o", &objects[0]));
    assert_int_equal (buffer.len, 0);
    assert_int_equal (pack ("o", &objects[1]), 0);
}

static void gives_the_same_copy_of_a_text_each_time (void **state)
{
    (void) state;
    const char *first, *second, *empty, *again;
    pack ("ss", "", "two");
    assert_int_equal (unpack ("ss", &empty, &first), 0);
    assert_int_equal (unpack ("ss", &again, &second), 0);
    assert_ptr_equal (first, second);
    assert_ptr_equal (empty, again);
    assert_string_equal (empty, "");
    assert_string_equal (first, "two");
}

static void refuses_text_that_c_cannot_hold (void **state)
{
    (void) state;
    const char *s;
    set_bytes ("\xa3"
               "a\0b",
               4);
    assert_value_error (unpack ("s", &s));
    set_bytes ("\xa2\xc3(", 3);
    assert_value_error (unpack ("s", &s));
}

static void wants_the_exact_size_for_a_copy (void **state)
{
    (void) state;
    char target[4];
    pack ("b", "abc", (size_t) 3);
    assert_int_equal (unpack ("B", target, (size_t) 3), 0);
    assert_value_error (unpack ("B", target, (size_t) 2));
    assert_value_error (unpack ("B", target, (size_t) 4));
}

static void gives_objects_that_live_with_the_value (void **state)
{
    (void) state;
    msgpack_object o, again;
    set_bytes ("\x82\xa1"
               "a\x93\x01\x02\xa1z\xa0\xc0",
               10);
    assert_int_equal (unpack ("o", &o), 0);
    assert_int_equal (unpack ("o", &again), 0);
    assert_int_equal (o.type, MSGPACK_OBJECT_MAP);
    assert_int_equal (o.via.map.size, 2);
    assert_ptr_equal (o.via.map.ptr, again.via.map.ptr);
    assert_int_equal (o.via.map.ptr[0].val.via.array.size, 3);
    /* Back again. */
    dp_buffer_t copy = DP_BUFFER_INIT;
    dp_buffer_append (&copy, buffer.data, buffer.len);
    dp_buffer_t original = buffer;
    buffer = (dp_buffer_t) DP_BUFFER_INIT;
    assert_int_equal (pack ("o", &o), 0);
    assert_int_equal (buffer.len, copy.len);
    assert_memory_equal (buffer.data, copy.data, copy.len);
    dp_buffer_fini (&original);
    dp_buffer_fini (&copy);
}

static void survives_any_bytes (void **state)
{
    (void) state;
    static const char *const pictures[]
        = { "i", "l", "u", "d", "?", "n", "s", "o", "", "b", "m", "B", "sss", "io" };
    uint8_t bytes[12];
    uint32_t x = 1;
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t) round % (sizeof bytes + 1);
        for (size_t i = 0; i < len; i++) {
            x = x * 1664525u + 1013904223u;
            bytes[i] = (uint8_t) (x >> 24);
        }
        if (len > 0 && round % 3 == 0)
            bytes[0] = 0x93;
        set_bytes (bytes, len);
        msgpack_object a, b, c;
        size_t size = 1;
        const char *picture = pictures[round % 14];
        if (*picture == 'B')
            unpack (picture, &a, size);
        else if (*picture == 'b' || *picture == 'm')
            unpack (picture, &a, &size);
        else
            unpack (picture, &a, &b, &c);
    }
    set_bytes ("\x01\x02", 2);
    int i;
    assert_value_error (unpack ("i", &i));
    set_bytes ("", 0);
    assert_value_error (unpack ("i", &i));
    assert_value_error (unpack (""));
}

static void reports_lack_of_memory (void **state)
{
    (void) state;
    static char big[1000];
    memset (big, 'x', sizeof big - 1);
    assert_int_equal (pack ("i", 1), 0);
    dp_memory_fail_nth (1);
    assert_int_equal (pack ("is", 1, big), -1);
    assert_int_equal (errno, ENOMEM);
    assert_int_equal (buffer.len, 0);
    assert_false (buffer.is_failed);
    assert_int_equal (pack ("is", 1, big), 0);
    int i;
    const char *s;
    dp_memory_fail_nth (1);
    assert_int_equal (unpack ("is", &i, &s), -1);
    assert_int_equal (errno, ENOMEM);
    msgpack_object o;
    dp_memory_fail_nth (1);
    assert_int_equal (unpack ("o", &o), -1);
    assert_int_equal (errno, ENOMEM);
    assert_int_equal (unpack ("is", &i, &s), 0);
    assert_string_equal (s, big);
}

static void *read_text_often (void *target)
{
    for (int i = 0; i < 2000; i++) {
        const char *s, *t;
        int64_t n;
        unpack ("sls", &s, &n, &t);
        *(const char **) target = s;
    }
    return NULL;
}

static void lets_threads_read_one_value (void **state)
{
    (void) state;
    pack ("sls", "shared", (int64_t) 4, "text");
    pthread_t threads[4];
    const char *seen[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, read_text_often, &seen[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join (threads[i], NULL);
    for (int i = 0; i < 4; i++) {
        assert_ptr_equal (seen[i], seen[0]);
        assert_string_equal (seen[i], "shared");
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown (brings_every_letter_across, reset),
        cmocka_unit_test_teardown (writes_bare_value_array_or_nil, reset),
        cmocka_unit_test_teardown (appends_behind_what_is_there, reset),
        cmocka_unit_test_teardown (checks_integer_ranges_exactly, reset),
        cmocka_unit_test_teardown (reads_integers_as_doubles_only_where_exact, reset),
        cmocka_unit_test_teardown (says_which_value_does_not_fit, reset),
        cmocka_unit_test_teardown (refuses_each_wrong_type, reset),
        cmocka_unit_test_teardown (refuses_bad_pictures_and_arguments, reset),
        cmocka_unit_test_teardown (keeps_nesting_readable_for_the_other_side, reset),
        cmocka_unit_test_teardown (gives_the_same_copy_of_a_text_each_time, reset),
        cmocka_unit_test_teardown (refuses_text_that_c_cannot_hold, reset),
        cmocka_unit_test_teardown (wants_the_exact_size_for_a_copy, reset),
        cmocka_unit_test_teardown (gives_objects_that_live_with_the_value, reset),
        cmocka_unit_test_teardown (survives_any_bytes, reset),
        cmocka_unit_test_teardown (reports_lack_of_memory, reset),
        cmocka_unit_test_teardown (lets_threads_read_one_value, reset),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
