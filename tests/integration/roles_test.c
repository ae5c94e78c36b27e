/* SPDX-License-Identifier: MPL-2.0 */
/* Over the port of a broker with keys: every role with every message, and what a change of the allowlist does
 * to connections that are there. */
#include "tests/support/test.h"

#include "net/message.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/keyring.h"
#include "tests/support/role_matrix.h"
#include "tests/support/wait.h"
#include "tests/support/wire_samples.h"

#define MAX_PAYLOAD (64u << 20)
#define KEY_SIZE 41 /* of a key in Z85, with its end */
#define HEARD(kind) (UINT64_C (1) << (kind))
#define N_ROLES (sizeof roles / sizeof roles[0])

static const char *const roles[] = { "client", "worker", "monitor", "admin" }; /* as ROLE_LETTERS */

#define SECTION(role) role "\n    key = \"%" role "%\"\n    role = " role "\n"
#define ALL SECTION ("client") SECTION ("worker") SECTION ("monitor") SECTION ("admin")

/* A broker that knows a key of each role; who comes to it speaks by hand. */
typedef struct fixture_s {
    keyring_t *keyring;
    cluster_t *cluster;
    const char *arguments[5];
    void *context;
    void *dealers[N_ROLES]; /* NULL: not connected */
    uint64_t last_id;
    dp_incoming_t incoming;
    char answer[8192];
} fixture_t;

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->keyring = keyring_new ();
    keyring_add (self->keyring, "broker");
    for (size_t i = 0; i < N_ROLES; i++)
        keyring_add (self->keyring, roles[i]);
    const char *arguments[] = { "--key-file", keyring_file (self->keyring, "broker"), "--allowlist",
                                keyring_allow (self->keyring, ALL), NULL };
    memcpy (self->arguments, arguments, sizeof arguments);
    self->cluster = cluster_new (self->arguments);
    self->context = zmq_ctx_new ();
    *state = self;
    return 0;
}

static void leave (fixture_t *self, size_t role)
{
    if (self->dealers[role] != NULL)
        zmq_close (self->dealers[role]);
    self->dealers[role] = NULL;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    for (size_t i = 0; i < N_ROLES; i++)
        leave (self, i);
    zmq_ctx_term (self->context);
    cluster_destroy (&self->cluster);
    keyring_destroy (&self->keyring);
    free (self);
    return 0;
}

/* ---- Speaking by hand ------------------------------------------------------------------------- */

static void connect_as (fixture_t *self, size_t role)
{
    static const int zero = 0;
    char secret_key[KEY_SIZE];
    keyring_secret (self->keyring, roles[role], secret_key);
    void *dealer = self->dealers[role] = zmq_socket (self->context, ZMQ_DEALER);
    assert_non_null (dealer);
    zmq_setsockopt (dealer, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt (dealer, ZMQ_CURVE_SERVERKEY, keyring_public (self->keyring, "broker"), KEY_SIZE);
    zmq_setsockopt (dealer, ZMQ_CURVE_PUBLICKEY, keyring_public (self->keyring, roles[role]), KEY_SIZE);
    zmq_setsockopt (dealer, ZMQ_CURVE_SECRETKEY, secret_key, KEY_SIZE);
    assert_int_equal (zmq_connect (dealer, cluster_endpoint (self->cluster)), 0);
}

/* Send the first message of the outbox that is of this kind, and throw the others away. */
static void send_first (fixture_t *self, size_t role, dp_outbox_t *out, wire_kind_t kind)
{
    bool is_sent = false;
    for (dp_outgoing_t *message; (message = dp_outbox_take (out)) != NULL; dp_outgoing_destroy (&message)) {
        if (is_sent || message->kind != kind)
            continue;
        assert_int_equal (dp_outgoing_send (message, self->dealers[role], NULL, 0), 0);
        is_sent = true;
    }
    assert_true (is_sent);
}

static void say_hello_of (fixture_t *self, size_t role, wire_role_t as, uint64_t version)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_hello_t hello = { .version_min = version,
                           .version_max = version,
                           .role = as,
                           .id = ++self->last_id,
                           .connection = 1,
                           .host = WIRE_TEXT ("here"),
                           .name = WIRE_TEXT ("test"),
                           .pid = 1,
                           .processes = as == WIRE_ROLE_WORKER,
                           .window_tasks = 1,
                           .window_bytes = 1 };
    wire_put_hello (&out, 0, &hello, NULL, NULL);
    send_first (self, role, &out, WIRE_HELLO);
}

