/* SPDX-License-Identifier: MPL-2.0 */
/* gate_test.c - the test at the broker's start: does it notice each way in which keys are not looked at? */
#include "tests/support/test.h"

#include "broker/gate.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/listener.h"

/* A gate whose list lets in nobody; and a router with its keys, behind that gate or in a context of its own,
   which the gate does not see. */
typedef struct fixture_s {
    void *context, *other_context, *router, *mute;
    dp_keys_t keys;
    gate_t *gate;
    char endpoint[128];
} fixture_t;

static int set_up (void **state)
{
    static fixture_t fixture;
    fixture_t *self = &fixture;
    memset (self, 0, sizeof *self);
    self->context = zmq_ctx_new ();
    self->other_context = zmq_ctx_new ();
    assert_int_equal (zmq_curve_keypair (self->keys.public_key, self->keys.secret_key), 0);
    access_t *access = access_new ();
    self->gate = gate_new (self->context, &self->keys, &access, NULL);
    assert_non_null (self->gate);
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    gate_destroy (&self->gate);
    if (self->router != NULL)
        zmq_close (self->router);
    if (self->mute != NULL)
        zmq_close (self->mute);
    zmq_ctx_term (self->context);
    zmq_ctx_term (self->other_context);
    return 0;
}

static void open_router (fixture_t *self, void *context)
{
    static const int zero = 0;
    self->router = zmq_socket (context, ZMQ_ROUTER);
    assert_non_null (self->router);
    zmq_setsockopt (self->router, ZMQ_LINGER, &zero, sizeof zero);
}

static void bind_router (fixture_t *self)
{
    size_t size = sizeof self->endpoint;
    assert_int_equal (zmq_bind (self->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal (zmq_getsockopt (self->router, ZMQ_LAST_ENDPOINT, self->endpoint, &size), 0);
}

static void fails_the_test (fixture_t *self, const char *words)
{
    assert_fails (gate_test (self->gate, self->endpoint), EPROTO);
    assert_says ("the broker does not start");
    assert_says (words);
}

static void passes_where_an_unknown_key_is_refused (void **state)
{
    fixture_t *self = *state;
    open_router (self, self->context);
    assert_ok (gate_guard (self->gate, self->router));
    bind_router (self);
    assert_ok (gate_test (self->gate, self->endpoint));
    assert_ok (gate_test (self->gate, self->endpoint)); /* each of several endpoints is tried */
}

/* CURVE alone lets in whoever knows the broker's public key. */
static void fails_where_nobody_looks_at_keys (void **state)
{
    fixture_t *self = *state;
    open_router (self, self->other_context);
    assert_int_equal (dp_keys_apply (&self->keys, self->router), 0);
    bind_router (self);
    fails_the_test (self, "it let in a key");
}

static void fails_where_there_are_no_keys (void **state)
{
    fixture_t *self = *state;
    open_router (self, self->context);
    bind_router (self);
    fails_the_test (self, "could not make sure");
}

/* It is no proof that this one did not get in. */
static void fails_where_the_gate_is_not_there (void **state)
{
    fixture_t *self = *state;
    open_router (self, self->other_context);
    assert_ok (gate_guard (self->gate, self->router));
    bind_router (self);
    fails_the_test (self, "could not make sure");
}

static void fails_where_the_gate_does_not_answer (void **state)
{
    fixture_t *self = *state;
    self->mute = zmq_socket (self->other_context, ZMQ_REP);
    assert_int_equal (zmq_bind (self->mute, "inproc://zeromq.zap.01"), 0);
    open_router (self, self->other_context);
    assert_ok (gate_guard (self->gate, self->router));
    bind_router (self);
    fails_the_test (self, "could not make sure");
}

static void fails_where_nobody_listens (void **state)
{
    fixture_t *self = *state;
    close (listen_tcp (self->endpoint, sizeof self->endpoint)); /* a router goes on for a while when closed */
    fails_the_test (self, "could not make sure");
}

static void another_secret_key_makes_another_secret (void **state)
{
    fixture_t *self = *state;
    dp_keys_t other;
    dp_hash_key_t secret = gate_secret (&self->keys), same = gate_secret (&self->keys);
    assert_int_equal (zmq_curve_keypair (other.public_key, other.secret_key), 0);
    dp_hash_key_t others = gate_secret (&other);
    assert_true (secret.k0 == same.k0 && secret.k1 == same.k1);
    assert_true (secret.k0 != others.k0 && secret.k1 != others.k1);
    assert_true (secret.k0 != secret.k1);
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    static const struct CMUnitTest tests[] = {
        CASE (passes_where_an_unknown_key_is_refused),  CASE (fails_where_nobody_looks_at_keys),
        CASE (fails_where_there_are_no_keys),           CASE (fails_where_the_gate_is_not_there),
        CASE (fails_where_the_gate_does_not_answer),    CASE (fails_where_nobody_listens),
        CASE (another_secret_key_makes_another_secret),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
