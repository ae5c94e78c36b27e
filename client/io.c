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

/* Under the lock: let the session decide, and take what it wants sent. */
static int64_t step (dpool_t *pool, int64_t now_ms)
{
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

static size_t fill_items (dpool_t *pool, io_items_t *set)
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

static void drain_wake (const dpool_t *pool)
{
    uint64_t count;
    ssize_t rc = read (pool->wake_fd, &count, sizeof count);
    (void) rc;
}

/* What the poll has said of fill_items' items. */
static void hear (dpool_t *pool, const struct pollfd *items)
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

static struct timespec after_ms (int64_t now_ms, int64_t wait_ms)
{
    int64_t at_ms = now_ms + wait_ms;
    return (struct timespec) { at_ms / 1000, at_ms % 1000 * 1000000L };
}

/* Under the lock, on the I/O thread: leave the loop to those who drive it, until nobody has for a while, or
   has left something undone. Who drives calls often finds us here, and need not wake us. */
static void rest (dpool_t *pool, unsigned seen)
{
    enum { REST_MS = 20 }; /* and so long at most nobody looks at what nobody waits for */
    pool->is_io_resting = true;
    while (pool->is_driven || (!pool->is_io_wanted && seen != pool->n_drives)) {
        seen = pool->n_drives;
        struct timespec until = after_ms (dp_clock_ms (), REST_MS);
        pthread_cond_clockwait (&pool->rest, &pool->lock, CLOCK_MONOTONIC, &until);
    }
    pool->is_io_resting = false;
    pool->is_io_wanted = false;
}

/* Sleep until something happens. Whatever is done under the lock from now on must wake us. False = somebody
   has driven the loop meanwhile. */
static bool sleep_until (dpool_t *pool, int64_t deadline_ms, bool is_urgent)
{
    size_t n = fill_items (pool, &pool->items);
    if (!is_urgent) {
        int64_t tidy_ms = tidy (pool);
        deadline_ms = tidy_ms < deadline_ms ? tidy_ms : deadline_ms;
    }
    int timeout_ms = is_urgent ? 0 : dp_clock_until (deadline_ms, dp_clock_ms ());
    pthread_mutex_lock (&pool->lock);
    pool->is_io_polling = !is_urgent && pool->embedded != NULL;
    unsigned n_drives = pool->n_drives;
    pthread_mutex_unlock (&pool->lock);
    int rc = poll (pool->items.items, n, timeout_ms);
    pthread_mutex_lock (&pool->lock);
    pool->is_io_polling = false;
    bool is_mine = n_drives == pool->n_drives;
    rest (pool, n_drives);
    pool->is_io_asleep = false;
    pthread_mutex_unlock (&pool->lock);
    if (rc > 0 && is_mine)
        hear (pool, pool->items.items);
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
        int64_t deadline_ms = step (pool, dp_clock_ms ());
        bool is_stopping = pool->is_stopping;
        pool->is_io_asleep = true;
        pthread_mutex_unlock (&pool->lock);
        if (is_stopping)
            break;
        bool is_urgent
            = dp_connection_is_open (pool->connection) && dp_connection_flush (pool->connection) < 0;
        run_embedded (pool, &deadline_ms);
        is_urgent |= dp_connection_has_mail (pool->connection);
        if (!sleep_until (pool, deadline_ms, is_urgent))
            continue;
        run_embedded (pool, &deadline_ms);
        receive (pool);
    }
    say_goodbye (pool);
    embedded_destroy (&pool->embedded);
    dp_connection_destroy (&pool->connection);
    return NULL;
}

bool io_can_drive (const dpool_t *pool)
{
    bool is_free = pool->is_io_polling || pool->is_io_resting;
    return pool->embedded != NULL && is_free && !pool->is_driven && !pool->is_io_wanted && pool->has_io_thread
           && !pool->is_stopping && pool->failure == 0 && pool->n_applies == 1 && !pool_is_foreign (pool);
}

