/* SPDX-License-Identifier: MPL-2.0 */
/* A broker with keys: who gets in, what those are told that do not, and what a change of the list does. */
#include "tests/support/test.h"

#include "net/keys.h"
#include "net/message.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/keyring.h"
#include "tests/support/listener.h"
#include "tests/support/wait.h"

#define WITHOUT_CAROL                                   \
    "alice\n    key = \"%alice%\"\n    role = client\n" \
    "bob\n    key = \"%bob%\"\n    role = worker\n"     \
    "mona\n    key = \"%mona%\"\n    role = monitor\n"  \
    "quentin\n    key = \"%quentin%\"\n    role = client\n    functions = \"square, echo\"\n"
#define ALL WITHOUT_CAROL "carol\n    key = \"%carol%\"\n    role = client\n"

#define ALICE_2 "alice\n    key = \"%alice2%\"\n    role = client\n"
#define BEN "ben\n    key = \"%ben%\"\n    role = worker\n"

/* A broker that knows all keys but "alice2", "ben", "stranger" and "other", and a worker. */
typedef struct fixture_s {
    keyring_t *keyring;
    cluster_t *cluster;
    const char *broker_arguments[8], *worker_arguments[8];
} fixture_t;

static int set_up (void **state)
{
    static const char *const names[]
        = { "broker", "alice", "alice2", "bob", "ben", "carol", "mona", "quentin", "stranger", "other" };
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->keyring = keyring_new ();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        keyring_add (self->keyring, names[i]);
    const char *broker[] = { "--key-file", keyring_file (self->keyring, "broker"), "--allowlist",
                             keyring_allow (self->keyring, ALL) };
    const char *worker[] = { "--key-file", keyring_file (self->keyring, "bob"), "--server-key",
                             keyring_public (self->keyring, "broker") };
    memcpy (self->broker_arguments, broker, sizeof broker);
    memcpy (self->worker_arguments, worker, sizeof worker);
    self->cluster = cluster_new (self->broker_arguments);
    cluster_set_worker_arguments (self->cluster, self->worker_arguments);
    cluster_add_worker (self->cluster, 1, NULL, "first");
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    cluster_destroy (&self->cluster);
    keyring_destroy (&self->keyring);
    free (self);
    return 0;
}

static dpool_t *open_as (fixture_t *self, const char *endpoint, const char *name, const char *server)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    if (name != NULL)
        options.key_file = keyring_file (self->keyring, name);
    if (server != NULL)
        options.server_key = keyring_public (self->keyring, server);
    return dpool_open (endpoint, &options);
}

