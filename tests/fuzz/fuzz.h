/* SPDX-License-Identifier: MPL-2.0 */
/*
 * fuzz.h - what the fuzzers share. Each *_fuzz.c is one: libFuzzer drives it in the preset "fuzz", and
 * replay.c feeds it the checked-in corpus in all other builds.
 *
 * The input of a machine is a row of steps. A step is a byte, of which the low three bits say what happens
 * and the others to whom; a message follows it as fuzz_take_message says. Whatever bytes there are, they are
 * steps: an input that ends too early is taken to have ended.
 */
#ifndef FUZZ_H_INCLUDED
#define FUZZ_H_INCLUDED

#include "core/wire.h"

/* libFuzzer's name of what a fuzzer is: 0 always. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* What is left of an input. */
typedef struct fuzz_input_s {
    const uint8_t *at, *end;
} fuzz_input_t;

/* The next byte, 0 at the end. */
uint8_t fuzz_take_byte (fuzz_input_t *self);
/* Two bytes, the low one first. */
size_t fuzz_take_short (fuzz_input_t *self);
/* Up to len bytes, which stay the input's; *taken says how many there are. */
const uint8_t *fuzz_take (fuzz_input_t *self, size_t len, size_t *taken);

typedef enum {
    FUZZ_MESSAGE,
    FUZZ_TIME,
    FUZZ_BREAK,
    FUZZ_OWN
} fuzz_step_t; /* from FUZZ_OWN on each has its own */
/* The next step; false at the end. */
bool fuzz_next_step (fuzz_input_t *self, unsigned *step, unsigned *who);
/* How long a FUZZ_TIME lasts: 0, 1, 2, 4 … 131,072 ms. */
int64_t fuzz_ms (unsigned who);

/* A message as it came from a socket, each frame in memory of exactly its length. */
typedef struct fuzz_message_s {
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    dp_blob_t *blobs[WIRE_MAX_FRAMES];
    size_t n_frames;
    size_t n_bytes; /* of all frames */
    uint8_t *envelope;
} fuzz_message_t;

/* A byte for the number of payload frames; the envelope's length (two bytes) and bytes; then of each payload
   frame a byte, its length and its bytes, or, where the byte is odd, one byte that fills it. */
void fuzz_take_message (fuzz_input_t *self, fuzz_message_t *message);
void fuzz_message_fini (fuzz_message_t *message);

/* Abort unless this is a message that we may send: it can be decoded. Destroys it. */
void fuzz_check_outgoing (dp_outgoing_t *outgoing);
_Noreturn void fuzz_fail (const char *text, const char *file, int line);
#define FUZZ_CHECK(condition) ((condition) ? (void) 0 : fuzz_fail (#condition, __FILE__, __LINE__))

/* A file of these bytes that only its owner can reach, and its path: what it returns keeps it there. */
int fuzz_file (const uint8_t *data, size_t size, char *path, size_t path_size);
void fuzz_file_close (int file);

/* Memory that is allocated between begin and end must never be more than so much at a time, or it aborts.
   What only reads takes 2 × input + 64 KiB at most; a machine keeps what it was told, records of a few bytes
   as tasks or runs of some hundred: 64 × input + 1 MiB. Counted under clang's AddressSanitizer only. */
void fuzz_bound_begin (void);
void fuzz_bound_end (size_t n_input);
void fuzz_bound_end_of_machine (size_t n_input);

#endif