static void say_hello (fixture_t *self, size_t role, wire_role_t as)
{
    say_hello_of (self, role, as, WIRE_VERSION);
}

static void say_ping (fixture_t *self, size_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_bare (&out, 0, WIRE_PING, 0);
    send_first (self, role, &out, WIRE_PING);
}

/* That a large message comes: its silence is borne for a quarter of an hour. */
static void promise (fixture_t *self, size_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_number (&out, 0, WIRE_LARGE, 0, MAX_PAYLOAD);
    send_first (self, role, &out, WIRE_LARGE);
}

static void say (fixture_t *self, size_t role, const role_row_t *row)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_query_t query = { 1, (wire_question_t) row->as, 7, WIRE_TEXT ("square") };
    if (row->kind == WIRE_HELLO) {
        say_hello (self, role, (wire_role_t) row->as);
        return;
    }
    if (row->kind == WIRE_QUERY)
        wire_put_query (&out, 0, 0, &query);
    else if (row->kind == WIRE_CLAIM && row->as == 0)
        wire_end_list (&(wire_batch_t) { 0 }, &out, 0, WIRE_CLAIM, 0);
    else
        wire_samples (&out);
    send_first (self, role, &out, row->kind);
}

/* Read until a message is of this kind; heard_p gets a bit for each kind that came. Where that is REFUSED,
   its code, and its text. The last answer's text stays in the fixture. */
static wire_refusal_t listen_to (fixture_t *self, size_t role, wire_kind_t kind, char text[256],
                                 uint64_t *heard_p)
{
    wire_kind_t heard;
    wire_refusal_t code = 0;
    *heard_p = 0;
    do {
        zmq_pollitem_t item = { self->dealers[role], 0, ZMQ_POLLIN, 0 };
        assert_int_equal (zmq_poll (&item, 1, PATIENCE_MS), 1);
        assert_int_equal (dp_incoming_receive (&self->incoming, self->dealers[role], false, MAX_PAYLOAD), 1);
        assert_null (self->incoming.malformed);
        heard = self->incoming.message.kind;
        *heard_p |= HEARD (heard);
        if (heard == WIRE_REFUSED) {
            const wire_refused_t *refused = &self->incoming.message.refused;
            code = refused->code;
            snprintf (text, 256, "%.*s", (int) refused->text.len, refused->text.data);
        }
        if (heard == WIRE_ANSWER) {
            const wire_text_t *answer = &self->incoming.message.answer.text;
            snprintf (self->answer, sizeof self->answer, "%.*s", (int) answer->len, answer->data);
        }
        dp_incoming_fini (&self->incoming);
    } while (heard != kind);
    return code;
}

static wire_refusal_t listen_for (fixture_t *self, size_t role, wire_kind_t kind, char text[256])
{
    uint64_t heard;
    return listen_to (self, role, kind, text, &heard);
}

static void come_in (fixture_t *self, size_t role)
{
    char text[256];
    connect_as (self, role);
    say_hello (self, role, ROLE_LETTERS[role] == 'w' ? WIRE_ROLE_WORKER : WIRE_ROLE_CLIENT);
    listen_for (self, role, WIRE_WELCOME, text);
}

/* How it is refused what it said last; WIRE_REFUSED_MALFORMED if it was not: that is how what is sent behind
   it is refused in any case. (A PING would not do: a broker says PONG to nobody's PING, to see who is gone.)
   heard_p gets what came before that. The connection is over then. */
static wire_refusal_t leave_heard (fixture_t *self, size_t role, char text[256], uint64_t *heard_p)
{
    assert_int_equal (zmq_send (self->dealers[role], "?", 1, 0), 1);
    wire_refusal_t code = listen_to (self, role, WIRE_REFUSED, text, heard_p);
    leave (self, role);
    return code;
}

static wire_refusal_t leave_refused (fixture_t *self, size_t role, char text[256])
{
    uint64_t heard;
    return leave_heard (self, role, text, &heard);
}

