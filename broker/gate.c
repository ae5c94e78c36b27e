/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/gate.h"

#include "core/error.h"
#include "core/memory.h"
#include "net/clock.h"
#include "net/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_DOMAIN "dpool"

/* Of libzmq's since 4.3.0; Debian's header keeps the name for itself, as that of a draft, but not the option.
 */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

enum {
    TEST_MS = 3000,
    TOLD_EVERY_MS = 1000, /* one line of those that are refused */
    ZAP_FRAMES = 7,
    FRAME_MAX = 256,
    KEY_BYTES = 32
};

struct gate_s {
    void *context, *socket;
    dp_watch_t watch;
    dp_keys_t keys;
    access_t *access;
    void (*log) (const char *line);
    int64_t told_at_ms; /* 0 = never */
    size_t n_untold;
};

/* Two hashes of the secret key, by keys that everybody knows: nobody is ever told what comes of it. */
dp_hash_key_t gate_secret (const dp_keys_t *keys)
{
    static const dp_hash_key_t first = { 1, 0 }, second = { 2, 0 };
    return (dp_hash_key_t) { dp_hash_bytes (&first, keys->secret_key, DP_KEY_LEN),
                             dp_hash_bytes (&second, keys->secret_key, DP_KEY_LEN) };
}

gate_t *gate_new (void *context, const dp_keys_t *keys, access_t **access_p, void (*log) (const char *line))
{
    gate_t *self = dp_alloc (sizeof *self);
    if (self == NULL) {
        dp_fail (ENOMEM, "no memory for the broker");
        return NULL;
    }
    self->context = context;
    self->keys = *keys;
    self->log = log;
    self->socket = zmq_socket (context, ZMQ_REP);
    if (self->socket == NULL || dp_watch_begin (&self->watch, self->socket) < 0
        || zmq_bind (self->socket, ZAP_ENDPOINT) < 0) {
        dp_fail_errno ("the broker cannot look at keys");
        gate_destroy (&self);
        return NULL;
    }
    self->access = *access_p;
    *access_p = NULL;
    return self;
}

void gate_destroy (gate_t **self_p)
{
    gate_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    if (self->socket != NULL) {
        static const int linger = 0;
        zmq_setsockopt (self->socket, ZMQ_LINGER, &linger, sizeof linger);
        zmq_close (self->socket);
    }
    access_destroy (&self->access);
    explicit_bzero (&self->keys, sizeof self->keys);
    dp_free (self);
}

int gate_guard (gate_t *self, void *socket)
{
    static const int is_enforced = 1;
    if (dp_keys_apply (&self->keys, socket) < 0)
        return dp_fail (ENOTSUP, "this libzmq was built without CURVE: install one that has it");
    if (zmq_setsockopt (socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen (ZAP_DOMAIN)) < 0
        || zmq_setsockopt (socket, ZMQ_ZAP_ENFORCE_DOMAIN, &is_enforced, sizeof is_enforced) < 0)
        return dp_fail (ENOTSUP, "this libzmq lets everybody in when the keys cannot be looked at (it has no "
                                 "ZMQ_ZAP_ENFORCE_DOMAIN): install 4.3.2 or later");
    return 0;
}

void gate_change (gate_t *self, access_t **access_p)
{
    access_destroy (&self->access);
    self->access = *access_p;
    *access_p = NULL;
}

const access_t *gate_access (const gate_t *self)
{
    return self->access;
}

dp_watch_t *gate_watch (gate_t *self)
{
    return &self->watch;
}

/* ---- Questions ------------------------------------------------------------------------------ */

/* version, request id, domain, address, routing id, mechanism, the client's key. A frame that is longer than
   those of ZeroMQ's own is cut off, and what has too many or too few is refused. */
typedef struct question_s {
    uint8_t frames[ZAP_FRAMES][FRAME_MAX];
    size_t lens[ZAP_FRAMES], n_frames;
} question_t;

/* False when there is none. */
static bool receive (gate_t *self, question_t *question)
{
    int more = 1;
    size_t size = sizeof more;
    for (question->n_frames = 0; more;) {
        uint8_t *frame = question->frames[question->n_frames % ZAP_FRAMES];
        int len;
        do
            len = zmq_recv (self->socket, frame, FRAME_MAX, question->n_frames == 0 ? ZMQ_DONTWAIT : 0);
        while (len < 0 && errno == EINTR);
        if (len < 0)
            return false;
        question->lens[question->n_frames % ZAP_FRAMES] = (size_t) len < FRAME_MAX ? (size_t) len : FRAME_MAX;
        question->n_frames++;
        if (zmq_getsockopt (self->socket, ZMQ_RCVMORE, &more, &size) < 0)
            return false;
    }
    return true;
}

static bool is_text (const question_t *question, size_t frame, const char *text)
{
    return question->lens[frame] == strlen (text)
           && memcmp (question->frames[frame], text, question->lens[frame]) == 0;
}

/* The key as text, where the question is one that we know. */
static bool read_key (const question_t *question, dp_key_t key)
{
    key[0] = '\0';
    if (question->n_frames != ZAP_FRAMES || !is_text (question, 0, "1.0")
        || !is_text (question, 2, ZAP_DOMAIN) || !is_text (question, 5, "CURVE")
        || question->lens[6] != KEY_BYTES)
        return false;
    return zmq_z85_encode (key, question->frames[6], KEY_BYTES) != NULL;
}