/* Sleep with the signals that the thread had let through, so that none is missed. As ppoll. */
static int drive_sleep (dpool_t *pool, int64_t deadline_ms, const sigset_t *signals)
{
    size_t n = fill_items (pool, &pool->driver_items);
    int64_t now_ms = dp_clock_ms ();
    int wait_ms = dp_connection_has_mail (pool->connection) ? 0 : dp_clock_until (deadline_ms, now_ms);
    struct timespec wait = after_ms (0, wait_ms);
    return ppoll (pool->driver_items.items, n, wait_ms < 0 ? NULL : &wait, signals);
}

/* One round of the loop, under the lock, which is let go meanwhile. 0 or -1 with errno EINTR. */
static int drive_once (dpool_t *pool, int64_t deadline_ms, const sigset_t *signals)
{
    int64_t next_ms = step (pool, dp_clock_ms ());
    pool->is_io_asleep = true;
    pthread_mutex_unlock (&pool->lock);
    dp_connection_flush (pool->connection);
    run_embedded (pool, &next_ms);
    int rc = drive_sleep (pool, next_ms < deadline_ms ? next_ms : deadline_ms, signals);
    bool is_interrupted = rc < 0;
    pthread_mutex_lock (&pool->lock);
    pool->is_io_asleep = false;
    pthread_mutex_unlock (&pool->lock);
    if (rc > 0)
        hear (pool, pool->driver_items.items);
    run_embedded (pool, &next_ms);
    receive (pool);
    pthread_mutex_lock (&pool->lock);
    errno = EINTR;
    return is_interrupted ? -1 : 0;
}

/* To nobody, where all is done: the I/O thread rests, and looks soon. */
static void hand_back (dpool_t *pool)
{
    pool->is_driven = false;
    pool->is_io_asleep = true;
    bool is_quiet
        = !pool->is_stopping && session_is_idle (pool->session) && !dp_connection_has_mail (pool->connection);
    if (!is_quiet)
        pool_wake_io (pool);
    else if (pool->is_io_polling) { /* for what was there before: it is to rest */
        uint64_t one = 1;
        ssize_t rc = write (pool->wake_fd, &one, sizeof one);
        (void) rc; /* an eventfd takes it, or is set already */
    }
}

int io_drive (dpool_t *pool, io_is_done_t *is_done, const void *what, int64_t deadline_ms)
{
    enum { MOST_ROUNDS = 16 }; /* what takes longer is the I/O thread's business */
    sigset_t all, before;
    sigfillset (&all);
    int cancel_state;
    pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &cancel_state);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    pool->is_driven = true;
    pool->n_drives++;
    int code = 0;
    for (int i = 0; i < MOST_ROUNDS && code == 0 && !is_done (what) && !pool->is_stopping; i++) {
        if (deadline_ms <= dp_clock_ms ())
            code = ETIMEDOUT;
        else if (drive_once (pool, deadline_ms, &before) < 0)
            code = EINTR;
    }
    /* A signal that came between is to end the wait, too. */
    struct timespec now = { 0, 0 };
    if (code == 0 && !is_done (what) && ppoll (NULL, 0, &now, &before) < 0)
        code = EINTR;
    hand_back (pool);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    pthread_setcancelstate (cancel_state, NULL);
    errno = code;
    return code == 0 ? 0 : -1;
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
    pool->has_io_thread = code == 0;
    if (code == 0)
        return 0;
    dp_connection_destroy (&pool->connection);
    errno = code;
    return -1;
}

void io_stop (dpool_t *pool)
{
    if (!pool->has_io_thread)
        return;
    pool_lock (pool);
    pool->is_stopping = true;
    pool_unlock (pool);
    pthread_join (pool->io_thread, NULL);
    pthread_mutex_lock (&pool->lock);
    pool->has_io_thread = false;
    pthread_mutex_unlock (&pool->lock);
}
