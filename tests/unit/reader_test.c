/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/buffer.h"
#include "core/pack.h"
#include "core/reader.h"

#include <msgpack.h>
#include <string.h>

#define READER(bytes) reader_of (bytes, sizeof (bytes) - 1)

static dp_reader_t reader_of (const char *bytes, size_t len)
{
    dp_reader_t reader;
    dp_reader_init (&reader, bytes, len);
    return reader;
}

static void reads_integers_in_every_form (void **state)
{
    (void) state;
    static const struct {
        const char *bytes;
        size_t len;
        int64_t x;
    } forms[] = {
        { "\x00", 1, 0 },
        { "\x7f", 1, 127 },
        { "\xff", 1, -1 },
        { "\xe0", 1, -32 },
        { "\xcc\xff", 2, 255 },
        { "\xcd\xff\xfe", 3, 65534 },
        { "\xce\xff\xff\xff\xff", 5, 4294967295 },
        { "\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9, 4294967296 },
        { "\xd0\x80", 2, -128 },
        { "\xd0\x05", 2, 5 },
        { "\xd1\x80\x00", 3, -32768 },
        { "\xd2\x80\x00\x00\x00", 5, INT32_MIN },
        { "\xd2\x00\x00\x00\x09", 5, 9 },
        { "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, INT64_MIN },
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        dp_reader_t reader = reader_of (forms[i].bytes, forms[i].len);
        assert_int_equal (dp_reader_type (&reader), forms[i].x < 0 ? DP_TYPE_INT : DP_TYPE_UINT);
        assert_int_equal (dp_reader_int (&reader), forms[i].x);
        assert_true (dp_reader_is_done (&reader));
        reader = reader_of (forms[i].bytes, forms[i].len);
        uint64_t unsigned_x = dp_reader_uint (&reader);
        assert_int_equal (reader.is_failed, forms[i].x < 0);
        assert_int_equal (unsigned_x, forms[i].x < 0 ? 0 : forms[i].x);
        for (size_t len = 0; len < forms[i].len; len++) {
            reader = reader_of (forms[i].bytes, len);
            assert_int_equal (dp_reader_int (&reader), 0);
            assert_true (reader.is_failed);
        }
    }
    dp_reader_t big = READER ("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    assert_true (dp_reader_uint (&big) == UINT64_MAX);
    big = READER ("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    assert_int_equal (dp_reader_int (&big), 0);
    assert_true (big.is_failed);
}

static void reads_doubles_and_exact_integers (void **state)
{
    (void) state;
    dp_reader_t reader = READER ("\xca\x3f\x80\x00\x00\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00\x07\xff"
                                 "\xcf\x80\x00\x00\x00\x00\x00\x00\x00\xd3\x80\x00\x00\x00\x00\x00\x00\x00");
    assert_true (dp_reader_double (&reader) == 1.0);
    assert_true (dp_reader_double (&reader) == 0.5);
    assert_true (dp_reader_double (&reader) == 7.0);
    assert_true (dp_reader_double (&reader) == -1.0);
    assert_true (dp_reader_double (&reader) == 0x1p63);
    assert_true (dp_reader_double (&reader) == -0x1p63);
    assert_true (dp_reader_is_done (&reader));
    reader = READER ("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    dp_reader_double (&reader);
    assert_true (reader.is_failed);
    reader = READER ("\xcf\x00\x20\x00\x00\x00\x00\x00\x01"); /* 2^53 + 1 */
    dp_reader_double (&reader);
    assert_true (reader.is_failed);
    reader = READER ("\xcb\x3f\xe0");
    dp_reader_double (&reader);
    assert_true (reader.is_failed);
    reader = READER ("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"); /* 1.0 is no integer */
    dp_reader_int (&reader);
    assert_true (reader.is_failed);
}

static void reads_nil_bool_text_and_bytes (void **state)
{
    (void) state;
    dp_reader_t reader
        = READER ("\xc0\xc3\xc2\xa2hi\xd9\x01x\xda\x00\x01y\xdb\x00\x00\x00\x01z\xc4\x02\x00\x01\xc5\x00"
                  "\x01\x02\xc6\x00\x00\x00\x00");
    size_t len;
    dp_reader_nil (&reader);
    assert_true (dp_reader_bool (&reader));
    assert_false (dp_reader_bool (&reader));
    const char *text = dp_reader_str (&reader, &len);
    assert_int_equal (len, 2);
    assert_memory_equal (text, "hi", 2);
    assert_int_equal (*dp_reader_str (&reader, &len), 'x');
    assert_int_equal (*dp_reader_str (&reader, &len), 'y');
    assert_int_equal (*dp_reader_str (&reader, &len), 'z');
    assert_memory_equal (dp_reader_bin (&reader, &len), "\x00\x01", 2);
    assert_int_equal (*dp_reader_bin (&reader, &len), 2);
    dp_reader_bin (&reader, &len);
    assert_int_equal (len, 0);
    assert_true (dp_reader_is_done (&reader));
    assert_int_equal (dp_reader_type (&reader), DP_TYPE_END);
}

static void stays_failed_and_gives_nothing (void **state)
{
    (void) state;
    dp_reader_t reader = READER ("\x01\x02\xa1x");
    dp_reader_nil (&reader);
    assert_true (reader.is_failed);
    size_t len = 9;
    assert_int_equal (dp_reader_uint (&reader), 0);
    assert_int_equal (dp_reader_int (&reader), 0);
    assert_false (dp_reader_bool (&reader));
    assert_true (dp_reader_double (&reader) == 0);
    assert_non_null (dp_reader_str (&reader, &len));
    assert_int_equal (len, 0);
    assert_non_null (dp_reader_bin (&reader, &len));
    assert_int_equal (dp_reader_array (&reader), 0);
    assert_int_equal (dp_reader_map (&reader), 0);
    assert_null (dp_reader_skip (&reader, &len));
    assert_false (dp_reader_is_done (&reader));
    assert_int_equal (dp_reader_type (&reader), DP_TYPE_END);
}

static void refuses_what_claims_more_than_is_there (void **state)
{
    (void) state;
    static const char *const liars[]
        = { "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff",
            "\xc9\xff\xff\xff\xff\x01" };
    for (size_t i = 0; i < 5; i++) {
        dp_reader_t reader = reader_of (liars[i], strlen (liars[i])), again = reader;
        size_t len;
        assert_null (dp_reader_skip (&reader, &len));
        assert_int_equal (dp_reader_array (&again), 0);
        assert_true (again.is_failed);
    }
    dp_reader_t reader = READER ("\x92\x01");
    assert_int_equal (dp_reader_array (&reader), 0);
    assert_true (reader.is_failed);
    reader = READER ("\x82\x01\x02\x03");
    assert_int_equal (dp_reader_map (&reader), 0);
    assert_true (reader.is_failed);
    reader = READER ("\xc1");
    size_t len;
    assert_null (dp_reader_skip (&reader, &len));
}

/* "depth" arrays of one inside one another around a nil. */
static size_t nest (uint8_t *bytes, size_t depth)
{
    memset (bytes, 0x91, depth);
    bytes[depth] = 0xc0;
    return depth + 1;
}

static void limits_nesting (void **state)
{
    (void) state;
    uint8_t bytes[4000];
    size_t len;
    dp_reader_t reader;
    dp_reader_init (&reader, bytes, nest (bytes, DP_MAX_NESTING));
    assert_non_null (dp_reader_skip (&reader, &len));
    assert_int_equal (len, DP_MAX_NESTING + 1);
    dp_reader_init (&reader, bytes, nest (bytes, DP_MAX_NESTING + 1));
    assert_null (dp_reader_skip (&reader, &len));
    dp_reader_init (&reader, bytes, nest (bytes, 3999));
    assert_null (dp_reader_skip (&reader, &len));
    dp_reader_init (&reader, bytes, nest (bytes, 1));
    assert_null (dp_reader_skip_nested (&reader, 0, &len));
    dp_reader_init (&reader, bytes, nest (bytes, 0));
    assert_non_null (dp_reader_skip_nested (&reader, 0, &len));
}

/* Write a value of random shape with msgpack-c. */
static uint32_t seed;

static uint32_t some (uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % limit;
}

static void pack_some (msgpack_packer *packer, unsigned depth)
{
    static const char filler[70000];
    size_t n = some (4) ? some (20) : some (300) ? some (300) : some (70000);
    switch (some (depth > 0 ? 9 : 7)) {
    case 0:
        msgpack_pack_nil (packer);
        break;
    case 1:
        msgpack_pack_uint64 (packer, UINT64_MAX >> some (64));
        break;
    case 2:
        msgpack_pack_int64 (packer, INT64_MIN >> some (64));
        break;
    case 3:
        msgpack_pack_double (packer, 1.5);
        break;
    case 4:
        msgpack_pack_str (packer, n);
        msgpack_pack_str_body (packer, filler, n);
        break;
    case 5:
        msgpack_pack_bin (packer, n);
        msgpack_pack_bin_body (packer, filler, n);
        break;
    case 6:
        msgpack_pack_ext (packer, n, 5);
        msgpack_pack_ext_body (packer, filler, n);
        break;
    case 7:
        n = some (20);
        msgpack_pack_array (packer, n);
        for (size_t i = 0; i < n; i++)
            pack_some (packer, depth - 1);
        break;
    default:
        n = some (20);
        msgpack_pack_map (packer, n);
        for (size_t i = 0; i < 2 * n; i++)
            pack_some (packer, depth - 1);
    }
}

static void skips_exactly_what_msgpack_wrote (void **state)
{
    (void) state;
    dp_buffer_t buffer = DP_BUFFER_INIT;
    for (uint32_t i = 0; i < 500; i++) {
        seed = i;
        dp_buffer_reset (&buffer);
        msgpack_packer packer;
        msgpack_packer_init (&packer, &buffer, dp_buffer_msgpack_write);
        pack_some (&packer, 3);
        dp_reader_t reader;
        size_t len;
        dp_reader_init (&reader, buffer.data, buffer.len);
        assert_ptr_equal (dp_reader_skip (&reader, &len), buffer.data);
        assert_int_equal (len, buffer.len);
        assert_true (dp_reader_is_done (&reader));
        dp_reader_init (&reader, buffer.data, buffer.len - 1);
        assert_null (dp_reader_skip (&reader, &len));
    }
    dp_buffer_fini (&buffer);
}

static void writes_heads_as_msgpack_does (void **state)
{
    (void) state;
    static const uint64_t numbers[]
        = { 0, 1, 15, 16, 31, 32, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, UINT64_MAX };
    uint8_t bytes[DP_PACK_MAX];
    dp_buffer_t buffer = DP_BUFFER_INIT;
    msgpack_packer packer;
    msgpack_packer_init (&packer, &buffer, dp_buffer_msgpack_write);
#define SAME(write, pack)                              \
    do {                                               \
        size_t len = (size_t) ((write) -bytes);        \
        dp_buffer_reset (&buffer);                     \
        pack;                                          \
        assert_int_equal (len, buffer.len);            \
        assert_memory_equal (bytes, buffer.data, len); \
    } while (0)
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint64_t x = numbers[i];
        SAME (dp_pack_uint (bytes, x), msgpack_pack_uint64 (&packer, x));
        dp_reader_t reader;
        dp_reader_init (&reader, bytes, (size_t) (dp_pack_int (bytes, -(int64_t) (x / 2) - 1) - bytes));
        assert_int_equal (dp_reader_int (&reader), -(int64_t) (x / 2) - 1);
        if (x > UINT32_MAX)
            continue;
        SAME (dp_pack_str_head (bytes, x), msgpack_pack_str (&packer, x));
        SAME (dp_pack_bin_head (bytes, x), msgpack_pack_bin (&packer, x));
        SAME (dp_pack_array_head (bytes, x), msgpack_pack_array (&packer, x));
        SAME (dp_pack_map_head (bytes, x), msgpack_pack_map (&packer, x));
    }
    dp_buffer_fini (&buffer);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (reads_integers_in_every_form),
        cmocka_unit_test (reads_doubles_and_exact_integers),
        cmocka_unit_test (reads_nil_bool_text_and_bytes),
        cmocka_unit_test (stays_failed_and_gives_nothing),
        cmocka_unit_test (refuses_what_claims_more_than_is_there),
        cmocka_unit_test (limits_nesting),
        cmocka_unit_test (skips_exactly_what_msgpack_wrote),
        cmocka_unit_test (writes_heads_as_msgpack_does),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
