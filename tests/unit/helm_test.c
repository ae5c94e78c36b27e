/* SPDX-License-Identifier: MPL-2.0 */
/* Who runs a pool's loop: the rules one by one, and then threads that are played in any order. */
#include "tests/support/test.h"

#include "client/helm.h"

/* As it is when the I/O thread sleeps in its poll. */
static helm_t polling_helm (unsigned *n_drives)
{
    helm_t helm = { .has_thread = true };
    helm_step_done (&helm);
    *n_drives = helm_sleep (&helm, true);
    return helm;
}

/* As it is once a call was driven, and the I/O thread has found out. */
static helm_t resting_helm (helm_rest_t *rest)
{
    unsigned n_drives;
    helm_t helm = polling_helm (&n_drives);
    helm_take (&helm);
    helm_step_done (&helm);
    assert_int_equal (helm_give_back (&helm, true), HELM_POLL); /* it still polls, and is to rest */
    assert_false (helm_rise (&helm, n_drives));
    *rest = helm_begin_rest (&helm, n_drives, 0);
    assert_int_equal (helm_look (&helm, rest, 0), HELM_LOOK_LATER);
    return helm;
}

static void is_taken_only_from_a_thread_that_sleeps (void **state)
{
    (void) state;
    helm_t helm = { .has_thread = false };
    assert_false (helm_is_free (&helm));
    helm.has_thread = true;
    assert_false (helm_is_free (&helm)); /* it runs */
    helm_sleep (&helm, false);
    assert_false (helm_is_free (&helm));
    helm_sleep (&helm, true);
    assert_true (helm_is_free (&helm));
    helm_take (&helm);
    assert_false (helm_is_free (&helm));
}

static void is_not_taken_from_a_thread_that_was_woken (void **state)
{
    (void) state;
    unsigned n_drives;
    helm_t helm = polling_helm (&n_drives);
    assert_int_equal (helm_call (&helm), HELM_POLL);
    assert_false (helm_is_free (&helm));
    assert_int_equal (helm_call (&helm), HELM_NOBODY); /* once is enough */
    assert_true (helm_rise (&helm, n_drives));
}

static void wakes_the_driver_while_one_drives (void **state)
{
    (void) state;
    helm_rest_t rest;
    helm_t helm = resting_helm (&rest);
    helm_take (&helm);
    helm_step_done (&helm);
    assert_int_equal (helm_call (&helm), HELM_POLL);
    helm_wake_up (&helm);
    assert_int_equal (helm_call (&helm), HELM_NOBODY); /* it is awake */
}

static void rests_on_when_all_is_quiet (void **state)
{
    (void) state;
    helm_rest_t rest;
    helm_t helm = resting_helm (&rest);
    for (int64_t ms = 20; ms < HELM_REST_MS; ms += 20) {
        helm_take (&helm);
        helm_step_done (&helm);
        assert_int_equal (helm_give_back (&helm, true), HELM_NOBODY);
        assert_int_equal (helm_look (&helm, &rest, ms), HELM_LOOK_LATER);
    }
    helm_take (&helm);
    helm_give_back (&helm, true);
    assert_int_equal (helm_look (&helm, &rest, HELM_REST_MS), HELM_GO); /* there is housekeeping */
}

static void takes_the_loop_back_when_nobody_drives (void **state)
{
    (void) state;
    helm_rest_t rest;
    helm_t helm = resting_helm (&rest);
    assert_int_equal (helm_look (&helm, &rest, 20), HELM_GO);
    helm_end_rest (&helm);
    assert_false (helm_is_free (&helm));
}

static void is_called_back_when_something_is_left (void **state)
{
    (void) state;
    helm_rest_t rest;
    helm_t helm = resting_helm (&rest);
    helm_take (&helm);
    assert_int_equal (helm_give_back (&helm, false), HELM_REST);
    assert_false (helm_is_free (&helm));
    assert_int_equal (helm_look (&helm, &rest, 1), HELM_GO);
}

/* Nothing may be unfinished, and yet something to send: a question, a cancel, the end. */
static void is_called_back_when_the_driver_was_told_more (void **state)
{
    (void) state;
    helm_rest_t rest;
    helm_t helm = resting_helm (&rest);
    helm_take (&helm);
    helm_step_done (&helm);
    helm_wake_up (&helm);
    assert_int_equal (helm_call (&helm), HELM_NOBODY);
    assert_int_equal (helm_give_back (&helm, true), HELM_REST);
}

static void claims_the_loop_from_who_keeps_it (void **state)
{
    (void) state;
    helm_rest_t rest;
    helm_t helm = resting_helm (&rest);
    helm_take (&helm);
    assert_int_equal (helm_look (&helm, &rest, 20), HELM_LOOK_LATER);
    assert_int_equal (helm_look (&helm, &rest, 40), HELM_CLAIM);
    assert_true (helm_is_claimed (&helm));
    assert_int_equal (helm_look (&helm, &rest, 41), HELM_WAIT);
    assert_int_equal (helm_give_back (&helm, true), HELM_REST);
    assert_int_equal (helm_look (&helm, &rest, 42), HELM_GO);
}

/* ---- Any order ------------------------------------------------------------------------------ */

typedef enum { RUNS, SLEEPS, RESTS, IS_AWAY } place_t;