static void send_frame (gate_t *self, const void *data, size_t len, int flags)
{
    while (zmq_send (self->socket, data, len, flags) < 0 && errno == EINTR)
        ;
}

/* The key becomes the "User-Id" of all messages of the connection. */
static void answer (gate_t *self, const question_t *question, const dp_key_t key, bool is_known)
{
    const char *status = is_known ? "200" : "400", *text = is_known ? "OK" : "unknown key";
    send_frame (self, "1.0", 3, ZMQ_SNDMORE);
    send_frame (self, question->frames[1], question->lens[1], ZMQ_SNDMORE);
    send_frame (self, status, strlen (status), ZMQ_SNDMORE);
    send_frame (self, text, strlen (text), ZMQ_SNDMORE);
    send_frame (self, key, is_known ? DP_KEY_LEN : 0, ZMQ_SNDMORE);
    send_frame (self, "", 0, 0);
    dp_watch_used (&self->watch);
}

static void tell (gate_t *self, int64_t now_ms, const question_t *question, const dp_key_t key)
{
    char line[512];
    if (self->log == NULL)
        return;
    if (self->told_at_ms != 0 && now_ms - self->told_at_ms < TOLD_EVERY_MS) {
        self->n_untold++;
        return;
    }
    self->told_at_ms = now_ms;
    int n = snprintf (line, sizeof line,
                      "a connection from %.*s was refused: its key %s is not in the allowlist",
                      (int) (question->n_frames > 3 ? question->lens[3] : 0),
                      (const char *) question->frames[3], key);
    if (self->n_untold > 0 && n > 0 && (size_t) n < sizeof line)
        snprintf (line + n, sizeof line - (size_t) n, " (and %zu more before it)", self->n_untold);
    self->n_untold = 0;
    self->log (line);
}

/* is_test: what is refused is not told of. */
static void answer_all (gate_t *self, int64_t now_ms, bool is_test)
{
    question_t question;
    while (self->watch.has_news) {
        if (!receive (self, &question)) {
            dp_watch_emptied (&self->watch);
            return;
        }
        dp_key_t key;
        bool is_known = read_key (&question, key) && access_find (self->access, key) != NULL;
        answer (self, &question, key, is_known);
        if (!is_known && !is_test)
            tell (self, now_ms, &question, key);
    }
}

void gate_answer (gate_t *self, int64_t now_ms)
{
    answer_all (self, now_ms, false);
}

/* ---- Messages ------------------------------------------------------------------------------- */

const char *gate_owner (const dp_incoming_t *incoming)
{
    /* Of the envelope, since the frame with the routing id may come without. */
    const char *owner = zmq_msg_gets (&incoming->envelope, "User-Id");
    return owner != NULL ? owner : "";
}

bool gate_may_send_payloads (const gate_t *self, const char *owner)
{
    return access_may_send_payloads (access_find (self->access, owner));
}

wire_refusal_t gate_judge (const gate_t *self, const char *owner, const wire_message_t *message, char *why,
                           size_t size)
{
    return access_judge (access_find (self->access, owner), message, why, size);
}

/* ---- The test at the start ------------------------------------------------------------------ */

static void wait_for_news (gate_t *self, dp_connection_t *stranger)
{
    enum { STEP_MS = 50 };
    struct pollfd items[1 + DP_CONNECTION_POLL] = { dp_watch_item (&self->watch) };
    size_t n = 1 + dp_connection_poll (stranger, items + 1);
    poll (items, n, dp_watch_has_news (&self->watch) ? 0 : STEP_MS);
    dp_watch_hear (&self->watch, &items[0]);
    dp_connection_hear (stranger, items + 1);
    answer_all (self, dp_clock_ms (), true);
}

static int judge_test (dp_reach_t reach, const char *endpoint)
{
    if (reach == DP_KEY_UNKNOWN)
        return 0;
    if (reach == DP_HANDSHAKEN)
        return dp_fail (EPROTO,
                        "the broker does not start: at %s it let in a key that is not in the allowlist",
                        endpoint);
    return dp_fail (
        EPROTO,
        "the broker does not start: it could not make sure that %s refuses a key that is not in the "
        "allowlist",
        endpoint);
}

int gate_test (gate_t *self, const char *endpoint)
{
    dp_keys_t keys;
    memcpy (keys.server_key, self->keys.public_key, sizeof keys.server_key);
    if (zmq_curve_keypair (keys.public_key, keys.secret_key) < 0)
        return dp_fail (ENOTSUP, "this libzmq was built without CURVE: install one that has it");
    dp_connection_t *stranger = dp_connection_new (self->context);
    if (stranger == NULL)
        return dp_fail (ENOMEM, "no memory for the broker");
    dp_connection_secure (stranger, &keys);
    int64_t deadline_ms = dp_clock_ms () + TEST_MS;
    if (dp_connection_open (stranger, endpoint) == 0)
        while (!dp_connection_is_broken (stranger) && dp_connection_reach (stranger) != DP_HANDSHAKEN
               && dp_clock_ms () < deadline_ms)
            wait_for_news (self, stranger);
    int rc = judge_test (dp_connection_reach (stranger), endpoint);
    dp_connection_destroy (&stranger);
    return rc == 0 ? 0 : dp_fail_again ();
}