/* What dpool prints with these arguments, in this folder; and how it ends. */
static int run_dpool (const char *folder, const char *const arguments[], char *text, size_t size)
{
    const char *argv[12] = { DPOOL_BIN_DIR "/dpool" };
    char before[PATH_MAX];
    for (size_t n = 1; *arguments != NULL; n++)
        argv[n] = *arguments++;
    assert_non_null (getcwd (before, sizeof before));
    assert_int_equal (chdir (folder), 0);
    process_t *dpool = process_new (argv, "/dev/null");
    assert_int_equal (chdir (before), 0);
    process_read_all (dpool, text, size);
    int status = process_wait (dpool);
    process_destroy (&dpool);
    return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

/* What dpool doctor says to the same, and how it ends. */
static int ask_doctor (fixture_t *self, const char *endpoint, const char *name, const char *server,
                       char *text, size_t size)
{
    const char *const doctor[] = { "doctor", "--endpoint", endpoint, "--function", "square", NULL };
    if (name != NULL)
        setenv ("DPOOL_KEY_FILE", keyring_file (self->keyring, name), 1);
    if (server != NULL)
        setenv ("DPOOL_SERVER_KEY", keyring_public (self->keyring, server), 1);
    int status = run_dpool (".", doctor, text, size);
    unsetenv ("DPOOL_KEY_FILE");
    unsetenv ("DPOOL_SERVER_KEY");
    return status;
}

/* At which of its lines the doctor finds what dpool_open has this code for. */
static const char *check_of (int code)
{
    return code == DPOOL_ENOBROKER    ? "port "
           : code == DPOOL_ENOTDPOOL  ? "protocol "
           : code == DPOOL_ESERVERKEY ? "server key "
           : code == DPOOL_ECLIENTKEY ? "allowlist "
           : code == DPOOL_EVERSION   ? "version "
           : code == DPOOL_EROLE      ? "role "
                                      : "own key ";
}

/* What somebody tries, and is told. */
typedef struct refusal_s {
    const char *endpoint, *name, *server; /* as in open_as */
    int code;
    const char *words; /* that the messages have */
} refusal_t;

/* dpool_open fails with this code. Returns how long that takes. */
static int64_t assert_pool_refused (fixture_t *self, const refusal_t *refusal)
{
    int64_t start_ms = now_ms ();
    assert_not_made (open_as (self, refusal->endpoint, refusal->name, refusal->server), refusal->code);
    int64_t took_ms = now_ms () - start_ms;
    printf ("%s after %lld ms: %s\n", dpool_strerror (refusal->code), (long long) took_ms,
            dpool_last_error ()->message);
    assert_says (refusal->words);
    return took_ms;
}

/* And dpool doctor at the line that is for it. */
static int64_t assert_doctor_refused (fixture_t *self, const refusal_t *refusal)
{
    char text[8192];
    const char *check = check_of (refusal->code);
    int64_t start_ms = now_ms ();
    int status = ask_doctor (self, refusal->endpoint, refusal->name, refusal->server, text, sizeof text);
    int64_t took_ms = now_ms () - start_ms;
    assert_int_equal (status, 3);
    char *failed = strstr (text, "FAILED   ");
    assert_non_null (failed);
    printf ("dpool doctor after %lld ms: %.200s\n", (long long) took_ms, failed);
    assert_int_equal (strncmp (failed + strlen ("FAILED   "), check, strlen (check)), 0);
    assert_contains (failed, refusal->words);
    return took_ms;
}

/* A loaded machine may be slow once, but hardly three times in a row. What listens and says nothing is waited
   for for 1.8 s, as unit/reach_test.c knows: of that the clock says little. */
static void assert_in_time (fixture_t *self, const refusal_t *refusal,
                            int64_t (*try) (fixture_t *self, const refusal_t *refusal))
{
    enum { AT_MOST_MS = 2000, LOAD_MS = 1000, TRIES = 3 };
    int64_t at_most_ms = refusal->code == DPOOL_ENOTDPOOL ? AT_MOST_MS + LOAD_MS : AT_MOST_MS;
    for (int i = 0; i < TRIES; i++)
        if (try (self, refusal) < at_most_ms)
            return;
    fail_msg ("that takes too long");
}

/* Both, each within two seconds: see unit/reach_test.c. */
static void assert_refused (fixture_t *self, const char *endpoint, const char *name, const char *server,
                            int code, const char *words)
{
    const refusal_t refusal = { endpoint, name, server, code, words };
    assert_in_time (self, &refusal, assert_pool_refused);
    assert_in_time (self, &refusal, assert_doctor_refused);
}

static void change_list (fixture_t *self, const char *text, const char *answer)
{
    keyring_allow (self->keyring, text);
    process_signal (cluster_broker (self->cluster), SIGHUP);
    cluster_await_words (self->cluster, answer);
}

/* ---- Getting in ------------------------------------------------------------------------------- */

static void lets_in_whoever_is_on_the_list (void **state)
{
    fixture_t *self = *state;
    dpool_t *pool = assert_made (open_as (self, cluster_endpoint (self->cluster), "alice", "broker"));
    dpool_value_t *value;
    assert_ok (dpool_apply (pool, &value, "square", DPOOL_V (12)));
    assert_number (value, 144);
    dpool_value_destroy (&value);
    dpool_destroy (&pool);
}

static void takes_keys_from_the_environment (void **state)
{
    fixture_t *self = *state;
    setenv ("DPOOL_ENDPOINT", cluster_endpoint (self->cluster), 1);
    setenv ("DPOOL_KEY_FILE", keyring_file (self->keyring, "alice"), 1);
    setenv ("DPOOL_SERVER_KEY", keyring_file (self->keyring, "broker"), 1); /* a file serves as well */
    dpool_t *pool = dpool_open (NULL, NULL);
    unsetenv ("DPOOL_ENDPOINT");
    unsetenv ("DPOOL_KEY_FILE");
    unsetenv ("DPOOL_SERVER_KEY");
    assert_made (pool);
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (1)));
    dpool_destroy (&pool);
}

