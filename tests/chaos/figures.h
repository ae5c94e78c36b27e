/* SPDX-License-Identifier: MPL-2.0 */
/*
 * figures.h - measures how soon faults are noticed and healed. Nothing is asserted but generous multiples of
 * what is aimed at: the figures are for people.
 */
#ifndef FIGURES_H_INCLUDED
#define FIGURES_H_INCLUDED

#include "tests/chaos/options.h"
#include "tests/chaos/stage.h"

/* Measure on stages that are not made yet, and print. True if all is within the bounds. */
bool figures_run (stage_t *stage, const options_t *options, const char *folder);

#endif
