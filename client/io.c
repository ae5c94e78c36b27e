/* SPDX-License-Identifier: MPL-2.0 */
#include "client/io.h"

#include "client/async_result.h"
#include "core/memory.h"
#include "net/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    RECEIVE_MOST = 256, /* messages a turn, so that sending gets its turn too */
    GOODBYE_MS = 500    /* how long BYE and the last cancels may take to leave */
};

static void carry_out (dpool_t *pool, dp_link_command_t command)
{
    if (command == LINK_CLOSE) {
        dp_connection_close (pool->connection, 0);
        return;
    }
    const char *endpoint = pool->endpoints[session_endpoint (pool->session)];
    if (dp_connection_open (pool->connection, endpoint) < 0 && pool->failure == 0) {
        pool->failure = errno;
        snprintf (pool->failure_text, sizeof pool->failure_text, "cannot connect to %s: %s", endpoint,
                  zmq_strerror (errno));
        waiter_wake_all (&pool->waiters);
    }
}

static bool is_beginning (dp_reach_t reach)
{
    return reach == DP_LOOKING_UP || reach == DP_CONNECTING;
}

/* An attempt that has just begun says less of its endpoint than what became of the one before. */
static dp_reach_t find_reach (dpool_t *pool)
{
    dp_reach_t reach = dp_connection_reach (pool->connection);
    size_t endpoint = session_endpoint (pool->session);
    if (is_beginning (reach) && !is_beginning (pool->reach) && endpoint == pool->reach_endpoint)
        return pool->reach;
    pool->reach_endpoint = endpoint;
    return reach;
}

/* What has become known of the broker since the last time may be what somebody waits for. */
static void note_connection (dpool_t *pool)
{
    bool is_connected = session_is_connected (pool->session);
    size_t processes = session_processes (pool->session);
    dp_reach_t reach = find_reach (pool);
    if (reach != pool->reach || is_connected != pool->is_connected || processes != pool->processes)
        waiter_wake_all (&pool->waiters);
    if (reach == DP_OTHER_WAY || reach == DP_KEY_UNKNOWN)
        pool->rejection = reach;
    pool->reach = reach;
    pool->is_connected = is_connected;
    pool->processes = processes;
}

int64_t io_step (dpool_t *pool)
{
    int64_t now_ms = dp_clock_ms ();
    if (dp_connection_is_open (pool->connection) && dp_connection_is_broken (pool->connection)) {
        note_connection (pool);
        session_broken (pool->session, now_ms);
    }
    int64_t deadline_ms = session_tick (pool->session, now_ms);
    for (dp_link_command_t command; (command = session_next_command (pool->session)) != LINK_NOTHING;)
        carry_out (pool, command);
    note_connection (pool);
    pool_deliver (pool);
    for (dp_outgoing_t *message; (message = dp_outbox_take (session_outbox (pool->session))) != NULL;)
        dp_connection_push (pool->connection, &message);
    helm_step_done (&pool->helm);
    return deadline_ms;
}

static void receive (dpool_t *pool)
{
    dp_incoming_t incoming;
    for (size_t i = 0; i < RECEIVE_MOST; i++) {
        int rc = dp_connection_receive (pool->connection, &incoming, session_max_payload (pool->session));
        if (rc <= 0)
            return;
        pthread_mutex_lock (&pool->lock);
        if (incoming.malformed != NULL)
            session_broken (pool->session, dp_clock_ms ());
        else
            session_receive (pool->session, dp_clock_ms (), &incoming.message, incoming.blobs);
        if (incoming.malformed == NULL
            && (incoming.message.kind == WIRE_ANSWER || incoming.message.kind == WIRE_REFUSED))
            waiter_wake_all (&pool->waiters);
        pool_deliver (pool);
        pthread_mutex_unlock (&pool->lock);
        dp_incoming_fini (&incoming);
    }
}

