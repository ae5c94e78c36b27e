/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/worker_internal.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/name.h"
#include "net/clock.h"
#include "net/lookup.h"
#include "net/machine.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MESSAGES_A_TURN = 256, ROUNDS_A_TURN = 8, GOODBYE_MS = 500 };

/* The broker has checked payloads already, against a limit that we need not know. */
static const uint64_t max_payload = UINT64_C (1) << 30;

void worker_log (worker_t *self, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    if (self->log == NULL)
        return;
    va_start (arguments, format);
    vsnprintf (line, sizeof line, format, arguments);
    va_end (arguments);
    self->log (line);
}

/* ---- Beginning and end ---------------------------------------------------------------------- */

/* Find out now, not at the first attempt, what ZeroMQ cannot make sense of. */
static int check_endpoint (void *context, const char *endpoint)
{
    if (dp_lookup_is_needed (endpoint))
        return 0; /* ZeroMQ sees an address only when the name was looked up */
    dp_connection_t *trial = dp_connection_new (context);
    int rc = trial != NULL ? dp_connection_open (trial, endpoint) : -1;
    int code = errno;
    dp_connection_destroy (&trial);
    errno = code;
    if (rc == 0)
        return 0;
    return dp_fail (code, "cannot connect to %s: %s", endpoint, zmq_strerror (code));
}

static int open_brokers (worker_t *self, void *context, const worker_config_t *config)
{
    if (config->n_endpoints == 0)
        return dp_fail (EINVAL, "a worker needs the endpoint of a broker, such as tcp://host:5555");
    self->brokers = dp_alloc (config->n_endpoints * sizeof *self->brokers);
    if (self->brokers == NULL)
        return dp_fail (ENOMEM, "no memory for a worker");
    for (size_t i = 0; i < config->n_endpoints; i++) {
        if (config->exchange == NULL && check_endpoint (context, config->endpoints[i]) < 0)
            return -1;
        self->n_brokers = i + 1;
        self->brokers[i].endpoint = dp_strdup (config->endpoints[i]);
        self->brokers[i].connection = config->exchange != NULL ? dp_connection_new_at (config->exchange)
                                                               : dp_connection_new (context);
        if (self->brokers[i].endpoint == NULL || self->brokers[i].connection == NULL)
            return dp_fail (ENOMEM, "no memory for a worker");
        if (config->exchange == NULL)
            dp_connection_share (self->brokers[i].connection, self->arena, self->arena);
        if (config->keys != NULL)
            dp_connection_secure (self->brokers[i].connection, config->keys);
    }
    return 0;
}

static int open_zygote (worker_t *self)
{
    self->zygote = zygote_client_new ();
    if (self->zygote == NULL)
        return -1;
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = UINT64_MAX };
    self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
    if (self->epoll_fd < 0
        || epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, zygote_client_fd (self->zygote), &event) < 0)
        return dp_fail_errno ("cannot watch the children");
    return 0;
}

