/* SPDX-License-Identifier: MPL-2.0 */
/* attack_port.c - what strangers do at the broker's port, without ZeroMQ. */
#include "tests/hostile/attack.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { HALF_OPEN = 1000, IDLE = 5000, SHAKEN = 2000, BROKEN = 64 };

/* ---- Noise --------------------------------------------------------------------------------------- */

static void keep_few (scene_t *self, attack_role_t role)
{
    (void) role;
    scene_keep_fds (self, BROKEN);
}

/* Close the next connection, and say something on a new one in its place. */
static void say_anew (scene_t *self, const void *bytes, size_t len)
{
    bool is_new;
    int *fd = scene_next_fd (self, &is_new);
    if (*fd < 0)
        return;
    scene_write (*fd, bytes, len);
    if (!is_new) { /* what it said on the way in was not sent at once */
        close (*fd);
        *fd = -1;
    }
}

static void say_random_bytes (scene_t *self, attack_role_t role)
{
    uint64_t bytes[64];
    (void) role;
    for (size_t i = 0; i < 64; i++)
        bytes[i] = scene_random (self);
    if (self->n_acts % 2 == 0)
        memset (bytes, 0xff, 1); /* how ZeroMQ begins */
    say_anew (self, bytes, 1 + bytes[63] % sizeof bytes);
}