/* ---- The six errors --------------------------------------------------------------------------- */

static void tells_of_a_wrong_server_key (void **state)
{
    fixture_t *self = *state;
    assert_refused (self, cluster_endpoint (self->cluster), "alice", "other", DPOOL_ESERVERKEY, "compare");
}

static void tells_of_a_key_that_the_broker_does_not_know (void **state)
{
    fixture_t *self = *state;
    assert_refused (self, cluster_endpoint (self->cluster), "stranger", "broker", DPOOL_ECLIENTKEY,
                    "allowlist");
    assert_refused (self, cluster_endpoint (self->cluster), NULL, NULL, DPOOL_ECLIENTKEY, "give key_file");
    char *log = cluster_log (self->cluster, -1);
    assert_contains (log, keyring_public (self->keyring, "stranger"));
    free (log);
}

static void tells_of_a_role_that_is_not_allowed (void **state)
{
    fixture_t *self = *state;
    assert_refused (self, cluster_endpoint (self->cluster), "bob", "broker", DPOOL_EROLE,
                    "take a key of that role");
}

static void tells_of_what_is_no_broker (void **state)
{
    fixture_t *self = *state;
    char endpoint[64];
    int listener = listen_tcp (endpoint, sizeof endpoint); /* it never accepts, and says nothing */
    assert_refused (self, endpoint, "alice", "broker", DPOOL_ENOTDPOOL, "check the port");
    close (listener);
    cluster_t *plain = cluster_new (NULL);
    assert_refused (self, cluster_endpoint (plain), "alice", "broker", DPOOL_ESERVERKEY, "does not encrypt");
    cluster_destroy (&plain);
}

/* ---- A broker of another time */

typedef struct foreigner_s {
    pthread_t thread;
    void *context, *router;
    char endpoint[256];
    atomic_bool is_over;
} foreigner_t;

/* It refuses whatever is said to it. */
static void *refuse_all (void *argument)
{
    foreigner_t *self = argument;
    zmq_pollitem_t item = { self->router, 0, ZMQ_POLLIN, 0 };
    dp_incoming_t incoming;
    while (!atomic_load (&self->is_over)) {
        if (zmq_poll (&item, 1, 20) != 1 || dp_incoming_receive (&incoming, self->router, true, 1 << 20) <= 0)
            continue;
        dp_outbox_t out = { NULL, NULL, 0 };
        wire_put_refused (&out, 0, WIRE_REFUSED_VERSION,
                          "it speaks the protocol versions 1 to 1, this broker 7 to 9: update the older one");
        dp_outgoing_t *message = dp_outbox_take (&out);
        dp_outgoing_send (message, self->router, incoming.routing_id, incoming.routing_id_len);
        dp_outgoing_destroy (&message);
        dp_incoming_fini (&incoming);
    }
    return NULL;
}

