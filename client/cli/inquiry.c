/* SPDX-License-Identifier: MPL-2.0 */
#include "client/cli/inquiry.h"

#include "client/cli/command.h"

#include "core/error.h"
#include "core/link.h"
#include "core/memory.h"
#include "core/wire.h"
#include "net/address.h"
#include "net/clock.h"
#include "net/connection.h"
#include "net/context.h"
#include "net/reach.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum {
    TROUBLE_MS = 1000, /* how long a port that is closed is tried where one is not patient */
    GOODBYE_MS = 200   /* for BYE to leave */
};

struct inquiry_s {
    void *context;
    dp_connection_t *connection;
    dp_keys_t keys; /* where is_secure */
    bool is_secure;
    dp_link_t link;
    char **endpoints;
    size_t n_endpoints, endpoint; /* in use */
    uint64_t id, n_opened, n_asked;
    dp_reach_t reach; /* of the last connection that failed */
    dp_reach_t
        rejection;   /* of one that was told why it is not let in: DP_OTHER_WAY, DP_KEY_UNKNOWN; else 0 */
    char *answer;    /* to the question number n_asked; NULL = none yet */
    uint64_t reason; /* of the answer */
    bool has_change; /* of the processes */
    wire_refusal_t refusal;
    char *refusal_text, *broker;
    uint64_t version, processes; /* as it said */
};

/* ---- Life ------------------------------------------------------------------------------------ */

static int take_endpoints (inquiry_t *self, const char *list)
{
    char *copy = dp_must_strdup (list), *rest = NULL;
    int rc = 0;
    for (char *word = strtok_r (copy, ", ", &rest); word != NULL && rc == 0;
         word = strtok_r (NULL, ", ", &rest)) {
        const char *fault = dp_address_fault (word);
        self->endpoints
            = dp_must_realloc (self->endpoints, (self->n_endpoints + 1) * sizeof *self->endpoints);
        self->endpoints[self->n_endpoints++] = dp_must_strdup (word);
        if (fault != NULL)
            rc = dp_fail (EINVAL, "'%s' is no endpoint: %s", word, fault);
    }
    dp_free (copy);
    if (rc == 0 && self->n_endpoints == 0)
        rc = dp_fail (EINVAL, "the list of endpoints is empty: write one such as tcp://host:5555");
    return rc;
}

/* Those of the environment, as for a program without options. */
static int take_keys (inquiry_t *self)
{
    const char *key_file, *server_key;
    self->is_secure = command_keys (&key_file, &server_key);
    return self->is_secure ? dp_keys_load_both (&self->keys, key_file, server_key) : 0;
}

inquiry_t *inquiry_new (const char *endpoints)
{
    inquiry_t *self = dp_must_alloc (sizeof *self);
    self->id = dp_random ();
    dp_link_init (&self->link, 1, self->id, dp_clock_ms ());
    if (take_endpoints (self, endpoints) < 0 || take_keys (self) < 0
        || (self->context = dp_context_new ()) == NULL) {
        inquiry_destroy (&self);
        return NULL;
    }
    self->connection = dp_connection_new (self->context);
    if (self->connection == NULL)
        dp_no_memory (0);
    if (self->is_secure)
        dp_connection_secure (self->connection, &self->keys);
    return self;
}

static void say_goodbye (inquiry_t *self)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    if (self->link.state != LINK_UP)
        return;
    wire_put_bare (&out, 0, WIRE_BYE, 0);
    dp_outgoing_t *message = dp_outbox_take (&out);
    dp_connection_push (self->connection, &message);
    dp_connection_flush (self->connection);
    dp_connection_close (self->connection, GOODBYE_MS);
}

void inquiry_destroy (inquiry_t **self_p)
{
    inquiry_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    if (self->connection != NULL)
        say_goodbye (self);
    dp_connection_destroy (&self->connection);
    if (self->context != NULL)
        zmq_ctx_term (self->context);
    for (size_t i = 0; i < self->n_endpoints; i++)
        dp_free (self->endpoints[i]);
    dp_free (self->endpoints);
    dp_free (self->answer);
    dp_free (self->refusal_text);
    dp_free (self->broker);
    explicit_bzero (&self->keys, sizeof self->keys);
    dp_free (self);
}

const char *inquiry_endpoint (const inquiry_t *self)
{
    return self->endpoints[self->endpoint];
}

/* ---- Out ------------------------------------------------------------------------------------- */

static void push_all (inquiry_t *self, dp_outbox_t *out)
{
    for (dp_outgoing_t *message; (message = dp_outbox_take (out)) != NULL;)
        dp_connection_push (self->connection, &message);
    dp_link_sent (&self->link, dp_clock_ms ());
}