/* ---- The matrix ------------------------------------------------------------------------------- */

/* HELLO is said on a connection that has said nothing. */
static wire_refusal_t try_cell (fixture_t *self, size_t role, const role_row_t *row, char text[256],
                                uint64_t *heard_p)
{
    if (row->kind == WIRE_HELLO)
        connect_as (self, role);
    else
        come_in (self, role);
    say (self, role, row);
    return leave_heard (self, role, text, heard_p);
}

/* What it is answered by where it may be said; 0: by nothing that comes in any case. */
static uint64_t answer_to (wire_kind_t kind)
{
    static const wire_kind_t answers[WIRE_KINDS] = { [WIRE_HELLO] = WIRE_WELCOME,
                                                     [WIRE_PING] = WIRE_PONG,
                                                     [WIRE_BYE] = WIRE_BYE,
                                                     [WIRE_QUERY] = WIRE_ANSWER };
    return answers[kind] != 0 ? HEARD (answers[kind]) : 0;
}

/* It is not refused for anything, and answered. */
static void allows_each_role_what_it_may_say (void **state)
{
    fixture_t *self = *state;
    for (size_t i = 0; i < n_role_matrix; i++)
        for (size_t role = 0; role < N_ROLES; role++) {
            const role_row_t *row = &role_matrix[i];
            char text[256] = "";
            uint64_t heard, answer = answer_to (row->kind);
            if (strchr (row->roles, ROLE_LETTERS[role]) == NULL)
                continue;
            wire_refusal_t refusal = try_cell (self, role, row, text, &heard);
            if (refusal != WIRE_REFUSED_MALFORMED || (heard & answer) != answer)
                fail_msg ("a %s and %s: refusal %d, %s; heard %llx", roles[role], row->words, (int) refusal,
                          text, (unsigned long long) heard);
        }
    assert_true (process_lives (process_pid (cluster_broker (self->cluster))));
}

static void assert_state_has (fixture_t *self, const char *words)
{
    char text[256];
    const role_row_t question = { "", WIRE_QUERY, WIRE_QUERY_STATUS, "" };
    enum { ADMIN = N_ROLES - 1 };
    come_in (self, ADMIN);
    say (self, ADMIN, &question);
    listen_for (self, ADMIN, WIRE_ANSWER, text);
    leave (self, ADMIN);
    assert_contains (self->answer, words);
}

/* It is refused for the role of its key, is told nothing else, and nothing has come of it. */
static void forbids_each_role_what_it_may_not_say (void **state)
{
    fixture_t *self = *state;
    const uint64_t harmless = HEARD (WIRE_REFUSED) | HEARD (WIRE_PING) | HEARD (WIRE_PONG)
                              | HEARD (WIRE_WORKERS) | HEARD (WIRE_ROOM) | HEARD (WIRE_MEMORY);
    for (size_t i = 0; i < n_role_matrix; i++)
        for (size_t role = 0; role < N_ROLES; role++) {
            const role_row_t *row = &role_matrix[i];
            char text[256] = "";
            uint64_t heard;
            if (strchr (row->roles, ROLE_LETTERS[role]) != NULL)
                continue;
            wire_refusal_t refusal = try_cell (self, role, row, text, &heard);
            if (refusal != WIRE_REFUSED_ROLE || (heard & ~harmless) != 0)
                fail_msg ("a %s and %s: refusal %d, %s; heard %llx", roles[role], row->words, (int) refusal,
                          text, (unsigned long long) heard);
            assert_contains (text, roles[role]); /* whose key it is */
        }
    assert_state_has (self, "\"submitted\":0,\"results\":0,\"requeued\":0,\"payload_bytes\":0");
    assert_state_has (self, "\"queued\":0,\"assigned\":0");
    assert_true (process_lives (process_pid (cluster_broker (self->cluster))));
}

/* Whatever role its key has. */
static void tells_each_role_of_another_version (void **state)
{
    fixture_t *self = *state;
    for (size_t role = 0; role < N_ROLES; role++) {
        char text[256] = "";
        connect_as (self, role);
        say_hello_of (self, role, ROLE_LETTERS[role] == 'w' ? WIRE_ROLE_WORKER : WIRE_ROLE_CLIENT,
                      WIRE_VERSION + 1);
        assert_int_equal (listen_for (self, role, WIRE_REFUSED, text), WIRE_REFUSED_VERSION);
        assert_contains (text, "update the older one");
        leave (self, role);
    }
}

