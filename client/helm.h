/* SPDX-License-Identifier: MPL-2.0 */
/*
 * helm.h - who runs a pool's loop: its I/O thread or a thread that waits, which then is its driver. Pure: the
 * threads (io.c, driver.c, pool.c) ask it under the pool's lock, and do what it says.
 *
 * The I/O thread sleeps in its poll: a driver may take the loop from it. The I/O thread, woken by what the
 * driver's poll is woken by too, finds that, and from then on rests on a condition variable, so that the next
 * calls are driven without it. It takes the loop back when it is wanted, when nobody drives any more, and
 * once in a while in any case; from a driver that keeps it for long it claims it.
 */
#ifndef HELM_H_INCLUDED
#define HELM_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

/* Where whoever is to be woken sleeps. */
typedef enum {
    HELM_NOBODY,
    HELM_POLL, /* in the poll of the loop, which has an eventfd among its items */
    HELM_REST  /* on the condition variable */
} helm_wake_t;

/* Zeroed = there is no I/O thread yet. */
typedef struct helm_s {
    bool has_thread; /* the I/O thread is there: whoever starts and joins it says so */
    bool is_asleep;  /* whoever runs the loop must be woken for what is done under the lock */
    bool is_polling; /* the I/O thread sleeps in its poll, and lets the loop be taken */
    bool is_resting; /* it has left the loop to drivers */
    bool is_wanted;  /* it is to take the loop (back): nobody else does before */
    bool is_driven;
    bool is_told;      /* something was done under the lock since the driver's last step */
    unsigned n_drives; /* so far: by their change the I/O thread sees that somebody drives */
} helm_t;

/* ---- All threads ---- */

/* Something was done under the lock that the loop is to see: whom to wake for it? It is the caller's to do
   then, and may be done behind the lock. */
helm_wake_t helm_call (helm_t *self);

/* ---- Whoever runs the loop ---- */

/* It has seen all that was done under the lock until now, and does not look again by itself. */
void helm_step_done (helm_t *self);
/* It has woken up, and will look. */
void helm_wake_up (helm_t *self);

/* ---- Drivers ---- */

/* May a thread that waits take the loop? */
bool helm_is_free (const helm_t *self);
void helm_take (helm_t *self);
/* Is the loop wanted back? */
bool helm_is_claimed (const helm_t *self);
/* Give it back. is_quiet: nothing is left that anybody waits for, so the I/O thread may rest on. Whom to
   wake, under the lock. */
helm_wake_t helm_give_back (helm_t *self, bool is_quiet);

/* ---- The I/O thread ---- */

/* It polls from now on; may_be_taken: others may run the loop meanwhile. Returns what helm_rise wants. */
unsigned helm_sleep (helm_t *self, bool may_be_taken);
/* It is back from its poll. False = somebody has driven meanwhile: what the poll said is not true any more.
   Then it rests, by the three functions below, and has the loop. */
bool helm_rise (helm_t *self, unsigned n_drives);

enum {
    HELM_LOOK_MS = 20,   /* so often the resting I/O thread looks whether somebody drives */
    HELM_REST_MS = 1000, /* and so long it rests at most: there is housekeeping, which no driver does */
};

/* A rest of the I/O thread. */
typedef struct helm_rest_s {
    unsigned n_drives; /* when it looked last */
    int64_t end_ms;
} helm_rest_t;

typedef enum {
    HELM_GO,         /* the rest is over: run the loop */
    HELM_LOOK_LATER, /* in HELM_LOOK_MS, or when woken */
    HELM_CLAIM,      /* one drives for long: wake the driver (in its poll), then as HELM_WAIT */
    HELM_WAIT        /* until woken, by the driver that gives back */
} helm_step_t;

/* n_drives as helm_sleep gave it. */
helm_rest_t helm_begin_rest (helm_t *self, unsigned n_drives, int64_t now_ms);
helm_step_t helm_look (helm_t *self, helm_rest_t *rest, int64_t now_ms);
void helm_end_rest (helm_t *self);

#endif
