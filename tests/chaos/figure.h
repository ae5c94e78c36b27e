/* SPDX-License-Identifier: MPL-2.0 */
/* figure.h - what the measurements share: a cluster, a pool on it in this process, and what runs. */
#ifndef FIGURE_H_INCLUDED
#define FIGURE_H_INCLUDED

#include <dpool/dpool.h>

#include "tests/chaos/options.h"
#include "tests/chaos/sample.h"
#include "tests/chaos/stage.h"
#include "tests/chaos/watch.h"

/* Runs for so many milliseconds, and gives its number: "uu". */
#define FIGURE_HOLD "chaos.hold"

enum { FIGURE_MANY = 100000 /* tasks under way when the broker is killed */ };

typedef struct figures_s {
    stage_t *stage;
    const options_t *options;
    dpool_t *pool;
    watch_t watch;
    sample_t sample;
    unsigned n_complaints;
} figures_t;

void figure_nap (long ms);

/* Kill and restart the broker several times while very many tasks are unfinished. The sample is of the time
   from each restart to the first outcome after it. True if all values are right, and hardly a task was
   started again. */
bool figure_broker (figures_t *self);

/* Work while the CPUs have eight times as much to do as they can. True if nobody was thought lost. */
bool figure_overload (figures_t *self);

#endif