static void run_embedded (dpool_t *pool, int64_t *deadline_ms)
{
    if (pool->embedded == NULL)
        return;
    int64_t embedded_ms = embedded_turn (pool->embedded);
    if (embedded_ms < *deadline_ms)
        *deadline_ms = embedded_ms;
    const char *why = embedded_failure (pool->embedded);
    if (why == NULL)
        return;
    pthread_mutex_lock (&pool->lock);
    if (pool->failure == 0) {
        pool->failure = DPOOL_EBROKERLOST;
        snprintf (pool->failure_text, sizeof pool->failure_text, "%s", why);
        session_terminate (pool->session, dp_clock_ms ());
        pool_deliver (pool);
        waiter_wake_all (&pool->waiters);
    }
    pthread_mutex_unlock (&pool->lock);
}

/* Send, and run broker and worker. True when the connection turned out to be broken: look again at once. */
static bool turn (dpool_t *pool, int64_t *deadline_ms)
{
    bool is_broken = dp_connection_is_open (pool->connection) && dp_connection_flush (pool->connection) < 0;
    run_embedded (pool, deadline_ms);
    return is_broken;
}

void io_turn (dpool_t *pool, int64_t *deadline_ms)
{
    if (turn (pool, deadline_ms))
        *deadline_ms = 0;
}

void io_take_in (dpool_t *pool)
{
    int64_t deadline_ms = DP_NEVER;
    run_embedded (pool, &deadline_ms);
    receive (pool);
}

size_t io_fill_items (dpool_t *pool, io_items_t *set)
{
    size_t most = 1 + DP_CONNECTION_POLL + (pool->embedded != NULL ? embedded_poll_max (pool->embedded) : 0);
    if (most > set->capacity) {
        set->items = dp_must_realloc (set->items, most * sizeof *set->items);
        set->capacity = most;
    }
    set->items[0] = (struct pollfd) { pool->wake_fd, POLLIN, 0 };
    size_t n = 1 + dp_connection_poll (pool->connection, set->items + 1);
    if (pool->embedded != NULL)
        n += embedded_poll (pool->embedded, set->items + n, most - n);
    return n;
}

bool io_has_mail (dpool_t *pool)
{
    return dp_connection_has_mail (pool->connection);
}

static void drain_wake (const dpool_t *pool)
{
    uint64_t count;
    ssize_t rc = read (pool->wake_fd, &count, sizeof count);
    (void) rc;
}

void io_hear (dpool_t *pool, const struct pollfd *items)
{
    size_t n = 1 + dp_connection_hear (pool->connection, items + 1);
    if (pool->embedded != NULL)
        embedded_hear (pool->embedded, items + n);
    if (items[0].revents != 0)
        drain_wake (pool);
}

/* Nothing is to be done now. Returns when to look again. */
static int64_t tidy (dpool_t *pool)
{
    enum { RESULT = 256 }; /* bytes, about */
    int64_t now_ms = dp_clock_ms ();
    if (dp_tidy_is_due (&pool->tidy, now_ms, (uint64_t) atomic_load (&pool->n_holds) * RESULT)) {
        pthread_mutex_lock (&pool->lock);
        session_tidy (pool->session);
        pthread_mutex_unlock (&pool->lock);
        async_result_tidy (pool);
        if (pool->embedded != NULL)
            embedded_tidy (pool->embedded);
        dp_tidy_up (&pool->tidy);
    }
    return dp_tidy_deadline_ms (&pool->tidy);
}

/* Until somebody signals, or until a time. Under the lock. */
static void nap (dpool_t *pool, int64_t until_ms)
{
    struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000L };
    if (until_ms == DP_NEVER)
        pthread_cond_wait (&pool->rest, &pool->lock);
    else
        pthread_cond_clockwait (&pool->rest, &pool->lock, CLOCK_MONOTONIC, &until);
}

/* Under the lock: leave the loop to those who drive it. */
static void rest (dpool_t *pool, unsigned n_drives)
{
    int64_t now_ms = dp_clock_ms ();
    helm_rest_t rest = helm_begin_rest (&pool->helm, n_drives, now_ms);
    for (helm_step_t step; (step = helm_look (&pool->helm, &rest, now_ms)) != HELM_GO;
         now_ms = dp_clock_ms ()) {
        if (step == HELM_CLAIM)
            pool_wake (pool, HELM_POLL);
        nap (pool, step == HELM_LOOK_LATER ? now_ms + HELM_LOOK_MS : DP_NEVER);
    }
    helm_end_rest (&pool->helm);
}

