/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/fuzz/fuzz.h"

#include "core/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CAN_COUNT
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CAN_COUNT
#endif
#if defined(CAN_COUNT) && __has_include(<sanitizer/allocator_interface.h>)
#include <sanitizer/allocator_interface.h> /* clang's; gcc has none */
#else
#undef CAN_COUNT
#endif

/* ---- Taking an input to pieces ----------------------------------------------------------------- */

uint8_t fuzz_take_byte (fuzz_input_t *self)
{
    return self->at < self->end ? *self->at++ : 0;
}

size_t fuzz_take_short (fuzz_input_t *self)
{
    size_t low = fuzz_take_byte (self);
    return low + 256u * fuzz_take_byte (self);
}

const uint8_t *fuzz_take (fuzz_input_t *self, size_t len, size_t *taken)
{
    size_t n_left = (size_t) (self->end - self->at);
    const uint8_t *start = self->at;
    *taken = len < n_left ? len : n_left;
    self->at += *taken;
    return start;
}

bool fuzz_next_step (fuzz_input_t *self, unsigned *step, unsigned *who)
{
    bool is_there = self->at < self->end;
    uint8_t byte = fuzz_take_byte (self);
    *step = byte & 7;
    *who = byte >> 3;
    return is_there;
}

int64_t fuzz_ms (unsigned who)
{
    return (INT64_C (1) << who % 19) >> 1;
}

static void take_frame (fuzz_input_t *self, fuzz_message_t *message)
{
    bool is_filled = fuzz_take_byte (self) & 1;
    size_t len = fuzz_take_short (self), taken;
    uint8_t *data;
    size_t i = message->n_frames++;
    if (is_filled) {
        message->blobs[i] = dp_blob_new (len, &data);
        memset (data, fuzz_take_byte (self), len);
    } else {
        const uint8_t *bytes = fuzz_take (self, len, &taken);
        message->blobs[i] = dp_blob_copy (bytes, taken);
    }
    message->frames[i]
        = (wire_bytes_t) { dp_blob_data (message->blobs[i]), dp_blob_len (message->blobs[i]), i };
    message->n_bytes += message->frames[i].len;
}

void fuzz_take_message (fuzz_input_t *self, fuzz_message_t *message)
{
    memset (message, 0, sizeof *message);
    size_t n_payloads = fuzz_take_byte (self) % WIRE_MAX_FRAMES, len = fuzz_take_short (self);
    const uint8_t *bytes = fuzz_take (self, len, &message->n_bytes);
    message->envelope = dp_must_alloc (message->n_bytes);
    memcpy (message->envelope, bytes, message->n_bytes);
    message->frames[0] = (wire_bytes_t) { message->envelope, message->n_bytes, 0 };
    for (message->n_frames = 1; message->n_frames <= n_payloads;)
        take_frame (self, message);
}

void fuzz_message_fini (fuzz_message_t *message)
{
    for (size_t i = 1; i < message->n_frames; i++)
        dp_blob_release (&message->blobs[i]);
    dp_free (message->envelope);
}

/* ---- What must be so ----------------------------------------------------------------------------- */

void fuzz_fail (const char *text, const char *file, int line)
{
    fprintf (stderr, "%s:%d: not so: %s\n", file, line, text);
    abort ();
}

void fuzz_check_outgoing (dp_outgoing_t *outgoing)
{
    wire_bytes_t frames[WIRE_MAX_FRAMES];
    static wire_message_t message;
    const char *why = "";
    frames[0] = (wire_bytes_t) { outgoing->envelope.data, outgoing->envelope.len, 0 };
    for (size_t i = 0; i < outgoing->n_frames; i++)
        frames[i + 1]
            = (wire_bytes_t) { dp_blob_data (outgoing->frames[i]), dp_blob_len (outgoing->frames[i]), i + 1 };
    if (wire_decode (&message, frames, outgoing->n_frames + 1, &why) < 0) {
        fprintf (stderr, "a %s that nobody can read is sent: %s\n", wire_kind_name (outgoing->kind), why);
        abort ();
    }
    dp_outgoing_destroy (&outgoing);
}

/* ---- Bounded memory ------------------------------------------------------------------------------ */

#ifdef CAN_COUNT
static bool is_counting;
static int64_t n_now, n_most;

static void on_malloc (const volatile void *block, size_t len)
{
    (void) block;
    if (is_counting && (n_now += (int64_t) len) > n_most)
        n_most = n_now;
}

static void on_free (const volatile void *block)
{
    if (is_counting && block != NULL)
        n_now -= (int64_t) __sanitizer_get_allocated_size ((const void *) block);
}

void fuzz_bound_begin (void)
{
    static bool is_installed;
    if (!is_installed)
        __sanitizer_install_malloc_and_free_hooks (on_malloc, on_free);
    is_installed = is_counting = true;
    n_now = n_most = 0;
}

static void end_within (int64_t bound, size_t n_input)
{
    is_counting = false;
    if (n_most > bound)
        fprintf (stderr, "%lld bytes for an input of %zu\n", (long long) n_most, n_input);
    FUZZ_CHECK (n_most <= bound);
}

void fuzz_bound_end (size_t n_input)
{
    end_within (2 * (int64_t) n_input + (64 << 10), n_input);
}

void fuzz_bound_end_of_machine (size_t n_input)
{
    end_within (64 * (int64_t) n_input + (1 << 20), n_input);
}
#else
void fuzz_bound_begin (void)
{
}

void fuzz_bound_end (size_t n_input)
{
    (void) n_input;
}

void fuzz_bound_end_of_machine (size_t n_input)
{
    (void) n_input;
}
#endif

/* ---- Files --------------------------------------------------------------------------------------- */

int fuzz_file (const uint8_t *data, size_t size, char *path, size_t path_size)
{
    int fd = memfd_create ("input", MFD_CLOEXEC);
    FUZZ_CHECK (fd >= 0 && fchmod (fd, 0600) == 0 && write (fd, data, size) == (ssize_t) size);
    snprintf (path, path_size, "/proc/self/fd/%d", fd);
    return fd;
}

void fuzz_file_close (int file)
{
    close (file);
}
