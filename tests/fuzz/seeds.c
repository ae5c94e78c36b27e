/* SPDX-License-Identifier: MPL-2.0 */
/*
 * seeds.c - make_seeds FOLDER: writes what the corpora begin with. Inputs that were found stay beside them.
 */
#include "tests/fuzz/seeds.h"

#include "core/reference.h"
#include "tests/support/wire_samples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *root;

FILE *seed_open (const char *target, const char *name)
{
    char path[4096];
    snprintf (path, sizeof path, "%s/%s", root, target);
    if (mkdir (path, 0777) < 0 && errno != EEXIST) {
        perror (path);
        exit (1);
    }
    snprintf (path, sizeof path, "%s/%s/%s", root, target, name);
    FILE *file = fopen (path, "we");
    if (file == NULL) {
        perror (path);
        exit (1);
    }
    return file;
}

void seed_close (FILE **self_p)
{
    if (fclose (*self_p) != 0) {
        perror ("make_seeds");
        exit (1);
    }
    *self_p = NULL;
}

void seed_bytes (FILE *self, const void *data, size_t len)
{
    fwrite (data, 1, len, self);
}

void seed_step (FILE *self, unsigned step, unsigned who)
{
    fputc ((int) (step | who << 3), self);
}

static void put_short (FILE *self, size_t number)
{
    fputc ((int) (number & 255), self);
    fputc ((int) (number >> 8 & 255), self);
}

static bool is_uniform (const uint8_t *data, size_t len)
{
    return len > 1 && memcmp (data, data + 1, len - 1) == 0;
}

void seed_message (FILE *self, const dp_outgoing_t *outgoing)
{
    fputc ((int) outgoing->n_frames, self);
    put_short (self, outgoing->envelope.len);
    seed_bytes (self, outgoing->envelope.data, outgoing->envelope.len);
    for (size_t i = 0; i < outgoing->n_frames; i++) {
        const uint8_t *data = dp_blob_data (outgoing->frames[i]);
        size_t len = dp_blob_len (outgoing->frames[i]);
        bool is_filled = is_uniform (data, len);
        fputc (is_filled ? 1 : 0, self);
        put_short (self, len);
        seed_bytes (self, data, is_filled ? 1 : len);
    }
}

void seed_say (FILE *self, unsigned who, dp_outbox_t *out)
{
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (out)) != NULL) {
        seed_step (self, FUZZ_MESSAGE, who);
        seed_message (self, outgoing);
        dp_outgoing_destroy (&outgoing);
    }
}

static void seeds_of_wire (void)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    dp_outgoing_t *sample;
    wire_samples (&out);
    for (int i = 0; (sample = dp_outbox_take (&out)) != NULL; i++) {
        char name[64];
        snprintf (name, sizeof name, "%02d-%s", i, wire_kind_name (sample->kind));
        FILE *file = seed_open ("wire", name);
        seed_message (file, sample);
        seed_close (&file);
        dp_outgoing_destroy (&sample);
    }
}

static void seeds_of_values (void)
{
    static const struct {
        const char *name, *packed;
        size_t len;
    } values[] = {
#define VALUE(name, bytes) { name, bytes, sizeof (bytes) - 1 }
        VALUE ("nil", "\xc0"),
        VALUE ("array", "\x93\x01\xd3\xff\xff\xff\xff\xff\xff\xff\xfe\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00"),
        VALUE ("mixed", "\x94\xa5words\xcf\x80\x00\x00\x00\x00\x00\x00\x00\xc3\xc0"),
        VALUE ("texts", "\x92\xa1x\xd9\x03\xe2\x82\xac"),
        VALUE ("bytes", "\xc4\x04\x00\x01\x02\x03"),
        VALUE ("map", "\x82\xa1k\x91\xca\x3f\x80\x00\x00\xcd\x01\x00\xd6\x05\x01\x02\x03\x04"),
        VALUE ("nested", "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01"),
        VALUE ("outcomes", "\x00\x07\x0d\xc0\x02\x81\xa6signal\x0b"),
#undef VALUE
    };
    static const char *const ways[] = { "value", "object", "pack", "outcome" };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        for (int way = 0; way < 4; way++) {
            char name[64];
            snprintf (name, sizeof name, "%s-%s", ways[way], values[i].name);
            FILE *file = seed_open ("values", name);
            fputc (way, file);
            seed_bytes (file, values[i].packed, values[i].len);
            seed_close (&file);
        }
}