/* ---- Changes ---------------------------------------------------------------------------------- */

static void change_list (fixture_t *self, const char *text, const char *answer)
{
    keyring_allow (self->keyring, text);
    process_signal (cluster_broker (self->cluster), SIGHUP);
    cluster_await_words (self->cluster, answer);
}

/* They say nothing; every other one has promised a message that never comes. */
static void shuts_out_a_revoked_key_of_each_role_at_once (void **state)
{
    fixture_t *self = *state;
    char text[256];
    for (size_t role = 0; role < N_ROLES; role++) {
        come_in (self, role);
        if (role % 2 == 0)
            promise (self, role);
    }
    change_list (self, "# nobody\n", "0 keys are let in");
    for (size_t role = 0; role < N_ROLES; role++) {
        assert_int_equal (listen_for (self, role, WIRE_REFUSED, text), WIRE_REFUSED_KEY);
        assert_contains (text, "allowlist");
        say_ping (self, role); /* nor is heard what it says */
        assert_int_equal (leave_refused (self, role, text), WIRE_REFUSED_KEY);
    }
}

static void holds_a_live_connection_to_the_role_that_its_key_gets (void **state)
{
    fixture_t *self = *state;
    char text[256];
    const role_row_t submit = { "SUBMIT", WIRE_SUBMIT, 0, "" };
    enum { CLIENT, WORKER, MONITOR, ADMIN };
    for (size_t role = 0; role < N_ROLES; role++)
        come_in (self, role);
    change_list (self,
                 "client\n    key = \"%client%\"\n    role = monitor\n"
                 "worker\n    key = \"%worker%\"\n    role = worker\n"
                 "monitor\n    key = \"%monitor%\"\n    role = client\n"
                 "admin\n    key = \"%admin%\"\n    role = worker\n",
                 "4 keys are let in");
    say (self, CLIENT, &submit);
    assert_int_equal (leave_refused (self, CLIENT, text), WIRE_REFUSED_ROLE);
    assert_contains (text, "monitor");
    say_ping (self, WORKER);
    assert_int_equal (leave_refused (self, WORKER, text), WIRE_REFUSED_MALFORMED);
    say (self, MONITOR, &submit);
    assert_int_equal (leave_refused (self, MONITOR, text), WIRE_REFUSED_MALFORMED); /* it may */
    say (self, ADMIN, &submit);
    assert_int_equal (leave_refused (self, ADMIN, text), WIRE_REFUSED_ROLE);
}

/* One that is half written, or has a fault anywhere. */
static void keeps_the_list_before_a_broken_one (void **state)
{
    fixture_t *self = *state;
    static const struct {
        const char *list, *words;
    } rows[] = {
        { ALL "carol\n    key = \"%client%\"\n    role = client\n", "also that of 'client'" },
        { "client\n    key = \"%client%\"\n    role = king\n", ":3: 'client': role 'king' is unknown" },
        { "client\n    key = \"%client%\"\n    rights = all\n", ":3: 'client': unknown setting 'rights'" },
        { SECTION ("client") "worker\n    key = \"%work", "not in ZPL's form" },
        { SECTION ("client") "worker\n    key = \"%worker%\"\n", ":5: 'worker': role is missing" },
    };
    char text[256];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        come_in (self, 0);
        change_list (self, rows[i].list, rows[i].words);
        for (size_t role = 1; role < N_ROLES; role++) {
            come_in (self, role);
            leave (self, role);
        }
        say_ping (self, 0);
        assert_int_equal (leave_refused (self, 0, text), WIRE_REFUSED_MALFORMED); /* it was still heard */
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        CASE (allows_each_role_what_it_may_say),
        CASE (forbids_each_role_what_it_may_not_say),
        CASE (tells_each_role_of_another_version),
        CASE (shuts_out_a_revoked_key_of_each_role_at_once),
        CASE (holds_a_live_connection_to_the_role_that_its_key_gets),
        CASE (keeps_the_list_before_a_broken_one),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
