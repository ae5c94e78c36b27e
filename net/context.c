/* SPDX-License-Identifier: MPL-2.0 */
#include "net/context.h"

#include "core/error.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <zmq.h>

enum { THREADS = 5 }; /* ZeroMQ's two, and those for messages, callbacks and names of hosts */

static void *wait_and_end (void *lock)
{
    pthread_mutex_lock (lock);
    pthread_mutex_unlock (lock);
    return NULL;
}

/* Start so many and end them again. 0 or an errno. The program's signals are none of theirs. */
static int try_threads (void)
{
    pthread_t threads[THREADS];
    pthread_mutex_t lock;
    sigset_t all, before;
    int n = 0, code = 0;
    pthread_mutex_init (&lock, NULL);
    pthread_mutex_lock (&lock); /* all of them are there at the same time */
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    while (n < THREADS && (code = pthread_create (&threads[n], NULL, wait_and_end, &lock)) == 0)
        n++;
    pthread_mutex_unlock (&lock);
    while (n > 0)
        pthread_join (threads[--n], NULL);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    pthread_mutex_destroy (&lock);
    return code;
}

void *dp_context_new (void)
{
    int code = try_threads ();
    if (code != 0) {
        dp_fail (code, "%d threads are needed and cannot be started: %s", THREADS, dpool_strerror (code));
        return NULL;
    }
    void *context = zmq_ctx_new ();
    if (context == NULL)
        dp_fail_errno ("cannot make a ZeroMQ context");
    return context;
}
