/* SPDX-License-Identifier: MPL-2.0 */
#include "client/driver.h"

#include "client/io.h"
#include "net/clock.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

/* Who waits for a broker to come back gains nothing by looking for it himself. */
static bool is_for_drivers (const dpool_t *pool)
{
    return !pool->is_stopping && pool->failure == 0 && session_is_connected (pool->session);
}

bool driver_may_take (const dpool_t *pool)
{
    return helm_is_free (&pool->helm) && pool->n_applies == 1 && is_for_drivers (pool)
           && !pool_is_foreign (pool);
}

/* All signals but those of a thread's own faults, which cannot wait: held back, they end the program. */
static void hold_signals (sigset_t *before)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    sigset_t held;
    sigfillset (&held);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset (&held, faults[i]);
    pthread_sigmask (SIG_BLOCK, &held, before);
}

/* Sleep until something happens, with the signals that the thread had let through. As ppoll. */
static int sleep_until (dpool_t *pool, int64_t deadline_ms, const sigset_t *signals)
{
    size_t n = io_fill_items (pool, &pool->driver_items);
    int wait_ms = io_has_mail (pool) ? 0 : dp_clock_until (deadline_ms, dp_clock_ms ());
    struct timespec wait = { wait_ms / 1000, wait_ms % 1000 * 1000000L };
    return ppoll (pool->driver_items.items, n, wait_ms < 0 ? NULL : &wait, signals);
}

/* A handler ran: the loop is left as it is. It may have forked, and this be the child, which has nothing to
   do with the loop, and where who holds the lock is not. -1. */
static int leave_off (dpool_t *pool)
{
    if (pool_is_foreign (pool))
        pthread_mutex_init (&pool->lock, NULL);
    pthread_mutex_lock (&pool->lock);
    errno = EINTR;
    return -1;
}

/* One round of the loop, under the lock, which is let go meanwhile. 0; or -1 with EINTR. */
static int run_once (dpool_t *pool, int64_t deadline_ms, const sigset_t *signals)
{
    int64_t next_ms = io_step (pool);
    pthread_mutex_unlock (&pool->lock);
    io_turn (pool, &next_ms);
    int rc = sleep_until (pool, next_ms < deadline_ms ? next_ms : deadline_ms, signals);
    if (rc < 0)
        return leave_off (pool);
    pthread_mutex_lock (&pool->lock);
    helm_wake_up (&pool->helm);
    pthread_mutex_unlock (&pool->lock);
    if (rc > 0)
        io_hear (pool, pool->driver_items.items);
    io_take_in (pool);
    pthread_mutex_lock (&pool->lock);
    return 0;
}

/* In a fork of the program there is nobody to give it to. */
static void give_back (dpool_t *pool)
{
    if (pool_is_foreign (pool))
        return;
    bool is_quiet = !pool->is_stopping && session_is_idle (pool->session) && !io_has_mail (pool);
    pool_wake (pool, helm_give_back (&pool->helm, is_quiet));
}

/* Run the loop for a while. 0, also sooner; or -1 with ETIMEDOUT or EINTR. */
static int drive (dpool_t *pool, driver_is_done_t *is_done, const void *what, int64_t deadline_ms,
                  const sigset_t *signals)
{
    enum { MOST_ROUNDS = 16 }; /* what takes longer is the I/O thread's business */
    int code = 0;
    helm_take (&pool->helm);
    for (int i = 0; i < MOST_ROUNDS && code == 0 && !is_done (what); i++) {
        if (!is_for_drivers (pool) || helm_is_claimed (&pool->helm))
            break;
        if (deadline_ms <= dp_clock_ms ())
            code = ETIMEDOUT;
        else if (run_once (pool, deadline_ms, signals) < 0)
            code = EINTR;
    }
    give_back (pool);
    errno = code;
    return code == 0 ? 0 : -1;
}

int driver_wait (dpool_t *pool, dp_list_t *waiters, driver_is_done_t *is_done, const void *what,
                 int64_t deadline_ms)
{
    sigset_t before;
    int cancel_state;
    pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &cancel_state);
    hold_signals (&before);
    int rc = drive (pool, is_done, what, deadline_ms, &before);
    if (rc == 0 && !is_done (what))
        rc = waiter_wait_with (waiters, &pool->lock, deadline_ms, &before);
    int code = errno;
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    pthread_setcancelstate (cancel_state, NULL);
    errno = code;
    return rc;
}
