/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/hostile/attacker.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "net/clock.h"
#include "tests/swarm/usage.h"

enum {
    ONE_OF_CPU = 8,
    ONE_OF_BROKER = 6,
    BEGINNING_US = 2000, /* of CPU time, in which it is not compared with the broker */
    REST_US = 1000,
    ACTS_A_LOOK = 8,
    MOST_SOCKETS = 2000
};

typedef struct order_s {
    const attack_t *attack; /* in the memory of both, as it was before the fork; NULL = end */
    victim_t victim;
} order_t;

struct attacker_s {
    pid_t pid;
    int orders, answers; /* this process's ends of the pipes */
};

/* ---- The process --------------------------------------------------------------------------------- */

static bool is_ordered (int orders, int timeout_ms)
{
    struct pollfd item = { orders, POLLIN, 0 };
    return poll (&item, 1, timeout_ms) > 0;
}

/* What was at the beginning of an attack. */
typedef struct began_s {
    int64_t at_us, cpu_us, broker_us;
} began_t;

/* For how long it has to rest, since it has done too much. */
static int64_t rest_us (const scene_t *scene, const attack_t *attack, const began_t *began)
{
    if (scene->is_unpaced)
        return 0;
    int64_t passed_us = dp_clock_us () - began->at_us;
    int64_t used_us = usage_cpu_us (getpid ()) - began->cpu_us;
    int64_t least_us = used_us * ONE_OF_CPU;
    if (attack->most_per_s > 0) {
        int64_t paced_us = (int64_t) scene->n_acts * 1000000 / attack->most_per_s;
        least_us = paced_us > least_us ? paced_us : least_us;
    }
    if (least_us > passed_us)
        return least_us - passed_us;
    int64_t broker_us = usage_cpu_us (scene->broker) - began->broker_us;
    return used_us > BEGINNING_US && used_us * ONE_OF_BROKER > broker_us ? REST_US : 0;
}

/* Until the next order: act, and rest when that was too much. */
static void attack (scene_t *scene, const attack_t *attack, int orders)
{
    began_t began = { dp_clock_us (), usage_cpu_us (getpid ()), usage_cpu_us (scene->broker) };
    for (int rest_ms = 0; !is_ordered (orders, rest_ms);) {
        for (int i = 0; i < ACTS_A_LOOK; i++) {
            attack->act (scene, attack->role);
            scene->n_acts++;
        }
        int64_t rest = rest_us (scene, attack, &began);
        rest_ms = rest > 0 ? (int) (rest / 1000 + 1) : 0;
    }
}

static _Noreturn void be_attacker (scene_t *scene, int orders, int answers)
{
    order_t order;
    uint64_t n_acts = 0;
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    scene->context = zmq_ctx_new ();
    assert_non_null (scene->context);
    zmq_ctx_set (scene->context, ZMQ_MAX_SOCKETS, MOST_SOCKETS);
    while (read (orders, &order, sizeof order) == (ssize_t) sizeof order) {
        if (order.attack == NULL) {
            n_acts = scene->n_acts;
            scene_clear (scene);
        } else {
            scene->victim = order.victim;
            if (order.attack->begin != NULL)
                order.attack->begin (scene, order.attack->role);
        }
        if (write (answers, &n_acts, sizeof n_acts) < 0)
            break;
        if (order.attack != NULL)
            attack (scene, order.attack, orders);
    }
    scene_clear (scene);
    zmq_ctx_term (scene->context);
    _exit (EXIT_SUCCESS);
}

/* ---- Who tells it -------------------------------------------------------------------------------- */

attacker_t *attacker_new (const scene_t *scene)
{
    attacker_t *self = calloc (1, sizeof *self);
    int orders[2], answers[2];
    assert_non_null (self);
    assert_true (pipe (orders) == 0 && pipe (answers) == 0);
    self->pid = fork ();
    assert_true (self->pid >= 0);
    if (self->pid == 0) {
        scene_t own = *scene;
        close (orders[1]);
        close (answers[0]);
        be_attacker (&own, orders[0], answers[1]);
    }
    close (orders[0]);
    close (answers[1]);
    self->orders = orders[1];
    self->answers = answers[0];
    return self;
}

void attacker_destroy (attacker_t **self_p)
{
    attacker_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    close (self->orders);
    waitpid (self->pid, NULL, 0);
    close (self->answers);
    free (self);
}

pid_t attacker_pid (const attacker_t *self)
{
    return self->pid;
}

void attacker_tell (attacker_t *self, const attack_t *attack, const victim_t *victim)
{
    order_t order;
    memset (&order, 0, sizeof order);
    order.attack = attack;
    order.victim = *victim;
    assert_int_equal (write (self->orders, &order, sizeof order), sizeof order);
}

int attacker_fd (const attacker_t *self)
{
    return self->answers;
}

uint64_t attacker_take_answer (attacker_t *self)
{
    uint64_t n_acts;
    if (read (self->answers, &n_acts, sizeof n_acts) != (ssize_t) sizeof n_acts)
        fail_msg ("the attacker is gone");
    return n_acts;
}