static void seed_error (void)
{
    dp_buffer_t row = DP_BUFFER_INIT;
    dpool_error_t error = { .message = "its process died", .host = "far", .stderr_tail = "boom\n" };
    error.signal = 11;
    error.pid = 4711;
    error.peak_memory_bytes = 1 << 20;
    error.cpu_time_us = 1000;
    error.attempts = 3;
    error.out_of_memory = true;
    outcome_put_value (&row, "\x01", 1);
    outcome_put_error (&row, OUTCOME_CRASHED, &error);
    outcome_put_not_started (&row);
    FILE *file = seed_open ("values", "outcome-error");
    fputc (3, file);
    seed_bytes (file, row.data, row.len);
    seed_close (&file);
    dp_buffer_fini (&row);
}

/* A head, and as much of this line as an input may be long. */
static void seed_repeated (const char *target, const char *name, const char *head, const char *line)
{
    enum { MOST = 4096 };
    FILE *file = seed_open (target, name);
    seed_bytes (file, head, strlen (head));
    for (size_t len = strlen (line), n = (MOST - strlen (head)) / len; n > 0; n--)
        seed_bytes (file, line, len);
    seed_close (&file);
}

static void seeds_of_config (void)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        { "all", "# a broker\nbind = tcp://*:5555  # all\nbind = \"ipc:///run/dpool/b\"\nname = \"one\"\n"
                 "max_payload = 256M\nmemory_limit = 2G\nno_worker_timeout = never\nlog = errors\n" },
        { "seconds", "no_worker_timeout = 1.5\nlog = events\nname = '#'\n" },
        { "section", "broker\n    bind = tcp://*:1\n" },
        { "unknown", "bind = tcp://127.0.0.1:*\nprot = 5\n" },
        { "out-of-range", "max_payload = 99999999999999999999\n" },
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        FILE *file = seed_open ("config", files[i].name);
        seed_bytes (file, files[i].text, strlen (files[i].text));
        seed_close (&file);
    }
    seed_repeated ("config", "tiny-lines", "", "#\n");
    seed_repeated ("config", "many-binds", "", "bind=ipc://a\n");
    seed_repeated ("config", "long-line", "", "name = ");
}

#define KEY_A "&o5qPrSsfOTIm8)WaB$([N*ijUJKM1=dX1a((HZJ"

/* A pair that was made for this only. */
#define PUBLIC_KEY "0^fmAwPHO@>E]6/**N>LMqL$MUd*4SPb$J2OY<@2"
#define SECRET_KEY ")64d+fJm=[Qv^5BgviKy5fC5P-&VT3g)4y/LD6Dp"

static void seeds_of_allowlist (void)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        { "all", "# whoever may\nalice\n    key = \"" KEY_A "\"\n    role = client\n"
                 "    functions = \"square, cube geo.area\"\n    functions = root\n\n"
                 "bob\n    key = \"" PUBLIC_KEY "\"  # a worker\n    role = worker\n" },
        { "roles", "m\n    role = monitor\n    key = '" KEY_A "'\na\n    key = \"" PUBLIC_KEY
                   "\"\n    role = admin\n" },
        { "quota", "alice\n    key = \"" KEY_A "\"\n    role = client\n    quota = \"tasks=10 bytes=1M\"\n" },
        { "same-key",
          "a\n    key = \"" KEY_A "\"\n    role = client\na\n    key = \"" KEY_A "\"\n    role = client\n" },
        { "unknown-role", "a\n    key = \"" KEY_A "\"\n    role = king\n" },
        { "unknown-setting", "a\n    rights = all\n" },
        { "twice", "a\n    role = client\n    role = admin\n" },
        { "deep", "a\n    role = client\n        key = x\n" },
        { "value", "a = client\n" },
        { "half", "a\n    key = \"" },
        { "empty", "" },
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        FILE *file = seed_open ("allowlist", files[i].name);
        seed_bytes (file, files[i].text, strlen (files[i].text));
        seed_close (&file);
    }
    seed_repeated ("allowlist", "tiny-lines", "", "#\n\n");
    seed_repeated ("allowlist", "many-functions", "a\n", "    functions = \"a b c d e f g h\"\n");
    seed_repeated ("allowlist", "long-line", "a\n", "    ");
}