void worker_usual_name (char name[DP_NAME_MAX + 1])
{
    char host[HOST_NAME_MAX + 1] = "";
    gethostname (host, sizeof host - 1);
    const char *known = host[0] != '\0' ? host : "worker";
    size_t len = strnlen (known, DP_NAME_MAX);
    memcpy (name, known, len);
    name[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (!dp_name_is_valid (name + i, 1))
            name[i] = '-';
}

static int open_crew (worker_t *self, const worker_config_t *config)
{
    char host[HOST_NAME_MAX + 1] = "", name[DP_NAME_MAX + 1];
    gethostname (host, sizeof host - 1);
    worker_usual_name (name);
    crew_config_t crew = {
        .worker = dp_random (),
        .n_brokers = self->n_brokers,
        .processes = (size_t) (config->processes > 0 ? config->processes : worker_usable_cpus ()),
        .host = host[0] != '\0' ? host : "worker",
        .name = config->name != NULL ? config->name : name,
        .pid = (uint64_t) getpid (),
        .machine = self->arena != NULL && config->exchange == NULL ? dp_machine () : 0,
        .labels = config->labels,
        .n_labels = config->n_labels,
        .seed = dp_random (),
        .secret = { dp_random (), dp_random () },
    };
    crew.n_functions = zygote_functions (&crew.functions);
    if (config->processes > CREW_MAX_PROCESSES)
        return dp_fail (EINVAL, "%d processes are too many: %d at most", config->processes,
                        CREW_MAX_PROCESSES);
    self->crew = crew_new (&crew, dp_clock_ms ());
    return self->crew != NULL ? 0 : dp_fail (ENOMEM, "no memory for a worker");
}

worker_t *worker_new (void *context, const worker_config_t *config)
{
    worker_t *self = dp_alloc (sizeof *self);
    if (self == NULL) {
        dp_fail (ENOMEM, "no memory for a worker");
        return NULL;
    }
    self->epoll_fd = -1;
    self->arena = config->arena != NULL ? dp_arena_hold (config->arena) : dp_arena_new (DP_ARENA_PROGRAM);
    self->is_quiet = config->is_quiet;
    self->log = config->is_embedded ? NULL : config->log;
    if (open_brokers (self, context, config) < 0 || open_zygote (self) < 0 || open_crew (self, config) < 0) {
        int code = errno;
        worker_destroy (&self);
        errno = code;
    }
    return self;
}

void worker_destroy (worker_t **self_p)
{
    worker_t *self = *self_p;
    if (self == NULL)
        return;
    zygote_client_destroy (&self->zygote);
    worker_destroy_places (self);
    for (size_t i = 0; i < self->n_brokers; i++) {
        if (self->brokers[i].connection != NULL)
            dp_connection_close (self->brokers[i].connection, GOODBYE_MS);
        dp_connection_destroy (&self->brokers[i].connection);
        dp_free (self->brokers[i].endpoint);
    }
    dp_free (self->brokers);
    if (self->epoll_fd >= 0)
        close (self->epoll_fd);
    crew_destroy (&self->crew);
    dp_arena_release (&self->arena);
    dp_free (self);
    *self_p = NULL;
}

/* ---- Polling -------------------------------------------------------------------------------- */

enum { OTHER_ITEMS = 2 }; /* all of children and zygote, in one; and stderr */

size_t worker_poll_max (const worker_t *self)
{
    return self->n_brokers * DP_CONNECTION_POLL + OTHER_ITEMS;
}

size_t worker_poll (worker_t *self, struct pollfd *items, size_t most)
{
    size_t n_items = 0;
    if (most < worker_poll_max (self))
        return 0;
    for (size_t i = 0; i < self->n_brokers; i++)
        n_items += dp_connection_poll (self->brokers[i].connection, items + n_items);
    items[n_items++] = (struct pollfd) { self->epoll_fd, POLLIN, 0 };
    if (self->is_stderr_blocked)
        items[n_items++] = (struct pollfd) { STDERR_FILENO, POLLOUT, 0 };
    return n_items;
}

void worker_hear (worker_t *self, const struct pollfd *items)
{
    for (size_t i = 0; i < self->n_brokers; i++)
        items += dp_connection_hear (self->brokers[i].connection, items);
    self->is_epoll_ready |= items->revents != 0;
}

/* ---- Brokers -------------------------------------------------------------------------------- */

static const char *reach_text (dp_reach_t reach)
{
    switch (reach) {
    case DP_LOOKING_UP:
        return "no name server tells its address";
    case DP_UNKNOWN:
        return "its name is not known";
    case DP_CONNECTING:
        return "it does not answer";
    case DP_REFUSED:
        return "nobody listens there";
    case DP_CONNECTED:
        return "what listens there says nothing";
    case DP_OTHER_WAY:
        return "one side encrypts and the other does not: both or neither need keys";
    case DP_KEY_UNKNOWN:
        return "it does not know the key of this worker: have it put into the broker's allowlist";
    case DP_HANDSHAKEN:
        return "what listens there does not answer as a dpool-broker does";
    default:
        return "what listens there does not speak ZeroMQ, refuses us, or has "
               "another key than --server-key says";
    }
}

/* Once for each time that it cannot be reached. */
static void complain (worker_t *self, worker_broker_t *broker)
{
    if (broker->is_complained || broker->is_heard)
        return;
    worker_log (self, "cannot reach %s: %s; trying on", broker->endpoint,
                reach_text (dp_connection_reach (broker->connection)));
    broker->is_complained = true;
}

static void note_broken (worker_t *self, int64_t now_ms, size_t i)
{
    self->brokers[i].is_broken = true;
    const char *complaint = dp_connection_take_complaint (self->brokers[i].connection);
    if (complaint != NULL)
        worker_log (self, "memory is shared no more with %s, and long payloads go by the socket: it sent %s",
                    self->brokers[i].endpoint, complaint);
    if (self->brokers[i].is_heard && !self->is_quiet)
        worker_log (self, "the connection to %s broke", self->brokers[i].endpoint);
    if (dp_connection_reach (self->brokers[i].connection) != DP_HANDSHAKEN)
        complain (self, &self->brokers[i]);
    crew_broken (self->crew, now_ms, i);
}

/* True when there may be more. */
static bool hear_broker (worker_t *self, int64_t now_ms, size_t i)
{
    worker_broker_t *broker = &self->brokers[i];
    if (broker->is_broken || !dp_connection_is_open (broker->connection))
        return false;
    bool is_broken = dp_connection_is_broken (broker->connection);
    int n_messages = 0, rc = 0;
    while (n_messages < MESSAGES_A_TURN) {
        dp_incoming_t incoming;
        rc = dp_connection_receive (broker->connection, &incoming, max_payload);
        if (rc <= 0)
            break;
        n_messages++;
        broker->is_heard = true;
        broker->is_complained = false;
        if (incoming.malformed == NULL)
            crew_receive (self->crew, now_ms, i, &incoming.message, incoming.blobs);
        else
            worker_log (self, "a message of %s is malformed: %s", broker->endpoint, incoming.malformed);
        bool is_malformed = incoming.malformed != NULL;
        dp_incoming_fini (&incoming);
        if (is_malformed) {
            is_broken = true;
            break;
        }
    }
    if (is_broken || rc < 0)
        note_broken (self, now_ms, i);
    return n_messages == MESSAGES_A_TURN;
}

static void open_connection (worker_t *self, int64_t now_ms, const crew_action_t *action)
{
    worker_broker_t *broker = &self->brokers[action->broker];
    broker->is_broken = broker->is_heard = false;
    if (dp_connection_open (broker->connection, broker->endpoint) == 0)
        return;
    if (!broker->is_complained)
        worker_log (self, "cannot connect to %s: %s; trying on", broker->endpoint, zmq_strerror (errno));
    broker->is_complained = true;
    note_broken (self, now_ms, action->broker);
}

/* It broke, or it never greeted us, or fell silent. */
static void close_connection (worker_t *self, worker_broker_t *broker)
{
    if (!broker->is_broken)
        complain (self, broker);
    dp_connection_close (broker->connection, GOODBYE_MS);
}

static void push_messages (worker_t *self)
{
    dp_outgoing_t *message;
    while ((message = dp_outbox_take (crew_outbox (self->crew))) != NULL)
        dp_connection_push (self->brokers[message->to].connection, &message);
}

/* ---- The turn ------------------------------------------------------------------------------- */

static void carry_out (worker_t *self, int64_t now_ms, const crew_action_t *action)
{
    switch (action->kind) {
    case CREW_OPEN:
        open_connection (self, now_ms, action);
        return;
    case CREW_CLOSE:
        close_connection (self, &self->brokers[action->broker]);
        return;
    case CREW_START:
        worker_start_child (self, now_ms, action->place, action->session);
        return;
    case CREW_HAND:
        worker_hand (self, action);
        return;
    case CREW_TAKE_BACK:
        worker_take_back (self, now_ms, action);
        return;
    case CREW_FLAG:
        worker_flag (self, action);
        return;
    case CREW_SIGNAL:
        worker_signal (self, action->place, action->signal);
        return;
    case CREW_END:
        worker_end_child (self, action->place);
        return;
    case CREW_LOG:
        if (action->is_error || !self->is_quiet)
            worker_log (self, "%s", action->text);
        return;
    }
}

/* Answers to actions may lead to further actions, so it goes round until there are none. */
static int64_t decide (worker_t *self, int64_t now_ms)
{
    for (int round = 0; round < ROUNDS_A_TURN; round++) {
        crew_action_t action;
        int64_t deadline_ms = crew_tick (self->crew, now_ms);
        bool is_idle = true;
        while (crew_next_action (self->crew, &action)) {
            carry_out (self, now_ms, &action);
            is_idle = false;
        }
        push_messages (self);
        if (is_idle)
            return deadline_ms;
    }
    return now_ms;
}

/* True when there is more to do at once. */
static bool flush_broker (worker_t *self, int64_t now_ms, size_t i)
{
    worker_broker_t *broker = &self->brokers[i];
    if (broker->is_broken || !dp_connection_is_open (broker->connection))
        return false;
    if (dp_connection_flush (broker->connection) == 0)
        return dp_connection_has_mail (broker->connection);
    note_broken (self, now_ms, i);
    return true; /* the crew has to look at it */
}

int64_t worker_turn (worker_t *self)
{
    int64_t now_ms = dp_clock_ms ();
    bool has_more = false;
    worker_hear_places (self, now_ms);
    for (size_t i = 0; i < self->n_brokers; i++)
        has_more |= hear_broker (self, now_ms, i);
    int64_t deadline_ms = decide (self, now_ms);
    worker_flush_places (self, now_ms);
    for (size_t i = 0; i < self->n_brokers; i++)
        has_more |= flush_broker (self, now_ms, i);
    int64_t places_ms = worker_watch_places (self, now_ms);
    if (places_ms < deadline_ms)
        deadline_ms = places_ms;
    return has_more ? now_ms : deadline_ms;
}

void worker_drain (worker_t *self, bool is_now)
{
    crew_drain (self->crew, dp_clock_ms (), is_now);
}

bool worker_is_gone (const worker_t *self)
{
    return self->failure != NULL || crew_is_gone (self->crew);
}

const char *worker_failure (const worker_t *self)
{
    return self->failure;
}

bool worker_tell (const worker_t *self, dpool_worker_news_t *news)
{
    crew_stats_t stats;
    crew_stats (self->crew, &stats);
    news->n_brokers = self->n_brokers;
    news->n_connected = stats.n_connected;
    news->n_processes = stats.n_processes;
    news->n_busy = stats.n_busy;
    size_t n_away = 0;
    for (size_t i = 0; i < self->n_brokers; i++)
        n_away += self->brokers[i].is_complained;
    return stats.n_connected > 0 || n_away == self->n_brokers;
}
