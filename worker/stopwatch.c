/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/stopwatch.h"

#include "net/clock.h"

enum { UNSEEN_US = 16, MOST_LAPS = 32 };

void stopwatch_start (stopwatch_t *self)
{
    self->at_us = dp_clock_us ();
    self->tick = dp_clock_tick ();
    self->n_skipped = 0; /* the laps may be as long as those of the row before */
}

/* How many laps as long as these took may pass unseen. */
static unsigned most_laps (int64_t took_us, unsigned n_laps)
{
    int64_t most = took_us > 0 ? UNSEEN_US * (int64_t) n_laps / took_us : MOST_LAPS;
    return most < MOST_LAPS ? (unsigned) most : MOST_LAPS;
}

int64_t stopwatch_lap (stopwatch_t *self, bool must_be_exact)
{
    int64_t tick = dp_clock_tick ();
    if (!must_be_exact && self->n_skipped < self->n_most && tick == self->tick) {
        self->n_skipped++;
        return self->at_us;
    }
    int64_t now_us = dp_clock_us ();
    self->n_most = most_laps (now_us - self->at_us, self->n_skipped + 1);
    self->at_us = now_us;
    self->tick = tick;
    self->n_skipped = 0;
    return now_us;
}