static void say_other_protocols (scene_t *self, attack_role_t role)
{
    static const struct {
        const char *bytes;
        size_t len;
    } others[] = {
        { "GET / HTTP/1.1\r\nHost: broker\r\n\r\n", 32 },
        { "POST /x HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", 45 },
        { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00", 16 }, /* TLS */
        { "SSH-2.0-OpenSSH_9.2\r\n", 21 },
        { "\x00\x00\x00\x85\xff\x53\x4d\x42", 8 }, /* SMB */
        { "G", 1 },                                /* what ZMTP 1.0 may begin with */
        { "\x01\x00", 2 },
    };
    size_t i = self->n_acts % (sizeof others / sizeof others[0]);
    (void) role;
    say_anew (self, others[i].bytes, others[i].len);
}

/* A right handshake without keys, and then what is wrong. */
static void say_broken_frames (scene_t *self, attack_role_t role)
{
    static const struct {
        const char *bytes;
        size_t len;
    } ends[] = {
        { "\x02\x7f\xff\xff\xff\xff\xff\xff\xff", 9 }, /* longer than all memory */
        { "\x02\xff\xff\xff\xff\xff\xff\xff\xff", 9 },
        { "\x02\x00\x00\x00\x00\x04\x20\x00\x00", 9 }, /* some bytes beyond the limit */
        { "\x06\x00\x00\x00\x00\x04\x20\x00\x00", 9 }, /* the same as a command */
        { "\x02\x00\x00\x00\x00\x04\x00\x00\x00", 9 }, /* as much as may be, of which nothing comes */
        { "\x01\x05hello", 7 },                        /* there is more, which does not come */
        { "\xff\xff\xff\xff\xff\xff", 6 },             /* flags that do not exist */
        { "\x04\x05\x04PING", 7 },                     /* a command cut short */
        { "\x00\x00", 2 },
    };
    uint8_t bytes[256];
    size_t len, i = self->n_acts % (sizeof ends / sizeof ends[0]);
    (void) role;
    const uint8_t *handshake = scene_handshake (&len);
    memcpy (bytes, handshake, len);
    memcpy (bytes + len, ends[i].bytes, ends[i].len);
    say_anew (self, bytes, len + ends[i].len);
}

/* ---- Silence ------------------------------------------------------------------------------------- */

/* Until the broker has greeted all of them: only then are they a burden that lasts. */
static void wait_for_greetings (const scene_t *self)
{
    enum { AT_MOST_MS = 20000 };
    for (size_t i = 0; i < self->n_fds; i++) {
        struct pollfd item = { self->fds[i], POLLIN, 0 };
        if (self->fds[i] >= 0)
            poll (&item, 1, AT_MOST_MS);
    }
}

/* Open all of them, and say as much on each as is given. */
static void open_all (scene_t *self, size_t n, const void *bytes, size_t len)
{
    bool is_new;
    scene_keep_fds (self, n);
    for (size_t i = 0; i < n; i++) {
        int *fd = scene_next_fd (self, &is_new);
        if (*fd >= 0)
            scene_write (*fd, bytes, len);
    }
    wait_for_greetings (self);
}

static void open_half (scene_t *self, attack_role_t role)
{
    (void) role;
    open_all (self, HALF_OPEN, "\xff\0\0\0", 4);
}

static void open_idle (scene_t *self, attack_role_t role)
{
    (void) role;
    open_all (self, IDLE, "", 0);
}

/* Those whom the broker hangs up on come again. */
static void stay_silent (scene_t *self, attack_role_t role)
{
    bool is_new;
    (void) role;
    scene_next_fd (self, &is_new);
}

/* More than there are descriptors: the rest of them is never greeted. */
static void open_too_many (scene_t *self, attack_role_t role)
{
    bool is_new;
    (void) role;
    scene_keep_fds (self, HALF_OPEN);
    for (size_t i = 0; i < HALF_OPEN; i++)
        scene_next_fd (self, &is_new);
}

static void open_slow (scene_t *self, attack_role_t role)
{
    (void) role;
    open_all (self, HALF_OPEN, "\xff", 1);
}

/* A byte of the greeting at a time. */
static void drip (scene_t *self, attack_role_t role)
{
    bool is_new;
    int *fd = scene_next_fd (self, &is_new);
    (void) role;
    if (*fd >= 0)
        scene_write (*fd, is_new ? "\xff" : "\0", 1);
}

/* The handshake is right, and nothing follows. */
static void shake_hands_only (scene_t *self, attack_role_t role)
{
    bool is_new;
    size_t len;
    (void) role;
    const uint8_t *bytes = scene_handshake (&len);
    int *fd = scene_next_fd (self, &is_new);
    if (*fd >= 0 && is_new)
        scene_write (*fd, bytes, len);
}

static void open_shaken (scene_t *self, attack_role_t role)
{
    scene_keep_fds (self, SHAKEN);
    for (size_t i = 0; i < SHAKEN; i++)
        shake_hands_only (self, role);
    wait_for_greetings (self);
}

const attack_t attack_port_table[] = {
    { .name = "random bytes",
      .role = AS_STRANGER,
      .begin = keep_few,
      .act = say_random_bytes,
      .most_per_s = 1000 },
    { .name = "HTTP, TLS, SSH, SMB",
      .role = AS_STRANGER,
      .begin = keep_few,
      .act = say_other_protocols,
      .most_per_s = 1000 },
    { .name = "broken and oversized frames",
      .role = AS_STRANGER,
      .begin = keep_few,
      .act = say_broken_frames,
      .most_per_s = 1000,
      .most_mib = 128 },
    { .name = "1,000 half greetings",
      .role = AS_STRANGER,
      .begin = open_half,
      .act = stay_silent,
      .most_per_s = 2000,
      .most_mib = 128 },
    { .name = "1,000 slow greetings",
      .role = AS_STRANGER,
      .begin = open_slow,
      .act = drip,
      .most_per_s = 2000,
      .most_mib = 128 },
    { .name = "5,000 idle connections",
      .role = AS_STRANGER,
      .begin = open_idle,
      .act = stay_silent,
      .most_per_s = 1000,
      .most_mib = 256,
      .left_mib = 64 },
    { .name = "2,000 handshakes and no word",
      .role = AS_STRANGER,
      .begin = open_shaken,
      .act = shake_hands_only,
      .most_per_s = 1000,
      .most_mib = 256,
      .left_mib = 96 },
    /* ZeroMQ's thread goes on trying to accept them, and cannot be told not to. */
    { .name = "more than it may have",
      .role = AS_STRANGER,
      .begin = open_too_many,
      .act = stay_silent,
      .most_per_s = 1000,
      .most_mib = 128,
      .left_mib = 48,
      .n_descriptors = 200,
      .least_percent = 10 },
    { .name = NULL },
};