static void foreigner_start (foreigner_t *self, const char *key_file)
{
    static const int linger = 0;
    size_t size = sizeof self->endpoint;
    dp_keys_t keys = { .server_key = "" };
    self->context = zmq_ctx_new ();
    self->router = zmq_socket (self->context, ZMQ_ROUTER);
    assert_non_null (self->router);
    zmq_setsockopt (self->router, ZMQ_LINGER, &linger, sizeof linger);
    if (key_file != NULL) {
        assert_ok (dp_keys_load (&keys, key_file));
        assert_ok (dp_keys_apply (&keys, self->router));
    }
    assert_int_equal (zmq_bind (self->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal (zmq_getsockopt (self->router, ZMQ_LAST_ENDPOINT, self->endpoint, &size), 0);
    assert_int_equal (pthread_create (&self->thread, NULL, refuse_all, self), 0);
}

static void foreigner_stop (foreigner_t *self)
{
    atomic_store (&self->is_over, true);
    pthread_join (self->thread, NULL);
    zmq_close (self->router);
    zmq_ctx_term (self->context);
}

static void tells_of_another_protocol_version (void **state)
{
    fixture_t *self = *state;
    foreigner_t foreigner = { .context = NULL };
    foreigner_start (&foreigner, keyring_file (self->keyring, "other"));
    assert_refused (self, foreigner.endpoint, "alice", "other", DPOOL_EVERSION, "update the older one");
    foreigner_stop (&foreigner);
    foreigner = (foreigner_t) { .context = NULL };
    foreigner_start (&foreigner, NULL);
    assert_refused (self, foreigner.endpoint, NULL, NULL, DPOOL_EVERSION, "update the older one");
    foreigner_stop (&foreigner);
}

static void tells_that_nobody_listens (void **state)
{
    fixture_t *self = *state;
    assert_refused (self, "tcp://127.0.0.1:1", "alice", "broker", DPOOL_ENOBROKER, "start dpool-broker");
}

static void a_doctor_finds_nothing_where_all_is_well (void **state)
{
    fixture_t *self = *state;
    char text[8192];
    const char *endpoint = cluster_endpoint (self->cluster);
    dpool_t *pool = assert_made (open_as (self, endpoint, "alice", "broker"));
    assert_ok (dpool_wait_workers (pool, 1, PATIENCE_MS));
    dpool_destroy (&pool);
    assert_int_equal (ask_doctor (self, endpoint, "alice", "broker", text, sizeof text), 0);
    assert_null (strstr (text, "FAILED"));
    assert_contains (text, "'square' is offered by 1 worker");
    assert_contains (text, "that take tasks: 1");
    change_list (self, WITHOUT_CAROL "carol\n    key = \"%carol%\"\n    role = client\n    functions = pid\n",
                 "5 keys are let in");
    assert_int_equal (ask_doctor (self, endpoint, "carol", "broker", text, sizeof text), 1);
    assert_contains (text, "may not call 'square'");
}

static void tells_what_is_wrong_with_its_own_keys (void **state)
{
    fixture_t *self = *state;
    const char *endpoint = cluster_endpoint (self->cluster);
    assert_refused (self, endpoint, "alice", NULL, EINVAL, "server_key");
    assert_refused (self, endpoint, NULL, "broker", EINVAL, "key_file");
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.key_file = "/no/such/file";
    options.server_key = "not a key";
    assert_not_made (dpool_open (endpoint, &options), ENOENT);
    assert_says ("/no/such/file");
}

/* ---- What they may do ------------------------------------------------------------------------- */

static void refuses_functions_that_a_key_may_not_call (void **state)
{
    fixture_t *self = *state;
    dpool_t *pool = assert_made (open_as (self, cluster_endpoint (self->cluster), "quentin", "broker"));
    dpool_async_result_t *forbidden = assert_made (dpool_apply_async (pool, "pid", ""));
    dpool_async_result_t *allowed = assert_made (dpool_apply_async (pool, "square", DPOOL_V (3)));
    assert_fails (dpool_async_result_get (forbidden, PATIENCE_MS), DPOOL_EREFUSED);
    assert_says ("may not call 'pid'");
    /* Nothing else suffers from it. */
    assert_ok (dpool_async_result_get (allowed, PATIENCE_MS));
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (1)));
    dpool_async_result_destroy (&forbidden);
    dpool_async_result_destroy (&allowed);
    dpool_destroy (&pool);
}

static void lets_a_monitor_look_but_not_call (void **state)
{
    fixture_t *self = *state;
    dpool_t *pool = assert_made (open_as (self, cluster_endpoint (self->cluster), "mona", "broker"));
    assert_fails (dpool_apply (pool, NULL, "square", DPOOL_V (1)), DPOOL_EREFUSED);
    assert_says ("has the role monitor");
    dpool_destroy (&pool);
}

/* ---- Changes ---------------------------------------------------------------------------------- */