static void say_hello (inquiry_t *self)
{
    static const char name[] = "dpool";
    char host[256] = "";
    gethostname (host, sizeof host - 1);
    const wire_hello_t hello = {
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION,
        .role = WIRE_ROLE_CLIENT,
        .id = self->id,
        .connection = self->link.connection,
        .host = { host, strlen (host) },
        .name = { name, strlen (name) },
        .pid = (uint64_t) getpid (),
        .is_watcher = true,
    };
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_hello (&out, 0, &hello, NULL, NULL);
    push_all (self, &out);
}

static void say (inquiry_t *self, wire_kind_t kind)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_bare (&out, 0, kind, 0);
    push_all (self, &out);
}

static void break_link (inquiry_t *self)
{
    self->reach = dp_connection_reach (self->connection);
    if (self->reach == DP_OTHER_WAY || self->reach == DP_KEY_UNKNOWN)
        self->rejection = self->reach;
    dp_link_broken (&self->link, dp_clock_ms ());
}

/* The endpoints take turns: whoever asks wants an answer now, not a certain broker's. */
static void open_next (inquiry_t *self)
{
    self->endpoint = self->n_opened++ % self->n_endpoints;
    if (dp_connection_open (self->connection, inquiry_endpoint (self)) < 0)
        break_link (self);
    else
        say_hello (self);
}

/* ---- In -------------------------------------------------------------------------------------- */

static void take_text (char **target, wire_text_t text)
{
    dp_free (*target);
    *target = dp_must_alloc (text.len + 1);
    if (text.len > 0)
        memcpy (*target, text.data, text.len);
}

static void handle (inquiry_t *self, const wire_message_t *message)
{
    switch (message->kind) {
    case WIRE_WELCOME:
        take_text (&self->broker, message->welcome.name);
        self->version = message->welcome.version;
        self->processes = message->welcome.processes;
        dp_link_welcomed (&self->link, dp_clock_ms ());
        self->has_change = true;
        break;
    case WIRE_REFUSED:
        self->refusal = message->refused.code;
        self->reach = DP_HANDSHAKEN;
        take_text (&self->refusal_text, message->refused.text);
        break;
    case WIRE_WHO:
    case WIRE_BYE:
        break_link (self);
        break;
    case WIRE_PING:
        say (self, WIRE_PONG);
        break;
    case WIRE_WORKERS:
        self->processes = message->workers;
        self->has_change = true;
        break;
    case WIRE_ANSWER:
        if (message->answer.query == self->n_asked) {
            self->reason = message->answer.reason;
            take_text (&self->answer, message->answer.text);
        }
        break;
    default: /* what only a pool needs to know */
        break;
    }
}

static void receive (inquiry_t *self)
{
    dp_incoming_t incoming;
    while (dp_connection_receive (self->connection, &incoming, WIRE_MAX_ENVELOPE) > 0) {
        dp_link_received (&self->link, dp_clock_ms ());
        if (incoming.malformed != NULL)
            break_link (self);
        else
            handle (self, &incoming.message);
        dp_incoming_fini (&incoming);
    }
}

/* ---- The loop -------------------------------------------------------------------------------- */

static void carry_out (inquiry_t *self)
{
    dp_link_command_t command;
    if (dp_connection_is_open (self->connection)
        && (dp_connection_is_broken (self->connection) || dp_connection_flush (self->connection) < 0))
        break_link (self);
    while ((command = dp_link_tick (&self->link, dp_clock_ms ())) != LINK_NOTHING) {
        if (command == LINK_OPEN)
            open_next (self);
        else if (command == LINK_PING)
            say (self, WIRE_PING);
        else
            dp_connection_close (self->connection, 0);
    }
}

/* One turn, which waits until until_ms at the latest. */
static void turn (inquiry_t *self, int64_t until_ms)
{
    struct pollfd items[DP_CONNECTION_POLL];
    carry_out (self);
    bool is_urgent = dp_connection_is_open (self->connection) && dp_connection_flush (self->connection) < 0;
    int64_t due_ms = dp_link_deadline_ms (&self->link);
    if (due_ms > until_ms)
        due_ms = until_ms;
    is_urgent |= dp_connection_has_mail (self->connection);
    size_t n_items = dp_connection_poll (self->connection, items);
    if (poll (items, n_items, is_urgent ? 0 : dp_clock_until (due_ms, dp_clock_ms ())) >= 0)
        dp_connection_hear (self->connection, items);
    receive (self);
}

/* ---- Questions ------------------------------------------------------------------------------- */

static int fail_refused (const inquiry_t *self)
{
    return dp_fail (dp_refusal_code (self->refusal), "the broker at %s refused the connection: %s",
                    inquiry_endpoint (self), self->refusal_text);
}