static void seeds_of_keys (void)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        { "pair",
          "#   ****  Generated\n#   by CZMQ\n\nmetadata\n    role = \"client\"\ncurve\n    public-key = "
          "\"" PUBLIC_KEY "\"\n    secret-key = \"" SECRET_KEY "\"\n" },
        { "public", "curve\n    public-key = \"" PUBLIC_KEY "\"\n" },
        { "mixed", "public-key = '" KEY_A "'\nsecret-key = " SECRET_KEY "\n" },
        { "short", "public-key = \"too short\"\n" },
        { "half", "curve\n    public-key = \"" },
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        FILE *file = seed_open ("keys", files[i].name);
        seed_bytes (file, files[i].text, strlen (files[i].text));
        seed_close (&file);
    }
}

/* The steps of memory_fuzz.c. */
enum { SPOIL = FUZZ_OWN, LEND, COUNT, LEND_BACK, BOOKS };

static void seed_number (FILE *self, uint64_t number)
{
    for (int i = 7; i >= 0; i--)
        fputc ((int) (number >> 8 * i & 255), self);
}

static void seed_lending (void)
{
    FILE *file = seed_open ("memory", "lent");
    fputc (1, file);
    for (int i = 0; i < 6; i++) {
        seed_step (file, i % 2 == 0 ? LEND : LEND_BACK, 0);
        put_short (file, (size_t) i * 10000);
        seed_step (file, COUNT, 0);
        seed_number (file, i == 3 ? UINT64_MAX : (uint64_t) i);
    }
    seed_close (&file);
    file = seed_open ("memory", "books");
    fputc (0, file);
    for (unsigned i = 0; i < 40; i++) {
        seed_step (file, BOOKS, i % 3 != 0 ? 1 : i % 2 == 0 ? 0 : 2);
        if (i % 6 == 0)
            fputc ((int) i / 2, file);
        else if (i % 3 == 0)
            seed_number (file, i == 39 ? UINT64_MAX : i / 3);
    }
    seed_close (&file);
}

/* A range that the peer lends, and a reference to it; alone, too. */
static void seed_reference (void)
{
    uint8_t bytes[DP_REFERENCE_LEN];
    dp_reference_t reference = { .at = 2 << 14, .len = 1600, .generation = 1 };
    dp_reference_write (&reference, bytes);
    FILE *file = seed_open ("memory", "reference-alone");
    seed_bytes (file, bytes, sizeof bytes);
    seed_close (&file);
    file = seed_open ("memory", "reference");
    fputc (1, file);
    for (int i = 0; i < 3; i++) {
        seed_step (file, SPOIL, 0);
        seed_bytes (file, (const uint8_t[]) { 2, 0, (uint8_t) (1 + i), 100, 0 }, 5);
        seed_step (file, FUZZ_MESSAGE, 0);
        fputc (1, file);     /* a payload frame */
        put_short (file, 0); /* behind an empty envelope */
        fputc (0, file);
        put_short (file, sizeof bytes);
        seed_bytes (file, bytes, sizeof bytes);
    }
    seed_close (&file);
}

static void seeds_of_memory (void)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_memory_t memory = { .pid = 1, .fd = 3, .bytes = 1 << 20, .secret = 1, .secret_2 = 2 };
    FILE *file = seed_open ("memory", "told");
    fputc (0, file);
    for (unsigned who = 0; who < 4; who++) {
        memory.counter = who;
        wire_put_memory (&out, 0, &memory);
        seed_say (file, who, &out);
        memory.is_mapped = true;
    }
    seed_step (file, LEND, 0);
    put_short (file, 1);
    seed_close (&file);
    seed_lending ();
    seed_reference ();
}

int main (int argc, char **argv)
{
    if (argc != 2) {
        fprintf (stderr, "usage: make_seeds FOLDER\n");
        return 2;
    }
    root = argv[1];
    seeds_of_wire ();
    seeds_of_values ();
    seed_error ();
    seeds_of_config ();
    seeds_of_allowlist ();
    seeds_of_keys ();
    seeds_of_memory ();
    seeds_of_machines ();
    return 0;
}