static void shuts_out_a_revoked_key_at_once (void **state)
{
    fixture_t *self = *state;
    const char *endpoint = cluster_endpoint (self->cluster);
    dpool_t *carol = assert_made (open_as (self, endpoint, "carol", "broker"));
    dpool_t *alice = assert_made (open_as (self, endpoint, "alice", "broker"));
    assert_ok (dpool_apply (carol, NULL, "square", DPOOL_V (1)));
    change_list (self, WITHOUT_CAROL, "4 keys are let in");
    assert_fails (dpool_apply (carol, NULL, "square", DPOOL_V (1)), DPOOL_EREFUSED);
    assert_says ("does not know the key");
    assert_refused (self, endpoint, "carol", "broker", DPOOL_ECLIENTKEY, "allowlist");
    assert_ok (dpool_apply (alice, NULL, "square", DPOOL_V (1)));
    dpool_destroy (&carol);
    dpool_destroy (&alice);
}

/* What it was running runs elsewhere. */
static void takes_the_tasks_from_a_worker_whose_key_is_revoked (void **state)
{
    fixture_t *self = *state;
    const char *ben[] = { "--key-file", keyring_file (self->keyring, "ben"), "--server-key",
                          keyring_public (self->keyring, "broker"), NULL };
    folder_t *folder = folder_new ();
    const char *started = folder_path (folder, "started"), *gate = folder_path (folder, "gate");
    dpool_t *pool = assert_made (open_as (self, cluster_endpoint (self->cluster), "alice", "broker"));
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (pool, "touch_then_wait", "ss", started, gate));
    wait_for_size (started, 1);
    change_list (self, BEN "alice\n    key = \"%alice%\"\n    role = client\n", "2 keys are let in");
    cluster_set_worker_arguments (self->cluster, ben);
    cluster_add_worker (self->cluster, 1, NULL, "second");
    wait_for_size (started, 2);
    make_file (gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    folder_destroy (&folder);
}

/* What workers know a session by is the same at the next start, though no id of a session stands there. */
static void what_runs_is_found_again_by_the_next_broker (void **state)
{
    fixture_t *self = *state;
    folder_t *folder = folder_new ();
    const char *started = folder_path (folder, "started"), *gate = folder_path (folder, "gate");
    dpool_t *pool = assert_made (open_as (self, cluster_endpoint (self->cluster), "alice", "broker"));
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (pool, "touch_then_wait", "ss", started, gate));
    wait_for_size (started, 1);
    cluster_restart_broker (self->cluster);
    make_file (gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_int_equal (size_of (started), 1); /* adopted, not run again */
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    folder_destroy (&folder);
}

/* As docs/security.md says: for a while a name has two keys. */
static void exchanges_the_key_of_a_program_without_a_break (void **state)
{
    fixture_t *self = *state;
    const char *endpoint = cluster_endpoint (self->cluster);
    dpool_t *old = assert_made (open_as (self, endpoint, "alice", "broker"));
    assert_refused (self, endpoint, "alice2", "broker", DPOOL_ECLIENTKEY, "allowlist");
    change_list (self, WITHOUT_CAROL ALICE_2, "5 keys are let in");
    dpool_t *new = assert_made (open_as (self, endpoint, "alice2", "broker"));
    assert_ok (dpool_apply (old, NULL, "square", DPOOL_V (1)));
    assert_ok (dpool_apply (new, NULL, "square", DPOOL_V (2)));
    change_list (self, "bob\n    key = \"%bob%\"\n    role = worker\n" ALICE_2, "2 keys are let in");
    assert_ok (dpool_apply (new, NULL, "square", DPOOL_V (3)));
    assert_fails (dpool_apply (old, NULL, "square", DPOOL_V (4)), DPOOL_EREFUSED);
    assert_says ("does not know the key");
    dpool_destroy (&old);
    dpool_destroy (&new);
}

/* All that know the old one are told, and those that know the new one get in. */
static void exchanges_the_key_of_the_broker (void **state)
{
    fixture_t *self = *state;
    const char *endpoint = cluster_endpoint (self->cluster);
    self->broker_arguments[1] = keyring_file (self->keyring, "other");
    cluster_restart_broker (self->cluster);
    assert_refused (self, endpoint, "alice", "broker", DPOOL_ESERVERKEY, "compare");
    self->worker_arguments[3] = keyring_public (self->keyring, "other");
    cluster_add_worker (self->cluster, 1, NULL, "second");
    dpool_t *pool = assert_made (open_as (self, endpoint, "alice", "other"));
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (1)));
    dpool_destroy (&pool);
}

