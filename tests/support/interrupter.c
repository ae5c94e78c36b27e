/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/support/interrupter.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct interrupter_s {
    pthread_t target, thread;
    struct sigaction before;
    atomic_bool is_over;
};

static void do_nothing (int number)
{
    (void) number;
}

/* Repeated, since the first signal may come before the target waits. */
static void *interrupt (void *argument)
{
    interrupter_t *self = argument;
    while (!atomic_load (&self->is_over)) {
        nanosleep (&(struct timespec) { 0, 5000000 }, NULL);
        pthread_kill (self->target, SIGUSR1);
    }
    return NULL;
}

interrupter_t *interrupter_new (bool is_restarting)
{
    interrupter_t *self = calloc (1, sizeof *self);
    struct sigaction action = { .sa_handler = do_nothing, .sa_flags = is_restarting ? SA_RESTART : 0 };
    if (!self)
        fail_msg ("out of memory");
    self->target = pthread_self ();
    sigaction (SIGUSR1, &action, &self->before);
    assert_int_equal (pthread_create (&self->thread, NULL, interrupt, self), 0);
    return self;
}

void interrupter_destroy (interrupter_t **self_p)
{
    interrupter_t *self = *self_p;
    if (!self)
        return;
    atomic_store (&self->is_over, true);
    pthread_join (self->thread, NULL);
    sigaction (SIGUSR1, &self->before, NULL);
    free (self);
    *self_p = NULL;
}