/* An I/O thread, one that waits for calls, and one that does things under the lock, with what wakes them. */
typedef struct world_s {
    helm_t helm;
    place_t io, driver; /* RUNS: behind its step, before it sleeps */
    unsigned n_drives;  /* what the I/O thread was given when it fell asleep */
    helm_rest_t rest;
    int64_t now_ms;
    bool is_set, is_signalled; /* the eventfd, the condition variable */
    helm_wake_t late;          /* a wake that is still to come from behind the lock */
    bool is_unseen;            /* something was done that no step has seen */
    uint64_t seed;
} world_t;

static unsigned draw (world_t *self, unsigned n)
{
    self->seed = self->seed * UINT64_C (6364136223846793005) + 1442695040888963407;
    return (unsigned) (self->seed >> 33) % n;
}

static void wake (world_t *self, helm_wake_t where)
{
    self->is_set |= where == HELM_POLL;
    self->is_signalled |= where == HELM_REST && self->io == RESTS;
}

static void step (world_t *self)
{
    self->is_unseen = false;
    helm_step_done (&self->helm);
}

static void io_goes_on (world_t *self)
{
    helm_end_rest (&self->helm);
    step (self);
    self->io = RUNS;
}

static void io_looks (world_t *self)
{
    helm_step_t what = helm_look (&self->helm, &self->rest, self->now_ms);
    self->is_signalled = false;
    if (what == HELM_CLAIM)
        wake (self, HELM_POLL);
    if (what == HELM_GO)
        io_goes_on (self);
}

/* False = it sleeps on. */
static bool move_io (world_t *self)
{
    if (self->io == RUNS) {
        self->n_drives = helm_sleep (&self->helm, true);
        self->io = SLEEPS;
        return true;
    }
    if (self->io == SLEEPS) {
        if (!self->is_set)
            return false;
        self->is_set = !helm_rise (&self->helm, self->n_drives); /* it drains only what is its own */
        self->rest = helm_begin_rest (&self->helm, self->n_drives, self->now_ms);
        self->io = RESTS;
        io_looks (self);
        return true;
    }
    bool is_timed = !(self->helm.is_driven && self->helm.is_wanted);
    if (!self->is_signalled && !is_timed)
        return false;
    self->now_ms += self->is_signalled ? 0 : HELM_LOOK_MS;
    io_looks (self);
    return true;
}

static bool move_driver (world_t *self)
{
    if (self->driver == RUNS) {
        self->driver = SLEEPS;
        return true;
    }
    if (self->driver != SLEEPS || !self->is_set)
        return false;
    helm_wake_up (&self->helm);
    self->is_set = false;
    if (helm_is_claimed (&self->helm) || draw (self, 2) == 0) {
        self->driver = IS_AWAY;
        wake (self, helm_give_back (&self->helm, draw (self, 2) == 0));
    } else {
        step (self);
        self->driver = RUNS;
    }
    return true;
}

/* What the world does by itself: a call begins, ends; something is done under the lock. */
static void disturb (world_t *self)
{
    unsigned what = draw (self, 4);
    if (what == 0 && self->driver == IS_AWAY && helm_is_free (&self->helm)) {
        helm_take (&self->helm);
        step (self);
        self->driver = RUNS;
    } else if (what == 1)
        self->is_set = true; /* a child has answered */
    else if (what == 2 && self->late == HELM_NOBODY) {
        self->is_unseen = true;
        self->late = helm_call (&self->helm);
    }
}

static void wake_late (world_t *self)
{
    wake (self, self->late);
    self->late = HELM_NOBODY;
}

static bool is_sound (const world_t *self)
{
    bool is_driven = self->driver != IS_AWAY;
    return is_driven == self->helm.is_driven && !(is_driven && self->io == RUNS)
           && (self->io == RESTS) == self->helm.is_resting;
}

/* Whatever was done under the lock is seen, once all wakes have come and nothing new happens. */
static void loses_no_wake_and_runs_the_loop_once (void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        world_t world = { .helm = { .has_thread = true }, .driver = IS_AWAY, .seed = seed };
        step (&world);
        for (int i = 0; i < 200; i++) {
            unsigned who = draw (&world, 8);
            if (who < 3)
                move_io (&world);
            else if (who < 5)
                move_driver (&world);
            else if (who == 5)
                wake_late (&world);
            else
                disturb (&world);
            assert_true (is_sound (&world));
        }
        wake_late (&world);
        for (int i = 0; i < 20 && world.is_unseen; i++) {
            move_driver (&world);
            move_io (&world);
        }
        assert_false (world.is_unseen);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (is_taken_only_from_a_thread_that_sleeps),
        cmocka_unit_test (is_not_taken_from_a_thread_that_was_woken),
        cmocka_unit_test (wakes_the_driver_while_one_drives),
        cmocka_unit_test (rests_on_when_all_is_quiet),
        cmocka_unit_test (takes_the_loop_back_when_nobody_drives),
        cmocka_unit_test (is_called_back_when_something_is_left),
        cmocka_unit_test (is_called_back_when_the_driver_was_told_more),
        cmocka_unit_test (claims_the_loop_from_who_keeps_it),
        cmocka_unit_test (loses_no_wake_and_runs_the_loop_once),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