static void keeps_the_old_list_where_the_new_one_is_wrong (void **state)
{
    fixture_t *self = *state;
    change_list (self, "carol\n    key = \"%carol%\"\n    role = king\n", "role 'king' is unknown");
    change_list (self, "carol\n    key = \"%carol%\"\n    role = client\n    quota = \"tasks=lots\"\n",
                 "'carol': quota 'tasks=lots'");
    dpool_t *pool = assert_made (open_as (self, cluster_endpoint (self->cluster), "alice", "broker"));
    dpool_destroy (&pool);
}

/* A worker that is there gets no more of what its key may not offer any more, and all again when it may. */
static void a_live_worker_offers_what_its_key_may_as_the_list_changes (void **state)
{
    static const char only_echo[] = "alice\n    key = \"%alice%\"\n    role = client\n"
                                    "bob\n    key = \"%bob%\"\n    role = worker\n    functions = echo\n";
    fixture_t *self = *state;
    dpool_t *pool = assert_made (open_as (self, cluster_endpoint (self->cluster), "alice", "broker"));
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (1)));
    change_list (self, only_echo, "2 keys are let in");
    dpool_async_result_t *result = assert_made (dpool_apply_async (pool, "square", DPOOL_V (12)));
    cluster_await_words (self->cluster, "the key of 'bob' may not offer");
    assert_false (dpool_async_result_ready (result));
    change_list (self, ALL, "5 keys are let in");
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (2)));
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
}

/* ---- The command line ------------------------------------------------------------------------- */

static void gets_in_with_keys_that_dpool_made (void **state)
{
    fixture_t *self = *state;
    folder_t *folder = folder_new ();
    char text[1024], again[64], place[PATH_MAX];
    snprintf (place, sizeof place, "%s", folder_path (folder, "dora.key"));
    *strrchr (place, '/') = '\0';
    const char *const keygen[] = { "keygen", "dora", "--role", "client", NULL };
    assert_int_equal (run_dpool (place, keygen, text, sizeof text), 0);
    assert_int_equal (run_dpool (place, keygen, again, sizeof again), 1); /* it writes over nothing */
    FILE *list = fopen (keyring_allow (self->keyring, WITHOUT_CAROL), "ae");
    assert_non_null (list);
    fputs (text, list);
    fclose (list);
    process_signal (cluster_broker (self->cluster), SIGHUP);
    cluster_await_words (self->cluster, "5 keys are let in");
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.key_file = folder_path (folder, "dora.key");
    options.server_key = keyring_public (self->keyring, "broker");
    dpool_t *pool = assert_made (dpool_open (cluster_endpoint (self->cluster), &options));
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (1)));
    dpool_destroy (&pool);
    unlink (folder_path (folder, "dora.pub"));
    folder_destroy (&folder);
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        CASE (lets_in_whoever_is_on_the_list),
        CASE (takes_keys_from_the_environment),
        CASE (tells_of_a_wrong_server_key),
        CASE (tells_of_a_key_that_the_broker_does_not_know),
        CASE (tells_of_a_role_that_is_not_allowed),
        CASE (tells_of_what_is_no_broker),
        CASE (tells_of_another_protocol_version),
        CASE (tells_that_nobody_listens),
        CASE (a_doctor_finds_nothing_where_all_is_well),
        CASE (tells_what_is_wrong_with_its_own_keys),
        CASE (refuses_functions_that_a_key_may_not_call),
        CASE (lets_a_monitor_look_but_not_call),
        CASE (shuts_out_a_revoked_key_at_once),
        CASE (takes_the_tasks_from_a_worker_whose_key_is_revoked),
        CASE (what_runs_is_found_again_by_the_next_broker),
        CASE (exchanges_the_key_of_a_program_without_a_break),
        CASE (exchanges_the_key_of_the_broker),
        CASE (keeps_the_old_list_where_the_new_one_is_wrong),
        CASE (a_live_worker_offers_what_its_key_may_as_the_list_changes),
        CASE (gets_in_with_keys_that_dpool_made),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