/* A port that is closed or not ours will hardly change; one that takes its time for a WELCOME may be busy. */
static bool is_hopeless (const inquiry_t *self, int64_t now_ms, int64_t trouble_ms, int64_t deadline_ms)
{
    if (self->rejection != 0 && self->n_endpoints == 1)
        return true; /* it said so: no other answer will come */
    return now_ms >= deadline_ms
           || (self->n_opened >= self->n_endpoints && now_ms >= trouble_ms && self->reach != DP_CONNECTING
               && self->reach != DP_LOOKING_UP && self->reach != DP_HANDSHAKEN);
}

int inquiry_connect (inquiry_t *self, int timeout_ms, bool is_patient)
{
    int64_t start_ms = dp_clock_ms (), deadline_ms = start_ms + timeout_ms;
    int64_t trouble_ms = is_patient || timeout_ms < TROUBLE_MS ? deadline_ms : start_ms + TROUBLE_MS;
    self->reach = DP_CONNECTING;
    self->rejection = 0;
    while (self->link.state != LINK_UP) {
        int64_t now_ms = dp_clock_ms ();
        if (self->refusal != 0)
            return fail_refused (self);
        if (now_ms >= trouble_ms && self->link.state == LINK_GREETING)
            self->reach = dp_connection_reach (self->connection);
        if (is_hopeless (self, now_ms, trouble_ms, deadline_ms))
            return dp_reach_fail (self->rejection != 0 ? self->rejection : self->reach,
                                  inquiry_endpoint (self), self->is_secure ? &self->keys : NULL,
                                  self->context);
        turn (self, now_ms < trouble_ms ? trouble_ms : deadline_ms);
    }
    return 0;
}

/* Wait for the answer to the question that was put last. */
static int await_answer (inquiry_t *self, int timeout_ms)
{
    int64_t deadline_ms = dp_clock_ms () + timeout_ms;
    while (self->answer == NULL) {
        if (self->refusal != 0)
            return fail_refused (self);
        if (self->link.state != LINK_UP)
            return dp_fail (DPOOL_EBROKERLOST, "the broker at %s is gone: is it being restarted? Try again",
                            inquiry_endpoint (self));
        if (dp_clock_ms () >= deadline_ms)
            return dp_fail (ETIMEDOUT, "the broker at %s does not answer: is it stopped or very busy?",
                            inquiry_endpoint (self));
        turn (self, deadline_ms);
    }
    return 0;
}

static int ask (inquiry_t *self, wire_query_t query, int timeout_ms)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    query.query = ++self->n_asked;
    dp_free (self->answer);
    self->answer = NULL;
    self->has_change = false;
    wire_put_query (&out, 0, 0, &query);
    push_all (self, &out);
    return await_answer (self, timeout_ms);
}

static char *take_answer (inquiry_t *self)
{
    char *answer = self->answer;
    self->answer = NULL;
    return answer;
}

char *inquiry_status (inquiry_t *self, int timeout_ms)
{
    if (ask (self, (wire_query_t) { .question = WIRE_QUERY_STATUS }, timeout_ms) < 0)
        return NULL;
    if (self->reason != WIRE_REASON_QUOTA)
        return take_answer (self);
    dp_fail (DPOOL_EQUOTA, "the broker at %s does not answer: %s", inquiry_endpoint (self), self->answer);
    return NULL;
}

int inquiry_drain (inquiry_t *self, uint64_t worker, int timeout_ms)
{
    if (ask (self, (wire_query_t) { .question = WIRE_QUERY_DRAIN, .id = worker }, timeout_ms) < 0)
        return -1;
    return self->reason == DPOOL_REASON_DRAINING ? 0 : dp_fail (ENOENT, "%s", self->answer);
}

char *inquiry_function (inquiry_t *self, const char *name, int timeout_ms, int *code)
{
    const wire_query_t query = { .question = WIRE_QUERY_FUNCTION, .name = { name, strlen (name) } };
    if (ask (self, query, timeout_ms) < 0)
        return NULL;
    *code = self->reason == DPOOL_REASON_QUEUED     ? 0
            : self->reason == WIRE_REASON_FORBIDDEN ? DPOOL_EREFUSED
                                                    : DPOOL_ENOFUNCTION;
    return take_answer (self);
}

dp_reach_t inquiry_reach (const inquiry_t *self)
{
    return self->reach;
}

const char *inquiry_broker (const inquiry_t *self)
{
    return self->broker != NULL ? self->broker : "";
}

uint64_t inquiry_version (const inquiry_t *self)
{
    return self->version;
}

uint64_t inquiry_processes (const inquiry_t *self)
{
    return self->processes;
}

void inquiry_wait_for_change (inquiry_t *self, int timeout_ms)
{
    int64_t deadline_ms = dp_clock_ms () + timeout_ms;
    while (!self->has_change && self->link.state == LINK_UP && dp_clock_ms () < deadline_ms)
        turn (self, deadline_ms);
}