/* Sleep until something happens. Whatever is done under the lock from now on must wake us. False = somebody
   has driven the loop meanwhile. */
static bool sleep_until (dpool_t *pool, int64_t deadline_ms, bool is_urgent)
{
    size_t n = io_fill_items (pool, &pool->items);
    if (!is_urgent) {
        int64_t tidy_ms = tidy (pool);
        deadline_ms = tidy_ms < deadline_ms ? tidy_ms : deadline_ms;
    }
    int timeout_ms = is_urgent ? 0 : dp_clock_until (deadline_ms, dp_clock_ms ());
    pthread_mutex_lock (&pool->lock);
    unsigned n_drives = helm_sleep (&pool->helm, !is_urgent);
    pthread_mutex_unlock (&pool->lock);
    int rc = poll (pool->items.items, n, timeout_ms);
    pthread_mutex_lock (&pool->lock);
    bool is_mine = helm_rise (&pool->helm, n_drives);
    rest (pool, n_drives);
    pthread_mutex_unlock (&pool->lock);
    if (rc > 0 && is_mine)
        io_hear (pool, pool->items.items);
    return is_mine;
}

/* What was lent is the broker's until it has copied it: taken back before, it would cost what comes behind.
 */
static void await_copies (const dpool_t *pool)
{
    enum { LOOK_EVERY_MS = 5 };
    int64_t deadline_ms = dp_clock_ms () + GOODBYE_MS;
    while (dp_connection_is_lending (pool->connection) && dp_clock_ms () < deadline_ms)
        poll (NULL, 0, LOOK_EVERY_MS);
}

/* Let BYE and the last cancels out. */
static void say_goodbye (dpool_t *pool)
{
    pthread_mutex_lock (&pool->lock);
    session_leave (pool->session);
    for (dp_outgoing_t *message; (message = dp_outbox_take (session_outbox (pool->session))) != NULL;)
        dp_connection_push (pool->connection, &message);
    pthread_mutex_unlock (&pool->lock);
    if (dp_connection_is_open (pool->connection))
        dp_connection_flush (pool->connection);
    await_copies (pool);
    dp_connection_close (pool->connection, GOODBYE_MS);
}

static void *run (void *argument)
{
    dpool_t *pool = argument;
    for (;;) {
        pthread_mutex_lock (&pool->lock);
        int64_t deadline_ms = io_step (pool);
        bool is_stopping = pool->is_stopping;
        pthread_mutex_unlock (&pool->lock);
        if (is_stopping)
            break;
        bool is_urgent = turn (pool, &deadline_ms);
        is_urgent |= io_has_mail (pool);
        if (sleep_until (pool, deadline_ms, is_urgent))
            io_take_in (pool);
    }
    say_goodbye (pool);
    embedded_destroy (&pool->embedded);
    dp_connection_destroy (&pool->connection);
    return NULL;
}

int io_start (dpool_t *pool)
{
    pool->connection = pool->embedded != NULL ? dp_connection_new_at (embedded_exchange (pool->embedded))
                                              : dp_connection_new (pool->context);
    if (pool->connection == NULL)
        return -1;
    if (pool->inbox != NULL)
        dp_connection_share (pool->connection, pool->arena, pool->inbox);
    if (pool->is_secure)
        dp_connection_secure (pool->connection, &pool->keys);
    /* The program's signals are the program's threads' business. */
    sigset_t all, before;
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    int code = pthread_create (&pool->io_thread, NULL, run, pool);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    pool->helm.has_thread = code == 0;
    if (code == 0)
        return 0;
    dp_connection_destroy (&pool->connection);
    errno = code;
    return -1;
}

void io_stop (dpool_t *pool)
{
    if (!pool->helm.has_thread)
        return;
    pool_lock (pool);
    pool->is_stopping = true;
    pool_unlock (pool);
    pthread_join (pool->io_thread, NULL);
    pthread_mutex_lock (&pool->lock);
    pool->helm.has_thread = false;
    pthread_mutex_unlock (&pool->lock);
}
